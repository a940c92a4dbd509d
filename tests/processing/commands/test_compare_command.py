"""``leadline compare`` and ``leadline product``, end to end on small synthetic tables and on real granules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from made_products import ATL07, ATL10, GRANULE, make_project, segments, write_atl07, write_atl10
from matplotlib.image import imread

from processing import cli
from processing.commands.compare import COMMANDS
from processing.local.against_products import agreement, compare_granule
from processing.project import Project
from processing.stages import Compare

FIGURES = {
    "figure_06_classes",
    "figure_07_sea_surfaces",
    "figure_08_sea_surface_difference",
    "figure_08_sea_surface_difference_atl07",
    "figure_09_freeboard",
    "figure_10_freeboard_distributions",
    "figure_11_density",
}
Command = Callable[..., int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    for each in COMMANDS:
        monkeypatch.setitem(cli.cli.commands, each.name, each)
    return lambda *words: cli.run([str(word) for word in words])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("compared")
    made = make_project(folder / "project")
    for name, write in ((ATL07, write_atl07), (ATL10, write_atl10)):
        path = write(folder / name, {"gt1l": segments(), "gt1r": segments("gt1r")})
        made.add_input("references", path.stem, name[:5].lower(), path, {"synthetic": True})
    return made


def test_everything_is_written_and_says_what_it_is(
    project: Project, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert command("compare", project.root, "--out", out, "--draws", "200", "--dots", "60") == 0
    printed = capsys.readouterr().out
    assert "against ATL10 release 006, synthetic" in printed
    assert {path.stem for path in out.glob("*.png")} == {path.stem for path in out.glob("*.svg")} == FIGURES
    assert imread(out / "figure_09_freeboard.png").shape[1] == 432, "7.2 inches"
    report = json.loads((out / "comparison.json").read_text())
    assert report["synthetic"] is True
    assert report["parameters"]["draws"] == 200
    assert report["freeboard"]["gt1l"]["stage"] == "freeboard"
    assert [each["kind"] for each in report["products"]] == ["atl07", "atl10"]
    whole = compare_granule(project, GRANULE, project.inputs("references")[1], Compare(draws=200))
    expected = agreement(whole.tracks, "freeboard", Compare(draws=200))
    found = report["products"][1]["all"]["agreement"]["freeboard"]
    assert found["count"] == expected.count
    assert found["bias"] == [expected.bias.value, expected.bias.low, expected.bias.high]
    assert report["products"][1]["all"]["modal_freeboard"]["fine"][0] is not None
    assert "freeboard" not in report["products"][0]["all"]["agreement"], "ATL07 has none"


def test_the_table_has_ours_beside_theirs(project: Project, tmp_path: Path, command: Command) -> None:
    assert command("compare", project.root, "--beam", "gt1r", "--out", tmp_path, "--no-figures") == 0
    table = pq.read_table(tmp_path / "segments.parquet")
    assert table.num_rows == pyarrow.csv.read_csv(tmp_path / "segments.csv").num_rows
    assert set(table["beam"].to_pylist()) == {"gt1r"}
    assert table.schema.field("our_freeboard").metadata[b"unit"] == b"m"
    difference = (table["our_freeboard"].to_numpy() - table["product_freeboard"].to_numpy())[
        table["our_covered"].to_numpy() > 0.8
    ]
    assert abs(np.nanmean(difference)) < 0.005


def test_named_products_and_what_is_wrong_with_them(
    project: Project, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_atl10(tmp_path / "theirs.h5", {"gt1l": segments(clock=1.0)})
    assert command("compare", project.root, "--product", file, "--out", tmp_path / "one", "--no-figures") == 0
    assert "clock is 1.000 s ahead of ours" in capsys.readouterr().out.replace("\n", " ")
    other = write_atl10(tmp_path / ATL10.replace("0594", "0595"), {"gt1l": segments()})
    assert command("compare", project.root, "--product", other, "--out", tmp_path / "two") == 2
    assert "none of the products is of the pass of ATL03_20191104195311" in capsys.readouterr().err
    assert not (tmp_path / "two").exists(), "nothing half written"
    assert command("compare", project.root, "--granule", "gone", "--out", tmp_path / "three") == 2
    assert "no freeboard of granule 'gone'" in capsys.readouterr().err


def test_products_on_their_own(
    shared_data: Path,
    tmp_path: Path,
    command: Command,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    files = sorted(shared_data.glob("atl[01][07]/*.h5"))
    assert command("product", *files, "--out", tmp_path, "--dots", "60") == 0
    printed = capsys.readouterr().out
    for words in ("ATL07 release 003", "ATL10 release 006", "0.198", "0.213", "0.406", "0/625/79/170"):
        assert words in printed
    assert len(list(tmp_path.glob("*.png"))) == len(list(tmp_path.glob("*.svg"))) == 2
    text = tmp_path / "notes.txt"
    text.write_text("no granule")
    assert command("product", text) == 2

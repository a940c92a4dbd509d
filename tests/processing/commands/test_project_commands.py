"""``leadline new``, ``add``, ``status`` and ``run``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from made_granules import Recipe, make_granule

from processing import cli
from processing.errors import InputError
from processing.history import history
from processing.io import tables
from processing.io.sentinel2 import open_scene
from processing.local.failures import raise_first
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import TRUTH
from processing.stages import STAGES, Freeboard

Leadline = Callable[..., int]


def truth_table(path: Path) -> Path:
    numbers = {"segment": np.arange(3), "label": np.zeros(3, np.int8), "cloud": np.zeros(3, np.uint8)}
    floats = {name: np.zeros(3, np.float32) for name in ("height", "sea_surface", "freeboard", "drift_x", "drift_y")}
    table = TRUTH.build({"granule_id": "A", "beam": "gt1r", **numbers, **floats})
    tables.write(path, TRUTH, table, Stamp("twin"))
    return path


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A folder as people have them: granules in a folder, papers beside them, a truth."""
    folder = tmp_path / "downloads"
    make_granule(folder / "a" / "ATL03_20191104195311_05940510_006_01.h5")
    make_granule(folder / "b" / "processed_ATL03_20191105195311_05940510_006_01.h5", Recipe(beams=("gt2l",)))
    (folder / "README").write_text("about")
    (folder / "a" / "pair.json").write_text("{}")
    (folder / ".hidden").write_text("x")
    truth_table(folder / "truth" / "granule=A" / "beam=gt1r" / "part-0.parquet")
    return folder


@pytest.mark.parametrize("copy", [False, True])
def test_folder_is_searched(
    downloads: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str], copy: bool
) -> None:
    leadline("new", tmp_path / "P")
    capsys.readouterr()
    assert leadline("add", tmp_path / "P", downloads, *(["--copy"] if copy else [])) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("ATL03_20191104195311_05940510_006_01: ATL03 r006, gt1r (strong)")
    project = Project(tmp_path / "P")
    assert [item.path.is_symlink() for item in project.inputs("granules")] == [not copy] * 2
    assert project.tracks("inputs/truth") == [("A", "gt1r")]
    assert leadline("add", tmp_path / "P", downloads) == 0
    assert len(project.inputs("granules")) == 2


def test_strange_file_is_refused_by_name(
    downloads: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = downloads / "song.ogg"
    strange.write_bytes(b"OggS\x00\x02")
    leadline("new", tmp_path / "P")
    capsys.readouterr()
    assert leadline("add", tmp_path / "P", strange) == 2
    assert "song.ogg: not recognised: it looks like a binary file" in capsys.readouterr().err
    assert leadline("add", tmp_path / "P", downloads) == 0
    assert "refused" in (told := capsys.readouterr()).err
    assert "song.ogg" in told.err
    assert len(told.out.splitlines()) == 3


def test_data_of_no_use_in_a_folder_are_refused_and_the_others_added(
    downloads: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame({"lat_ph": [1.0], "lon_ph": [1.0], "weight_ph": [1]}).to_csv(downloads / "z_gt1l.csv")
    leadline("new", tmp_path / "P")
    capsys.readouterr()
    assert leadline("add", tmp_path / "P", downloads / "z_gt1l.csv") == 2
    (alone,) = capsys.readouterr().err.strip().splitlines()
    assert leadline("add", tmp_path / "P", downloads) == 2
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert told == alone.replace("leadline:", "refused")
    assert len(Project(tmp_path / "P").inputs("granules")) == 2


@pytest.mark.parametrize("spoil", ["same name", "other content", "disk"])
def test_nothing_is_half_added(
    spoil: str,
    downloads: Path,
    tmp_path: Path,
    leadline: Leadline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leadline("new", tmp_path / "P")
    last = downloads / "b" / "processed_ATL03_20191105195311_05940510_006_01.h5"
    if spoil == "same name":
        make_granule(downloads / "c" / last.name)
    elif spoil == "other content":
        leadline("add", tmp_path / "P", last, "--copy")
        make_granule(last, Recipe(beams=("gt2l",), seed=9))
    before = sorted((tmp_path / "P").rglob("*"))
    if spoil == "disk":
        monkeypatch.setattr("processing.local.inputs.fingerprint_file", lambda _: 1 / 0)
        monkeypatch.setattr("processing.local.inputs._take_truth", _no_space)
    capsys.readouterr()
    assert leadline("add", tmp_path / "P", downloads) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert sorted((tmp_path / "P").rglob("*")) == before


def _no_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_status_tells_what_is_stale_and_why(
    downloads: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "P"
    leadline("new", root)

    def status() -> str:
        capsys.readouterr()
        assert leadline("status", root) == 0
        return capsys.readouterr().out

    assert "no granule yet" in status()
    leadline("add", root, downloads)
    assert f"next: leadline resample {root}" in status()
    leadline("resample", root)
    assert "nothing is stale" in status()
    project = Project(root)
    project.remember(project.stage(STAGES["resample"], {"height_limit": 5.0}))
    text = status()
    assert "stale" in text
    assert "height_limit" in text
    assert f"next: leadline resample {root}" in text
    leadline("resample", root)
    assert "nothing is stale" in status()
    next((root / "segments").rglob("beam=gt2l/*.parquet")).unlink()
    assert "1 track not made" in " ".join(status().split())


def test_status_shows_paths_as_they_are(tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "[red]" / "[bold]"
    root.parent.mkdir()
    leadline("new", root)
    capsys.readouterr()
    assert leadline("status", root) == 0
    assert f"next: leadline add {root} FILE" in capsys.readouterr().out


def test_what_a_stage_took_is_kept_and_a_pinned_run_stays(tmp_path: Path, leadline: Leadline) -> None:
    root = tmp_path / "P"
    leadline("new", root)
    with (root / "project.toml").open("a") as file:
        file.write('[stage.freeboard]\nrun_name = "lstm-v0001"\n')
    with cli.at_work(root, Freeboard, {"window": 5000.0, "run_name": "mlp-v0002"}) as (_, stage):
        assert stage.run_name == "mlp-v0002"
    kept = Project(root).stage(Freeboard)
    assert (kept.run_name, kept.window) == ("lstm-v0001", 5000.0)
    assert [(run.stage, run.outcome) for run in history(root)] == [("freeboard", "done")]


def stop_after_one_table(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "part-0.parquet").touch()
    raise KeyboardInterrupt


def test_options_are_kept_where_something_was_written_with_them(tmp_path: Path, leadline: Leadline) -> None:
    root = tmp_path / "P"
    leadline("new", root)
    with pytest.raises(KeyboardInterrupt), cli.at_work(root, Freeboard, {"window": 5000.0}):
        raise KeyboardInterrupt
    assert Project(root).stage(Freeboard).window == Freeboard.param["window"].default
    with pytest.raises(KeyboardInterrupt), cli.at_work(root, Freeboard, {"window": 5000.0}):
        stop_after_one_table(root / "freeboard" / "run")
    assert Project(root).stage(Freeboard).window == 5000.0


def test_run_goes_on_without_the_granule_that_cannot_be_used(
    tmp_path: Path, leadline: Leadline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, called = tmp_path / "P", []
    leadline("new", root)

    def command(key: str) -> click.Command:
        @click.command(key)
        @click.argument("project")
        def stage(project: str) -> None:
            called.append(key)
            if key == "resample" and called == ["resample"]:
                raise_first([InputError("over land only", where="G")])
            if key == "resample":
                segments = Project(Path(project)).table_path("segments", "H", "gt1l")
                segments.parent.mkdir(parents=True)
                segments.touch()
                raise_first([InputError("over land only", where="G")])

        return stage

    for key in STAGES:
        monkeypatch.setitem(cli.cli.commands, key, command(key))
    assert leadline("run", root) == 2
    assert called == ["resample"]
    assert leadline("run", root) == 2
    assert called[1:] == list(STAGES)
    assert "G: over land only; going on with the other granules" in capsys.readouterr().err


def test_run_calls_every_stage_in_order(tmp_path: Path, leadline: Leadline, monkeypatch: pytest.MonkeyPatch) -> None:
    leadline("new", tmp_path / "P")
    called: list[str] = []

    def command(key: str) -> click.Command:
        @click.command(key)
        @click.argument("project")
        def stage(project: str) -> None:
            called.append(f"{key} {project}")
            if key == "train":
                raise KeyboardInterrupt

        return stage

    for key in STAGES:
        monkeypatch.setitem(cli.cli.commands, key, command(key))
    assert leadline("run", tmp_path / "P") == 130
    assert called == [f"{key} {tmp_path / 'P'}" for key in ("resample", "autolabel", "snapshot", "train")]
    assert leadline("run", tmp_path / "Q") == 2


def test_what_the_user_says_of_a_scene_is_kept(tmp_path: Path, leadline: Leadline) -> None:
    stack = tmp_path / "stack.tif"
    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 3, "dtype": "uint16", "crs": "EPSG:32702"}
    with rasterio.open(stack, "w", transform=Affine(10, 0, 500_000, 0, -10, 2_000_000), **profile) as out:
        out.write(np.full((3, 8, 8), 4000, np.uint16))
    leadline("new", tmp_path / "P")
    said = ["--time", "2019-11-04T20:00:00", "--band-map", "b04=1,B03=2,B02=3", "--offset", "-500", "--quantification"]
    assert leadline("add", tmp_path / "P", stack, *said, "7000") == 0
    (scene,) = Project(tmp_path / "P").inputs("scenes")
    assert scene.details["band_map"] == {"B02": 3, "B03": 2, "B04": 1}
    with open_scene(scene) as opened:
        assert opened.time == np.datetime64("2019-11-04T20:00:00")
        np.testing.assert_allclose(opened.read(["B03"]), 0.5)


def test_a_band_map_that_is_none_is_refused(
    tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    leadline("new", tmp_path / "P")
    assert leadline("add", tmp_path / "P", tmp_path, "--band-map", "B02:1") == 2
    assert "is not of the form B02=1" in capsys.readouterr().err

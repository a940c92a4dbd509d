"""``leadline shape``, ``aggregate`` and ``grid`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import rasterio
from made_freeboard import TRACKS, make_project

from processing.cli import load_commands, run
from processing.io import tables
from processing.local.freeboard import freeboard
from processing.project import Project
from processing.schema import SEGMENT
from processing.stages import Freeboard


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with freeboard near 75 degrees south."""
    made = make_project(tmp_path_factory.mktemp("derived") / "project")
    freeboard(made, Freeboard())
    for track in TRACKS:
        path = made.table_path("segments", *track)
        table, stamp = tables.read(path, SEGMENT), tables.read_stamp(path)
        assert stamp is not None
        lat = pa.array(np.linspace(-75.0, -75.3, table.num_rows))
        tables.write(path, SEGMENT, table.set_column(table.column_names.index("lat"), "lat", lat), stamp)
    return made.root


def command(*words: object) -> int:
    return run([str(word) for word in words], load_commands)


def test_shape_writes_tables_summary_and_figures(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "shape"
    assert command("shape", root, "--out", out, "--ridge-height", 0.3) == 0
    names = {path.name for path in out.iterdir()}
    assert {"leads.csv", "floes.csv", "ridges.csv", "roughness.csv", "summary.csv"} <= names
    assert {"lead_widths.png", "lead_widths.svg", "floe_chords.png", "roughness.svg", "thickness.png"} <= names
    summary = pyarrow.csv.read_csv(out / "summary.csv")
    assert summary.column_names == ["of", "figure", "value", "sigma", "unit", "count"]
    assert Project(root).settings["stage"]["shape"] == {"ridge_height": 0.3}


def test_aggregate_writes_means_of_the_length_asked_for(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "along.parquet"
    assert command("aggregate", root, "--length", 500, "--out", out) == 0
    table = pq.read_table(out)
    assert table.num_rows > 40
    assert set(np.asarray(table["x_atc"]) % 500.0) == {250.0}
    assert table.schema.field("freeboard").metadata[b"unit"] == b"m"


def test_grid_writes_named_bands_and_a_map(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "grid.tif"
    words = ("grid", root, "--epsg", 3031, "--cell", 5000, "--out", out)
    assert command(*words, "--figure", "--layer", "thickness") == 0
    with rasterio.open(out) as source:
        assert source.crs.to_epsg() == 3031
        bands = dict(zip(source.descriptions, source.read(), strict=True))
        assert source.units[0] == "m"
        assert json.loads(source.tags()["provenance"])["derived"]["aggregate"]["cell"] == 5000.0
    assert np.nanmax(bands["tracks"]) >= 1
    assert 0.0 < np.nanmean(bands["freeboard"]) < 1.0
    assert (tmp_path / "grid.png").stat().st_size > 10_000
    assert (tmp_path / "grid.svg").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("grid", "--epsg", 3413, "--out", "map.tif"), "no freeboard in the northern hemisphere"),
        (("grid", "--epsg", 3031, "--out", "map.jpg"), "name it .tif or .nc"),
        (("grid", "--epsg", 3031, "--out", "map.tif", "--layer", "depth"), "there is no layer 'depth'"),
        (("aggregate", "--out", "along.xls"), "name it .parquet, .csv or .nc"),
        (("aggregate", "--out", "along.csv", "--snow-depth", "none.nc"), "snow-depth grid is not there"),
        (("aggregate", "--out", "along.csv", "--snow-depth", "25"), "give it in m"),
        (("shape", "--out", "shape", "--granule", "other"), "no freeboard of granule 'other'"),
    ],
)
def test_bad_input_ends_with_one_line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = (root / "project.toml").read_text()
    assert command(words[0], root.resolve(), *words[1:]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (root / "project.toml").read_text() == before

"""Exports of a project: any table, a part of it, provenance; what cannot be is refused in one line."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from click.testing import CliRunner

from processing.errors import InputError, MissingError
from processing.io.exported import PROVENANCE
from processing.local.export import FORMATS, Choice, export
from processing.local.export_sources import KEPT, names, source
from processing.local.freeboard import freeboard
from processing.local.lineage import lineage
from processing.local.measured import measured_track
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.stages import Freeboard, Snapshot


@pytest.fixture(scope="module")
def project(made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = made.make_project(tmp_path_factory.mktemp("exports") / "project", kilometres=6)
    freeboard(found, Freeboard(window=2000.0, stride=1000.0))
    return found


def test_freeboard_goes_out_with_class_and_height(made: SimpleNamespace, project: Project, tmp_path: Path) -> None:
    export(project, "freeboard", "", "parquet", tmp_path / "out.parquet", Choice(beams=("gt2l",)))
    found = pq.read_table(tmp_path / "out.parquet")
    track = measured_track(project, made.granule, "gt2l")
    for name in ("x_atc", "label", "height", "height_sigma", "freeboard", "freeboard_sigma", "flags"):
        np.testing.assert_array_equal(found[name].to_numpy(), getattr(track, name))
    assert set(found["beam"].to_pylist()) == {"gt2l"}


@pytest.mark.parametrize("what", ["autolabels", "freeboard", "leads", "along"])
def test_tables_go_out_in_every_format(what: str, project: Project, tmp_path: Path) -> None:
    rows = {form: export(project, what, "", form, tmp_path / f"{what}.{form}") for form in FORMATS}
    assert len(set(rows.values())) == 1
    whole = pq.read_table(tmp_path / f"{what}.parquet")
    with xr.open_dataset(tmp_path / f"{what}.netcdf", engine="h5netcdf") as found:
        assert int(found.row_size.sum()) == found.sizes["obs"] == whole.num_rows
        np.testing.assert_array_equal(found.x_atc.values, whole["x_atc"].to_numpy())


def test_every_table_has_a_name_and_says_what_its_columns_are() -> None:
    assert {"segments", "snapshots", "truth", "thickness", "floes", "ridges", "roughness"} < set(names())
    for each in map(source, names()):
        assert {"granule_id", "beam", "x_atc", "time", "lat", "lon"} < set(each.fields.names)
        assert all(field.metadata[b"meaning"] for field in each.fields)


def test_a_stretch_and_columns_can_be_chosen(made: SimpleNamespace, project: Project, tmp_path: Path) -> None:
    x = measured_track(project, made.granule, "gt1l").x_atc
    choice = Choice(beams=("gt1l",), start=float(x[10]), stop=float(x[20]), columns=("freeboard",))
    assert export(project, "freeboard", "", "parquet", tmp_path / "out.parquet", choice) == 11
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == [*KEPT, "freeboard"]
    assert found["x_atc"].to_pylist() == x[10:21].tolist(), "both ends belong to it"


def test_provenance_leads_from_granule_to_freeboard(made: SimpleNamespace, project: Project, tmp_path: Path) -> None:
    export(project, "thickness", "", "parquet", tmp_path / "out.parquet")
    told = json.loads(pq.read_schema(tmp_path / "out.parquet").metadata[PROVENANCE.encode()])
    assert [link["table"] for link in told["links"]] == ["segments", "predictions", "freeboard"]
    assert told["links"][-1]["parameters"]["window"] == 2000.0
    assert told["links"][0]["tables"] == 2
    assert set(told["derived"]) == {"thickness", "shape", "aggregate"}
    chain = lineage(project, "freeboard", made.run, [made.tracks[0]])
    assert chain.links[-1].differing == {"window": 2000.0, "stride": 1000.0}
    assert chain.links[-1].inputs["predictions"]


def test_freeboard_of_labels_comes_from_scene_and_snapshot(made: SimpleNamespace, tmp_path: Path) -> None:
    project = made.make_project(tmp_path / "project", kilometres=2)
    frozen = snapshot(project, Snapshot())
    run = freeboard(project, Freeboard(source="labels"))
    chain = lineage(project, "freeboard", run, list(made.tracks))
    assert [link.table for link in chain.links] == ["segments", "autolabels", "snapshots", "freeboard"]
    assert (chain.snapshot["name"], chain.model) == (frozen, {})
    assert chain.links[-1].differing == {"source": "labels"}


def test_what_is_not_there_is_named(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for choice, kind, words in (
        (Choice(columns=("wet",)), InputError, "no column 'wet'; it has label"),
        (Choice(beams=("gt9x",)), MissingError, "'gt9x'; there is: gt1l, gt2l"),
        (Choice(granules=("nowhere",)), MissingError, "'nowhere'"),
    ):
        with pytest.raises(kind, match=words):
            export(project, "freeboard", "", "csv", out, choice)
    with pytest.raises(InputError, match="no table 'salt' to export; --what is one of segments"):
        export(project, "salt", "", "csv", out)
    with pytest.raises(MissingError, match="no freeboard other"):
        export(project, "freeboard", "other", "csv", out)
    with pytest.raises(InputError, match="a folder of that name"):
        export(project, "freeboard", "", "netcdf", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_and_draws(project: Project, tmp_path: Path) -> None:
    commands = {each.name: each for each in importlib.import_module("processing.commands.export").COMMANDS}
    words = [str(project.root), "--format", "netcdf", "--beam", "gt1l", "--columns", "freeboard, flags"]
    done = CliRunner().invoke(commands["export"], [*words, "--out", str(tmp_path / "a.nc")], catch_exceptions=False)
    assert done.exit_code == 0
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as found:
        assert {"freeboard", "flags"} < set(found)
        assert "height" not in found
    words = [str(project.root), "--beam", "gt1l", "--to", "2001000", "--out", str(tmp_path / "figures")]
    assert CliRunner().invoke(commands["figures"], words, catch_exceptions=False).exit_code == 0
    drawn = {file.name for file in (tmp_path / "figures").iterdir()}
    assert drawn == {f"{n}.{k}" for n in ("profile_gt1l", "distribution", "map", "beams") for k in ("png", "svg")}

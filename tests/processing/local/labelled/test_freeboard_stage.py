"""The freeboard stage on a project: both sources of classes, resuming, what is refused, export."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from processing.core.freeboard import freeboard_of_track
from processing.core.sea_surface import ESTIMATORS, Rules
from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import ASIDE
from processing.local.export import export
from processing.local.freeboard import freeboard
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT, TRUTH
from processing.stages import Freeboard, Snapshot


@pytest.fixture(scope="module")
def project(made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return made.make_project(tmp_path_factory.mktemp("freeboard") / "project", kilometres=30)


def test_the_table_holds_what_the_core_computes(made: SimpleNamespace, project: Project) -> None:
    assert freeboard(project, Freeboard(estimator="weighted")) == made.run
    for track in made.tracks:
        found = tables.read(project.table_path("freeboard", *track, made.run), FREEBOARD)
        segments = tables.read(project.table_path("segments", *track), SEGMENT)
        water = (
            tables.read(project.table_path("predictions", *track, made.run), PREDICTION)["predicted"].to_numpy() == 2
        )
        names = ("x_atc", "height_median", "height_std", "photon_count")
        known, returns = ([segments[name].to_numpy() for name in some] for some in (names, ("photon_rate", "quality")))
        expected = freeboard_of_track(*known, water, Rules(), "weighted", *returns)
        assert found["segment"].equals(segments["segment"])
        for row, name in enumerate(ESTIMATORS):
            np.testing.assert_array_equal(found[f"sea_surface_{name}"].to_numpy(), expected.sea.surface[row])
        np.testing.assert_array_equal(found["freeboard"].to_numpy(), expected.freeboard)
        np.testing.assert_array_equal(found["freeboard_sigma"].to_numpy(), expected.freeboard_sigma)
        np.testing.assert_array_equal(found["lead_id"].to_numpy(), expected.lead_id)
        np.testing.assert_array_equal(found["flags"].to_numpy(), expected.flags)
        assert found["sea_surface_robust"].to_numpy() == pytest.approx(0.1, abs=0.01)


def test_mean_heights_may_be_chosen(project: Project, made: SimpleNamespace) -> None:
    freeboard(project, Freeboard(height="mean"))
    path = project.table_path("freeboard", *made.tracks[0], made.run)
    assert tables.read(path, FREEBOARD)["sea_surface_robust"].to_numpy() == pytest.approx(0.09, abs=0.01)


def test_a_second_run_writes_nothing_and_another_parameter_writes_anew(made: SimpleNamespace, project: Project) -> None:
    freeboard(project, Freeboard())
    path = project.table_path("freeboard", *made.tracks[0], made.run)
    os.utime(path, ns=(0, 0))
    freeboard(project, Freeboard())
    assert path.stat().st_mtime_ns == 0
    freeboard(project, Freeboard(window=8000.0))
    assert path.stat().st_mtime_ns > 0


def test_freeboard_from_labels_is_named_after_the_snapshot(made: SimpleNamespace, project: Project) -> None:
    name = snapshot(project, Snapshot())
    assert freeboard(project, Freeboard(source="labels"), [made.granule]) == f"labels-{name}"
    assert project.tracks("freeboard", f"labels-{name}") == list(made.tracks)


def test_a_run_that_is_made_again_is_the_newest(made: SimpleNamespace, project: Project) -> None:
    snapshot(project, Snapshot())
    runs = [freeboard(project, Freeboard(source=source)) for source in ("labels", "predictions")]
    folder = project.root / "freeboard"
    for number, run in enumerate(runs):
        os.utime(folder / run, (number, number))
    (folder / f"{ASIDE}killed").touch()
    assert freeboard(project, Freeboard(source="labels", window=9000.0)) == runs[0]
    assert project.runs("freeboard") == runs[::-1]
    assert not (folder / f"{ASIDE}killed").exists()


def test_a_higher_water_probability_leaves_no_lead(made: SimpleNamespace, project: Project) -> None:
    run = freeboard(project, Freeboard(water_probability=0.9))
    found = tables.read(
        project.table_path("freeboard", *made.tracks[0], run), FREEBOARD, ["freeboard", "sea_surface_source"]
    )
    assert np.isnan(found["freeboard"].to_numpy()).all()
    assert not found["sea_surface_source"].to_numpy().any()


def test_missing_and_stale_classes_name_the_command(made: SimpleNamespace, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    with pytest.raises(MissingError, match="leadline classify"):
        freeboard(project, Freeboard())
    with pytest.raises(MissingError, match="leadline snapshot"):
        freeboard(project, Freeboard(source="labels"))
    for track in made.tracks:
        made.write_segments(project, track, 2, seed=1)
        made.write_predictions(project, track)
    with pytest.raises(MissingError, match="ATL03_other"):
        freeboard(project, Freeboard(), ["ATL03_other"])
    with pytest.raises(InputError, match="stride") as told:
        freeboard(project, Freeboard(window=1000.0, stride=2000.0))
    assert not told.value.others_done, "no granule can be used, so that nothing can go on"
    made.write_segments(project, made.tracks[1], 2, seed=2)
    with pytest.raises(StaleError, match="leadline classify"):
        freeboard(project, Freeboard())
    assert project.tracks("freeboard", made.run) == [made.tracks[0]], "what was finished before stays"


def test_export_gives_every_row_its_place_and_time(made: SimpleNamespace, project: Project, tmp_path: Path) -> None:
    run = freeboard(project, Freeboard())
    rows = export(project, "freeboard", "", "parquet", tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert (
        rows
        == table.num_rows
        == sum(tables.count_rows(project.table_path("segments", *track)) for track in made.tracks)
    )
    segments = tables.read(project.table_path("segments", *made.tracks[0]), SEGMENT)
    assert table["lat"].to_numpy()[: len(segments)].tolist() == segments["lat"].to_pylist()
    assert table.schema.field("freeboard").metadata[b"unit"] == b"m"
    assert export(project, "freeboard", run, "csv", tmp_path / "out.csv") == rows
    read = pc.read_csv(tmp_path / "out.csv")
    np.testing.assert_allclose(read["freeboard"].to_numpy(), table["freeboard"].to_numpy(), rtol=1e-6)
    assert set(read["beam"].to_pylist()) == {"gt1l", "gt2l"}
    with pytest.raises(MissingError, match="only inputs from leadline twin"):
        export(project, "truth", "", "csv", tmp_path / "truth.csv")
    assert not (tmp_path / "truth.csv").exists()


def test_the_truth_is_exported_where_segments_are(made: SimpleNamespace, tmp_path: Path) -> None:
    project = made.make_project(tmp_path / "project", kilometres=2)
    granule, beam = made.tracks[0]
    there = made.key_of(project, made.tracks[0])
    every = np.arange(there[0] - 3, there[-1] + 4)
    assert len(every) > len(there) + 6, "some windows within the track are empty too"
    columns: dict[str, object] = {name: np.zeros(len(every), np.float32) for name in TRUTH.names}
    columns |= {"granule_id": granule, "beam": beam, "segment": every, "height": every.astype(np.float32)}
    columns |= {"label": np.zeros(len(every), np.int8), "cloud": np.zeros(len(every), np.uint8)}
    tables.write(project.table_path("inputs/truth", granule, beam), TRUTH, TRUTH.build(columns), Stamp("twin"))
    assert export(project, "truth", "", "parquet", tmp_path / "truth.parquet") == len(there)
    found = pq.read_table(tmp_path / "truth.parquet")
    assert found["segment"].to_pylist() == there.tolist()
    assert found["x_atc"].to_pylist() == (2.0 * there + 1.0).tolist()
    assert found["height"].to_pylist() == there.astype(np.float32).tolist()


def test_export_to_where_no_file_can_be_is_refused(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "deeper" / "x.csv"):
        with pytest.raises(InputError, match=re.escape(str(out))):
            export(project, "segments", "", "csv", out)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

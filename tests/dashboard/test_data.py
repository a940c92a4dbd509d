from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import small_project
from small_project import GRANULE, SCENE

from dashboard import catalog
from dashboard.data import Workspace
from processing.errors import MissingError, StaleError
from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION, SEGMENT, TRUTH, Table
from processing.stages import Resample


@pytest.fixture
def own(tmp_path: Path) -> Workspace:
    """A project of the test's own, to write in."""
    small_project.make(tmp_path / "own")
    return Workspace(tmp_path / "own")


def _rewrite(workspace: Workspace, kind: str, schema: Table, run: str, change: Callable[[pa.Table], pa.Table]) -> None:
    path = workspace.project.table_path(kind, GRANULE, "gt1l", run)
    stamp = tables.read_stamp(path)
    assert stamp is not None
    tables.write(path, schema, change(tables.read(path, schema)), stamp)


def test_classes_and_sea_level_lie_row_for_row_with_the_track(workspace: Workspace) -> None:
    track = workspace.track(GRANULE, "gt1l")
    sources = {source.key: source for source in workspace.sources(GRANULE, "gt1l")}
    assert list(sources) == ["prediction:lstm-v0001", "snapshot:v0001", "auto", "truth"]
    truth = workspace.classes(GRANULE, "gt1l", sources["truth"])
    level = workspace.sea_level(GRANULE, "gt1l", "lstm-v0001")
    assert len(truth) == len(level.freeboard) == len(track) == 1940
    assert np.array_equal(level.lead_id >= 0, truth == 2)
    np.testing.assert_allclose(level.freeboard + level.chosen, track.height_mean, atol=1e-6)


def test_truth_may_know_windows_without_photons_but_predictions_may_not(own: Workspace) -> None:
    track = own.track(GRANULE, "gt1l")
    sources = {source.key: source for source in own.sources(GRANULE, "gt1l")}

    def moved(table: pa.Table) -> pa.Table:
        return table.set_column(2, "segment", pa.array(table["segment"].to_numpy() + 1))

    before = own.classes(GRANULE, "gt1l", sources["truth"])
    _rewrite(own, "inputs/truth", TRUTH, "", moved)
    after = own.classes(GRANULE, "gt1l", sources["truth"])
    inner = np.flatnonzero(np.diff(track.segment) == 1) + 1
    assert np.array_equal(after[inner], before[inner - 1])
    assert after[0] == -1
    _rewrite(own, "predictions", PREDICTION, "lstm-v0001", moved)
    with pytest.raises(StaleError, match="not of the track's present segments"):
        own.classes(GRANULE, "gt1l", sources["prediction:lstm-v0001"])


def test_after_a_resampling_facts_lie_with_the_new_segments_and_old_predictions_are_passed_over(own: Workspace) -> None:
    before = own.label_facts(GRANULE, "gt1l")["auto_flags"]
    assert own.prediction(GRANULE, "gt1l") == "lstm-v0001"
    path = own.project.table_path("segments", GRANULE, "gt1l")
    table, first = tables.read(path, SEGMENT), tables.read(path, SEGMENT).slice(0, 1)
    for name, by in (("segment", 1), ("x_atc", 2.0)):
        place = table.schema.get_field_index(name)
        first = first.set_column(place, table.schema.field(place), pa.array(first[name].to_numpy() - by))
    tables.write(path, SEGMENT, pa.concat_tables([first, table]), Stamp("resample", {}, {"granule": "another"}))
    after = own.label_facts(GRANULE, "gt1l")["auto_flags"]
    assert np.array_equal(after[1:], before)
    assert own.prediction(GRANULE, "gt1l") == ""


def test_a_missing_track_names_the_command_that_makes_it(workspace: Workspace) -> None:
    with pytest.raises(MissingError, match="leadline resample"):
        workspace.track(GRANULE, "gt3r")


def test_photon_cells_give_what_the_source_gives(workspace: Workspace) -> None:
    start, end = small_project.START + 1900.0, small_project.START + 2100.0
    cells = workspace.photons(GRANULE, "gt1l", start, end)
    x = np.concatenate([cell.x_atc for cell in cells])
    whole = workspace.photon_source(GRANULE).window("gt1l", start, end, Resample())
    assert np.array_equal(np.sort(x[(x >= start) & (x <= end)]), np.sort(whole.x_atc))


def test_the_catalog_tells_stages_scenes_and_minutes(workspace: Workspace) -> None:
    found = catalog.build(workspace)
    assert (found.crs, found.synthetic, found.troubles) == (catalog.ANTARCTIC, True, ())
    granule = found.granules[0]
    assert [granule.stages[key].word for key in catalog.TRACK_STAGES] == ["done"] * 5
    assert [beam.name for beam in granule.beams] == list(small_project.BEAMS)
    (pair,) = found.scenes_of(GRANULE)
    assert pair.scene == SCENE
    assert abs(pair.minutes - 11.98) < 0.05


def test_changed_parameters_make_a_stage_stale_and_the_signature_moves(own: Workspace) -> None:
    before = catalog.signature(own.project)
    project = Project(own.root)
    project.remember(project.stage(Resample, {"confidence": 2}))
    assert catalog.signature(own.refresh()) != before
    stages = catalog.build(own).granules[0].stages
    assert stages["resample"].word == "stale"
    assert stages["autolabel"].word == "done"


def test_an_unreadable_granule_is_told_and_the_rest_is_shown(own: Workspace) -> None:
    (own.root / "inputs" / "granules" / f"{GRANULE}.parquet").unlink()
    found = catalog.build(own)
    assert GRANULE in found.troubles[0]
    assert len(found.scenes) == 1
    assert found.granules[0].rows == 3 * 1940


def test_a_damaged_table_takes_only_its_own_beam_from_the_catalog(own: Workspace) -> None:
    own.project.table_path("segments", GRANULE, "gt1l").write_bytes(b"no table at all")
    found = catalog.build(own)
    beams = {beam.name: beam for beam in found.granules[0].beams}
    assert [beam.rows for beam in beams.values()] == [0, 1940, 1940]
    assert beams["gt1l"].line.empty
    assert len(found.scenes_of(GRANULE)) == 1
    assert not np.isnat(found.granules[0].time)
    assert f"{GRANULE} gt1l" in found.troubles[0]


def test_without_a_hemisphere_the_first_readable_track_tells_the_projection(own: Workspace) -> None:
    own.project.table_path("segments", GRANULE, "gt1l").write_bytes(b"no table at all")
    del own.project.settings["hemisphere"]
    assert catalog.build(own).crs == catalog.ANTARCTIC


@pytest.mark.parametrize("what", ["models/lstm-v0002/model.json", "inputs/references/ATL10.json", "inputs/truth/new"])
def test_the_signature_sees_models_references_and_truth(own: Workspace, what: str) -> None:
    before = catalog.signature(own.project)
    (own.root / what).parent.mkdir(parents=True, exist_ok=True)
    (own.root / what).write_text("{}", encoding="utf-8")
    assert catalog.signature(own.project) != before


def test_the_signature_bears_files_that_come_and_go(own: Workspace) -> None:
    folder = own.root / "segments"
    (folder / "gone").symlink_to(folder / "nowhere")
    before = catalog.signature(own.project)
    made = folder.stat().st_mtime_ns
    (folder / ".aside-1-part").write_text("half", encoding="utf-8")
    os.utime(folder, ns=(made, made))
    assert catalog.signature(own.project) == before


def test_a_scene_added_anew_is_read_anew_and_only_so_many_stay_open(own: Workspace) -> None:
    first, version = own.scene(SCENE), own.version("scenes", SCENE)
    painted = own.painter.picture(SCENE, "true", "auto", 1, 0, 0)
    assert own.scene(SCENE) is first
    record = own.record("scenes", SCENE)
    value = json.loads(record.read_text(encoding="utf-8"))
    value["details"]["offset"] = -900
    record.write_text(json.dumps(value), encoding="utf-8")
    os.utime(record, ns=(version + 1, version + 1))
    assert own.scene(SCENE) is not first
    assert own.painter.picture(SCENE, "true", "auto", 1, 0, 0) != painted
    for step in range(2, 40):
        os.utime(record, ns=(version + step, version + step))
        own.scene(SCENE)
    assert len(own._scenes) == 32


def test_a_granule_added_anew_is_opened_anew_and_few_tables_stay_in_memory(own: Workspace) -> None:
    version = own.version("granules", GRANULE)
    first = own.photon_source(GRANULE)
    assert own.photon_source(GRANULE) is first
    for step in range(1, 5):
        os.utime(own.record("granules", GRANULE), ns=(version + step, version + step))
        assert own.photon_source(GRANULE) is not first
    assert len(own._photon_tables) == 2


def test_an_empty_project_has_an_empty_catalog(tmp_path: Path) -> None:
    Project.create(tmp_path / "empty", "north")
    found = catalog.build(Workspace(tmp_path / "empty"))
    assert (found.crs, found.granules, found.scenes) == (catalog.ARCTIC, (), ())

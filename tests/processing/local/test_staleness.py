"""The one rule of staleness, on the smallest project that has every kind of table; and the record of what ran."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from processing.core.features import FEATURES_VERSION
from processing.errors import InputError
from processing.history import history, recorded
from processing.io import tables
from processing.labels import LabelStore, events_fingerprint
from processing.local.staleness import Staleness
from processing.local.status import Standing, standing
from processing.project import Project
from processing.provenance import Stamp, fingerprint_file
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, SNAPSHOT, Table
from processing.stages import STAGES, Autolabel, Freeboard, Resample, Stage

G, B = "ATL03_20191104195311_05940510_006_01", "gt1l"


def put(project: Project, schema: Table, kind: type[Stage], inputs: dict[str, str], run: str = "") -> str:
    """An empty table with the stamp that stage ``kind`` would give it; returns the stamp's fingerprint."""
    parameters = project.stage(kind).values_dict() | ({"run_name": run} if "run_name" in kind.own_parameters() else {})
    stamp = Stamp(kind.key, parameters, inputs)
    path = project.table_path(kind.output, G, B, run)
    tables.write(path, schema, pa.Table.from_pylist([], schema=schema.arrow), stamp)
    return stamp.fingerprint


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One track with a table of every stage, each made from the one before."""
    granule = tmp_path / "granule.h5"
    granule.write_bytes(b"photons")
    made = Project.create(tmp_path / "P")
    item = made.add_input("granules", G, "atl03", granule, {"beams": [B]})
    segments = put(made, SEGMENT, Resample, {f"granule:{G}": item.fingerprint})
    labels = put(made, LABEL, Autolabel, {"segments": segments})
    with LabelStore(made.database_url) as store:
        store.add(G, B, 0.0, 100.0, 2, "cloud", "ana")
        events = events_fingerprint(store.current(G, B))
    given = {"segments": segments, "autolabels": labels, "events": events}
    put(made, SNAPSHOT, STAGES["snapshot"], given, "v0001")
    put_model(made, "lstm-v0001", "v0001")
    predicted = put(
        made, PREDICTION, STAGES["classify"], {"segments": segments, "model": "of lstm-v0001"}, "lstm-v0001"
    )
    put(made, FREEBOARD, Freeboard, {"segments": segments, "predictions": predicted}, "lstm-v0001")
    return made


def put_model(project: Project, name: str, snapshot: str, version: int = FEATURES_VERSION) -> None:
    folder = project.root / "models" / name
    folder.mkdir(parents=True)
    record = {"fingerprint": f"of {name}", "snapshot": snapshot, "parameters": STAGES["train"]().values_dict()}
    (folder / "model.json").write_text(json.dumps(record | {"features": {"version": version}}))


def states(project: Project) -> dict[str, str]:
    return {row.kind: row.why or row.state for row in standing(Project(project.root))}


def test_everything_follows(project: Project) -> None:
    assert set(states(project).values()) == {"current"}


def test_a_correction_makes_the_snapshot_stale_and_undoing_it_mends_it(project: Project) -> None:
    with LabelStore(project.database_url) as store:
        store.add(G, B, 40.0, 60.0, 1, "transition", "ben")
        assert states(project)["snapshots"] == "1 track: labels were corrected"
        store.undo("ben")
        assert states(project)["snapshots"] == "current"
        store.undo("ana")
        assert states(project)["snapshots"] == "1 track: labels were corrected"


def test_a_parameter_makes_its_stage_stale_and_no_other(project: Project) -> None:
    project.remember(project.stage(Autolabel, {"transition": 30.0}))
    assert states(project)["autolabels"] == "1 track: transition is now 30.0"
    assert [kind for kind, state in states(project).items() if state != "current"] == ["autolabels"]


def test_how_many_did_it_is_no_reason(project: Project) -> None:
    project.remember(project.stage(STAGES["train"], {"workers": 2}))
    assert states(project)["models"] == "current"
    project.remember(project.stage(STAGES["train"], {"epochs": 3}))
    assert states(project)["models"] == "epochs is now 3"


def test_a_model_of_other_features_is_stale(project: Project) -> None:
    put_model(project, "lstm-v0002", "v0001", FEATURES_VERSION - 1)
    assert states(project)["models"] == f"features are now of version {FEATURES_VERSION}"


def test_tables_made_anew_make_what_follows_stale(project: Project) -> None:
    put(project, SEGMENT, Resample, {"granule": "another"})
    found = states(project)
    for kind in ("autolabels", "snapshots", "predictions", "freeboard"):
        assert found[kind] == "1 track: segments changed"


def test_a_newer_model_and_newer_predictions(project: Project) -> None:
    put_model(project, "lstm-v0002", "v0001")
    assert states(project)["predictions"] == "1 track: model lstm-v0002 is newer"
    given = {"segments": stamp_of(project, "segments"), "model": "of lstm-v0002"}
    put(project, PREDICTION, STAGES["classify"], given, "lstm-v0002")
    assert states(project)["predictions"] == "current"
    assert states(project)["freeboard"] == "1 track: predictions lstm-v0002 are newer"
    # A run that the project names is the one that counts, newer ones or not.
    project.remember(project.stage(Freeboard, {"run_name": "lstm-v0001"}))
    assert states(project)["freeboard"] == "current"


def test_a_changed_or_lost_granule(project: Project) -> None:
    record = project.root / "inputs" / "granules" / f"{G}.json"
    path, kind = project.table_path("segments", G, B), Resample
    record.write_text(record.read_text().replace(project.input("granules", G).fingerprint, "0123456789abcdef"))
    assert Staleness(project).of_table(kind, path, (G, B)) == f"granule {G} changed"
    record.unlink()
    assert Staleness(project).of_table(kind, path, (G, B)) == f"granule {G} is gone"


def test_a_foreign_table_and_another_schema(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.table_path("segments", G, B)
    monkeypatch.setattr("processing.local.staleness.SCHEMA_VERSION", 99)
    assert Staleness(project).of_table(Resample, path, (G, B)).startswith("schema version")
    path.write_bytes(b"")
    assert Staleness(project).of_table(Resample, path, (G, B)) == "no provenance"


def test_a_scene_added_later_makes_labels_stale_until_they_were_looked_at(project: Project, tmp_path: Path) -> None:
    with recorded(project.root, "autolabel", "autolabels"):
        put(project, LABEL, Autolabel, {"segments": stamp_of(project, "segments")})
    past = time.time() - 60
    rewrite_history(project, at=datetime.fromtimestamp(past, UTC).isoformat())
    assert states(project)["autolabels"] == "current"
    scene = tmp_path / "scene.tif"
    scene.write_bytes(b"bands")
    project.add_input("scenes", "S2", "geotiff", scene, {})
    assert states(project)["autolabels"] == "1 track: scene S2 was added"
    with recorded(project.root, "autolabel", "autolabels", partly=True):
        pass
    assert states(project)["autolabels"] == "1 track: scene S2 was added"
    rewrite_history(project, at=datetime.fromtimestamp(time.time() + 60, UTC).isoformat(), partly=False)
    assert states(project)["autolabels"] == "current"


def test_labels_made_after_a_snapshot_of_corrections_alone(project: Project) -> None:
    with LabelStore(project.database_url) as store:
        events = events_fingerprint(store.current(G, B))
    put(project, SNAPSHOT, STAGES["snapshot"], {"segments": stamp_of(project, "segments"), "events": events}, "v0001")
    assert states(project)["snapshots"] == "1 track: auto-labels were made since"


def test_the_grid_of_the_sea_surface_counts_by_content(project: Project, tmp_path: Path) -> None:
    grid = tmp_path / "mss.tif"
    grid.write_bytes(b"one")
    project.remember(project.stage(Resample, {"mean_sea_surface": str(grid)}))
    granule = project.input("granules", G).fingerprint
    put(project, SEGMENT, Resample, {f"granule:{G}": granule, "mean_sea_surface": fingerprint_file(grid)})
    assert states(project)["segments"] == "current"
    grid.write_bytes(b"two")
    assert states(project)["segments"] == f"1 track: {grid} changed"


def test_looking_makes_no_database(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "P")
    put(project, SNAPSHOT, STAGES["snapshot"], {"events": events_fingerprint(())}, "v0001")
    assert states(project)["snapshots"] == "current"
    assert not (project.root / "leadline.db").exists()


def test_a_damaged_table_is_stale_and_stops_nothing(project: Project) -> None:
    project.table_path("segments", G, B).write_bytes(b"PAR1")
    assert states(project)["segments"] == "1 track: no provenance"


def test_history_tells_what_wrote_failed_and_stopped(project: Project) -> None:
    with recorded(project.root, "autolabel", "autolabels"):
        put(project, LABEL, Autolabel, {})
    with pytest.raises(InputError), recorded(project.root, "freeboard", "not-there-yet"):
        raise InputError("no\nwater", where="F")
    with pytest.raises(KeyboardInterrupt), recorded(project.root, "train", "not-there-yet"):
        raise KeyboardInterrupt
    with recorded(project.root, "autolabel", "not-there-yet"):
        pass
    runs = history(project.root)
    assert [(run.stage, run.outcome, run.why) for run in runs] == [
        ("autolabel", "done", ""),
        ("freeboard", "failed", "F: no water"),
        ("train", "interrupted", ""),
        ("autolabel", "done", ""),
    ]
    assert [run.wrote for run in runs] == [True, False, False, False]
    assert all(run.began.tzinfo is not None for run in runs)


def test_status_tells_the_run_that_wrote_and_the_trouble_until_it_is_mended(project: Project) -> None:
    def row() -> Standing:
        return {row.kind: row for row in standing(Project(project.root))}["autolabels"]

    assert (row().took, row().trouble) == (None, None)
    with recorded(project.root, "autolabel", "autolabels"):
        put(project, LABEL, Autolabel, {"segments": stamp_of(project, "segments")})
    took = row().took
    assert took is not None
    with pytest.raises(ValueError, match="broken"), recorded(project.root, "autolabel", "autolabels"):
        raise ValueError("broken")
    trouble = row().trouble
    assert trouble is not None
    assert trouble.why == "ValueError('broken')"
    with recorded(project.root, "autolabel", "not-there-yet"):
        pass
    assert (row().took, row().trouble) == (took, None)


def test_lines_of_history_that_cannot_be_read_are_passed_over(project: Project) -> None:
    (project.root / "history.jsonl").write_text('not json\n{"stage": "old"}\n')
    assert history(project.root) == []


def stamp_of(project: Project, kind: str) -> str:
    stamp = tables.read_stamp(project.table_path(kind, G, B))
    assert stamp is not None
    return stamp.fingerprint


def rewrite_history(project: Project, **changed: object) -> None:
    """The last run with other values."""
    file = project.root / "history.jsonl"
    *kept, last = file.read_text().splitlines()
    file.write_text("\n".join([*kept, json.dumps(json.loads(last) | changed)]) + "\n")

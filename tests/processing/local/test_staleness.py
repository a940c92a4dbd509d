"""The one rule of staleness, on the smallest project that has every kind of table; and the record of what ran."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from processing.errors import InputError
from processing.history import Run, history, recorded
from processing.io import tables
from processing.labels import LabelStore, events_fingerprint
from processing.local.staleness import Staleness
from processing.local.status import standing
from processing.project import Project
from processing.provenance import Stamp
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


def put_model(project: Project, name: str, snapshot: str) -> None:
    folder = project.root / "models" / name
    folder.mkdir(parents=True)
    record = {"fingerprint": f"of {name}", "snapshot": snapshot, "parameters": STAGES["train"]().values_dict()}
    (folder / "model.json").write_text(json.dumps(record))


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


def test_tables_made_anew_make_what_follows_stale(project: Project) -> None:
    put(project, SEGMENT, Resample, {"granule": "another"})
    found = states(project)
    for kind in ("autolabels", "snapshots", "predictions", "freeboard"):
        assert found[kind] == "1 track: segments changed"


def test_a_newer_model_and_newer_predictions(project: Project) -> None:
    put_model(project, "lstm-v0002", "v0001")
    assert states(project)["predictions"] == "1 track: model lstm-v0002 is newer"
    segments = tables.read_stamp(project.table_path("segments", G, B))
    assert segments is not None
    given = {"segments": segments.fingerprint, "model": "of lstm-v0002"}
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


def test_history_keeps_what_wrote_or_failed(project: Project) -> None:
    before = len(history(project.root))
    with recorded(project.root, "autolabel", "autolabels"):
        put(project, LABEL, Autolabel, {})
    with pytest.raises(InputError), recorded(project.root, "freeboard", "freeboard"):
        raise InputError("no\nwater", where="F")
    with pytest.raises(KeyboardInterrupt), recorded(project.root, "train", "models"):
        raise KeyboardInterrupt
    told = [(run.stage, run.outcome, run.why) for run in history(project.root)[before:]]
    assert told == [("autolabel", "done", ""), ("freeboard", "failed", "F: no water"), ("train", "interrupted", "")]
    assert all(isinstance(run, Run) and run.began.tzinfo is not None for run in history(project.root))


def test_a_run_that_found_everything_current_leaves_no_record(project: Project) -> None:
    with recorded(project.root, "autolabel", "nothing-there-yet"):
        pass
    assert history(project.root) == []
    (project.root / "history.jsonl").write_text('not json\n{"stage": "old"}\n')
    assert history(project.root) == []

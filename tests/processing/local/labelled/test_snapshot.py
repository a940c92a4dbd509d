"""Snapshots: what is frozen, when a new one is made, and what is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from processing.errors import MissingError, StaleError
from processing.io import tables
from processing.io.atomic import ASIDE
from processing.labels import LabelStore
from processing.local import snapshot as module
from processing.local.snapshot import freeze, manifest, snapshot
from processing.project import Project
from processing.schema import LABEL, SNAPSHOT
from processing.stages import Snapshot


@pytest.fixture
def project(made: SimpleNamespace, tmp_path: Path) -> Project:
    return made.make_project(tmp_path / "project", kilometres=2)


def correct(project: Project, start: float, end: float, label: int, analyst: str = "ada", beam: str = "gt1l") -> int:
    with LabelStore(project.database_url) as store:
        return store.add(project.tracks("segments")[0][0], beam, start, end, label, "cloud", analyst).id


def test_a_snapshot_is_the_auto_labels_with_the_events_painted_over(made: SimpleNamespace, project: Project) -> None:
    first = correct(project, 2_000_100.0, 2_000_300.0, 1)
    second = correct(project, 2_000_200.0, 2_000_250.0, -1, "bo")
    assert snapshot(project, Snapshot(note="first look")) == "v0001"
    path = project.table_path("snapshots", *made.tracks[0], "v0001")
    frozen = tables.read(path, SNAPSHOT)
    auto = tables.read(project.table_path("autolabels", *made.tracks[0]), LABEL)
    assert frozen.select(list(LABEL.names)).equals(auto)
    x = 2.0 * frozen["segment"].to_numpy() + 1.0
    inner = (x >= 2_000_200.0) & (x < 2_000_250.0)
    outer = (x >= 2_000_100.0) & (x < 2_000_300.0) & ~inner
    expected = np.where(inner, -1, np.where(outer, 1, auto["label_auto"].to_numpy()))
    assert frozen["label"].to_numpy().tolist() == expected.tolist()
    assert frozen["label_source"].to_numpy().tolist() == (inner | outer).astype(int).tolist()
    assert frozen["event_id"].to_numpy().tolist() == np.where(inner, second, np.where(outer, first, -1)).tolist()
    names = np.array(frozen["analyst"].to_pylist())
    assert set(names[inner]) == {"bo"}
    assert set(names[outer]) == {"ada"}
    assert set(names[~inner & ~outer]) == {""}
    told = manifest(project, "v0001")
    assert told["note"] == "first look"
    assert told["events"] == {"count": 2, "first": first, "last": second}
    assert told["rows"] == frozen.num_rows + tables.count_rows(project.table_path("segments", *made.tracks[1]))
    assert told["counts"]["manual"] == {
        "thick_ice": 0,
        "thin_ice": int(outer.sum()),
        "open_water": 0,
        "unlabelled": int(inner.sum()),
    }


def test_the_same_state_is_frozen_once_and_said_so(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    assert freeze(project, Snapshot()).is_new
    correct(project, 2_000_100.0, 2_000_300.0, 1)
    assert freeze(project, Snapshot()).name == "v0002"
    with LabelStore(project.database_url) as store:
        store.undo("ada")
    with caplog.at_level(logging.INFO, module.__name__):
        again = freeze(project, Snapshot(note="another note"))
    assert (again.name, again.is_new) == ("v0001", False)
    assert "v0001" in caplog.text
    assert project.newest_run("snapshots", "snapshot") == "v0001", "the state that stands is the newest"
    with LabelStore(project.database_url) as store:
        store.redo("ada")
    assert snapshot(project, Snapshot()) == "v0002", "redone: the same event counts as before"


def test_a_track_outside_every_scene_is_frozen_from_its_events(made: SimpleNamespace, project: Project) -> None:
    project.table_path("autolabels", *made.tracks[1]).unlink()
    correct(project, 2_000_000.0, 2_000_500.0, 2, beam="gt2l")
    snapshot(project, Snapshot())
    frozen = tables.read(project.table_path("snapshots", *made.tracks[1], "v0001"), SNAPSHOT)
    inside = 2.0 * made.key_of(project, made.tracks[1]) + 1.0 < 2_000_500.0
    assert frozen["label"].to_numpy().tolist() == np.where(inside, 2, -1).tolist()


def test_nothing_to_freeze_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="leadline autolabel"):
        snapshot(Project.create(tmp_path / "empty"), Snapshot())


def test_labels_of_other_segments_are_refused(made: SimpleNamespace, project: Project) -> None:
    made.write_labels(project, made.tracks[0], drop=3)
    with pytest.raises(StaleError, match="leadline autolabel"):
        snapshot(project, Snapshot())
    made.write_labels(project, made.tracks[0])
    made.write_segments(project, made.tracks[0], 2, seed=9)
    with pytest.raises(StaleError, match="leadline autolabel"):
        snapshot(project, Snapshot())
    assert project.runs("snapshots") == []
    assert [entry.name for entry in (project.root / "snapshots").iterdir()] == [], "nothing half written stays"


def test_an_interrupt_leaves_no_snapshot(
    made: SimpleNamespace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def interrupted(*arguments: object) -> int:
        if written:
            raise KeyboardInterrupt
        written.append(1)
        return 1

    monkeypatch.setattr(module.tables, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        snapshot(project, Snapshot())
    monkeypatch.undo()
    assert list((project.root / "snapshots").iterdir()) == []
    assert snapshot(project, Snapshot()) == "v0001"
    assert made.classes(made.key_of(project, made.tracks[0])).tolist() == (
        tables.read(project.table_path("snapshots", *made.tracks[0], "v0001"), SNAPSHOT)["label"].to_pylist()
    )


def test_two_freezes_at_once_take_two_names(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    original, other = module._describe, []

    def describe(*arguments: Any) -> dict[str, Any]:
        if not other:
            other.append("begun")
            correct(project, 2_000_100.0, 2_000_300.0, 1)
            other.append(freeze(project, Snapshot(note="the other's")).name)
        return original(*arguments)

    monkeypatch.setattr(module, "_describe", describe)
    assert freeze(project, Snapshot(note="mine")) == module.Frozen("v0002", is_new=True)
    assert other[1] == "v0001"
    told = {name: manifest(project, name) for name in project.runs("snapshots")}
    assert {name: (entry["name"], entry["note"], entry["events"]["count"]) for name, entry in told.items()} == {
        "v0001": ("v0001", "the other's", 1),
        "v0002": ("v0002", "mine", 0),
    }
    assert sorted(entry.name for entry in (project.root / "snapshots").iterdir()) == ["v0001", "v0002"]


def test_what_a_killed_freeze_left_is_swept(project: Project) -> None:
    (project.root / "snapshots" / f"{ASIDE}killed").mkdir(parents=True)
    snapshot(project, Snapshot())
    assert [entry.name for entry in (project.root / "snapshots").iterdir()] == ["v0001"]

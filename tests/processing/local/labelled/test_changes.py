"""What changed since a snapshot: amounts by class, reason, analyst and track, of a project made of tables alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from processing.errors import MissingError
from processing.io import tables
from processing.labels import LabelStore, Stroke
from processing.local.changes import Amount, Changes, changes_since
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SNAPSHOT
from processing.stages import Snapshot


@pytest.fixture
def project(made: SimpleNamespace, tmp_path: Path) -> Project:
    return made.make_project(tmp_path / "project", kilometres=2)


def paint(project: Project, start: float, end: float, label: int, analyst: str = "ada", reason: str = "cloud") -> int:
    with LabelStore(project.database_url) as store:
        return store.add(project.tracks("segments")[0][0], "gt1l", start, end, label, reason, analyst).id


def inside(made: SimpleNamespace, project: Project, start: float, end: float) -> np.ndarray:
    """Segments of gt1l whose centres lie in an interval, and their auto-labels."""
    x = 2.0 * made.key_of(project, made.tracks[0]) + 1.0
    return made.classes(made.key_of(project, made.tracks[0]))[(x >= start) & (x < end)]


def amounts(changes: Changes, *names: str) -> dict[tuple[object, ...], int]:
    found = changes.by(*names)
    assert all(amount.metres == 2.0 * amount.segments for amount in found.values())
    return {key: amount.segments for key, amount in found.items()}


def test_without_a_snapshot_it_is_what_was_corrected(made: SimpleNamespace, project: Project) -> None:
    paint(project, 2_000_000.0, 2_000_200.0, 1)
    paint(project, 2_000_100.0, 2_000_200.0, 0, "bo", "accept")
    auto, kept = inside(made, project, 2_000_000.0, 2_000_100.0), inside(made, project, 2_000_100.0, 2_000_200.0)
    assert set(auto) == {2}
    assert set(kept) == {0}
    changes = changes_since(project)
    assert (changes.since, changes.note, changes.events) == ("", "", 2)
    assert amounts(changes, "before", "after") == {(2, 1): len(auto)}, "what was accepted is as it was"
    assert amounts(changes, "reason", "analyst", "beam") == {("cloud", "ada", "gt1l"): len(auto)}
    assert changes.total == Amount(len(auto), 2.0 * len(auto))


def test_without_a_database_nothing_changed_and_none_is_made(project: Project) -> None:
    assert changes_since(project).rows == ()
    assert not (project.root / "leadline.db").exists()


def test_since_a_snapshot_what_was_painted_undone_and_labelled_again_is_told_apart(
    made: SimpleNamespace, project: Project
) -> None:
    paint(project, 2_000_000.0, 2_000_050.0, 1, "bo")
    paint(project, 2_000_200.0, 2_000_300.0, 2)
    name = snapshot(project, Snapshot(note="first look"))
    assert changes_since(project).rows == ()
    with LabelStore(project.database_url) as store:
        store.undo("ada")
    paint(project, 2_000_040.0, 2_000_060.0, 0, "bo", "shadow")
    both = inside(made, project, 2_000_040.0, 2_000_050.0)
    bare = inside(made, project, 2_000_050.0, 2_000_060.0)
    undone = inside(made, project, 2_000_200.0, 2_000_300.0)
    changes = changes_since(project)
    assert (changes.since, changes.note, changes.events) == (name, "first look", 2)
    assert amounts(changes, "before", "after", "reason", "analyst") == {
        (2, 0, "undo", "ada"): len(undone),
        (1, 0, "shadow", "bo"): len(both),
        (2, 0, "shadow", "bo"): len(bare),
    }
    assert amounts(changes, "reason") == {("undo",): len(undone), ("shadow",): len(both) + len(bare)}
    second = snapshot(project, Snapshot())
    assert changes_since(project).rows == ()
    assert changes_since(project, name).rows == changes.rows
    assert changes_since(project, second).events == 0


def test_second_opinions_change_nothing(project: Project) -> None:
    snapshot(project, Snapshot())
    with LabelStore(project.database_url) as store:
        store.add_all(
            [Stroke(project.tracks("segments")[0][0], "gt1l", 2e6, 2.0001e6, 1, "cloud")], "bo", layer="second"
        )
    changes = changes_since(project)
    assert (changes.events, changes.rows) == (0, ())


def test_other_auto_labels_are_nobodys_change(
    made: SimpleNamespace, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(project, 2_000_000.0, 2_000_020.0, 1)
    snapshot(project, Snapshot())
    helper = made.write_labels.__globals__
    monkeypatch.setitem(helper, "classes", lambda segment: np.where(segment % 500 < 40, 2, 0).astype(np.int8))
    monkeypatch.setitem(helper, "Stamp", lambda stage, _, inputs: Stamp(stage, {"again": 1}, inputs))
    made.write_labels(project, made.tracks[0])
    changed = (
        inside(made, project, 2_000_080.0, 2_000_100.0).size + inside(made, project, 2_001_080.0, 2_001_100.0).size
    )
    assert amounts(changes_since(project), "before", "after", "reason", "analyst") == {
        (2, 0, "auto-label", ""): changed
    }


def test_segments_made_anew_are_compared_by_their_numbers(made: SimpleNamespace, project: Project) -> None:
    snapshot(project, Snapshot())
    made.write_segments(project, made.tracks[0], 3, seed=7)
    made.write_labels(project, made.tracks[0])
    paint(project, 2_000_000.0, 2_002_500.0, 1)
    frozen = tables.read(project.table_path("snapshots", made.granule, "gt1l", "v0001"), SNAPSHOT, ["segment"])
    shared = np.intersect1d(frozen["segment"].to_numpy(), made.key_of(project, made.tracks[0]))
    assert changes_since(project).total.segments == len(shared)


def test_a_snapshot_that_is_not_there_is_refused(project: Project) -> None:
    with pytest.raises(MissingError, match="v0007"):
        changes_since(project, "v0007")

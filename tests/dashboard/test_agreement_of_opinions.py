"""Who judged what and where opinions part, from made events; what settles a disagreement and what brings it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_project import GRANULE, START

from dashboard.agreement import AgreementReader, Findings, compare
from dashboard.data import Workspace
from processing.labels import LabelStore, Stroke

QUIET = str


@pytest.fixture
def workspace(project_root: Path, tmp_path: Path) -> Workspace:
    """A project of its own, to be written to."""
    return Workspace(Path(shutil.copytree(project_root, tmp_path / "own")))


def say(
    workspace: Workspace,
    who: str,
    start: float,
    end: float,
    label: int,
    reason: str = "cloud",
    layer: str = "",
    beam: str = "gt1l",
) -> int:
    stroke = Stroke(GRANULE, beam, START + start, START + end, label, reason)
    return workspace.book.add_all([stroke], who, layer=layer)[0].id


def read(workspace: Workspace, analyst: str = "ann") -> Findings:
    return AgreementReader(workspace).read(analyst, QUIET)


def test_nothing_is_found_where_one_analyst_worked(workspace: Workspace) -> None:
    assert read(workspace) == Findings()
    say(workspace, "ann", 0, 100, 1)
    say(workspace, "ben", 0, 100, 1, beam="gt2l")
    found = read(workspace)
    assert found.analysts == ("ann", "ben")
    assert found.everybody is None
    assert found.pairs == ()


def test_opinions_part_where_classes_do_and_only_where_both_judged(workspace: Workspace) -> None:
    say(workspace, "ben", 0, 100, 0)
    say(workspace, "ann", 40, 400, 1, layer="second")
    say(workspace, "ben", 300, 360, 2)
    found = read(workspace)
    assert [(one.pair, one.labels, one.x_start - START, one.x_end - START) for one in found.disagreements] == [
        (("ann", "ben"), (1, 0), 40.0, 100.0),
        (("ann", "ben"), (1, 2), 300.0, 360.0),
    ]
    facts = found.pairs[0]
    assert (facts.metres, facts.blind, facts.settled) == (120.0, 120.0, 0.0)
    assert facts.told.confusion.sum() == 60
    assert facts.told.overall.share == 0.0
    assert found.everybody == facts


def test_an_analysts_newest_word_counts_whatever_others_painted_since(workspace: Workspace) -> None:
    say(workspace, "ann", 0, 100, 1)
    say(workspace, "ann", 0, 100, 2)
    say(workspace, "ben", 0, 100, 2)
    assert read(workspace).disagreements == ()
    assert read(workspace).pairs[0].blind == 0.0
    workspace.book.undo("ann")
    assert read(workspace).disagreements[0].labels == (1, 2)


def test_stretches_end_at_holes_in_the_track_and_run_over_short_ones(workspace: Workspace) -> None:
    say(workspace, "ann", 2400, 2700, 1)
    say(workspace, "ben", 2400, 2700, 0)
    found = read(workspace).disagreements
    # The made track has no photons from 2500 to 2620 m.
    assert [(one.x_start - START, one.x_end - START) for one in found] == [(2400.0, 2500.0), (2620.0, 2700.0)]
    track = workspace.track(GRANULE, "gt1l")
    keep = np.ones(len(track), bool)
    keep[1205:1220] = False
    columns = {name: getattr(track, name)[keep] for name in vars(track) if name not in ("granule", "beam")}
    holed = type(track)(track.granule, track.beam, **columns)
    events = workspace.book.active(GRANULE, "gt1l")
    stretches = compare(holed, events, np.zeros(len(holed)), 100.0).disagreements
    assert [one.metres for one in stretches] == [100.0, 80.0], "30 m without photons"


def test_settled_until_it_is_undone_or_judged_anew(workspace: Workspace) -> None:
    say(workspace, "ann", 0, 100, 1)
    say(workspace, "ben", 0, 100, 0, layer="second")
    open_ = read(workspace).disagreements[0]
    workspace.book.add_all(open_.selection.strokes(0, "adjudicated", open_.window), "cyd")
    found = read(workspace, "cyd")
    assert found.disagreements == ()
    assert found.pairs[0].told.overall.share == 0.0, "their opinions are what they were"
    assert (found.pairs[0].settled, found.pairs[0].pair) == (100.0, ("ann", "ben"))
    assert found.undoable is not None
    assert found.undoable.label == 0
    assert read(workspace, "ann").undoable is None
    workspace.book.undo("cyd", layer="")
    assert read(workspace, "cyd").disagreements == (open_,)
    assert read(workspace, "cyd").undoable is None
    workspace.book.redo("cyd", layer="")
    assert read(workspace).disagreements == ()
    say(workspace, "ben", 0, 60, 2, layer="second")
    assert [(one.labels, one.metres) for one in read(workspace).disagreements] == [((1, 2), 60.0)]


def test_settling_part_of_a_stretch_leaves_the_rest(workspace: Workspace) -> None:
    say(workspace, "ann", 0, 100, 1)
    say(workspace, "ben", 0, 100, 0)
    say(workspace, "ann", 40, 60, 1, reason="adjudicated")
    assert [one.metres for one in read(workspace).disagreements] == [40.0, 40.0]


def test_pairs_are_measured_apart_and_together_and_the_longest_stretch_comes_first(workspace: Workspace) -> None:
    for beam in ("gt1l", "gt2l"):
        say(workspace, "ann", 0, 2000, 0, beam=beam)
        say(workspace, "ben", 0, 2000, 0, beam=beam)
        say(workspace, "ben", 500, 700, 2, beam=beam)
        say(workspace, "ann", 600, 900, 2, beam=beam)
    say(workspace, "cyd", 0, 300, 0, layer="second")
    found = read(workspace)
    assert [facts.pair for facts in found.pairs] == [("ann", "ben"), ("ann", "cyd"), ("ben", "cyd")]
    assert [facts.metres for facts in found.pairs] == [4000.0, 300.0, 300.0]
    assert found.everybody is not None
    assert found.everybody.metres == 4600.0
    own = found.facts(("ann", "ben"))
    assert own is not None
    assert own.told.overall.blocks == 40 + 2 * (START % 100 != 0)
    assert own.told.overall.low < own.told.overall.kappa < own.told.overall.high
    assert [one.metres for one in found.disagreements] == [200.0, 200.0, 100.0, 100.0]
    assert found.of(("ann", "cyd")) == ()
    assert found.find(found.disagreements[1].ident) == found.disagreements[1]


def test_only_tracks_with_new_events_are_compared_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for beam in ("gt1l", "gt2l"):
        for who in ("ann", "ben"):
            say(workspace, who, 0, 100, 0, beam=beam)
    reader = AgreementReader(workspace)
    first = reader.read("ann", QUIET)
    compared = []
    monkeypatch.setattr(
        "dashboard.agreement.compare", lambda track, *more: compared.append(track.beam) or compare(track, *more)
    )
    assert reader.read("ann", QUIET) == first
    assert compared == []
    say(workspace, "ben", 0, 50, 2, beam="gt2l")
    (open_,) = reader.read("ann", QUIET).disagreements
    assert compared == ["gt2l"]

    def measured(*_: object) -> None:
        raise AssertionError("opinions are measured again although nobody has another one")

    monkeypatch.setattr("dashboard.agreement.report", measured)
    workspace.book.add_all(open_.selection.strokes(0, "adjudicated", open_.window), "ann")
    found = reader.read("ann", QUIET)
    assert found.everybody is not None
    assert (found.everybody.settled, found.disagreements) == (50.0, ())


def test_a_track_that_cannot_be_read_is_told_and_the_others_stand(workspace: Workspace) -> None:
    for beam in ("gt1l", "gt2l"):
        for who in ("ann", "ben"):
            say(workspace, who, 0, 100, 0, beam=beam)
    workspace.project.table_path("segments", GRANULE, "gt1l").write_bytes(b"no table at all")
    found = read(workspace)
    assert len(found.troubles) == 1
    assert found.pairs[0].metres == 100.0


def test_events_of_another_program_are_seen(workspace: Workspace) -> None:
    say(workspace, "ann", 0, 100, 0)
    reader = AgreementReader(workspace)
    assert reader.read("ann", QUIET).pairs == ()
    with LabelStore(workspace.project.database_url) as store:
        store.add(GRANULE, "gt1l", START, START + 100, 2, "cloud", "ben")
    workspace.book.refresh()
    assert len(reader.read("ann", QUIET).disagreements) == 1

"""Two models of a whole project compared: against plain numpy, only what follows, and nothing that nobody waits for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import two_models
from small_project import BEAMS, GRANULE
from two_models import FIRST, SECOND

from dashboard.comparison.compared import DroppedError, Pair, Progress
from dashboard.comparison.compared_tables import common
from dashboard.comparison.comparing import Comparer
from dashboard.comparison.model_records import Model
from dashboard.data import Workspace
from dashboard.views.compare_controls import Waiting
from processing.core.agreement import Bootstrap
from processing.io import tables
from processing.schema import PREDICTION, SNAPSHOT

HOW = Bootstrap(block=100.0, draws=100)


@pytest.fixture
def comparer(project_root: Path, tmp_path: Path) -> Comparer:
    own = Path(shutil.copytree(project_root, tmp_path / "own"))
    two_models.add(own)
    return Comparer(Workspace(own), HOW, HOW)


def pair(comparer: Comparer) -> Pair:
    found = {model.run: model for model in comparer.models().all}
    return found[FIRST], found[SECOND]


def quiet(_: str) -> None:
    """Nobody listens."""


def column(comparer: Comparer, kind: str, run: str, name: str) -> Any:
    schema = SNAPSHOT if kind == "snapshots" else PREDICTION
    paths = [comparer.workspace.project.table_path(kind, GRANULE, beam, run) for beam in BEAMS]
    return np.concatenate([tables.read(path, schema, (name,))[name].to_numpy() for path in paths])


def test_rows_that_all_have_are_found() -> None:
    ids = [np.array(one, np.int64) for one in ([1, 2, 5, 9], [2, 3, 5], [0, 2, 5, 9])]
    assert [rows.tolist() for rows in common(*ids)] == [[1, 2], [0, 2], [1, 2]]
    assert common(ids[0], ids[0].copy()) == [slice(None)] * 2


def test_counts_are_those_of_the_whole_project(comparer: Comparer) -> None:
    found = comparer.scores(pair(comparer), "clear", quiet)
    assert found.both is not None
    clear = column(comparer, "snapshots", "v0001", "auto_flags") == 0
    true = column(comparer, "snapshots", "v0001", "label")[clear]
    guess = column(comparer, "predictions", SECOND, "predicted")[clear]
    assert found.both.segments == len(true)
    assert found.both.second.accuracy.value == np.mean(true == guess)
    assert found.both.first.accuracy.value == 1.0
    assert found.both.blocks == len(np.unique(np.floor(true_x(comparer)[clear] / 100.0)))
    differ = comparer.differences(pair(comparer), quiet)
    one, other = (column(comparer, "predictions", run, "predicted") for run in (FIRST, SECOND))
    assert sum(track.differing for track in differ.tracks) == np.count_nonzero(one != other)


def true_x(comparer: Comparer) -> Any:
    return (column(comparer, "snapshots", "v0001", "segment") + 0.5) * 2.0


def test_predictions_of_another_model_of_that_name_do_not_count(comparer: Comparer) -> None:
    record = comparer.workspace.root / "models" / SECOND / "model.json"
    told = json.loads(record.read_text(encoding="utf-8")) | {"fingerprint": "another"}
    record.write_text(json.dumps(told), encoding="utf-8")
    found = comparer.differences(pair(comparer), quiet)
    assert (found.tracks, [(lack.run, lack.tracks, lack.of) for lack in found.lacking]) == ((), [(SECOND, 3, 3)])
    scores = comparer.scores(pair(comparer), "labels", quiet)
    assert scores.both is None
    assert scores.alone[0] is not None
    assert scores.alone[1] is None


def test_what_is_written_anew_is_read_anew_and_a_damaged_track_is_told(comparer: Comparer) -> None:
    before = comparer.differences(pair(comparer), quiet)
    path = comparer.workspace.project.table_path("predictions", GRANULE, "gt1l", SECOND)
    stamp = tables.read_stamp(path)
    same = tables.read(comparer.workspace.project.table_path("predictions", GRANULE, "gt1l", FIRST), PREDICTION)
    assert stamp is not None
    tables.write(path, PREDICTION, same, stamp)
    after = comparer.differences(pair(comparer), quiet)
    assert [track.differing for track in after.tracks] == [0, *(track.differing for track in before.tracks[1:])]
    comparer.workspace.project.table_path("snapshots", GRANULE, "gt1r", "v0001").write_bytes(b"no table")
    hurt = comparer.scores(pair(comparer), "labels", quiet)
    assert any("gt1r" in line for line in hurt.troubles)
    assert hurt.both is not None


class Patient:
    """A pool that works when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], None]] = []

    def submit(self, work: Callable[[], None]) -> None:
        self.tasks.append(work)


def test_only_the_last_comparison_asked_for_is_made_and_shown() -> None:
    pool, shown, made = Patient(), [], []
    waiting = Waiting(lambda: pool, lambda call: call())  # type: ignore[arg-type, return-value]

    def work(name: str) -> Callable[[Progress], str]:
        def make(progress: Progress) -> str:
            progress("reading")
            made.append(name)
            return name

        return make

    for name in ("first", "second"):
        waiting.ask(name, work(name), shown.append, quiet, quiet)
    for task in pool.tasks:
        task()
    assert (made, shown, waiting.key) == (["second"], ["second"], "second")


def test_a_failure_is_told_in_one_line() -> None:
    pool, told = Patient(), []
    waiting = Waiting(lambda: pool, lambda call: call())  # type: ignore[arg-type, return-value]

    def fail(_: Progress) -> Model:
        raise OSError("the disk is gone")

    def drop(_: Progress) -> Model:
        raise DroppedError

    waiting.ask("a", fail, quiet, quiet, told.append)  # type: ignore[arg-type]
    pool.tasks.pop()()
    waiting.ask("b", drop, quiet, quiet, told.append)  # type: ignore[arg-type]
    pool.tasks.pop()()
    assert told == ["the disk is gone"]

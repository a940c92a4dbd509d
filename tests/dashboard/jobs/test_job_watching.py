"""What a job tells, read while it is being written: in pieces, damaged, and a day of it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dashboard.jobs.folder import JobFolder
from dashboard.jobs.model import JobState
from dashboard.jobs.watching import Tail, Watch


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder.of(tmp_path, 1)
    made.path.mkdir(parents=True)
    return made


def step(done: float, stage: str = "resample", **more: Any) -> dict[str, Any]:
    return {"stage": stage, "done": done, "total": 10.0, "unit": "photons", "rate": 2.0, "detail": "A", **more}


def add(path: Path, *lines: object) -> None:
    with path.open("ab") as stream:
        for line in lines:
            stream.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")


def test_lines_are_whole_however_the_file_grows(tmp_path: Path) -> None:
    tail, told = Tail(tmp_path / "x.jsonl"), []
    assert list(tail.lines()) == []
    content = b"".join(json.dumps({"n": k, "text": "Ø\u2028"}, ensure_ascii=False).encode() + b"\n" for k in range(7))
    for place in range(0, len(content), 5):
        add(tail.path, content[place : place + 5])
        told += list(tail.lines())
    assert [line["n"] for line in told] == list(range(7))
    assert {line["text"] for line in told} == {"Ø\u2028"}


def test_damaged_lines_are_passed_over(folder: JobFolder) -> None:
    watch = Watch.of(folder)
    misshapen = [
        {"failed": 3},
        {"link": "x"},
        {"epoch": 5},
        {"epoch": {"loss": 1}},
        step(1, parts=4),
        step(1, total="x"),
    ]
    add(folder.progress, b"{half\n", b"\xff\xfe\n", b"[1, 2]\n", b"\n", b'"text"\n', *misshapen, step(4.0))
    assert watch.look()
    assert (watch.share, watch.failed, watch.links, watch.epochs, watch.parts) == (0.4, {}, {}, {}, {})
    assert not watch.look()


def test_everything_that_is_told_is_kept(folder: JobFolder) -> None:
    watch = Watch.of(folder)
    add(
        folder.progress,
        {"waiting": "loading", "at": "2026-01-01T00:00:00"},
        step(0.0, parts={"A": [0, 6], "B": [0, 4]}),
    )
    watch.look()
    assert (watch.waiting, watch.since, watch.share) == ("loading", "2026-01-01T00:00:00", 0.0)
    add(folder.progress, {"waiting": ""}, step(6.0, parts={"A": [6, 6]}), {"failed": {"B": "damaged"}})
    add(folder.progress, {"link": {"name": "Spark", "url": "http://x"}}, {"ranks": [{"rank": 0}]})
    add(folder.progress, {"epoch": {"epoch": 0, "loss": 0.5}}, {"epoch": {"epoch": 0, "loss": 0.4}})
    watch.look()
    assert (watch.waiting, watch.share, watch.parts) == ("", 0.6, {"A": [6.0, 6.0], "B": [0.0, 4.0]})
    assert (watch.failed, watch.links, watch.ranks) == ({"B": "damaged"}, {"Spark": "http://x"}, [{"rank": 0}])
    assert {number: epoch["loss"] for number, epoch in watch.epochs.items()} == {0: 0.4}
    add(folder.progress, step(0.0, "write"))
    watch.look()
    assert (list(watch.bars), watch.share, watch.parts) == (["resample", "write"], 0.0, {})


def test_a_bar_of_nothing_has_no_share(folder: JobFolder) -> None:
    watch = Watch.of(folder)
    add(folder.progress, step(0.0, total=0.0))
    watch.look()
    assert watch.share is None


@pytest.mark.parametrize("at_a_time", [3, 100_000])
def test_measures_of_a_day_are_thinned_evenly(folder: JobFolder, at_a_time: int) -> None:
    watch, count = Watch.of(folder), 1_000
    for first in range(0, count, at_a_time):
        add(folder.usage, *({"cores": float(k), "memory": k} for k in range(first, min(count, first + at_a_time))))
        watch.look()
    kept = [int(use["memory"]) for use in watch.usage]
    assert 100 < len(kept) <= 240
    assert {later - former for former, later in pairwise(kept)} == {8}
    assert kept[0] == 0


def test_how_a_job_ended_is_read_back_and_damage_is_none(folder: JobFolder) -> None:
    assert folder.read_outcome() is None
    folder.write_outcome(JobState.FAILED, {"status": 2, "reason": "no"})
    assert folder.read_outcome() == (JobState.FAILED, {"status": 2, "reason": "no"})
    for damaged in ("", "[]", "7", '{"state": "odd"}', "{}"):
        folder.outcome.write_text(damaged)
        assert folder.read_outcome() is None


def test_the_reason_is_the_commands_own_word_else_its_last(folder: JobFolder) -> None:
    assert folder.reason() == "it ended without a word"
    folder.log.write_text("x\nleadline: first\nleadline: no predictions; run classify\nwarning: bye\n\n")
    assert folder.reason() == "no predictions; run classify"
    folder.log.write_text("Traceback\n  File\nMemoryError: " + "x" * 900)
    assert folder.reason().startswith("MemoryError: x")
    assert len(folder.reason()) == 500


def test_only_whole_lines_of_a_long_log_are_looked_at(folder: JobFolder) -> None:
    folder.log.write_text("leadline: old\n" + "é" * 20_000 + "\nthe end\n")
    assert folder.reason() == "the end"


def test_the_result_is_the_last_that_was_told(folder: JobFolder) -> None:
    assert folder.result() == ""
    add(folder.progress, {"result": "v0001"}, step(1.0), {"result": "v0002"}, b'{"result": "v00')
    assert folder.result() == "v0002"

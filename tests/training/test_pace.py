"""How far ranks are, and what a training tells those who watch it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processing.cli import cli, run
from processing.project import Project
from training import loop, pace
from training.commands import register
from training.pace import Meter, Pace

QUICK = ("--model", "mlp", "--epochs", "3", "--batch", "64", "--tracking", "off", "--held-out", "B")
Told = Callable[[str], list[Any]]


@pytest.fixture(autouse=True, scope="module")
def _commands() -> None:
    register(cli)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as the one number of a list."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """All that was told under a name since it was asked for last."""
    record = tmp_path / "record.jsonl"
    monkeypatch.setenv("LEADLINE_PROGRESS", str(record))
    record.touch()

    def read(name: str) -> list[Any]:
        return [line[name] for line in map(json.loads, record.read_text().splitlines()) if name in line]

    return read


def test_a_rank_knows_its_share_and_its_rate_but_not_of_what_a_checkpoint_held(clock: list[float]) -> None:
    shown: list[Pace] = []
    meter = Meter(1, 2, shown.append)
    meter.begin(4, 4000)
    clock[0] += 1
    meter.count(600, trained=False)
    for _ in range(2):
        clock[0] += 0.25
        meter.count(100, trained=True)
    clock[0] += 0.125
    meter.count(200, trained=True)
    clock[0] += 60  # while the epoch is tested
    meter.begin(5, 5000)
    assert [(one.epoch, one.reached, one.done, one.windows_per_second) for one in shown] == [
        (4, 4000, 0, 0.0),
        (4, 4600, 0, 0.0),
        (4, 4800, 100, 200.0),
        (5, 5000, 200, 800.0),
    ]
    assert {one.rank for one in shown} == {1}


def test_paces_are_read_as_they_were_shown_and_what_is_none_is_passed_over(tmp_path: Path) -> None:
    shown = [Pace(rank, "here", 0, 10, 5.5, 20) for rank in range(11)]
    for one in reversed(shown):
        pace.to_file(tmp_path)(one)
    (tmp_path / "pace-11.json").write_text('{"rank": 11')
    assert pace.read(tmp_path) == shown
    pace.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_paces_are_told_once_a_second_and_at_last(clock: list[float], told: Told) -> None:
    with pace.telling() as tell:
        for done in range(1, 21):
            tell([Pace(0, "here", 0, done, 1.0, done)])
            clock[0] += 0.125
    assert [ranks[0]["done"] for ranks in told("ranks")] == [1, 9, 17, 20]
    assert told("ranks")[0] == [{"rank": 0, "host": "here", "epoch": 0, "done": 1, "windows_per_second": 1.0}]


def test_a_training_tells_what_it_waits_for_each_epoch_once_and_the_run(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    project = make_project(count=600)
    train_epoch = loop.train_epoch

    def interrupted(work: loop.Fitting, examples: Any, epoch: int) -> tuple[float, float]:
        if epoch == 2:
            raise KeyboardInterrupt
        return train_epoch(work, examples, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_epoch", interrupted)
        assert run(["train", str(project.root), *QUICK]) == 130
    assert "loading PyTorch" in told("waiting")
    assert told("waiting")[-1] == ""
    assert [epoch["epoch"] for epoch in told("epoch")] == [0, 1]
    assert told("result") == []
    assert run(["train", str(project.root), *QUICK]) == 0
    assert [epoch["epoch"] for epoch in told("epoch")] == [0, 1, 0, 1, 2]
    written = (project.root / "models/mlp-v0001/metrics.jsonl").read_text().splitlines()
    assert told("epoch")[2:] == [json.loads(line) for line in written]
    assert "testing on the granules held out" in told("waiting")
    assert (told("done")[-1], told("stage")[-1]) == (told("total")[-1], "train")
    assert told("ranks")[-1][0].items() >= {"rank": 0, "epoch": 2}.items()
    assert run(["train", str(project.root), *QUICK]) == 0
    assert told("result") == ["mlp-v0001", "mlp-v0001"]
    assert told("link") == []


def test_classifying_tells_how_far_each_granule_is_and_which_could_not_be_done(
    make_project: Callable[..., Project], told: Told
) -> None:
    project = make_project(count=600)
    assert run(["train", str(project.root), *QUICK]) == 0
    before = len(told("parts"))
    project.table_path("segments", "A", "gt1l").write_bytes(b"")
    assert run(["classify", str(project.root)]) == 2
    assert [set(parts) for parts in told("parts")[before:]] == [{"B"}, {"B"}]
    assert told("parts")[-1]["B"][0] == told("parts")[-1]["B"][1] > 0
    (failed,) = told("failed")
    assert list(failed) == ["A"]
    assert "segments/granule=A" in failed["A"]
    assert told("result") == ["mlp-v0001"]

"""A training that is cancelled or killed at any moment leaves no process behind, and keeps what it has learned."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from processing.project import Project

pytestmark = pytest.mark.slow

MARK = "LEADLINE_JOB"
LONG = ("--model", "mlp", "--epochs", "200", "--batch", "64", "--workers", "2", "--tracking", "off")
LIMIT = 5.0
"""Seconds within which all must have ended; whoever asked kills what is left then."""

SOME = random.Random(11)


@dataclass
class Command:
    """A training as a program of its own, known by a mark in the environment of all of its processes."""

    program: subprocess.Popen[str]
    mark: str
    record: Path

    def told(self) -> list[dict[str, Any]]:
        """The whole lines of its record."""
        text = self.record.read_text() if self.record.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def processes(self) -> list[psutil.Process]:
        """Those of its processes that have not ended."""
        return [process for process in psutil.process_iter() if self.is_own(process)]

    def is_own(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False

    def wait_for(self, moment: Moment) -> None:
        while not moment(self):
            with pytest.raises(subprocess.TimeoutExpired):
                self.program.wait(0.1)


Moment = Callable[[Command], bool]


@contextmanager
def started(project: Project, *words: str) -> Iterator[Command]:
    mark, record = uuid.uuid4().hex, project.root / "record.jsonl"
    command = [sys.executable, "-c", "from processing.cli import main; main()", "train", str(project.root), *words]
    environment = {**os.environ, MARK: mark, "LEADLINE_PROGRESS": str(record)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as program:
        yield (own := Command(program, mark, record))
        for process in own.processes():
            process.kill()


def waits_for(what: str) -> Moment:
    return lambda command: any(what in line.get("waiting", "") for line in command.told())


def has_processes(count: int) -> Moment:
    return lambda command: len(command.processes()) >= count


def is_in_epoch(epoch: int) -> Moment:
    """Ranks are at work on an epoch that no checkpoint holds whole."""
    return lambda command: any(rank["epoch"] >= epoch for line in command.told() for rank in line.get("ranks", ()))


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(waits_for("loading PyTorch"), id="loading"),
        pytest.param(waits_for("starting 2 Horovod ranks"), id="starting"),
        pytest.param(has_processes(SOME.randint(3, 8)), id="some ranks there"),
        pytest.param(is_in_epoch(SOME.randint(2, 9)), id="in an epoch"),
    ],
)
def test_a_cancelled_training_ends_in_seconds_with_every_rank(make_project, moment: Moment) -> None:
    project = make_project(count=1500)
    with started(project, *LONG) as command:
        command.wait_for(moment)
        asked = time.monotonic()
        command.program.send_signal(signal.SIGTERM)
        said = command.program.communicate()[1]
        took, left = time.monotonic() - asked, command.processes()
    assert left == []
    assert took < LIMIT
    assert command.program.returncode == 130
    assert said.count("leadline: interrupted; what was finished is kept, the same command goes on from there") == 1
    for folder in (project.root / "models").glob(".unfinished-*"):
        assert {file.name for file in folder.iterdir()} <= {"checkpoint.pt", "metrics.jsonl", "ranks.log"}
        if "epoch" in command.told()[-1]:
            assert (folder / "checkpoint.pt").exists()


@pytest.mark.parametrize("backend", ["horovod", "ddp"])
@pytest.mark.parametrize("moment", [has_processes(3), is_in_epoch(1)], ids=["starting", "in an epoch"])
def test_what_a_killed_training_had_started_ends_with_it(make_project, backend: str, moment: Moment) -> None:
    project = make_project(count=1500)
    with started(project, *LONG, "--backend", backend) as command:
        command.wait_for(moment)
        command.program.kill()
        command.program.wait()
        until = time.monotonic() + LIMIT
        while (left := command.processes()) and time.monotonic() < until:
            psutil.wait_procs(left, until - time.monotonic())
        assert left == []

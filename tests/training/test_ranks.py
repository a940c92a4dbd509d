"""Two ranks on this machine take the steps of one; killed or stopped, they end together and go on where they were."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch

from processing.cli import cli, run
from processing.project import Project
from training.commands import register

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def _commands() -> None:
    register(cli)


def weights(project: Project, name: str) -> torch.Tensor:
    state = torch.load(project.root / "models" / name / "model.pt", weights_only=True)["model"]
    return torch.cat([tensor.flatten() for tensor in state.values()])


def epochs(folder: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("model", "batch", "backend"), [("lstm", 101, "horovod"), ("context", 1024, "horovod"), ("lstm", 101, "ddp")]
)
def test_two_ranks_reach_the_weights_of_one(make_project, model: str, batch: int, backend: str) -> None:
    project = make_project(count=3000, beams=("gt1l", "gt1r"))
    shared = ["--model", model, "--epochs", "2", "--batch", str(batch), "--backend", backend, "--tracking", "off"]
    for workers in ("1", "2"):
        words = [*shared, "--workers", workers, "--run-name", f"ranks-{workers}"]
        # The number of ranks makes no other run: the second is trained as another of the same.
        assert run(["train", str(project.root), *words]) == 0
    alone, together = weights(project, "ranks-1"), weights(project, "ranks-2")
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert not torch.equal(alone, torch.zeros_like(alone))
    assert epochs(project.root / "models/ranks-2") == [0, 1]


@contextmanager
def started(project: Project, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a program of its own, which ends with the block."""
    command = [sys.executable, "-c", "from processing.cli import main; main()", "train", str(project.root), *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.terminate()


def ranks_of(command: subprocess.Popen[str]) -> list[psutil.Process]:
    """The ranks that ``command`` has started by now."""
    below = psutil.Process(command.pid).children(recursive=True)
    return [one for one in below if "training.worker" in one.cmdline()[3:5]]


def wait_for_epochs(project: Project, count: int, command: subprocess.Popen[str]) -> Path:
    """The unfinished run's folder, once it tells of ``count`` epochs."""
    while command.poll() is None:
        for folder in (project.root / "models").glob(".unfinished-*"):
            if (folder / "metrics.jsonl").exists() and len(epochs(folder)) >= count:
                return folder
    pytest.fail(f"training ended too soon: {command.communicate()[1]}")


LONG = ("--model", "mlp", "--epochs", "40", "--batch", "64", "--tracking", "off", "--run-name", "long")


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("backend", ["horovod", "ddp"])
def test_a_killed_rank_ends_all_and_training_goes_on(make_project, backend: str) -> None:
    project = make_project(count=1500)
    with started(project, *LONG, "--workers", "2", "--backend", backend) as command:
        folder = wait_for_epochs(project, 2, command)
        ranks = ranks_of(command)
        assert len(ranks) == 2
        ranks[1].kill()
        said = command.communicate()[1].splitlines()
    assert command.returncode == 2
    lines = [line for line in said if line.startswith("leadline: ")]
    assert len(lines) == 1
    assert "the same command goes on from the last epoch" in lines[0]
    assert not any(map(is_alive, ranks))
    assert len(epochs(folder)) >= 2
    assert run(["train", str(project.root), *LONG]) == 0
    resumed = weights(project, "long")
    assert run(["train", str(project.root), *LONG[:-1], "whole"]) == 0
    torch.testing.assert_close(resumed, weights(project, "whole"), atol=1e-4, rtol=0)

"""Two ranks of Horovod on this machine take the steps of one."""

from __future__ import annotations

import json

import pytest
import torch

from processing.cli import cli, run
from processing.errors import MissingError
from processing.project import Project
from training.commands import register
from training.launch import check_launcher


def weights(project: Project, name: str) -> torch.Tensor:
    state = torch.load(project.root / "models" / name / "model.pt", weights_only=True)["model"]
    return torch.cat([tensor.flatten() for tensor in state.values()])


@pytest.mark.slow
def test_two_ranks_reach_the_weights_of_one(make_project) -> None:
    try:
        check_launcher()
    except MissingError as error:
        pytest.skip(error.line)
    register(cli)
    project = make_project(count=500)
    for workers in ("1", "2"):
        words = ["--epochs", "2", "--batch", "101", "--workers", workers, "--run-name", f"ranks-{workers}"]
        assert run(["train", str(project.root), *words]) == 0
    torch.testing.assert_close(weights(project, "ranks-2"), weights(project, "ranks-1"), atol=1e-5, rtol=0)
    assert not torch.equal(weights(project, "ranks-1"), torch.zeros_like(weights(project, "ranks-1")))
    told = (project.root / "models/ranks-2/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in told] == [0, 1]

"""The seam to several ranks: what each backend averages and broadcasts, and what a rank knows of its machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from processing.errors import InputError
from training import distributed, launch

HERE = Path(__file__).parent
FAKE_SSH = """#!/bin/sh
for last; do :; done
exec sh -c "$last"
"""
"""Stands for another host: the command that should run there runs here."""


@pytest.fixture
def probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What each of two ranks of ``rank_probe`` wrote."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    for name in ("HOROVOD_CYCLE_TIME", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)

    def probe(backend: str, hosts: str) -> list[dict[str, Any]]:
        ranks, log = launch.Launch(2, launch.parse_hosts(hosts), backend), tmp_path / "log"
        with launch.launched(ranks, "rank_probe", [backend, str(tmp_path), "end"], log) as job:
            while not launch.finished(job, 0.2):
                pass
        launch.check(job, log)
        return [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]

    return probe


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "hosts"),
    [
        ("horovod", "localhost:1,127.0.0.1:1"),
        ("ddp", "localhost:1,127.0.0.1:1"),
        ("ddp", "localhost:1,far.invalid:1"),
    ],
)
def test_ranks_average_and_broadcast(
    probed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, hosts: str
) -> None:
    (tmp_path / "ssh").write_text(FAKE_SSH)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(launch, "_own_address", lambda _: "127.0.0.1")
    monkeypatch.setattr(launch, "available_cores", lambda: 6)
    told = probed(backend, hosts)
    for rank, tells in enumerate(told):
        assert tells["seat"] == [rank, 2, rank, 2]
        assert tells["average"] == [[5.0, 8.0], [6.0, 9.0], [7.0, 10.0]]
        assert tells["broadcast"] == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
        assert tells["threads"] == ("6" if "far" in hosts else "3")
    assert told[0]["cycle"] == "2"


@pytest.mark.parametrize(("here", "cores", "threads"), [(1, 8, 8), (3, 8, 2), (4, 2, 1)])
def test_ranks_of_a_machine_share_its_cores(here: int, cores: int, threads: int) -> None:
    ranks = distributed.Alone()
    ranks.local_size = here
    assert distributed.threads_of(ranks, cores) == threads


def test_a_rank_counts_those_on_its_machine_and_their_gpus() -> None:
    seats = [distributed._Seat(machine, gpus) for machine, gpus in (("a", 2), ("b", 1), ("a", 2))]
    assert [distributed._locally(seats, rank) for rank in range(3)] == [(0, 2), (0, 1), (1, 2)]
    assert distributed._gpu_each(seats)
    assert not distributed._gpu_each([*seats, distributed._Seat("b", 1)])


class Doubled(distributed.Alone):
    """Two ranks of which the other's gradients are zero; counts what is sent."""

    size = 2
    sent = 0

    def begin_average(self, tensor: torch.Tensor) -> distributed.Pending:
        self.sent += 1
        return lambda: tensor / 2


def test_gradients_travel_as_one_tensor_from_when_they_are_known() -> None:
    ranks, model = Doubled(), torch.nn.Linear(3, 2)
    optimizer = distributed.wrap_optimizer(torch.optim.SGD(model.parameters(), lr=1.0), ranks)
    for count in (1, 2):
        before = [parameter.detach().clone() for parameter in model.parameters()]
        optimizer.zero_grad()
        model(torch.ones(1, 3)).sum().backward()
        assert ranks.sent == count
        optimizer.step()
        assert ranks.sent == count
        for parameter, earlier in zip(model.parameters(), before, strict=True):
            torch.testing.assert_close(parameter.detach(), earlier - 0.5)


def test_another_backend_is_refused() -> None:
    with pytest.raises(InputError, match="no backend 'mpi'; choose one of horovod, ddp"):
        distributed.connect("mpi")


def test_a_rank_that_is_done_ends_at_once_with_all_it_said() -> None:
    code = "import atexit; from training.distributed import Alone, leave; "
    code += "atexit.register(print, 'late'); print('said'); leave(Alone())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "said\n"

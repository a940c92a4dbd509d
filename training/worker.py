"""One training job as a file, and the rank that works on it: ``python -m training.worker FOLDER``.

The command prepares the job once, checks included; the ranks that are started read it from the folder, and the arrays
to learn from where they lie.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from processing.cores import available_cores
from processing.io.atomic import marked
from training import files, pace
from training.device import chosen_device
from training.distributed import Ranks, connect, leave, threads_of
from training.inference import logits_of
from training.loop import Advance, Tell, Watched, fit
from training.models import Classifier
from training.plan import Plan
from training.scores import score
from training.splits import Role
from training.tensors import Tensors, opened
from training.windows import Normalisation, examples

JOB = "job.pt"
MARK = "rank"
"""Marks what ranks write aside, so that what those that were killed have left can be swept away."""

WATCHED = 50_000
"""Test labels that are looked at after each epoch, at most."""

_BLOCK = 2048


@dataclass(frozen=True)
class Job:
    """All that a rank needs.

    Attributes
    ----------
    role : u1 (S,), what each segment serves for. memory : bytes up to which the tensors are held whole. backend : what
    several ranks average by. device : ``auto``, ``cpu`` or ``cuda``.
    """

    data: Tensors
    role: NDArray[np.uint8]
    norm: Normalisation
    plan: Plan
    memory: int
    backend: str
    device: str

    def save(self, folder: Path) -> None:
        state: dict[str, Any] = {
            "data": str(self.data.folder),
            "role": torch.from_numpy(self.role),
            "norm": vars(self.norm),
            "plan": asdict(self.plan),
            "memory": self.memory,
            "backend": self.backend,
            "device": self.device,
        }
        files.save(folder / JOB, state)

    @classmethod
    def load(cls, folder: Path) -> Job:
        state = files.load(folder / JOB)
        return cls(
            data=opened(Path(state["data"])),
            role=state["role"].numpy(),
            norm=Normalisation(**state["norm"]),
            plan=Plan(**state["plan"]),
            **{name: state[name] for name in ("memory", "backend", "device")},
        )


def work(
    job: Job, ranks: Ranks, folder: Path, advance: Advance, tell: Tell | None = None, show: pace.Show | None = None
) -> Classifier:
    """Train on ``job``; checkpoint and metrics go to ``folder``.

    ``tell`` is told of each epoch, and ``show`` shown the pace of this rank.
    """
    looked_at, threads = watched_rows(job.role), threads_of(ranks, available_cores())
    labels = np.asarray(job.data.label[looked_at], np.int64)

    def watch(model: Classifier) -> Watched:
        guess = logits_of(model, job.norm, job.data, looked_at, threads).argmax(axis=1)
        scores = score(labels, guess).to_json()
        return {name: scores[name] for name in ("accuracy", "macro_f1")}

    learned = examples(job.data, job.role, Role.LEARN, job.norm, job.memory // ranks.local_size)
    device = chosen_device(job.device, ranks.local_rank)
    meter = pace.Meter(ranks.rank, ranks.size, show)
    return fit(learned, job.norm.width, job.plan, ranks, folder, watch, advance, device, tell, meter)


def watched_rows(role: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The test rows (S,) to look at after each epoch: all, or those of blocks evenly spread over them."""
    test = role == Role.TEST
    every = -(-int(test.sum()) // WATCHED)
    if every > 1:
        rank = np.cumsum(test) // _BLOCK
        test &= rank % every == 0
    return test


def main() -> None:
    """Entry point of one rank."""
    folder = Path(sys.argv[1])
    job = Job.load(folder)
    ranks = connect(job.backend)
    try:
        with marked(MARK):
            work(job, ranks, folder, lambda _: None, show=pace.to_file(folder))
    except BaseException:
        ranks.close()
        raise
    leave(ranks)


if __name__ == "__main__":
    main()

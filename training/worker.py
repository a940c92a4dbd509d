"""One training job as a file, and the rank that works on it: ``python -m training.worker FOLDER``.

The command prepares the job once, checks included; the ranks that ``horovodrun`` starts read it from the folder.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from training import files
from training.data import Windows
from training.distributed import HorovodRanks, Ranks
from training.evaluate import score
from training.loop import Advance, Plan, Watched, fit
from training.models import Classifier, probabilities

JOB = "job.pt"
_BATCH = 2048


@dataclass(frozen=True)
class Job:
    """``train`` and ``watch`` hold normalised features; ``watch`` is looked at after each epoch and decides nothing."""

    train: Windows
    watch: Windows
    plan: Plan

    def save(self, folder: Path) -> None:
        state = {"train": vars(self.train), "watch": vars(self.watch), "plan": asdict(self.plan)}
        files.save(folder / JOB, state)

    @classmethod
    def load(cls, folder: Path) -> Job:
        state = files.load(folder / JOB)
        return cls(Windows(**state["train"]), Windows(**state["watch"]), Plan(**state["plan"]))


def work(job: Job, ranks: Ranks, folder: Path, advance: Advance) -> Classifier:
    """Train on ``job``; checkpoint and metrics go to ``folder``."""

    def watch(model: Classifier) -> Watched:
        guess = probabilities(model, job.watch.features, job.watch.index, _BATCH).argmax(dim=1)
        scores = score(job.watch.labels.numpy(), guess.numpy()).to_json()
        return {name: scores[name] for name in ("accuracy", "macro_f1")}

    return fit(job.train, job.plan, ranks, folder, watch, advance)


def main() -> None:
    """Entry point of one rank."""
    folder = Path(sys.argv[1])
    ranks = HorovodRanks()
    work(Job.load(folder), ranks, folder, lambda _: None)


if __name__ == "__main__":
    main()

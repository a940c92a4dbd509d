"""A rank for tests: ``python -m rank_probe BACKEND FOLDER DEED`` averages, broadcasts and writes what it got.

Then rank 1 does its deed: ``end`` with the others, ``fail``, or ``hold`` them up.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch

from training.distributed import connect, leave


def main() -> None:
    backend, folder, deed = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    ranks = connect(backend)
    own = torch.arange(6.0).reshape(2, 3).T + 10 * ranks.rank
    told = {
        "pid": os.getpid(),
        "seat": [ranks.rank, ranks.size, ranks.local_rank, ranks.local_size],
        "average": ranks.average(own).tolist(),
        "broadcast": ranks.broadcast(own).tolist(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "cycle": os.environ.get("HOROVOD_CYCLE_TIME"),
    }
    file = folder / f"{ranks.rank}.json"
    file.with_suffix(".part").write_text(json.dumps(told))
    file.with_suffix(".part").rename(file)
    if deed == "fail" and ranks.rank == 1:
        raise ValueError("no such ice")
    if deed == "hold" and ranks.rank == 1:
        signal.pause()
    ranks.average(own)
    leave(ranks)


if __name__ == "__main__":
    main()

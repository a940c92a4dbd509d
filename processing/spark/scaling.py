"""How a stage's time falls with executors and cores: the paper's Tables II and V, on a project of one's own.

A stage is run anew for every set-up, in a project that borrows the inputs and is thrown away. Spark itself says when
its tasks began and ended, so nothing in them keeps time.
"""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from processing.cores import at_most
from processing.io.atomic import ASIDE
from processing.project import Project
from processing.spark.loading import load
from processing.spark.session import cluster, kept_open
from processing.spark.standalone import standalone
from processing.stages import STAGES, Engine

Runner = Callable[[Path, Engine], None]
"""Runs one stage of the project at a path where the engine says."""

_ROOM = 1024
"""MiB that a worker has beyond its executor's own memory."""


@dataclass(frozen=True)
class Setup:
    """Executors and the cores of each; none of both stands for one process without Spark, on one core."""

    executors: int
    cores: int

    @property
    def slots(self) -> int:
        return self.executors * self.cores


PLAIN = Setup(0, 0)


@dataclass(frozen=True)
class Measured:
    """A stage in one set-up.

    Attributes
    ----------
    load : s, reading the inputs in tasks that do nothing else. map : s during which tasks worked on pieces (reading
        included). reduce : s during which tasks put tracks together and wrote them; it overlaps with ``map`` where
        granules do. whole : s from asking for the stage to its last table, tasks given out and results told included.
    tasks : of the stage. moved : bytes between tasks.
    """

    stage: str
    setup: Setup
    whole: float
    load: float = 0.0
    map: float = 0.0
    reduce: float = 0.0
    tasks: int = 0
    moved: int = 0


def measure(
    project: Project, keys: Sequence[str], setup: Setup, engine: Engine, run: Callable[[str], Runner]
) -> Iterator[Measured]:
    """Each stage of ``keys`` in one set-up.

    ``engine`` names the master; where that is ``local[...]`` a cluster of processes on this machine is started for the
    set-up. ``run`` gives what runs a stage.
    """
    if setup == PLAIN:
        for key in keys:
            for name in STAGES[key].needs:
                importlib.import_module(name)
            with _borrowed(project, key) as shadow, at_most(1):
                yield Measured(key, setup, _seconds(partial(run(key), shadow.root, Engine())))
        return
    with _on(setup, engine) as there, kept_open():
        for key in keys:
            with _borrowed(project, key) as shadow:
                yield _on_spark(shadow, key, setup, there, run(key))


def _on_spark(project: Project, key: str, setup: Setup, engine: Engine, run: Runner) -> Measured:
    with cluster(engine, f"scaling-{key}", STAGES[key].needs) as spark:
        load(spark, project, key)  # brings code and its compiled kernels to every core, and files to the disk's cache
        reading = _seconds(partial(load, spark, project, key))
        before = {stage["stageId"] for stage in _stages(spark.page)}
        whole = _seconds(partial(run, project.root, engine))
        stages = [stage for stage in _stages(spark.page) if stage["stageId"] not in before]
    last = [stage for stage in stages if not stage["shuffleWriteBytes"]]
    mapped = [stage for stage in stages if stage["shuffleWriteBytes"]] or last
    return Measured(
        key,
        setup,
        whole,
        reading,
        _covered(mapped),
        _covered(last) if mapped is not last else 0.0,
        sum(stage["numCompleteTasks"] for stage in stages),
        sum(stage["shuffleWriteBytes"] for stage in stages),
    )


@contextmanager
def _on(setup: Setup, engine: Engine) -> Iterator[Engine]:
    """The engine limited to the set-up."""
    values = engine.values_dict() | {"engine": "spark", "cores": setup.slots, "executor_cores": setup.cores}
    if not engine.master.startswith("local"):
        yield Engine(**values)
        return
    with tempfile.TemporaryDirectory(prefix="leadline-scaling-") as folder:
        memory = engine.executor_memory + _ROOM
        with standalone(Path(folder), setup.executors, setup.cores, memory) as running:
            yield Engine(**(values | {"master": running.url}))


@contextmanager
def _borrowed(project: Project, key: str) -> Iterator[Project]:
    """A project beside this one with links to all it has but the output of stage ``key``."""
    root = Path(tempfile.mkdtemp(prefix=f"{ASIDE}scaling-", dir=project.root.resolve()))
    try:
        outputs = [kind.output for kind in STAGES.values()]
        for name in ("inputs", *outputs[: outputs.index(STAGES[key].output)]):
            if (project.root / name).exists():
                (root / name).symlink_to((project.root / name).resolve())
        shutil.copy(project.root / "project.toml", root)
        yield Project(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _stages(page: str) -> list[dict[str, Any]]:
    """Stages that ended, as Spark's own page tells."""
    with urllib.request.urlopen(f"{page}/api/v1/applications", timeout=10) as answer:  # noqa: S310 - our own driver
        ident = json.load(answer)[0]["id"]
    address = f"{page}/api/v1/applications/{ident}/stages?status=complete"
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own driver
        return list(json.load(answer))


def _covered(stages: Sequence[dict[str, Any]]) -> float:
    """Seconds during which any of the stages was at work."""
    spans = sorted((_moment(stage["submissionTime"]), _moment(stage["completionTime"])) for stage in stages)
    total, reached = 0.0, 0.0
    for begin, end in spans:
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fGMT").replace(tzinfo=UTC).timestamp()

"""Something that happens to a Spark job in its middle."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from processing.progress import Step
from processing.spark.standalone import Standalone

_BACKEND = "CoarseGrainedExecutorBackend"


def executors(running: Standalone) -> list[psutil.Process]:
    children = [child for worker in running.workers for child in psutil.Process(worker.pid).children(recursive=True)]
    return [child for child in children if is_executor(child)]


def is_executor(process: psutil.Process) -> bool:
    try:
        return any(_BACKEND in word for word in process.cmdline())
    except psutil.Error:  # it has just ended
        return False


class At:
    """Does something once, while some tasks are done and others are not."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self.seen: Step | None = None

    def __call__(self, step: Step) -> None:
        if self.seen is None and 0 < step.tasks_done < step.tasks:
            self.seen = step
            self._act()


def kill_an_executor(running: Standalone) -> None:
    executors(running)[0].kill()

"""Processes of a Spark application on this machine: what they have of the command's environment, their end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from processing.spark.bootstrap import NICE

APPLICATION = "LEADLINE_APPLICATION"
"""In the environment of executors and their Python: the tag of the cluster they work for."""

HANDED_ON = ("LEADLINE_JOB", NICE)
"""What executors are handed of this process's environment: by whom they are found, and how nice they are to be."""

_LOOK_SECONDS = 0.05


def environment(tag: str) -> dict[str, str]:
    """What executors of the cluster ``tag`` have in their environment."""
    return {APPLICATION: tag} | {name: os.environ[name] for name in HANDED_ON if name in os.environ}


def wait_for_end(tag: str, seconds: float) -> None:
    """Wait until no process of this machine works for the cluster ``tag`` any more, but no longer than ``seconds``."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and any(_works_for(process, tag) for process in psutil.process_iter()):
        time.sleep(_LOOK_SECONDS)


def _works_for(process: psutil.Process, tag: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(APPLICATION) == tag
    except (psutil.Error, OSError):
        return False


@contextmanager
def ended_with(seconds: float) -> Iterator[None]:
    """On any error, an interrupt included, end the processes that the block started; by force after ``seconds``."""
    here = psutil.Process()
    before = set(here.children(recursive=True))
    try:
        yield
    except BaseException:
        begun = [child for child in here.children(recursive=True) if child not in before]
        for child in begun:
            with suppress(psutil.Error):
                child.terminate()
        for child in psutil.wait_procs(begun, seconds)[1]:
            with suppress(psutil.Error):
                child.kill()
        raise

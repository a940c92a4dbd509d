"""A standalone Spark cluster on this machine: one master and some workers as processes on loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from processing.errors import InputError
from processing.interrupt import stop_if_asked

_ADDRESS = "127.0.0.1"
_PATIENCE = 60.0
_PACKAGE = "org.apache.spark.deploy"


@dataclass(frozen=True)
class Standalone:
    """A running cluster.

    Attributes
    ----------
    url : of the master. workers : processes, one a worker, in the order they were started. logs : folder of their logs.
    """

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]
    logs: Path


@contextmanager
def standalone(
    folder: Path, workers: int, cores: int, memory: int, environment: Mapping[str, str] | None = None
) -> Iterator[Standalone]:
    """Run a master and ``workers`` workers of ``cores`` cores and ``memory`` MiB each for the length of the block.

    ``folder`` takes logs and scratch; ``environment`` is added to that of the workers. Raises InputError when Java is
    missing or a process does not come up.
    """
    with ExitStack() as stack:
        master = _begin(stack, folder, "master", ["master.Master", "--port", "0"], {})
        url = _told(master, folder / "master.log", r"Starting Spark master at (spark://\S+)")
        begun = []
        for number in range(workers):
            name = f"worker-{number}"
            words = ["worker.Worker", "--cores", str(cores), "--memory", f"{memory}M", "--work-dir", f"{folder / name}"]
            scratch = {"SPARK_LOCAL_DIRS": str(folder / f"{name}-scratch")}
            begun.append(_begin(stack, folder, name, [*words, url], {**scratch, **(environment or {})}))
        for number, worker in enumerate(begun):
            _told(worker, folder / f"worker-{number}.log", r"(Successfully registered) with master")
        yield Standalone(url, tuple(begun), folder)


def _begin(
    stack: ExitStack, folder: Path, name: str, words: list[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    home = Path(pyspark.__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    kind, *rest = words
    command = [str(home / "bin" / "spark-class"), f"{_PACKAGE}.{kind}", "--host", _ADDRESS, "--webui-port", "0", *rest]
    surroundings = {**os.environ, "SPARK_LOCAL_IP": _ADDRESS, "SPARK_DAEMON_MEMORY": "256m", **environment}
    surroundings["SPARK_HOME"] = str(home)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=surroundings, start_new_session=True
        )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _told(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """What the process says of itself in its log, once it does."""
    limit = time.monotonic() + _PATIENCE
    while True:
        text = log.read_text("utf-8", "replace")
        if found := re.search(pattern, text):
            return found[1]
        stop_if_asked()
        if process.poll() is not None or time.monotonic() > limit:
            last = text.strip().splitlines()[-1:] or ["it said nothing"]
            raise InputError(f"a Spark process did not come up: {last[0]}", where=log, mend="is Java 17 installed?")
        time.sleep(0.05)

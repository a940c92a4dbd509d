"""What runs first in a Python worker on an executor: put the project's code in place, then call it.

This module travels by value inside each task, because the code that it brings is not there yet. So it imports the
standard library alone, and nothing of the project.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib.util
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = ("processing", "training")
TROUBLE = "leadline-executor"
"""Begins the message of an executor that cannot work, up to the end of its line."""

NICE = "LEADLINE_NICE"
"""In the environment: how nice an executor is to be to others of its machine. A cluster's worker starts it as any."""

_KEPT_DAYS = 30


@dataclass(frozen=True)
class Code:
    """The project's code as it travels.

    Attributes
    ----------
    archive : name of the zip that Spark sends along. digest : of the files in it.
    needs : modules that the work imports and that an executor must bring itself.
    """

    archive: str
    digest: str
    needs: tuple[str, ...]


def digest_of(root: Path) -> str:
    """Hex digest of the packages' Python files below ``root``."""
    hasher = hashlib.sha256()
    for file in python_files(root):
        hasher.update(str(file.relative_to(root)).encode())
        hasher.update(file.read_bytes())
    return hasher.hexdigest()[:16]


def python_files(root: Path) -> list[Path]:
    """The packages' Python files below ``root``, sorted."""
    return sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))


def on_executor(code: Code, call: bytes) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function over record batches that brings ``code`` along and then does what ``call``, a pickle, says.

    Spark has Python look for garbage after every task, which takes a tenth of a second where this much code is
    imported. So what an import leaves is taken out of the search.
    """

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        modules = len(sys.modules)
        be_nice()
        bring(code)
        from pyspark import cloudpickle

        yield from cloudpickle.loads(call)(batches)
        if len(sys.modules) > modules:
            gc.collect()
            gc.freeze()

    return run


def be_nice() -> None:
    """Take the niceness that NICE names, with the executor's Java and what starts its Python; in vain if one may not.

    Whatever these start from then on takes it from them.
    """
    try:
        wanted = int(os.environ.get(NICE, ""))
        if os.getpriority(os.PRIO_PROCESS, 0) >= wanted:
            return
        os.setpriority(os.PRIO_PROCESS, 0, wanted)
    except (ValueError, OSError):
        return
    daemon = os.getppid()
    for process in (daemon, _parent(daemon)):
        _make_nice(process, wanted)


def _make_nice(process: int, wanted: int) -> None:
    """Give each thread of a process of this application a niceness: Linux knows one of threads alone."""
    with contextlib.suppress(OSError):
        if f"{NICE}={wanted}".encode() not in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
            return
        for task in Path(f"/proc/{process}/task").iterdir():
            thread = int(task.name)
            with contextlib.suppress(OSError):
                if os.getpriority(os.PRIO_PROCESS, thread) < wanted:
                    os.setpriority(os.PRIO_PROCESS, thread, wanted)


def _parent(process: int) -> int:
    """The process that started another; 0, which is none, where nobody tells."""
    try:
        told = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return 0
    return int(told.rpartition(")")[2].split()[1])


def bring(code: Code) -> None:
    """Make the project's code importable; code installed here already is used when it is the very same.

    Raises RuntimeError that begins with TROUBLE when this Python lacks a module.
    """
    lacking = [name for name in code.needs if importlib.util.find_spec(name) is None]
    if lacking:
        what = f"the Python of executor {socket.gethostname()} ({sys.executable}, {platform.python_version()})"
        raise RuntimeError(f"{TROUBLE}: {what} lacks the module {', '.join(lacking)}")
    if PACKAGES[0] in sys.modules:
        return
    found = importlib.util.find_spec(PACKAGES[0])
    if found is not None and found.origin and digest_of(Path(found.origin).parents[1]) == code.digest:
        return
    sys.path.insert(0, str(_unpacked(code)))
    importlib.invalidate_caches()


def _unpacked(code: Code) -> Path:
    """The archive's content in a folder named after it, so that compiled code is found again by the next job."""
    from pyspark import SparkFiles

    for home in _homes():
        folder = home / code.digest
        try:
            if not folder.is_dir():
                _unpack(Path(SparkFiles.get(code.archive)), folder)
            os.utime(folder)
        except OSError:
            continue
        return folder
    raise RuntimeError(f"{TROUBLE}: executor {socket.gethostname()} has no folder to put the code into")


def _homes() -> Iterator[Path]:
    cache = os.environ.get("XDG_CACHE_HOME")
    yield (Path(cache) if cache else Path.home() / ".cache") / "leadline" / "code"
    yield Path(tempfile.gettempdir()) / f"leadline-code-{os.getuid()}"


def _unpack(archive: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    for old in folder.parent.iterdir():
        if old.stat().st_mtime < time.time() - _KEPT_DAYS * 86400:
            shutil.rmtree(old, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(aside)
        aside.rename(folder)
    except FileExistsError:  # another worker of this machine was first
        pass
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)

"""Who may write a kind of table now: many small runs side by side, or one Spark job alone."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from processing.errors import InputError
from processing.places import is_remote

_FOLDER = ".locks"


@contextmanager
def writing(root: Path, kind: str, *, alone: bool) -> Iterator[None]:
    """Hold the right to write tables of ``kind`` in the project at ``root`` for the length of the block.

    A Spark job writes ``alone``, so that two never mix their results in one run; commands that work in their own
    process may stand side by side. The right ends with the process, however it ends. Raises InputError when somebody
    else's excludes this one. A project in an object store has no locks.
    """
    if is_remote(root):
        yield
        return
    file = root / _FOLDER / f"{kind}.lock"
    file.parent.mkdir(exist_ok=True)
    with file.open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{kind} are being written by {_holder(file)}",
                where=root,
                mend="wait until that has ended, or stop it",
            ) from None
        _sign(file)
        yield


def _sign(file: Path) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    file.write_text(json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": at}), encoding="utf-8")


def _holder(file: Path) -> str:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return f"process {told['process']} on {told['host']} since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

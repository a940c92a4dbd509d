"""Files appear whole or not at all: write aside, fsync, rename."""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

ASIDE = ".aside-"
_MAKER = re.compile(re.escape(ASIDE) + r"(\d+)-(?:(\w+)-(\w*)-)?")
_HOST = re.sub(r"\W", "_", socket.gethostname())
_LONGEST = 86400.0
"""Seconds after which what another host left aside counts as left by a killed process."""

_MARK: ContextVar[str] = ContextVar("_MARK", default="")


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place when the block ends without an error.

    The temporary is removed on any error, an interrupt included.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_prefix(), suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    temporary.chmod(0o644)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def aside_folder(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that takes its place when the block ends without an error.

    With ``exclusive``, a folder that came to stand there meanwhile is left alone, unless it is empty:
    FileExistsError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=_prefix(), dir=path.parent))
    temporary.chmod(0o755)
    former = temporary.with_name(f"{temporary.name}-former")
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                sync(file)
        if path.exists() and not exclusive:
            path.rename(former)
        try:
            _rename(temporary, path)
        except OSError:
            if former.exists():
                former.rename(path)
            raise
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


def _rename(folder: Path, path: Path) -> None:
    try:
        folder.rename(path)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        raise


def _prefix() -> str:
    """Names what is aside after the process that writes it, so that nobody else sweeps it away."""
    return f"{ASIDE}{os.getpid()}-{_HOST}-{_MARK.get()}-"


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Mark what is written aside in the block as of one job, a word, so that the job can sweep up after itself."""
    token = _MARK.set(mark)
    try:
        yield
    finally:
        _MARK.reset(token)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all."""
    with aside(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Flush a file's or a folder's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, mark: str = "") -> None:
    """Remove what killed processes left aside below ``folder``; what a living one writes stays.

    With ``mark``, whatever was written aside in blocks so ``marked`` goes too, on whichever host.
    """
    for here, folders, files in os.walk(folder):
        for name in (name for name in folders if _is_left(Path(here, name), mark)):
            shutil.rmtree(Path(here, name), ignore_errors=True)
        for name in (name for name in files if _is_left(Path(here, name), mark)):
            Path(here, name).unlink(missing_ok=True)
        folders[:] = [name for name in folders if not name.startswith(ASIDE)]


def _is_left(path: Path, mark: str) -> bool:
    maker = _MAKER.match(path.name)
    if maker is None or (mark and maker[3] == mark):
        return path.name.startswith(ASIDE)
    if maker[2] not in {None, _HOST}:
        return _age(path) > _LONGEST
    return not _is_alive(int(maker[1]))


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True

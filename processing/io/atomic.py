"""Files appear whole or not at all: write aside, fsync, rename; in a store, write on this machine and send.

A store shows an object once it has all of it, so sending one is enough.
"""

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

from processing.places import is_remote, listing, put, remove

ASIDE = ".aside-"
_MAKER = re.compile(re.escape(ASIDE) + r"(\d+)-(?:(\w+)-(\w*)-)?")
_HOST = re.sub(r"\W", "_", socket.gethostname())
_LONGEST = 86400.0
"""Seconds after which what another host left aside counts as left by a killed process."""

_MARK: ContextVar[str] = ContextVar("_MARK", default="")


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Yield a temporary path on this machine that takes the place of ``path`` when the block ends without an error.

    The temporary is removed on any error, an interrupt included.
    """
    handle, name = tempfile.mkstemp(prefix=_prefix(), suffix=path.suffix, dir=_folder_for(path))
    os.close(handle)
    temporary = Path(name)
    temporary.chmod(0o644)
    try:
        yield temporary
        if is_remote(path):
            put(temporary, path)
        else:
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def aside_folder(path: Path, *, exclusive: bool = False) -> Iterator[Path]:
    """Yield a temporary folder on this machine that takes the place of ``path`` when the block ends without an error.

    With ``exclusive``, a folder that came to stand there meanwhile is left alone, unless it is empty:
    FileExistsError. In a store its files appear one by one, those that lie directly in it last.
    """
    temporary = Path(tempfile.mkdtemp(prefix=_prefix(), dir=_folder_for(path)))
    temporary.chmod(0o755)
    try:
        yield temporary
        if is_remote(path):
            _send(temporary, path, exclusive=exclusive)
        else:
            _swap(temporary, path, exclusive=exclusive)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, path: Path, *, exclusive: bool) -> None:
    """Let the folder take the place of the one at ``path``, or of none."""
    former = temporary.with_name(f"{temporary.name}-former")
    try:
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
        shutil.rmtree(former, ignore_errors=True)


def _send(temporary: Path, path: Path, *, exclusive: bool) -> None:
    """Send a folder to a store; on any error what was sent is taken back where nothing was before."""
    former = set(listing(path)) if path.exists() else set()
    if former and exclusive:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    names = [str(file.relative_to(temporary)) for file in temporary.rglob("*") if file.is_file()]
    try:
        for name in sorted(names, key=lambda name: ("/" not in name, name)):
            put(temporary / name, path / name)
    except BaseException:
        if not former:
            remove(path)
        raise
    for name in former.difference(names):
        remove(path / name)


def _folder_for(path: Path) -> Path:
    """Where what will stand at ``path`` is written until it is whole."""
    folder = scratch() if is_remote(path) else path.parent
    folder.mkdir(mode=0o700 if is_remote(path) else 0o777, parents=True, exist_ok=True)
    return folder


def scratch() -> Path:
    """Folder of this machine for what is not whole yet and will lie in a store."""
    return Path(tempfile.gettempdir()) / f"leadline-{os.getuid()}"


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

    With ``mark``, whatever was written aside in blocks so ``marked`` goes too, on whichever host. For a folder in a
    store, what lies aside lies on this machine.
    """
    folder = scratch() if is_remote(folder) else folder
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

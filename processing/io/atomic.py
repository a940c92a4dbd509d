"""Files appear whole or not at all: write aside, fsync, rename."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ASIDE = ".aside-"
_MAKER = re.compile(re.escape(ASIDE) + r"(\d+)-")


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
    return f"{ASIDE}{os.getpid()}-"


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


def sweep(folder: Path) -> None:
    """Remove what killed processes left aside below ``folder``; what a living one writes stays."""
    for here, folders, files in os.walk(folder):
        for name in filter(_is_left, folders):
            shutil.rmtree(Path(here, name), ignore_errors=True)
        for name in filter(_is_left, files):
            Path(here, name).unlink(missing_ok=True)
        folders[:] = [name for name in folders if not name.startswith(ASIDE)]


def _is_left(name: str) -> bool:
    maker = _MAKER.match(name)
    return name.startswith(ASIDE) and not (maker and _is_alive(int(maker[1])))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True

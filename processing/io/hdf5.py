"""Opening HDF5 files and reading what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from processing.io.found import UnreadableError
from processing.places import is_remote, open_steadily, opened

AGAIN = "fetch the file again"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Whether ``path`` is a file that begins as HDF5 does; UnreadableError when it must not be read."""
    if not path.is_file():
        return False
    if is_remote(path):
        with opened(path) as stream:
            return stream.read(len(_SIGNATURE)) == _SIGNATURE
    if not os.access(path, os.R_OK):
        raise _forbidden(path)
    return bool(h5py.is_hdf5(path))


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading; UnreadableError when it is missing, forbidden, cut short or damaged."""
    try:
        # Cluster file systems often cannot lock, and nobody writes to these files while they are read.
        return h5py.File(open_steadily(path), "r") if is_remote(path) else h5py.File(path, "r", locking=False)
    except PermissionError:
        raise _forbidden(path) from None
    except FileNotFoundError:
        raise UnreadableError("file is not there (a link may point nowhere)", where=path, mend="add it again") from None
    except OSError as error:
        what = f"HDF5 file is cut short or damaged ({in_short(error)})"
        raise UnreadableError(what, where=path, mend=AGAIN) from None


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Tell in one line, as UnreadableError, what the HDF5 library finds wrong while reading."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, KeyError) and not _is_damage(error):
            raise
        what = f"HDF5 file is cut short or damaged ({in_short(error)})"
        raise UnreadableError(what, where=path, mend=AGAIN) from None


def _is_damage(error: KeyError) -> bool:
    """Whether a name could not be looked up because of what the file holds there, not because it is absent."""
    words = str(error)
    return "Unable to" in words and "doesn't exist" not in words


def product_of(file: h5py.File) -> str:
    """Product by the file's own ``short_name``, such as ``ATL03``; empty where a subsetter dropped it."""
    return text(file.attrs.get("short_name"))


def is_synthetic(file: h5py.File) -> bool:
    """Whether the file's title says that ``leadline twin`` made it."""
    return text(file.attrs.get("title")).startswith("SYNTHETIC")


def text(value: Any) -> str:
    """An attribute or the first value of a dataset as text; empty when there is none."""
    if value is None or not np.size(value):
        return ""
    first = np.ravel(value)[0]
    return first.decode(errors="replace").strip() if isinstance(first, bytes) else str(first).strip()


def in_short(error: BaseException) -> str:
    """An error's words on one line of at most 100 characters."""
    return " ".join(str(error).split())[:100]


def _forbidden(path: Path) -> UnreadableError:
    return UnreadableError("no permission to read it", where=path, mend="ask its owner for it")

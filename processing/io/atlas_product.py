"""What the readers of ATLAS sea-ice products (ATL07, ATL10) share: opening, recognising, columns without fill."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from processing.errors import InputError, MissingError

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
"""Zero of ``delta_time``: the ATLAS epoch; no leap second has been added since."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HUGE = 1e30
_NAME = re.compile(r"(ATL\d\d(?:-0[12])?_\d{14}_\d{8}_\d{3}_\d{2})")

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """An open granule of one product.

    Attributes
    ----------
    path : the file.
    file : the open HDF5 file.
    release : such as ``"006"``; empty where the granule does not say.
    """

    path: Path
    file: h5py.File
    release: str

    def has(self, name: str) -> bool:
        return name in self.file

    def dataset(self, name: str) -> h5py.Dataset:
        """The dataset at ``name``; raises MissingError that names the path."""
        found = self.file.get(name)
        if not isinstance(found, h5py.Dataset):
            release = f" (release {self.release})" if self.release else ""
            raise MissingError(f"granule{release} has no dataset /{name}", where=self.path)
        return found

    def floats(self, name: str, *, optional: int | None = None) -> F8:
        """A column as f8 with NaN for fill values; NaN throughout, ``optional`` long, where an optional one is absent.

        Fill is the dataset's ``_FillValue`` or anything beyond 1e30, which is how invalid corrections are written.
        """
        if optional is not None and name not in self.file:
            return np.full(optional, np.nan)
        dataset = self.dataset(name)
        values = self._read(dataset).astype(np.float64)
        fill = dataset.attrs.get("_FillValue")
        wrong = ~np.isfinite(values) | (np.abs(values) > _HUGE)
        if fill is not None:
            wrong |= values == float(np.ravel(fill)[0])
        values[wrong] = np.nan
        return values

    def integers(self, name: str) -> npt.NDArray[np.int64]:
        """A column of codes, counts or indices as i8, fill values as written."""
        return self._read(self.dataset(name)).astype(np.int64)

    def times(self, name: str) -> npt.NDArray[np.datetime64]:
        """``delta_time`` as UTC, datetime64[ns]; NaT for fill values."""
        seconds = self.floats(name)
        known = np.isfinite(seconds)
        ns = np.round(np.where(known, seconds, 0.0) * 1e9).astype("timedelta64[ns]")
        return np.where(known, EPOCH + ns, np.datetime64("NaT", "ns"))

    def _read(self, dataset: h5py.Dataset) -> np.ndarray:
        try:
            return np.asarray(dataset[()])
        except OSError as error:
            raise InputError(f"damaged dataset {dataset.name} ({error})", where=self.path) from error


@contextmanager
def open_product(path: Path, short_name: str) -> Iterator[Product]:
    """Open a granule; raises InputError when it is no HDF5, damaged, or another product."""
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise MissingError("file is not there", where=path) from None
    except OSError as error:
        raise InputError(f"not a whole HDF5 file ({str(error)[:120]})", where=path) from error
    with file:
        found = product_name(path, file)
        if found != short_name:
            raise InputError(f"not an {short_name} granule but {found or 'something else'}", where=path)
        yield Product(path, file, _release(file))


def is_product(path: Path, short_name: str) -> bool:
    """Whether ``path`` is a readable HDF5 granule of that product."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        if stream.read(len(_SIGNATURE)) != _SIGNATURE:
            return False
    try:
        with h5py.File(path, "r") as file:
            return product_name(path, file) == short_name
    except OSError:
        return False


def product_name(path: Path, file: h5py.File) -> str:
    """Product from the granule's own ``short_name``, or from the file name where a subsetter dropped that."""
    own = _text(file.attrs.get("short_name"))
    named = _NAME.search(path.name)
    return own or (named.group(1)[:5] if named else "")


def identifier(path: Path) -> str:
    """The producer's granule identifier, without what a subsetter put before or after; else the file's stem."""
    named = _NAME.search(path.name)
    return named.group(1) if named else path.stem


def _release(file: h5py.File) -> str:
    found = file.get("ancillary_data/release")
    return _text(np.ravel(found[()])[0]) if isinstance(found, h5py.Dataset) else ""


def _text(value: object) -> str:
    if value is None:
        return ""
    raw = np.ravel(np.asarray(value))[0]
    return raw.decode("ascii", "replace").strip() if isinstance(raw, bytes) else str(raw).strip()

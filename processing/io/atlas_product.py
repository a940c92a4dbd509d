"""What the readers of ATLAS sea-ice products (ATL07, ATL10) share: opening, recognising, columns without fill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from processing.core.corrections import without_fill
from processing.errors import InputError, MissingError
from processing.io import granule_name
from processing.io.found import UnreadableError
from processing.io.hdf5 import damage, is_hdf5, is_synthetic, open_hdf5, product_of, text
from processing.io.times import ATLAS_EPOCH

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
        if fill is not None:
            values[values == float(np.ravel(fill)[0])] = np.nan
        return without_fill(values)

    def integers(self, name: str) -> npt.NDArray[np.int64]:
        """A column of codes, counts or indices as i8, fill values as written."""
        return self._read(self.dataset(name)).astype(np.int64)

    def times(self, name: str) -> npt.NDArray[np.datetime64]:
        """``delta_time`` as UTC, datetime64[ns]; NaT for fill values."""
        seconds = self.floats(name)
        known = np.isfinite(seconds)
        ns = np.round(np.where(known, seconds, 0.0) * 1e9).astype("timedelta64[ns]")
        return np.where(known, ATLAS_EPOCH + ns, np.datetime64("NaT", "ns"))

    def _read(self, dataset: h5py.Dataset) -> np.ndarray:
        return np.asarray(dataset[()])


@contextmanager
def open_product(path: Path, short_name: str) -> Iterator[Product]:
    """Open a granule; raises InputError when it is no HDF5, damaged, or another product."""
    if not path.exists():
        raise MissingError("file is not there", where=path)
    with open_hdf5(path) as file, damage(path):
        found = _product_name(path, file)
        if found != short_name:
            raise InputError(f"not an {short_name} granule but {found or 'something else'}", where=path)
        yield Product(path, file, _release(file))


def is_product(path: Path, short_name: str) -> bool:
    """Whether ``path`` is a readable HDF5 granule of that product."""
    try:
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file, damage(path):
            return _product_name(path, file) == short_name
    except UnreadableError:
        return False


def product_name(path: Path) -> str:
    """Product of an HDF5 granule, such as ``ATL07``; empty where it says none.

    Raises MissingError when the file is not there, UnreadableError when it is damaged or no HDF5.
    """
    if not path.exists():
        raise MissingError("file is not there", where=path)
    with open_hdf5(path) as file, damage(path):
        return _product_name(path, file)


def details(product: Product, beams: tuple[str, ...]) -> dict[str, object]:
    """What a project keeps of a granule: its beams, and that it is synthetic where it is."""
    return {"beams": list(beams)} | ({"synthetic": True} if is_synthetic(product.file) else {})


def _product_name(path: Path, file: h5py.File) -> str:
    """Product from the granule's own ``short_name``, or from the file name where a subsetter dropped that."""
    return product_of(file) or granule_name.product(path)


def _release(file: h5py.File) -> str:
    found = file.get("ancillary_data/release")
    return text(found[()]) if isinstance(found, h5py.Dataset) else ""

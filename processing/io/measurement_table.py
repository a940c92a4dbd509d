"""Tables of CSV, Parquet and NetCDF as columns of arrays with their units, whatever the format."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.errors import InputError
from processing.io.found import UnreadableError
from processing.io.measurement_names import split_unit
from processing.places import opened, readable

NETCDF = (".nc", ".nc4", ".cdf")
_CSV = (".csv", ".csv.gz", ".txt", ".dat", ".tsv")
_PARQUET = (".parquet", ".geoparquet", ".pq")
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_CLASSIC_MAGIC = b"CDF"
_HEAD = 1 << 16


@dataclass(frozen=True)
class Heading:
    """What a file says of its columns before they are read.

    Attributes
    ----------
    names : columns. units : by column, where the file tells. meanings : standard or long names, where the file tells.
    title : the file's own title. layout : what reading its rows needs besides.
    """

    names: tuple[str, ...]
    units: Mapping[str, str]
    meanings: Mapping[str, str]
    title: str = ""
    layout: tuple[Any, ...] = ()

    @property
    def synthetic(self) -> bool:
        return self.title.lstrip("# ").startswith("SYNTHETIC")


def can_hold(path: Path) -> bool:
    """Whether the name is that of a table in one of the formats; plain text only as CSV, which others are seldom."""
    name = path.name.lower()
    return name.endswith((".csv", ".csv.gz", *_PARQUET, *NETCDF))


def read_heading(path: Path) -> Heading:
    """Columns of a table and their units. Raises UnreadableError when it cannot be read or is of no known format."""
    with _damage(path):
        return _format(path).heading(path)


def read_table(path: Path, heading: Heading, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Some columns of a table, all of one length; text and times as pandas reads them.

    Raises UnreadableError when the file is damaged, InputError where the columns are not of one dimension.
    """
    with _damage(path):
        return _format(path).rows(path, heading, list(dict.fromkeys(names)))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Tell what libraries find wrong with a file in one line."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        words = " ".join(str(error).split())[:100]
        raise UnreadableError(f"table cannot be read ({words})", where=path) from None


def _format(path: Path) -> Any:
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return _Parquet
    if name.endswith(_CSV):
        return _Text
    if name.endswith((*NETCDF, ".h5", ".hdf5")):
        return _NetCDF
    raise UnreadableError(
        "no table of a known format", where=path, mend="give CSV (.csv), Parquet (.parquet) or NetCDF (.nc)"
    )


class _Text:
    """CSV and its kin: comma, semicolon, tab or blanks; lines of comment begin with #, and one may be the heading."""

    @staticmethod
    def heading(path: Path) -> Heading:
        lines = _first_lines(path)
        comments = next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines))
        remarks = [line.lstrip("#").strip() for line in lines[:comments]]
        body = [line for line in lines[comments:] if line.strip()]
        is_commented = bool(remarks) and bool(body) and _is_numbers(body[0])
        first = remarks[-1] if is_commented else (body[0] if body else "")
        if not first:
            raise UnreadableError("table cannot be read (it is empty)", where=path)
        separator = _separator(first)
        fields = first.split() if separator == r"\s+" else next(csv.reader([first], delimiter=separator))
        told = [split_unit(field) for field in fields]
        units = {field.strip(): unit for field, (_, unit) in zip(fields, told, strict=True) if unit}
        title = next((remark for remark in remarks if remark.startswith("SYNTHETIC")), "")
        skipped = comments if is_commented else comments + 1
        data = body[0 if is_commented else 1 :]
        # Between semicolons a comma is where others write a point.
        decimal = "," if separator == ";" and data and "," in data[0] else "."
        return Heading(tuple(field.strip() for field in fields), units, {}, title, (separator, skipped, decimal))

    @staticmethod
    def rows(path: Path, heading: Heading, names: list[str]) -> dict[str, npt.NDArray[Any]]:
        import pandas as pd

        separator, skipped, decimal = heading.layout
        with readable(path) as source:
            frame = pd.read_csv(
                source,
                sep=separator,
                names=list(heading.names),
                usecols=names,
                skiprows=skipped,
                header=None,
                index_col=False,
                skipinitialspace=True,
                decimal=decimal,
                low_memory=False,
                compression="gzip" if path.name.lower().endswith(".gz") else None,
            )
        return {name: frame[name].to_numpy() for name in names}


class _Parquet:
    """Parquet; a field's metadata may name its unit."""

    @staticmethod
    def heading(path: Path) -> Heading:
        import pyarrow.parquet as pq

        with readable(path) as source:
            schema = pq.read_schema(source)
        told = {field.name: field.metadata or {} for field in schema}
        units = {name: (each.get(b"unit") or each.get(b"units") or b"").decode() for name, each in told.items()}
        in_name = {name: split_unit(name)[1] for name in told}
        title = (schema.metadata or {}).get(b"title", b"").decode()
        return Heading(tuple(schema.names), {name: units[name] or in_name[name] for name in told}, {}, title)

    @staticmethod
    def rows(path: Path, heading: Heading, names: list[str]) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG004
        import pyarrow.parquet as pq

        with readable(path) as source:
            frame = pq.read_table(source, columns=names).to_pandas()
        return {name: frame[name].to_numpy() for name in names}


class _NetCDF:
    """NetCDF, classic or in HDF5: variables along one dimension; fill values, scale and offset as the file says."""

    @staticmethod
    def heading(path: Path) -> Heading:
        with readable(path) as source, _dataset(path, source) as data:
            names = [str(name) for name in data.variables if data[name].ndim <= 1]
            units = {name: str(data[name].attrs.get("units", "")) for name in names}
            meanings = {
                name: str(data[name].attrs.get("standard_name") or data[name].attrs.get("long_name") or "")
                for name in names
            }
            return Heading(tuple(names), units, meanings, str(data.attrs.get("title", "")))

    @staticmethod
    def rows(path: Path, heading: Heading, names: list[str]) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG004
        with readable(path) as source, _dataset(path, source) as data:
            lengths = {dimension for name in names for dimension in data[name].dims}
            if len(lengths) != 1:
                raise InputError(
                    f"its variables lie along {', '.join(sorted(map(str, lengths))) or 'no dimension'}, not along one",
                    where=path,
                    mend="give a table of single measurements, not a grid",
                )
            size = data.sizes[next(iter(lengths))]
            return {name: np.broadcast_to(data[name].to_numpy(), (size,)) for name in names}


def _dataset(path: Path, source: Any) -> Any:
    """The file's variables as numbers, with fill values as NaN; times stay numbers with their units."""
    import xarray

    with opened(path) as stream:
        head = stream.read(len(_HDF5_MAGIC))
    if head != _HDF5_MAGIC and not head.startswith(_CLASSIC_MAGIC):
        raise UnreadableError("table cannot be read (it is no NetCDF file)", where=path)
    engine: Any = "h5netcdf" if head == _HDF5_MAGIC else "scipy"
    return xarray.open_dataset(source, engine=engine, decode_times=False, decode_coords=False)


def _first_lines(path: Path) -> list[str]:
    with opened(path) as stream:
        packed = path.name.lower().endswith(".gz")
        head = gzip.GzipFile(fileobj=stream).read(_HEAD) if packed else stream.read(_HEAD)
    if b"\x00" in head:
        raise UnreadableError("table cannot be read (it is no text)", where=path)
    return head.decode("utf-8-sig", errors="replace").splitlines()


def _separator(line: str) -> str:
    counts = {mark: line.count(mark) for mark in (",", ";", "\t")}
    most = max(counts, key=lambda mark: counts[mark])
    return most if counts[most] else r"\s+"


def _is_numbers(line: str) -> bool:
    """Whether a line begins with a number, so that it is data and no heading."""
    fields = line.replace(",", " ").replace(";", " ").split()
    try:
        float(fields[0])
    except (ValueError, IndexError):
        return False
    return True

"""Tracks as NetCDF-4 with CF conventions: trajectories, one for each beam of a granule, in a contiguous ragged array.

CF-1.11, section 9.3.3 and H.4.3. Rows of all tracks lie one after the other along ``obs``; ``row_size`` tells how many
belong to each trajectory. Times are whole microseconds. Text that stands in rows is stored as codes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pyarrow as pa

from processing.io import cf
from processing.io.atomic import aside
from processing.io.exported import Exported, Parts

_CHUNK = 65_536
_STORED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_OF_TRACK = ("granule_id", "beam")


def write_netcdf(out: Path, what: Exported, parts: Parts) -> int:
    """Write NetCDF-4, whole or not at all, and return the rows; a part is a track."""
    with aside(out) as temporary, h5netcdf.File(temporary, "w") as file:
        file.dimensions = {"trajectory": len(what.tracks), "obs": None}
        for name, value in cf.tracks_attributes(what).items():
            file.attrs[name] = value
        _write_tracks(file, what)
        columns = _columns(file, what)
        sizes: list[int] = []
        for part in parts:
            start = sum(sizes)
            file.resize_dimension("obs", start + part.num_rows)
            for column in columns:
                column.append(start, part)
            sizes.append(part.num_rows)
        for column in columns:
            column.end()
        file.variables["row_size"][:] = np.array(sizes + [0] * (len(what.tracks) - len(sizes)), np.int32)
    return sum(sizes)


def _write_tracks(file: Any, what: Exported) -> None:
    crs = file.create_variable("crs", (), np.int32)
    crs[...] = 0
    crs.attrs.update({"long_name": "coordinate reference system", **cf.mapping_attributes(4326)})
    text = h5py.string_dtype()
    columns = {
        "trajectory_id": ("granule and beam", [f"{granule}/{beam}" for granule, beam in what.tracks]),
        "granule_id": ("granule identifier", [granule for granule, _ in what.tracks]),
        "beam": ("ground track of the beam", [beam for _, beam in what.tracks]),
    }
    for name, (meaning, values) in columns.items():
        variable = file.create_variable(name, ("trajectory",), text)
        variable[:] = np.array(values, object)
        variable.attrs["long_name"] = meaning
    file.variables["trajectory_id"].attrs["cf_role"] = "trajectory_id"
    size = file.create_variable("row_size", ("trajectory",), np.int32)
    size.attrs.update({"long_name": "number of rows of the track", "sample_dimension": "obs"})


def _columns(file: Any, what: Exported) -> list[_Numbers]:
    names = [each.name for each in what.fields if each.name not in _OF_TRACK]
    return [_column(file, each, names, what) for each in what.fields if each.name in names]


def _column(file: Any, field: pa.Field, names: list[str], what: Exported) -> _Numbers:
    attributes = cf.attributes(field, names, mean_sea_level=what.mean_sea_level)
    if field.name not in ("time", "lat", "lon"):
        attributes |= {"coordinates": "time lat lon", "grid_mapping": "crs"}
    if pa.types.is_timestamp(field.type):
        return _Times(file, field.name, np.dtype(np.int64), attributes)
    if pa.types.is_boolean(field.type):
        return _Numbers(file, field.name, np.dtype(np.int8), attributes)
    if pa.types.is_string(field.type):
        return _Words(file, field.name, np.dtype(np.int32), attributes)
    return _Numbers(file, field.name, np.dtype(field.type.to_pandas_dtype()), attributes)


class _Numbers:
    """One variable along ``obs``."""

    def __init__(self, file: Any, name: str, kind: np.dtype[Any], attributes: dict[str, Any]) -> None:
        fill = cf.fill_value(name, kind)
        self.name, self.kind = name, kind
        self.variable = file.create_variable(
            name, ("obs",), kind, fillvalue=None if fill is None else kind.type(fill), chunks=(_CHUNK,), **_STORED
        )
        self.variable.attrs.update(attributes)

    def append(self, start: int, part: pa.Table) -> None:
        """Write the part's column from row ``start`` on."""
        if part.num_rows:
            self.variable[start : start + part.num_rows] = self.values(part[self.name])

    def values(self, column: pa.ChunkedArray) -> Any:
        """(n,) values as they are stored."""
        return column.to_numpy().astype(self.kind, copy=False)

    def end(self) -> None:
        """What is known only when all rows are written."""


class _Times(_Numbers):
    """Times, UTC, as whole microseconds since the epoch."""

    def __init__(self, file: Any, name: str, kind: np.dtype[Any], attributes: dict[str, Any]) -> None:
        super().__init__(file, name, kind, attributes | dict(cf.TIME))

    def values(self, column: pa.ChunkedArray) -> Any:
        nanoseconds = column.cast(pa.int64()).to_numpy()
        return (nanoseconds + 500) // 1000 - cf.EPOCH.astype(np.int64)


class _Words(_Numbers):
    """Text as codes in the order in which the words first come; ``flag_meanings`` has no blanks, ``words`` has them."""

    def __init__(self, file: Any, name: str, kind: np.dtype[Any], attributes: dict[str, Any]) -> None:
        super().__init__(file, name, kind, {key: value for key, value in attributes.items() if key != "units"})
        self._codes: dict[str, int] = {}

    def values(self, column: pa.ChunkedArray) -> Any:
        coded = column.combine_chunks().dictionary_encode()
        words = [str(word or "") for word in coded.dictionary.to_pylist()]
        places = np.array([self._codes.setdefault(word, len(self._codes)) for word in words], np.int32)
        none = self._codes.setdefault("", len(self._codes)) if coded.null_count else 0
        return np.append(places, none).astype(np.int32)[coded.indices.fill_null(len(words)).to_numpy()]

    def end(self) -> None:
        words = list(self._codes) or [""]
        meanings = [re.sub(r"[^A-Za-z0-9_.+@-]", "_", word) or "none" for word in words]
        self.variable.attrs["flag_values"] = np.arange(len(words), dtype=np.int32)
        self.variable.attrs["flag_meanings"] = " ".join(meanings)

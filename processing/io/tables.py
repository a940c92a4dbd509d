"""Tables on disk: Parquet with zstd, sorted along the track, stamped with their provenance, written whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from processing.errors import InputError, MissingError, StaleError
from processing.io.atomic import aside
from processing.places import readable
from processing.provenance import Stamp
from processing.schema import SCHEMA_VERSION, Table

ROW_GROUP = 8192
_STAMP = b"leadline"
_ASCENDING = (pa.int32(), pa.int64())


def write(path: Path, schema: Table, batches: pa.Table | Iterable[pa.Table], stamp: Stamp) -> int:
    """Write a table whole or not at all and return its number of rows.

    ``batches`` is one table or tables in along-track order; each is validated against ``schema``.
    """
    tables = [batches] if isinstance(batches, pa.Table) else batches
    arrow = schema.arrow.with_metadata({_STAMP: stamp.to_json().encode()})
    rows = 0
    with aside(path) as temporary, pq.ParquetWriter(temporary, arrow, **_layout(arrow)) as out:
        for table in tables:
            valid = schema.validate(table, str(path)).replace_schema_metadata(arrow.metadata)
            out.write_table(valid.unify_dictionaries(), row_group_size=ROW_GROUP)
            rows += valid.num_rows
    return rows


def _layout(schema: pa.Schema) -> dict[str, Any]:
    """How columns are stored: dictionaries where values recur, differences where they ascend, floats as they are.

    A dictionary of measured values costs three times the time of writing without it, and more space.
    """
    kinds = {field.name: field.type for field in schema}
    ascending = [name for name, kind in kinds.items() if kind in _ASCENDING or pa.types.is_timestamp(kind)]
    plain = [name for name, kind in kinds.items() if pa.types.is_floating(kind)]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in kinds if name not in {*ascending, *plain}],
        "column_encoding": dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
    }


def read(
    path: Path,
    schema: Table,
    columns: Sequence[str] | None = None,
    between: tuple[str, float, float] | None = None,
    command: str = "",
) -> pa.Table:
    """Read a table, or some of its columns, or the rows whose column lies in a closed range.

    Parameters
    ----------
    between : ``(column, low, high)``; only the row groups that can hold such rows are read.
    command : the command that makes the table, for the message when it is missing or stale.

    Raises MissingError, StaleError (other schema version) or InputError (damaged file, wrong columns).
    """
    with _damage(path, command), readable(path) as source, pq.ParquetFile(source, memory_map=True) as file:
        _check_version(file, path, command)
        names = list(schema.names if columns is None else columns)
        _check_columns(file.schema_arrow, schema, names, path)
        if between is None:
            return file.read(names).replace_schema_metadata()
        return _read_between(file, names, between).replace_schema_metadata()


def read_rows(path: Path, schema: Table, columns: Sequence[str], start: int, stop: int, command: str = "") -> pa.Table:
    """Read some columns of the rows ``start`` to below ``stop``; only the row groups that hold them are read.

    Raises as :func:`read`.
    """
    with _damage(path, command), readable(path) as source, pq.ParquetFile(source, memory_map=True) as file:
        _check_version(file, path, command)
        _check_columns(file.schema_arrow, schema, columns, path)
        groups: list[int] = []
        first = end = 0
        for group in range(file.metadata.num_row_groups):
            begin, end = end, end + file.metadata.row_group(group).num_rows
            if begin < stop and end > start:
                first = first if groups else begin
                groups.append(group)
        table = file.read_row_groups(groups, list(columns)).replace_schema_metadata()
    return table.slice(max(0, start - first), max(0, stop - start))


@dataclass(frozen=True)
class Ranges:
    """What the footer of a table tells of its k row groups.

    Attributes
    ----------
    start : (k + 1,) i8 first row of each, and the number of rows. known : (k,) whether it tells of all columns.
    low, high : by column, (k,) least and greatest value in each, as stored (a timestamp as an integer); 0 if not known.
    """

    start: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]
    low: Mapping[str, npt.NDArray[Any]]
    high: Mapping[str, npt.NDArray[Any]]


def read_ranges(path: Path, schema: Table, columns: Sequence[str], command: str = "") -> Ranges:
    """Where in a table the values of some columns lie; no row is read. Raises as :func:`read`."""
    with _damage(path, command), readable(path) as source, pq.ParquetFile(source, memory_map=True) as file:
        _check_version(file, path, command)
        _check_columns(file.schema_arrow, schema, columns, path)
        groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
        start = np.concatenate([[0], np.cumsum([group.num_rows for group in groups], dtype=np.int64)])
        places = [file.schema_arrow.get_field_index(name) for name in columns]
        found = [[group.column(place).statistics for place in places] for group in groups]
    known = [all(each is not None and each.has_min_max for each in of_group) for of_group in found]
    low, high = (
        {
            name: np.array([getattr(each[at], end) if sure else 0 for each, sure in zip(found, known, strict=True)])
            for at, name in enumerate(columns)
        }
        for end in ("min_raw", "max_raw")
    )
    return Ranges(start, np.array(known, bool), low, high)


def read_stamp(path: Path) -> Stamp | None:
    """Provenance of the table at ``path``, or None when there is no readable stamped table."""
    try:
        with readable(path) as source:
            metadata = pq.read_schema(source).metadata or {}
        return Stamp.from_json(metadata[_STAMP].decode())
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None


def is_current(path: Path, stamp: Stamp) -> bool:
    """Whether the table at ``path`` exists and was made from exactly what ``stamp`` says."""
    found = read_stamp(path)
    return found is not None and found.fingerprint == stamp.fingerprint


def count_rows(path: Path) -> int:
    """Rows of the table at ``path``, from its footer. Raises MissingError, or InputError for a damaged table."""
    with _damage(path, ""), readable(path) as source:
        return int(pq.read_metadata(source).num_rows)


@contextmanager
def _damage(path: Path, command: str) -> Iterator[None]:
    """Tell a missing or damaged table in one line; what the operating system refuses stays as it is."""
    mend = f"run: {command}" if command else ""
    try:
        yield
    except FileNotFoundError:
        raise MissingError("table is not there", where=path, mend=mend) from None
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"damaged table ({str(error)[:120]})", where=path, mend=mend) from error


def _check_version(file: pq.ParquetFile, path: Path, command: str) -> None:
    metadata = file.schema_arrow.metadata or {}
    mend = f"run: {command}" if command else "make it again with this version"
    if _STAMP not in metadata:
        raise StaleError("table carries no provenance, so it was not written by leadline", where=path, mend=mend)
    try:
        version = Stamp.from_json(metadata[_STAMP].decode()).schema_version
    except (TypeError, ValueError):
        raise InputError("damaged table (its provenance cannot be read)", where=path, mend=mend) from None
    if version != SCHEMA_VERSION:
        raise StaleError(f"table has schema version {version}, this is {SCHEMA_VERSION}", where=path, mend=mend)


def _check_columns(found: pa.Schema, schema: Table, names: Sequence[str], path: Path) -> None:
    for name in names:
        kind = schema.column(name).type
        if name not in found.names:
            raise InputError(f"table {schema.name} lacks column {name!r}", where=path)
        if found.field(name).type != kind:
            raise InputError(f"column {name!r} is {found.field(name).type}, the contract says {kind}", where=path)


def _read_between(file: pq.ParquetFile, names: list[str], between: tuple[str, float, float]) -> pa.Table:
    column, low, high = between
    index = file.schema_arrow.get_field_index(column)
    groups = []
    for group in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(group).column(index).statistics
        if statistics is None or not statistics.has_min_max or (statistics.min <= high and statistics.max >= low):
            groups.append(group)
    wanted = names if column in names else [*names, column]
    table = file.read_row_groups(groups, wanted)
    keep = pc.and_(pc.greater_equal(table[column], low), pc.less_equal(table[column], high))
    return table.filter(keep).select(names)

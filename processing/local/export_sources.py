"""What can be exported: a project's tables with time and place beside each row, and what derives from freeboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from processing.errors import InputError, StaleError
from processing.io import tables
from processing.local.derived import DERIVED, Derived
from processing.local.measured import MeasuredTrack, measured_track
from processing.project import Project
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, SNAPSHOT, TRUTH, Column, Table
from processing.stages import Aggregate, Shape, Stage, Thickness

PLACE = ("segment", "x_atc", "time", "lat", "lon")
"""Columns that stand beside every row of a table of segments."""

KEPT = ("granule_id", "beam", *PLACE)
"""Columns that stay whichever are chosen."""

_MEASURED = (
    Column("label", pa.int8(), "1", "class that freeboard was measured with, codes as label_auto"),
    Column("height", pa.float32(), "m", "surface height above the reference surface"),
    Column("height_sigma", pa.float32(), "m", "standard error of the surface height"),
)


@dataclass(frozen=True)
class Source:
    """One thing that can be exported, track by track.

    Attributes
    ----------
    name, title : what it is called, and what it is.
    kind : folder of the tables that decide which tracks there are. command : that makes them, empty for inputs.
    has_runs : whether there are several by runs or snapshots.
    fields : columns with ``unit`` and ``meaning`` as metadata.
    read : makes the table of one granule and beam of a run. stages : whose parameters it uses beyond the tables' own.
    """

    name: str
    title: str
    kind: str
    command: str
    has_runs: bool
    fields: pa.Schema
    read: Callable[[Project, str, str, str], pa.Table]
    stages: tuple[type[Stage], ...] = ()


def source(name: str) -> Source:
    """The source of that name; raises InputError that tells which there are."""
    if name in _TABLES:
        return _of_table(name)
    if name not in DERIVED:
        raise InputError(f"there is no table {name!r} to export", mend=f"--what is one of {', '.join(names())}")
    return _of_derived(DERIVED[name])


def names() -> list[str]:
    """Names of everything that can be exported."""
    return [*_TABLES, *DERIVED]


_TABLES: dict[str, tuple[Table, str, str]] = {
    "segments": (SEGMENT, "resample", "ICESat-2 photons gathered in 2 m segments along the track"),
    "autolabels": (LABEL, "autolabel", "Sea-ice classes along ICESat-2 tracks, labelled from Sentinel-2 scenes"),
    "snapshots": (SNAPSHOT, "snapshot", "Sea-ice classes along ICESat-2 tracks, corrected by analysts"),
    "predictions": (PREDICTION, "classify", "Sea-ice classes along ICESat-2 tracks, from a trained model"),
    "freeboard": (FREEBOARD, "freeboard", "Sea-ice freeboard and local sea surface along ICESat-2 tracks"),
    "truth": (TRUTH, "", "True classes, heights and freeboard of synthetic tracks"),
}
_HAS_RUNS = ("snapshots", "predictions", "freeboard")


def _of_table(name: str) -> Source:
    schema, command, title = _TABLES[name]
    kind = "inputs/truth" if name == "truth" else name
    if name == "freeboard":
        return Source(name, title, kind, command, True, _fields(schema, _MEASURED), _read_freeboard)
    fields = _fields(schema)

    def read(project: Project, granule: str, beam: str, run: str) -> pa.Table:
        path = project.table_path(kind, granule, beam, run)
        table = tables.read(path, schema)
        if schema is not SEGMENT:
            table = _with_place(project, table, path, granule, beam, strict=schema is not TRUTH)
        return table.select(fields.names).cast(fields)

    return Source(name, title, kind, command, name in _HAS_RUNS, fields, read)


def _read_freeboard(project: Project, granule: str, beam: str, run: str) -> pa.Table:
    fields = _fields(FREEBOARD, _MEASURED)
    track = measured_track(project, granule, beam, run)
    own = tables.read(project.table_path("freeboard", granule, beam, run), FREEBOARD)
    here = {name: own[name] for name in FREEBOARD.names}
    here |= {name: pa.array(getattr(track, name)) for name in (*PLACE[1:], *(each.name for each in _MEASURED))}
    return _cast(here, fields)


def _of_derived(derived: Derived) -> Source:
    def read(project: Project, granule: str, beam: str, run: str) -> pa.Table:
        track: MeasuredTrack = measured_track(project, granule, beam, run)
        table = derived.make(project, track)
        return _cast({name: table[name] for name in fields.names}, fields)

    fields = pa.schema([pa.field(each.name, _plain(each.type), metadata=each.metadata) for each in derived.fields])
    return Source(
        derived.name, derived.title, "freeboard", "freeboard", True, fields, read, (Thickness, Shape, Aggregate)
    )


def _cast(columns: dict[str, Any], fields: pa.Schema) -> pa.Table:
    return pa.table([columns[each.name].cast(each.type) for each in fields], schema=fields)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _fields(schema: Table, more: Sequence[Column] = ()) -> pa.Schema:
    """The table's columns after the segment's place and time, and ``more``; units are kept as metadata."""
    own = [column for column in schema.columns if column.name not in PLACE]
    columns = [*own[:2], *(SEGMENT.column(name) for name in PLACE), *more, *own[2:]]
    return pa.schema(
        [
            pa.field(column.name, _plain(column.type), metadata={"unit": column.unit, "meaning": column.meaning})
            for column in columns
        ]
    )


def _with_place(project: Project, table: pa.Table, path: Path, granule: str, beam: str, *, strict: bool) -> pa.Table:
    """The table with its segments' place and time; rows without a segment are refused if ``strict``, else left out."""
    segments = tables.read(
        project.table_path("segments", granule, beam), SEGMENT, PLACE, command=f"leadline resample {project.root}"
    )
    found = pc.index_in(table["segment"], value_set=segments["segment"])
    if strict and found.null_count:
        raise StaleError("rows are not those of the track's segments", where=path, mend="make it again")
    table, row = table.filter(found.is_valid()), found.drop_null()
    for name in PLACE[1:]:
        table = table.append_column(SEGMENT.arrow.field(name), segments[name].take(row))
    return table

"""Write a table of a project to one file that other programs read, with time and place of every segment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import aside
from processing.places import is_remote
from processing.progress import progress_bar
from processing.project import Project
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, SNAPSHOT, TRUTH, Table

_PLACE = ("segment", "x_atc", "time", "lat", "lon")
_TABLES: dict[str, tuple[str, Table, str]] = {
    "segments": ("segments", SEGMENT, "resample"),
    "autolabels": ("autolabels", LABEL, "autolabel"),
    "snapshots": ("snapshots", SNAPSHOT, "snapshot"),
    "predictions": ("predictions", PREDICTION, "classify"),
    "freeboard": ("freeboard", FREEBOARD, "freeboard"),
    "truth": ("inputs/truth", TRUTH, ""),
}
_HAS_RUNS = ("snapshots", "predictions", "freeboard")


def export(project: Project, what: str, run: str, form: str, out: Path) -> int:
    """Write the table ``what`` of every track to ``out``, whole or not at all, and return the rows.

    Parameters
    ----------
    what : segments, autolabels, snapshots, predictions, freeboard or truth.
        The truth, which covers every window of a track, is written where segments are.
    run : run or snapshot where the table has them; the newest when empty.
    form : ``parquet`` or ``csv``. Text columns are plain strings; CSV gives times in UTC.

    Raises InputError when no file can be at ``out``, MissingError when there is no such table, StaleError when its
    segments are not there any more.
    """
    _check_out(out)
    kind, schema, command = _TABLES[what]
    if what in _HAS_RUNS:
        run = run or project.newest_run(kind, command)
    tracks = project.tracks(kind, run)
    if not tracks:
        mend = f"run: leadline {command} {project.root}" if command else "only inputs from leadline twin have one"
        raise MissingError(f"there is no {what} {run}".rstrip(), where=project.root, mend=mend)
    write = _write_csv if form == "csv" else _write_parquet
    return write(out, _fields(schema), _parts(project, kind, run, schema, tracks))


def _check_out(out: Path) -> None:
    if out.is_dir():
        raise InputError("there is a folder of that name", where=out, mend="name a file with --out")
    if is_remote(out):
        return
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"{above} is a file, not a folder", where=out, mend="name another file with --out")


def _fields(schema: Table) -> pa.Schema:
    """The table's columns after the segment's place and time, text as plain strings, units kept as metadata."""
    own = [column for column in schema.columns if column.name not in _PLACE]
    columns = [*own[:2], *(SEGMENT.column(name) for name in _PLACE), *own[2:]]
    return pa.schema(
        [
            pa.field(
                column.name,
                pa.string() if pa.types.is_dictionary(column.type) else column.type,
                metadata={"unit": column.unit, "meaning": column.meaning},
            )
            for column in columns
        ]
    )


def _parts(project: Project, kind: str, run: str, schema: Table, tracks: list[tuple[str, str]]) -> Iterator[pa.Table]:
    fields = _fields(schema)
    with progress_bar("export", len(tracks), "tracks") as bar:
        for granule, beam in tracks:
            bar.advance(0, f"{granule} {beam}")
            path = project.table_path(kind, granule, beam, run)
            table = tables.read(path, schema)
            if schema is not SEGMENT:
                table = _with_place(project, table, path, granule, beam, strict=schema is not TRUTH)
            yield table.select(fields.names).cast(fields)
            bar.advance(1)


def _with_place(project: Project, table: pa.Table, path: Path, granule: str, beam: str, *, strict: bool) -> pa.Table:
    """The table with its segments' place and time; rows without a segment are refused if ``strict``, else left out."""
    segments = tables.read(
        project.table_path("segments", granule, beam), SEGMENT, _PLACE, command=f"leadline resample {project.root}"
    )
    found = pc.index_in(table["segment"], value_set=segments["segment"])
    if strict and found.null_count:
        raise StaleError("rows are not those of the track's segments", where=path, mend="make it again")
    table, row = table.filter(found.is_valid()), found.drop_null()
    for name in _PLACE[1:]:
        table = table.append_column(SEGMENT.arrow.field(name), segments[name].take(row))
    return table


def _write_parquet(out: Path, fields: pa.Schema, parts: Iterator[pa.Table]) -> int:
    rows = 0
    with aside(out) as temporary, pq.ParquetWriter(temporary, fields, compression="zstd") as writer:
        for part in parts:
            writer.write_table(part)
            rows += part.num_rows
    return rows


def _write_csv(out: Path, fields: pa.Schema, parts: Iterator[pa.Table]) -> int:
    rows = 0
    with aside(out) as temporary, pyarrow.csv.CSVWriter(temporary, fields) as writer:
        for part in parts:
            writer.write_table(part)
            rows += part.num_rows
    return rows

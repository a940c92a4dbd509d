"""Write what a project holds along its tracks to one file for other programs, with time and place of every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from processing.errors import InputError, MissingError
from processing.io.exported import Exported, write_csv, write_parquet
from processing.io.geoparquet import write_geoparquet
from processing.io.netcdf import write_netcdf
from processing.local.export_sources import KEPT, Source, source
from processing.local.lineage import Lineage, lineage
from processing.places import is_remote
from processing.progress import Bar, progress_bar
from processing.project import Project

FORMATS: dict[str, Callable[[Path, Exported, Any], int]] = {
    "parquet": write_parquet,
    "geoparquet": write_geoparquet,
    "csv": write_csv,
    "netcdf": write_netcdf,
}


@dataclass(frozen=True)
class Choice:
    """Which part of a table to export; everything where a field is empty.

    Attributes
    ----------
    granules, beams : names of those wanted.
    start, stop : m, closed range of along-track distance ``x_atc``.
    columns : those wanted beside time and place.
    """

    granules: tuple[str, ...] = ()
    beams: tuple[str, ...] = ()
    start: float = float("-inf")
    stop: float = float("inf")
    columns: tuple[str, ...] = ()


ALL = Choice()


def export(project: Project, what: str, run: str, form: str, out: Path, choice: Choice = ALL) -> int:
    """Write the table ``what`` of every track to ``out``, whole or not at all, and return the rows.

    Parameters
    ----------
    what : a table of the project (``freeboard``, ...) or one derived from it, as ``export_sources.names`` tells.
        The truth, which covers every window of a track, is written where segments are.
    run : run or snapshot where the table has them; the newest when empty.
    form : ``parquet``, ``geoparquet``, ``csv`` or ``netcdf``; docs/exports.md tells their layouts.
    choice : which granules, beams, stretch and columns.

    One track is in memory at a time. Raises InputError when no file can be at ``out`` or a name is unknown,
    MissingError when there is no such table, StaleError when its segments are not there any more.
    """
    _check_out(out)
    wanted, run, described = planned(project, what, run, choice)
    with progress_bar("export", len(described.tracks), "tracks") as bar:
        return FORMATS[form](out, described, _parts(project, wanted, run, described, choice, bar))


def tables_of(project: Project, what: str, run: str = "", choice: Choice = ALL) -> tuple[Exported, Iterator[pa.Table]]:
    """What :func:`export` would write: what it is, and each track's table when it is asked for. Errors as there."""
    wanted, run, described = planned(project, what, run, choice)
    return described, _parts(project, wanted, run, described, choice, None)


def planned(project: Project, what: str, run: str, choice: Choice) -> tuple[Source, str, Exported]:
    """Where an export comes from: the source, the run (the newest when empty), and what the file will be."""
    wanted = source(what)
    run = run or (project.newest_run(wanted.kind, wanted.command) if wanted.has_runs else "")
    tracks = _tracks(project, wanted, run, choice)
    fields = _chosen(wanted, choice.columns)
    settings = {stage.key: project.stage(stage).values_dict() for stage in wanted.stages}
    chain = replace(lineage(project, wanted.kind, run, tracks), derived=settings)
    described = Exported(
        wanted.title,
        fields,
        tuple(tracks),
        chain.to_json(),
        chain.synthetic,
        str(project.settings.get("institution", "")),
        _above_mean_sea_level(chain),
    )
    return wanted, run, described


def _check_out(out: Path) -> None:
    if out.is_dir():
        raise InputError("there is a folder of that name", where=out, mend="name a file with --out")
    if is_remote(out):
        return
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"{above} is a file, not a folder", where=out, mend="name another file with --out")


def _tracks(project: Project, wanted: Source, run: str, choice: Choice) -> list[tuple[str, str]]:
    found = project.tracks(wanted.kind, run)
    if not found:
        mend = (
            f"run: leadline {wanted.command} {project.root}"
            if wanted.command
            else "only inputs from leadline twin have one"
        )
        raise MissingError(
            f"there is no {wanted.kind.rpartition('/')[2]} {run}".rstrip(), where=project.root, mend=mend
        )
    known = [{granule for granule, _ in found}, {beam for _, beam in found}]
    for names, there in zip((choice.granules, choice.beams), known, strict=True):
        if strange := sorted(set(names) - there):
            mend = f"there is: {', '.join(sorted(there))}"
            raise MissingError(f"there is no {wanted.name} of {strange[0]!r}", where=project.root, mend=mend)
    chosen = [
        (granule, beam)
        for granule, beam in found
        if (not choice.granules or granule in choice.granules) and (not choice.beams or beam in choice.beams)
    ]
    if not chosen:
        raise MissingError(f"none of these granules has {wanted.name} of {', '.join(choice.beams)}", where=project.root)
    return chosen


def _chosen(wanted: Source, columns: Sequence[str]) -> pa.Schema:
    strange = [name for name in columns if name not in wanted.fields.names]
    if strange:
        known = ", ".join(name for name in wanted.fields.names if name not in KEPT)
        raise InputError(f"{wanted.name} has no column {strange[0]!r}", mend=f"it has {known}")
    return pa.schema([each for each in wanted.fields if not columns or each.name in columns or each.name in KEPT])


def _above_mean_sea_level(chain: Lineage) -> bool:
    return any(link.parameters.get("mean_sea_surface") for link in chain.links if link.table == "segments")


def _parts(
    project: Project, wanted: Source, run: str, described: Exported, choice: Choice, bar: Bar | None
) -> Iterator[pa.Table]:
    bounded = (choice.start, choice.stop) != (ALL.start, ALL.stop)
    for granule, beam in described.tracks:
        if bar:
            bar.advance(0, f"{granule} {beam}")
        table = wanted.read(project, granule, beam, run)
        if bounded:
            x = table["x_atc"]
            table = table.filter(pc.and_(pc.greater_equal(x, choice.start), pc.less_equal(x, choice.stop)))
        yield table.select(described.fields.names)
        if bar:
            bar.advance(1)

"""Leads, floes, ridges, roughness and thickness of all tracks together: tables, laws of their sizes, a summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from processing.core.distributions import Fit, exponential, log_normal, power_law_start
from processing.io.exported import Exported, write_csv, write_parquet
from processing.local.derived import DERIVED
from processing.local.measured import chosen_tracks, freeboard_run, measured_track
from processing.local.shapes import provenance, track_thickness
from processing.progress import progress_bar
from processing.project import Project
from processing.stages import Shape

F8 = npt.NDArray[np.float64]

KINDS = ("leads", "floes", "ridges", "roughness")
THICKNESS_STEP, THICKNESS_MOST = 0.1, 15.0
"""Width of a class of thickness and the upper end of the last but one, m; the last holds all that is thicker."""

_STARTS = (6.0, 10.0, 16.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0, 160.0, 240.0)
_SUMMARY = pa.schema(
    [
        pa.field("of", pa.string(), metadata={"unit": "", "meaning": "table and column"}),
        pa.field("figure", pa.string(), metadata={"unit": "", "meaning": "what of it"}),
        pa.field("value", pa.float64(), metadata={"unit": "1", "meaning": "its value, in the unit named"}),
        pa.field("sigma", pa.float64(), metadata={"unit": "1", "meaning": "its standard uncertainty"}),
        pa.field("unit", pa.string(), metadata={"unit": "", "meaning": "unit of value and sigma"}),
        pa.field("count", pa.int64(), metadata={"unit": "1", "meaning": "how many it is of"}),
    ]
)
_MEASURES = (
    *(("leads", "width", "m"), ("leads", "spacing", "m"), ("floes", "chord", "m"), ("ridges", "height", "m")),
    *(("ridges", "width", "m"), ("ridges", "spacing", "m"), ("roughness", "roughness", "m")),
)


@dataclass(frozen=True)
class Shapes:
    """What the tracks of a run tell of the shape of their ice.

    Attributes
    ----------
    run : the freeboard run. tracks : (granule, beam) in order. synthetic : whether any input is.
    tables : by name of KINDS, all tracks together.
    thickness : (k,) i8, segments of ice in classes of THICKNESS_STEP m from 0 on.
    kilometres : of track that holds segments.
    laws : fitted laws by ``table.column law``.
    """

    run: str
    tracks: tuple[tuple[str, str], ...]
    synthetic: bool
    tables: dict[str, pa.Table]
    thickness: npt.NDArray[np.int64]
    kilometres: float
    laws: dict[str, Fit]


def shapes(project: Project, run: str = "", granules: Sequence[str] | None = None) -> Shapes:
    """Leads, floes, ridges, roughness and thickness of a freeboard run, the newest when ``run`` is empty.

    One track is in memory at a time, and what was found along all. Raises MissingError when there is no such run or
    granule, InputError for a grid of snow or densities that cannot be used.
    """
    run = freeboard_run(project, run)
    tracks = tuple(chosen_tracks(project, run, granules))
    parts: dict[str, list[pa.Table]] = {name: [] for name in KINDS}
    counts, length = np.zeros(round(THICKNESS_MOST / THICKNESS_STEP) + 1, np.int64), 0.0
    with progress_bar("shape", len(tracks), "tracks") as bar:
        for granule, beam in tracks:
            bar.advance(0, f"{granule} {beam}")
            track = measured_track(project, granule, beam, run)
            for name in KINDS:
                parts[name].append(DERIVED[name].make(project, track))
            counts += _classes(track_thickness(project, track).thickness, len(counts))
            length += len(track) * track.segment_length / 1000.0
            bar.advance(1)
    tables = {name: pa.concat_tables(found) for name, found in parts.items()}
    return Shapes(run, tracks, project.synthetic, tables, counts, length, _laws(tables, project.stage(Shape)))


def write_shapes(project: Project, found: Shapes, folder: Path, form: str) -> list[Path]:
    """Write each table and the summary into ``folder``, each whole or not at all, as ``csv`` or ``parquet``."""
    write = write_csv if form == "csv" else write_parquet
    chain = provenance(project, found.run, found.tracks)
    written = []
    for name, table in {**found.tables, "summary": summary(found)}.items():
        title = DERIVED[name].title if name in DERIVED else "Shape of sea ice along ICESat-2 tracks, in figures"
        path = folder / f"{name}.{form}"
        write(path, Exported(title, table.schema, found.tracks, chain, found.synthetic), iter([table]))
        written.append(path)
    return written


def summary(found: Shapes) -> pa.Table:
    """Figures of each distribution, one a row: of, figure, value, sigma, unit, count.

    The uncertainty of a mean takes its parts as independent of each other. Censored chords and leads that the data cut
    are left out of means and medians, which are then too short; the fitted laws take account of them.
    """
    rows = [*_described(found), *_fitted(found)]
    columns = [
        pa.array(values, field.type, from_pandas=pa.types.is_floating(field.type))
        for field, values in zip(_SUMMARY, zip(*rows, strict=True), strict=True)
    ]
    return pa.table(columns, schema=_SUMMARY)


Row = tuple[str, str, float, float, str, int]


def _described(found: Shapes) -> Iterator[Row]:
    for name, column, unit in _MEASURES:
        values = known(found.tables[name], column)
        of, n = f"{name}.{column}", len(values)
        if n == 0:
            continue
        spread = float(values.std())
        yield of, "mean", float(values.mean()), spread / np.sqrt(n), unit, n
        yield of, "median", float(np.median(values)), np.nan, unit, n
        yield of, "standard deviation", spread, np.nan, unit, n
    for name in ("leads", "ridges"):
        n = found.tables[name].num_rows
        yield name, "number a kilometre", n / found.kilometres, np.sqrt(n) / found.kilometres, "1/km", n


def _fitted(found: Shapes) -> Iterator[Row]:
    for key, fit in found.laws.items():
        of, _, _ = key.partition(" ")
        for name, value in fit.values.items():
            unit = "1" if name in {"exponent", "log_spread"} else "m"
            yield of, f"{fit.law}: {name}", value, fit.sigmas[name], unit, fit.count
        yield of, f"{fit.law}: from", fit.start, np.nan, "m", fit.count
        yield of, f"{fit.law}: distance", fit.distance, np.nan, "1", fit.count


def known(table: pa.Table, column: str) -> F8:
    """Values of a column but those that are NaN, or only the least that they can be."""
    for partial in ("censored", "cut"):
        if partial in table.column_names and column in {"chord", "width"}:
            table = table.filter(pc.invert(table[partial]))
    values = table[column].to_numpy().astype(np.float64)
    return values[np.isfinite(values)]


def _laws(tables: dict[str, pa.Table], stage: Shape) -> dict[str, Fit]:
    chord, censored = (tables["floes"][name].to_numpy() for name in ("chord", "censored"))
    width, cut = (tables["leads"][name].to_numpy() for name in ("width", "cut"))
    rough = known(tables["roughness"], "roughness")
    laws = {
        # Widths are even numbers of windows of some metres: a law begins half a window below one.
        "leads.width power law": power_law_start(width, np.array(_STARTS) - 1.0, cut),
        "leads.spacing log-normal": log_normal(known(tables["leads"], "spacing")),
        "floes.chord log-normal": log_normal(chord, censored),
        "floes.chord exponential": exponential(chord, 0.0, censored),
        "ridges.height exponential": exponential(known(tables["ridges"], "height"), stage.ridge_height),
        "ridges.spacing log-normal": log_normal(known(tables["ridges"], "spacing")),
        "roughness.roughness log-normal": log_normal(rough[rough > 0]),
    }
    return {name: fit for name, fit in laws.items() if fit is not None}


def _classes(thickness: F8, many: int) -> npt.NDArray[np.int64]:
    values = thickness[np.isfinite(thickness)]
    number = np.minimum(np.floor(values / THICKNESS_STEP), many - 1).astype(np.int64)
    return np.bincount(number, minlength=many)

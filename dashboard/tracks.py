"""Tracks as arrays, and what other tables say of the same segments, row for row with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from dashboard.geometry import MapLine, with_gaps
from processing.errors import StaleError
from processing.io import tables
from processing.project import Input
from processing.schema import LABEL, PREDICTION, SEGMENT, SurfaceClass, Table

SURFACES = ("minimum", "average", "nearest", "weighted", "robust")
GAP = 1_000.0


@dataclass(frozen=True)
class Track:
    """The segments of one beam, sorted along the track. Fields are columns of SEGMENT by the same names."""

    granule: str
    beam: str
    segment: NDArray[np.int64]
    x_atc: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    height_mean: NDArray[np.float32]
    height_std: NDArray[np.float32]
    photon_rate: NDArray[np.float32]
    background_rate: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def window(self) -> float:
        """Length of a segment, m: its centre lies at (segment + 1/2) windows."""
        return float(self.x_atc[-1] / (self.segment[-1] + 0.5)) if len(self) else 2.0

    @property
    def length(self) -> float:
        """From the first to the last segment, m."""
        return float(self.x_atc[-1] - self.x_atc[0]) if len(self) else 0.0


@dataclass(frozen=True)
class SeaLevel:
    """Freeboard of one beam, row for row with its Track; NaN where a segment has none."""

    run: str
    estimator: str
    surfaces: dict[str, NDArray[np.float32]]
    sigma: NDArray[np.float32]
    source: NDArray[np.int8]
    freeboard: NDArray[np.float32]
    freeboard_sigma: NDArray[np.float32]
    lead_id: NDArray[np.int32]

    @property
    def chosen(self) -> NDArray[np.float32]:
        """The sea surface that freeboard was measured from, m."""
        return self.surfaces[self.estimator]


@dataclass(frozen=True)
class Companion:
    """NASA's ATL10 freeboard of the same beam and pass, segments with a freeboard only.

    ``x_atc`` f8 m, segment centres; ``freeboard`` and ``sigma`` f8 m.
    """

    ident: str
    x_atc: NDArray[np.float64]
    freeboard: NDArray[np.float64]
    sigma: NDArray[np.float64]


@dataclass(frozen=True)
class ClassSource:
    """Where classes can come from: ``auto``, ``snapshot:NAME``, ``prediction:RUN`` or ``truth``."""

    key: str
    title: str
    kind: str
    run: str
    schema: Table
    column: str


AUTO = ClassSource("auto", "auto-label", "autolabels", "", LABEL, "label_auto")


def project_line(
    x_atc: NDArray[np.float64], lon: NDArray[np.float64], lat: NDArray[np.float64], crs: str | pyproj.CRS
) -> MapLine:
    """Knots in a map projection, parted where the track has a gap."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return with_gaps(MapLine(np.asarray(x_atc, np.float64), np.asarray(x), np.asarray(y)), 2 * GAP)


@dataclass(frozen=True)
class Match:
    """Rows ``theirs`` of a table belong to rows ``own`` of the track."""

    own: NDArray[np.int64] | slice
    theirs: NDArray[np.bool_] | slice

    def spread(self, values: NDArray[Any], length: int, fill: float) -> NDArray[Any]:
        """A column row for row with the track, ``fill`` where the table has no such row."""
        full = np.full(length, fill, values.dtype)
        full[self.own] = values[self.theirs]
        return full


def align(path: Path, track: Track, segment: NDArray[np.int64], *, may_have_more: bool = False) -> Match:
    """Match a table's sorted segments with the track's.

    Raises StaleError when the table has a segment the track lacks, unless it may: truth also knows windows without
    photons.
    """
    if len(segment) == len(track) and np.array_equal(segment, track.segment):
        return Match(slice(None), slice(None))
    place = np.minimum(np.searchsorted(track.segment, segment), len(track) - 1)
    known = track.segment[place] == segment
    if not may_have_more and not known.all():
        raise StaleError("table is not of the track's present segments", where=path, mend="run the stage again")
    return Match(place[known], known)


def read_facts(path: Path, track: Track) -> dict[str, NDArray[Any]]:
    """What ``Workspace.label_facts`` gives, from an autolabels table."""
    names = ("segment", "auto_flags", "time_offset", "drift_x", "drift_y", "drift_confidence")
    table = tables.read(path, LABEL, names)
    match = align(path, track, table["segment"].to_numpy())
    fills = {"auto_flags": 0.0}
    return {name: match.spread(table[name].to_numpy(), len(track), fills.get(name, np.nan)) for name in names[1:]}


def read_model(path: Path, track: Track) -> dict[str, NDArray[Any]]:
    """What ``Workspace.model_facts`` gives, from a predictions table."""
    names = ("segment", "predicted", "p_thick", "p_thin", "p_water")
    table = tables.read(path, PREDICTION, names)
    match = align(path, track, table["segment"].to_numpy())
    chances = np.stack([table[name].to_numpy() for name in names[2:]])
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(chances > 0, chances * np.log(chances), np.where(chances == 0, 0, np.nan))
    entropy = (-parts.sum(axis=0) / np.log(3.0)).astype(np.float32)
    return {
        "predicted": match.spread(table["predicted"].to_numpy(), len(track), SurfaceClass.UNLABELLED),
        "entropy": match.spread(entropy, len(track), np.nan),
    }


def read_companion(item: Input, beam: str) -> Companion | None:
    """A beam of an ATL10 granule; None when the granule lacks it."""
    from processing.io import atl10

    if beam not in atl10.beams(item.path):
        return None
    found = atl10.read(item.path, beam)
    good = np.isfinite(found.freeboard)
    return Companion(item.ident, found.x_atc[good], found.freeboard[good], found.freeboard_sigma[good])


def first_and_last_time(path: Path) -> tuple[np.datetime64, np.datetime64]:
    """UTC of the first and last segment of a segments table; not-a-time where it is empty."""
    time = tables.read(path, SEGMENT, ("time",))["time"].to_numpy().astype("datetime64[ns]")
    return (time[0], time[-1]) if len(time) else (np.datetime64("NaT"), np.datetime64("NaT"))

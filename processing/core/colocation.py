"""Segments of one track gathered over the longer segments of a product of the same beam, and whether it is the same.

A product's along-track distance and ours are both metres from the equator crossing. Three witnesses tell whether they
are the same ground: the distance, the place on the Earth and the time. Place decides, because neither a clock nor a
distance counted from another origin can move it: along the beam it gives the offset of the product's distance, across
it whether the beam is the same, and with it the times give the offset of the product's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from processing.core.mean_freeboard import COMMON_HEIGHT
from processing.schema import SurfaceClass

F8 = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

CLASSES = (SurfaceClass.THICK_ICE, SurfaceClass.THIN_ICE, SurfaceClass.OPEN_WATER)
"""Classes in the order of the columns of ``Aggregated.shares``."""

GROUND_SPEED = 7000.0
"""m/s, of the footprint over the ground, where a track is too short to tell its own."""

_KNOT = 200.0
"""Distance between the places at which a beam is known, m: the ground bends away from a chord by less than 1 mm."""

_NEAR = 1000.0
"""Distance of a place from the nearest knot beyond which the beam was not measured there, m."""

_SAMPLE = 2000
"""Segments of the product that are placed on the beam; more would not move a median."""

_EQUATOR, _FLATTENING = 6_378_137.0, 1.0 / 298.257223563
"""WGS84: m, 1."""


@dataclass(frozen=True)
class Line:
    """Where and when a beam was, in along-track order; rows of one length.

    ``x`` f8 m along the track, ``time`` datetime64[ns] UTC (may be NaT), ``lat`` ``lon`` f8 degree.
    """

    x: F8
    time: Times
    lat: F8
    lon: F8

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Offset:
    """How a product lies to a track.

    Attributes
    ----------
    placed : how many of the segments of the product that were tried lie beside the track. tried : how many those were.
    places : how many of them tell where they are.
    along : m, what the product's along-track distance lacks of ours at the same place, or, where it tells no place, at
        the same time; NaN where none was placed.
    across : m, distance of the product's places from our beam.
    clock : s, the product's time less ours at the same place; NaN where none was placed or has a time.
    speed : m/s, of the footprint over the ground, from our own distances and times.
    far_clock : s, the product's time less what our time would be where its distance lies, told from distances alone.
    overlap : m, length of track over which both have along-track distances.
    """

    placed: int
    tried: int
    places: int
    along: float
    across: float
    clock: float
    speed: float
    far_clock: float
    overlap: float


def find_offset(ours: Line, theirs: Line) -> Offset:
    """How a product's segments lie to a track, by distance, place and time; each may be unknown in any row."""
    rows = _knots(ours.x)
    ours = Line(ours.x[rows], ours.time[rows], ours.lat[rows], ours.lon[rows])
    speed = _speed(ours)
    overlap = _overlap(ours.x, theirs.x)
    some = _some(theirs)
    if not len(ours) or not len(some):
        return Offset(0, len(some), 0, np.nan, np.nan, np.nan, speed, np.nan, overlap)
    placed, x, across = place_along(ours, some)
    clock = _seconds(some.time[placed], _time_at(ours, x[placed], speed))
    far = _seconds(some.time, _time_at(ours, some.x, speed))
    places = int((np.isfinite(some.lat) & np.isfinite(some.lon)).sum())
    along = _median(far) * speed if not places else _median(x[placed] - some.x[placed])
    return Offset(
        int(placed.sum()),
        len(some),
        places,
        along,
        _median(across[placed]),
        _median(clock),
        speed,
        _median(far),
        overlap,
    )


def place_along(ours: Line, theirs: Line) -> tuple[npt.NDArray[np.bool_], F8, F8]:
    """Which places lie beside our beam (bool), our along-track distance there (f8 m) and the distance across (f8 m).

    Our beam is straight between rows of ``ours``, which should lie no more than some hundred metres apart.
    """
    known = np.isfinite(theirs.lat) & np.isfinite(theirs.lon)
    none = np.full(len(theirs), np.nan)
    if len(ours) < 2 or not known.any():
        return np.zeros(len(theirs), np.bool_), none, none.copy()
    knots = _cartesian(ours.lat, ours.lon)
    places = _cartesian(theirs.lat[known], theirs.lon[known])
    distance, found = cKDTree(knots).query(places)
    nearest = np.asarray(found, np.int64)
    direction, metre = _direction(knots, ours.x, nearest)
    away = places - knots[nearest]
    along = (away * direction).sum(axis=1)
    x, across = none, none.copy()
    x[known] = ours.x[nearest] + along * metre
    across[known] = np.sqrt(np.maximum((away**2).sum(axis=1) - along**2, 0.0))
    near = np.zeros(len(theirs), np.bool_)
    near[known] = distance <= _NEAR
    return near, x, across


def _knots(x: F8) -> Ints:
    """A row every _KNOT metres, and the first and last of all."""
    if not len(x):
        return np.zeros(0, np.int64)
    cell = np.floor(x / _KNOT)
    return np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]) | (np.arange(len(x)) == len(x) - 1))


def _direction(knots: F8, x: F8, nearest: Ints) -> tuple[F8, F8]:
    """Unit vectors along the beam (n, 3) at knots, and metres of along-track distance a metre on the ellipsoid."""
    before = np.maximum(nearest - 1, 0)
    after = np.minimum(nearest + 1, len(knots) - 1)
    # Across a gap the beam's direction would be that of a long chord; the nearer neighbour tells it better.
    closer = (x[after] - x[nearest] > 2 * _KNOT) & (nearest > before)
    after = np.where(closer, nearest, after)
    closer = (x[nearest] - x[before] > 2 * _KNOT) & (after > nearest)
    before = np.where(closer, nearest, before)
    chord = knots[after] - knots[before]
    length = np.sqrt((chord**2).sum(axis=1))
    safe = np.maximum(length, 1e-9)
    return chord / safe[:, None], (x[after] - x[before]) / safe


def _cartesian(lat: F8, lon: F8) -> F8:
    """Places on the WGS84 ellipsoid as (n, 3) m; neither dateline nor pole is a special place there."""
    phi, lam = np.radians(lat), np.radians(lon)
    squared = _FLATTENING * (2.0 - _FLATTENING)
    radius = _EQUATOR / np.sqrt(1.0 - squared * np.sin(phi) ** 2)
    return np.stack(
        [
            radius * np.cos(phi) * np.cos(lam),
            radius * np.cos(phi) * np.sin(lam),
            radius * (1.0 - squared) * np.sin(phi),
        ],
        axis=1,
    )


def _some(line: Line) -> Line:
    known = np.flatnonzero(np.isfinite(line.x))
    known = known[:: max(1, len(known) // _SAMPLE)]
    return Line(line.x[known], line.time[known], line.lat[known], line.lon[known])


def _speed(line: Line) -> float:
    known = np.flatnonzero(np.isfinite(line.x) & ~np.isnat(line.time))
    if len(known) < 2:
        return GROUND_SPEED
    first, last = known[0], known[-1]
    seconds = (line.time[last] - line.time[first]) / np.timedelta64(1, "ns") * 1e-9
    distance = float(line.x[last] - line.x[first])
    return float(distance / seconds) if seconds > 0 and distance > 0 else GROUND_SPEED


def _time_at(line: Line, x: F8, speed: float) -> Times:
    """When the beam passed along-track distances; beyond its ends by its speed. NaT where that is not known."""
    known = np.isfinite(line.x) & ~np.isnat(line.time)
    if not known.any():
        return np.full(len(x), np.datetime64("NaT", "ns"))
    at, begin = line.x[known], line.time[known][0]
    seconds = (line.time[known] - begin) / np.timedelta64(1, "ns") * 1e-9
    beyond = (np.minimum(x - at[0], 0.0) + np.maximum(x - at[-1], 0.0)) / speed
    found = np.interp(x, at, seconds) + beyond
    good = np.isfinite(found)
    ns = np.round(np.where(good, found, 0.0) * 1e9).astype("timedelta64[ns]")
    return np.where(good, begin.astype("datetime64[ns]") + ns, np.datetime64("NaT", "ns"))


def _seconds(one: Times, other: Times) -> F8:
    known = ~np.isnat(one) & ~np.isnat(other)
    return np.asarray((one[known] - other[known]) / np.timedelta64(1, "ns") * 1e-9, np.float64)


def _median(values: F8) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _overlap(one: F8, other: F8) -> float:
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    if not len(one) or not len(other):
        return 0.0
    return max(0.0, float(min(one.max(), other.max()) - max(one.min(), other.min())))


@dataclass(frozen=True)
class Segments:
    """What is gathered: one value for each of our segments, ascending in ``x``; NaN where not known.

    ``x`` f8 m, window centres. ``freeboard`` ``height`` ``sea_surface`` ``height_sigma`` ``sea_surface_sigma`` f4 or
    f8 m. ``reference`` m, what was subtracted from the ellipsoidal height. ``label`` i1. ``length`` m, of a window.
    """

    x: F8
    freeboard: Floats
    height: Floats
    sea_surface: Floats
    height_sigma: Floats
    sea_surface_sigma: Floats
    reference: Floats
    label: npt.NDArray[np.int8]
    length: float


@dataclass(frozen=True)
class Aggregated:
    """Our segments gathered over each segment of a product; NaN where there is none.

    Attributes
    ----------
    count : i8, our segments whose centre lies within. covered : f8, share of the product's segment that our windows
        cover, 0 to 1.
    freeboard : f8 m, mean. freeboard_sigma : f8 m, its standard uncertainty, as ``mean_freeboard`` has
        it: the heights' errors are independent but for COMMON_HEIGHT, the sea surface's is common to all.
    sea_surface, height, reference : f8 m, means. sea_surface_sigma : f8 m, mean uncertainty of the sea surface.
    label : i1, the class most segments have (the lower code of two equal ones); -1 where none has a class.
    shares : f8 (n, 3), share of the segments with a class in each of CLASSES.
    """

    count: Ints
    covered: F8
    freeboard: F8
    freeboard_sigma: F8
    sea_surface: F8
    sea_surface_sigma: F8
    height: F8
    reference: F8
    label: npt.NDArray[np.int8]
    shares: F8

    def __len__(self) -> int:
        return len(self.count)


def aggregate(ours: Segments, middle: npt.ArrayLike, length: npt.ArrayLike) -> Aggregated:
    """Gather our segments over segments of a product, which may overlap and come in any order.

    A segment of ours belongs where its centre lies: in ``middle - length/2 <= x < middle + length/2``. Each of ours is
    looked at once for each of theirs that it lies in.

    Parameters
    ----------
    middle, length : (n,) f8 m, the product's segments; NaN for fill.
    """
    at, long = np.asarray(middle, np.float64), np.asarray(length, np.float64)
    known = np.isfinite(at) & (long > 0)
    begin, end = np.where(known, at - long / 2, 0.0), np.where(known, at + long / 2, 0.0)
    first, stop = (np.searchsorted(ours.x, edge) for edge in (begin, end))
    columns = (ours.freeboard, ours.height, ours.sea_surface, ours.reference, ours.height_sigma, ours.sea_surface_sigma)
    means, sigmas, counts = _gathered(first, stop, *columns, ours.label)
    with np.errstate(invalid="ignore"):
        covered = (_occupied(ours, end) - _occupied(ours, begin)) / np.where(known, long, np.nan)
    label, shares = _classes(counts)
    return Aggregated(
        np.where(known, stop - first, 0),
        np.clip(np.nan_to_num(covered), 0.0, 1.0),
        freeboard=means[:, 0],
        freeboard_sigma=sigmas[:, 0],
        height=means[:, 1],
        sea_surface=means[:, 2],
        sea_surface_sigma=sigmas[:, 1],
        reference=means[:, 3],
        label=label,
        shares=shares,
    )


@njit(cache=True, nogil=True)
def _gathered(
    first: Ints,
    stop: Ints,
    freeboard: Floats,
    height: Floats,
    sea_surface: Floats,
    reference: Floats,
    height_sigma: Floats,
    sea_surface_sigma: Floats,
    label: npt.NDArray[np.int8],
) -> tuple[F8, F8, Ints]:
    """Means (n, 4) of the first four columns, sigmas (n, 2) of freeboard and sea surface, segments (n, 3) by class.

    What is NaN counts in no mean; the sigmas are of the segments with a freeboard.
    """
    size = len(first)
    means, sigmas = np.full((size, 4), np.nan), np.full((size, 2), np.nan)
    counts = np.zeros((size, 3), np.int64)
    for row in range(size):
        total, count = np.zeros(4), np.zeros(4, np.int64)
        noise, common = 0.0, 0.0
        for k in range(first[row], stop[row]):
            for column, value in enumerate((freeboard[k], height[k], sea_surface[k], reference[k])):
                if np.isfinite(value):
                    total[column] += value
                    count[column] += 1
            if np.isfinite(freeboard[k]):
                noise += np.float64(height_sigma[k]) ** 2
                common += sea_surface_sigma[k]
            if 0 <= label[k] <= 2:
                counts[row, label[k]] += 1
        for column in range(4):
            if count[column]:
                means[row, column] = total[column] / count[column]
        if count[0]:
            sigmas[row, 1] = common / count[0]
            sigmas[row, 0] = np.sqrt(noise / count[0] ** 2 + sigmas[row, 1] ** 2 + COMMON_HEIGHT**2)
    return means, sigmas, counts


def _occupied(ours: Segments, at: F8) -> F8:
    """m of track within our windows from the first of them to each place."""
    if not len(ours.x):
        return np.zeros(len(at))
    begin = ours.x - ours.length / 2
    before = np.searchsorted(begin, at, side="right")
    last = np.clip(at - begin[np.maximum(before - 1, 0)], 0.0, ours.length)
    return np.where(before > 0, (before - 1) * ours.length + last, 0.0)


def _classes(counts: Ints) -> tuple[npt.NDArray[np.int8], F8]:
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    most = np.array(CLASSES, np.int8)[counts.argmax(axis=1)]
    return np.where(total[:, 0] > 0, most, np.int8(SurfaceClass.UNLABELLED)).astype(np.int8), shares

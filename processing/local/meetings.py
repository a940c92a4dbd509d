"""Which scenes a granule's track meets, in place and in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from processing.io import tables
from processing.io.sentinel2 import open_scene
from processing.project import Input, Project
from processing.schema import SEGMENT

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

_EARTH_RADIUS = 6_371_000.0
_SLACK = 5_000.0
_NS = np.dtype("datetime64[ns]")


@dataclass(frozen=True)
class Frame:
    """Time and place of a scene: UTC, degrees of its middle, and m from there to its furthest corner."""

    item: Input
    time: np.datetime64
    lon: float
    lat: float
    radius: float


@dataclass(frozen=True)
class Meeting:
    """A scene that a granule crosses.

    Attributes
    ----------
    scene : the scene. offset : s, scene minus track, median over the segments on it.
    runs : by beam, (k, 2) i8 first row, and the one after the last, of each unbroken run of the rows of its SEGMENT
        table that lie on the scene's grid and within the time limit.
    """

    scene: Input
    offset: float
    runs: Mapping[str, Rows]

    @property
    def rows(self) -> dict[str, Rows]:
        """By beam, the rows that lie on the scene's grid and within the time limit, (n,) i8 ascending."""
        none = np.zeros(0, np.int64)
        return {beam: np.concatenate([none, *(np.arange(*run) for run in runs)]) for beam, runs in self.runs.items()}

    @property
    def count(self) -> int:
        """Segments on the scene, of all beams."""
        return sum(int(np.diff(runs).sum()) for runs in self.runs.values())


@dataclass(frozen=True, order=True)
class Miss:
    """A scene that a granule does not meet: m between them, and s when they are on each other but not in time."""

    distance: float
    seconds: float
    granule: str
    scene: str


@dataclass(frozen=True)
class Course:
    """Where and when one beam's segments lie, as the footer of their table tells.

    Its k parts are the table's row groups, each of which lies within a circle.

    Attributes
    ----------
    table : the SEGMENT table. start : (k + 1,) i8 first row of each part, and the number of rows.
    lon, lat : (k,) f8 degrees of each circle's middle. radius : (k,) f8 m; infinite where the footer does not tell.
    begin, end : (k,) datetime64[ns], UTC, of the first and the last segment of each part.
    """

    beam: str
    table: Path
    start: Rows
    lon: Floats
    lat: Floats
    radius: Floats
    begin: Times
    end: Times
    command: str

    @property
    def rows(self) -> int:
        """Segments of the beam."""
        return int(self.start[-1])

    def away(self, candidate: Frame) -> Floats:
        """Metres from the middle of each part to the circle about the scene, negative within it; (k,) f8."""
        return np.asarray(distance(candidate.lon, candidate.lat, self.lon, self.lat) - candidate.radius)

    def near(self, candidate: Frame) -> npt.NDArray[np.bool_]:
        """Which parts may have segments on the scene; (k,) bool."""
        return np.asarray(self.away(candidate) <= self.radius + _SLACK)

    def in_time(self, candidate: Frame, most: float) -> npt.NDArray[np.bool_]:
        """Which parts have segments within ``most`` seconds of the scene, or may have; (k,) bool."""
        reach = np.timedelta64(round(most * 1e9), "ns")
        known = (self.begin - reach <= candidate.time) & (self.end + reach >= candidate.time)
        return np.asarray(known | np.isinf(self.radius))

    def places(self, parts: npt.NDArray[np.bool_]) -> Places:
        """Where and when the segments of the chosen parts lie. Raises InputError when the table is damaged."""
        runs = [(self.start[first], self.start[stop]) for first, stop in _runs(np.flatnonzero(parts))]
        names = ("lon", "lat", "time")
        read = [tables.read_rows(self.table, SEGMENT, names, first, stop, self.command) for first, stop in runs]
        lon, lat = (np.concatenate([np.zeros(0), *(table[name].to_numpy() for table in read)]) for name in names[:2])
        times = [table["time"].to_numpy().astype(_NS) for table in read]
        rows = [np.arange(first, stop) for first, stop in runs]
        return Places(
            np.concatenate([np.zeros(0, np.int64), *rows]), lon, lat, np.concatenate([np.zeros(0, _NS), *times])
        )


@dataclass(frozen=True)
class Places:
    """Some segments of a beam: i8 rows of its table, ascending; f8 degrees; datetime64[ns]."""

    rows: Rows
    lon: Floats
    lat: Floats
    time: Times


def frame(item: Input) -> Frame:
    """Time, place and size of a scene. Raises InputError when it cannot be opened."""
    with open_scene(item) as scene:
        left, bottom, right, top = scene.bounds
        back = Transformer.from_crs(scene.crs, "EPSG:4326", always_xy=True)
        lon, lat = back.transform(
            np.array([(left + right) / 2, left, left, right, right]),
            np.array([(bottom + top) / 2, bottom, top, bottom, top]),
        )
        radius = distance(float(lon[0]), float(lat[0]), lon[1:], lat[1:]).max()
        return Frame(item, scene.time, float(lon[0]), float(lat[0]), float(radius))


def distance(lon: float | Floats, lat: float | Floats, to_lon: Floats, to_lat: Floats) -> Floats:
    """Great-circle distance in metres from one place to others, or each to its own, degrees; haversine on a sphere."""
    lambda_0, phi_0, lambda_1, phi_1 = (np.deg2rad(value) for value in (lon, lat, to_lon, to_lat))
    chord = np.sin((phi_1 - phi_0) / 2) ** 2 + np.cos(phi_0) * np.cos(phi_1) * np.sin((lambda_1 - lambda_0) / 2) ** 2
    return np.asarray(2 * _EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(chord, 0.0, 1.0))))


def courses(project: Project, granule: str, beams: Iterable[str]) -> list[Course]:
    """Where and when each beam's segments lie. Raises MissingError, StaleError or InputError as their tables do."""
    command = f"leadline resample {project.root}"
    return [_course(beam, project.table_path("segments", granule, beam), command) for beam in beams]


def _course(beam: str, path: Path, command: str) -> Course:
    found = tables.read_ranges(path, SEGMENT, ("lon", "lat", "time"), command)
    (west, east), (south, north) = ((found.low[name], found.high[name]) for name in ("lon", "lat"))
    lon, lat = (west + east) / 2, (south + north) / 2
    # A box of longitudes and latitudes is nowhere further from its middle than at a corner.
    corners = [distance(lon, lat, *corner) for corner in product((west, east), (south, north))]
    radius = np.where(found.known, np.max(corners, axis=0), np.inf)
    begin, end = (ends["time"].astype(np.int64).view(_NS) for ends in (found.low, found.high))
    return Course(beam, path, found.start, lon, lat, radius, begin, end, command)


def meet(lines: Sequence[Course], frames: Sequence[Frame], most: float) -> list[Meeting]:
    """Scenes that a granule crosses within ``most`` seconds, nearest in time first. Raises as :func:`courses`."""
    found = [_meeting(lines, candidate, most) for candidate in frames]
    return sorted(filter(None, found), key=lambda meeting: (abs(meeting.offset), meeting.scene.ident))


def miss(granule: str, lines: Sequence[Course], candidate: Frame) -> Miss:
    """How far from a scene a granule passes that does not meet it. Raises as :func:`courses`."""
    crossed = _crossed(lines, candidate, [line.near(candidate) for line in lines])
    seconds = min((float(np.abs(offset).min(initial=math.inf)) for _, offset in crossed.values()), default=math.inf)
    if math.isfinite(seconds):
        return Miss(0.0, seconds, granule, candidate.item.ident)
    away = min((float(line.away(candidate).min(initial=math.inf)) for line in lines), default=math.inf)
    return Miss(max(away, 1.0), math.inf, granule, candidate.item.ident)


def _meeting(lines: Sequence[Course], candidate: Frame, most: float) -> Meeting | None:
    parts = [line.in_time(candidate, most) for line in lines]
    if any(part.any() for part in parts):  # of a month of scenes most are out of time, which is soon told
        parts = [part & line.near(candidate) for line, part in zip(lines, parts, strict=True)]
    crossed = _crossed(lines, candidate, parts)
    in_time = {beam: np.abs(offset) <= most for beam, (_, offset) in crossed.items()}
    offsets = np.concatenate([np.zeros(0), *(offset[in_time[beam]] for beam, (_, offset) in crossed.items())])
    if not len(offsets):
        return None
    runs = {beam: _runs(rows[in_time[beam]]) for beam, (rows, _) in crossed.items()}
    return Meeting(candidate.item, float(np.median(offsets)), runs)


def _crossed(
    lines: Sequence[Course], candidate: Frame, parts: Sequence[npt.NDArray[np.bool_]]
) -> dict[str, tuple[Rows, Floats]]:
    """By beam, the rows of the chosen parts that lie on the scene's grid, and s from each to the scene."""
    found: dict[str, tuple[Rows, Floats]] = {}
    if not any(chosen.any() for chosen in parts):
        return found
    with open_scene(candidate.item) as scene:
        for line, chosen in zip(lines, parts, strict=True):
            places = line.places(chosen)
            away = distance(candidate.lon, candidate.lat, places.lon, places.lat)
            near = np.flatnonzero(away <= candidate.radius + _SLACK)
            on_grid = near[scene.covers(places.lon[near], places.lat[near])]
            found[line.beam] = places.rows[on_grid], seconds_between(candidate.time, places.time[on_grid])
    return found


def _runs(rows: Rows) -> Rows:
    """Unbroken runs of ascending rows: (k, 2) first and one after the last."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    ends = np.concatenate([[0], breaks, [len(rows)]]) if len(rows) else np.zeros(1, np.int64)
    return np.column_stack([rows[ends[:-1]], rows[ends[1:] - 1] + 1])


def seconds_between(scene: np.datetime64, track: npt.NDArray[np.datetime64]) -> Floats:
    """Scene time minus track times, s."""
    return (scene - track) / np.timedelta64(1, "ns") * 1e-9


def nearest_miss(misses: Iterable[Miss], most: float) -> str:
    """The nearest of the scenes missed, in words."""
    miss = min(misses)
    if miss.distance == 0:
        return (
            f"granule {miss.granule} crosses scene {miss.scene}, but {miss.seconds / 3600:.1f} h apart, "
            f"more than the {most / 3600:.3g} h of max_time_offset"
        )
    return f"the nearest are granule {miss.granule} and scene {miss.scene}, about {miss.distance / 1000:.0f} km apart"

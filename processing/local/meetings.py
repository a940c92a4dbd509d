"""Which scenes a granule's track meets, in place and in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from processing.io import tables
from processing.io.sentinel2 import Scene, open_scene
from processing.project import Input, Project
from processing.schema import SEGMENT

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_EARTH_RADIUS = 6_371_000.0
_THIN = 64
_SLACK = 5_000.0


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
    """Positions and times along one beam: f8 degrees, datetime64[ns]."""

    beam: str
    lon: Floats
    lat: Floats
    time: npt.NDArray[np.datetime64]


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


def distance(lon: float, lat: float, to_lon: Floats, to_lat: Floats) -> Floats:
    """Great-circle distance in metres from one place to others, degrees; haversine on a sphere."""
    lambda_0, phi_0, lambda_1, phi_1 = (np.deg2rad(value) for value in (lon, lat, to_lon, to_lat))
    chord = np.sin((phi_1 - phi_0) / 2) ** 2 + np.cos(phi_0) * np.cos(phi_1) * np.sin((lambda_1 - lambda_0) / 2) ** 2
    return np.asarray(2 * _EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(chord, 0.0, 1.0))))


def courses(project: Project, granule: str, beams: Iterable[str]) -> list[Course]:
    """Where and when each beam's segments lie."""
    command = f"leadline resample {project.root}"
    found = []
    for beam in beams:
        path = project.table_path("segments", granule, beam)
        table = tables.read(path, SEGMENT, ["lon", "lat", "time"], command=command)
        time = table["time"].to_numpy().astype("datetime64[ns]")
        found.append(Course(beam, table["lon"].to_numpy(), table["lat"].to_numpy(), time))
    return found


def meet(
    granule: str, lines: Sequence[Course], frames: Sequence[Frame], most: float
) -> tuple[list[Meeting], list[Miss]]:
    """Scenes the granule meets within ``most`` seconds, nearest in time first, and those it does not."""
    meetings, misses = [], []
    for candidate in frames:
        away = min((_away(line, candidate) for line in lines), default=math.inf)
        if away > 0:
            misses.append(Miss(away, math.inf, granule, candidate.item.ident))
            continue
        found = _meeting(lines, candidate, most)
        if isinstance(found, Meeting):
            meetings.append(found)
        else:
            misses.append(Miss(0.0 if math.isfinite(found) else 1.0, found, granule, candidate.item.ident))
    return sorted(meetings, key=lambda meeting: (abs(meeting.offset), meeting.scene.ident)), misses


def _away(line: Course, candidate: Frame) -> float:
    """Metres from the circle about the scene to the nearest of the thinned segments, 0 when some may be on it."""
    lon, lat = line.lon[::_THIN], line.lat[::_THIN]
    nearest = distance(candidate.lon, candidate.lat, lon, lat).min(initial=math.inf)
    return max(0.0, float(nearest) - candidate.radius - _SLACK)


def _meeting(lines: Sequence[Course], candidate: Frame, most: float) -> Meeting | float:
    """The meeting, or the least seconds between scene and track where they cross; infinite when they do not."""
    runs, offsets, least = {}, [], math.inf
    with open_scene(candidate.item) as scene:
        for line in lines:
            on_grid = _on_grid(scene, line, candidate)
            offset = seconds_between(candidate.time, line.time[on_grid])
            least = min(least, float(np.abs(offset).min(initial=math.inf)))
            in_time = np.abs(offset) <= most
            runs[line.beam] = _runs(on_grid[in_time])
            offsets.append(offset[in_time])
    together = np.concatenate(offsets) if offsets else np.zeros(0)
    return Meeting(candidate.item, float(np.median(together)), runs) if len(together) else least


def _runs(rows: Rows) -> Rows:
    """Unbroken runs of ascending rows: (k, 2) first and one after the last."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    ends = np.concatenate([[0], breaks, [len(rows)]]) if len(rows) else np.zeros(1, np.int64)
    return np.column_stack([rows[ends[:-1]], rows[ends[1:] - 1] + 1])


def _on_grid(scene: Scene, line: Course, candidate: Frame) -> Rows:
    near = np.flatnonzero(distance(candidate.lon, candidate.lat, line.lon, line.lat) <= candidate.radius + _SLACK)
    return near[scene.covers(line.lon[near], line.lat[near])]


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

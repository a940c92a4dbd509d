"""Coastline and graticule of the two polar projections, in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
import pyproj
from numpy.typing import NDArray

Ring = NDArray[np.float32]
Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top, m."""

ARCTIC = "EPSG:3413"

_UNIT = 100.0
_LAT_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LON_STEPS = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0)


@dataclass(frozen=True)
class Graticule:
    """Lines of a graticule and where to write what they are."""

    xs: list[NDArray[np.float64]]
    ys: list[NDArray[np.float64]]
    label_x: list[float]
    label_y: list[float]
    label: list[str]


@lru_cache(maxsize=2)
def coastline(crs: str) -> tuple[Ring, ...]:
    """Outer rings of the land as (n, 2) float32 metres in EPSG:3413 or EPSG:3031, largest first."""
    name = "north" if crs == ARCTIC else "south"
    with as_file(files("assets") / "coastline.npz") as path, np.load(path) as stored:
        lengths, steps = stored[f"{name}_lengths"], stored[f"{name}_steps"]
    parts = np.split(steps, np.cumsum(lengths)[:-1])
    rings = [(np.cumsum(part, axis=0) * _UNIT).astype(np.float32) for part in parts]
    return tuple(sorted(rings, key=len, reverse=True))


def outline(crs: str, spacing: float) -> list[Ring]:
    """The coastline thinned to about ``spacing`` metres between points, without islands smaller than that."""
    thin = []
    for ring in coastline(crs):
        along = np.cumsum(np.hypot(*np.diff(ring, axis=0, prepend=ring[:1]).T))
        keep = np.diff(np.floor(along / spacing), prepend=-1.0) > 0
        if keep.sum() >= 4:
            thin.append(ring[keep])
    return thin


def graticule(crs: str, view: Bounds, taken: Sequence[tuple[float, float]] = ()) -> Graticule:
    """Parallels and meridians through a view, about four of each; ``taken`` are places that other names stand at."""
    inverse = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    gx, gy = np.meshgrid(np.linspace(view[0], view[2], 21), np.linspace(view[1], view[3], 21))
    lon, lat = inverse.transform(gx, gy)
    pole = view[0] <= 0 <= view[2] and view[1] <= 0 <= view[3]
    centre = _middle_longitude(lon)
    offset = (lon - centre + 180.0) % 360.0 - 180.0
    low, high = (-180.0, 180.0) if pole else (float(offset.min()), float(offset.max()))
    sign = 1.0 if crs == ARCTIC else -1.0
    near, far = float(np.abs(lat).min()), 90.0 if pole else float(np.abs(lat).max())
    lat_step, lon_step = _step(far - near, _LAT_STEPS), _step(high - low, _LON_STEPS)
    parallels = sign * np.arange(np.ceil(near / lat_step) * lat_step, min(far, 89.99), lat_step)
    meridians = np.arange(np.ceil((centre + low) / lon_step) * lon_step, centre + high + 1e-9, lon_step)
    if high - low >= 359.0:
        meridians = np.arange(-180.0, 180.0, lon_step)
    forward = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    lines = [_parallel(forward, value, centre + low, centre + high) for value in parallels]
    reach = sign * np.linspace(max(near - lat_step, 0.0), min(far + lat_step, 90.0), 60)
    lines += [forward.transform(np.full(60, value), reach) for value in meridians]
    names = [_parallel_name(value, lat_step) for value in parallels] + [
        _meridian_name(value, lon_step) for value in meridians
    ]
    return _labelled(lines, names, view, taken)


def _middle_longitude(lon: NDArray[np.float64]) -> float:
    angle = np.deg2rad(lon)
    return float(np.rad2deg(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())))


def _step(length: float, steps: tuple[float, ...]) -> float:
    return next((step for step in steps if length / step <= 6.0), steps[-1])


def _parallel(
    forward: pyproj.Transformer, lat: float, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon = np.linspace(low - 2.0, high + 2.0, 181)
    x, y = forward.transform(lon, np.full(len(lon), lat))
    return np.asarray(x), np.asarray(y)


def _labelled(
    lines: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    names: list[str],
    view: Bounds,
    taken: Sequence[tuple[float, float]],
) -> Graticule:
    """Labels stand where a line first comes well inside the view, clear of those already there."""
    room_x, room_y = 0.05 * (view[2] - view[0]), 0.1 * (view[3] - view[1])
    found = Graticule([], [], [], [], [])
    for (x, y), name in zip(lines, names, strict=True):
        fine = np.linspace(0, len(x) - 1, 12 * len(x))
        fx, fy = np.interp(fine, np.arange(len(x)), x), np.interp(fine, np.arange(len(x)), y)
        inside = (np.abs(fx - (view[0] + view[2]) / 2) < (view[2] - view[0]) / 2 - room_x) & (
            np.abs(fy - (view[1] + view[3]) / 2) < (view[3] - view[1]) / 2 - room_y
        )
        for label_x, label_y in [*taken, *zip(found.label_x, found.label_y, strict=True)]:
            inside &= (np.abs(fx - label_x) > 2 * room_x) | (np.abs(fy - label_y) > room_y / 2)
        found.xs.append(x)
        found.ys.append(y)
        if inside.any():
            at = int(np.argmax(inside))
            found.label_x.append(float(fx[at]))
            found.label_y.append(float(fy[at]))
            found.label.append(name)
    return found


def _parallel_name(value: float, step: float) -> str:
    return f"{abs(value):.{1 if step < 1 else 0}f}°{'N' if value > 0 else 'S'}"


def _meridian_name(value: float, step: float) -> str:
    lon = (value + 180.0) % 360.0 - 180.0
    side = "" if lon in (0.0, -180.0) else ("E" if lon > 0 else "W")
    return f"{abs(lon):.{1 if step < 1 else 0}f}°{side}"

"""Polar map of a granule's tracks coloured by freeboard, with coast, graticule and where on Earth it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from pyproj import Transformer

from processing.charts import style
from processing.charts.along import steps_of
from processing.charts.ground import draw_ground, draw_whereabouts
from processing.schema import SurfaceClass

F8 = npt.NDArray[np.float64]

ARCTIC, ANTARCTIC = 3413, 3031
COLOURS = "cividis"
"""Colours of freeboard: alike to readers of every colour vision, and in grey."""

_STEPS = 240


def track_map(tracks: Sequence[Any], foot: str) -> Figure:
    """The tracks (as ``granule.Profile``) in polar stereographic metres, means of some hundred metres coloured."""
    figure = style.sheet(4.4, "Freeboard on the map", foot)
    axes = figure.add_subplot()
    lat = np.concatenate([track.lat for track in tracks])
    epsg = ARCTIC if np.nanmean(lat) >= 0 else ANTARCTIC
    forward = Transformer.from_crs(4326, epsg, always_xy=True)
    parts = [_coloured(track, forward) for track in tracks]
    values = np.concatenate([shown for _, shown in parts])
    known = values[np.isfinite(values)]
    top = float(np.percentile(known, 98)) if len(known) else 1.0
    for segments, shown in parts:
        lines = LineCollection(list(segments), cmap=COLOURS, array=shown, linewidths=2.4, capstyle="butt", zorder=4)
        lines.set_clim(0.0, max(top, 0.05))
        axes.add_collection(lines)
    view = _view(np.concatenate([segments.reshape(-1, 2) for segments, _ in parts]))
    axes.set_facecolor(style.colour("sea"))
    draw_ground(axes, f"EPSG:{epsg}", view, _taken(parts, view))
    _scale(axes, view)
    _names(axes, tracks, forward, 0.03 * (view[2] - view[0]))
    bar = figure.colorbar(lines, ax=axes, shrink=0.7, extend="both", pad=0.02)
    bar.set_label("mean freeboard of ice (m)")
    bar.outline.set_linewidth(0.5)
    draw_whereabouts(axes, f"EPSG:{epsg}", view, (0.01, 0.01))
    return figure


def _taken(parts: Sequence[tuple[F8, F8]], view: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    """Places that tracks and the small map stand at, for names to keep clear of."""
    tracks = np.concatenate([segments[::4, 0] for segments, _ in parts])
    small = np.stack(np.meshgrid(np.linspace(0.02, 0.28, 5), np.linspace(0.02, 0.33, 8)), axis=-1).reshape(-1, 2)
    corner, size = np.array(view[:2]), np.array([view[2] - view[0], view[3] - view[1]])
    return [(float(x), float(y)) for x, y in np.concatenate([tracks, corner + small * size])]


def _coloured(track: Any, forward: Transformer) -> tuple[F8, F8]:
    """(k, 2, 2) m line pieces, and (k,) m mean freeboard of ice of each."""
    steps = steps_of(track.x_atc, track.segment_length, _STEPS)
    x, y = (np.asarray(value, np.float64) for value in forward.transform(track.lon, track.lat))
    ice = np.where(track.label == SurfaceClass.OPEN_WATER, np.nan, track.freeboard)
    places = np.stack([steps.mean(x), steps.mean(y)], axis=1)
    there = np.isfinite(places).all(axis=1)
    half = 0.5 * np.gradient(places, axis=0) if len(places) > 1 else np.full_like(places, 50.0)
    pieces = np.stack([places - half, places + half], axis=1)
    whole = there & np.isfinite(pieces).all(axis=(1, 2))
    return pieces[whole], steps.mean(ice)[whole]


def _view(places: F8) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a frame with room around, m; not flatter or narrower than 3 to 2."""
    low, high = places.min(axis=0), places.max(axis=0)
    middle, size = 0.5 * (low + high), np.maximum(1.16 * (high - low), 2000.0)
    width = max(size[0], 1.5 * size[1])
    height = max(size[1], width / 1.5)
    return (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)


def _scale(axes: Axes, view: tuple[float, float, float, float]) -> None:
    width = view[2] - view[0]
    length = max(each * 10**power for power in range(7) for each in (1, 2, 5) if each * 10**power <= 0.25 * width)
    left, low = view[2] - 0.04 * width - length, view[1] + 0.05 * (view[3] - view[1])
    axes.plot([left, left + length], [low, low], color=style.colour("ink"), lw=1.5, solid_capstyle="butt")
    name = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(name, (left + length / 2, low), (0, 3), textcoords="offset points", ha="center", fontsize=6.5)


def _names(axes: Axes, tracks: Sequence[Any], forward: Transformer, near: float) -> None:
    """Name the beams beside their ends; those nearer than ``near`` m to each other together."""
    ends: list[tuple[F8, F8, list[str]]] = []
    for track in tracks:
        known = np.flatnonzero(np.isfinite(track.lat) & np.isfinite(track.lon))
        if not len(known):
            continue
        one, other = np.stack(forward.transform(track.lon[known[[0, -1]]], track.lat[known[[0, -1]]]), axis=1)
        beside = next((names for place, _, names in ends if np.hypot(*(place - one)) < near), None)
        if beside is None:
            ends.append((one, other - one, [track.beam]))
        else:
            beside.append(track.beam)
    for (x, y), along, names in ends:
        east, north = (-10.0 * part / max(float(np.hypot(*along)), 1.0) for part in along)
        axes.annotate(
            _pair(names), (x, y), (east, north), textcoords="offset points", ha="center", va="center", fontsize=6.5
        )


def _pair(names: Sequence[str]) -> str:
    """``gt1`` for gt1l and gt1r together, else the names."""
    pairs = {name[:3] for name in names}
    return pairs.pop() if len(pairs) == 1 and len(names) == 2 else ", ".join(names)

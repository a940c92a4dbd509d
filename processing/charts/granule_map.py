"""Polar map of a granule's tracks coloured by freeboard, with coast, graticule and where on Earth it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from pyproj import Transformer

from processing.charts import style
from processing.charts.along import steps_of
from processing.charts.coast import coastline, outline
from processing.schema import SurfaceClass

F8 = npt.NDArray[np.float64]

ARCTIC, ANTARCTIC = 3413, 3031
COLOURS = "cividis"
"""Colours of freeboard: alike to readers of every colour vision, and in grey."""

_STEPS = 240
_SPACINGS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


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
        lines = LineCollection(list(segments), cmap=COLOURS, array=shown, linewidths=2.4, capstyle="butt")
        lines.set_clim(0.0, max(top, 0.05))
        axes.add_collection(lines)
    view = _view(np.concatenate([segments.reshape(-1, 2) for segments, _ in parts]))
    _ground(axes, epsg, view)
    _names(axes, tracks, forward, 0.03 * (view[2] - view[0]))
    bar = figure.colorbar(lines, ax=axes, shrink=0.7, extend="both", pad=0.02)
    bar.set_label("mean freeboard of ice (m)")
    bar.outline.set_linewidth(0.5)
    _whereabouts(axes, epsg, view)
    return figure


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


def _ground(axes: Axes, epsg: int, view: tuple[float, float, float, float]) -> None:
    axes.set_facecolor(style.colour("sea"))
    axes.set(xlim=view[::2], ylim=view[1::2], aspect="equal", xticks=[], yticks=[])
    for ring in coastline(f"EPSG:{epsg}"):
        if _meets(ring, view):
            axes.fill(*ring.T, fc=style.colour("land"), ec=style.colour("soft"), lw=0.4, zorder=0)
    x, y = np.meshgrid(np.linspace(view[0], view[2], 80), np.linspace(view[1], view[3], 60))
    lon, lat = Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)
    centre = np.rad2deg(np.angle(np.exp(1j * np.deg2rad(lon)).mean()))
    turned = centre + (lon - centre + 180.0) % 360.0 - 180.0
    pole = view[0] < 0 < view[2] and view[1] < 0 < view[3]
    for values, name in ((lat, _latitude), (turned, _longitude)):
        if pole and name is _longitude:
            continue
        lines = axes.contour(
            x,
            y,
            values,
            levels=_levels(values),
            colors=style.colour("line"),
            linewidths=0.6,
            linestyles="solid",
            zorder=0.5,
        )
        spots = _spots(x[:, -6], y[:, -6], values[:, -6], lines.levels) if name is _latitude else []
        spots = spots or _spots(x[-5], y[-5], values[-5], lines.levels)
        axes.clabel(lines, fmt=name, fontsize=6.5, colors=style.colour("soft"), manual=spots)
    axes.spines[["top", "right"]].set_visible(True)
    _scale(axes, view)


def _levels(values: F8) -> F8:
    low, high = float(values.min()), float(values.max())
    spacing = next((each for each in _SPACINGS if (high - low) / each <= 5), _SPACINGS[-1])
    return np.arange(np.ceil(low / spacing), np.floor(high / spacing) + 1) * spacing


def _spots(x: F8, y: F8, values: F8, levels: Iterable[float]) -> list[tuple[float, float]]:
    """Where along a line near the frame, on which ``values`` rise or fall, each level lies."""
    order = np.argsort(values)
    inside = [level for level in levels if values.min() < level < values.max()]
    return [
        (float(np.interp(level, values[order], x[order])), float(np.interp(level, values[order], y[order])))
        for level in inside
    ]


def _latitude(value: float) -> str:
    return f"{_degrees(value)}° {'N' if value >= 0 else 'S'}"


def _longitude(value: float) -> str:
    lon = (value + 180.0) % 360.0 - 180.0
    return f"{_degrees(lon)}° {'E' if lon > 0 else 'W'}"


def _degrees(value: float) -> str:
    return f"{abs(value):.3f}".rstrip("0").rstrip(".")


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


def _whereabouts(axes: Axes, epsg: int, view: tuple[float, float, float, float]) -> None:
    """A small map of the polar region with the place marked."""
    small = axes.inset_axes((0.015, 0.02, 0.26, 0.39))
    reach = 4.2e6
    small.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    small.set_facecolor("white")
    for ring in outline(f"EPSG:{epsg}", 30_000.0):
        if len(ring) > 4:
            small.fill(*ring.T, fc=style.colour("land"), ec=style.colour("soft"), lw=0.25)
    middle = (0.5 * (view[0] + view[2]), 0.5 * (view[1] + view[3]))
    small.plot(*middle, "s", ms=4, mfc="none", mec=style.colour("mark"), mew=1.2)
    small.spines[["top", "right"]].set_visible(True)


def _meets(ring: npt.NDArray[np.float32], view: tuple[float, float, float, float]) -> bool:
    low, high = ring.min(axis=0), ring.max(axis=0)
    return bool(low[0] < view[2] and high[0] > view[0] and low[1] < view[3] and high[1] > view[1])

"""Polar maps at journal size: cells in colour, coastline, graticule, colour bar."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from processing.charts.coast import Bounds, graticule, outline
from processing.charts.style import WIDTH, colour, sheet
from processing.core.polar_grid import GridMaps

COLOURS = "viridis"
"""Perceptually uniform, legible in grey and to the colour-blind."""

_LEAST_VIEW = 200_000.0
"""Shortest side of a map, m, so that the graticule tells where it is."""

_WIDE = 2_000_000.0
"""Views narrower than this, m, have a map of the hemisphere beside them."""

_REACH, _MARK = 3_600_000.0, 400_000.0


def map_figure(maps: GridMaps, layers: tuple[str, ...], title: str, foot: str) -> Figure:
    """Maps of some layers side by side, on the view that holds all cells with a value of the first."""
    view = _view(maps, maps.maps[layers[0]])
    panel = (WIDTH - 0.3) / len(layers)
    tall = (view[3] - view[1]) / (view[2] - view[0])
    figure = sheet(min(max(panel * tall, 2.0), 8.0) + 1.05, title, foot)
    panels = figure.subplots(1, len(layers), squeeze=False)[0]
    for axes, name in zip(panels, layers, strict=True):
        _panel(axes, maps, name, view)
    if view[2] - view[0] < _WIDE:
        _where(panels[0], f"EPSG:{maps.epsg}", view)
    return figure


def _panel(axes: Axes, maps: GridMaps, name: str, view: Bounds) -> None:
    values, layer = maps.maps[name], maps.layers[name]
    crs, half = f"EPSG:{maps.epsg}", 0.5 * maps.cell
    extent = (maps.x[0] - half, maps.x[-1] + half, maps.y[-1] - half, maps.y[0] + half)
    _land(axes, crs, view)
    low, high = _limits(values, counts=layer.unit == "1")
    image = axes.imshow(values, cmap=COLOURS, vmin=low, vmax=high, extent=extent, interpolation="nearest", zorder=2)
    _graticule(axes, crs, view)
    axes.set(xlim=(view[0], view[2]), ylim=(view[1], view[3]), xticks=[], yticks=[])
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(True)
    unit = f" [{layer.unit}]" if layer.unit != "1" else ""
    bar = axes.figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.85, pad=0.02, aspect=28)
    bar.set_label(f"{layer.meaning}{unit}")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


def _where(axes: Axes, crs: str, view: Bounds) -> None:
    """A small map of the hemisphere with the view on it."""
    inset = axes.inset_axes((0.69, 0.69, 0.3, 0.3), zorder=5)
    for ring in outline(crs, 60_000.0):
        inset.add_patch(Polygon(ring, facecolor=colour("land"), edgecolor=colour("soft"), linewidth=0.25))
    side = max(view[2] - view[0], _MARK)
    middle = 0.5 * (view[0] + view[2]), 0.5 * (view[1] + view[3])
    corner = middle[0] - side / 2, middle[1] - side / 2
    inset.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour("bad"), linewidth=1.0))
    inset.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), xticks=[], yticks=[])
    inset.set_aspect("equal")
    for spine in inset.spines.values():
        spine.set(visible=True, linewidth=0.4)


def _limits(values: NDArray[np.float32], *, counts: bool) -> tuple[float, float]:
    """Least and greatest value in colour: percentiles 2 and 98, against single cells that take all; counts from 0."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return 0.0, 1.0
    low, high = np.percentile(known, [2, 98])
    low = 0.0 if counts else low
    return float(low), float(high if high > low else low + 1.0)


def _view(maps: GridMaps, values: NDArray[np.float32]) -> Bounds:
    """The box of the cells with a value, with a margin, no side much shorter than the other."""
    rows, columns = np.nonzero(np.isfinite(values))
    if len(rows) == 0:
        rows, columns = np.array([0, len(maps.y) - 1]), np.array([0, len(maps.x) - 1])
    x, y = maps.x[columns], maps.y[rows]
    wide, tall = np.ptp(x) + maps.cell, np.ptp(y) + maps.cell
    side_x = 1.2 * max(wide, 0.75 * tall, _LEAST_VIEW)
    side_y = 1.2 * max(tall, 0.75 * wide, _LEAST_VIEW)
    middle_x, middle_y = 0.5 * (x.min() + x.max()), 0.5 * (y.min() + y.max())
    return middle_x - side_x / 2, middle_y - side_y / 2, middle_x + side_x / 2, middle_y + side_y / 2


def _land(axes: Axes, crs: str, view: Bounds) -> None:
    for ring in outline(crs, (view[2] - view[0]) / 1500.0):
        low, high = ring.min(axis=0), ring.max(axis=0)
        if low[0] < view[2] and high[0] > view[0] and low[1] < view[3] and high[1] > view[1]:
            axes.add_patch(Polygon(ring, facecolor=colour("land"), edgecolor=colour("soft"), linewidth=0.5, zorder=1))


def _graticule(axes: Axes, crs: str, view: Bounds) -> None:
    lines = graticule(crs, view)
    for xs, ys in zip(lines.xs, lines.ys, strict=True):
        axes.plot(xs, ys, color=colour("soft"), linewidth=0.35, alpha=0.6, zorder=3)
    for x, y, name in zip(lines.label_x, lines.label_y, lines.label, strict=True):
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
        axes.text(x, y, name, fontsize=5.5, color=colour("soft"), ha="center", va="center", bbox=box, zorder=4)

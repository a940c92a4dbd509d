"""Polar maps at journal size: cells in colour, coastline, graticule, colour bar."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from processing.charts.coast import Bounds
from processing.charts.ground import draw_ground, draw_whereabouts
from processing.charts.style import WIDTH, sheet
from processing.core.polar_grid import GridMaps

COLOURS = "viridis"
"""Perceptually uniform, legible in grey and to the colour-blind."""

_LEAST_VIEW = 200_000.0
"""Shortest side of a map, m, so that the graticule tells where it is."""

_WIDE = 2_000_000.0
"""Views narrower than this, m, have a map of the hemisphere beside them."""


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
        draw_whereabouts(panels[0], f"EPSG:{maps.epsg}", view)
    return figure


def _panel(axes: Axes, maps: GridMaps, name: str, view: Bounds) -> None:
    values, layer = maps.maps[name], maps.layers[name]
    crs, half = f"EPSG:{maps.epsg}", 0.5 * maps.cell
    extent = (maps.x[0] - half, maps.x[-1] + half, maps.y[-1] - half, maps.y[0] + half)
    draw_ground(axes, crs, view)
    low, high = _limits(values, counts=layer.unit == "1")
    image = axes.imshow(values, cmap=COLOURS, vmin=low, vmax=high, extent=extent, interpolation="nearest", zorder=2)
    unit = f" [{layer.unit}]" if layer.unit != "1" else ""
    bar = axes.figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.85, pad=0.02, aspect=28)
    bar.set_label(f"{layer.meaning}{unit}")
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


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

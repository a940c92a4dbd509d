"""What lies under a polar map: land, graticule, and a small map that tells where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from processing.charts import style as paper
from processing.charts.coast import Bounds, graticule, outline

HEMISPHERE = 4_000_000.0
"""Half the edge of the small map, m."""

_MARK = 300_000.0
"""Least edge of the frame on it, m, so that it can be seen."""


def draw_ground(axes: Axes, crs: str, view: Bounds, taken: Sequence[tuple[float, float]] = ()) -> None:
    """Land, graticule and frame of a view in metres of EPSG:3413 or EPSG:3031.

    Land has ``zorder`` 1, lines 3 and their names 5, so that areas are drawn at 2 and points at 4. Names
    keep clear of the places ``taken``.
    """
    for ring in outline(crs, (view[2] - view[0]) / 1500.0):
        low, high = ring.min(axis=0), ring.max(axis=0)
        if low[0] < view[2] and high[0] > view[0] and low[1] < view[3] and high[1] > view[1]:
            land: dict[str, Any] = {"facecolor": paper.colour("land"), "edgecolor": paper.colour("soft")}
            axes.add_patch(Polygon(ring, **land, linewidth=0.4, zorder=1))
    lines = graticule(crs, view, taken)
    for xs, ys in zip(lines.xs, lines.ys, strict=True):
        axes.plot(xs, ys, color=paper.colour("soft"), linewidth=0.35, alpha=0.6, zorder=3)
    for x, y, name in zip(lines.label_x, lines.label_y, lines.label, strict=True):
        ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
        axes.text(x, y, name, fontsize=5.2, color=paper.colour("soft"), ha="center", va="center", bbox=ground, zorder=5)
    axes.set(xlim=(view[0], view[2]), ylim=(view[1], view[3]), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(True)


def draw_whereabouts(axes: Axes, crs: str, view: Bounds, corner: tuple[float, float] = (0.71, 0.66)) -> None:
    """A small map of the hemisphere with the view's frame on it; ``corner``, of the axes, is its lower left."""
    inset = axes.inset_axes((*corner, 0.28, 0.33), zorder=6)
    for ring in outline(crs, 60_000.0):
        inset.add_patch(Polygon(ring, facecolor=paper.colour("land"), edgecolor=paper.colour("soft"), linewidth=0.2))
    side = max(view[2] - view[0], _MARK)
    low = (view[0] + view[2] - side) / 2, (view[1] + view[3] - side) / 2
    inset.add_patch(Rectangle(low, side, side, fill=False, edgecolor=paper.colour("bad"), linewidth=0.9))
    inset.set(xlim=(-HEMISPHERE, HEMISPHERE), ylim=(-HEMISPHERE, HEMISPHERE), xticks=[], yticks=[], aspect="equal")
    inset.spines[:].set(visible=True, linewidth=0.4)

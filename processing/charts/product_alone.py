"""Figures of an ATL07 or ATL10 granule on its own: profiles of its beams, distribution, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pyproj import Transformer

from processing.charts import product_parts as part
from processing.charts import style as paper
from processing.charts.coast import Bounds
from processing.charts.ground import draw_ground, draw_whereabouts
from processing.core.product_agreement import TYPES, mode, type_group
from processing.io.sea_ice_products import ProductBeam, ProductInfo

F8 = npt.NDArray[np.float64]

_LEAST_VIEW = 60_000.0
"""Shortest side of a map, m."""

_RING: dict[str, Any] = {
    "markersize": 4.0,
    "markerfacecolor": "none",
    "markeredgecolor": "#17202c",
    "markeredgewidth": 0.5,
}
_SHADES = ("#0b2f8a", "#c2410c", "#007f8c", "#7a1fa2", "#7a5a14", "#d6006e")
"""Of the six beams, in their order."""


def product_figures(info: ProductInfo, beams: Mapping[str, ProductBeam]) -> dict[str, Figure]:
    """One figure of the granule by its name: freeboard (ATL10) or height (ATL07) of each beam with sea level marked.

    Beams without a known value are left out; a granule without any gives no figure.
    """
    shown = {beam: found for beam, found in beams.items() if np.isfinite(_values(found)).any()}
    if not shown:
        return {}
    with paper.drawing():
        return {info.ident: _figure(info, shown)}


def _figure(info: ProductInfo, shown: Mapping[str, ProductBeam]) -> Figure:
    quantity = _quantity(info)
    release = f"release {info.release}" if info.release else "of unknown release"
    title = f"{info.kind.upper()}: {quantity} of {len(shown)} {'beam' if len(shown) == 1 else 'beams'}"
    foot = ("SYNTHETIC: " if info.synthetic else "") + f"{info.ident}, {release}; beams without {quantity} left out"
    figure = paper.sheet(0.95 * len(shown) + 3.5, title, foot)
    grid = figure.add_gridspec(len(shown) + 1, 2, height_ratios=(*(1.0 for _ in shown), 2.4))
    start = _start(shown)
    first: Axes | None = None
    for row, (beam, found) in enumerate(shown.items()):
        axes = figure.add_subplot(grid[row, :], sharex=first)
        first = first or axes
        _profile(axes, beam, found, start, last=row == len(shown) - 1)
    _legend(figure)
    _distribution(figure.add_subplot(grid[-1, 0]), shown, quantity)
    _map(figure.add_subplot(grid[-1, 1]), shown)
    return figure


def _quantity(info: ProductInfo) -> str:
    return "freeboard" if info.kind == "atl10" else "height"


def _values(found: ProductBeam) -> F8:
    return found.freeboard if found.kind == "atl10" else found.height


def _start(shown: Mapping[str, ProductBeam]) -> float:
    return float(np.floor(min(np.nanmin(found.x_atc) for found in shown.values()) / 1000.0) * 1000.0)


def _profile(axes: Axes, beam: str, found: ProductBeam, start: float, *, last: bool) -> None:
    values, group = _values(found), type_group(found.surface_type)
    x = (found.x_atc - start) / 1000.0
    for number, colour in enumerate(part.TYPE_COLOURS):
        mine = (group == number) & np.isfinite(values)
        axes.plot(x[mine], values[mine], ".", color=colour, markersize=2.4, rasterized=mine.sum() > 3000)
    sea = found.is_sea_level & np.isfinite(values)
    axes.plot(x[sea], values[sea], "o", **_RING)
    known = values[np.isfinite(values)]
    axes.set(ylabel="[m]", ylim=_limits(known))
    axes.set_title(
        f"{beam}: n = {len(known):,}, mean {known.mean():.3f} m, median {np.median(known):.3f} m".replace("-", "−")
    )
    axes.grid(axis="y")
    if last:
        part.along(axes, start)
    else:
        axes.tick_params(labelbottom=False)


def _limits(known: F8) -> tuple[float, float]:
    low, high = np.percentile(known, [0.5, 99.5])
    room = 0.1 * float(high - low) + 0.03
    return float(low) - room, float(high) + room


def _legend(figure: Figure) -> None:
    dots = [Line2D([], [], linestyle="", marker="o", markersize=3.5, color=colour) for colour in part.TYPE_COLOURS]
    ring = Line2D([], [], linestyle="", marker="o", **_RING)
    figure.legend([*dots, ring], [*TYPES, "carries sea level"], loc="outside upper right", ncols=5, fontsize=6.5)


def _distribution(axes: Axes, shown: Mapping[str, ProductBeam], quantity: str) -> None:
    joined = np.concatenate([_values(found) for found in shown.values()])
    low, high = np.percentile(joined[np.isfinite(joined)], [0.5, 99.5])
    edges = np.linspace(low, max(high, low + 0.1), 41)
    for colour, (beam, found) in zip(_SHADES, shown.items(), strict=False):
        values = _values(found)
        peak = mode(values, np.zeros(len(values))).value
        text = f"{beam}: mode {peak:.2f} m".replace("-", "−")
        known = values[np.isfinite(values)]
        axes.hist(known, edges.tolist(), histtype="step", density=True, color=colour, linewidth=1.2, label=text)
    handles = [Line2D([], [], color=patch.get_edgecolor(), linewidth=1.2) for patch in axes.patches]
    axes.legend(handles, axes.get_legend_handles_labels()[1], loc="upper right")
    axes.set(xlabel=f"{quantity} [m]", ylabel="density [1/m]", ylim=(0.0, 1.2 * axes.get_ylim()[1]))
    axes.set_title("distribution")


def _map(axes: Axes, shown: Mapping[str, ProductBeam]) -> None:
    south = np.nanmean(np.concatenate([found.lat for found in shown.values()])) < 0
    crs = "EPSG:3031" if south else "EPSG:3413"
    forward = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    lines = {}
    for beam, found in shown.items():
        known = np.isfinite(found.lat) & np.isfinite(found.lon)
        x, y = forward.transform(found.lon[known], found.lat[known])
        lines[beam] = np.asarray(x), np.asarray(y)
    view = _view(np.concatenate([x for x, _ in lines.values()]), np.concatenate([y for _, y in lines.values()]))
    draw_ground(axes, crs, view)
    for colour, (beam, (x, y)) in zip(_SHADES, lines.items(), strict=False):
        axes.plot(x, y, ".", color=colour, markersize=1.6, label=beam, zorder=4, rasterized=len(x) > 3000)
    axes.set(xlim=(view[0], view[2]), ylim=(view[1], view[3]), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(True)
    axes.set_title(f"where, {crs}; frame {(view[2] - view[0]) / 1000:.0f} km wide")
    draw_whereabouts(axes, crs, view)


def _view(x: F8, y: F8) -> Bounds:
    side = 1.25 * max(float(np.ptp(x)), float(np.ptp(y)), _LEAST_VIEW)
    middle = (float(x.max() + x.min()) / 2, float(y.max() + y.min()) / 2)
    return middle[0] - 0.7 * side, middle[1] - side / 2, middle[0] + 0.7 * side, middle[1] + side / 2

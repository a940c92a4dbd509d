"""Figures of our freeboard beside other measurements: pairs, differences, where they lie, along time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from pyproj import Transformer

from processing.charts.coast import Bounds
from processing.charts.ground import draw_ground
from processing.charts.product_parts import OURS, differences, note, numbers, scatter, told
from processing.charts.style import COLUMN, WIDTH, colour, drawing, sheet
from processing.core.matches import Matches

F8 = npt.NDArray[np.float64]

_ARCTIC, _ANTARCTIC = "EPSG:3413", "EPSG:3031"
_COLOURS = "RdBu_r"
_LEAST_VIEW = 4_000.0
"""Least edge of a map, m."""

_FEW = 3_000
"""Matches up to which each is a dot of its own; along time a thinned share stands for more, a map turns to pixels."""

_BINS = 24


def measurement_figures(matches: Matches) -> dict[str, Figure]:
    """Figures of one quantity of one table by name: scatter, differences, map, time; none without a match."""
    if not len(matches):
        return {}
    with drawing():
        return {
            "scatter": _scatter(matches),
            "differences": _differences(matches),
            "map": _map(matches),
            "time": _time(matches),
        }


def _sheet(height: float, matches: Matches, width: float = WIDTH) -> Figure:
    """A sheet whose foot is broken a little early: in a narrow one its capitals would reach over the edge."""
    title = f"{matches.quantity.capitalize()} beside {matches.table}"
    figure = sheet(height, title, _foot(matches), width=0.92 * width if width < WIDTH else width)
    figure.set_figwidth(width)
    return figure


def _foot(matches: Matches) -> str:
    how = matches.parameters
    drift = {"none": "ice drift not undone", "given": "ice drift as given", "estimated": "ice drift as estimated"}
    said = [
        f"{len(matches):,} of {matches.read:,} measurements lie within {how['within']:g} m and {how['hours']:g} h",
        f"freeboard run {matches.run}",
        drift[str(how["drift"])],
        f"95 % intervals from blocks of {how['block'] / 1000:g} km",
        *matches.remarks,
    ]
    return ("SYNTHETIC: made up, not measured. " if matches.synthetic else "") + "; ".join(said) + "."


def _scatter(matches: Matches) -> Figure:
    figure = _sheet(4.1, matches, COLUMN)
    axes = figure.add_subplot()
    scatter(axes, matches.theirs, matches.ours)
    axes.set(xlabel=f"{matches.quantity}, {matches.table} [m]", ylabel=f"{matches.quantity}, ours [m]")
    note(axes, numbers(matches.agreement))
    return figure


def _differences(matches: Matches) -> Figure:
    has_scores = matches.normalised.count > 0
    figure = _sheet(2.6, matches)
    panels = figure.subplots(1, 2)
    differences(panels[0], matches.difference)
    panels[0].set(xlabel="ours minus theirs [m]", ylabel="matches")
    found = matches.agreement
    spread = f"RMS {found.rms.value:.3f} m, centred {found.centred_rms.value:.3f} m"
    note(panels[0], f"n = {found.count:,}\nbias {told(found.bias, sign=True)} m\n{spread}")
    if has_scores:
        _scores(panels[1], matches)
    else:
        _by_class(panels[1], matches)
    return figure


def _scores(axes: Axes, matches: Matches) -> None:
    """Differences over their uncertainty, and the normal distribution that they follow when it is true."""
    score = matches.normalised_difference
    score = score[np.isfinite(score)]
    edges = np.linspace(-5.0, 5.0, 51)
    axes.hist(np.clip(score, -4.999, 4.999), bins=edges.tolist(), color=OURS, alpha=0.85)
    middle = np.linspace(-5.0, 5.0, 201)
    expected = len(score) * (edges[1] - edges[0]) * np.exp(-(middle**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(middle, expected, color=colour("ink"), linewidth=0.9)
    axes.set_ylim(0.0, 1.6 * axes.get_ylim()[1])
    found = matches.normalised
    lines = (
        f"n = {found.count:,} with both uncertainties",
        f"mean {found.mean:+.2f}, standard deviation {found.spread:.2f}".replace("-", "−"),
        f"within 1 σ {100 * found.within_one:.0f} % (68 % expected)",
        f"within 1.96 σ {100 * found.within_two:.0f} % (95 %)",
        "line: normal distribution",
    )
    note(axes, "\n".join(lines))
    axes.set(xlabel="difference over combined uncertainty [1]", ylabel="matches", xlim=(-5, 5))


def _by_class(axes: Axes, matches: Matches) -> None:
    """Bias by the class that is commonest in a footprint, with its interval."""
    groups = list(matches.by_class.items())
    for place, (_, found) in enumerate(groups):
        low, high = found.bias.low, found.bias.high
        if np.isfinite(low):
            axes.plot([low, high], [place, place], color=OURS, linewidth=1.4)
        axes.plot(found.bias.value, place, "o", color=OURS, markersize=4)
    axes.axvline(0.0, color=colour("soft"), linewidth=0.7, linestyle=":")
    axes.set_yticks(range(len(groups)), [f"{name}\nn = {found.count:,}" for name, found in groups])
    axes.set(xlabel="bias by class [m]", ylim=(-0.6, len(groups) - 0.4))


def _map(matches: Matches) -> Figure:
    """Where the matches lie, coloured by difference; the hemisphere of most of them."""
    north = bool(np.median(matches.lat) >= 0)
    crs = _ARCTIC if north else _ANTARCTIC
    some = np.flatnonzero((matches.lat >= 0) == north)
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(matches.lon[some], matches.lat[some])
    view = _view(np.asarray(x), np.asarray(y))
    figure = _sheet(4.6, matches, 1.3 * COLUMN)
    axes = figure.add_subplot()
    draw_ground(axes, crs, view)
    value = matches.difference[some]
    reach = max(float(np.percentile(np.abs(value), 95)), 0.01)
    order = np.argsort(np.abs(value))
    size = float(np.clip(4_000 / len(value), 2.0, 16.0))
    norm = TwoSlopeNorm(0.0, -reach, reach)
    dots = axes.scatter(
        np.asarray(x)[order],
        np.asarray(y)[order],
        s=size,
        c=value[order],
        cmap=_COLOURS,
        norm=norm,
        linewidths=0,
        rasterized=len(value) > _FEW,
        zorder=4,
    )
    bar = figure.colorbar(dots, ax=axes, orientation="horizontal", shrink=0.7, pad=0.02, aspect=30, extend="both")
    bar.set_label("ours minus theirs [m]")
    return figure


def _view(x: F8, y: F8) -> Bounds:
    wide, tall = max(float(np.ptp(x)), _LEAST_VIEW), max(float(np.ptp(y)), _LEAST_VIEW)
    half = 0.58 * max(wide, 0.85 * tall), 0.58 * max(tall, 0.7 * wide)
    middle = 0.5 * float(x.min() + x.max()), 0.5 * float(y.min() + y.max())
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def _time(matches: Matches) -> Figure:
    """Differences by the time of the measurement, and by the time between it and the track."""
    figure = _sheet(2.6, matches)
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    _course(panels[0], matches.time, matches.difference)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    panels[0].xaxis.set_major_locator(locator)
    panels[0].xaxis.set_major_formatter(ConciseDateFormatter(locator))
    panels[0].set(xlabel="time of the measurement [UTC]", ylabel="ours minus theirs [m]")
    _course(panels[1], matches.hours, matches.difference)
    panels[1].set(xlabel="our time minus theirs [h]")
    _no_narrower(panels[0], 10.0 / 1440.0)
    _no_narrower(panels[1], 0.1)
    reach = 1.15 * max(float(np.percentile(np.abs(matches.difference), 99)), 0.01)
    panels[0].set_ylim(-reach, reach)
    note(panels[0], f"bias {told(matches.agreement.bias, sign=True)} m; black: medians and quartiles")
    return figure


def _no_narrower(axes: Axes, least: float) -> None:
    """Let an axis reach over ``least`` units at least, where all lie at about one value."""
    low, high = axes.dataLim.intervalx
    if high - low < least:
        axes.set_xlim((low + high - least) / 2, (low + high + least) / 2)


def _course(axes: Axes, at: npt.NDArray[Any], value: F8) -> None:
    """Dots, and over them median and quartiles of parts of equal number."""
    order = np.argsort(at, kind="stable")
    shown = order[:: max(1, len(order) // _FEW)]
    axes.plot(
        at[shown],
        value[shown],
        ".",
        color=OURS,
        markersize=2,
        alpha=0.35,
        markeredgewidth=0,
        rasterized=True,
    )
    axes.axhline(0.0, color=colour("soft"), linewidth=0.7, linestyle=":")
    parts = [part for part in np.array_split(order, min(_BINS, max(len(order) // 8, 1))) if len(part)]
    middle = np.array([at[part[len(part) // 2]] for part in parts])
    low, median, high = np.array([np.percentile(value[part], (25, 50, 75)) for part in parts]).T
    axes.vlines(middle, low, high, color=colour("ink"), linewidth=0.8)
    axes.plot(middle, median, "o", color=colour("ink"), markersize=2.4)

"""Figures of one panel a model: confusion and reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from processing.charts import style as paper
from training import charts_style as look
from training.calibration import BINS
from training.report_rows import fair_rows, fairest, model_name, models, percent, protocol_name
from training.scores import CLASS_NAMES
from training.summary import Row

_AGAINST = {"labels": "class by the labels", "truth": "class by the truth"}
_SHADES = "shade: root of the share; numbers: of all folds and seeds"
_PANEL, _NARROWEST = 2.15, 4.2
"""Side of a panel of the confusion, and least width of its figure [inch]."""

_FEW = 50
_FAINT = f"faint: fewer than {_FEW} labels"
_RAW, _TEMPERED = "raw", "after temperature"


def draw_confusion(rows: Sequence[Row], about: str) -> Figure | None:
    """One panel a model, against labels and, below, against the truth."""
    kinds = [against for against in _AGAINST if fair_rows(rows, against)]
    if not kinds:
        return None
    columns = models(fair_rows(rows, kinds[0]))
    title = f"Confusion, {protocol_name(str(fairest(rows)))} held out"
    width = max(0.75 + _PANEL * len(columns), _NARROWEST)
    figure = paper.sheet(0.8 + _PANEL * len(kinds), title, f"{about}; {_SHADES}", width)
    grid = figure.subplots(len(kinds), len(columns), squeeze=False, sharex=True, sharey=True)
    for line, against in zip(grid, kinds, strict=True):
        found = {row.model: row for row in fair_rows(rows, against)}
        for axes, model in zip(line, columns, strict=True):
            if model in found:
                _confusion(axes, np.array(found[model].confusion))
        line[0].set_ylabel(_AGAINST[against])
    for axes, model in zip(grid[0], columns, strict=True):
        axes.set_title(model_name(model))
    for axes in grid[-1]:
        axes.set_xlabel("class predicted")
    return figure


def _confusion(axes: Axes, counts: NDArray[np.int64]) -> None:
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    painted = shades()(np.sqrt(np.nan_to_num(share)))
    axes.imshow(painted)
    for (row, column), part in np.ndenumerate(share):
        ink = paper.ink_on(painted[row, column])
        text = f"{100 * part:.1f} %" if np.isfinite(part) else "–"
        axes.text(column, row - 0.1, text, ha="center", va="center", color=ink, fontsize=8)
        axes.text(column, row + 0.22, f"{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=6)
    for edge in (0.5, 1.5):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.set_xticks(range(3), [name.replace(" ", "\n") for name in CLASS_NAMES])
    axes.set_yticks(range(3), [name.replace(" ", "\n") for name in CLASS_NAMES])
    axes.tick_params(length=0, labelcolor=paper.colour("ink"))
    axes.spines[:].set_visible(False)


def shades() -> Colormap:
    """Shares from none to all, of one hue."""
    return LinearSegmentedColormap.from_list("shares", ("#f7fafc", "#8fc0d2", paper.colour("accent"), "#05374a"))


def draw_reliability(rows: Sequence[Row], about: str) -> Figure | None:
    """One panel a model: the share that was right over the probability given, and below how often it was given."""
    found = fair_rows(rows, "labels")
    if not found:
        return None
    title = f"Calibration, {protocol_name(str(fairest(rows)))} held out"
    figure = paper.sheet(3.8, title, look.foot(about, rows, _FAINT))
    upper, lower = figure.subplots(2, len(found), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1))
    for top, bottom, row in zip(upper, lower, found, strict=True):
        _curves(top, row)
        _counts(bottom, row)
    upper[0].set_ylabel("share that was right, %")
    lower[0].set_ylabel("labels")
    look.key(figure, _lines())
    return figure


def _looks() -> dict[str, dict[str, Any]]:
    raw = {"color": paper.colour("soft"), "linestyle": "--", "markerfacecolor": "white"}
    return {_RAW: raw, _TEMPERED: {"color": paper.colour("accent"), "linestyle": "-"}}


def _lines() -> list[Line2D]:
    curves = [Line2D([], [], label=name, marker="o", markersize=3, **one) for name, one in _looks().items()]
    return [*curves, Line2D([], [], label="ideal", linestyle=":", color=paper.colour("soft"))]


def _curves(axes: Axes, row: Row) -> None:
    axes.plot((0, 100), (0, 100), ":", color=paper.colour("soft"), linewidth=1.0)
    for name, found in ((_RAW, row.reliability_raw), (_TEMPERED, row.reliability)):
        x, y = (100 * np.array(found[key], float) for key in ("confidence", "accuracy"))
        few = np.array(found["count"]) < _FEW
        style = _looks()[name]
        axes.plot(x[few], y[few], **style | {"linestyle": ""}, marker="o", markersize=3, alpha=0.35)
        axes.plot(x[~few], y[~few], **style, marker="o", markersize=3, linewidth=1.1)
    _errors(axes, row)
    axes.set_title(model_name(row.model))
    axes.set(xlim=(100 / 3, 101), ylim=(0, 102))
    axes.grid(visible=True)


def _errors(axes: Axes, row: Row) -> None:
    """The calibration error before and after, in the corner that curves leave free."""
    texts = (
        ("calibration error", paper.colour("ink")),
        (percent(row.figures["calibration_error_raw"]), paper.colour("soft")),
        (percent(row.figures["calibration_error"]), paper.colour("accent")),
    )
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    for number, (text, shade) in enumerate(texts):
        y = 0.22 - 0.085 * number
        axes.text(0.97, y, text, transform=axes.transAxes, ha="right", color=shade, fontsize=7, bbox=ground)


def _counts(axes: Axes, row: Row) -> None:
    edges = np.linspace(0, 100, BINS + 1)
    axes.stairs(row.reliability["count"], edges, fill=True, color=paper.colour("accent"), alpha=0.35)
    axes.stairs(row.reliability_raw["count"], edges, color=paper.colour("soft"), linestyle="--")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=4))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(bottom=0.8)
    axes.set_xlabel("probability given, %")

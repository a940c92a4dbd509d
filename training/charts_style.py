"""How the figures of an evaluation look: one style, the project's colours, a title above and a foot below."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isfinite
from textwrap import fill
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from training.designs import DESIGNS
from training.report_rows import HELD_AGAINST
from training.summary import Interval, Row

WIDTH = 7.2
"""Width of a figure over two columns of a journal [inch]."""

SHARES, CHANGES = (0.0, 100.0), (-100.0, 100.0)
"""Where shares and changes of them can lie [%]."""

SMALL = 6.5
_LEAST_SPAN = 2.0
_FOOT = 23.5
"""Characters of the foot in an inch."""


@cache
def _palette() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("assets") / "palette.json").read_text(encoding="utf-8"))
    return found


def colour(role: str) -> str:
    """Colour of the light theme by its role."""
    return str(_palette()["themes"]["light"][role])


def class_colour(code: int) -> str:
    return str(_palette()["classes"][str(code)]["light"])


def ink_on(ground: Sequence[float]) -> str:
    """Of ink and white what reads better on a colour of red, green and blue from 0 to 1."""
    red, green, blue = (part**2.2 for part in ground[:3])
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.21 else colour("ink")


def model_colour(model: str) -> str:
    """Its own for each model, of those that analysts have elsewhere: they were chosen to be told apart by any eye."""
    hands = _palette()["analysts"]["light"]["hands"]
    known = list(DESIGNS)
    return str(hands[known.index(model) if model in known else -1])


@cache
def style() -> Mapping[str, Any]:
    """Settings of matplotlib; the salt and glyphs as paths make an SVG the same wherever it is drawn."""
    ink, soft, line = colour("ink"), colour("soft"), colour("line")
    return MappingProxyType(
        {
            "font.family": "DejaVu Sans",
            "font.size": 7.5,
            "axes.titlesize": 8,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 7.5,
            "axes.labelcolor": soft,
            "axes.edgecolor": soft,
            "axes.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "text.color": ink,
            "xtick.color": soft,
            "ytick.color": ink,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7.5,
            "xtick.major.width": 0.6,
            "xtick.major.size": 2.5,
            "ytick.major.size": 0.0,
            "grid.color": line,
            "grid.linewidth": 0.6,
            "legend.frameon": False,
            "legend.fontsize": 7,
            "legend.handletextpad": 0.4,
            "legend.handlelength": 2.4,
            "figure.facecolor": "white",
            "svg.fonttype": "path",
            "svg.hashsalt": "leadline",
        }
    )


def sheet(height: float, title: str, foot: str, width: float = WIDTH) -> Figure:
    """An empty figure with ``title`` at its top left and ``foot`` small at the bottom."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05))
    figure.suptitle(title, x=0.008, ha="left", fontsize=9, fontweight="bold")
    figure.supxlabel(fill(foot, round(_FOOT * width)), x=0.008, ha="left", fontsize=6, color=colour("soft"))
    return figure


def foot(about: str, rows: Iterable[Row], *notes: str) -> str:
    """What stands at the foot of a figure: of what it is, and what its intervals are."""
    several = any(row.seeds > 1 for row in rows)
    return "; ".join((about, *notes, "intervals: 95 % over seeds" if several else "one seed, so no intervals"))


def span(found: Iterable[Interval], *, within: tuple[float, float] = SHARES) -> tuple[float, float]:
    """Limits of an axis in % that hold the intervals with some air, so that differences are seen."""
    ends = [end for one in found for end in ends_of(one, within)]
    low, high = min(ends, default=within[0]), max(ends, default=within[1])
    spare = max(0.07 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    over = 0.02 * (high - low + spare)
    return max(low - spare, within[0] - over), min(high + spare, within[1] + over)


def ends_of(one: Interval, within: tuple[float, float] = SHARES) -> tuple[float, ...]:
    """Both ends of an interval in %, cut where no figure can be; empty where there is none."""
    if not isfinite(one.mean):
        return ()
    half = one.half or 0.0
    return max(100 * (one.mean - half), within[0]), min(100 * (one.mean + half), within[1])


@dataclass(frozen=True)
class Mark:
    """How what is held against one kind of labels is drawn."""

    name: str
    symbol: str
    size: float = 4.2
    hollow: bool = False

    def look(self, shade: str) -> dict[str, Any]:
        inside = "white" if self.hollow else shade
        return {"color": shade, "marker": self.symbol, "markerfacecolor": inside, "markersize": self.size}


MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        "labels": Mark(HELD_AGAINST["labels"], "o"),
        "every_label": Mark(HELD_AGAINST["every_label"], "D", size=3.5),
        "truth": Mark(HELD_AGAINST["truth"], "o", hollow=True),
    }
)


def draw_mark(
    axes: Axes, y: float, one: Interval, mark: Mark, shade: str, within: tuple[float, float] = SHARES
) -> None:
    """A mark with its 95 % interval, in % along the x axis."""
    ends = ends_of(one, within)
    if not ends:
        return
    if one.half is not None:
        axes.plot(ends, (y, y), "-", color=shade, linewidth=1.2, solid_capstyle="butt", zorder=2)
    axes.plot(100 * one.mean, y, **mark.look(shade), markeredgewidth=1.1, zorder=3)


def entry(mark: Mark, *, interval: bool) -> Line2D:
    """What a legend says of a mark."""
    return Line2D([], [], label=mark.name, linewidth=1.2 if interval else 0.0, **mark.look(colour("ink")))


def key(figure: Figure, handles: Iterable[Line2D]) -> None:
    """A legend at the top right, beside the title."""
    figure.legend(handles=list(handles), loc="outside upper right", ncols=4, borderaxespad=0.1, columnspacing=1.4)

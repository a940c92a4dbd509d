"""How the figures of an evaluation look beyond what every figure shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from processing.charts.style import colour, palette
from training.designs import DESIGNS
from training.report_rows import HELD_AGAINST
from training.summary import Interval, Row

SHARES, CHANGES = (0.0, 100.0), (-100.0, 100.0)
"""Where shares and changes of them can lie [%]."""

SMALL = 6.5
_LEAST_SPAN = 2.0


def model_colour(model: str) -> str:
    """Its own for each model, of those that analysts have elsewhere: they were chosen to be told apart by any eye."""
    hands = palette()["analysts"]["light"]["hands"]
    known = list(DESIGNS)
    return str(hands[known.index(model) if model in known else -1])


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

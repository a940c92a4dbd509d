"""Letters, limits and keys that the panels of a granule's figures share, and names and looks of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from processing.charts import style

_DASHES: dict[str, Any] = {
    "dotted": ":",
    "dashed": "--",
    "dotdash": "-.",
    "dashdot": (0, (7.0, 1.2, 1.0, 1.2, 1.0, 1.2)),
    "solid": "-",
}


def class_name(code: int) -> str:
    """A class in words, as on the page."""
    return str(style.palette()["classes"][str(int(code))]["name"])


def surface_colour(name: str) -> str:
    """Colour of an estimator's sea surface."""
    return str(style.palette()["sea_surfaces"][name]["light"])


def dash(name: str) -> Any:
    """Matplotlib's line style of an estimator; no two are alike."""
    return _DASHES[style.palette()["sea_surfaces"][name]["dash"]]


def lettered(axes: Axes, letter: str) -> None:
    """Write the panel's letter at its top left, outside the frame."""
    axes.annotate(
        letter, (0, 1), (-26, 3), xycoords="axes fraction", textcoords="offset points", fontsize=9, fontweight="bold"
    )


def limits(values: npt.ArrayLike, shares: tuple[float, float] = (0.2, 99.8)) -> tuple[float, float]:
    """Limits of an axis that show all values but what lies outside these percentiles, with some room."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return -0.1, 1.0
    low, high = np.percentile(known, shares)
    room = max(0.05 * (high - low), 0.02)
    return float(low - room), float(high + room)


def limit(axes: Axes, values: npt.ArrayLike, shares: tuple[float, float] = (0.2, 99.8)) -> None:
    """Give the upright axis the limits that :func:`limits` finds."""
    axes.set_ylim(*limits(values, shares))


def legend(axes: Axes, keys: Sequence[Any], columns: int) -> None:
    """Put keys above the frame, at its right, in so many columns, with room for them in the layout."""
    made = axes.legend(
        handles=list(keys),
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        columnspacing=1.1,
        handlelength=1.8,
        fontsize=6.5,
    )
    made.set_in_layout(False)
    axes.set_title("\n" * (-(-len(keys) // columns) - 1) + " ", fontsize=7)


def line_key(tint: str, name: str, **look: Any) -> Any:
    """Key of a line."""
    return Line2D([], [], color=tint, label=name, **look)


def dot_key(tint: str, name: str, marker: str = "o") -> Any:
    """Key of a marker."""
    return Line2D([], [], color=tint, label=name, marker=marker, ls="", ms=4)


def patch_key(tint: str, name: str, alpha: float = 1.0) -> Any:
    """Key of an area."""
    return Patch(color=tint, label=name, alpha=alpha, lw=0)

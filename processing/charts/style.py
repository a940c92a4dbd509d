"""How every figure looks: one style, the project's colours, journal widths, a title above and a foot below."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from textwrap import fill
from types import MappingProxyType
from typing import Any

from matplotlib import style as looks
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from processing.io.atomic import aside

WIDTH = 7.2
"""Width of a figure over two columns of a journal [inch]."""

COLUMN = 3.5
"""Width of a figure in one column of a journal [inch]."""

SCREEN_DOTS, PRINT_DOTS = 160, 300
"""Resolution of PNG files for pages and for print [dots an inch]."""

FORMATS = ("png", "svg")
_FOOT = 23.5
"""Characters of the foot in an inch."""


@cache
def palette() -> dict[str, Any]:
    """Colours by theme, class and role, from ``assets/palette.json``."""
    found: dict[str, Any] = json.loads((files("assets") / "palette.json").read_text(encoding="utf-8"))
    return found


def colour(role: str) -> str:
    """Colour of the light theme by its role."""
    return str(palette()["themes"]["light"][role])


def class_colour(code: int) -> str:
    return str(palette()["classes"][str(code)]["light"])


def ink_on(ground: Sequence[float]) -> str:
    """Of ink and white what reads better on a colour of red, green and blue from 0 to 1."""
    red, green, blue = (part**2.2 for part in ground[:3])
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.21 else colour("ink")


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


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the project's style, whatever matplotlib's settings are."""
    with looks.context(["default", dict(style())]):
        yield


def written(path: Path, figure: Figure, dots: int = SCREEN_DOTS) -> Path:
    """Write a figure whole or not at all, in the format of its suffix; the same figure gives the same SVG."""
    kind = path.suffix.removeprefix(".")
    with aside(path) as file:
        figure.savefig(file, dpi=dots, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return path


def written_all(
    folder: Path, figures: Mapping[str, Figure | None], dots: int = SCREEN_DOTS, formats: Iterable[str] = FORMATS
) -> list[Path]:
    """Write each figure that there is by its name, once in each format; returns the paths."""
    return [
        written(folder / f"{name}.{kind}", figure, dots)
        for name, figure in figures.items()
        if figure is not None
        for kind in formats
    ]

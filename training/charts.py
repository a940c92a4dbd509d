"""The figures of ``leadline evaluate``, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from matplotlib import style
from matplotlib.figure import Figure

from processing.io.atomic import aside
from training import charts_style
from training.charts_intervals import draw_ablation, draw_classes, draw_groups, draw_protocols
from training.charts_panels import draw_confusion, draw_reliability
from training.summary import Row

DOTS = 160
FIGURES: Mapping[str, Callable[[Sequence[Row], str], Figure | None]] = MappingProxyType(
    {
        "protocols": draw_protocols,
        "classes": draw_classes,
        "confusion": draw_confusion,
        "reliability": draw_reliability,
        "groups": draw_groups,
        "ablation": draw_ablation,
    }
)


def draw_all(folder: Path, rows: Sequence[Row], about: str) -> list[Path]:
    """Write each figure that ``rows`` have something for, as PNG and as SVG; ``about`` says of what, at the foot."""
    with style.context(["default", dict(charts_style.style())]):
        drawn = {name: draw(rows, about) for name, draw in FIGURES.items()}
        return [
            _written(folder / f"{name}.{kind}", figure)
            for name, figure in drawn.items()
            if figure is not None
            for kind in ("png", "svg")
        ]


def _written(path: Path, figure: Figure) -> Path:
    kind = path.suffix.removeprefix(".")
    with aside(path) as file:
        figure.savefig(file, dpi=DOTS, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return path

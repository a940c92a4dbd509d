"""The figures of ``leadline evaluate``, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from matplotlib.figure import Figure

from processing.charts.style import drawing, written_all
from training.charts_intervals import draw_ablation, draw_classes, draw_groups, draw_protocols
from training.charts_panels import draw_confusion, draw_reliability
from training.summary import Row

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
    with drawing():
        drawn = {name: draw(rows, about) for name, draw in FIGURES.items()}
        return written_all(folder, drawn)

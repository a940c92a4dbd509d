"""The plot of ``leadline scaling``: times faster than one core, over cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from processing.spark.scaling import Measured

_COLOURS = {"resample": "#0072b2", "autolabel": "#d55e00", "classify": "#009e73", "freeboard": "#cc79a7"}
_MARKERS = {"resample": "o", "autolabel": "s", "classify": "^", "freeboard": "D"}
_DOTS = 160


def draw(file: Path, found: Sequence[Measured], about: str) -> None:
    """Write a PNG: left the whole stage, right reading alone; ideal as a dotted line. ``about`` says of what.

    Lines go through the fastest set-up of each number of cores; set-ups of several executors are hollow.
    """
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    most = max(one.setup.slots for one in found)
    for axes, name, title in ((left, "whole", "whole stage"), (right, "load", "reading alone")):
        axes.plot([1, most], [1, most], ":", color="#888888", label="ideal")
        for key in dict.fromkeys(one.stage for one in found):
            mine = [one for one in found if one.stage == key and one.setup.slots]
            first = getattr(min(mine, key=lambda one: one.setup.slots), name)
            best: dict[int, float] = {}
            for one in mine:
                faster, slots = first / getattr(one, name), one.setup.slots
                best[slots] = max(best.get(slots, 0.0), faster)
                inside = "white" if one.setup.executors > 1 else _COLOURS[key]
                axes.plot(slots, faster, _MARKERS[key], color=_COLOURS[key], markerfacecolor=inside, markersize=6)
            axes.plot(
                list(best), list(best.values()), "-", color=_COLOURS[key], marker=_MARKERS[key], label=key, zorder=1
            )
        axes.set(title=title, xlabel="cores")
        axes.set_xticks(sorted({one.setup.slots for one in found if one.setup.slots}))
        axes.margins(0.12)
        axes.grid(color="#dddddd", linewidth=0.6)
    left.set_ylabel("times faster than one core")
    left.legend(frameon=False, fontsize=8)
    figure.suptitle(f"Spark on {about}; hollow: several executors", fontsize=10)
    figure.savefig(file, dpi=_DOTS, format="png")

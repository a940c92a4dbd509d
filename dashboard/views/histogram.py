"""How freeboard is distributed: stacked by class or overlaid by beam, granule or run, with its mode and mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import palette
from dashboard.distributions import Parts
from dashboard.statistics import Summary
from dashboard.views import figure as looks

_BARS: dict[str, list[Any]] = {name: [] for name in ("left", "right", "bottom", "top", "colour", "name", "n")}
_STEPS: dict[str, list[Any]] = {name: [] for name in ("xs", "ys", "colour", "name", "n")}


@dataclass(frozen=True)
class Look:
    """How a part is drawn and what it is called."""

    name: str
    colour: str


class Histogram:
    """Freeboard on x, share of segments per 2 cm on y: of all segments where parts are stacked, else of each part's."""

    def __init__(self, theme: str) -> None:
        self.theme = theme
        self.x, self.y = Range1d(-0.1, 1.0), Range1d(0, 10)
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        self.theme = theme
        looks.paint(self.figure, theme)
        ink = palette.theme(theme)
        self._bars.glyph.line_color = ink["card"]
        self._rules.glyph.line_color = ink["ink"]
        self._words.glyph.text_color = ink["ink"]

    def show(self, found: Parts, look: Mapping[str, Look]) -> None:
        """Draw distributions; ``look`` has the keys of the parts."""
        highest = self._show_bars(found, look) if found.stacked else self._show_steps(found, look)
        self.x.update(start=float(found.edges[0]), end=float(found.edges[-1]))
        self.y.update(start=0, end=max(highest * 1.28, 1e-3))
        self._show_marks(found.whole, highest)

    def clear(self) -> None:
        """Show none."""
        self._source.data = {name: [] for name in _BARS}
        self._steps.data = {name: [] for name in _STEPS}
        self._marks.data = {"x": [], "y": [], "text": [], "dash": [], "zero": []}

    def _show_bars(self, found: Parts, look: Mapping[str, Look]) -> float:
        total = max(found.whole.count, 1)
        data: dict[str, list[Any]] = {name: [] for name in _BARS}
        base = np.zeros(len(found.edges) - 1)
        for part in found.parts:
            share = 100.0 * part.counts / total
            filled = np.flatnonzero(part.counts)
            data["left"].extend(found.edges[filled])
            data["right"].extend(found.edges[filled + 1])
            data["bottom"].extend(base[filled])
            data["top"].extend((base + share)[filled])
            data["colour"].extend([look[part.key].colour] * len(filled))
            data["name"].extend([look[part.key].name] * len(filled))
            data["n"].extend(part.counts[filled])
            base = base + share
        self._source.data = data
        self._steps.data = {name: [] for name in _STEPS}
        return float(base.max()) if len(base) else 1.0

    def _show_steps(self, found: Parts, look: Mapping[str, Look]) -> float:
        shares = [100.0 * part.counts / max(part.told.count, 1) for part in found.parts]
        edges = np.repeat(found.edges, 2)
        self._source.data = {name: [] for name in _BARS}
        self._steps.data = {
            "xs": [edges] * len(shares),
            "ys": [_stepped(share) for share in shares],
            "colour": [look[part.key].colour for part in found.parts],
            "name": [look[part.key].name for part in found.parts],
            "n": [part.told.count for part in found.parts],
        }
        return max((float(share.max()) for share in shares), default=1.0)

    def _show_marks(self, told: Summary, highest: float) -> None:
        marks = [] if told.count == 0 else [("mode", told.mode, 1.06), ("mean", told.mean, 1.16)]
        self._marks.data = {
            "x": [at for _, at, _ in marks],
            "y": [highest * up for _, _, up in marks],
            "text": [f"{name} {at:.2f} m" for name, at, _ in marks],
            "dash": ["solid" if name == "mean" else "dashed" for name, _, _ in marks],
            "zero": [0] * len(marks),
        }

    def _build(self) -> figure:
        plot = figure(x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
                      min_height=140, min_border_left=46, min_border_right=12, name="histogram")  # fmt: skip
        self._source, self._steps = ColumnDataSource(dict(_BARS)), ColumnDataSource(dict(_STEPS))
        self._marks = ColumnDataSource({"x": [], "y": [], "text": [], "dash": [], "zero": []})
        self._bars = looks.draw(plot, "quad", "left", "right", "bottom", "top", source=self._source,
                                fill_color="colour", line_width=0.5)  # fmt: skip
        lines = looks.draw(plot, "multi_line", "xs", "ys", source=self._steps, line_color="colour", line_width=2)
        self._rules = plot.segment("x", "zero", "x", "y", source=self._marks, line_width=1.5, line_dash="dash")
        self._words = plot.text("x", "y", "text", source=self._marks, x_offset=5, text_baseline="middle",
                                text_font=value(looks.FONT), text_font_size="11px")  # fmt: skip
        facts = [("Class", "@name"), ("Freeboard", "@left{0.00} to @right{0.00} m"), ("Segments", "@n{0,0}")]
        plot.add_tools(looks.hover(self._bars, facts), looks.hover(lines, [("", "@name"), ("Segments", "@n{0,0}")]))
        plot.xaxis.axis_label, plot.yaxis.axis_label = "Freeboard (m)", "Segments (% per 2 cm)"
        plot.xaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        plot.xgrid.visible = False
        return plot


def _stepped(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights at both ends of each bin, from and back to the ground."""
    return np.r_[0.0, np.repeat(share, 2), 0.0]

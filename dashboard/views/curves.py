"""Loss and scores by pass of the training, of several models over one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, NumeralTickFormatter, Range1d
from bokeh.plotting import figure

from dashboard import detail, palette
from dashboard.comparison.model_records import MOST, Epoch, Model
from dashboard.views import figure as looks
from dashboard.views.compare_models import LETTERS, LINE_DASHES

_POINT: dict[str, list[Any]] = {name: [] for name in ("x", "y", "colour", "run")}
_TICKS = 8


class Curve:
    """One quantity by pass: a line a model, and points that tell."""

    def __init__(self, label: str, value: Callable[[Epoch], float], top: float | None, form: str) -> None:
        self.value = value
        self.top = top
        self.x, self.y = Range1d(0.5, 1.5), Range1d(0, 1)
        self.figure = figure(
            x_range=self.x, y_range=self.y, tools=[], toolbar_location=None, sizing_mode="stretch_both",
            min_border_left=56, min_border_right=12, min_border_top=8, name=f"curve-{label.lower().replace(' ', '-')}",
        )  # fmt: skip
        self.sources = [ColumnDataSource({"x": [], "y": []}) for _ in range(MOST)]
        self.lines = [
            looks.draw(self.figure, "line", "x", "y", source=source, line_width=2, line_dash=dash or "solid")
            for source, dash in zip(self.sources, LINE_DASHES, strict=True)
        ]
        self.points = ColumnDataSource(dict(_POINT))
        dots = looks.draw(self.figure, "scatter", "x", "y", source=self.points, size=5, color="colour", line_color=None)
        self.figure.add_tools(looks.hover(dots, [("Model", "@run"), ("Pass", "@x"), (label, f"@y{{{form}}}")], limit=3))
        self._ticker = FixedTicker(ticks=[1])
        self.figure.xaxis.ticker = self._ticker
        self.figure.yaxis.axis_label = label
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0.00[00]")
        self.figure.xgrid.visible = False

    def show(self, models: Sequence[Model], theme: str) -> None:
        """Draw the curves of models in the order in which they were chosen."""
        colours = palette.model_colours(theme)
        points: dict[str, list[Any]] = {name: [] for name in _POINT}
        for place, source in enumerate(self.sources):
            epochs = models[place].epochs if place < len(models) else ()
            x, y = [one.number for one in epochs], [self.value(one) for one in epochs]
            if x or len(source.data["x"]):
                source.data = {"x": x, "y": y}
            self.lines[place].glyph.line_color = colours[place]
            points["x"] += x
            points["y"] += y
            points["colour"] += [colours[place]] * len(x)
            points["run"] += [f"{LETTERS[place]} {models[place].run}"] * len(x) if x else []
        self.points.data = points
        self._fit(points)

    def _fit(self, points: dict[str, list[Any]]) -> None:
        last = max(points["x"], default=1)
        step = max(1, int(detail.nice_step(max(last / _TICKS, 1.0))))
        self.x.update(start=0.5, end=last + 0.5)
        self._ticker.ticks = [1, *range(step if step > 1 else 2, last + 1, step)]
        known = np.array(points["y"], float)
        known = known[np.isfinite(known)]
        if len(known) == 0:
            self.y.update(start=0, end=1)
        elif self.top is None:
            self.y.update(start=0, end=float(known.max()) * 1.06 or 1.0)
        else:
            low = float(known.min())
            self.y.update(start=max(0.0, low - 0.12 * (self.top - low) - 1e-3), end=self.top)


class Curves:
    """Loss, accuracy and macro F1, one figure each; the last bears the axis."""

    def __init__(self, theme: str) -> None:
        self.curves = (
            Curve("Loss", lambda one: one.loss, None, "0.0000"),
            Curve("Accuracy", lambda one: one.accuracy, 1.0, "0.0000"),
            Curve("Macro F1", lambda one: one.macro_f1, 1.0, "0.0000"),
        )
        self._shown: tuple[Model, ...] = ()
        self._drawn: tuple[tuple[Model, ...], str] = ((), "")
        self.curves[-1].figure.xaxis.axis_label = "Pass over the training labels"
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        for curve in self.curves:
            looks.paint(curve.figure, theme)
        self.show(self._shown)

    def show(self, models: Sequence[Model]) -> None:
        """Draw the curves of models, unless they are drawn already."""
        drawn = tuple(models), self.theme
        if drawn == self._drawn:
            return
        self._shown, self._drawn = drawn[0], drawn
        for curve in self.curves:
            curve.show(self._shown, self.theme)

"""What the compare page consists of: the bar of choices, and for each aspect its listing and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import panel as pn

from dashboard import controls
from dashboard.comparison.model_records import Model, Models
from dashboard.place import Place
from dashboard.state import Later
from dashboard.views.compare_controls import Side
from dashboard.views.compare_models import CompareListing
from dashboard.views.compare_scores import GROUND_NAMES
from dashboard.views.curves import Curves
from dashboard.views.difference_map import DifferenceMap, Look
from dashboard.views.difference_profile import DifferenceProfile
from dashboard.views.freeboard_overlay import Distributions, FreeboardLines

ASPECTS = {"Models": "models", "Scores": "scores", "Differences": "differences", "Freeboard": "freeboard"}
_ALONG = ("differences", "freeboard")
_STRETCH = {"flex": "1 1 0", "min-width": "0"}
_SIDE = {"flex": "none"}
_WIDTH = 516
_OVER = {"position": "absolute", "top": "10px", "z-index": "2"}


class CompareLayout:
    """Views and their places; ``go`` is called with what was clicked in a listing, ``look`` with a place along a beam,
    ``choose`` with a side, 0 or 1, and the run that was chosen for it.
    """

    def __init__(
        self, place: Place, theme: str, later: Later,
        go: Callable[[dict[str, Any]], None], look: Look, choose: Callable[[int, str], None],
    ) -> None:  # fmt: skip
        self.place = place
        self.later = later
        self.lists = {name: CompareListing(go, sizing_mode="stretch_both") for name in ASPECTS.values()}
        self.keys = controls.html("curve-keys", sizing_mode="stretch_width")
        self.map_keys = controls.html("map-keys")
        for told in (self.keys, self.map_keys):
            told.stylesheets = [*told.stylesheets, controls.sheet("compare.css")]
        self.curves = Curves(theme)
        self.map = DifferenceMap(place, theme, look)
        self.profile = DifferenceProfile(place, theme, later, look)
        self.spread = Distributions(theme)
        self.lines = FreeboardLines(place, theme, later)
        self._sides = tuple(Side(place.state, letter, partial(choose, side)) for side, letter in enumerate("AB"))
        self._charts: dict[str, tuple[Any, Any]] = {}
        self._bodies = {
            "models": self._models(),
            "scores": controls.body(self._card(self.lists["scores"])),
            "differences": self._differences(),
            "freeboard": self._freeboard(),
        }
        # No figure has a least height: Panel would add up those of all aspects, of which one is in sight.
        self.view = pn.Column(self._bar(), *self._bodies.values(), sizing_mode="stretch_both", margin=0)

    def paint(self, theme: str) -> None:
        """Repaint the figures for a theme."""
        for view in (self.curves, self.map, self.profile, self.spread, self.lines):
            view.paint(theme)

    def follow(self, models: Models | None, chosen: Sequence[Model], truth: bool) -> None:
        """Show the aspect that the state asks for, and its choices; ``truth`` says whether there is any."""
        aspect = self.place.state.aspect
        self._aspect.follow(ASPECTS)
        for name, body in self._bodies.items():
            body.visible = name == aspect
        for widget in (self.granule.widget, self.beam.widget, self._fit):
            widget.visible = aspect in _ALONG
        self._ground.widget.visible = aspect == "scores"
        names = {title.capitalize(): key for key, title in GROUND_NAMES.items() if truth or key != "truth"}
        self._ground.follow(names)
        options = {model.run: model.run for model in models.all} if models else {}
        for side, model in zip(self._sides, (*chosen, None, None), strict=False):
            side.follow(options, model.run if model else None)
            side.widget.visible = model is not None or not options
        if options and len(chosen) < 2:
            for name in self._charts:
                self.show_charts(name, False)

    def show_charts(self, aspect: str, there: bool) -> None:
        """Show the charts beside a listing, or the listing alone where there is nothing to show in them."""
        charts, side = self._charts[aspect]
        if charts.visible == there:
            return
        charts.visible = there
        alone = {"width": None, "sizing_mode": "stretch_both"}
        beside = {"width": _WIDTH, "sizing_mode": "stretch_height"}
        side.param.update(**(beside if there else alone), styles=side.styles | (_SIDE if there else _STRETCH))

    def _bar(self) -> Any:
        state = self.place.state
        self._aspect = controls.choice(state, "aspect", ASPECTS)
        self._ground = controls.select(state, "ground", "Judged by", 160)
        self.granule = controls.select(state, "granule", "Granule", 250)
        self.beam = controls.choice(state, "beam", {})
        self._fit = controls.button("Fit", "The whole track (Home)", self.place.show_whole)
        return controls.bar(
            *(side.widget for side in self._sides), self._aspect.widget, pn.Spacer(sizing_mode="stretch_width"),
            self._ground.widget, self.granule.widget, self.beam.widget, self._fit,
        )  # fmt: skip

    @staticmethod
    def _card(content: Any) -> Any:
        return controls.card(content, sizing_mode="stretch_both", styles=_STRETCH)

    def _models(self) -> Any:
        charts = [controls.Chart(curve.figure, "stretch_both") for curve in self.curves.curves]
        inner = pn.Column(self.keys, *charts, sizing_mode="stretch_both", margin=(8, 4, 4, 4))
        right = controls.card(inner, sizing_mode="stretch_height", width=452, styles=_SIDE)
        return controls.body(self._card(self.lists["models"]), right)

    def _differences(self) -> Any:
        fit = controls.button("Fit", "All tracks", lambda: self.later(self.map.fit))
        chart = pn.Column(
            controls.Chart(self.map.figure, "stretch_both"),
            pn.Column(self.map_keys, margin=0, styles=_OVER | {"left": "10px"}),
            pn.Row(fit, margin=0, styles=_OVER | {"right": "10px"}),
            sizing_mode="stretch_both", margin=0, styles={"position": "relative"},
        )  # fmt: skip
        below = pn.Column(
            controls.Chart(self.profile.figure, "stretch_both"),
            controls.Chart(self.profile.rows.figure, "stretch_width"),
            sizing_mode="stretch_both", margin=0,
        )  # fmt: skip
        return self._two("differences", chart, below)

    def _freeboard(self) -> Any:
        below = pn.Column(
            *(controls.Chart(plot, "stretch_both") for plot in (self.lines.figure, self.lines.apart)),
            sizing_mode="stretch_both", margin=0,
        )  # fmt: skip
        return self._two("freeboard", controls.Chart(self.spread.figure, "stretch_both"), below)

    def _two(self, name: str, above: Any, below: Any) -> Any:
        """Two charts, one above the other, beside a listing."""
        cards = (
            controls.card(chart, sizing_mode="stretch_both", styles={"flex": f"{part} 1 0", "min-height": "0"})
            for chart, part in ((above, 1.0), (below, 1.15))
        )
        left = pn.Column(*cards, sizing_mode="stretch_both", margin=0, styles=_STRETCH | {"gap": "10px"})
        side = controls.card(self.lists[name], sizing_mode="stretch_height", width=_WIDTH, styles=_SIDE)
        self._charts[name] = (left, side)
        return controls.body(left, side)


def command_of(root: object, stage: str, values: Mapping[str, Any]) -> str:
    """The command that runs a stage with some parameters."""
    return f"leadline {stage} {root}" + "".join(
        f" --{name.replace('_', '-')} {value}" for name, value in values.items()
    )

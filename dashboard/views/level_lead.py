"""The card of one lead: its segments and their weights, the scene over it, its heights and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FixedTicker, NumeralTickFormatter, Range1d, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import controls, palette, tiles, words
from dashboard.level_leads import LeadFacts, LeadSegments, lead_facts, lead_segments
from dashboard.level_moves import step_lead
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Settings
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, Reading
from dashboard.views.clickable import Clickable, go
from dashboard.views.level_rows import FLAGS
from processing.errors import LeadlineError

HALF = 150.0
"""What the image shows either side of the track, m."""

_LEAST = 150.0
_LEFT = 76
"""Room for the labels at the left of both figures, pixels, so that they align."""

_PIXELS = 680
_SEGMENT: dict[str, list[Any]] = {
    name: [] for name in ("x", "y", "low", "high", "fill", "size", "edge", "robust", "published", "rate", "sigma")
}


@dataclass(frozen=True)
class Card:
    """All that a card shows: ``pixels`` of the scene from ``x0`` to ``x1`` (m), None without a scene."""

    row: int
    facts: LeadFacts
    segments: LeadSegments
    rate: NDArray[np.float32]
    ends: tuple[float, float]
    pixels: NDArray[np.uint32] | None
    flags: int


class LeadCard:
    """Figures and text about the lead of the state; ``view`` goes on the page."""

    def __init__(self, place: Place, theme: str, later: Later, shown: ShownLevel) -> None:
        self.place = place
        self.shown = shown
        self._reading = Reading(place, later)
        self._for: Any = None
        self.x = Range1d(-300.0, 300.0)
        self.image, self.segments = self._build_image(), self._build_segments()
        self.text = Clickable(self._go, sizing_mode="stretch_width")
        self.text.stylesheets = [controls.sheet("text.css"), controls.sheet("level.css")]
        self._charts = pn.Column(
            pn.Column(controls.Chart(self.image, "stretch_both"), height=124, sizing_mode="stretch_width", margin=0),
            pn.Column(controls.Chart(self.segments, "stretch_both"), height=156, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_width", margin=(8, 4, 0, 4),
        )  # fmt: skip
        self.view = pn.Column(self._charts, self.text, sizing_mode="stretch_width", margin=0, visible=False)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme, self._for = theme, None
        ink = palette.theme(theme)
        for plot in (self.image, self.segments):
            looks.paint(plot, theme, "sea" if plot is self.image else "card")
        self.image.grid.visible = False
        water = palette.class_colour(2, theme)
        self._dots.glyph.update(fill_color=water)
        self._bars.glyph.line_color = ink["soft"]
        self._robust.line_color = palette.surface("robust", theme).colour
        self._published.line_color = palette.surface("weighted", theme).colour

    def follow(self, change: Change) -> None:
        """Show the lead of the state, once what is not at hand has been read."""
        state, level = self.place.state, self.shown.level
        if state.aside != "lead" or not self.place.opened:
            return
        row = level.leads.row(state.lead) if level is not None and state.lead >= 0 else None
        if level is None or row is None:
            self._clear(
                "Click a lead, marked ▼ above, or press N." if state.lead < 0 else "There is no such lead here."
            )
            return
        asked = (self.shown.track, level.settings, state.lead, state.image, state.contrast, state.scene, self.theme)
        if asked == self._for and not change.touches("theme"):
            return
        self._for = asked
        read = self._reader(*self.shown.track, level.settings, row, int(level.leads.flags[row]))
        self._reading.ask(read, self._show, lambda line: self._clear(f"This lead cannot be read: {line}"))

    def _reader(
        self, granule: str, beam: str, run: str, settings: Settings, row: int, flags: int
    ) -> Callable[[], Card]:
        """What reads the card of a lead, on a worker; where the beam lies in the scene is asked for here."""
        place, levels = self.place, self.shown.levels
        pair, line, state = place.pair, place.line(beam), place.state
        scene = place.scene
        image = state.image if scene is not None and state.image in tiles.images_of(scene) else ""
        contrast = state.contrast

        def read() -> Card:
            facts = lead_facts(levels, granule, beam, run, settings)
            reach = max(_LEAST, 1.5 * float(facts.width[row]))
            ends = float(facts.x[row]) - reach, float(facts.x[row]) + reach
            basis = levels.basis(granule, beam, run, settings.height)
            segments = lead_segments(basis, facts, row, reach - float(facts.width[row]) / 2)
            track = place.workspace.track(granule, beam)
            rate = track.photon_rate[np.searchsorted(track.x_atc, segments.x)]
            pixels = None
            if pair is not None and image and not line.empty:
                asked = (pair.scene, image, contrast, line, *ends, _PIXELS)
                try:
                    pixels = place.workspace.strips.strip(*asked, half_width=HALF)
                except LeadlineError:
                    pixels = None
            return Card(row, facts, segments, rate, ends, pixels, flags)

        return read

    def _show(self, card: Card) -> None:
        middle, found = float(card.facts.x[card.row]), card.segments
        self.x.update(start=card.ends[0] - middle, end=card.ends[1] - middle)
        share = found.robust / max(float(found.robust.max()), 1e-9)
        self._segments.data = {
            "x": found.x - middle, "y": found.height, "low": found.height - found.sigma,
            "high": found.height + found.sigma, "fill": np.where(found.inside, 0.25 + 0.75 * share, 0.0),
            "size": np.where(found.inside, 5.0 + 4.0 * share, 4.0), "robust": found.robust,
            "edge": np.where(found.inside, palette.class_colour(2, self.theme), palette.theme(self.theme)["soft"]),
            "published": found.published, "rate": card.rate, "sigma": found.sigma,
        }  # fmt: skip
        self._fit(found)
        heights, half = card.facts.heights, float(card.facts.width[card.row]) / 2
        self._robust.location, self._published.location = (
            float(heights.robust[card.row]),
            float(heights.weighted[card.row]),
        )
        for mark, at in zip(self._borders, (-half, half, -half, half), strict=True):
            mark.location = at
        shown = dict(NO_IMAGE)
        if card.pixels is not None:
            width = card.ends[1] - card.ends[0]
            shown = {"image": [card.pixels[::-1]], "x": [-width / 2], "y": [-HALF], "dw": [width], "dh": [2 * HALF]}
        self._image.data = shown
        self._charts.visible = True
        self.text.content = self._told(card)

    def _fit(self, found: LeadSegments) -> None:
        """Heights of the lead and of the ice beside it, without ridges."""
        inside = found.height[found.inside]
        low, high = float(inside.min()), float(inside.max())
        ice = found.height[~found.inside & np.isfinite(found.height)]
        top = max(high, float(np.percentile(ice, 80))) if len(ice) else high
        room = max(top - low, 0.1)
        self.segments.y_range.update(start=low - 0.15 * room, end=top + 0.15 * room)

    def _clear(self, told: str) -> None:
        self._reading.drop()
        self._for = None
        self._charts.visible = False
        self.text.content = f"<div class='side'><p class='soft'>{escape(told)}</p></div>"

    def _told(self, card: Card) -> str:
        facts, row = card.facts, card.row
        heights, x = facts.heights, float(facts.x[row])
        pair = self.place.pair
        inner = card.segments.inside
        rate = float(np.mean(card.rate[inner])) if inner.any() else float("nan")
        told = {
            "Along track": f"{(x - self.place.origin) / 1000:.3f} km",
            "Width, segments": f"{facts.width[row]:.0f} m, {facts.segments[row]:,}",
            "Photons, a shot": f"{facts.photons[row]:,}, {rate:.1f}",
            "Height, robust": f"{heights.robust[row]:+.3f} ± {heights.robust_sigma[row]:.3f} m",
            "Height, ATBD": f"{heights.weighted[row]:+.3f} ± {heights.weighted_sigma[row]:.3f} m",
            "Weight in its window": words.percent(float(facts.weight[row])),
            "Scene minus track": words.minutes_apart(pair.minutes) if pair else "no scene",
        }
        names = flag_names(card.flags)
        flags = f"<p class='warn'>▲ {escape(', '.join(names))}</p>" if names else ""
        if card.pixels is None:
            flags += "<p class='soft'>No scene lies over this lead.</p>"
        steps = f"<a {go(step=-1)}>← before</a> <a {go(step=1)}>next →</a> <a {go(review=x)}>Show on review page</a>"
        note = "<p class='soft'>Filled by their robust weight; lines are the lead's heights by both rules.</p>"
        return (
            f"<div class='side'><h3>Lead</h3>{words.definitions(told)}{flags}{note}<p class='inline'>{steps}</p></div>"
        )

    def _go(self, values: dict[str, Any]) -> None:
        with self.place.guard("going to a lead"):
            if "step" in values:
                step_lead(self.place, int(values["step"]))
            elif "review" in values:
                self.place.state.move(page="review", x=float(values["review"]), span=2_000.0)

    def _build_image(self) -> figure:
        plot = looks.profile_figure(self.x, Range1d(-HALF, HALF), sizing_mode="stretch_both", name="lead-image",
                                    min_height=90)  # fmt: skip
        _still(plot)
        plot.xaxis.visible = False
        plot.yaxis.ticker = FixedTicker(ticks=[-100.0, 0.0, 100.0])
        plot.yaxis.major_label_overrides = {-100.0: "100 m right", 0.0: "track", 100.0: "100 m left"}
        self._image = ColumnDataSource(dict(NO_IMAGE))
        looks.draw(plot, "image_rgba", "image", "x", "y", "dw", "dh", source=self._image)
        for colour, dash in (("#0b0f14", "solid"), ("#ffffff", [7, 5])):
            plot.add_layout(Span(location=0, dimension="width", line_width=1.4, line_color=colour, line_dash=dash))
        light = palette.over_scene("stretch")
        looks_of = (("#0b0f14", 3.0), ("#0b0f14", 3.0), (light, 1.4), (light, 1.4))
        self._borders = [Span(location=0, dimension="height", line_width=width, line_color=colour)
                         for colour, width in looks_of]  # fmt: skip
        for mark in self._borders:
            plot.add_layout(mark)
        return plot

    def _build_segments(self) -> figure:
        plot = looks.profile_figure(self.x, Range1d(-0.2, 0.5), sizing_mode="stretch_both", name="lead-segments",
                                    min_height=110)  # fmt: skip
        _still(plot)
        plot.yaxis.axis_label, plot.xaxis.axis_label = "Height (m)", "From the lead's middle (m)"
        plot.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        self._segments = ColumnDataSource(dict(_SEGMENT))
        self._bars = looks.draw(plot, "segment", "x", "low", "x", "high", source=self._segments, line_width=1,
                                line_alpha=0.6)  # fmt: skip
        self._dots = looks.draw(plot, "scatter", "x", "y", source=self._segments, size="size", fill_alpha="fill",
                                line_color="edge")  # fmt: skip
        self._robust = Span(location=0, dimension="width", line_width=2)
        self._published = Span(location=0, dimension="width", line_width=1.6, line_dash="dashdot")
        plot.add_layout(self._robust)
        plot.add_layout(self._published)
        facts = [("Height", "@y{0.000} ± @sigma{0.000} m"), ("Weight, robust", "@robust{0.000}"),
                 ("Weight, ATBD", "@published{0.000}"), ("Photons a shot", "@rate{0.0}")]  # fmt: skip
        plot.add_tools(looks.hover(self._dots, facts))
        return plot


def flag_names(flags: int) -> list[str]:
    """Flags of a lead in words, the gravest first; below zero is no trouble of a lead's."""
    return [name for name, bit in reversed(FLAGS) if flags & bit and name != "below zero"]


def _still(plot: figure) -> None:
    plot.toolbar.update(active_drag=None, active_scroll=None)
    plot.tools = []
    plot.min_border_left = _LEFT

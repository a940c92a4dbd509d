"""Beside freeboard: how it is distributed, or what a stretch of it says, as figures, tables and text to copy."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource
from numpy.typing import NDArray

from dashboard import controls, detail, palette, words
from dashboard.distributions import WHOLE, Distributions, Parts, Wanted
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Level
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.statistics import StretchColumns, StretchFigures, stretch_figures
from dashboard.views import level_side
from dashboard.views.along_track import Reading
from dashboard.views.clickable import Clickable
from dashboard.views.histogram import Histogram, Look
from dashboard.views.level_beams import beam_colours
from dashboard.views.level_controls import COPY

SCOPES = {"In view": "view", "Stretch": "stretch", "Whole beam": "beam", "Granule": "granule", "Project": "project"}
BY = {"class": "class", "beam": "beam", "granule": "granule", "run": "run"}
_AT_ONCE = 200_000
"""Segments up to which figures are told at once; of more they come from a worker."""


class LevelPanel:
    """``view`` goes on the page; ``side`` is the text below the histogram."""

    def __init__(self, place: Place, theme: str, later: Later, shown: ShownLevel) -> None:
        self.place, self.shown, self.theme = place, shown, theme
        self.sums = Distributions(place.workspace)
        self.histogram = Histogram(theme)
        self.side = Clickable(_no_links, sizing_mode="stretch_width")
        self.side.stylesheets = [controls.sheet("text.css"), controls.sheet("level.css")]
        self.binned = 0.0
        self._reading = Reading(place, later)
        self._told: tuple[Any, Level | None] | None = None
        self._found: tuple[Parts, StretchFigures | None] | None = None
        self._scope = controls.select(place.state, "scope", "Distribution of", 128)
        self._by = controls.select(place.state, "by", "by", 96)
        self._text = ColumnDataSource({"text": [""]}, name="stretch-text")
        self._copy = controls.button("Copy", "Copy the figures as text", _nothing)
        self._copy.js_on_click(args={"held": self._text}, code=COPY)
        head = pn.Row(self._scope.widget, self._by.widget, self._copy, sizing_mode="stretch_width",
                      margin=(8, 12, 0, 12), styles={"gap": "8px", "align-items": "flex-end"})  # fmt: skip
        chart = pn.Column(controls.Chart(self.histogram.figure, "stretch_both"), height=230,
                          sizing_mode="stretch_width", margin=(8, 4, 0, 4))  # fmt: skip
        self.view = pn.Column(head, chart, self.side, sizing_mode="stretch_width", margin=0)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        self._told = None
        self.histogram.paint(theme)

    def clear(self) -> None:
        """Tell nothing."""
        self._reading.drop()
        self._told, self._found = None, None
        self.side.content = ""
        self.histogram.clear()

    def follow(self, change: Change, binned: float) -> None:
        """Tell the figures again when they can be other ones: a pan does not change those of the whole beam."""
        self._follow_controls()
        state = self.place.state
        if state.aside != "distribution":
            return
        self.binned = binned
        source = self.place.source
        shows: tuple[Any, ...] = (state.scope, state.by, self.shown.track, source.key if source else "", self.theme)
        shows += (self._ends(), round(binned), self.place.events_seen)
        level = self.shown.level
        if (
            self._told is not None
            and self._told[0] == shows
            and self._told[1] is level
            and not change.touches("source")
        ):
            return
        self._told = None
        try:
            self._tell(level)
        except Exception:
            self.clear()
            raise
        self._told = (shows, level)

    def _follow_controls(self) -> None:
        state = self.place.state
        ends = state.stretch
        self._scope.follow({name: key for name, key in SCOPES.items() if key != "stretch" or ends})
        self._by.follow(BY)

    def _ends(self) -> tuple[float, float] | None:
        """Along-track ends of the scope; None for whole beams."""
        state = self.place.state
        if state.scope == "view":
            return state.window
        return state.stretch if state.scope == "stretch" else None

    def _tell(self, level: Level | None) -> None:
        if level is None:
            self.clear()
            run = self.place.workspace.command("freeboard")
            none = f"<p>This beam has no freeboard yet.</p><p><code>{escape(run)}</code></p>"
            told = "<p>Being computed…</p>" if self.shown.waits else none if self.place.run is None else ""
            self.side.content = f"<div class='side'>{told}</div>" if told else ""
            return
        state, source = self.place.state, self.place.source
        wanted = Wanted(*self.shown.track, level.settings, source.key if source else "", state.scope, state.by,
                        self._ends())  # fmt: skip
        rows = self._rows()
        if not level.holds(*(self._ends() or self.place.extent)) and self.shown.waits:
            return
        cheap = state.scope not in WHOLE and state.by == "class" and rows.stop - rows.start <= _AT_ONCE
        codes = self._codes() if source is not None else None
        if cheap:
            self._show(self._work(wanted, level, rows, codes), rows)
        else:
            self._reading.ask(lambda: self._work(wanted, level, rows, codes), lambda found: self._show(found, rows),
                              self._fail)  # fmt: skip

    def _codes(self) -> NDArray[np.int8]:
        track, source = self.place.track, self.place.source
        assert source is not None
        return self.place.workspace.classes(track.granule, track.beam, source)

    def _rows(self) -> slice:
        x, ends = self.place.track.x_atc, self._ends()
        return slice(0, len(x)) if ends is None else detail.rows_in(x, *ends)

    def _work(
        self, wanted: Wanted, level: Level, rows: slice, codes: NDArray[np.int8] | None
    ) -> tuple[Parts, StretchFigures | None]:
        parts = self.sums.of(wanted, level.sea.freeboard)
        if wanted.scope != "stretch":
            return parts, None
        sea, x = level.sea, self.place.workspace.track(wanted.granule, wanted.beam).x_atc
        classes = codes[rows] if codes is not None else np.full(rows.stop - rows.start, -1, np.int8)
        columns = StretchColumns(x[rows], sea.freeboard[rows], sea.freeboard_sigma[rows], sea.chosen[rows],
                                 sea.sigma[rows], sea.source[rows], sea.lead_id[rows], classes)  # fmt: skip
        length = self.place.workspace.track(wanted.granule, wanted.beam).window
        return parts, stretch_figures(columns, length, level.settings.window)

    def _show(self, found: tuple[Parts, StretchFigures | None], rows: slice) -> None:
        level = self.shown.level
        if level is None:
            return
        parts, stretch = found
        look = self._look(parts)
        self.histogram.show(parts, look)
        told = level_side.distribution_table(parts, look, "all classes" if parts.stacked else "together")
        companion = self._companion()
        if stretch is not None:
            place = self._from_to()
            card = level_side.stretch_card(stretch, place, companion)
            words_of = level_side.stretch_text(stretch, place, self._head(level), _plain(companion))
            self._text.data = {"text": [words_of]}
            told, companion = card + told, ""
        elif self._text.data["text"][0]:
            self._text.data = {"text": [""]}
        self._copy.disabled = stretch is None
        below = level_side.surfaces(level, rows, self.theme, self.binned)
        if self.place.state.scope in WHOLE:
            below = "<p class='soft'>Added up from the runs on disk, by the classes they were made with.</p>"
        self.side.content = f"<div class='side'>{self._stale()}{told}{companion}{below}</div>"

    def _fail(self, line: str) -> None:
        self.clear()
        self.side.content = f"<div class='side'><p class='warn'>▲ {escape(line)}</p></div>"

    def _from_to(self) -> tuple[str, str]:
        ends, origin = self.place.state.stretch or (0.0, 0.0), self.place.origin
        first, last = (f"{(at - origin) / 1000:.3f} km" for at in ends)
        return first, last

    def _head(self, level: Level) -> str:
        granule, beam, run = self.shown.track
        own = level.settings
        how = f"{own.estimator}, window {own.window:g} m every {own.stride:g} m, {own.height} heights"
        synthetic = "synthetic data; " if self.place.catalog.synthetic else ""
        state = self.place.state
        where = f"x_atc {state.stretch_start:.1f} to {state.stretch_end:.1f} m"
        return f"{synthetic}{granule} {beam}, run {run} ({'live: ' if level.live else ''}{how}), {where}"

    def _look(self, parts: Parts) -> dict[str, Look]:
        keys = [part.key for part in parts.parts]
        if parts.stacked:
            return {key: Look(palette.class_name(int(key)), palette.class_colour(int(key), self.theme)) for key in keys}
        if self.place.state.by == "beam":
            colours = beam_colours(self.place.beams or keys, self.theme)
            return {key: Look(key, colours.get(key, palette.theme(self.theme)["soft"])) for key in keys}
        cycle = palette.model_colours(self.theme)
        titles = {item.ident: words.granule_title(item.ident, item.time) for item in self.place.catalog.granules}
        return {key: Look(titles.get(key, key), cycle[row % len(cycle)]) for row, key in enumerate(keys)}

    def _stale(self) -> str:
        """One line where what is shown no longer follows from its inputs."""
        granule, run = self.place.granule, self.place.run
        progress = granule.stages["freeboard"] if granule else None
        newest = progress.run if progress else ""
        if run and newest and run != newest:
            return f"<p class='soft'>An earlier run; the newest is {escape(newest)}.</p>"
        why = progress.stale if progress else ""
        return f"<p class='stale'>▲ No longer follows from its inputs: {escape(why)}.</p>" if why else ""

    def _companion(self) -> str:
        """NASA's figure over the same stretch."""
        found = self.place.companion
        if found is None or self.place.state.scope in WHOLE:
            return ""
        inside = found.freeboard[detail.rows_in(found.x_atc, *(self._ends() or self.place.extent))]
        if len(inside) == 0:
            return "<p class='soft'>No ATL10 freeboard here.</p>"
        colour = palette.theme(self.theme)["mark"]
        made_by = "synthetic" if self.place.catalog.synthetic else "NASA"
        return (
            "<div class='inline' style='margin-top:6px'>"
            f"<span><span class='line' style='border-color:{colour}'></span>"
            f"ATL10 ({made_by}): mean {inside.mean():.3f} m of {len(inside):,} segments</span></div>"
        )


def _plain(html: str) -> str:
    """The words of a line of HTML."""
    import re

    return re.sub(r"<[^>]+>", "", html).strip()


def _no_links(_: dict[str, Any]) -> None:
    """There is nothing to click in the figures."""


def _nothing() -> None:
    """The browser copies by itself."""

"""Freeboard of several beams: their mean lines over one another, or each in a small figure of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColumnDataSource, Label, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.level_shown import ShownLevel
from dashboard.live_level import Settings
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from dashboard.views.along_track import AlongTrack, Reading, Stretch

MOST = 6
_BINS = 900
_LINES: dict[str, list[Any]] = {name: [] for name in ("xs", "ys", "colour", "name", "width")}

Line = NDArray[np.float32]


def beam_colours(beams: Sequence[str], theme: str) -> dict[str, str]:
    """Colour of each beam of a granule, in the order of their names."""
    return dict(zip(sorted(beams), palette.model_colours(theme), strict=False))


class BeamLines(AlongTrack):
    """Mean freeboard of the beams that the state asks for, on the figure of the beam at hand or on ``figures``."""

    drawn_anew_by = ("granule", "beam", "run", "theme", "level", "together", "apart")

    def __init__(
        self, place: Place, theme: str, x_range: Range1d, shown: ShownLevel, later: Later, over: figure
    ) -> None:
        super().__init__(place, theme, x_range)
        self.shown = shown
        self._reading = Reading(place, later)
        self._source = ColumnDataSource(dict(_LINES), name="beam-lines")
        self._over = looks.draw(over, "multi_line", "xs", "ys", source=self._source, line_color="colour",
                                line_width="width")  # fmt: skip
        over.add_tools(looks.hover(self._over, [("Beam", "@name"), ("Mean freeboard", "$y{0.000} m")]))
        self._height = over.y_range
        self._names: list[Label] = []
        self.figures = [self._figure(number) for number in range(MOST)]
        self.paint(theme)

    @property
    def beams(self) -> list[str]:
        """The beams that are drawn besides the one at hand; none where one beam is looked at."""
        place, state = self.place, self.place.state
        granule = place.granule
        if granule is None or state.together == "one":
            return []
        every = state.together == "all"
        wanted = [beam.name for beam in granule.beams if beam.rows and (every or beam.strong is not False)]
        return wanted[:MOST]

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        self.theme = theme
        self.drawn = None
        for plot, _ in self.figures:
            looks.paint(plot, theme)
        for name in self._names:
            name.text_color = palette.theme(theme)["ink"]

    def update(self, change: Change) -> None:
        """Follow the state; figures that no beam needs are hidden."""
        apart = self.place.state.apart
        beams = self.beams
        for number, (plot, _) in enumerate(self.figures):
            visible = apart and number < len(beams)
            if plot.visible != visible:
                plot.visible = visible
        super().update(change)

    def _draw(self, stretch: Stretch) -> None:
        beams, run = self.beams, self.place.run
        level = self.shown.level
        if not beams or run is None or level is None:
            self._clear()
            return
        granule, settings = self.place.state.granule, level.settings
        live = settings if level.live else None
        at_hand = self.place.state.beam

        def read() -> dict[str, Line]:
            found = {}
            for beam in beams:
                if (granule, beam) in tracks:
                    own = level.sea.freeboard if beam == at_hand else None
                    found[beam] = self._means(granule, beam, run, live, stretch, own)
            return found

        tracks = set(self.place.workspace.project.tracks("freeboard", run))
        self._reading.ask(read, lambda found: self._show(found, stretch), self._fail)

    def _means(
        self, granule: str, beam: str, run: str, live: Settings | None, stretch: Stretch, own: Line | None
    ) -> Line:
        levels = self.shown.levels
        if own is not None:
            x, values = self.place.workspace.track(granule, beam).x_atc, own
        else:
            x, values = levels.freeboard_alone(granule, beam, run, live)
        return detail.column_means(x, values, stretch.start, stretch.end, _BINS)

    def _show(self, found: dict[str, Line], stretch: Stretch) -> None:
        width = (stretch.end - stretch.start) / _BINS
        x = stretch.start + (np.arange(_BINS) + 0.5) * width - self.place.origin
        colours, state = beam_colours(self.place.beams, self.theme), self.place.state
        over = {} if state.apart else found
        order = sorted(over, key=lambda beam: beam == state.beam)
        self._source.data = {
            "xs": [x] * len(order), "ys": [over[beam] for beam in order],
            "colour": [colours[beam] for beam in order], "name": order,
            "width": [2.8 if beam == state.beam else 1.4 for beam in order],
        }  # fmt: skip
        for number, (plot, source) in enumerate(self.figures):
            beam = list(found)[number] if state.apart and number < len(found) else ""
            source.data = {"x": x, "y": found[beam]} if beam else {"x": [], "y": []}
            if beam:
                self._names[number].text = f"{beam}{'  (at hand)' if beam == state.beam else ''}"
                line = plot.renderers[0].glyph
                line.update(line_color=colours[beam], line_width=2.2 if beam == state.beam else 1.4)

    def _fail(self, line: str) -> None:
        self._clear()
        self.place.tell(f"the other beams cannot be read: {line}", "warning")

    def _clear(self) -> None:
        self._reading.drop()
        if len(self._source.data["xs"]):
            self._source.data = dict(_LINES)
        for _, source in self.figures:
            if len(source.data["x"]):
                source.data = {"x": [], "y": []}

    def _figure(self, number: int) -> tuple[figure, ColumnDataSource]:
        plot = looks.profile_figure(self.x, self._height, sizing_mode="stretch_both", name=f"level-beam-{number}",
                                    min_height=44, visible=False)  # fmt: skip
        plot.xaxis.visible = False
        plot.min_border_top, plot.min_border_bottom = 2, 2
        plot.yaxis.ticker.desired_num_ticks = 3
        name = Label(x=6, y=4, x_units="screen", y_units="screen", text="", text_font_size="11px",
                     text_font=looks.FONT, text_font_style="bold")  # fmt: skip
        plot.add_layout(name)
        self._names.append(name)
        source = ColumnDataSource({"x": [], "y": []})
        looks.draw(plot, "line", "x", "y", source=source, line_width=1.5)
        plot.on_event(RangesUpdate, self._moved)
        return plot, source

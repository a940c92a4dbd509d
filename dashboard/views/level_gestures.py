"""The mouse on the freeboard page: a drag selects a stretch, a click on a lead opens it, Shift and drag pans."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import Range1d
from bokeh.plotting import figure

from dashboard.level_moves import choose, clear
from dashboard.level_shown import ShownLevel
from dashboard.place import Place
from dashboard.state import SPANS, Change, Later
from dashboard.views.gesture import Clicked, Drawn, Gestures

_FRAMED = 0.01
"""Share of the view from which a lead is framed; a narrower one is marked alone."""

REACH = 7.0
"""How far beside a lead a click still takes it, pixels."""


class LevelGestures(Gestures):
    """``Gestures`` that select a stretch along the track and open leads; nothing is corrected here."""

    def __init__(
        self, place: Place, later: Later, x_range: Range1d, figures: Sequence[figure], shown: ShownLevel
    ) -> None:
        self.shown = shown
        self._owes = False
        super().__init__(place, later, x_range, figures, None)  # type: ignore[arg-type]

    def update(self, change: Change) -> None:
        """Show the stretch and the lead; the widest view is that of the beam."""
        if change.touches("stretch_start", "stretch_end", "lead", "granule", "beam", "page", "level"):
            ends = self.place.state.stretch
            self.band.chosen.data = _ends([ends] if ends else [], self.place.origin)
            self.band.zone.data = _ends(self._lead(), self.place.origin)
        if change.touches("granule", "beam"):
            low, high = self.place.extent
            self.x.update(min_interval=SPANS[0], max_interval=max(1.2 * (high - low), 200.0))
        if self._owes:
            self._owes = False
            self._answer()

    def _lead(self) -> list[tuple[float, float]]:
        level, state = self.shown.level, self.place.state
        row = level.leads.row(state.lead) if level is not None and state.lead >= 0 else None
        if level is None or row is None:
            return []
        track = self.place.track
        ends = track.x_atc[[level.leads.first[row], level.leads.stop[row] - 1]]
        if ends[1] - ends[0] < _FRAMED * state.span:
            return []
        return [(float(ends[0]) - track.window / 2, float(ends[1]) + track.window / 2)]

    def _select(self, drawn: Drawn) -> None:
        start, end = (at + self.place.origin for at in sorted((drawn.start, drawn.end)))
        if (start, end) == self.place.state.stretch:
            self.later(self._answer)
            return
        self._owes = True
        choose(self.place, start, end)

    def _click(self, clicked: Clicked) -> None:
        level, x = self.shown.level, clicked.x + self.place.origin
        row = level.leads.near(x, REACH * clicked.scale) if level is not None else None
        if level is not None and row is not None:
            self.place.state.move(lead=int(level.leads.number[row]), aside="lead")
        elif not clicked.twice:
            clear(self.place)


def _ends(ends: Sequence[tuple[float, float]], origin: float) -> dict[str, list[float]]:
    return {"x0": [start - origin for start, _ in ends], "x1": [end - origin for _, end in ends]}

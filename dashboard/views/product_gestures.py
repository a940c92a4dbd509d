"""Mouse gestures on the profile of a comparison: a drag chooses a stretch, a click opens the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bokeh.models import Range1d
from bokeh.plotting import figure

from dashboard.place import Place
from dashboard.state import SPANS, Change, Later
from dashboard.views.gesture import Clicked, Drawn, Gestures

_ROOM = 1.2
_SHORT = 4.0


class StretchGestures(Gestures):
    """Drag: choose a stretch. Shift and drag: pan. Wheel: zoom. Click: ``go`` is called with along-track metres."""

    def __init__(
        self, place: Place, later: Later, x_range: Range1d, figures: Sequence[figure], go: Callable[[float], None]
    ) -> None:
        rows: Any = None
        super().__init__(place, later, x_range, figures, rows)
        self._open = go

    def update(self, change: Change) -> None:
        """The widest view is that of the beam."""
        if change.touches("granule", "beam", "page"):
            low, high = self.place.extent
            self.x.update(min_interval=SPANS[0], max_interval=max(_ROOM * (high - low), 200.0))

    def mark(self, stretches: Sequence[tuple[float, float]]) -> None:
        """Show along-track stretches (m) as chosen."""
        origin = self.place.origin
        wanted = {"x0": [start - origin for start, _ in stretches], "x1": [end - origin for _, end in stretches]}
        if wanted != {name: list(values) for name, values in self.band.chosen.data.items()}:
            self.band.chosen.data = wanted

    def _select(self, drawn: Drawn) -> None:
        start, end = sorted((drawn.start + self.place.origin, drawn.end + self.place.origin))
        try:
            if end - start >= _SHORT:
                self.place.state.move(stretch_start=start, stretch_end=end, box=None)
        finally:
            self.later(self._answer)

    def _click(self, clicked: Clicked) -> None:
        self._open(clicked.x + self.place.origin)

"""What views over the along-track axis share: which stretch is drawn, when to draw again, pictures of the stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail
from dashboard.place import Place
from dashboard.state import Change
from dashboard.views import figure as looks

ORIGIN = "profile"
NO_IMAGE: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
_MARGIN = 0.5
_MOST_PIXELS = 3_000


@dataclass(frozen=True)
class Stretch:
    """What is drawn: the window and a margin on both sides, so that a small move needs nothing new."""

    start: float
    end: float
    window: tuple[float, float]

    @classmethod
    def around(cls, window: tuple[float, float]) -> Stretch:
        """The stretch to draw for a window."""
        room = _MARGIN * (window[1] - window[0])
        return cls(window[0] - room, window[1] + room, window)

    def serves(self, window: tuple[float, float]) -> bool:
        """Whether a window lies inside and is of about the same length."""
        length, drawn = window[1] - window[0], self.window[1] - self.window[0]
        return window[0] >= self.start and window[1] <= self.end and abs(length / drawn - 1) < 0.02


class AlongTrack:
    """A view whose figures share the along-track axis ``x``; subclasses draw a stretch and clear what they drew."""

    drawn_anew_by: ClassVar[tuple[str, ...]] = ("granule", "beam", "source", "run", "theme")

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        self.place = place
        self.theme = theme
        self.x = x_range
        self.drawn: Stretch | None = None

    def update(self, change: Change) -> None:
        """Follow the state: the range at once, the data when the window leaves what is drawn."""
        state = self.place.state
        if change.touches(*self.drawn_anew_by):
            self.drawn = None
        if change.origin != ORIGIN or change.touches("granule", "beam"):
            start, end = state.window
            self.x.update(start=start - self.place.origin, end=end - self.place.origin)
        if self.drawn is None or not self.drawn.serves(state.window):
            self.draw()

    def draw(self) -> None:
        """Draw the stretch around the window; nothing of what was drawn before stays when that fails."""
        self.drawn = Stretch.around(self.place.state.window)
        try:
            self._draw(self.drawn)
        except Exception:
            self.drawn = None
            self._clear()
            raise

    def _draw(self, stretch: Stretch) -> None:
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError

    def _moved(self, event: RangesUpdate) -> None:
        """The analyst moved a figure of the view."""
        with self.place.guard("moving along the track"):
            start, end = event.x0 + self.place.origin, event.x1 + self.place.origin
            if end > start:
                self.place.state.move(origin=ORIGIN, x=(start + end) / 2, span=end - start)

    def _fit_height(self, plot: figure, values: NDArray[np.float32], least: float) -> None:
        low, high = detail.comfortable(values, least)
        if (plot.y_range.start, plot.y_range.end) != (low, high):
            plot.y_range.update(start=low, end=high)

    def _view(self, plot: figure, stretch: Stretch) -> detail.View:
        """The stretch on the pixels of a figure."""
        width, height = looks.size(plot, 1000, 220)
        pixels = min(int(width * (1 + 2 * _MARGIN)), _MOST_PIXELS)
        limits = (float(plot.y_range.start), float(plot.y_range.end))
        return detail.View((stretch.start, stretch.end), limits, pixels, max(height, 50))

    def _picture(self, pixels: NDArray[np.uint32], view: detail.View) -> dict[str, list[Any]]:
        """A view's pixels as the data of an image."""
        (left, right), (low, high) = view.x, view.y
        return {
            "image": [pixels],
            "x": [left - self.place.origin],
            "y": [low],
            "dw": [right - left],
            "dh": [high - low],
        }

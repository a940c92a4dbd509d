"""What views over the along-track axis share: which stretch is drawn, when to draw again, pictures of the stretch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import LinearColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views import figure as looks
from processing.errors import LeadlineError

log = logging.getLogger(__name__)

ORIGIN = "profile"
NO_IMAGE: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
_MARGIN = 0.5
_MOST_PIXELS = 3_000
"""Runs a call on the page's own thread, soon."""

FoundT = TypeVar("FoundT")


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
    relabelled_by: ClassVar[tuple[str, ...]] = ("edits", "opinion")

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        self.place = place
        self.theme = theme
        self.x = x_range
        self.drawn: Stretch | None = None

    def update(self, change: Change) -> None:
        """Follow the state: the range at once, the data when the window leaves what is drawn.

        An edit of labels draws the labels anew and nothing else. Nothing is drawn before the browser has told the
        figures' sizes.
        """
        state = self.place.state
        if change.touches(*self.drawn_anew_by):
            self.drawn = None
        if change.origin != ORIGIN or change.touches("granule", "beam"):
            start, end = state.window
            self.x.update(start=start - self.place.origin, end=end - self.place.origin)
        if not self.place.opened:
            return
        if self.drawn is None or not self.drawn.serves(state.window):
            self.draw()
        elif change.touches(*self.relabelled_by):
            self._relabel(self.drawn)

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

    def _relabel(self, stretch: Stretch) -> None:
        """Draw what depends on the labels in force anew."""

    def _follow_size(self, plot: figure) -> None:
        """Draw anew whenever the browser gives a figure another size."""
        for name in ("inner_width", "inner_height"):
            plot.on_change(name, self._resized)

    def _resized(self, _name: str, _old: Any, _new: Any) -> None:
        self.drawn = None
        if not self.place.opened:
            return
        with self.place.guard("drawing a figure in its new size"):
            if self._drawable:
                self.draw()

    @property
    def _drawable(self) -> bool:
        """Whether there is something along the track to draw."""
        return self.place.granule is not None

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

    def _picture(self, pixels: NDArray[np.unsignedinteger], view: detail.View) -> dict[str, list[Any]]:
        """A view's pixels as the data of an image."""
        (left, right), (low, high) = view.x, view.y
        return {
            "image": [pixels],
            "x": [left - self.place.origin],
            "y": [low],
            "dw": [right - left],
            "dh": [high - low],
        }


class Reading:
    """What a view has read on a worker: of several requests only the last one is shown."""

    def __init__(self, place: Place, later: Later) -> None:
        self.place = place
        self.later = later
        self._asked: object = None
        self._waiting: Future[None] | None = None

    def ask(self, read: Callable[[], FoundT], show: Callable[[FoundT], None], fail: Callable[[str], None]) -> None:
        """Have ``read`` run, then ``show`` what it found, or ``fail`` with one line."""
        self.drop()
        asked = self._asked = object()

        def answer(call: Callable[[], None]) -> None:
            self.later(lambda: call() if self._asked is asked else None)

        def work() -> None:
            try:
                found = read()
            except Exception as error:
                if not isinstance(error, LeadlineError | OSError):
                    log.exception("reading for a view failed")
                line = str(error) or type(error).__name__
                answer(lambda: fail(line))
                return
            answer(lambda: show(found))

        self._waiting = self.place.workspace.workers.submit(work)

    def drop(self) -> None:
        """Nothing that was asked for before is wanted any more."""
        self._asked = None
        if self._waiting is not None:
            self._waiting.cancel()


def label_ranks(place: Place, rows: slice) -> NDArray[np.int8]:
    """Drawing rank of the current beam's segments: of the labels in force on the review page, else of the source."""
    desk = getattr(place, "desk", None)
    if desk is None or place.state.page != "review":
        return place.ranks(place.state.beam, place.source, rows)
    return np.asarray(desk.labels(place.state.beam).label[rows] + np.int8(2))


def class_mapper() -> LinearColorMapper:
    """Colours by drawing rank; rank 0 shows nothing. ``class_palette`` fills it."""
    return LinearColorMapper(palette=["#00000000"] * 5, low=-0.5, high=4.5)


def class_palette(theme: str) -> list[str]:
    """Colours of no segment and of ranks 1 to 4."""
    return ["#00000000", *(str(colour) for colour in palette.class_lut(theme))]

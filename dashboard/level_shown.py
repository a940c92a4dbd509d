"""Which sea level the page shows: the run's, or what other settings would give, computed off the page's thread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dashboard.live_level import Level, LiveLevels, Settings, levels_of
from dashboard.place import Place
from dashboard.state import Change, Later
from dashboard.views.along_track import Reading

ASKED = ("granule", "beam", "run", "method", "window_km", "stride_km", "height")
"""Parts of the state that say which level is shown."""


_ROOM = 1.5
"""How many lengths of the view either side of it are computed first."""


class ShownLevel:
    """The level at hand at a ``Place``; ``on_found`` is called, on the page's thread, when one that was asked for is
    there. Until then the one before stays, unless it is of another track."""

    def __init__(self, place: Place, later: Later) -> None:
        self.place = place
        self.levels: LiveLevels = levels_of(place.workspace)
        self.on_found: Callable[[], None] = _nothing
        self.waits = False
        self._reading = Reading(place, later)
        self._level: Level | None = None
        self._flags = 0
        self._of: tuple[str, str, str] = ("", "", "")

    @property
    def own(self) -> Settings | None:
        """What the run was made with; None when there is no run."""
        track = self._track()
        return self.levels.settings(*track) if track else None

    @property
    def asked(self) -> Settings | None:
        """What the state asks for."""
        own = self.own
        return own.asked(self.place.state) if own else None

    @property
    def level(self) -> Level | None:
        """What is there to show; None when there is no freeboard."""
        return self._level

    @property
    def track(self) -> tuple[str, str, str]:
        """Granule, beam and run of what is shown."""
        return self._of

    def has_flag(self, bit: int) -> bool:
        """Whether any segment of what is shown carries a flag of schema.FreeboardFlag."""
        return bool(self._flags & bit)

    def follow(self, change: Change) -> None:
        """Take the level that the state asks for, or have it computed. Raises as ``LiveLevels.level`` does."""
        track = self._track()
        if track is None or track != self._of:
            self._drop(track or ("", "", ""))
        if track is None:
            return
        settings = self.levels.settings(*track).asked(self.place.state)
        found = self.levels.at_hand(*track, settings)
        if found is None and settings == self.levels.settings(*track):
            found = self.levels.level(*track, settings)
        if found is not None:
            self._reading.drop()
            self._take(found)
        elif change.touches(*ASKED) or self._level is None or not self._level.holds(*self._needed()):
            self._ask(track, settings)

    def _ask(self, track: tuple[str, str, str], settings: Settings) -> None:
        """Have what is in sight computed, where that is a small part, and all of the track where more is told."""
        self.waits = True
        span, (low, high) = self.place.state.span, self.place.extent
        if _ROOM * span < 0.5 * (high - low):
            start, end = self.place.state.window
            core = start - _ROOM * span, end + _ROOM * span
            if self.levels.is_quick(*track, settings.height):
                self._reading.drop()
                self._take(self.levels.near(*track, settings, core))
                self._go_on(track, settings)
                return
            self._reading.ask(
                lambda: self.levels.near(*track, settings, core),
                lambda found: self._show_near(track, found),
                self._fail,
            )
        else:
            self._ask_whole(track, settings)

    def _ask_whole(self, track: tuple[str, str, str], settings: Settings) -> None:
        self._reading.ask(lambda: self.levels.level(*track, settings), self._show, self._fail)

    def _show_near(self, track: tuple[str, str, str], found: Level) -> None:
        self._take(found)
        self._go_on(track, found.settings)
        self.on_found()

    def _go_on(self, track: tuple[str, str, str], settings: Settings) -> None:
        """Have all of the track computed where the part in sight is not enough."""
        if self._level is not None and not self._level.holds(*self._needed()):
            self.waits = True
            self._ask_whole(track, settings)

    def _show(self, found: Level) -> None:
        self._take(found)
        self.on_found()

    def _drawn(self) -> tuple[float, float]:
        """What views draw of the track, m: the window and a margin."""
        start, end = self.place.state.window
        low, high = self.place.extent
        margin = 0.5 * (end - start)
        return min(max(start - margin, low), high), max(min(end + margin, high), low)

    def _needed(self) -> tuple[float, float]:
        """What is drawn or told of the track, m."""
        state, drawn = self.place.state, self._drawn()
        if state.scope == "beam" or state.together != "one":
            return self.place.extent
        ends = state.stretch if state.scope == "stretch" else None
        return (min(drawn[0], ends[0]), max(drawn[1], ends[1])) if ends else drawn

    def _take(self, found: Level) -> None:
        self.waits = False
        if found is not self._level:
            self._level, self._flags = found, int(np.bitwise_or.reduce(found.flags)) if len(found.flags) else 0

    def _fail(self, line: str) -> None:
        self.waits = False
        self.place.tell(f"freeboard cannot be computed so: {line}", "error")
        self.on_found()

    def _drop(self, track: tuple[str, str, str]) -> None:
        self._reading.drop()
        self._level, self.waits, self._of, self._flags = None, False, track, 0

    def _track(self) -> tuple[str, str, str] | None:
        run = self.place.run
        return (self.place.state.granule, self.place.state.beam, run) if run else None


def _nothing() -> None:
    """Nobody waits for a level yet."""

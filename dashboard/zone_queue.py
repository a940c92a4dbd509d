"""The zones of every track in the order in which looking pays, filtered, with what is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.data import Workspace

if TYPE_CHECKING:
    from processing.core.zones import Zone

Track = tuple[str, str]
Covered = Callable[[str, str], NDArray[np.bool_]]
"""Gives for a track whether each segment is judged."""


@dataclass(slots=True)
class RankedZone:
    """A zone in the queue; ``rows`` are its segments' rows, ``done`` whether all of them are judged."""

    ident: str
    granule: str
    beam: str
    zone: Zone
    rows: slice
    done: bool = False


@dataclass(frozen=True)
class Filter:
    """Which zones are wanted; an empty part wants all.

    Attributes
    ----------
    why : a reason among the zone's. where : granule, or granule/beam. kind : class code of most of the zone, as text.
    todo : whether only those that are not done.
    """

    why: str = ""
    where: str = ""
    kind: str = ""
    todo: bool = False

    def lets_pass(self, entry: RankedZone) -> bool:
        """Whether a zone is wanted."""
        if self.todo and entry.done:
            return False
        if self.where and self.where not in (entry.granule, f"{entry.granule}/{entry.beam}"):
            return False
        if self.why and self.why not in entry.zone.reasons:
            return False
        return not self.kind or int(self.kind) == entry.zone.label


@dataclass(frozen=True)
class Progress:
    """How far the zones of a track, of a granule or of all are done: number and metres."""

    done: int = 0
    total: int = 0
    metres_done: float = 0.0
    metres: float = 0.0

    @property
    def share(self) -> float:
        """Part of the zones' length that is done, 0 to 1; 1 when there are none."""
        return self.metres_done / self.metres if self.metres else 1.0

    def __add__(self, other: Progress) -> Progress:
        return Progress(
            self.done + other.done,
            self.total + other.total,
            self.metres_done + other.metres_done,
            self.metres + other.metres,
        )


class ZoneQueue:
    """Zones of one session. Tracks come in one by one; ``follow`` keeps what is done in step with the labels."""

    def __init__(self, workspace: Workspace, covered: Covered) -> None:
        self.workspace = workspace
        self._covered = covered
        self._tracks: dict[Track, list[RankedZone]] = {}
        self._starts: dict[Track, NDArray[np.int64]] = {}
        self._ranked: list[RankedZone] | None = None
        self._by_ident: dict[str, RankedZone] = {}
        self._progress: dict[Track, Progress] = {}
        self.version = 0

    @property
    def tracks(self) -> list[Track]:
        """Tracks whose zones are in."""
        return list(self._tracks)

    def take(self, granule: str, beam: str, zones: Sequence[Zone]) -> None:
        """Take in the zones of a track, in along-track order, in place of those it had."""
        segment = self.workspace.track(granule, beam).segment
        first = np.searchsorted(segment, [zone.first for zone in zones])
        stop = np.searchsorted(segment, [zone.stop for zone in zones])
        self._tracks[granule, beam] = [
            RankedZone(f"{granule}/{beam}/{zone.first}", granule, beam, zone, slice(int(a), int(b)))
            for zone, a, b in zip(zones, first, stop, strict=True)
        ]
        self._starts[granule, beam] = first.astype(np.int64)
        self.judge(granule, beam)
        self._changed()

    def keep_only(self, tracks: Iterable[Track]) -> None:
        """Forget tracks that the project no longer has."""
        for track in set(self._tracks) - set(tracks):
            del self._tracks[track], self._starts[track]
            self._changed()

    def judge(self, granule: str, beam: str, rows: slice | None = None) -> list[RankedZone]:
        """Look again which zones of a track, or those that touch ``rows``, are done; returns those that changed."""
        entries = self._touched(granule, beam, rows)
        if not entries:
            return []
        covered = self._covered(granule, beam)
        changed = []
        for entry in entries:
            done = bool(covered[entry.rows].all())
            if done != entry.done:
                entry.done = done
                changed.append(entry)
        if changed:
            self._progress.pop((granule, beam), None)
        return changed

    def _touched(self, granule: str, beam: str, rows: slice | None) -> list[RankedZone]:
        entries = self._tracks.get((granule, beam), [])
        if rows is None or not entries:
            return entries
        low = max(int(np.searchsorted(self._starts[granule, beam], rows.start, "right")) - 1, 0)
        high = int(np.searchsorted(self._starts[granule, beam], rows.stop, "left"))
        return entries[low:high]

    def ranked(self, wanted: Filter | None = None) -> list[RankedZone]:
        """The zones that a filter lets pass, the one where looking pays most first."""
        if self._ranked is None:
            entries = [entry for entries in self._tracks.values() for entry in entries]
            self._ranked = sorted(entries, key=lambda entry: (-entry.zone.score, entry.ident))
        wanted = wanted or Filter()
        return self._ranked if wanted == Filter() else [entry for entry in self._ranked if wanted.lets_pass(entry)]

    def of_track(self, granule: str, beam: str) -> list[RankedZone]:
        """Zones of a track in along-track order."""
        return self._tracks.get((granule, beam), [])

    def zone(self, ident: str) -> RankedZone | None:
        """The zone of an identifier."""
        if not self._by_ident:
            self._by_ident = {entry.ident: entry for entries in self._tracks.values() for entry in entries}
        return self._by_ident.get(ident)

    def progress(self) -> dict[Track, Progress]:
        """How far each track is done."""
        for track in self._tracks.keys() - self._progress.keys():
            self._progress[track] = _progress(self._tracks[track])
        return {track: self._progress[track] for track in self._tracks}

    def _changed(self) -> None:
        self._ranked = None
        self._by_ident = {}
        self._progress = {}
        self.version += 1


def next_to_do(entries: Sequence[RankedZone], now: str) -> RankedZone | None:
    """The next zone after ``now`` in the queue that is not done, going round; None when there is none.

    From a zone that is not among the entries one begins at their top.
    """
    at = _place_of(entries, now)
    order = [*entries[at + 1 :], *entries[: at + 1]]
    return next((entry for entry in order if not entry.done and entry.ident != now), None)


def one_before(entries: Sequence[RankedZone], now: str) -> RankedZone | None:
    """The zone before ``now`` in the queue, done or not; None at the top or when ``now`` is not there."""
    at = _place_of(entries, now)
    return entries[at - 1] if at > 0 else None


def _place_of(entries: Sequence[RankedZone], now: str) -> int:
    return next((row for row, entry in enumerate(entries) if entry.ident == now), -1)


def _progress(entries: Iterable[RankedZone]) -> Progress:
    done = total = 0
    metres_done = metres = 0.0
    for entry in entries:
        length = entry.zone.x_end - entry.zone.x_start
        total, metres = total + 1, metres + length
        if entry.done:
            done, metres_done = done + 1, metres_done + length
    return Progress(done, total, metres_done, metres)

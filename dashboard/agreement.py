"""Two opinions on the same segments: who judged what, how far they agree, and where they do not.

An analyst's opinion of a segment is the newest of the analyst's own active painting events that cover it, given over
the labels in force or as a second opinion; an event that settles a disagreement is nobody's opinion. A disagreement is
settled where such an event, newer than both opinions, covers it: undo it, or judge anew, and it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard.selection import Selection
from dashboard.stretches import Segments
from processing.core.agreement import Bootstrap, Report, block_numbers, report
from processing.core.along_track import PIECE_GAP
from processing.core.painting import NO_EVENT, paint
from processing.errors import LeadlineError
from processing.labels import IN_FORCE, SECOND, Event, active, as_strokes

if TYPE_CHECKING:
    from dashboard.book import LabelBook
    from dashboard.data import Workspace
    from dashboard.tracks import Track

ADJUDICATED = "adjudicated"

Pair = tuple[str, str]
"""Two analysts, in the order of their names."""

Progress = Callable[[str], None]

_FAR = 1 << 40
"""Block numbers of one track are less than this, so that those of a project's tracks stay apart."""


@dataclass(frozen=True)
class Opinion:
    """What one analyst says of each segment of a track.

    Attributes
    ----------
    label : i1. event_id : i8, -1 where the analyst has not judged. blind : bool, given as a second opinion.
    """

    label: NDArray[np.int8]
    event_id: NDArray[np.int64]
    blind: NDArray[np.bool_]


@dataclass(frozen=True)
class Both:
    """Segments of one track that both of a pair judged.

    Attributes
    ----------
    row, segment : i8, in the track. first, second : i1, the classes given.
    blind : bool, whether one opinion is a second one, given without sight of the other.
    settled : bool. flags : u4, schema.AutoFlag. block : i8.
    """

    row: NDArray[np.int64]
    segment: NDArray[np.int64]
    first: NDArray[np.int8]
    second: NDArray[np.int8]
    blind: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    flags: NDArray[np.uint32]
    block: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Disagreement(Segments):
    """A stretch that two analysts give different classes.

    Attributes
    ----------
    labels : the classes, in the order of ``pair``.
    first, stop : half-open run of segment ids. window : length of a segment, m.
    """

    granule: str
    beam: str
    pair: Pair
    labels: tuple[int, int]
    first: int
    stop: int
    window: float

    @property
    def ident(self) -> str:
        return "/".join((self.granule, self.beam, str(self.first), *self.pair))

    @property
    def selection(self) -> Selection:
        """Its segments, selected."""
        return Selection(self.granule, self.beam, ((self.first, self.stop),))


@dataclass(frozen=True)
class TrackOpinions:
    """What pairs of analysts judged of one track.

    Attributes
    ----------
    window : length of a segment, m. events : ids of those that are opinions.
    """

    granule: str
    beam: str
    window: float
    events: tuple[int, ...]
    pairs: Mapping[Pair, Both]
    disagreements: tuple[Disagreement, ...]


@dataclass(frozen=True)
class PairFacts:
    """Agreement of a pair, or of all pairs together; lengths of what both judged, m."""

    pair: Pair | None
    metres: float
    blind: float
    settled: float
    told: Report


Reports = dict[Pair | None, Report]
"""Agreement of each pair, and of all under None."""


@dataclass(frozen=True)
class Findings:
    """What the agreement page shows.

    Attributes
    ----------
    analysts : who has judged anything.
    everybody : all pairs together; None where no two judged the same segment.
    pairs : each pair, the one that judged most first.
    disagreements : open ones, the longest first.
    undoable : the analyst's last action, if that settled a disagreement.
    troubles : tracks that could not be read, and why.
    """

    analysts: tuple[str, ...] = ()
    everybody: PairFacts | None = None
    pairs: tuple[PairFacts, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    undoable: Event | None = None
    troubles: tuple[str, ...] = ()

    def facts(self, pair: Pair | None) -> PairFacts | None:
        """Those of a pair, else of all."""
        return next((one for one in self.pairs if one.pair == pair), self.everybody)

    def of(self, pair: Pair | None) -> tuple[Disagreement, ...]:
        """Disagreements of a pair, or all."""
        return tuple(one for one in self.disagreements if pair is None or one.pair == pair)

    def find(self, ident: str) -> Disagreement | None:
        return next((one for one in self.disagreements if one.ident == ident), None)


class AgreementReader:
    """Reads a project's opinions; a track is compared again only when its events or its tables have changed."""

    def __init__(self, workspace: Workspace, how: Bootstrap | None = None) -> None:
        self.workspace = workspace
        self.how = how or Bootstrap()
        self._tracks: dict[tuple[str, str], tuple[Any, TrackOpinions]] = {}
        self._reports: tuple[Any, Reports] = ((), {})

    def read(self, analyst: str, progress: Progress) -> Findings:
        """Compare all opinions. Takes a while at first; for one thread at a time."""
        book = self.workspace.book
        events = book.events()
        raters = _raters(events)
        found, keys, troubles = [], [], []
        shared = sorted(track for track, names in raters.items() if len(names) > 1)
        for number, (granule, beam) in enumerate(shared):
            progress(f"comparing opinions on {beam}, {number + 1} of {len(shared)} tracks")
            try:
                key, opinions = self._track(book, granule, beam)
            except LeadlineError as error:
                troubles.append(error.line)
                continue
            found.append(opinions)
            keys.append((granule, beam, opinions.events, key[1]))
        progress("measuring agreement")
        everybody, pairs = self._measured(keys, found)
        return Findings(
            tuple(sorted(set().union(*raters.values()))) if raters else (),
            everybody,
            pairs,
            tuple(sorted((one for track in found for one in track.disagreements), key=_longest_first)),
            _undoable(events, analyst),
            tuple(troubles),
        )

    def _track(self, book: LabelBook, granule: str, beam: str) -> tuple[Any, TrackOpinions]:
        key = (book.version(granule, beam), self.workspace.labels_version(granule, beam))
        kept = self._tracks.get((granule, beam))
        if kept is None or kept[0] != key:
            events = [*book.active(granule, beam, layer=IN_FORCE), *book.active(granule, beam, layer=SECOND)]
            track = self.workspace.track(granule, beam)
            facts = self.workspace.label_facts(granule, beam)
            flags = facts.get("auto_flags", np.zeros(len(track), np.uint32))
            opinions = compare(track, sorted(events, key=lambda event: event.id), flags, self.how.block)
            kept = (key, opinions)
            self._tracks[granule, beam] = kept
        return kept

    def _measured(
        self, keys: list[Any], tracks: Sequence[TrackOpinions]
    ) -> tuple[PairFacts | None, tuple[PairFacts, ...]]:
        """Settling a disagreement changes no opinion, so that nothing need be drawn again for it."""
        if self._reports[0] != keys:
            self._reports = (keys, {})
        return measure(tracks, self.how, self._reports[1])


def opinions_of(events: Sequence[Event], x: NDArray[np.float64]) -> dict[str, Opinion]:
    """The opinion of each analyst of the segments at ``x`` (f8 m), from active events of both layers in order."""
    names = sorted({event.analyst for event in events if event.paints and event.reason != ADJUDICATED})
    return {name: _opinion([event for event in events if event.analyst == name], x) for name in names}


def _opinion(events: Sequence[Event], x: NDArray[np.float64]) -> Opinion:
    own = [event for event in events if event.paints and event.reason != ADJUDICATED]
    painted = paint(x, np.full(len(x), -1, np.int8), as_strokes(own))
    blind = [event.id for event in own if event.layer == SECOND]
    return Opinion(painted.label, painted.event_id, np.isin(painted.event_id, blind))


def compare(track: Track, events: Sequence[Event], flags: NDArray[Any], block: float) -> TrackOpinions:
    """What each pair of analysts says of one track.

    Parameters
    ----------
    events : active painting events of both layers, in order.
    flags : u4, schema.AutoFlag bits of each segment.
    block : m, length of the blocks that the intervals are drawn from.
    """
    opinions = opinions_of(events, track.x_atc)
    settling = [event for event in events if event.reason == ADJUDICATED and event.layer == IN_FORCE]
    settled_by = paint(track.x_atc, np.full(len(track), -1, np.int8), as_strokes(settling)).event_id
    pairs: dict[Pair, Both] = {}
    for pair in combinations(opinions, 2):
        one, other = (opinions[name] for name in pair)
        row = np.flatnonzero((one.event_id != NO_EVENT) & (other.event_id != NO_EVENT))
        if len(row):
            newest = np.maximum(one.event_id[row], other.event_id[row])
            pairs[pair] = Both(
                row,
                track.segment[row],
                one.label[row],
                other.label[row],
                one.blind[row] | other.blind[row],
                settled_by[row] > newest,
                np.asarray(flags)[row].astype(np.uint32),
                block_numbers(track.x_atc[row], block),
            )
    stretches = [one for pair, both in pairs.items() for one in _disagreements(track, pair, both)]
    judging = tuple(event.id for event in events if event.reason != ADJUDICATED)
    return TrackOpinions(track.granule, track.beam, track.window, judging, pairs, tuple(stretches))


def _disagreements(track: Track, pair: Pair, both: Both) -> list[Disagreement]:
    """Stretches of segments in a row that are given the same two different classes."""
    open_ = np.flatnonzero((both.first != both.second) & ~both.settled)
    if len(open_) == 0:
        return []
    row, segment, first, second = both.row[open_], both.segment[open_], both.first[open_], both.second[open_]
    apart = (np.diff(row) > 1) | (np.diff(segment) * track.window > PIECE_GAP)
    begins = np.flatnonzero(np.r_[True, apart | (np.diff(first) != 0) | (np.diff(second) != 0)])
    ends = np.r_[begins[1:], len(row)] - 1
    return [
        Disagreement(
            track.granule,
            track.beam,
            pair,
            (int(first[begin]), int(second[begin])),
            int(segment[begin]),
            int(segment[end]) + 1,
            track.window,
        )
        for begin, end in zip(begins, ends, strict=True)
    ]


def measure(
    tracks: Sequence[TrackOpinions], how: Bootstrap, known: Reports
) -> tuple[PairFacts | None, tuple[PairFacts, ...]]:
    """Agreement of all pairs together and of each, over all tracks; reports not yet ``known`` are made and kept."""
    names = sorted({pair for track in tracks for pair in track.pairs})
    if not names:
        return None, ()
    each = [_facts(pair, tracks, (pair,), how, known) for pair in names]
    everybody = _facts(None, tracks, names, how, known) if len(names) > 1 else each[0]
    return everybody, tuple(sorted(each, key=lambda facts: -facts.metres))


def _facts(
    pair: Pair | None, tracks: Sequence[TrackOpinions], names: Iterable[Pair], how: Bootstrap, known: Reports
) -> PairFacts:
    wanted = set(names)
    parts = [
        (number, track.window, both)
        for number, track in enumerate(tracks)
        for name, both in track.pairs.items()
        if name in wanted
    ]
    if pair not in known:
        known[pair] = _report([(number, both) for number, _, both in parts], how)
    metres, blind, settled = (
        sum(window * float(np.count_nonzero(mask(both))) for _, window, both in parts)
        for mask in (lambda both: both.row >= 0, lambda both: both.blind, lambda both: both.settled)
    )
    return PairFacts(pair, metres, blind, settled, known[pair])


def _report(parts: Sequence[tuple[int, Both]], how: Bootstrap) -> Report:
    """Agreement over parts of numbered tracks."""
    block = np.concatenate([both.block + number * _FAR for number, both in parts])
    first, second, flags = (
        np.concatenate([getattr(both, name) for _, both in parts]) for name in ("first", "second", "flags")
    )
    return report(first, second, block, flags, how)


def _raters(events: Iterable[Event]) -> dict[tuple[str, str], set[str]]:
    """Who has painted on each track."""
    found: dict[tuple[str, str], set[str]] = {}
    for event in events:
        if event.paints and event.reason != ADJUDICATED:
            found.setdefault((event.granule_id, event.beam), set()).add(event.analyst)
    return found


def _undoable(events: Sequence[Event], analyst: str) -> Event | None:
    """The analyst's last action on the labels in force that stands, if it settled a disagreement."""
    own = [event for event in events if event.analyst == analyst and event.layer == IN_FORCE]
    standing = (event for event in reversed(active(own)) if event.acts)
    last = next(standing, None)
    return last if last is not None and last.reason == ADJUDICATED else None


def _longest_first(one: Disagreement) -> tuple[Any, ...]:
    return -one.metres, one.granule, one.beam, one.first, one.pair

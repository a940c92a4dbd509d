"""Beams as lines of the fewest pieces that look right: runs of one rank at the detail of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import detail
from dashboard.geometry import MapLine
from dashboard.place import Place
from dashboard.views.map_frame import Frame, Sight, joined
from dashboard.views.segment_ranks import SegmentRanks, Version

NO_LINES: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": []}
NO_CASING: dict[str, list[Any]] = {"xs": [], "ys": []}
_BEND = 2_000.0
_RADIUS = 1e6
"""No ground track bends more tightly in a projection that scenes come in, m."""
_STEPS = 200
_PIXELS = 1.5
_LEAST, _MOST = 300, 2_400

Edges = NDArray[np.float64]
Cells = tuple[float, float, int]


@dataclass(frozen=True)
class Runs:
    """Stretches of one rank: ``edges`` (n, 2) in along-track metres, ascending, and ``ranks`` (n,)."""

    edges: Edges
    ranks: NDArray[np.int64]


@dataclass(frozen=True)
class _Drawn:
    version: Version
    cells: Cells
    runs: Runs


def find_runs(x: NDArray[np.float64], rank: NDArray[np.int8], cells: Cells, mean: bool = False) -> Runs:
    """Stretches of one rank in equal bins of sorted ``x``; empty bins are in none.

    ``cells`` are start, end and number of bins, see :func:`dashboard.detail.cells`. A bin has its highest rank, or
    with ``mean`` the mean rank of those above 1, which stands for nothing known.
    """
    start, end, bins = cells
    width = (end - start) / bins
    bounds = np.searchsorted(x, start + width * np.arange(bins + 1))
    filled = np.flatnonzero(bounds[1:] > bounds[:-1])
    shown = np.zeros(bins, np.int64)
    if len(filled):
        shown[filled] = (_means if mean else np.maximum.reduceat)(rank[: bounds[-1]], bounds[filled])
    cuts = np.flatnonzero(np.diff(shown)) + 1
    begins, stops = np.concatenate([[0], cuts]), np.concatenate([cuts, [bins]])
    known = shown[begins] > 0
    edges = np.column_stack([start + begins * width, start + stops * width])[known]
    return Runs(edges, shown[begins][known])


def _means(rank: NDArray[np.int8], firsts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Mean rank, rounded, of the ranks above 1 in each stretch that begins at ``firsts``; 1 where there are none."""
    known = rank > 1
    count = np.add.reduceat(known, firsts, dtype=np.int64)
    total = np.add.reduceat(rank * known, firsts, dtype=np.int64)
    return np.where(count > 0, np.rint(total / np.maximum(count, 1)), 1).astype(np.int64)


class BeamLines:
    """Lines of the beams at a ``Place``; each is worked out again only when its labels or its part in sight change."""

    def __init__(self, place: Place, ranks: SegmentRanks) -> None:
        self.place = place
        self.ranks = ranks
        self._drawn: dict[tuple[str, str], _Drawn] = {}
        self._sights: dict[str, tuple[tuple[object, ...], Sight]] = {}

    def forget(self) -> None:
        """Let go of what was worked out, as when the project has changed."""
        self._drawn.clear()
        self._sights.clear()

    def sight(self, beam: str, frame: Frame) -> Sight:
        """The part of a beam in a frame, drawn where the scene saw its ice."""
        key = frame, self.place.state.granule, self.place.shift_of(beam)
        known = self._sights.get(beam)
        if known is None or known[0] != key:
            line = self.place.line(beam)
            known = self._sights[beam] = key, Sight(line, *frame.in_sight(line), frame.scale)
        return known[1]

    def runs(self, beam: str, sight: Sight) -> Runs:
        """Runs of a beam in sight; the whole as unlabelled before there are segments."""
        place = self.place
        granule = place.state.granule
        if not place.workspace.has_track(granule, beam):
            return plain(sight)
        track = place.workspace.track(granule, beam)
        bins = int(np.clip((sight.end - sight.start) / sight.scale / _PIXELS, _LEAST, _MOST))
        cells = detail.cells(sight.start, sight.end, track.window, bins)
        version = self.ranks.version(beam)
        before = self._drawn.get((granule, beam))
        if before and before.cells == cells and SegmentRanks.same(before.version, version):
            return before.runs
        found = find_runs(track.x_atc, self.ranks.ranks(beam), cells, mean=self.ranks.mode == "confidence")
        self._drawn[granule, beam] = _Drawn(version, cells, found)
        return found


def plain(sight: Sight) -> Runs:
    """All that is in sight in the colour of what has no label."""
    return Runs(np.array([[sight.start, sight.end]]), np.ones(1, np.int64))


def lines_of(line: MapLine, runs: Runs, colours: tuple[str, ...], bend: float) -> dict[str, list[Any]]:
    """One broken line a rank, the higher ones last."""
    data: dict[str, list[Any]] = {name: [] for name in NO_LINES}
    for rank in np.unique(runs.ranks):
        x, y = pieces(line, runs.edges[runs.ranks == rank], bend)
        data["xs"].append(x)
        data["ys"].append(y)
        data["colour"].append(colours[rank - 1])
    return data


def casing_of(line: MapLine, runs: Runs, bend: float) -> dict[str, list[Any]]:
    """The beam wherever it has segments, as one broken line."""
    if len(runs.edges) == 0:
        return dict(NO_CASING)
    x, y = pieces(line, joined(runs.edges, 1e-6, 0.0), bend)
    return {"xs": [x], "ys": [y]}


def pieces(line: MapLine, edges: Edges, bend: float = _BEND) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stretches of a beam as one broken line, parted by NaN. One longer than ``bend`` gets points in between."""
    return line.at(along(edges, bend))


def along(edges: Edges, bend: float) -> NDArray[np.float64]:
    """Along-track distances of the points that draw stretches (n, 2), with NaN after each."""
    length = edges[:, 1] - edges[:, 0]
    steps = np.clip(np.ceil(length / bend), 1, _STEPS).astype(np.int64)
    counts = steps + 2
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    result = np.repeat(edges[:, 0], counts) + number * np.repeat(length / steps, counts)
    result[np.cumsum(counts) - 2] = edges[:, 1]
    result[np.cumsum(counts) - 1] = np.nan
    return result


def bend_of(scale: float) -> float:
    """Length of track that may be drawn straight at so many metres a pixel: its bow is below half a pixel."""
    return max(_BEND, float(np.sqrt(4.0 * _RADIUS * scale)))

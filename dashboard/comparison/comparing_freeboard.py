"""The freeboard that follows from each of two models, added up over all tracks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.comparison import compared_tables as read
from dashboard.comparison import freeboard_sums
from dashboard.comparison.compared import FreeboardFound, Pair, Progress, Watch, lacks
from dashboard.comparison.compared_tables import TrackName, common
from dashboard.comparison.freeboard_sums import FreeboardDifference, FreeboardSums
from dashboard.comparison.scoring import FAR
from processing.core.agreement import Bootstrap

if TYPE_CHECKING:
    from dashboard.comparison.comparing import Comparer


class FreeboardComparer:
    """Compares freeboard for a ``Comparer``, whose cache it shares."""

    def __init__(self, of: Comparer, how: Bootstrap) -> None:
        self.of = of
        self.how = how

    @property
    def _project(self) -> Any:
        return self.of.workspace.project

    def run_of(self, run: str) -> str:
        """The newest freeboard made from the predictions ``run``; empty when there is none."""
        for name in reversed(self._project.runs("freeboard")):
            tracks = self._project.tracks("freeboard", name)
            if tracks and read.made_from(self._project, name, tracks[0]) == run:
                return str(name)
        return ""

    def found(self, pair: Pair, progress: Progress) -> FreeboardFound:
        """Both, over the tracks where both have one; each over its own where the other has none."""
        watch, project = Watch(progress), self._project
        runs = (self.run_of(pair[0].run), self.run_of(pair[1].run))
        sides = list(zip(pair, runs, strict=True))
        able = [self._able(run, model.run) for model, run in sides]
        lacking = lacks(pair, able, len(project.tracks("segments")))
        shared = [track for track in able[0] if track in set(able[1])]
        over = [shared, shared] if shared else able
        old = tuple(
            run
            for (model, run), mine in zip(sides, over, strict=True)
            if any(not read.freeboard_follows(project, run, model.run, track) for track in mine)
        )
        first, second = (
            self._total(model.run, run, mine, watch) for (model, run), mine in zip(sides, over, strict=True)
        )
        apart = self._apart(runs, shared, watch) if shared else None
        number, _, moved = apart.sums.sum(axis=0) if apart else (0.0, 0.0, 0.0)
        return FreeboardFound(
            runs,
            (first, second),
            len(over[0] or over[1]),
            freeboard_sums.mean_difference(apart, self.how) if apart else None,
            float(moved / number) if number else float("nan"),
            read.unlike(project, runs, shared[0]) if shared else (),
            old,
            lacking,
            watch.told,
        )

    def _able(self, freeboard_run: str, run: str) -> list[TrackName]:
        """Tracks with a freeboard and the predictions it came from."""
        if not freeboard_run:
            return []
        has = set(self._project.tracks("predictions", run))
        return [track for track in self._project.tracks("freeboard", freeboard_run) if track in has]

    def _total(self, run: str, freeboard_run: str, tracks: list[TrackName], watch: Watch) -> FreeboardSums | None:
        total: FreeboardSums | None = None
        make = partial(self._sums, run, freeboard_run)
        for _, found in watch.over(tracks, make, f"adding up freeboard {freeboard_run}"):
            total = found if total is None else total + found
        return total

    def _apart(self, runs: tuple[str, str], tracks: list[TrackName], watch: Watch) -> FreeboardDifference:
        """How far the two are apart, by block of track of all beams of a granule."""
        numbers: dict[str, int] = {}
        parts = []
        for track, found in watch.over(tracks, partial(self._difference, runs), "comparing freeboard"):
            number = numbers.setdefault(track[0], len(numbers))
            parts.append(FreeboardDifference(found.block + number * FAR, found.sums))
        return freeboard_sums.together(parts)

    def _sums(self, run: str, freeboard_run: str, track: TrackName) -> FreeboardSums:
        project = self._project

        def make() -> FreeboardSums:
            found, classes = read.freeboards(project, freeboard_run, track), read.predicted(project, run, track)
            codes = np.full(len(found.segment), -1, np.int8)
            mine, theirs = common(found.segment, classes.segment)
            codes[mine] = classes.label[theirs]
            truth = read.true_freeboard(project, track, found.segment)
            return freeboard_sums.sums(found.freeboard, codes, found.lead_id, found.source, truth)

        return self._kept(("sums", run, freeboard_run), track, (run,), (freeboard_run,), make)

    def _difference(self, runs: tuple[str, str], track: TrackName) -> FreeboardDifference:
        project = self._project

        def make() -> FreeboardDifference:
            one, other = (read.freeboards(project, run, track) for run in runs)
            mine, theirs = common(one.segment, other.segment)
            x = (one.segment[mine] + 0.5) * read.window_of(project, track)
            return freeboard_sums.difference(x, one.freeboard[mine], other.freeboard[theirs], self.how)

        return self._kept(("apart", *runs), track, (), runs, make)

    def _kept(
        self, name: tuple[str, ...], track: TrackName, runs: tuple[str, ...], freeboard: tuple[str, ...],
        make: Callable[[], Any],
    ) -> Any:  # fmt: skip
        return self.of.kept.get((*name, track, self.of.written(track, runs, freeboard)), make)

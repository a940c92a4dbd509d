"""Compares two models of a project over all tracks: scores, disagreement, freeboard. It reads on a thread of its own.

A track is read whole, two or three columns at a time, and added up; sums are kept until a file they came from changes,
so that memory does not grow with the project and only what changed is read again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.cache import ByteCache
from dashboard.catalog import signature
from dashboard.comparison import compared_tables as read
from dashboard.comparison import freeboard_sums, scoring
from dashboard.comparison.compared import DifferencesFound, FreeboardFound, Pair, Progress, ScoresFound, Watch, lacks
from dashboard.comparison.compared_tables import TrackName, common
from dashboard.comparison.comparing_freeboard import FreeboardComparer
from dashboard.comparison.disagreement import TrackDifference, differences, rankings
from dashboard.comparison.model_records import Model, Models, ground, read_models
from dashboard.comparison.scoring import FAR, Joint
from processing.core.agreement import Bootstrap
from processing.local.status import Standing, standing

if TYPE_CHECKING:
    from dashboard.data import Workspace

_BYTES = 192 << 20


class Comparer:
    """Compares models; for one thread at a time, which is ``pool``'s."""

    def __init__(
        self, workspace: Workspace, how: Bootstrap = scoring.HOW, along: Bootstrap = freeboard_sums.HOW
    ) -> None:
        self.workspace = workspace
        self.how = how
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-compare")
        self.kept: ByteCache[Any] = ByteCache(_BYTES, _size)
        self.levels = FreeboardComparer(self, along)

    def version(self) -> tuple[int, ...]:
        """Changes whenever anything in the project does."""
        return signature(self.workspace.project)

    def models(self) -> Models:
        """All models."""
        found: Models = self.kept.get(("models", self.version()), lambda: read_models(self.workspace.project))
        return found

    def standings(self) -> list[Standing]:
        """What no longer follows from its inputs, or is not all there."""
        key = ("standing", self.version())
        found: list[Standing] = self.kept.get(key, lambda: standing(self.workspace.project))
        return [row for row in found if row.state not in ("current", "-")]

    def has_truth(self) -> bool:
        return (self.workspace.root / "inputs" / "truth").is_dir()

    def scores(self, pair: Pair, reference: str, progress: Progress) -> ScoresFound:
        """Both models against a reference, on what neither learned from."""
        watch, project = Watch(progress), self.workspace.project
        snapshot = "" if reference == "truth" else self._snapshot(pair)
        kind = "inputs/truth" if reference == "truth" else "snapshots"
        labelled = project.tracks(kind, snapshot) if snapshot or reference == "truth" else []
        where = ground(*pair, sorted({granule for granule, _ in labelled}))
        tracks = [track for track in labelled if track[0] in where.granules]
        able = [[track for track in tracks if self._follows(model, track)] for model in pair]
        shared = [track for track in able[0] if track in set(able[1])]
        facts = (reference, snapshot, where)

        def score(sides: Pair, over: list[TrackName]) -> scoring.Scored:
            added = self._added(sides, over, (reference, snapshot), watch)
            progress("drawing blocks of track")
            return scoring.score(added, self.how)

        both = score(pair, shared) if shared else None
        first, second = (
            score((model, model), over).first if over and both is None else None
            for model, over in zip(pair, able, strict=True)
        )
        return ScoresFound(*facts, both, (first, second), lacks(pair, able, len(tracks)), watch.told)

    def differences(self, pair: Pair, progress: Progress) -> DifferencesFound:
        """Where two models differ, on every track that both classified."""
        watch, tracks = Watch(progress), self.workspace.project.tracks("segments")
        able = [[track for track in tracks if self._follows(model, track)] for model in pair]
        shared = [track for track in able[0] if track in set(able[1])]
        found = [one for _, one in watch.over(shared, partial(self._difference, pair), "comparing classes")]
        progress("ranking what differs")
        return DifferencesFound(tuple(found), rankings(found), lacks(pair, able, len(tracks)), watch.told)

    def freeboard(self, pair: Pair, progress: Progress) -> FreeboardFound:
        """The freeboard that follows from each."""
        return self.levels.found(pair, progress)

    def written(self, track: TrackName, runs: tuple[str, ...], freeboard: tuple[str, ...] = ()) -> tuple[int, ...]:
        """When the segments of a track, its predictions and its freeboards were last written."""
        tables = [("segments", ""), *(("predictions", run) for run in runs), *(("freeboard", run) for run in freeboard)]
        path = self.workspace.project.table_path
        return tuple(self.workspace.modified(path(kind, *track, run)) for kind, run in tables)

    def _snapshot(self, pair: Pair) -> str:
        """The newer of the snapshots that the two learned from, else the newest there is."""
        runs = self.workspace.project.runs("snapshots")
        theirs = [name for name in runs if name in {model.snapshot for model in pair}]
        return (theirs or runs or [""])[-1]

    def _follows(self, model: Model, track: TrackName) -> bool:
        key = ("follows", model.run, model.fingerprint, track, self.written(track, (model.run,)))
        found: bool = self.kept.get(key, lambda: read.follows(self.workspace.project, model, track))
        return found

    def _added(self, pair: Pair, tracks: list[TrackName], by: tuple[str, str], watch: Watch) -> Joint:
        """Counts over tracks, by block of track of all beams of a granule."""
        numbers = {granule: number for number, granule in enumerate(dict(tracks))}
        return scoring.together(
            [
                Joint(found.block + numbers[track[0]] * FAR, found.counts)
                for track, found in watch.over(tracks, partial(self._joint, pair, by), "reading classes")
            ]
        )

    def _joint(self, pair: Pair, by: tuple[str, str], track: TrackName) -> Joint:
        project, runs = self.workspace.project, (pair[0].run, pair[1].run)
        path = project.table_path("snapshots" if by[1] else "inputs/truth", *track, by[1])

        def make() -> Joint:
            truth = read.reference(project, *by, track)
            if truth is None:
                return scoring.together([])
            one = read.predicted(project, runs[0], track)
            other = one if runs[0] == runs[1] else read.predicted(project, runs[1], track)
            rows = common(truth.segment, one.segment, other.segment)
            x = (truth.segment[rows[0]] + 0.5) * read.window_of(project, track)
            return scoring.joint(truth.label[rows[0]], one.label[rows[1]], other.label[rows[2]], x, self.how)

        key = ("joint", track, runs, by, self.written(track, runs), self.workspace.modified(path))
        found: Joint = self.kept.get(key, make)
        return found

    def _difference(self, pair: Pair, track: TrackName) -> TrackDifference:
        project, runs = self.workspace.project, (pair[0].run, pair[1].run)

        def make() -> TrackDifference:
            one, other = (read.predicted(project, run, track, sure=True) for run in runs)
            mine, theirs = common(one.segment, other.segment)
            sure = np.minimum(one.sureness[mine], other.sureness[theirs])
            window = read.window_of(project, track)
            return differences(track, window, one.segment[mine], (one.label[mine], other.label[theirs]), sure)

        found: TrackDifference = self.kept.get(("difference", track, runs, self.written(track, runs)), make)
        return found


def _size(value: Any) -> int:
    """Bytes of the arrays in a value."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    parts = [getattr(value, field.name) for field in fields(value)] if hasattr(value, "__dataclass_fields__") else []
    return 256 + sum(_size(part) for part in parts if isinstance(part, np.ndarray))

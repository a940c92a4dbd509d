"""How freeboard is distributed over the part of a project that is asked for, parted by class, beam, granule or run.

Whole tracks are added up once and kept; nothing here has a display, and everything may run on a worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.comparison import compared_tables as read
from dashboard.comparison.freeboard_sums import CODES, FINE, LOW, FreeboardSums, sums
from dashboard.detail import rows_in
from dashboard.live_level import LiveLevels, Settings, levels_of
from dashboard.statistics import BIN, Summary
from processing.project import Project

if TYPE_CHECKING:
    from dashboard.data import Workspace

WHOLE = ("granule", "project")
"""Scopes that are told from whole tracks on disk."""

_TAIL = 0.004
_EACH = round(BIN / FINE)


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes
    ----------
    granule, beam, run : what is at hand. settings : with which its freeboard is found.
    source : key of the classes that are shown; empty for none.
    scope : part of the project, one of ``state.SCOPES``. by : what it is parted by, one of ``state.BY``.
    ends : along-track ends, m; None for all of the track.
    """

    granule: str
    beam: str
    run: str
    settings: Settings
    source: str
    scope: str
    by: str
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class Part:
    """One of the distributions: ``key`` names the class code, beam, granule or run; ``counts`` i8 by bin."""

    key: str
    told: Summary
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Distributions over common bins: ``edges`` f8 m; ``whole`` of all together; ``stacked`` when they add up to it."""

    edges: NDArray[np.float64]
    parts: tuple[Part, ...]
    whole: Summary
    stacked: bool


class Distributions:
    """Adds freeboard up for a project."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.levels: LiveLevels = levels_of(workspace)

    @property
    def project(self) -> Project:
        return self.workspace.project

    def of(self, wanted: Wanted, shown: NDArray[np.float32] | None = None) -> Parts:
        """The distributions asked for; takes seconds for a project. Raises LeadlineError for damaged tables.

        ``shown`` is the freeboard (m) of the beam at hand where that is known already.
        """
        if wanted.by == "class" and wanted.scope not in WHOLE and shown is not None:
            return _by_class(self._summed(wanted, wanted.beam, self._places(wanted), shown))
        if wanted.by == "class":
            total = sum_of([found for _, found in self._each(wanted)])
            return _by_class(total)
        gathered: dict[str, list[FreeboardSums]] = {}
        for key, found in self._each(wanted):
            gathered.setdefault(key, []).append(found)
        return _apart({key: sum_of(found) for key, found in gathered.items()})

    def _each(self, wanted: Wanted) -> Iterator[tuple[str, FreeboardSums]]:
        """Sums of the tracks asked for, each with the name of the part that it belongs to."""
        if wanted.scope in WHOLE or wanted.by == "granule":
            yield from self._whole_tracks(wanted)
        elif wanted.by == "class":
            yield "", self._here(wanted, wanted.beam, wanted.run)
        elif wanted.by == "beam":
            for granule, beam in self.project.tracks("freeboard", wanted.run):
                if granule == wanted.granule:
                    yield beam, self._here(wanted, beam, wanted.run)
        else:
            for run in self.workspace.freeboard_runs(wanted.granule, wanted.beam):
                yield run, self._here(wanted, wanted.beam, run)

    def _whole_tracks(self, wanted: Wanted) -> Iterator[tuple[str, FreeboardSums]]:
        everywhere = wanted.scope == "project" or wanted.by == "granule"
        runs = self.project.runs("freeboard") if wanted.by == "run" else [wanted.run]
        for run in runs:
            for granule, beam in self.project.tracks("freeboard", run):
                if everywhere or granule == wanted.granule:
                    key = {"class": "", "beam": beam, "granule": granule, "run": run}[wanted.by]
                    yield key, self.track(granule, beam, run)

    def track(self, granule: str, beam: str, run: str) -> FreeboardSums:
        """Freeboard of a whole track as it is on disk, by the classes that it was made with."""
        comparer, project = self.workspace.comparer, self.project
        track = (granule, beam)
        model = read.made_from(project, run, track)
        runs = (model,) if model and project.table_path("predictions", *track, model).exists() else ()

        def make() -> FreeboardSums:
            found = read.freeboards(project, run, track)
            codes = np.full(len(found.segment), -1, np.int8)
            for one in runs:
                classes = read.predicted(project, one, track)
                mine, theirs = read.common(found.segment, classes.segment)
                codes[mine] = classes.label[theirs]
            return sums(found.freeboard, codes, found.lead_id, found.source)

        kept: FreeboardSums = comparer.kept.get(("page", run, track, comparer.written(track, runs, (run,))), make)
        return kept

    def _here(self, wanted: Wanted, beam: str, run: str) -> FreeboardSums:
        """Freeboard of a stretch, or all, of one beam of the granule at hand."""
        own = self.levels.settings(wanted.granule, beam, run)
        settings = own if wanted.by == "run" else wanted.settings
        return self._summed(wanted, beam, *self.levels.freeboard_alone(wanted.granule, beam, run, settings))

    def _places(self, wanted: Wanted) -> NDArray[np.float64]:
        return self.workspace.track(wanted.granule, wanted.beam).x_atc

    def _summed(
        self, wanted: Wanted, beam: str, x: NDArray[np.float64], freeboard: NDArray[np.float32]
    ) -> FreeboardSums:
        rows = slice(0, len(x)) if wanted.ends is None else rows_in(x, *wanted.ends)
        codes = self._codes(wanted, beam, len(x))[rows]
        none = np.zeros(0, np.int32)
        return sums(freeboard[rows], codes, none, none.astype(np.int8))

    def _codes(self, wanted: Wanted, beam: str, count: int) -> NDArray[np.int8]:
        if wanted.by == "class" and beam == wanted.beam:
            for source in self.workspace.sources(wanted.granule, beam):
                if source.key == wanted.source:
                    return self.workspace.classes(wanted.granule, beam, source)
        return np.full(count, -1, np.int8)


def sum_of(found: list[FreeboardSums]) -> FreeboardSums:
    """All of them together."""
    none = np.zeros(0, np.float32)
    total = sums(none, none.astype(np.int8), none.astype(np.int32), none.astype(np.int8))
    for one in found:
        total = total + one
    return total


def _by_class(total: FreeboardSums) -> Parts:
    edges, first, last = _shown(total)
    counts = _trimmed(total, first, last)
    parts = [Part(str(code), total.summary(code), counts[row]) for row, code in enumerate(CODES)]
    return Parts(edges, tuple(part for part in parts if part.told.count), total.summary(), stacked=True)


def _apart(found: Mapping[str, FreeboardSums]) -> Parts:
    total = sum_of(list(found.values()))
    edges, first, last = _shown(total)
    parts = [Part(key, one.summary(), _trimmed(one, first, last).sum(axis=0)) for key, one in found.items()]
    return Parts(edges, tuple(part for part in parts if part.told.count), total.summary(), stacked=False)


def _shown(total: FreeboardSums) -> tuple[NDArray[np.float64], int, int]:
    """Edges (m) of the bins of 2 cm between which all but the tails lie, the first of them and one past the last."""
    every = total.distribution()
    if total.counts.sum() == 0:
        first, last = round(-0.1 / BIN - LOW / BIN), round(1.0 / BIN - LOW / BIN)
        return np.asarray(LOW + BIN * np.arange(first, last + 1), np.float64), first, last
    upto = np.cumsum(every.total) / every.total.sum()
    low = int(np.searchsorted(upto, _TAIL))
    high = int(np.searchsorted(upto, 1.0 - _TAIL)) + 1
    start = min(float(every.edges[low]), 0.0)
    stop = max(float(every.edges[min(high, len(every.edges) - 1)]), 0.2)
    first, last = round((start - LOW) / BIN) - 1, round((stop - LOW) / BIN) + 1
    return np.asarray(LOW + BIN * np.arange(first, last + 1), np.float64), first, last


def _trimmed(found: FreeboardSums, first: int, last: int) -> NDArray[np.int64]:
    """Counts by class in bins of 2 cm from ``first`` to before ``last``; what lies beyond joins the ends."""
    coarse = found.counts.reshape(len(CODES), -1, _EACH).sum(axis=2)
    kept = coarse[:, first:last].copy()
    kept[:, 0] += coarse[:, :first].sum(axis=1)
    kept[:, -1] += coarse[:, last:].sum(axis=1)
    return kept

"""Where the analyst is, in terms of the project: fills what the state leaves open and answers what the views ask."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard import catalog as catalogs
from dashboard.catalog import Catalog, Granule, Pair
from dashboard.data import Workspace
from dashboard.desk import Desk
from dashboard.drifting import Drifting
from dashboard.geometry import MapLine
from dashboard.state import State
from dashboard.tracks import ClassSource, Companion, SeaLevel, Track
from processing.errors import LeadlineError, MissingError

if TYPE_CHECKING:
    from dashboard.jobs_desk import JobsDesk
    from processing.io.sentinel2 import Scene

FIRST_SPAN = 5_000.0
RANKS = np.array([1, 2, 3, 4], np.int8)
"""Drawing rank by class code + 1: unlabelled, thick ice, thin ice, open water; the higher one shows."""


@dataclass(frozen=True)
class Drift:
    """Motion of the ice from track to scene, m in the scene's axes, and the confidence in it."""

    x: float
    y: float
    confidence: float
    minutes: float


@dataclass(frozen=True)
class Found:
    """The project's content and the state of its folders when it was read."""

    signature: tuple[int, ...]
    catalog: Catalog


class Messages(Protocol):
    """Where a view tells the analyst something."""

    def tell(self, text: str, level: str = "info") -> None:
        """Show one line."""

    def guard(self, doing: str) -> AbstractContextManager[None]:
        """Turn a failure while ``doing`` something into one line."""


class Place:
    """The state resolved against the project's content.

    ``opened`` turns true when the browser has drawn the page: what takes long to fetch is asked for only then.
    ``watched`` tells whether a browser shows it, so that what may come into sight next is worth reading.
    ``jobs`` is where the session launches jobs and is told of them.
    """

    jobs: JobsDesk

    def __init__(self, workspace: Workspace, state: State, messages: Messages) -> None:
        self.workspace = workspace
        self.state = state
        self.tell = messages.tell
        self.guard = messages.guard
        self.catalog = Catalog(catalogs.ANTARCTIC)
        self.opened = False
        self.watched: Callable[[], bool] = lambda: False
        self.desk = Desk(self)
        self.drifting = Drifting(self)
        self._origin: tuple[Granule | None, float] = (None, 0.0)
        self._signature: tuple[int, ...] = ()
        self._sources: dict[tuple[str, str], list[ClassSource]] = {}
        self._runs: dict[tuple[str, str], list[str]] = {}
        self._companions: dict[tuple[str, str], Companion | None] = {}
        self._drifts: dict[tuple[str, str], Drift | None] = {}

    def look(self, events: bool = True) -> Found:
        """What the project holds now. Takes a while in a large project; safe on any thread.

        Label events make snapshots stale, which the overview tells; without ``events`` those since the last look are
        left for later, so that a correction does not have the whole project read again.
        """
        files = catalogs.signature(self.workspace.refresh())
        now = (*files, self.workspace.book.last_id if events else self.events_seen)
        return Found(now, self.workspace.catalog(now))

    def refresh(self, found: Found) -> bool:
        """Take over what was found; whether it is other than before."""
        if found.signature == self._signature:
            return False
        self.catalog, self._signature = found.catalog, found.signature
        self._sources.clear()
        self._runs.clear()
        self._drifts.clear()
        self._companions.clear()
        return True

    @property
    def events_seen(self) -> int:
        """The newest label event that the project was looked through with."""
        return (self._signature or (0,))[-1]

    @property
    def granule(self) -> Granule | None:
        return self.catalog.granule(self.state.granule)

    @property
    def beams(self) -> list[str]:
        granule = self.granule
        return [beam.name for beam in granule.beams] if granule else []

    @property
    def has_segments(self) -> bool:
        return bool(self.state.beam) and self.workspace.has_track(self.state.granule, self.state.beam)

    @property
    def track(self) -> Track:
        """The current beam's segments; raises MissingError with the command that makes them."""
        if not self.state.granule:
            raise MissingError("there is no granule yet", mend=f"run: leadline add {self.workspace.root} FILE")
        return self.workspace.track(self.state.granule, self.state.beam)

    @property
    def extent(self) -> tuple[float, float]:
        """Along-track start and end of the current beam, m."""
        for beam in self.granule.beams if self.granule else ():
            if beam.name == self.state.beam:
                return beam.x_start, beam.x_end
        return 0.0, 1.0

    @property
    def origin(self) -> float:
        """Along-track distance that axes of this granule count from: its first beam's start, whole kilometres."""
        granule = self.granule
        if self._origin[0] is not granule:
            starts = [beam.x_start for beam in granule.beams if not beam.line.empty] if granule else []
            self._origin = (granule, math.floor(min(starts, default=0.0) / 1000.0) * 1000.0)
        return self._origin[1]

    @property
    def pair(self) -> Pair | None:
        """The scene under the granule that the state asks for, else the nearest in time."""
        pairs = self.catalog.scenes_of(self.state.granule)
        return next((pair for pair in pairs if pair.scene == self.state.scene), pairs[0] if pairs else None)

    @property
    def scene(self) -> Scene | None:
        pair = self.pair
        return self.workspace.scene(pair.scene) if pair else None

    @property
    def sources(self) -> list[ClassSource]:
        return self._sources_of(self.state.beam)

    @property
    def source(self) -> ClassSource | None:
        """The class source that the state asks for, else the most worked-over one."""
        return self.source_of(self.state.beam)

    def source_of(self, beam: str) -> ClassSource | None:
        """The class source of another beam of the granule."""
        found = self._sources_of(beam)
        return next((source for source in found if source.key == self.state.source), found[0] if found else None)

    def _sources_of(self, beam: str) -> list[ClassSource]:
        """Sources of a beam, looked up once until the project changes."""
        key = (self.state.granule, beam)
        if key not in self._sources:
            self._sources[key] = self.workspace.sources(*key) if self.workspace.has_track(*key) else []
        return self._sources[key]

    def ranks(self, beam: str, source: ClassSource | None, rows: slice) -> NDArray[np.int8]:
        """Drawing rank of a beam's segments in ``rows``."""
        if source is None:
            return np.ones(len(self.workspace.track(self.state.granule, beam).segment[rows]), np.int8)
        return RANKS[self.workspace.classes(self.state.granule, beam, source)[rows] + 1]

    @property
    def runs(self) -> list[str]:
        key = (self.state.granule, self.state.beam)
        if key not in self._runs:
            self._runs[key] = self.workspace.freeboard_runs(*key) if self.has_segments else []
        return self._runs[key]

    @property
    def run(self) -> str | None:
        """The freeboard run that the state asks for, else the newest; None when there is none."""
        runs = self.runs
        return self.state.run if self.state.run in runs else next(iter(runs), None)

    @property
    def sea_level(self) -> SeaLevel | None:
        """Sea surfaces of the present run; None when there is none."""
        run = self.run
        return None if run is None else self.workspace.sea_level(self.state.granule, self.state.beam, run)

    @property
    def companion(self) -> Companion | None:
        """NASA's freeboard of the current beam, looked up once until the project changes."""
        key = (self.state.granule, self.state.beam)
        if key not in self._companions:
            self._companions[key] = self.workspace.companion(*key)
        return self._companions[key]

    def drift(self, beam: str) -> Drift | None:
        """The median drift that the beam's auto-labels were carried over with; None before there are any."""
        key = (self.state.granule, beam)
        if key not in self._drifts:
            self._drifts[key] = (
                median_drift(self.workspace.label_facts(*key)) if self.workspace.has_track(*key) else None
            )
        return self._drifts[key]

    def forget_drifts(self) -> None:
        """Look the drifts up again, after labels were made anew."""
        self._drifts.clear()

    def settle(self) -> None:
        """Fill what the state leaves open and mend what the project does not have, saying so."""
        state, granules = self.state, self.catalog.granules
        if not granules:
            return
        if self.granule is None:
            x = state.x
            if state.granule:
                self.tell(f"{state.granule} is not in this project; the first granule is shown", "warning")
                x = math.nan
            state.move(granule=granules[0].ident, x=x)
        if state.beam not in self.beams:
            if state.beam and self.beams:
                self.tell(f"{state.granule} has no beam {state.beam}", "warning")
            state.move(beam=self._first_beam())
        self._settle_source()
        low, high = self.extent
        if math.isnan(state.x) or not low - state.span <= state.x <= high + state.span:
            state.move(x=self._middle(), span=min(state.span, self._whole_span()))

    def _middle(self) -> float:
        """A place in the middle of the beam's data; the middle of its extent may be a gap."""
        if self.has_segments:
            with suppress(LeadlineError):
                track = self.track
                return float(track.x_atc[len(track) // 2])
        return sum(self.extent) / 2

    def _whole_span(self) -> float:
        low, high = self.extent
        return max(high - low, 100.0) * 1.02

    def show_whole(self) -> None:
        """Move to the whole of the current beam."""
        self.state.move(x=sum(self.extent) / 2, span=self._whole_span())

    def _settle_source(self) -> None:
        keys = [source.key for source in self.sources]
        if self.state.source and keys and self.state.source not in keys:
            self.tell(f"this beam has no classes {self.state.source!r}; {keys[0]} are shown", "warning")
            self.state.move(source="")
        if self.state.run and self.runs and self.state.run not in self.runs:
            self.tell(f"there is no freeboard run {self.state.run!r} here; {self.runs[0]} is shown", "warning")
            self.state.move(run="")

    def _first_beam(self) -> str:
        beams = self.granule.beams if self.granule else ()
        strong = [beam.name for beam in beams if beam.strong and beam.rows]
        made = [beam.name for beam in beams if beam.rows]
        return (strong or made or self.beams or [""])[0]

    def line(self, beam: str, aligned: bool = True) -> MapLine:
        """A beam in the map's projection; ``aligned`` shifts it by the drift to where the scene saw its ice."""
        scene = self.scene
        line = self.workspace.line(self.state.granule, beam, scene.crs if scene else self.catalog.crs)
        if not aligned or scene is None:
            return line
        x, y = self.shift_of(beam)
        return line if (x, y) == (0.0, 0.0) else MapLine(line.x_atc, line.x + x, line.y + y)

    def shift_of(self, beam: str) -> tuple[float, float]:
        """How far a beam is drawn from where its photons lay, m: the shift being tried out, else the drift applied."""
        if self.state.drifting and self.state.shift is not None:
            return self.state.shift
        drift = self.drift(beam)
        return (drift.x, drift.y) if drift is not None else (0.0, 0.0)


def median_drift(facts: Mapping[str, NDArray[Any]]) -> Drift | None:
    """The drift of the segments that lie in a scene; None where none does.

    ``facts`` has the columns ``drift_x``, ``drift_y`` (m), ``drift_confidence`` and ``time_offset`` (s, NaN outside the
    scene) of a beam's auto-labels, or is empty.
    """
    known = np.isfinite(facts["time_offset"]) if facts else np.zeros(0, bool)
    if not known.any():
        return None
    x, y, sure, seconds = (
        float(np.median(facts[name][known])) for name in ("drift_x", "drift_y", "drift_confidence", "time_offset")
    )
    return Drift(x, y, sure, seconds / 60.0)

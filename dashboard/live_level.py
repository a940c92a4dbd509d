"""Sea surface and freeboard as they would be by another method, window or height, without running the stage.

What is read, and the leads found in it, is kept for each track; a change of method or window then costs what its
lines and the reading of them cost. The result is the stage's bit for bit. Nothing here has a display.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard.cache import ByteCache, nbytes
from dashboard.tracks import SURFACES, SeaLevel, align
from processing.core.freeboard import SeaLevel as Known
from processing.core.freeboard import (
    Stretch,
    TrackFreeboard,
    freeboard_of_stretch,
    rules_of,
    sea_level_of,
    track_lines,
)
from processing.core.leads import lead_numbers
from processing.core.sea_surface import EVERYWHERE, PieceLines, Rules
from processing.errors import InputError
from processing.io import tables
from processing.local.freeboard import Track, job_of, read_part
from processing.provenance import Stamp
from processing.schema import FREEBOARD
from processing.stages import Freeboard, Resample

if TYPE_CHECKING:
    from dashboard.data import Workspace
    from dashboard.state import State

_BYTES = 640 << 20


@dataclass(frozen=True)
class Settings:
    """What can be tried out: ``estimator``; ``window`` and ``stride`` in metres; ``height``, median or mean."""

    estimator: str
    window: float
    stride: float
    height: str

    @classmethod
    def of(cls, stage: Freeboard) -> Settings:
        """Those of a stage."""
        return cls(str(stage.estimator), float(stage.window), float(stage.stride), str(stage.height))

    def asked(self, state: State) -> Settings:
        """These but for what the state sets; a stride that is not set follows a window that is, as half of it."""
        window = 1000.0 * state.window_km or self.window
        stride = 1000.0 * state.stride_km or (0.5 * window if state.window_km else self.stride)
        return Settings(state.method or self.estimator, window, min(stride, window), state.height or self.height)

    def options(self, other: Settings) -> dict[str, Any]:
        """Parameters of the stage in which these differ from others."""
        mine, theirs = vars(self), vars(other)
        return {name: value for name, value in mine.items() if value != theirs[name]}


@dataclass(frozen=True)
class LeadRows:
    """Leads of a track in order, one entry a lead.

    Attributes
    ----------
    number : i8, window index of the first segment, which names the lead.
    first, stop : i8, rows of the track. x : f8 m, middle along the track.
    height : f8 m, mean of its segments. flags : u4, schema.FreeboardFlag of any of its segments.
    """

    number: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    x: NDArray[np.float64]
    height: NDArray[np.float64]
    flags: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.number)

    def row(self, number: int) -> int | None:
        """The place of a lead among these; None when it is not one of them."""
        at = int(np.searchsorted(self.number, number))
        return at if at < len(self.number) and self.number[at] == number else None

    def near(self, x: float, reach: float) -> int | None:
        """The lead at ``x`` (m), or the one whose middle is nearest within ``reach`` (m)."""
        at = int(np.searchsorted(self.x, x))
        near = [row for row in (at - 1, at) if 0 <= row < len(self.x)]
        best = min(near, key=lambda row: abs(self.x[row] - x), default=None)
        if best is None:
            return None
        half = float(self.stop[best] - self.first[best])  # segments are about 2 m long
        return best if abs(self.x[best] - x) <= max(reach, half) else None


@dataclass(frozen=True)
class Level:
    """What the page shows of one beam, row for row with its Track.

    Attributes
    ----------
    settings : what it was found with. live : whether that differs from the run on disk.
    sea : sea surfaces and freeboard. height : f4 m, the height that freeboard was measured with.
    flags : u4, schema.FreeboardFlag. leads : its leads.
    core : m along the track, between which it holds; beyond it says nothing.
    """

    settings: Settings
    live: bool
    sea: SeaLevel
    height: NDArray[np.float32]
    flags: NDArray[np.uint32]
    leads: LeadRows
    core: tuple[float, float] = EVERYWHERE

    def holds(self, start: float, end: float) -> bool:
        """Whether it says something of all of a stretch."""
        return self.core[0] <= start and end <= self.core[1]


@dataclass(frozen=True)
class Basis:
    """What a track's levels are found from, whatever the method and the window: its segments and leads."""

    stretch: Stretch
    photon_count: NDArray[np.int32]
    segment_length: float


class LiveLevels:
    """Levels of the tracks asked for last. Shared by every session of a server, safe between threads."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._kept: ByteCache[Any] = ByteCache(_BYTES, nbytes)

    def stage(self, granule: str, beam: str, run: str) -> Freeboard:
        """The stage as a run was made of a track; raises as its table does when it cannot be read."""
        return Freeboard(**self._values(granule, beam, run))

    def settings(self, granule: str, beam: str, run: str) -> Settings:
        """What a run was made with, read once until it is made anew."""
        key = ("settings", granule, beam, run, self._made(granule, beam, run))
        found: Settings = self._kept.get(key, lambda: Settings.of(self.stage(granule, beam, run)))
        return found

    def level(self, granule: str, beam: str, run: str, settings: Settings) -> Level:
        """What a run holds, or would hold with other settings. Takes a while unless it is ``at_hand``.

        Raises LeadlineError where tables are missing, damaged or not of the track's present segments.
        """
        own = self.settings(granule, beam, run)
        make = self._of_disk if settings == own else self._tried
        key = self._key(granule, beam, run, settings)
        found: Level = self._kept.get(key, lambda: make(granule, beam, run, settings))
        return found

    def near(self, granule: str, beam: str, run: str, settings: Settings, core: tuple[float, float]) -> Level:
        """As ``level``, but of the segments in ``core`` (m) alone, for which it takes a fraction of the time."""
        basis = self.basis(granule, beam, run, settings.height)
        rules = self.rules(granule, beam, run, settings)
        lines = self.lines(granule, beam, run, settings)
        part = freeboard_of_stretch(basis.stretch, lines, rules, settings.estimator, core)
        own, count = basis.stretch.within(core), len(basis.stretch.x)

        def spread(values: NDArray[Any]) -> NDArray[Any]:
            whole = np.zeros(count, values.dtype)
            whole[own] = values
            return whole

        found = as_sea_level(part, run, settings.estimator)
        surfaces = {name: spread(values) for name, values in found.surfaces.items()}
        rest = (found.sigma, found.source, found.freeboard, found.freeboard_sigma, found.lead_id)
        sea = SeaLevel(run, settings.estimator, surfaces, *(spread(values) for values in rest))
        height = self.workspace.sea_inputs(granule, beam, settings.height)["height"]
        leads = self._leads(granule, beam, run, settings.height)
        return Level(settings, True, sea, height, spread(part.flags), leads, core)

    def is_quick(self, granule: str, beam: str, run: str, height: str) -> bool:
        """Whether what is near a place is computed in a moment, since nothing has to be read for it."""
        key = ("leads", granule, beam, run, self._made(granule, beam, run), height)
        return self._kept.peek(key) is not None

    def at_hand(self, granule: str, beam: str, run: str, settings: Settings) -> Level | None:
        """The same if nothing has to be read or computed for it."""
        found: Level | None = self._kept.peek(self._key(granule, beam, run, settings))
        return found

    def basis(self, granule: str, beam: str, run: str, height: str) -> Basis:
        """Segments and leads of a track, from the classes that the run was made from."""
        key = ("basis", granule, beam, run, self._made(granule, beam, run), height)
        found: Basis = self._kept.get(key, lambda: self._read(granule, beam, run, height))
        return found

    def known(self, granule: str, beam: str, run: str, settings: Settings) -> Known:
        """Heights of the leads and of the windows."""
        own = (settings.window, settings.stride, settings.height)
        key = ("known", granule, beam, run, self._made(granule, beam, run), own)
        found: Known = self._kept.get(key, lambda: self._know(granule, beam, run, settings))
        return found

    def lines(self, granule: str, beam: str, run: str, settings: Settings) -> list[PieceLines]:
        """The sea surfaces as lines."""
        rules = self.rules(granule, beam, run, settings)
        return track_lines([self.known(granule, beam, run, settings)], rules, settings.estimator)

    def rules(self, granule: str, beam: str, run: str, settings: Settings) -> Rules:
        """How windows are laid and what counts as a lead; raises InputError for a stride longer than the window."""
        basis = self.basis(granule, beam, run, settings.height)
        return _rules(self._stage_with(granule, beam, run, settings), basis.segment_length)

    def freeboard_alone(
        self, granule: str, beam: str, run: str, settings: Settings | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Places (m) and freeboard (m) of a beam's segments: of the run, or with other settings."""
        if settings is not None and settings != self.settings(granule, beam, run):
            level = self.level(granule, beam, run, settings)
            return self.workspace.track(granule, beam).x_atc, level.sea.freeboard
        path = self.workspace.project.table_path("freeboard", granule, beam, run)

        def read() -> dict[str, NDArray[Any]]:
            table = tables.read(path, FREEBOARD, ("segment", "freeboard"), command=self._again(run))
            place = (table["segment"].to_numpy() + 0.5) * self._segment_length(granule, beam)
            return {"x": place, "y": table["freeboard"].to_numpy()}

        found = self._kept.get(("alone", granule, beam, run, self._made(granule, beam, run)), read)
        return found["x"], found["y"]

    def command(self, granule: str, beam: str, run: str, settings: Settings) -> str:
        """The command line that makes the run with other settings."""
        values = self.changes(granule, beam, run, settings)
        words = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
        return " ".join([self.workspace.command("freeboard"), *words])

    def changes(self, granule: str, beam: str, run: str, settings: Settings) -> dict[str, Any]:
        """Parameters in which the run with other settings differs from what the project would make by itself."""
        wanted = self._stage_with(granule, beam, run, settings).values_dict()
        usual = self.workspace.project.stage(Freeboard).values_dict()
        return {name: value for name, value in wanted.items() if value != usual[name]}

    def _values(self, granule: str, beam: str, run: str) -> dict[str, Any]:
        """Parameters that a run was made with, read once until it is made anew."""
        path = self.workspace.project.table_path("freeboard", granule, beam, run)

        def read() -> dict[str, Any]:
            stamp = tables.read_stamp(path)
            usual = Freeboard().values_dict()
            return usual | {name: value for name, value in (stamp.parameters if stamp else {}).items() if name in usual}

        key = ("values", granule, beam, run, self._made(granule, beam, run))
        found: dict[str, Any] = self._kept.get(key, read)
        return found

    def _stage_with(self, granule: str, beam: str, run: str, settings: Settings) -> Freeboard:
        return Freeboard(**(self._values(granule, beam, run) | vars(settings)))

    def _again(self, run: str) -> str:
        return f"{self.workspace.command('freeboard')} --run-name {run}"

    def _made(self, granule: str, beam: str, run: str) -> tuple[int, ...]:
        """Changes when the segments or the freeboard are made anew."""
        workspace = self.workspace
        paths = (("segments", ""), ("freeboard", run))
        return tuple(workspace.modified(workspace.project.table_path(kind, granule, beam, one)) for kind, one in paths)

    def _key(self, granule: str, beam: str, run: str, settings: Settings) -> Hashable:
        return ("level", granule, beam, run, self._made(granule, beam, run), settings)

    def _of_disk(self, granule: str, beam: str, run: str, settings: Settings) -> Level:
        workspace = self.workspace
        sea, track = workspace.sea_level(granule, beam, run), workspace.track(granule, beam)
        path = workspace.project.table_path("freeboard", granule, beam, run)
        table = tables.read(path, FREEBOARD, ("segment", "flags"), command=self._again(run))
        flags = align(path, track, table["segment"].to_numpy()).spread(table["flags"].to_numpy(), len(track), 0)
        height = workspace.sea_inputs(granule, beam, settings.height)["height"]
        return Level(
            settings, False, sea, height, flags, lead_rows(track.segment, track.x_atc, sea.lead_id, height, flags)
        )

    def _tried(self, granule: str, beam: str, run: str, settings: Settings) -> Level:
        basis = self.basis(granule, beam, run, settings.height)
        rules = self.rules(granule, beam, run, settings)
        lines = self.lines(granule, beam, run, settings)
        found = freeboard_of_stretch(basis.stretch, lines, rules, settings.estimator)
        height = self.workspace.sea_inputs(granule, beam, settings.height)["height"]
        leads = self._leads(granule, beam, run, settings.height)
        return Level(settings, True, as_sea_level(found, run, settings.estimator), height, found.flags, leads)

    def _leads(self, granule: str, beam: str, run: str, height: str) -> LeadRows:
        """The leads, which neither method nor window changes; kept with what they were found from."""
        basis, track = self.basis(granule, beam, run, height), self.workspace.track(granule, beam)

        def find() -> LeadRows:
            number = lead_numbers(basis.stretch.leads, basis.stretch.x, basis.segment_length)
            values = self.workspace.sea_inputs(granule, beam, height)["height"]
            return lead_rows(track.segment, track.x_atc, number, values, basis.stretch.flags)

        found: LeadRows = self._kept.get(("leads", granule, beam, run, self._made(granule, beam, run), height), find)
        return found

    def _know(self, granule: str, beam: str, run: str, settings: Settings) -> Known:
        basis = self.basis(granule, beam, run, settings.height)
        return sea_level_of(basis.stretch, self.rules(granule, beam, run, settings))

    def _read(self, granule: str, beam: str, run: str, height: str) -> Basis:
        project = self.workspace.project
        stage = Freeboard(**(self._values(granule, beam, run) | {"height": height}))
        job = job_of(project, stage)
        segments = project.table_path("segments", granule, beam)
        length = self._segment_length(granule, beam)
        track = Track(
            granule=granule,
            beam=beam,
            rows=tables.count_rows(segments),
            segments=segments,
            labels=project.table_path(job.classes.kind, granule, beam, job.classes.run),
            target=project.table_path("freeboard", granule, beam, run),
            rules=_rules(stage, length),
            stamp=Stamp(stage.key),
        )
        part = read_part(job, track, (0, track.rows))
        count = self.workspace.sea_inputs(granule, beam, height)["photon_count"]
        return Basis(part.stretch, count, length)

    def _segment_length(self, granule: str, beam: str) -> float:
        stamp = tables.read_stamp(self.workspace.project.table_path("segments", granule, beam))
        default = Resample.param["window"].default
        return float(stamp.parameters.get("window", default)) if stamp else float(default)


def levels_of(workspace: Workspace) -> LiveLevels:
    """The levels of a project, one for every session of a server."""
    found: LiveLevels = vars(workspace).setdefault("live_levels", LiveLevels(workspace))
    return found


def as_sea_level(found: TrackFreeboard, run: str, estimator: str) -> SeaLevel:
    """What was computed as what is read."""
    surfaces = dict(zip(SURFACES, found.sea.surface, strict=True))
    rest = (found.sea.sigma, found.sea.source, found.freeboard, found.freeboard_sigma, found.lead_id)
    return SeaLevel(run, estimator, surfaces, *rest)


def lead_rows(
    segment: NDArray[np.int64],
    x: NDArray[np.float64],
    lead_id: NDArray[np.int32],
    height: NDArray[np.float32],
    flags: NDArray[np.uint32],
) -> LeadRows:
    """The leads of a track: runs of one ``lead_id`` that is not negative."""
    edges = np.flatnonzero(np.diff(lead_id, prepend=-1, append=-1))
    first, stop = edges[:-1], edges[1:]
    water = lead_id[first] >= 0
    first, stop = first[water], stop[water]
    if len(first) == 0:
        none = np.zeros(0, np.int64)
        return LeadRows(none, none, none, none.astype(np.float64), none.astype(np.float64), none.astype(np.uint32))
    starts = np.r_[0, np.cumsum(stop - first)[:-1]]
    inside = np.flatnonzero(lead_id >= 0)
    mean = np.add.reduceat(height[inside].astype(np.float64), starts) / (stop - first)
    every = np.bitwise_or.reduceat(flags[inside], starts)
    return LeadRows(segment[first], first, stop, 0.5 * (x[first] + x[stop - 1]), mean, every)


def _rules(stage: Freeboard, segment_length: float) -> Rules:
    try:
        return rules_of(stage, segment_length)
    except ValueError as error:
        raise InputError(str(error), mend="choose a stride at most as long as the window") from None

"""What is in a project, for the overview: granules, beams, scenes, how far each stage has come and what is stale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
from shapely import LineString, Polygon, segmentize, transform

from dashboard.data import Workspace
from dashboard.geometry import MapLine
from processing.errors import LeadlineError
from processing.io import tables
from processing.local.staleness import Staleness
from processing.project import Input, Project
from processing.stages import STAGES

ARCTIC, ANTARCTIC = "EPSG:3413", "EPSG:3031"
POLAR_STEP = 2_000.0
TRACK_STAGES = ("resample", "autolabel", "snapshot", "classify", "freeboard")
_WATCHED = (
    *("project.toml", "inputs/granules", "inputs/scenes", "inputs/references"),
    *("inputs/truth", "segments", "autolabels", "snapshots", "models", "predictions", "freeboard"),
)
_RUN_STAGES = {"snapshot": "snapshots", "classify": "predictions", "freeboard": "freeboard"}

_UNREADABLE = (LeadlineError, OSError, ValueError)


@dataclass(frozen=True)
class Beam:
    """One beam of a granule: ``rows`` is its number of segments, 0 before they are made; ``x_*`` in m, times UTC."""

    name: str
    strong: bool | None
    rows: int
    x_start: float
    x_end: float
    t_start: np.datetime64
    t_end: np.datetime64
    line: MapLine

    def time_at(self, x_atc: float) -> np.datetime64:
        """When the beam passed an along-track distance; the satellite's ground speed is steady."""
        share = (x_atc - self.x_start) / max(self.x_end - self.x_start, 1.0)
        return self.t_start + np.timedelta64(
            round(share * float((self.t_end - self.t_start) / np.timedelta64(1, "ns"))), "ns"
        )


@dataclass(frozen=True)
class Progress:
    """How far a stage has come for one granule: beams done of those that could be, and why the first stale one is."""

    done: int
    total: int
    stale: str = ""
    run: str = ""

    @property
    def word(self) -> str:
        if self.done == 0:
            return "none"
        return "stale" if self.stale else ("done" if self.done >= self.total else "part")


@dataclass(frozen=True)
class Granule:
    """A granule with its beams and the state of every stage."""

    ident: str
    kind: str
    time: np.datetime64
    beams: tuple[Beam, ...]
    stages: dict[str, Progress]
    trouble: str = ""

    @property
    def rows(self) -> int:
        return sum(beam.rows for beam in self.beams)

    @property
    def length(self) -> float:
        """Longest beam, m."""
        return max((beam.x_end - beam.x_start for beam in self.beams), default=0.0)


@dataclass(frozen=True)
class SceneFacts:
    """A scene: when, where and what; ``outline`` is in the overview's projection, m."""

    ident: str
    level: str
    time: np.datetime64
    bands: tuple[str, ...]
    shape: tuple[int, int]
    pixel: float
    crs: str
    outline: Polygon | None
    trouble: str = ""


@dataclass(frozen=True)
class Pair:
    """A granule over a scene: ``minutes`` is scene time minus track time."""

    granule: str
    scene: str
    minutes: float


@dataclass(frozen=True)
class Catalog:
    """Everything the overview shows, in one projection.

    ``model_stale`` says why the newest model no longer follows from its inputs; it is None when there is no model.
    """

    crs: str
    granules: tuple[Granule, ...] = ()
    scenes: tuple[SceneFacts, ...] = ()
    pairs: tuple[Pair, ...] = ()
    synthetic: bool = False
    troubles: tuple[str, ...] = ()
    model_stale: str | None = None

    def granule(self, ident: str) -> Granule | None:
        return next((granule for granule in self.granules if granule.ident == ident), None)

    def scene(self, ident: str) -> SceneFacts | None:
        return next((scene for scene in self.scenes if scene.ident == ident), None)

    def scenes_of(self, granule: str) -> list[Pair]:
        """Scenes under a granule, the nearest in time first."""
        return sorted((pair for pair in self.pairs if pair.granule == granule), key=lambda pair: abs(pair.minutes))

    def tracks_near(self, x: float, y: float, reach: float) -> list[tuple[float, str, str, float]]:
        """Tracks no farther than ``reach`` from a place (m, in the projection): how far, granule, beam, and where
        along the track (m)."""
        return [
            (away, granule.ident, beam.name, x_atc)
            for granule in self.granules
            for beam in granule.beams
            for x_atc, away in (beam.line.nearest(x, y),)
            if away <= reach
        ]


def signature(project: Project) -> tuple[int, ...]:
    """Changes whenever a table, run or input appears, goes or is remade."""
    stamps = [stamp for name in _WATCHED for stamp in _modified(project.root / name, 3)]
    return len(stamps), max(stamps, default=0), sum(stamps) & 0xFFFFFFFF


def _modified(path: Path, depth: int) -> Iterator[int]:
    """When a file or a folder and what is in it, so deep, changed; what goes away meanwhile is passed over."""
    try:
        yield path.stat().st_mtime_ns
        entries = list(path.iterdir()) if depth and path.is_dir() else []
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not entry.name.startswith("."):  # what is half written, and a training that is under way
            yield from _modified(entry, depth - 1)


def build(workspace: Workspace) -> Catalog:
    """Read the state of the whole project; one unreadable input is told, not fatal."""
    project = workspace.project
    crs = _projection(workspace)
    staleness = Staleness(project)
    granules = tuple(_granule(workspace, staleness, item, crs) for item in project.inputs("granules"))
    scenes = tuple(_scene(workspace, item, crs) for item in project.inputs("scenes"))
    troubles = tuple(text for text in (*(g.trouble for g in granules), *(s.trouble for s in scenes)) if text)
    pairs = tuple(pair for granule in granules for scene in scenes if (pair := _pair(granule, scene)) is not None)
    model = staleness.newest("models")
    return Catalog(
        crs, granules, scenes, pairs, project.synthetic, troubles, staleness.of_model(model) if model else None
    )


def _projection(workspace: Workspace) -> str:
    """The polar projection by the project's hemisphere, else by where its first track lies."""
    hemisphere = str(workspace.project.settings.get("hemisphere", "")).lower()
    if hemisphere:
        return ARCTIC if hemisphere.startswith("n") else ANTARCTIC
    return ARCTIC if next(_latitudes(workspace), -90.0) > 0 else ANTARCTIC


def _latitudes(workspace: Workspace) -> Iterator[float]:
    """Where the tracks that can be read lie, then the granules, then the scenes."""
    project = workspace.project
    for granule, beam in project.tracks("segments"):
        with suppress(*_UNREADABLE):
            yield float(np.median(workspace.track(granule, beam).lat))
    for item in project.inputs("granules"):
        with suppress(*_UNREADABLE, IndexError):
            source = workspace.photon_source(item.ident)
            yield float(np.nanmedian(source.track(source.beams[0]).lat))
    for item in project.inputs("scenes"):
        with suppress(*_UNREADABLE):
            yield float(workspace.scene(item.ident).footprint().centroid.y)


def _granule(workspace: Workspace, staleness: Staleness, item: Input, crs: str) -> Granule:
    project = workspace.project
    names = [beam for granule, beam in project.tracks("segments") if granule == item.ident]
    strong: dict[str, bool | None] = {}
    troubles = []
    try:
        strong = workspace.beams(item.ident)
    except _UNREADABLE as error:
        troubles.append(f"{item.ident}: {error}")
    names = sorted({*names, *strong})
    beams = []
    for name in names:
        try:
            beams.append(_beam(workspace, item.ident, name, strong.get(name), crs))
        except _UNREADABLE as error:
            troubles.append(f"{item.ident} {name}: {error}")
            beams.append(_bare(name, strong.get(name)))
    stages = {key: _progress(project, staleness, key, item.ident, names) for key in TRACK_STAGES}
    time = min((beam.t_start for beam in beams if not np.isnat(beam.t_start)), default=np.datetime64("NaT"))
    return Granule(item.ident, item.kind, time, tuple(beams), stages, "; ".join(troubles))


def _bare(name: str, strong: bool | None) -> Beam:
    """A beam of which nothing can be read."""
    never, nowhere = np.datetime64("NaT"), np.zeros(0)
    return Beam(name, strong, 0, 0.0, 0.0, never, never, MapLine(nowhere, nowhere, nowhere))


def _beam(workspace: Workspace, granule: str, name: str, strong: bool | None, crs: str) -> Beam:
    path = workspace.project.table_path("segments", granule, name)
    rows = tables.count_rows(path) if path.exists() else 0
    line = workspace.line(granule, name, crs, POLAR_STEP)
    start, end = (float(line.x_atc[0]), float(line.x_atc[-1])) if len(line.x_atc) else (0.0, 0.0)
    times = workspace.times(granule, name)
    return Beam(name, strong, rows, start, end, *times, line)


def _progress(project: Project, staleness: Staleness, key: str, granule: str, beams: list[str]) -> Progress:
    output, run = STAGES[key].output, ""
    if key in _RUN_STAGES:
        output = _RUN_STAGES[key]
        runs = [name for name in project.runs(output) if (project.root / output / name / f"granule={granule}").is_dir()]
        if not runs:
            return Progress(0, len(beams))
        run = runs[-1]
    paths = {beam: project.table_path(output, granule, beam, run) for beam in beams}
    done = {beam: path for beam, path in paths.items() if path.exists()}
    reasons = (staleness.of_table(STAGES[key], path, (granule, beam)) for beam, path in done.items())
    return Progress(len(done), len(beams), next((why for why in reasons if why), ""), run)


def _scene(workspace: Workspace, item: Input, crs: str) -> SceneFacts:
    try:
        found: SceneFacts = workspace.kept(
            ("scene", crs), workspace.record("scenes", item.ident), lambda: _read_scene(workspace, item, crs)
        )
    except _UNREADABLE as error:
        return SceneFacts(item.ident, "", np.datetime64("NaT"), (), (0, 0), 0.0, "", None, f"{item.ident}: {error}")
    return found


def _read_scene(workspace: Workspace, item: Input, crs: str) -> SceneFacts:
    scene = workspace.scene(item.ident)
    outline = segmentize(scene.outline(), 5_000.0)
    change = pyproj.Transformer.from_crs(scene.crs, crs, always_xy=True)
    polar = transform(outline, lambda points: np.column_stack(change.transform(points[:, 0], points[:, 1])))
    code = scene.crs.to_epsg()
    name = f"EPSG:{code}" if code else scene.crs.name
    return SceneFacts(item.ident, scene.level, scene.time, scene.bands, scene.shape, scene.pixel, name, polar)


def _pair(granule: Granule, scene: SceneFacts) -> Pair | None:
    if scene.outline is None:
        return None
    for beam in granule.beams:
        good = np.isfinite(beam.line.x)
        points = np.column_stack([beam.line.x[good], beam.line.y[good]])
        if len(points) > 1 and LineString(points).intersects(scene.outline):
            middle = scene.outline.centroid
            passed = beam.time_at(beam.line.nearest(middle.x, middle.y)[0])
            return Pair(granule.ident, scene.ident, float((scene.time - passed) / np.timedelta64(1, "s")) / 60.0)
    return None

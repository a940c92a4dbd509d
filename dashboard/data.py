"""What the pages read from a project: whole tracks as arrays, classes and freeboard beside them, photons and scenes.

Everything is read when it is asked for and kept in caches bounded by bytes, open files by their number. A cache key
holds the file's modification time, so that a stage that runs again shows at the next look. Safe to use from several
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from dashboard.cache import ByteCache, nbytes, one
from dashboard.geometry import MapLine, knots
from dashboard.tracks import (
    AUTO,
    GAP,
    SURFACES,
    ClassSource,
    Companion,
    SeaLevel,
    Track,
    align,
    first_and_last_time,
    project_line,
    read_companion,
    read_facts,
    read_model,
)
from processing.errors import MissingError
from processing.io import tables
from processing.local.passes import references_of
from processing.project import Project
from processing.schema import FREEBOARD, PREDICTION, SEGMENT, SNAPSHOT, TRUTH, SurfaceClass
from processing.stages import Resample

if TYPE_CHECKING:
    from dashboard.book import LabelBook
    from dashboard.catalog import Catalog
    from dashboard.comparison.comparing import Comparer
    from dashboard.current import CurrentLabels
    from dashboard.effects import Effects
    from dashboard.jobs.board import Board
    from dashboard.relabel import Relabeller
    from dashboard.strip_source import StripSource
    from dashboard.tiles import TilePainter
    from processing.core.zones import Zone
    from processing.io.photons import PhotonSource, PhotonWindow
    from processing.io.sentinel2 import Scene

_KNOT = 200.0
_TRACK_BYTES = 768 << 20
_PHOTON_BYTES = 256 << 20
_PHOTON_CELL = 2_000.0
_OPEN_FILES = 32
_OPEN_TABLES = 2
"""A photon table is whole in memory while it is open; a granule in HDF5 is only a file."""

_SEGMENT_COLUMNS = ("segment", "x_atc", "lat", "lon", "height_mean", "height_std", "photon_rate", "background_rate")


def _modified(path: Path) -> int:
    """When a file was last written, ns; 0 when it is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class Workspace:
    """A project opened for looking at. Shared by every session of a server."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._project = Project(self.root)
        self._seen = local()
        self._settings_at = self._modified(self.root / "project.toml")
        self._tracks: ByteCache[Any] = ByteCache(_TRACK_BYTES, nbytes)
        self._cells: ByteCache[Any] = ByteCache(_PHOTON_BYTES, nbytes)
        self._catalogs: ByteCache[Catalog] = ByteCache(4, one)
        self._scenes: ByteCache[Scene] = ByteCache(_OPEN_FILES, one)
        self._granules: ByteCache[PhotonSource] = ByteCache(_OPEN_FILES, one)
        self._photon_tables: ByteCache[PhotonSource] = ByteCache(_OPEN_TABLES, one)
        self._lock = Lock()
        self._photon_lock = Lock()
        self._painter: TilePainter | None = None
        self._strips: StripSource | None = None
        self._book: LabelBook | None = None
        self._relabeller: Relabeller | None = None
        self._current: CurrentLabels | None = None
        self._effects: Effects | None = None
        self._jobs: Board | None = None
        self.no_jobs = ""
        self._comparer: Comparer | None = None
        self.workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="leadline-read")
        self.background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-zones")
        self.ahead = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-ahead")

    @property
    def project(self) -> Project:
        """The project as it was at the last ``refresh``."""
        return self._project

    def refresh(self) -> Project:
        """Open the project again when its settings have changed since."""
        now = self._modified(self.root / "project.toml")
        if now != self._settings_at:
            self._project, self._settings_at = Project(self.root), now
        return self._project

    @property
    def painter(self) -> TilePainter:
        """Paints the scenes' tiles."""
        from dashboard.tiles import TilePainter

        with self._lock:
            if self._painter is None:
                self._painter = TilePainter(self)
            return self._painter

    @property
    def strips(self) -> StripSource:
        """Straightens the scenes along the beams."""
        from dashboard.strip_source import StripSource

        with self._lock:
            if self._strips is None:
                self._strips = StripSource(self)
            return self._strips

    @property
    def book(self) -> LabelBook:
        """The label events, one mirror for every session."""
        from dashboard.book import LabelBook

        with self._lock:
            if self._book is None:
                self._book = LabelBook(self.project.database_url)
            return self._book

    @property
    def relabeller(self) -> Relabeller:
        """Labels granules anew in the background."""
        from dashboard.relabel import Relabeller

        with self._lock:
            if self._relabeller is None:
                self._relabeller = Relabeller(self.root)
            return self._relabeller

    @property
    def jobs(self) -> Board:
        """The jobs of the project; ``no_jobs`` says why nobody may launch any, empty where everybody may."""
        from dashboard.jobs.board import Board

        with self._lock:
            if self._jobs is None:
                self._jobs = Board(self.root)
            return self._jobs

    @property
    def current(self) -> CurrentLabels:
        """The labels that follow from the auto-labels and the events."""
        from dashboard.current import CurrentLabels

        book = self.book
        with self._lock:
            if self._current is None:
                self._current = CurrentLabels(self, book)
            return self._current

    @property
    def effects(self) -> Effects:
        """What corrections would do to sea surface and freeboard."""
        from dashboard.effects import Effects

        with self._lock:
            if self._effects is None:
                self._effects = Effects(self)
            return self._effects

    @property
    def comparer(self) -> Comparer:
        """Compares models."""
        from dashboard.comparison.comparing import Comparer

        with self._lock:
            if self._comparer is None:
                self._comparer = Comparer(self)
            return self._comparer

    def command(self, name: str) -> str:
        """The command line that runs a command, such as a stage, on this project."""
        return f"leadline {name} {self.root}"

    def catalog(self, signature: tuple[int, ...]) -> Catalog:
        """What is in the project, read once for each state of its folders."""
        from dashboard import catalog

        found: Catalog = self._catalogs.get(signature, lambda: catalog.build(self))
        return found

    def track(self, granule: str, beam: str) -> Track:
        """The beam's segments; raises MissingError with the command that makes them."""
        path = self.project.table_path("segments", granule, beam)
        return self.kept("track", path, lambda: self._read_track(path, granule, beam))

    def has_track(self, granule: str, beam: str) -> bool:
        return self.project.table_path("segments", granule, beam).exists()

    def sources(self, granule: str, beam: str) -> list[ClassSource]:
        """Where this beam's classes can come from, the most worked-over first."""
        project = self.project
        snapshots = reversed(project.runs("snapshots"))
        predictions = reversed(project.runs("predictions"))
        possible = [
            *(
                ClassSource(f"prediction:{r}", f"prediction {r}", "predictions", r, PREDICTION, "predicted")
                for r in predictions
            ),
            *(ClassSource(f"snapshot:{r}", f"labels {r}", "snapshots", r, SNAPSHOT, "label") for r in snapshots),
            AUTO,
            ClassSource("truth", "truth (synthetic)", "inputs/truth", "", TRUTH, "label"),
        ]
        return [source for source in possible if project.table_path(source.kind, granule, beam, source.run).exists()]

    def auto_source(self, granule: str, beam: str) -> ClassSource | None:
        """The auto-labels among the beam's class sources; None when there are none."""
        path = self.project.table_path("autolabels", granule, beam)
        return AUTO if path.exists() else None

    def labels_version(self, granule: str, beam: str) -> tuple[int, int]:
        """Changes when the beam's segments or auto-labels are made anew."""
        kinds = ("segments", "autolabels")
        first, second = (self._modified(self.project.table_path(kind, granule, beam)) for kind in kinds)
        return first, second

    def prediction(self, granule: str, beam: str) -> str:
        """The newest run that classified the beam's present segments; empty when there is none.

        One whose table cannot be read is not passed over, so that whoever reads it tells.
        """
        owner = self.project.table_path("segments", granule, beam)
        paths = {run: self.project.table_path("predictions", granule, beam, run)
                 for run in reversed(self.project.runs("predictions"))}  # fmt: skip
        made = tuple((run, self._modified(path)) for run, path in paths.items())

        def find() -> str:
            segments = tables.read_stamp(owner)
            for run, path in paths.items():
                stamp = tables.read_stamp(path)
                foreign = stamp and segments and stamp.inputs.get("segments") != segments.fingerprint
                if path.exists() and not foreign:
                    return run
            return ""

        found: str = self.kept(("prediction", made), owner, find)
        return found

    def zones_version(self, granule: str, beam: str) -> tuple[Any, ...]:
        """Changes when what the beam's zones follow from does."""
        from processing.stages import Review

        run = self.prediction(granule, beam)
        path = self.project.table_path("predictions", granule, beam, run) if run else self.root / "predictions"
        weights = self.project.stage(Review).values_dict()
        return (*self.labels_version(granule, beam), str(path), self._modified(path), tuple(weights.items()))

    def zones(self, granule: str, beam: str) -> list[Zone]:
        """Zones of a beam that are worth a look, in along-track order."""
        from processing.local.zones import track_zones
        from processing.stages import Review

        path = self.project.table_path("segments", granule, beam)
        found: list[Zone] = self.kept(
            ("zones", self.zones_version(granule, beam)),
            path,
            lambda: track_zones(self.project, granule, beam, self.project.stage(Review)),
        )
        return found

    def sea_inputs(self, granule: str, beam: str, height: str) -> dict[str, NDArray[Any]]:
        """What sea level is found from, row for row with the Track: ``height`` (m, the ``median`` or ``mean`` as
        asked), ``height_std`` (m), ``photon_count``, ``photon_rate`` (photons a shot) and ``quality`` (u4).
        """
        path = self.project.table_path("segments", granule, beam)
        names = (f"height_{height}", "height_std", "photon_count", "photon_rate", "quality")

        def read() -> dict[str, NDArray[Any]]:
            table = tables.read(path, SEGMENT, names, command=self.command("resample"))
            return dict(zip(("height", *names[1:]), (table[name].to_numpy() for name in names), strict=True))

        found: dict[str, NDArray[Any]] = self.kept(("sea inputs", height), path, read)
        return found

    def classes(self, granule: str, beam: str, source: ClassSource) -> NDArray[np.int8]:
        """Class codes row for row with the Track; -1 where the source has none."""
        path = self.project.table_path(source.kind, granule, beam, source.run)
        track = self.track(granule, beam)
        owner = self.project.table_path("segments", granule, beam)
        key = ("classes", source.key, self._modified(owner))
        return self.kept(key, path, lambda: self._read_classes(path, source, track))

    def label_facts(self, granule: str, beam: str) -> dict[str, NDArray[Any]]:
        """``auto_flags``, drift and time offset, row for row with the Track; empty when there are no auto-labels."""
        path = self.project.table_path("autolabels", granule, beam)
        if not path.exists():
            return {}
        track = self.track(granule, beam)
        owner = self.project.table_path("segments", granule, beam)
        return self.kept(("facts", self._modified(owner)), path, lambda: read_facts(path, track))

    def model_facts(self, granule: str, beam: str, run: str) -> dict[str, NDArray[Any]]:
        """``predicted`` (i1) and ``entropy`` (f4, 0 where a model is sure, 1 where it knows nothing) of a prediction,
        row for row with the Track; -1 and NaN where it has none.
        """
        path = self.project.table_path("predictions", granule, beam, run)
        track = self.track(granule, beam)
        owner = self.project.table_path("segments", granule, beam)
        return self.kept(("model", self._modified(owner)), path, lambda: read_model(path, track))

    def freeboard_runs(self, granule: str, beam: str) -> list[str]:
        """Freeboard runs that have this beam, newest first."""
        project = self.project
        runs = reversed(project.runs("freeboard"))
        return [run for run in runs if project.table_path("freeboard", granule, beam, run).exists()]

    def sea_level(self, granule: str, beam: str, run: str) -> SeaLevel:
        """Sea surfaces and freeboard of a run, row for row with the Track."""
        path = self.project.table_path("freeboard", granule, beam, run)
        track = self.track(granule, beam)
        owner = self.project.table_path("segments", granule, beam)
        return self.kept(("sea", self._modified(owner)), path, lambda: self._read_sea_level(path, run, track))

    def companion(self, granule: str, beam: str) -> Companion | None:
        """ATL10 among the project's references with the granule's ground track and cycle; None when there is none."""
        for item in references_of(self.project, granule, ("atl10",)):
            return self.kept(("atl10", beam), item.path, partial(read_companion, item, beam))
        return None

    def line(self, granule: str, beam: str, crs: str | pyproj.CRS, step: float = _KNOT) -> MapLine:
        """The beam as a polyline in a map projection, from its segments or else from its photons."""
        path = self.project.table_path("segments", granule, beam)
        code = crs if isinstance(crs, str) else crs.to_string()
        if path.exists():
            return self.kept(("line", code, step), path, lambda: self._segment_line(granule, beam, crs, step))
        record = self.record("granules", granule)
        return self.kept(("line", code, beam, step), record, lambda: self._photon_line(granule, beam, crs))

    def times(self, granule: str, beam: str) -> tuple[np.datetime64, np.datetime64]:
        """UTC of the beam's first and last segment, or of its photons before there are segments."""
        path = self.project.table_path("segments", granule, beam)
        if path.exists():
            return self.kept("times", path, lambda: first_and_last_time(path))
        return self.kept(("times", beam), self.record("granules", granule), lambda: self._photon_times(granule, beam))

    def beams(self, granule: str) -> dict[str, bool | None]:
        """The beams with photons, and whether each is a strong one; None where the file does not tell."""

        def look() -> dict[str, bool | None]:
            source = self.photon_source(granule)
            return {name: source.is_strong(name) for name in source.beams}

        found: dict[str, bool | None] = self.kept("beams", self.record("granules", granule), look)
        return found

    def record(self, category: str, ident: str) -> Path:
        """The file that says what an input is; it is written anew when the input is added again."""
        return self.project.root / "inputs" / category / f"{ident}.json"

    def version(self, category: str, ident: str) -> int:
        """Changes when an input is added again; 0 when there is none."""
        return self._modified(self.record(category, ident))

    def scene(self, ident: str) -> Scene:
        """A scene, open; those used last stay so, the others close when nobody reads them any more."""
        from processing.io.sentinel2 import open_scene

        key = (ident, self.version("scenes", ident))
        return self._scenes.get(key, lambda: open_scene(self.project.input("scenes", ident)))

    def photon_source(self, granule: str) -> PhotonSource:
        """A granule's photons, open; those used last stay so, the others close when nobody reads them any more."""
        from processing.io.photons import open_photons

        item = self.project.input("granules", granule)
        kept = self._photon_tables if item.kind == "photon_table" else self._granules
        return kept.get((granule, self.version("granules", granule)), lambda: open_photons(item))

    def photons(self, granule: str, beam: str, start: float, end: float) -> list[PhotonWindow]:
        """Photons of the cells of 2 km that [start, end] touches; cells are kept, so that a pan reads only new ones."""
        first, last = int(np.floor(start / _PHOTON_CELL)), int(np.floor(end / _PHOTON_CELL))
        source = self.photon_source(granule)
        stage = self.project.stage(Resample)
        made = (self.version("granules", granule), str(stage.values_dict()))

        def read(cell: int) -> PhotonWindow:
            with self._photon_lock:
                return source.window(beam, cell * _PHOTON_CELL, (cell + 1) * _PHOTON_CELL, stage)

        cells = range(first, last + 1)
        return [self._cells.get((granule, beam, cell, made), lambda cell=cell: read(cell)) for cell in cells]  # type: ignore[misc]

    def kept(self, name: Any, path: Path, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, kept by ``name`` until the file it comes from changes."""
        return self._tracks.get((name, str(path), self._modified(path)), make)

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Ask the disk but once for each file while a change is drawn on this thread."""
        if getattr(self._seen, "files", None) is not None:
            yield
            return
        self._seen.files = {}
        try:
            yield
        finally:
            self._seen.files = None

    def modified(self, path: Path) -> int:
        """When a file was last written, ns; 0 when it is not there."""
        return self._modified(path)

    def _modified(self, path: Path) -> int:
        seen: dict[Path, int] | None = getattr(self._seen, "files", None)
        if seen is None:
            return _modified(path)
        if path not in seen:
            seen[path] = _modified(path)
        return seen[path]

    def _read_track(self, path: Path, granule: str, beam: str) -> Track:
        table = tables.read(path, SEGMENT, _SEGMENT_COLUMNS, command=self.command("resample"))
        if table.num_rows == 0:
            raise MissingError(f"{granule} {beam} has no segments", where=path, mend="choose another beam")
        return Track(granule, beam, *(table[name].to_numpy() for name in _SEGMENT_COLUMNS))

    def _read_classes(self, path: Path, source: ClassSource, track: Track) -> NDArray[np.int8]:
        table = tables.read(path, source.schema, ("segment", source.column))
        match = align(path, track, table["segment"].to_numpy(), may_have_more=source.key == "truth")
        return match.spread(table[source.column].to_numpy(), len(track), SurfaceClass.UNLABELLED)

    def _read_sea_level(self, path: Path, run: str, track: Track) -> SeaLevel:
        names = [name for name in FREEBOARD.names if name not in ("granule_id", "beam")]
        table = tables.read(path, FREEBOARD, names, command=self.command("freeboard"))
        match = align(path, track, table["segment"].to_numpy())
        stamp = tables.read_stamp(path)
        estimator = str(stamp.parameters.get("estimator", "robust")) if stamp else "robust"

        def column(name: str, fill: float) -> Any:
            return match.spread(table[name].to_numpy(), len(track), fill)

        surfaces = {name: column(f"sea_surface_{name}", np.nan) for name in SURFACES}
        return SeaLevel(
            run,
            estimator,
            surfaces,
            column("sea_surface_sigma", np.nan),
            column("sea_surface_source", 0),
            column("freeboard", np.nan),
            column("freeboard_sigma", np.nan),
            column("lead_id", -1),
        )

    def _segment_line(self, granule: str, beam: str, crs: str | pyproj.CRS, step: float) -> MapLine:
        path = self.project.table_path("segments", granule, beam)
        table = tables.read(path, SEGMENT, ("x_atc", "lat", "lon"), command=self.command("resample"))
        x_atc, lat, lon = (table[name].to_numpy() for name in ("x_atc", "lat", "lon"))
        rows = knots(x_atc, step, GAP)
        return project_line(x_atc[rows], lon[rows], lat[rows], crs)

    def _photon_times(self, granule: str, beam: str) -> tuple[np.datetime64, np.datetime64]:
        found = self.photon_source(granule).track(beam).time
        good = found[~np.isnat(found)]
        return (good[0], good[-1]) if len(good) else (np.datetime64("NaT"), np.datetime64("NaT"))

    def _photon_line(self, granule: str, beam: str, crs: str | pyproj.CRS) -> MapLine:
        found = self.photon_source(granule).track(beam)
        good = np.isfinite(found.lat)
        return project_line(found.x_atc[good], found.lon[good], found.lat[good], crs)

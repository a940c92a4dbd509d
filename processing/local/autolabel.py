"""The autolabel stage on this machine: scenes' labels carried to the segments of each granule.

What is done with a granule, in which order, stands here once. Its three heavy steps are those of :class:`Steps`: done
in this process here, and spread over a cluster in :mod:`processing.spark.autolabel`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.transfer import Carried, Pixels, carry
from processing.errors import LeadlineError
from processing.io import tables
from processing.io.atomic import sweep
from processing.io.figures import figures_path, keep_figures
from processing.io.scene_labels import Figures, LabelTile, label_tiles
from processing.io.sentinel2 import Scene, open_scene
from processing.local.drift import BeamSignals, Drift, drift_path, find_drift, keep, kept_drift, set_by_hand
from processing.local.failures import collected, raise_first
from processing.local.label_plan import Granule, plan
from processing.local.meetings import Meeting, seconds_between
from processing.progress import LOOKING, progress_bar, waiting
from processing.project import Input, Project
from processing.provenance import digest
from processing.schema import LABEL, SEGMENT, AutoFlag, SurfaceClass
from processing.stages import Autolabel

log = logging.getLogger(__name__)

_SIGNALS = (
    "x_atc",
    "time",
    "lat",
    "lon",
    "background_rate",
    "height_median",
    "height_std",
    "photon_rate",
    "photon_count",
)
_BANDS = ("b02", "b03", "b04", "b08", "b11")
_ROWS_AT_ONCE = 32 * tables.ROW_GROUP

Tell = Callable[[float, str], None]
"""Told how many segments more are done, and on what the work goes on."""


@dataclass(frozen=True)
class Batch:
    """What one scene gave to some rows of one beam.

    Attributes
    ----------
    rows : (n,) i8 of the beam's SEGMENT table. carried : of these rows, filled in place.
    time_offset : (n,) f8 s, scene minus track. drift : what was undone.
    """

    rows: npt.NDArray[np.int64]
    carried: Carried
    scene: str
    time_offset: npt.NDArray[np.float64]
    drift: Drift

    def labelled(self) -> Batch:
        """The rows alone that have a label."""
        at = np.flatnonzero(self.carried.label != SurfaceClass.UNLABELLED)
        return replace(self, rows=self.rows[at], carried=self.carried.at(at), time_offset=self.time_offset[at])


@dataclass(frozen=True)
class Placed:
    """A batch and where its segments lie: (n,) f8 m in the scene's CRS, drift added."""

    batch: Batch
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


class Steps(Protocol):
    """The heavy steps of labelling one granule. Each raises LeadlineError when its inputs cannot be used."""

    def find_drift(self, item: Input, scene: Scene, beams: Sequence[BeamSignals]) -> Drift:
        """As :func:`processing.local.drift.find_drift`; ``scene`` is ``item`` opened."""

    def carry(self, item: Input, scene: Scene, placed: Sequence[Placed]) -> Figures | None:
        """Label the scene along all batches at once and give every segment its pixel.

        Returns what the labels rest on, None when no segment comes near the scene.
        """

    def write(self, batches: Mapping[str, Sequence[Batch]]) -> None:
        """Write the table of each beam, as :func:`write_table`."""


class OneProcess:
    """Steps done here, one after the other; ``tell`` hears of them."""

    def __init__(self, project: Project, stage: Autolabel, granule: Granule, tell: Tell) -> None:
        self.project, self.stage, self.granule, self.tell = project, stage, granule, tell

    def find_drift(self, item: Input, scene: Scene, beams: Sequence[BeamSignals]) -> Drift:
        self.tell(0, f"drift of {self.granule.ident} in {item.ident}")
        return find_drift(scene, beams, self.stage)

    def carry(self, item: Input, scene: Scene, placed: Sequence[Placed]) -> Figures | None:
        name = item.ident
        places = [(each.batch, *scene.index(each.x, each.y)) for each in placed]
        x, y = (np.concatenate([getattr(each, axis) for each in placed]) for axis in ("x", "y"))
        figures: list[Figures] = []

        def look(seen: int, tiles: int) -> None:
            self.tell(0, f"first look, {seen} of {tiles} tiles of {name}")

        for tile in label_tiles(scene, x, y, self.stage, figures.append, look):
            pixels = pixels_of(tile)
            count = sum(carry(batch.carried, row, col, pixels, self.stage.transition) for batch, row, col in places)
            self.tell(count, f"labels from {name}")
        return figures[0] if figures else None

    def write(self, batches: Mapping[str, Sequence[Batch]]) -> None:
        for beam, given in batches.items():
            rows = write_table(self.project, self.granule, beam, given)
            self.tell(rows - sum(len(batch.rows) for batch in given), f"{self.granule.ident} {beam}")


def autolabel(project: Project, stage: Autolabel, granules: Sequence[str] | None = None) -> None:
    """Write ``autolabels/granule=G/beam=B`` for every beam whose table is missing or no longer follows from its inputs.

    Each segment takes its label from the scene nearest in time that shows it, after the ice drift was undone; the drift
    and its correlation surface are kept in ``autolabels/drift``. A drift that an analyst set by hand wins over the
    estimate. ``granules`` limits the work to these identifiers. A scene or a granule that cannot be used does not keep
    the others from being done; its error is raised at the end.
    Raises MissingError without segments or scenes, InputError when no track meets any scene.
    """
    failures: list[LeadlineError] = []
    with waiting(LOOKING):
        sweep(project.root / "autolabels")
        todo = plan(project, stage, granules, failures)
    if todo:
        with progress_bar("autolabel", sum(granule.count for granule in todo), "segments", parts_of(todo)) as bar:
            for granule in todo:
                with collected(failures, granule.ident):
                    steps = OneProcess(project, stage, granule, partial(bar.advance, part=granule.ident))
                    tell_silent(granule, label_granule(project, stage, granule, steps))
    elif not failures:
        log.info("auto-labels are current")
    raise_first(failures)


def parts_of(granules: Iterable[Granule]) -> dict[str, float]:
    """Segments of each granule."""
    return {granule.ident: float(granule.count) for granule in granules}


def label_granule(project: Project, stage: Autolabel, granule: Granule, steps: Steps) -> list[str]:
    """Label one granule and write its tables; returns the scenes that showed nothing under it."""
    open_rows = {beam: np.ones(count, bool) for beam, count in granule.segments.items()}
    batches: dict[str, list[Batch]] = {beam: [] for beam in granule.segments}
    silent = []
    for meeting in granule.meetings:
        with open_scene(meeting.scene) as scene:
            found = _from_scene(project, stage, granule, meeting, scene, open_rows, steps)
        for beam, batch in found.items():
            open_rows[beam][batch.rows] = False
            batches[beam].append(batch)
        if not any(len(batch.rows) for batch in found.values()):
            silent.append(meeting.scene.ident)
    _forget(project, granule, stage)
    steps.write(batches)
    return silent


def tell_silent(granule: Granule, scenes: Sequence[str]) -> None:
    """Warn of scenes that showed nothing under a granule."""
    for scene in scenes:
        log.warning("scene %s shows nothing under granule %s", scene, granule.ident)


def pixels_of(tile: LabelTile) -> Pixels:
    """A tile as :func:`processing.core.transfer.carry` takes it."""
    return Pixels(tile.window, tile.classes, tile.flags, tile.boundary_distance, tile.reflectance)


def write_table(project: Project, granule: Granule, beam: str, batches: Sequence[Batch]) -> int:
    """Write the LABEL table of one beam from what its scenes gave, nearest in time first; returns its rows."""
    path = project.table_path("autolabels", granule.ident, beam)
    return tables.write(path, LABEL, _label_tables(project, granule, beam, batches), granule.stamps[beam])


def _from_scene(
    project: Project,
    stage: Autolabel,
    granule: Granule,
    meeting: Meeting,
    scene: Scene,
    open_rows: Mapping[str, npt.NDArray[np.bool_]],
    steps: Steps,
) -> dict[str, Batch]:
    """A scene's labels of the segments that have none yet, by beam."""
    met = {beam: rows for beam, rows in meeting.rows.items() if len(rows)}
    loaded = {beam: _load(project, granule.ident, beam, rows, scene) for beam, rows in met.items()}
    signals = {beam: signals for beam, (signals, _) in loaded.items()}
    drift = _drift(project, stage, granule, meeting, scene, signals, steps)
    placed = {}
    for beam, (_, time) in loaded.items():
        free = open_rows[beam][met[beam]]
        rows, offset = met[beam][free], seconds_between(scene.time, time[free])
        batch = Batch(rows, Carried.outside(len(rows)), scene.scene_id, offset, drift)
        placed[beam] = Placed(batch, signals[beam].x[free] + drift.x, signals[beam].y[free] + drift.y)
    left = any(len(each.x) for each in placed.values())
    figures = steps.carry(meeting.scene, scene, list(placed.values())) if left else None
    keep_figures(figures_path(project, granule.ident, scene.scene_id), figures, stage)
    if drift.unsure:
        for each in placed.values():
            each.batch.carried.flags[:] |= np.uint32(AutoFlag.DRIFT_UNSURE)
    return {beam: each.batch.labelled() for beam, each in placed.items()}


def _drift(
    project: Project,
    stage: Autolabel,
    granule: Granule,
    meeting: Meeting,
    scene: Scene,
    signals: Mapping[str, BeamSignals],
    steps: Steps,
) -> Drift:
    """The drift to undo, kept for the page. An estimate that rests on the same as the one kept is not made again."""
    path = drift_path(project, granule.ident, scene.scene_id)
    segments = {beam: stamp.inputs["segments"] for beam, stamp in granule.stamps.items()}
    basis = digest([segments, meeting.scene.fingerprint, stage.max_time_offset, stage.drift_reach])
    drift = kept_drift(path, basis, stage) or steps.find_drift(meeting.scene, scene, list(signals.values()))
    if scene.scene_id in granule.shifts:
        drift = set_by_hand(drift, granule.shifts[scene.scene_id])
    facts = {"granule_id": granule.ident, "scene_id": scene.scene_id, "time_offset": meeting.offset, "basis": basis}
    keep(path, drift, {**facts, "beams": sorted(signals)})
    return drift


def _load(
    project: Project, granule: str, beam: str, rows: npt.NDArray[np.int64], scene: Scene
) -> tuple[BeamSignals, npt.NDArray[np.datetime64]]:
    """Signals and times of some rows of a beam."""
    path = project.table_path("segments", granule, beam)
    first, stop, command = int(rows[0]), int(rows[-1]) + 1, f"leadline resample {project.root}"
    table = tables.read_rows(path, SEGMENT, _SIGNALS, first, stop, command).take(pa.array(rows - first))
    value = {name: table[name].to_numpy().astype(np.float64) for name in _SIGNALS if name != "time"}
    x, y = scene.project(value["lon"], value["lat"])
    signals = BeamSignals(
        beam=beam,
        x_atc=value["x_atc"],
        x=x,
        y=y,
        background_rate=value["background_rate"],
        height=value["height_median"],
        height_std=value["height_std"],
        photon_rate=value["photon_rate"],
        photon_count=value["photon_count"],
    )
    return signals, table["time"].to_numpy().astype("datetime64[ns]")


def _forget(project: Project, granule: Granule, stage: Autolabel) -> None:
    """Remove drifts and figures of scenes that an earlier run had and this one did not."""
    scenes = [meeting.scene.ident for meeting in granule.meetings]
    estimated = scenes if stage.drift and stage.drift_reach else []
    for path_of, kept in ((drift_path, estimated), (figures_path, scenes)):
        stems = {path_of(project, granule.ident, scene).stem for scene in kept}
        folder = path_of(project, granule.ident, "").parent
        for file in folder.glob("scene=*") if folder.is_dir() else ():
            if file.stem not in stems:
                file.unlink()


def _label_tables(project: Project, granule: Granule, beam: str, batches: Sequence[Batch]) -> Iterator[pa.Table]:
    """LABEL tables of one beam, some rows at a time."""
    path = project.table_path("segments", granule.ident, beam)
    for start in range(0, max(granule.segments[beam], 1), _ROWS_AT_ONCE):
        part = tables.read_rows(path, SEGMENT, ["segment"], start, start + _ROWS_AT_ONCE)["segment"]
        columns = _columns(batches, start, len(part))
        yield LABEL.build({"granule_id": granule.ident, "beam": beam, "segment": part, **columns})


def _columns(batches: Sequence[Batch], start: int, count: int) -> dict[str, object]:
    """Columns of rows ``start`` to ``start + count`` from what each scene labelled."""
    whole = Carried.outside(count)
    scene = np.zeros(count, np.int32)
    names = ["", *dict.fromkeys(batch.scene for batch in batches)]
    numbers = {name: np.full(count, np.nan, np.float32) for name in ("time_offset", "drift_confidence")}
    numbers |= {name: np.zeros(count, np.float32) for name in ("drift_x", "drift_y")}
    for batch in batches:
        mine = np.flatnonzero((batch.rows >= start) & (batch.rows < start + count))
        at = batch.rows[mine] - start
        whole.put(at, batch.carried.at(mine))
        scene[at] = names.index(batch.scene)
        numbers["time_offset"][at] = batch.time_offset[mine]
        numbers["drift_x"][at], numbers["drift_y"][at] = batch.drift.x, batch.drift.y
        numbers["drift_confidence"][at] = batch.drift.confidence
    return {
        "label_auto": whole.label,
        "auto_flags": whole.flags,
        **dict(zip(_BANDS, whole.reflectance, strict=True)),
        "boundary_distance": whole.boundary_distance,
        "scene_id": pa.DictionaryArray.from_arrays(pa.array(scene), pa.array(names, pa.string())),
        **numbers,
    }

"""The autolabel stage on this machine: scenes' labels carried to the segments of each granule."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.transfer import Carried, Pixels, carry
from processing.errors import InputError, MissingError
from processing.io import tables
from processing.io.atomic import sweep
from processing.io.figures import figures_path, keep_figures
from processing.io.scene_labels import Figures, label_tiles
from processing.io.sentinel2 import Scene, open_scene
from processing.local.drift import BeamSignals, Drift, drift_path, find_drift, keep, kept_drift, set_by_hand
from processing.local.meetings import Frame, Meeting, Miss, courses, frame, meet, nearest_miss, seconds_between
from processing.local.shifts import Shift, shift_inputs, shifts_by_hand
from processing.progress import Bar, progress_bar
from processing.project import Project
from processing.provenance import Stamp, digest
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


@dataclass(frozen=True)
class _Granule:
    """A granule with its beams' number of segments, the scenes it meets and the provenance of each beam's table.

    ``shifts`` are the drifts set by hand, by scene.
    """

    ident: str
    segments: Mapping[str, int]
    meetings: Sequence[Meeting]
    stamps: Mapping[str, Stamp]
    shifts: Mapping[str, Shift]


@dataclass(frozen=True)
class _Batch:
    """What one scene gave to some rows of one beam."""

    rows: npt.NDArray[np.int64]
    carried: Carried
    scene: str
    time_offset: npt.NDArray[np.float64]
    drift: Drift


@dataclass
class _Beam:
    """One beam while its granule is worked on: its rows without a label yet, and what scenes gave so far."""

    open_rows: npt.NDArray[np.bool_]
    batches: list[_Batch] = field(default_factory=list)


def autolabel(project: Project, stage: Autolabel, granules: Sequence[str] | None = None) -> None:
    """Write ``autolabels/granule=G/beam=B`` for every beam whose table is missing or no longer follows from its inputs.

    Each segment takes its label from the scene nearest in time that shows it, after the ice drift was undone; the drift
    and its correlation surface are kept in ``autolabels/drift``. A drift that an analyst set by hand wins over the
    estimate. ``granules`` limits the work to these identifiers.
    Raises MissingError without segments or scenes, InputError when no track meets any scene.
    """
    beams = _beams(project, granules)
    frames = [frame(item) for item in project.inputs("scenes")]
    if not frames:
        raise MissingError(
            "the project has no scene yet", where=project.root, mend=f"run: leadline add {project.root} SCENE"
        )
    sweep(project.root / "autolabels")
    met = _meet_all(project, stage, beams, frames, alone=granules is not None)
    todo = [granule for granule in met if not _is_current(project, granule)]
    if not todo:
        log.info("auto-labels are current")
        return
    with progress_bar("autolabel", sum(sum(granule.segments.values()) for granule in todo), "segments") as bar:
        for granule in todo:
            _label_granule(project, stage, granule, bar)


def _beams(project: Project, granules: Sequence[str] | None) -> dict[str, list[str]]:
    """Beams that have segments, by granule."""
    found: dict[str, list[str]] = {}
    for granule, beam in project.tracks("segments"):
        if not granules or granule in granules:
            found.setdefault(granule, []).append(beam)
    lacking = sorted(set(granules or ()) - set(found))
    if lacking or not found:
        what = f"granule {lacking[0]} has no segments" if lacking else "there are no segments yet"
        raise MissingError(what, where=project.root, mend=f"run: leadline resample {project.root}")
    return found


def _meet_all(
    project: Project, stage: Autolabel, beams: Mapping[str, list[str]], frames: Sequence[Frame], *, alone: bool
) -> list[_Granule]:
    """Every granule with the scenes it meets; says which scenes and granules stay alone."""
    most, by_hand = stage.max_time_offset * 3600.0, shifts_by_hand(project)
    found, misses = [], []
    for ident, names in beams.items():
        lines = courses(project, ident, names)
        meetings, missed = meet(ident, lines, frames, most)
        misses += missed
        segments = {line.beam: len(line.lon) for line in lines}
        scenes = [meeting.scene.ident for meeting in meetings]
        shifts = {scene: by_hand[ident, scene] for scene in scenes if (ident, scene) in by_hand}
        stamps = _stamps(project, stage, ident, names, meetings, shift_inputs(by_hand, ident, scenes))
        found.append(_Granule(ident, segments, meetings, stamps, shifts))
    if not any(granule.meetings for granule in found):
        mend = "add a scene of the same place within max_time_offset of the track"
        raise InputError(f"no track meets a scene: {nearest_miss(misses, most)}", where=project.root, mend=mend)
    if not alone:
        _tell_alone(found, frames, misses, most)
    return found


def _tell_alone(found: Sequence[_Granule], frames: Sequence[Frame], misses: Sequence[Miss], most: float) -> None:
    met = {meeting.scene.ident for granule in found for meeting in granule.meetings}
    for candidate in frames:
        if candidate.item.ident not in met:
            mine = [miss for miss in misses if miss.scene == candidate.item.ident]
            log.warning("scene %s misses every track: %s", candidate.item.ident, nearest_miss(mine, most))
    for granule in found:
        if not granule.meetings:
            mine = [miss for miss in misses if miss.granule == granule.ident]
            log.warning("granule %s stays unlabelled: %s", granule.ident, nearest_miss(mine, most))


def _stamps(
    project: Project,
    stage: Autolabel,
    granule: str,
    beams: Sequence[str],
    meetings: Sequence[Meeting],
    shifts: Mapping[str, str],
) -> dict[str, Stamp]:
    """Provenance of each beam's labels: its own segments, the others' (they share the drift), scenes and shifts."""
    tracks = {beam: tables.read_stamp(project.table_path("segments", granule, beam)) for beam in beams}
    prints = {beam: stamp.fingerprint if stamp else "" for beam, stamp in tracks.items()}
    scenes = {f"scene:{meeting.scene.ident}": meeting.scene.fingerprint for meeting in meetings}
    found = {}
    for beam in beams:
        others = {f"segments:{other}": prints[other] for other in beams if other != beam}
        found[beam] = Stamp(stage.key, stage.values_dict(), {"segments": prints[beam]} | others | scenes | dict(shifts))
    return found


def _is_current(project: Project, granule: _Granule) -> bool:
    paths = {beam: project.table_path("autolabels", granule.ident, beam) for beam in granule.segments}
    figures = [figures_path(project, granule.ident, meeting.scene.ident) for meeting in granule.meetings]
    current = (tables.is_current(path, granule.stamps[beam]) for beam, path in paths.items())
    return all(path.exists() for path in figures) and all(current)


def _label_granule(project: Project, stage: Autolabel, granule: _Granule, bar: Bar) -> None:
    beams = {beam: _Beam(np.ones(count, bool)) for beam, count in granule.segments.items()}
    for meeting in granule.meetings:
        with open_scene(meeting.scene) as scene:
            done = _from_scene(project, stage, granule, meeting, scene, beams, bar)
        if not done:
            log.warning("scene %s shows nothing under granule %s", meeting.scene.ident, granule.ident)
    _forget(project, granule, stage)
    for beam, work in beams.items():
        path = project.table_path("autolabels", granule.ident, beam)
        tables.write(path, LABEL, _label_tables(project, granule, beam, work), granule.stamps[beam])
        bar.advance(int(work.open_rows.sum()), f"{granule.ident} {beam}")


def _from_scene(
    project: Project,
    stage: Autolabel,
    granule: _Granule,
    meeting: Meeting,
    scene: Scene,
    beams: Mapping[str, _Beam],
    bar: Bar,
) -> int:
    """Carry a scene's labels to the segments that have none yet; returns how many it gave."""
    bar.advance(0, f"drift of {granule.ident} in {scene.scene_id}")
    loaded = {
        beam: _load(project, granule.ident, beam, rows, scene) for beam, rows in meeting.rows.items() if len(rows)
    }
    drift = _drift(project, stage, granule, meeting, scene, {beam: signals for beam, (signals, _) in loaded.items()})
    batches = []
    for beam, (signals, time) in loaded.items():
        free = beams[beam].open_rows[meeting.rows[beam]]
        rows = meeting.rows[beam][free]
        offset = seconds_between(scene.time, time[free])
        batch = _Batch(rows, Carried.outside(len(rows)), scene.scene_id, offset, drift)
        beams[beam].batches.append(batch)
        batches.append((batch, signals.x[free] + drift.x, signals.y[free] + drift.y))
    figures: list[Figures] = []
    done = _carry_all(stage, scene, batches, bar, figures)
    keep_figures(figures_path(project, granule.ident, scene.scene_id), figures[0] if figures else None, stage)
    for beam in loaded:
        batch = beams[beam].batches[-1]
        beams[beam].open_rows[batch.rows[batch.carried.label != SurfaceClass.UNLABELLED]] = False
    return done


def _drift(
    project: Project,
    stage: Autolabel,
    granule: _Granule,
    meeting: Meeting,
    scene: Scene,
    signals: Mapping[str, BeamSignals],
) -> Drift:
    """The drift to undo, kept for the page. An estimate that rests on the same as the one kept is not made again."""
    path = drift_path(project, granule.ident, scene.scene_id)
    segments = {beam: stamp.inputs["segments"] for beam, stamp in granule.stamps.items()}
    basis = digest([segments, meeting.scene.fingerprint, stage.max_time_offset, stage.drift_reach])
    drift = kept_drift(path, basis, stage) or find_drift(scene, list(signals.values()), stage)
    if scene.scene_id in granule.shifts:
        drift = set_by_hand(drift, granule.shifts[scene.scene_id])
    facts = {"granule_id": granule.ident, "scene_id": scene.scene_id, "time_offset": meeting.offset, "basis": basis}
    keep(path, drift, {**facts, "beams": sorted(signals)})
    return drift


def _carry_all(
    stage: Autolabel,
    scene: Scene,
    batches: Sequence[tuple[_Batch, npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    bar: Bar,
    figures: list[Figures],
) -> int:
    """Label the scene along all batches at once and give every segment its pixel; what it rests on goes to ``figures``.

    Returns how many segments were labelled.
    """
    if not any(len(batch.rows) for batch, _, _ in batches):
        return 0
    places = [(batch, *scene.index(x, y)) for batch, x, y in batches]
    x, y = (np.concatenate([entry[axis] for entry in batches]) for axis in (1, 2))
    done = 0

    def look(seen: int, tiles: int) -> None:
        bar.advance(0, f"first look, {seen} of {tiles} tiles of {scene.scene_id}")

    for tile in label_tiles(scene, x, y, stage, figures.append, look):
        pixels = Pixels(tile.window, tile.classes, tile.flags, tile.boundary_distance, tile.reflectance)
        count = sum(carry(batch.carried, row, col, pixels, stage.transition) for batch, row, col in places)
        done += count
        bar.advance(count, f"labels from {scene.scene_id}")
    if any(batch.drift.unsure for batch, _, _ in batches):
        for batch, _, _ in batches:
            batch.carried.flags[:] |= np.uint32(AutoFlag.DRIFT_UNSURE)
    return done


def _load(
    project: Project, granule: str, beam: str, rows: npt.NDArray[np.int64], scene: Scene
) -> tuple[BeamSignals, npt.NDArray[np.datetime64]]:
    """Signals and times of some rows of a beam."""
    path = project.table_path("segments", granule, beam)
    table = tables.read(path, SEGMENT, _SIGNALS, command=f"leadline resample {project.root}").take(pa.array(rows))
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


def _forget(project: Project, granule: _Granule, stage: Autolabel) -> None:
    """Remove drifts and figures of scenes that an earlier run had and this one did not."""
    scenes = [meeting.scene.ident for meeting in granule.meetings]
    estimated = scenes if stage.drift and stage.drift_reach else []
    for path_of, kept in ((drift_path, estimated), (figures_path, scenes)):
        stems = {path_of(project, granule.ident, scene).stem for scene in kept}
        folder = path_of(project, granule.ident, "").parent
        for file in folder.glob("scene=*") if folder.is_dir() else ():
            if file.stem not in stems:
                file.unlink()


def _label_tables(project: Project, granule: _Granule, beam: str, work: _Beam) -> Iterator[pa.Table]:
    """LABEL tables of one beam, some rows at a time."""
    segment = tables.read(project.table_path("segments", granule.ident, beam), SEGMENT, ["segment"])["segment"]
    for start in range(0, max(len(segment), 1), _ROWS_AT_ONCE):
        part = segment.slice(start, _ROWS_AT_ONCE)
        columns = _columns(work.batches, start, len(part))
        yield LABEL.build({"granule_id": granule.ident, "beam": beam, "segment": part, **columns})


def _columns(batches: Sequence[_Batch], start: int, count: int) -> dict[str, object]:
    """Columns of rows ``start`` to ``start + count``, later scenes filling only what earlier ones left."""
    whole = Carried.outside(count)
    scene = np.zeros(count, np.int32)
    names = ["", *dict.fromkeys(batch.scene for batch in batches)]
    numbers = {name: np.full(count, np.nan, np.float32) for name in ("time_offset", "drift_confidence")}
    numbers |= {name: np.zeros(count, np.float32) for name in ("drift_x", "drift_y")}
    for batch in batches:
        labelled = batch.carried.label != SurfaceClass.UNLABELLED
        mine = np.flatnonzero(labelled & (batch.rows >= start) & (batch.rows < start + count))
        at = batch.rows[mine] - start
        whole.label[at] = batch.carried.label[mine]
        whole.flags[at] = batch.carried.flags[mine]
        whole.reflectance[:, at] = batch.carried.reflectance[:, mine]
        whole.boundary_distance[at] = batch.carried.boundary_distance[mine]
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

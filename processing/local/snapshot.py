"""Freeze the current labels of a project: auto-labels with the active label events painted over."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from processing.core.painting import NO_EVENT, paint
from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import aside_folder, sweep
from processing.labels import Event, LabelLog, as_strokes, events_fingerprint, read_log
from processing.local.outdated import by_granule
from processing.progress import LOOKING, Bar, progress_bar, waiting
from processing.project import Project
from processing.provenance import Stamp, digest
from processing.schema import LABEL, SCHEMA_VERSION, SEGMENT, SNAPSHOT, AutoFlag, LabelSource, SurfaceClass
from processing.stages import Snapshot

_LOG = logging.getLogger(__name__)
_KIND = "snapshots"
_MANIFEST = "manifest.json"

Track = tuple[str, str]


@dataclass(frozen=True)
class Frozen:
    """A snapshot that stands for the current labels: its name, and whether it was made just now."""

    name: str
    is_new: bool


@dataclass(frozen=True)
class Sources:
    """What the labels of one track follow from.

    Attributes
    ----------
    segments, autolabels : tables; None for ``autolabels`` where the track has events alone.
    stamps : fingerprint of either by its kind.
    events : the active painting events in force, in the order they are painted.
    """

    track: Track
    segments: Path
    autolabels: Path | None
    stamps: dict[str, str]
    events: tuple[Event, ...]

    @property
    def fingerprint(self) -> str:
        painted = [[event.id, event.x_start, event.x_end, event.label, event.analyst] for event in self.events]
        return digest([*self.track, self.stamps, painted, SCHEMA_VERSION])


@dataclass(frozen=True)
class _State:
    """The labels that are frozen: what tells them from others, and the newest event there was, in force or not."""

    fingerprint: str
    last_event: int


def snapshot(project: Project, stage: Snapshot) -> str:
    """Freeze the current labels and return the snapshot's name, as :func:`freeze`."""
    return freeze(project, stage).name


def freeze(project: Project, stage: Snapshot) -> Frozen:
    """Write ``PROJECT/snapshots/vNNNN`` with a SNAPSHOT table a track and ``manifest.json``, whole or not at all.

    When a snapshot of the same state (same auto-labels, same active events) is there, that one is returned and becomes
    the newest again, whatever the note. Raises MissingError when there is nothing to freeze, StaleError when the
    auto-labels are not those of the segments.
    """
    with waiting(LOOKING):
        sweep(project.root / _KIND)
        log = read_log(project.database_url)
        sources = gather(project, log)
    state = digest([source.fingerprint for source in sources])
    while True:
        frozen = _frozen_before(project, state)
        if frozen is not None:
            return frozen
        name = _next_name(project)
        try:
            _write(project, name, _State(state, log.last_id), sources, stage)
            return Frozen(name, is_new=True)
        except FileExistsError:
            if not (project.root / _KIND / name).is_dir():
                raise
            _LOG.info("another process froze %s meanwhile", name)


def _frozen_before(project: Project, state: str) -> Frozen | None:
    """The snapshot of this state, made the newest again; None when there is none."""
    for name in project.runs(_KIND):
        if manifest(project, name).get("fingerprint") == state:
            project.make_newest(_KIND, name)
            _LOG.info("labels are as in snapshot %s already", name)
            return Frozen(name, is_new=False)
    return None


def manifest(project: Project, name: str) -> dict[str, Any]:
    """The snapshot's manifest; raises MissingError or InputError when it is not there or damaged."""
    path = project.root / _KIND / name / _MANIFEST
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MissingError("snapshot is not there", where=path, mend=f"run: leadline snapshot {project.root}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"damaged manifest ({error})", where=path) from None


def gather(project: Project, log: LabelLog) -> list[Sources]:
    """What the labels of every track follow from now.

    Raises MissingError when there are none, StaleError when auto-labels are not those of the segments.
    """
    labelled = set(project.tracks("autolabels"))
    events = {track: log.active(*track) for track in log.painted_tracks()}
    tracks = [track for track in project.tracks("segments") if track in labelled or track in events]
    if not tracks:
        raise MissingError(
            "there are no labels to freeze yet", where=project.root, mend=f"run: leadline autolabel {project.root}"
        )
    for lost in sorted((labelled | set(events)) - set(tracks)):
        _LOG.warning("labels of %s %s are left out: the track has no segments", *lost)
    return [_source(project, track, track in labelled, tuple(events.get(track, ()))) for track in tracks]


def _source(project: Project, track: Track, has_autolabels: bool, events: tuple[Event, ...]) -> Sources:
    segments = project.table_path("segments", *track)
    stamps = {"segments": _stamp(segments, f"leadline resample {project.root}").fingerprint}
    if not has_autolabels:
        return Sources(track, segments, None, stamps, events)
    autolabels, command = project.table_path("autolabels", *track), f"leadline autolabel {project.root}"
    made = _stamp(autolabels, command)
    if made.inputs.get("segments", stamps["segments"]) != stamps["segments"]:
        raise StaleError("auto-labels were made from other segments", where=autolabels, mend=f"run: {command}")
    return Sources(track, segments, autolabels, {**stamps, "autolabels": made.fingerprint}, events)


def _stamp(path: Path, command: str) -> Stamp:
    stamp = tables.read_stamp(path)
    if stamp is None:
        raise StaleError("table carries no provenance", where=path, mend=f"run: {command}")
    return stamp


def _next_name(project: Project) -> str:
    numbers = [int(name[1:]) for name in project.runs(_KIND) if name[:1] == "v" and name[1:].isdigit()]
    return f"v{max(numbers, default=0) + 1:04d}"


def _write(project: Project, name: str, state: _State, sources: list[Sources], stage: Snapshot) -> None:
    rows = by_granule((source.track[0], tables.count_rows(source.segments)) for source in sources)
    with (
        aside_folder(project.root / _KIND / name, exclusive=True) as folder,
        progress_bar("snapshot", sum(rows.values()), "segments", rows) as bar,
    ):
        parts = list(_write_parts(folder, project.root, sources, stage, bar))
        text = json.dumps(_describe(name, state, sources, parts, stage), indent=1, sort_keys=True)
        (folder / _MANIFEST).write_text(text + "\n", encoding="utf-8")


def _write_parts(
    folder: Path, root: Path, sources: list[Sources], stage: Snapshot, bar: Bar
) -> Iterator[dict[str, Any]]:
    for source in sources:
        granule, beam = source.track
        bar.advance(0, f"{granule} {beam}")
        table = _paint_track(source, root)
        inputs = {**source.stamps, "events": events_fingerprint(source.events)}
        stamp = Stamp(stage.key, stage.values_dict(), inputs)
        path = folder / f"granule={granule}" / f"beam={beam}" / "part-0.parquet"
        tables.write(path, SNAPSHOT, table, stamp)
        bar.advance(table.num_rows, part=granule)
        yield {
            "granule": granule,
            "beam": beam,
            "rows": table.num_rows,
            "fingerprint": source.fingerprint,
            "events": len(source.events),
            "counts": _counts(table),
        }


def _paint_track(source: Sources, root: Path) -> pa.Table:
    segments = tables.read(source.segments, SEGMENT, ("segment", "x_atc"), command=f"leadline resample {root}")
    labels = _labels(source, segments["segment"].to_numpy(), root)
    strokes = as_strokes(source.events)
    painted = paint(segments["x_atc"].to_numpy(), labels["label_auto"].to_numpy(), strokes)
    columns: dict[str, object] = {name: labels[name] for name in LABEL.names}
    names = pa.array([*strokes.analysts, ""], pa.string())
    who = np.where(painted.event_id == NO_EVENT, len(strokes.analysts), painted.analyst).astype(np.int32)
    analyst = pa.DictionaryArray.from_arrays(pa.array(who), names)
    columns |= {
        "label": painted.label,
        "label_source": painted.source,
        "analyst": analyst,
        "event_id": painted.event_id,
    }
    return SNAPSHOT.build(columns)


def _labels(source: Sources, segment: np.ndarray, root: Path) -> pa.Table:
    if source.autolabels is None:
        return _no_labels(source.track, segment)
    command = f"leadline autolabel {root}"
    labels = tables.read(source.autolabels, LABEL, command=command)
    if not np.array_equal(labels["segment"].to_numpy(), segment):
        raise StaleError(
            "auto-labels are not those of the track's segments", where=source.autolabels, mend=f"run: {command}"
        )
    return labels


def _no_labels(track: Track, segment: np.ndarray) -> pa.Table:
    """LABEL rows of a track outside every scene, of which only the analysts know anything."""
    length = len(segment)
    nothing = {"scene_id": "", "granule_id": track[0], "beam": track[1], "segment": segment}
    nothing["label_auto"] = np.full(length, SurfaceClass.UNLABELLED, np.int8)
    nothing["auto_flags"] = np.full(length, AutoFlag.OUTSIDE_SCENE, np.uint32)
    unknown = np.full(length, np.nan, np.float32)
    return LABEL.build({name: nothing.get(name, unknown) for name in LABEL.names})


def _counts(table: pa.Table) -> dict[str, dict[str, int]]:
    label, source = table["label"].to_numpy(), table["label_source"].to_numpy()
    return {
        origin.name.lower(): {
            kind.name.lower(): int(np.count_nonzero((source == origin) & (label == kind))) for kind in SurfaceClass
        }
        for origin in LabelSource
    }


def _describe(
    name: str, state: _State, sources: list[Sources], parts: list[dict[str, Any]], stage: Snapshot
) -> dict[str, Any]:
    ids = [event.id for source in sources for event in source.events]
    total = {
        origin: {kind: sum(part["counts"][origin][kind] for part in parts) for kind in kinds}
        for origin, kinds in parts[0]["counts"].items()
    }
    inputs = {"/".join(source.track): source.fingerprint for source in sources}
    return {
        "name": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": stage.note,
        "fingerprint": state.fingerprint,
        "rows": sum(part["rows"] for part in parts),
        "counts": total,
        "events": {"count": len(ids), "first": min(ids, default=None), "last": max(ids, default=None)},
        "last_event": state.last_event,
        "tracks": parts,
        "stamp": asdict(Stamp(stage.key, stage.values_dict(), inputs)),
    }

"""A snapshot and its segments as tensors: features once a segment, windows by index, a split by granule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from processing.core.features import COLUMNS, NAMES, reach, segment_features, window_index
from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.local.snapshot import manifest
from processing.project import Project
from processing.provenance import Stamp, digest
from processing.schema import SEGMENT, SNAPSHOT, AutoFlag, LabelSource, SurfaceClass
from processing.stages import Train

UNCLEAR = AutoFlag.CLOUD | AutoFlag.SHADOW | AutoFlag.TRANSITION | AutoFlag.DRIFT_UNSURE | AutoFlag.OUTSIDE_SCENE
BLOCKS = 10
HELD_BLOCKS = 2
GUARD = 0.1
_LABEL_COLUMNS = ("segment", "label", "label_source", "auto_flags")


@dataclass(frozen=True)
class Windows:
    """Labelled windows over shared features.

    Attributes
    ----------
    features : f4 (S, 6), one row a segment. index : i4 (M, 5), rows of ``features`` of each window.
    labels : i8 (M,), 0 to 2.
    """

    features: Tensor
    index: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> Windows:
        """The windows of these ``rows``, features shared."""
        return Windows(self.features, self.index[rows], self.labels[rows])

    def middle(self) -> Tensor:
        """Features (M, 6) of each window's middle segment."""
        return self.features.index_select(0, self.index[:, self.index.shape[1] // 2])


@dataclass(frozen=True)
class LabelledSet:
    """Every usable label of a snapshot.

    Attributes
    ----------
    windows : the labelled windows, raw features. granule : i8 (M,), which of ``granules`` each belongs to.
    x_atc : f8 (M,) [m]. granules : identifiers, sorted.
    """

    windows: Windows
    granule: Tensor
    x_atc: Tensor
    granules: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Rows of a ``LabelledSet`` to learn from and to test on, and in words how they were parted.

    Attributes
    ----------
    held_out : granules that are held out whole. stretches : where none is, the ranges of ``x_atc`` [m] held out.
    honest : whether nothing of a test track was seen in training.
    """

    train: Tensor
    test: Tensor
    how: str
    held_out: tuple[str, ...] = ()
    stretches: tuple[tuple[float, float], ...] = ()

    @property
    def honest(self) -> bool:
        return bool(self.held_out)

    def holds(self, granule: str, x_atc: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places (N,) of a track are held out."""
        held = np.full(len(x_atc), granule in self.held_out)
        for low, high in self.stretches:
            held |= (x_atc >= low) & (x_atc <= high)
        return held


@dataclass(frozen=True)
class Source:
    """What a training run learns from.

    Attributes
    ----------
    fingerprints : of the ``snapshot`` and of all ``segments`` under it. window : length of the segments [m].
    """

    snapshot: str
    tracks: tuple[tuple[str, str], ...]
    fingerprints: dict[str, str]
    window: float


def find_source(project: Project, snapshot: str) -> Source:
    """The snapshot called ``snapshot``, or the newest.

    Raises MissingError when there is none, StaleError when the segments under it were made anew.
    """
    name = snapshot or project.newest_run("snapshots", "snapshot")
    known = project.runs("snapshots")
    if name not in known:
        raise MissingError(f"no snapshot {name!r}", where=project.root, mend=f"there are: {', '.join(known) or 'none'}")
    tracks = project.tracks("snapshots", name)
    stamps = [segment_stamp(project, *track) for track in tracks]
    for track, stamp in zip(tracks, stamps, strict=True):
        path = project.table_path("snapshots", *track, name)
        frozen = tables.read_stamp(path)
        if frozen is None or frozen.inputs.get("segments") != stamp.fingerprint:
            mend = f"{_command('autolabel', project)}, then {_command('snapshot', project)}"
            raise StaleError(f"snapshot {name} was made of other segments", where=path, mend=mend)
    windows = sorted({window_of(stamp) for stamp in stamps})
    if len(windows) != 1:
        what = f"segments of several lengths ({', '.join(f'{length:g} m' for length in windows)})"
        raise StaleError(what, where=project.root, mend=_command("resample", project))
    segments = digest([[*track, stamp.fingerprint] for track, stamp in zip(tracks, stamps, strict=True)])
    frozen_state = str(manifest(project, name)["fingerprint"])
    return Source(name, tuple(tracks), {"snapshot": frozen_state, "segments": segments}, windows[0])


def segment_stamp(project: Project, granule: str, beam: str) -> Stamp:
    """Provenance of a track's segments; raises MissingError when there are none."""
    path = project.table_path("segments", granule, beam)
    stamp = tables.read_stamp(path)
    if stamp is None:
        mend = _command("resample", project)
        raise MissingError("segments are not there or carry no provenance", where=path, mend=mend)
    return stamp


def window_of(stamp: Stamp) -> float:
    """Length [m] of the segments that ``stamp`` belongs to."""
    return float(stamp.parameters["window"])


def load(project: Project, source: Source, stage: Train) -> LabelledSet:
    """Features and usable labels of every track of ``source``.

    Raises InputError when no label is usable or a feature is missing, StaleError when labels and segments do not fit.
    """
    found = (_labelled(project, source, track, clear_only=stage.clear_only) for track in source.tracks)
    parts = [part for part in found if part is not None]
    if not parts:
        why = "without flags or corrected" if stage.clear_only else "other than unlabelled"
        mend = "correct some labels, or use --no-clear-only" if stage.clear_only else "label some segments"
        raise InputError(f"snapshot {source.snapshot} has no label {why}", where=project.root, mend=mend)
    granules = tuple(sorted({part.granule for part in parts}))
    starts = np.cumsum([0, *(len(part.features) for part in parts)])[:-1]
    windows = Windows(
        _joined([part.features for part in parts]),
        _joined([part.index + np.int32(start) for part, start in zip(parts, starts, strict=True)]),
        _joined([part.labels.astype(np.int64) for part in parts]),
    )
    codes = [np.full(len(part.labels), granules.index(part.granule)) for part in parts]
    return LabelledSet(windows, _joined(codes), _joined([part.x_atc for part in parts]), granules)


def split(data: LabelledSet, held_out: str, seed: int) -> Split:
    """Hold whole granules out: those named (comma separated), or one chosen by ``seed``.

    With labels in one granule only, blocks along the track are held out instead, and the split is not honest. Raises
    InputError when a named granule has no labels, or none is left to test on or to learn from, or those to learn from
    are of one class.
    """
    if held_out.strip():
        parted = by_granule(data, tuple(name.strip() for name in held_out.split(",") if name.strip()))
    elif len(data.granules) == 1:
        parted = by_block(data, seed)
    else:
        parted = by_granule(data, (str(np.random.default_rng(seed).choice(data.granules)),))
    if not len(parted.test):
        raise InputError("no label is left to test on", where="train", mend="label more of the track")
    _check_classes(data.windows.labels[parted.train])
    return parted


def by_granule(data: LabelledSet, held_out: tuple[str, ...]) -> Split:
    """Hold the granules named ``held_out`` out whole."""
    for name in held_out:
        if name not in data.granules:
            mend = f"those with labels: {', '.join(data.granules)}"
            raise InputError(f"granule {name!r} has no usable label", where="--held-out", mend=mend)
    if len(set(held_out)) == len(data.granules):
        raise InputError(
            "every granule is held out, none is left to learn from", where="--held-out", mend="hold out fewer"
        )
    codes = torch.tensor([data.granules.index(name) for name in held_out])
    test = torch.isin(data.granule, codes)
    how = f"whole granules held out: {', '.join(held_out)}"
    return Split(_rows(~test), _rows(test), how, held_out)


def by_block(data: LabelledSet, seed: int) -> Split:
    """Hold out ``HELD_BLOCKS`` of ``BLOCKS`` equal blocks along the track, the same of every beam.

    Only blocks with labels are chosen, and never all of them. Beams run side by side over the same floes, so a block is
    a stretch of ``x_atc`` of all beams at once. A guard of ``GUARD`` block either side of a held-out block belongs to
    neither set.
    """
    low, high = float(data.x_atc.min()), float(data.x_atc.max())
    size = (high - low) / BLOCKS
    filled = np.flatnonzero(np.histogram(data.x_atc, BLOCKS, (low, high))[0])
    count = min(HELD_BLOCKS, len(filled) - 1)
    held = np.sort(np.random.default_rng(seed).choice(filled, count, replace=False))
    stretches = tuple((low + block * size, low + (block + 1) * size) for block in held)
    how = (
        f"one granule only: {count} of {BLOCKS} blocks of {size / 1000:.1f} km along the track held out, "
        f"all beams alike, with a guard of {GUARD * size:.0f} m either side"
    )
    test = _within(data.x_atc, stretches, 0.0)
    return Split(_rows(~_within(data.x_atc, stretches, GUARD * size)), _rows(test), how, stretches=stretches)


@dataclass(frozen=True)
class Track:
    """One track as a model sees it: ``segment`` i8 (N,), ``features`` f4 (N, 6), ``index`` i4 (N, 5), ``x_atc`` f8."""

    segment: NDArray[np.int64]
    x_atc: NDArray[np.float64]
    features: NDArray[np.float32]
    index: NDArray[np.int32]


def read_track(path: Path, command: str, between: tuple[float, float] | None = None) -> Track:
    """Features and windows of the segment table at ``path``, or of its segments whose ``x_atc`` lies ``between``.

    Raises InputError that names the feature and the place where one is missing.
    """
    limits = None if between is None else ("x_atc", *between)
    table = tables.read(path, SEGMENT, COLUMNS, between=limits, command=command)
    columns = {name: table[name].to_numpy() for name in COLUMNS}
    features = segment_features(columns)
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        row, column = bad[0]
        what = f"feature {NAMES[column]} is missing at segment {columns['segment'][row]} ({len(bad)} such values)"
        raise InputError(what, where=path, mend=f"run: {command}")
    return Track(columns["segment"], columns["x_atc"], features, window_index(columns["segment"]))


def usable_labels(
    label: NDArray[np.int8], flags: NDArray[np.uint32], source: NDArray[np.int8], *, clear_only: bool
) -> NDArray[np.bool_]:
    """Which labels to learn from: those of a class, and with ``clear_only`` unflagged or set by a person."""
    labelled = label > SurfaceClass.UNLABELLED
    if not clear_only:
        return labelled
    return labelled & (((flags & np.uint32(UNCLEAR)) == 0) | (source == LabelSource.MANUAL))


@dataclass(frozen=True)
class _Labelled:
    granule: str
    features: NDArray[np.float32]
    index: NDArray[np.int32]
    labels: NDArray[np.int8]
    x_atc: NDArray[np.float64]


def _labelled(project: Project, source: Source, track: tuple[str, str], *, clear_only: bool) -> _Labelled | None:
    """The usable labels of one track with the features around them; None when it has none."""
    granule, beam = track
    label_path = project.table_path("snapshots", granule, beam, source.snapshot)
    table = tables.read(label_path, SNAPSHOT, _LABEL_COLUMNS, command=f"leadline snapshot {project.root}")
    columns = {name: table[name].to_numpy() for name in _LABEL_COLUMNS}
    usable = usable_labels(columns["label"], columns["auto_flags"], columns["label_source"], clear_only=clear_only)
    wanted, labels = columns["segment"][usable], columns["label"][usable]
    if not len(wanted):
        return None
    # Far from any label nothing is learned: only the segments that a labelled one's features reach are read.
    far = reach(source.window)
    between = (wanted.min() * source.window - far, (wanted.max() + 1) * source.window + far)
    path = project.table_path("segments", granule, beam)
    found = read_track(path, f"leadline resample {project.root}", between)
    rows = np.searchsorted(found.segment, wanted)
    if not len(found.segment) or not np.array_equal(found.segment[np.minimum(rows, len(found.segment) - 1)], wanted):
        mend = f"{_command('autolabel', project)}, then a new snapshot"
        raise StaleError(f"snapshot {source.snapshot} has labels of segments that are gone", where=path, mend=mend)
    return _Labelled(granule, found.features, found.index[rows], labels, found.x_atc[rows])


def _check_classes(labels: Tensor) -> None:
    present = [SurfaceClass(code) for code in range(3) if bool((labels == code).any())]
    if len(present) < 2:
        names = " and ".join(one.name.lower().replace("_", " ") for one in present) or "none"
        mend = "label other classes, or hold another granule out"
        raise InputError(f"the labels to learn from are of one class only ({names})", where="train", mend=mend)


def _within(x_atc: Tensor, stretches: tuple[tuple[float, float], ...], margin: float) -> Tensor:
    inside = torch.zeros(len(x_atc), dtype=torch.bool)
    for low, high in stretches:
        inside |= (x_atc >= low - margin) & (x_atc <= high + margin)
    return inside


def _rows(mask: Tensor) -> Tensor:
    return mask.nonzero().squeeze(1)


def _joined(arrays: list[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays))


def _command(stage: str, project: Project) -> str:
    return f"run: leadline {stage} {project.root}"

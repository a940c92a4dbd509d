"""A snapshot and the segments under it as arrays on disk: made once, known by a fingerprint, mapped into memory.

Every training run on the same snapshot, and each of its ranks, opens the same files; no run holds a copy it does not
need. The arrays hold, one row a segment, each track's segments from its first label to its last, track after track.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core.features import COLUMNS, FEATURES_VERSION, HALO, NAMES, segment_features
from processing.errors import InputError, LeadlineError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import aside_folder, scratch, sweep
from processing.local.outdated import by_granule
from processing.places import is_remote
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import digest
from processing.schema import SCHEMA_VERSION, SEGMENT, SNAPSHOT
from training.source import Source

KEPT = 3
"""Snapshots whose arrays are kept."""

_TRACKS = "tracks.json"
_LAYOUT = 1
_LABEL_COLUMNS = ("segment", "label", "label_auto", "label_source", "auto_flags")
_TYPES = {"features": "f4", "segment": "i8", "label": "i1", "auto": "i1", "source": "i1", "flags": "u4"}


@dataclass(frozen=True)
class Rows:
    """The rows ``start`` to ``stop`` of one track."""

    granule: str
    beam: str
    start: int
    stop: int

    @property
    def here(self) -> slice:
        return slice(self.start, self.stop)


@dataclass(frozen=True)
class Tensors:
    """Arrays of S segments; all but the small ones are mapped files.

    Attributes
    ----------
    features : f4 (S, 9), in the order of ``NAMES``. segment : i8 (S,). label, auto : i1 (S,), the label in force and
    the automatic one, -1 where there is none. source : i1 (S,), LabelSource. flags : u4 (S,), AutoFlag.
    window : length of a segment [m].
    """

    folder: Path
    window: float
    tracks: tuple[Rows, ...]
    features: NDArray[np.float32]
    segment: NDArray[np.int64]
    label: NDArray[np.int8]
    auto: NDArray[np.int8]
    source: NDArray[np.int8]
    flags: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def granules(self) -> tuple[str, ...]:
        return tuple(sorted({track.granule for track in self.tracks}))

    @property
    def x_atc(self) -> NDArray[np.float64]:
        """Middle of each segment along the track, f8 (S,) [m]."""
        return np.asarray((self.segment + 0.5) * self.window, np.float64)


def tensors(project: Project, source: Source) -> Tensors:
    """The arrays of ``source``, made where they are not there yet.

    Raises InputError where no segment has a label or a feature is missing, StaleError when labels and segments do not
    fit.
    """
    base = scratch() if is_remote(project.root) else project.root / "cache"
    folder = base / "tensors" / digest([source.fingerprints, FEATURES_VERSION, SCHEMA_VERSION, _LAYOUT])[:16]
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.parent.mkdir(exist_ok=True)
    found = _found(folder)
    if found is None:
        sweep(folder.parent)
        _make(project, source, folder)
        found = opened(folder)
    os.utime(folder)
    _forget(folder)
    return found


def _found(folder: Path) -> Tensors | None:
    """The arrays that are there; None without, or where a cleaner or a fault took part of them."""
    try:
        return opened(folder)
    except LeadlineError:
        return None


def opened(folder: Path) -> Tensors:
    """The arrays in ``folder``; raises MissingError when they are not there, InputError when they are damaged."""
    mend = f"remove {folder} and train again"
    try:
        told = json.loads((folder / _TRACKS).read_text("utf-8"))
        arrays: dict[str, Any] = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _TYPES}
        found = Tensors(folder, float(told["window"]), tuple(Rows(**one) for one in told["tracks"]), **arrays)
    except FileNotFoundError:
        raise MissingError("the arrays to learn from are gone", where=folder, mend="train again") from None
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"damaged arrays ({str(error)[:80]})", where=folder, mend=mend) from None
    if {len(array) for array in arrays.values()} != {found.tracks[-1].stop}:
        raise InputError("damaged arrays (of different lengths)", where=folder, mend=mend)
    return found


def _make(project: Project, source: Source, folder: Path) -> None:
    rows = {
        track: tables.count_rows(project.table_path("snapshots", *track, source.snapshot)) for track in source.tracks
    }
    granules = by_granule((track[0], count) for track, count in rows.items())
    with aside_folder(folder) as aside, progress_bar("prepare", sum(rows.values()), "segments", granules) as bar:
        parts: list[Rows] = []
        files = {name: (aside / f"{name}.raw").open("wb") for name in _TYPES}
        try:
            for track in source.tracks:
                found = _labelled(project, source, track)
                bar.advance(rows[track], " ".join(track), part=track[0])
                if found is None:
                    continue
                for name, file in files.items():
                    file.write(np.ascontiguousarray(found[name], _TYPES[name]).data)
                start = parts[-1].stop if parts else 0
                parts.append(Rows(*track, start, start + len(found["segment"])))
        finally:
            for file in files.values():
                file.close()
        if not parts:
            what = f"snapshot {source.snapshot} has no label"
            raise InputError(what, where=project.root, mend="label some segments")
        for name, kind in _TYPES.items():
            _with_header(aside / f"{name}.raw", kind, parts[-1].stop, len(NAMES) if name == "features" else 0)
        told = {"window": source.window, "tracks": [asdict(part) for part in parts]}
        (aside / _TRACKS).write_text(json.dumps(told) + "\n", "utf-8")


def _with_header(raw: Path, kind: str, rows: int, columns: int) -> None:
    """Turn a file of plain numbers into numpy's format, whose header must know how many there are."""
    shape = (rows, columns) if columns else (rows,)
    with raw.with_suffix(".npy").open("wb") as out, raw.open("rb") as numbers:
        head = {"descr": np.dtype(f"<{kind}").str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, head)
        shutil.copyfileobj(numbers, out, 1 << 22)
    raw.unlink()


def _labelled(project: Project, source: Source, track: tuple[str, str]) -> dict[str, NDArray[Any]] | None:
    """Arrays of one track from its first label to its last; None when it has none."""
    label_path = project.table_path("snapshots", *track, source.snapshot)
    table = tables.read(label_path, SNAPSHOT, _LABEL_COLUMNS, command=f"leadline snapshot {project.root}")
    labels = {name: table[name].to_numpy() for name in _LABEL_COLUMNS}
    known = np.flatnonzero(labels["label"] >= 0)
    if not len(known):
        return None
    labels = {name: values[known[0] : known[-1] + 1] for name, values in labels.items()}
    wanted = labels["segment"]
    # Far from any label nothing is learned: only the segments that a labelled one's features reach are read.
    between = (wanted[0] * source.window - HALO, (wanted[-1] + 1) * source.window + HALO)
    path = project.table_path("segments", *track)
    command = f"leadline resample {project.root}"
    found = tables.read(path, SEGMENT, COLUMNS, between=("x_atc", *between), command=command)
    columns = {name: found[name].to_numpy() for name in COLUMNS}
    rows = slice(*np.searchsorted(columns["segment"], (wanted[0], wanted[-1] + 1)))
    if not np.array_equal(columns["segment"][rows], wanted):
        mend = f"run: leadline autolabel {project.root}, then a new snapshot"
        raise StaleError(f"snapshot {source.snapshot} has labels of segments that are gone", where=path, mend=mend)
    features = segment_features(columns)
    check_features(features, columns["segment"], path, command)
    return {
        "features": features[rows],
        "segment": wanted,
        "label": labels["label"],
        "auto": labels["label_auto"],
        "source": labels["label_source"],
        "flags": labels["auto_flags"],
    }


def check_features(features: NDArray[np.float32], segment: NDArray[np.int64], path: Path, command: str) -> None:
    """Raise InputError that names feature and place where one of ``features`` (N, 9) is not a number."""
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        row, column = bad[0]
        what = f"feature {NAMES[column]} is missing at segment {segment[row]} ({len(bad)} such values)"
        raise InputError(what, where=path, mend=f"run: {command}")


def _forget(current: Path) -> None:
    """Remove the arrays of all but the ``KEPT`` snapshots that were used last."""
    found = [folder for folder in current.parent.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    found.sort(key=lambda folder: (folder == current, folder.stat().st_mtime), reverse=True)
    for folder in found[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)

"""A small synthetic project: segments whose class shows in height and photon rate, and a snapshot of their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from processing.io import tables
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, SEGMENT, TRUTH
from processing.stages import Snapshot

HEIGHTS = np.array([0.45, 0.12, 0.0])
RATES = np.array([3.0, 2.0, 0.6])
MakeProject = Callable[..., Project]
Relabel = Callable[[Project, Callable[[str, np.ndarray], np.ndarray]], None]


def classes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Runs of 10 to 60 segments of thick ice, thin ice and open water."""
    lengths = rng.integers(10, 60, count // 10)
    return np.repeat(rng.choice(3, len(lengths), p=[0.6, 0.2, 0.2]), lengths)[:count].astype(np.int8)


def segment_table(rng: np.random.Generator, granule: str, beam: str, label: np.ndarray) -> object:
    count = len(label)
    window = np.arange(count, dtype=np.int64) + 4_000_000
    height = HEIGHTS[label] + 0.03 * rng.standard_normal(count)
    photons = np.maximum(1, rng.poisson(3 * RATES[label])).astype(np.int32)
    arrays: dict[str, object] = {name: np.zeros(count) for name in SEGMENT.names} | {
        "granule_id": granule,
        "beam": beam,
        "segment": window,
        "x_atc": (window + 0.5) * 2.0,
        "time": np.zeros(count, "datetime64[ns]"),
        "photon_count": photons,
        "photon_count_high": photons // 2,
        "pulse_count": np.full(count, 3, np.int32),
        "photon_rate": photons / 3,
        "background_rate": np.where(label == 0, 2e6, 1e6),
        "height_mean": height,
        "height_median": height + 0.01 * rng.standard_normal(count),
        "height_std": 0.05 + 0.1 * (label == 0),
        "quality": np.zeros(count, np.uint32),
    }
    arrays = {name: value if isinstance(value, str) else cast(value, name) for name, value in arrays.items()}
    return SEGMENT.build(arrays)


def cast(values: object, name: str) -> np.ndarray:
    kind = SEGMENT.column(name).type
    array = np.asarray(values)
    return array if array.dtype.kind == "M" else array.astype(kind.to_pandas_dtype())


def label_table(granule: str, beam: str, window: np.ndarray, label: np.ndarray) -> object:
    fixed = {"granule_id": granule, "beam": beam, "scene_id": "S", "segment": window, "label_auto": label}
    empty = {"auto_flags": np.zeros(len(label), np.uint32)}
    return LABEL.build({name: (fixed | empty).get(name, np.zeros(len(label), np.float32)) for name in LABEL.names})


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Maker of a project with ``granules`` of one or more beams, labels and, when asked for, the truth."""

    def make(
        granules: tuple[str, ...] = ("A", "B"),
        beams: tuple[str, ...] = ("gt1l",),
        count: int = 1500,
        truth: bool = True,
    ) -> Project:
        project = Project.create(tmp_path / "project")
        rng = np.random.default_rng(5)
        for granule in granules:
            for beam in beams:
                label = classes(rng, count)
                add_track(project, granule, beam, label, segment_table(rng, granule, beam, label), truth=truth)
        snapshot(project, Snapshot())
        return project

    return make


def add_track(project: Project, granule: str, beam: str, label: np.ndarray, table: object, *, truth: bool) -> None:
    stamp = Stamp("resample", {"window": 2.0}, {"granule": granule})
    tables.write(project.table_path("segments", granule, beam), SEGMENT, table, stamp)
    window = table["segment"].to_numpy()
    labels = label_table(granule, beam, window, label)
    made = Stamp("autolabel", {}, {"segments": stamp.fingerprint})
    tables.write(project.table_path("autolabels", granule, beam), LABEL, labels, made)
    if truth:
        known = {"granule_id": granule, "beam": beam, "segment": window, "label": label}
        zeros = {"cloud": np.zeros(len(label), np.uint8)}
        rows = TRUTH.build({name: (known | zeros).get(name, np.zeros(len(label), np.float32)) for name in TRUTH.names})
        tables.write(project.table_path("inputs/truth", granule, beam), TRUTH, rows, Stamp("twin"))


@pytest.fixture
def relabel() -> Relabel:
    """Makes every auto-label of a project anew through a change of (granule, labels), and freezes them."""

    def change_all(project: Project, change: Callable[[str, np.ndarray], np.ndarray]) -> None:
        for granule, beam in project.tracks("autolabels"):
            path = project.table_path("autolabels", granule, beam)
            stamp, table = tables.read_stamp(path), tables.read(path, LABEL)
            assert stamp is not None
            labels = pa.array(change(granule, table["label_auto"].to_numpy()), pa.int8())
            table = table.set_column(table.column_names.index("label_auto"), "label_auto", labels)
            tables.write(path, LABEL, table, Stamp("autolabel", {"after": stamp.fingerprint}, stamp.inputs))
        snapshot(project, Snapshot())

    return change_all

"""Projects made of tables alone: segments, auto-labels and predictions of two synthetic tracks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, PREDICTION, SEGMENT, AutoFlag

GRANULE = "ATL03_20191104195311_05940510_006_01"
TRACKS = ((GRANULE, "gt1l"), (GRANULE, "gt2l"))
RUN = "lstm-v0001"


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The functions below by name, and the tracks."""
    functions = (make_project, classes, write_segments, write_labels, write_predictions, key_of)
    return SimpleNamespace(granule=GRANULE, tracks=TRACKS, run=RUN, **{each.__name__: each for each in functions})


def make_project(root: Path, kilometres: int = 30) -> Project:
    """Flat sea at 0.1 m, ice at 0.4 m, a lead of 100 m each kilometre; windows without photons are absent."""
    project = Project.create(root)
    for number, track in enumerate(TRACKS):
        write_segments(project, track, kilometres, seed=number)
        write_labels(project, track)
        write_predictions(project, track)
    return project


def classes(segment: np.ndarray) -> np.ndarray:
    return np.where(segment % 500 < 50, 2, 0).astype(np.int8)


def write_segments(project: Project, track: tuple[str, str], kilometres: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    segment = np.flatnonzero(rng.random(500 * kilometres) > 0.05).astype(np.int64) + 1_000_000
    length = len(segment)
    height = np.where(classes(segment) == 2, 0.1, 0.4) + rng.normal(0, 0.03, length)
    zero = np.zeros(length, np.float32)
    columns: dict[str, object] = dict.fromkeys(SEGMENT.names, zero)
    for name in ("photon_count_high", "pulse_count", "quality"):
        columns[name] = np.zeros(length, SEGMENT.column(name).type.to_pandas_dtype())
    columns |= {
        "granule_id": track[0],
        "beam": track[1],
        "segment": segment,
        "x_atc": 2.0 * segment + 1.0,
        "time": np.datetime64("2019-11-04T19:53:11", "ns") + np.arange(length),
        "lat": np.linspace(-74.0, -74.2, length),
        "lon": np.full(length, -160.0),
        "photon_count": np.full(length, 10, np.int32),
        "photon_rate": np.full(length, 10 / 3, np.float32),
        "height_mean": height.astype(np.float32) - np.float32(0.01),
        "height_median": height.astype(np.float32),
        "height_std": np.full(length, 0.1, np.float32),
    }
    stamp = Stamp("resample", {"window": 2.0}, {"granule": str(seed)})
    tables.write(project.table_path("segments", *track), SEGMENT, SEGMENT.build(columns), stamp)


def write_labels(project: Project, track: tuple[str, str], drop: int = 0) -> None:
    segment = key_of(project, track)[drop:]
    some = np.full(len(segment), 0.25, np.float32)
    columns: dict[str, object] = dict.fromkeys(LABEL.names, some)
    columns |= {
        "granule_id": track[0],
        "beam": track[1],
        "segment": segment,
        "label_auto": classes(segment),
        "auto_flags": np.full(len(segment), AutoFlag.CLOUD, np.uint32),
        "scene_id": "S2",
    }
    stamp = Stamp("autolabel", {}, {"segments": segments_stamp(project, track)})
    tables.write(project.table_path("autolabels", *track), LABEL, LABEL.build(columns), stamp)


def write_predictions(project: Project, track: tuple[str, str]) -> None:
    segment = key_of(project, track)
    water = classes(segment) == 2
    p_water = np.where(water, 0.8, 0.1).astype(np.float32)
    columns: dict[str, object] = {
        "granule_id": track[0],
        "beam": track[1],
        "segment": segment,
        "p_thick": 1 - p_water,
        "p_thin": np.zeros(len(segment), np.float32),
        "p_water": p_water,
        "predicted": classes(segment),
        "model_id": RUN,
    }
    stamp = Stamp("classify", {}, {"segments": segments_stamp(project, track)})
    tables.write(project.table_path("predictions", *track, RUN), PREDICTION, PREDICTION.build(columns), stamp)


def key_of(project: Project, track: tuple[str, str]) -> np.ndarray:
    return tables.read(project.table_path("segments", *track), SEGMENT, ["segment"])["segment"].to_numpy()


def segments_stamp(project: Project, track: tuple[str, str]) -> str:
    stamp = tables.read_stamp(project.table_path("segments", *track))
    assert stamp is not None
    return stamp.fingerprint

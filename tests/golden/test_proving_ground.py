"""The proving ground stays as hard as it is: how its classes look, and how far a straight cut tells them apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import proving
from processing.core.features import COLUMNS, NAMES, PAPER_NAMES, segment_features, window_index
from processing.io import tables
from processing.io.recognise import take_stock
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.project import Project
from processing.schema import SEGMENT
from processing.stages import Resample
from processing.twin.make import make_twin
from training.judged import true_classes

pytestmark = pytest.mark.slow

KILOMETRES = 12.0
SHARES = (0.819, 0.136, 0.044)
MEDIANS = {
    "height_above_low": [0.327, 0.103, 0.011],
    "height_std": [0.124, 0.08, 0.092],
    "photon_rate": [0.002, 0.002, 1.794],
    "photon_count": [1.386, 1.386, 3.135],
    "background_rate": [0.021, -0.387, -1.251],
}
STRAIGHT, STRAIGHT_OF_ONE = 0.902, 0.892
"""Share that a straight cut through windows of five segments gets right, and through the middle ones alone."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """Windows of five (N, 5, 9) of the strong beams of one granule, and the true class (N,) of each middle."""
    folder: Path = tmp_path_factory.mktemp("proving")
    make_twin(folder / "twin", proving.parameters(proving.TAUGHT_SEED, 1, KILOMETRES))
    project = Project.create(folder / "project")
    take_in(project, take_stock((folder / "twin",), "", {}))
    resample(project, Resample())
    windows, labels = [], []
    for granule, beam in project.tracks("segments"):
        if not beam.endswith("r"):
            continue
        table = tables.read(project.table_path("segments", granule, beam), SEGMENT, COLUMNS)
        columns = {name: table[name].to_numpy() for name in COLUMNS}
        true = true_classes(project, granule, beam, columns["segment"])
        windows.append(segment_features(columns)[window_index(columns["segment"])][true >= 0])
        labels.append(true[true >= 0])
    return np.concatenate(windows), np.concatenate(labels)


def test_classes_look_as_they_did(seen) -> None:
    windows, label = seen
    middle = windows[:, 2]
    found = {
        name: [round(float(np.median(middle[label == code, NAMES.index(name)])), 3) for code in range(3)]
        for name in MEDIANS
    }
    shares = [round(float((label == code).mean()), 3) for code in range(3)]
    assert shares == pytest.approx(SHARES, abs=0.004)
    for name, values in MEDIANS.items():
        assert found[name] == pytest.approx(values, abs=0.02), name


def test_a_straight_cut_tells_them_apart_as_well_as_it_did(seen) -> None:
    windows, label = seen
    paper = windows[:, :, : len(PAPER_NAMES)].astype(np.float64)
    assert straight(paper.reshape(len(paper), -1), label) == pytest.approx(STRAIGHT, abs=0.005)
    assert straight(paper[:, 2], label) == pytest.approx(STRAIGHT_OF_ONE, abs=0.005)


def straight(inputs: np.ndarray, label: np.ndarray) -> float:
    """Share that the best straight cut through ``inputs`` (N, M) gets right."""
    inputs = np.column_stack([(inputs - inputs.mean(axis=0)) / inputs.std(axis=0), np.ones(len(inputs))])
    weights, *_ = np.linalg.lstsq(inputs, np.eye(3)[label], rcond=None)
    return float(((inputs @ weights).argmax(axis=1) == label).mean())

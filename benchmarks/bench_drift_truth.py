"""Drift against the truth of synthetic pairs that nothing was tuned on: the error, and whether the confidence tells."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.harness import Row
from processing.io import tables
from processing.io.recognise import take_stock
from processing.local.autolabel import autolabel
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.project import Project
from processing.schema import LABEL, TRUTH
from processing.stages import Autolabel, Resample
from processing.twin.make import make_twin
from processing.twin.parameters import Twin

SEED, PAIRS, KILOMETRES = 31_415, 4, 16.0
WITHIN = 15.0
SKIES: dict[str, dict[str, float]] = {"usual": {}, "clouded": {"cloud_thick": 0.6, "cloud_thin": 0.3}}


def rows() -> Iterator[Row]:
    """The worst error of the drifts that say they are sure, under the usual sky and under much cloud."""
    for name, sky in SKIES.items():
        with tempfile.TemporaryDirectory() as folder:
            found = _errors(Path(folder), Twin(seed=SEED, granules=PAIRS, km=KILOMETRES, **sky))
        least = Autolabel.param["drift_confidence"].default
        sure = [error for error, confidence in found if confidence >= least]
        worst = max(sure, default=0.0)
        told = ", ".join(f"{error:.1f} m ({confidence:.2f})" for error, confidence in found)
        yield Row(
            f"drift, {name} sky: worst of the {len(sure)} sure of {PAIRS} pairs x {KILOMETRES:g} km",
            worst,
            "m",
            f"<= {WITHIN:g} m",
            worst <= WITHIN,
            note=f"synthetic, seed {SEED}; error (confidence): {told}",
        )


def _errors(folder: Path, twin: Twin) -> list[tuple[float, float]]:
    """Distance from the truth (m) and confidence of each pair."""
    make_twin(folder / "twin", twin)
    project = Project.create(folder / "project")
    take_in(project, take_stock((folder / "twin",), "", {}))
    resample(project, Resample())
    autolabel(project, Autolabel(drift_confidence=0.0))
    return [_error(project, granule) for granule in sorted({granule for granule, _ in project.tracks("autolabels")})]


def _error(project: Project, granule: str) -> tuple[float, float]:
    beam = next(beam for name, beam in project.tracks("autolabels") if name == granule)
    columns = ["segment", "drift_x", "drift_y"]
    labels = tables.read(project.table_path("autolabels", granule, beam), LABEL, [*columns, "drift_confidence"])
    truth = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH, columns)
    x, y = (_mean(labels, name) - _mean(truth, name) for name in columns[1:])
    return float(np.hypot(x, y)), _mean(labels, "drift_confidence")


def _mean(table: pa.Table, name: str) -> float:
    return float(np.nanmean(table[name].to_numpy()))

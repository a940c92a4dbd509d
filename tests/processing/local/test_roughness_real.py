"""Roughness of real summer sea ice, whose photons carry no signal confidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.core.leads import height_sigma
from processing.core.roughness import roughness
from processing.io import tables
from processing.io.recognise import take_stock
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.project import Project
from processing.schema import SEGMENT
from processing.stages import Resample


def test_noise_is_told_from_the_heights_themselves(shared_data: Path, tmp_path: Path) -> None:
    """Noise photons spoil the standard errors of the heights, which alone would explain all relief away."""
    (folder,) = (shared_data / "coincident").glob("06_*")
    project = Project.create(tmp_path / "project")
    take_in(project, take_stock((folder / "photons.csv.gz",), "gt3r", {}), copy=False)
    resample(project, Resample())
    (track,) = project.tracks("segments")
    table = tables.read(project.table_path("segments", *track), SEGMENT)
    x, height = table["x_atc"].to_numpy(), table["height_median"].to_numpy().astype(np.float64)
    sigma = height_sigma(table["height_std"].to_numpy(), table["photon_count"].to_numpy())
    found = roughness(x, height, sigma, np.ones(len(x), bool), 100.0, 25, 2.0)
    assert len(found) == 8
    assert np.median(found.noise) == pytest.approx(0.038, abs=0.003)
    assert np.median(found.roughness) == pytest.approx(0.036, abs=0.005)
    assert np.all(found.roughness < 0.1)
    assert np.sqrt(np.mean(sigma**2)) > 3 * np.median(found.noise)

"""Drift of two real pairs of summer sea ice, against what people measured by hand in the imagery."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from processing.io.recognise import take_stock
from processing.local.autolabel import autolabel
from processing.local.drift import drift_path
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.project import Project
from processing.stages import Autolabel, Resample


@pytest.mark.parametrize("number", ["06", "07"])
def test_the_surface_is_high_where_people_saw_the_ice_go(shared_data: Path, tmp_path: Path, number: str) -> None:
    """The hand-measured velocity times the time between is what takes the scene back to the track: minus our drift."""
    (folder,) = (shared_data / "coincident").glob(f"{number}_*")
    project = Project.create(tmp_path / "project")
    take_in(project, take_stock((folder,), "", {}), copy=False)
    resample(project, Resample())
    autolabel(project, Autolabel())
    granule, scene = (project.inputs(category)[0].ident for category in ("granules", "scenes"))
    path = drift_path(project, granule, scene)
    facts = json.loads(path.with_suffix(".json").read_text())
    hand = json.loads((folder / "pair.json").read_text())["hand_measured_drift_m_per_s"]
    moved = np.array([hand["x"], hand["y"]]) * abs(facts["time_offset"])
    with np.load(path) as kept:
        away = np.hypot(kept["shift_x"] + moved[0], (kept["shift_y"] + moved[1])[:, None])
        back = np.hypot(kept["shift_x"] - moved[0], (kept["shift_y"] - moved[1])[:, None])
        assert kept["correlation"][away < 15].max() > 0.75
        assert kept["correlation"][back < 15].max() < 0.65
    assert not facts["applied"], "80 pixels of track do not settle a drift"

"""The package that notebooks import: its three lines, its tables, and the examples in its docstrings."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import leadline
import numpy as np
import pytest

from processing.errors import InputError, MissingError
from processing.local.freeboard import freeboard
from processing.local.measured import measured_track
from processing.notebook import opened
from processing.project import Project
from processing.stages import Freeboard


@pytest.fixture(scope="module")
def project(made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = made.make_project(tmp_path_factory.mktemp("notebook") / "PROJECT", kilometres=2)
    freeboard(found, Freeboard())
    return found


def test_three_lines_give_freeboard(project: Project, made: SimpleNamespace) -> None:
    frame = leadline.open(project.root).freeboard()
    track = measured_track(project, made.granule, "gt1l")
    mine = frame[frame.beam == "gt1l"]
    np.testing.assert_array_equal(mine.freeboard, track.freeboard)
    np.testing.assert_array_equal(mine.time.dt.tz_localize(None).to_numpy(), track.time)
    assert (mine["class"] == "open water").sum() == (track.label == 2).sum()
    assert {"granule_id", "lat", "lon", "freeboard_sigma", "height", "sea_surface_robust"} < set(frame)
    assert frame.attrs["units"]["freeboard"] == "m"
    assert frame.attrs["synthetic"] is False
    assert "freeboard" in frame.attrs["provenance"]


def test_the_examples_do_as_they_say(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root.parent)
    found = [doctest.testmod(module) for module in (opened, leadline)]
    assert [each.failed for each in found] == [0, 0]
    assert found[0].attempted >= 10


def test_tables_follow_from_the_project_and_its_parameters(project: Project) -> None:
    there = leadline.open(str(project.root))
    assert len(there.leads()) == 4, "a lead a kilometre on two beams"
    assert len(there.thickness(beam="gt1l")) == len(there.segments(beam="gt1l"))
    assert len(there.along(length=500)) == 8
    assert Project(project.root).settings == project.settings, "nothing is written"
    grid = there.grid(cell=100_000)
    assert int(grid.segments.sum()) == int(np.isfinite(there.freeboard()[lambda each: each.label == 0].freeboard).sum())
    assert len(there.compare()) == 0
    assert there.runs == ["lstm-v0001"]


def test_errors_are_the_commands(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not a project"):
        leadline.open(tmp_path)
    there = leadline.open(project.root)
    with pytest.raises(InputError, match="no column 'wet'"):
        there.freeboard(columns=["wet"])
    with pytest.raises(InputError, match="length"):
        there.along(length=-1)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"pandas", "numba", "matplotlib", "scipy", "xarray", "torch", "h5py"}
    program = f"import sys, leadline; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

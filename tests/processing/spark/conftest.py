"""Spark sessions for tests: the two cores of this machine, or a master and two workers as processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing.project import Project
from processing.spark import granules, resample
from processing.spark.session import kept_open
from processing.spark.standalone import Standalone, standalone
from processing.stages import Engine

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_stretches import STRETCHES, add, make_long_granule

_CORES, _MEMORY = 1, 2048


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """A standalone cluster of one master and two workers of one core each."""
    folder = tmp_path_factory.mktemp("cluster")
    with standalone(folder, 2, _CORES, _MEMORY, {"XDG_CACHE_HOME": str(folder / "cache")}) as running:
        yield running


@pytest.fixture(scope="module", params=["local", "cluster"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each test once on this machine's cores and once on the standalone cluster."""
    master = request.getfixturevalue("two_workers").url if request.param == "cluster" else "local[2]"
    with kept_open():
        yield Engine(engine="spark", master=master)


@pytest.fixture(scope="session")
def long_granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_long_granule(tmp_path_factory.mktemp("long"))


@pytest.fixture
def long_project(tmp_path: Path, long_granule: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A granule of many stretches, to be worked on in as many tasks."""
    monkeypatch.setattr(resample, "_FEWEST", 1)
    monkeypatch.setattr(granules, "_TASKS_A_CORE", STRETCHES // 2)
    monkeypatch.setattr(granules, "_POLL", 0.1)
    project = Project.create(tmp_path / "project")
    add(project, long_granule)
    return project

"""Spark sessions for tests: the two cores of this machine, or a master and two workers as processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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
def assert_same_tables() -> Callable[[Project, Project, str], None]:
    """Compare every table of a kind in two projects, column by column, bit for bit, provenance included."""

    def same(one: Project, other: Project, kind: str) -> None:
        found = [sorted(path.relative_to(each.root) for path in _tables(each, kind)) for each in (one, other)]
        assert found[0], f"there is no table of {kind}"
        assert found[0] == found[1]
        for path in found[0]:
            first, second = (pq.read_table(each.root / path) for each in (one, other))
            assert first.schema.equals(second.schema, check_metadata=True), path
            for name in first.column_names:
                values = [table[name].combine_chunks() for table in (first, second)]
                assert _bits(values[0]) == _bits(values[1]), f"{path}: {name}"

    return same


def _tables(project: Project, kind: str) -> Iterator[Path]:
    return (project.root / kind).rglob("*.parquet")


def _bits(column: pa.Array) -> bytes:
    if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
        return np.array(column.cast(pa.string()).to_pylist()).tobytes()
    whole = pa.types.is_timestamp(column.type)
    return np.asarray(column.cast(pa.int64()) if whole else column).tobytes()


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

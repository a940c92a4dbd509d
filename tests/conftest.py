"""Fixtures that every part shares, and how tests are spread over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

from processing.project import Project

# The same examples on every machine and day; new ones are looked for with --hypothesis-profile=default.
settings.register_profile("leadline", derandomize=True, database=None)
settings.load_profile("leadline")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real granules and scenes; the test is skipped where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"real data not found at {_SHARED}")
    return _SHARED


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The one browser of a process; the test is skipped where Playwright or Chromium is absent."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not _CHROMIUM.exists():
        pytest.skip(f"no browser at {_CHROMIUM}")
    from dashboard.screenshots import FLAGS

    with api.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=str(_CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file in one process, so that its fixtures are made once; all browser tests in one.

    Those of Spark are too: a process has one Spark session, and one cluster serves them all.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "browser" if item.get_closest_marker("browser") else item.path.stem
            group = "spark" if item.path.parent.name == "spark" else group
            item.add_marker(pytest.mark.xdist_group(group))

"""Fixtures that every part shares, and how tests are spread over processes."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real granules and scenes; the test is skipped where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"real data not found at {_SHARED}")
    return _SHARED


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file in one process, so that its fixtures are made once; all browser tests in one."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "browser" if item.get_closest_marker("browser") else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))

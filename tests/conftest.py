"""Fixtures that every part shares, and how tests are spread over processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

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

"""One server over the small project for every browser test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dashboard"))
sys.path.insert(0, str(Path(__file__).parent))

import small_project


@pytest.fixture(scope="session")
def small_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser") / "small"
    small_project.make(root)
    return root


@pytest.fixture(scope="session")
def address(small_root: Path) -> Iterator[str]:
    """Where the small project is served."""
    from dashboard.screenshots import running

    with running(small_root) as where:
        yield where


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A page of its own, 1366 x 768, that remembers requests and complaints of the console."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.requested, page.complaints = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("console", lambda line: page.complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.set_default_timeout(30_000)
    yield page
    context.close()

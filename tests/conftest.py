"""Fixtures that every part shares."""

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

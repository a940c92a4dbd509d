"""The small project, made once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import small_project

from dashboard.data import Workspace


@pytest.fixture(scope="session")
def project_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a project with every stage's tables; read only."""
    root = tmp_path_factory.mktemp("dashboard") / "small"
    small_project.make(root)
    return root


@pytest.fixture
def workspace(project_root: Path) -> Workspace:
    return Workspace(project_root)

"""The demo keeps what is there, and refuses what no stage could make current."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from processing.cli import load_commands, run
from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SCHEMA_VERSION, TRUTH


def test_a_demo_of_another_version_is_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    project = Project.create(tmp_path / "demo")
    recipe = files("assets").joinpath("demo.toml").read_text(encoding="utf-8")
    (project.root / "demo.toml").write_text(recipe, encoding="utf-8")
    columns: dict[str, object] = dict.fromkeys(TRUTH.names, np.zeros(1)) | {"granule_id": "G", "beam": "gt1l"}
    older = Stamp("twin", schema_version=SCHEMA_VERSION - 1)
    tables.write(project.table_path("inputs/truth", "G", "gt1l"), TRUTH, TRUTH.build(columns), older)
    assert run(["demo", "--project", str(project.root), "--no-serve"], load_commands) == 2
    told = capfd.readouterr().err.strip()
    assert told.endswith("a demo made by another version of Leadline; remove it, or name another with --project")
    assert len(told.splitlines()) == 1

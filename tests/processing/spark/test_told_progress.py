"""What commands tell of their granules while they run, on this machine and on a cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from processing import cli
from processing.progress import LOOKING
from processing.project import Project
from processing.stages import Engine

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_freeboard import PREDICTED, TRACKS, A, B, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in which a table of the first granule is damaged within, which shows when it is read."""
    project = make_project(tmp_path / "project")
    segments = project.table_path("segments", *TRACKS[0])
    content = segments.read_bytes()
    segments.write_bytes(content[:1000] + bytes(len(content) // 2) + content[1000 + len(content) // 2 :])
    return project


def told(project: Project, record: Path, words: list[str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit status of ``leadline freeboard``, and what it told."""
    status = cli.run(["freeboard", str(project.root), *words], cli.load_commands)
    return status, [json.loads(line) for line in record.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("engine", ["local"], indirect=True)
@pytest.mark.parametrize("name", ["local", "spark"])
def test_each_granule_is_told_of(
    engine: Engine, name: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "progress.jsonl"
    monkeypatch.setenv("LEADLINE_PROGRESS", str(record))
    status, lines = told(project, record, ["--engine", name, "--master", engine.master])
    assert status == 2
    assert lines[0]["waiting"] == LOOKING
    [failed] = [line["failed"] for line in lines if "failed" in line]
    assert "damaged table" in failed.pop(A)
    assert failed == {}
    parts: dict[str, list[float]] = {}
    for line in lines:
        parts |= line.get("parts", {})
    assert parts[B] == [700.0, 700.0]
    assert parts[A][0] < parts[A][1]
    assert not any("result" in line for line in lines)
    record.unlink()
    status, lines = told(project, record, ["--engine", name, "--master", engine.master, "--granule", B])
    assert (status, lines[-1]["result"]) == (0, PREDICTED)

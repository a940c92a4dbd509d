"""What goes wrong while a model is trained: a full disk, a snapshot made anew, and that nothing is lost by it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from processing.cli import cli, run
from processing.io import tables
from processing.io.locks import writing
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SNAPSHOT
from processing.stages import Train
from training import train as training
from training.begin import stamp_of
from training.commands import register
from training.record import read_record
from training.source import find_source

QUICK = ("--model", "mlp", "--epochs", "4", "--batch", "256", "--tracking", "off")


@pytest.fixture(autouse=True, scope="module")
def _commands() -> None:
    register(cli)


def train(project: Project) -> int:
    return run(["train", str(project.root), *QUICK])


def test_a_full_disk_at_a_checkpoint_is_one_line_and_loses_no_epoch(make_project, monkeypatch, capsys) -> None:
    project = make_project(count=600)
    room = 2
    write = Path.write_bytes

    def filling(path: Path, content: bytes) -> int:
        nonlocal room
        if "checkpoint" in path.name or path.parent.name.startswith(training.UNFINISHED):
            room -= 1
            if room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", filling)
        assert train(project) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline: ")]
    assert len(said) == 1
    assert "No space left on device; nothing half written was left behind" in said[0]
    (folder,) = (project.root / "models").glob(".unfinished-*")
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert {file.name for file in folder.iterdir()} == {"checkpoint.pt", "metrics.jsonl"}
    assert train(project) == 0
    assert project.runs("models") == ["mlp-v0001"]


def test_a_snapshot_changed_under_a_running_job_is_told_and_the_model_knows_its_former_state(
    make_project, monkeypatch, caplog
) -> None:
    project = make_project(count=600)
    before = find_source(project, "").fingerprints
    work = training.worker.work

    def meanwhile(*words: object) -> object:
        model = work(*words)
        path = project.table_path("segments", "B", "gt1l")
        stamp = tables.read_stamp(path)
        assert stamp is not None
        frozen = project.table_path("snapshots", "B", "gt1l", "v0001")
        other = Stamp("snapshot", {"note": "another"}, {"segments": stamp.fingerprint})
        tables.write(frozen, SNAPSHOT, tables.read(frozen, SNAPSHOT), other)
        manifest = project.root / "snapshots/v0001/manifest.json"
        manifest.write_text(manifest.read_text().replace(before["snapshot"], "f" * 16))
        return model

    monkeypatch.setattr(training.worker, "work", meanwhile)
    assert train(project) == 0
    assert "snapshot v0001 was changed while the model was trained, which knows its former state" in caplog.text
    assert read_record(project.root / "models/mlp-v0001")["inputs"]["snapshot"] == before["snapshot"]


def test_two_granules_only_are_enough(make_project) -> None:
    project = make_project(granules=("A", "B"), count=600)
    assert train(project) == 0
    split = read_record(project.root / "models/mlp-v0001")["split"]
    assert len(split["held_out"]) == 1
    assert split["honest"]


def test_the_same_training_twice_at_once_is_refused(make_project, capsys) -> None:
    project = make_project(count=400)
    stage = project.stage(Train, {"model": "mlp", "epochs": 4, "batch": 256})
    stamp = stamp_of(stage, find_source(project, ""))
    with writing(project.root, f"model {stamp.fingerprint}", alone=True):
        assert train(project) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline: ")]
    assert "are being written by process" in said[0]
    assert train(project) == 0


def test_two_trainings_at_once_have_names_of_their_own(make_project) -> None:
    project = make_project(count=400)
    with writing(project.root, "run mlp-v0001", alone=True):
        assert train(project) == 0
    assert project.runs("models") == ["mlp-v0001-2"]


def test_a_name_that_was_taken_meanwhile_costs_no_training(make_project, monkeypatch, capsys) -> None:
    project = make_project(count=400)
    work = training.worker.work

    def meanwhile(*words: object) -> object:
        (project.root / "models/mlp-v0001").mkdir()
        (project.root / "models/mlp-v0001/model.json").write_text('{"fingerprint": "another"}')
        return work(*words)

    with monkeypatch.context() as patch:
        patch.setattr(training.worker, "work", meanwhile)
        assert train(project) == 2
    assert "run 'mlp-v0001' has appeared meanwhile" in capsys.readouterr().err
    monkeypatch.setattr(training.loop, "train_epoch", lambda *_: pytest.fail("trained again"))
    assert train(project) == 0
    assert sorted(project.runs("models")) == ["mlp-v0001", "mlp-v0001-2"]

"""Runs told to MLflow, and trainings that go on where it cannot be reached."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processing.errors import InputError, MissingError
from processing.project import Project
from processing.stages import Train
from training import tracking
from training.tracking import Tracker, in_use, promote, tracked

NOBODY = "http://127.0.0.1:9"
TAGS = {"fingerprint": "0123456789abcdef"}


@pytest.fixture(scope="module")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records without a run: MLflow takes a second to make them."""
    project = Project.create(tmp_path_factory.mktemp("records") / "project")
    database = project.root / "mlflow.db"
    database.touch()
    assert in_use(project) is None
    return database


@pytest.fixture
def project(tmp_path: Path, empty_records: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project.create(tmp_path / "a project, 100 %")
    shutil.copy(empty_records, made.root)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return made


def client(project: Project) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{project.root / 'mlflow.db'}", f"sqlite:///{project.root / 'mlflow.db'}")


def runs(project: Project) -> list[Any]:
    """The runs of the project's experiment, oldest first."""
    reader = client(project)
    experiment = reader.get_experiment_by_name(project.name)
    return reader.search_runs([experiment.experiment_id], order_by=["attributes.start_time", "attributes.run_name"])


def steps(project: Project, run: Any, key: str) -> list[tuple[int, float]]:
    history = client(project).get_metric_history(run.info.run_id, key)
    return sorted((point.step, point.value) for point in history)


def artefacts(project: Project, run: Any, folder: str | None = None) -> list[str]:
    return sorted(file.path for file in client(project).list_artifacts(run.info.run_id, folder))


def written(project: Project, name: str) -> Path:
    """Folder of a run as training leaves it."""
    folder = project.root / "models" / name
    folder.mkdir(parents=True)
    for file in ("model.pt", "model.json", "card.md", "metrics.jsonl", "ranks.log"):
        (folder / file).write_text(name)
    return folder


def tell(tracker: Tracker, *losses: float) -> None:
    for epoch, loss in enumerate(losses):
        tracker.epoch(epoch, {"loss": loss})


def leave(project: Project, stage: Train, error: BaseException, work: Callable[[Tracker], None]) -> None:
    """A run that ends with ``error`` after some work."""
    with tracked(project, stage, "run", {}, TAGS) as tracker:
        work(tracker)
        raise error


def train(project: Project, name: str, fingerprint: str, **chosen: Any) -> None:
    """A run of one epoch."""
    stage = project.stage(Train, chosen)
    with tracked(project, stage, name, {}, {"fingerprint": fingerprint}) as tracker:
        tracker.epoch(0, {"loss": 1.0})
        tracker.finished(written(project, name), {"accuracy": 0.9})


def test_a_run_is_told_and_its_model_registered(project: Project) -> None:
    stage = project.stage(Train, {"model": "lstm", "epochs": 2, "held_out": "G," * 4000, "workers": 3})
    with tracked(project, stage, "lstm-v0001", {"snapshot": "v0001"}, TAGS) as tracker:
        tracker.epoch(0, {"loss": 2.0, "accuracy": 0.5})
        tracker.epoch(1, {"loss": 1.0, "accuracy": 0.6})
        tracker.finished(written(project, "lstm-v0001"), {"truth/accuracy": 0.7, "truth/f1": None})

    (run,) = runs(project)
    assert (run.info.run_name, run.info.status) == ("lstm-v0001", "FINISHED")
    expected = {"epochs": "2", "snapshot": "v0001", "model": "lstm", "features_version": "2"}
    assert run.data.params.items() >= expected.items()
    assert 4000 < len(run.data.params["held_out"]) <= 6000
    assert run.data.tags.items() >= (TAGS | {"backend": "horovod"}).items()
    assert run.data.tags["code"]
    assert not {"tracking", "workers", "run_name"} & (run.data.params.keys() | run.data.tags.keys())
    assert steps(project, run, "loss") == [(0, 2.0), (1, 1.0)]
    assert run.data.metrics == {"loss": 1.0, "accuracy": 0.6, "truth/accuracy": 0.7}
    assert artefacts(project, run) == ["card.md", "metrics.jsonl", "model.json", "model.pt"]
    (version,) = client(project).search_model_versions()
    assert (version.name, version.run_id, version.tags) == (project.name, run.info.run_id, {"run": "lstm-v0001"})
    assert list(Path.cwd().iterdir()) == []


def test_promotion_moves_the_alias(project: Project) -> None:
    assert in_use(project) is None
    with pytest.raises(MissingError, match="no version of run 'first'"):
        promote(project, "first")
    train(project, "first", "1")
    train(project, "second", "2")
    assert in_use(project) is None
    promote(project, "second")
    assert in_use(project) == "second"
    promote(project, "first")
    assert in_use(project) == "first"
    with pytest.raises(MissingError, match="' or"):
        promote(project, "' or")
    assert in_use(project) == "first"


def test_an_interrupted_run_goes_on(project: Project) -> None:
    stage = project.stage(Train, {"epochs": 3})
    with pytest.raises(KeyboardInterrupt):
        leave(project, stage, KeyboardInterrupt(), lambda tracker: tell(tracker, 3.0, 2.0))
    assert [run.info.status for run in runs(project)] == ["KILLED"]

    stage = project.stage(Train, {"epochs": 3, "workers": 2})
    for _ in range(2):  # once finished, the same is a run of its own
        with tracked(project, stage, "run", {}, TAGS) as tracker:
            tell(tracker, 3.0, 2.5, 1.0)
            tell(tracker, 3.0, 2.5, 1.0)

    first, second = sorted(runs(project), key=lambda run: run.info.start_time)
    assert [run.info.status for run in (first, second)] == ["FINISHED", "FINISHED"]
    assert steps(project, first, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert steps(project, second, "loss") == [(0, 3.0), (1, 2.5), (2, 1.0)]


def test_the_page_of_a_run_is_told_where_a_server_shows_one_and_one_that_is_stopped_waits_for_no_server(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, reader, patience = tmp_path / "record.jsonl", client(project), []
    monkeypatch.setenv("LEADLINE_PROGRESS", str(file))
    with tracked(project, Train(), "run", {}, TAGS):
        assert not file.exists()
    names = ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    monkeypatch.setenv(names[0], "60")
    monkeypatch.setattr(tracking, "_connect", lambda *_: reader)
    monkeypatch.setattr(reader, "set_terminated", lambda *_: patience.extend(os.environ[name] for name in names))
    with pytest.raises(KeyboardInterrupt):
        leave(project, Train(tracking="http://far:5000/"), KeyboardInterrupt(), lambda _: None)
    (run, _) = sorted(runs(project), key=lambda run: run.info.status == "FINISHED")
    page = f"http://far:5000/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    (told,) = file.read_text().splitlines()
    assert json.loads(told)["link"] == {"name": "MLflow", "url": page}
    assert patience == ["1", "0"]


def test_a_run_registers_its_model_once(project: Project) -> None:
    folder = written(project, "run")
    with pytest.raises(OSError, match="disk"):
        leave(project, Train(), OSError("disk"), lambda tracker: tracker.finished(folder, {}))
    assert [run.info.status for run in runs(project)] == ["FAILED"]
    with tracked(project, Train(), "run", {}, TAGS) as tracker:
        tracker.finished(folder, {})
    assert [run.info.status for run in runs(project)] == ["FINISHED"]
    assert len(client(project).search_model_versions()) == 1


def check_that_training_goes_on(project: Project, stage: Train, caplog: pytest.LogCaptureFixture) -> str:
    """The one warning of a run whose records cannot be reached."""
    surroundings = dict(os.environ)
    with tracked(project, stage, "run", {}, TAGS) as tracker:
        tracker.epoch(0, {"loss": 1.0})
        tracker.finished(project.root, {})
    assert dict(os.environ) == surroundings
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("the run goes on untracked")
    assert len(record.getMessage().splitlines()) == 1
    return record.getMessage()


def test_a_server_that_is_down_costs_no_run(
    project: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = check_that_training_goes_on(project, project.stage(Train, {"tracking": NOBODY}), caplog)
    assert said.startswith("http://127.0.0.1:9: ")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9"):
        in_use(project, NOBODY)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_database_costs_no_run(project: Project, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (project.root / "mlflow.db").write_bytes(content)
    assert "mlflow.db: " in check_that_training_goes_on(project, Train(), caplog)
    assert (project.root / "mlflow.db").read_bytes() == content
    with pytest.raises(InputError, match=r"mlflow\.db"):
        promote(project, "run")


def test_records_that_break_halfway_are_told_once(
    project: Project, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with tracked(project, Train(), "run", {}, TAGS) as tracker:
        monkeypatch.setattr("mlflow.MlflowClient.log_batch", fail)
        tell(tracker, 3.0, 2.0, 1.0)
        tracker.finished(written(project, "run"), {})
    assert [record.getMessage() for record in caplog.records] == [
        f"{project.root / 'mlflow.db'}: no space left; the run goes on untracked"
    ]


def test_off_writes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project = Project.create(tmp_path / "project")
    before = sorted(project.root.rglob("*"))
    with caplog.at_level(logging.INFO), tracked(project, Train(tracking="off"), "run", {}, TAGS) as tracker:
        tracker.epoch(0, {"loss": 1.0})
        tracker.finished(project.root, {})
    assert in_use(project) is None
    with pytest.raises(MissingError):
        promote(project, "run")
    assert sorted(project.root.rglob("*")) == before
    assert caplog.records == []


def test_a_project_in_a_store_is_tracked_by_a_server_alone(caplog: pytest.LogCaptureFixture) -> None:
    project = Project.create("memory://tracking/project")
    with caplog.at_level(logging.INFO), tracked(project, Train(), "run", {}, TAGS) as tracker:
        tracker.epoch(0, {"loss": 1.0})
    (record,) = caplog.records
    assert (record.levelno, "--tracking" in record.getMessage()) == (logging.INFO, True)
    assert in_use(project) is None


@pytest.mark.parametrize("tracking", ["localhost:5000", "mlruns", "databricks", "http://me:secret@host:5000"])
def test_what_is_no_server_is_refused(project: Project, tracking: str) -> None:
    with pytest.raises(InputError, match="--tracking"), tracked(project, Train(tracking=tracking), "run", {}, TAGS):
        pytest.fail("not to be reached")


def test_records_move_with_their_project(project: Project, tmp_path: Path) -> None:
    train(project, "before", "1")
    moved = Project(shutil.move(project.root, tmp_path / "moved"))
    train(moved, "after", "2")
    assert not project.root.exists()
    for run in runs(moved):
        assert "model.pt" in artefacts(moved, run)
    promote(moved, "before")
    assert in_use(moved) == "before"
    assert all(str(tmp_path / "moved") in known.source for known in client(moved).search_model_versions())


def test_nothing_is_sent_said_or_left_behind(project: Project, tmp_path: Path) -> None:
    program = """
import os, socket, sys, threading
from processing.project import Project
from processing.stages import Train
from training.tracking import tracked

def refuse(*_):
    raise AssertionError("sent something")

socket.socket.connect = socket.getaddrinfo = refuse
before = dict(os.environ)
with tracked(Project(sys.argv[1]), Train(), "run", {}, {"fingerprint": "1"}) as tracker:
    tracker.epoch(0, {"loss": 1.0})
assert dict(os.environ) == before
assert threading.active_count() == 1, threading.enumerate()
assert "torch" not in sys.modules
"""
    # Without PATH there is no git; MLflow takes a variable of pytest's for a reason to be silent.
    surroundings = {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-W", "error", "-c", program, str(project.root)]
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [run.info.status for run in runs(project)] == ["FINISHED"]
    assert {path.name for path in tmp_path.iterdir()} == {project.name, "elsewhere"}

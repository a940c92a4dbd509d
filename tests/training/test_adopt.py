"""Models of other projects, the model in use, and evaluation, as typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from processing.cli import cli, run
from processing.commands.freeboard import freeboard_command
from processing.io import tables
from processing.local.staleness import Staleness
from processing.project import Project
from processing.schema import PREDICTION
from processing.stages import Train
from training import tracking
from training.commands import register

QUICK = ("--model", "mlp", "--epochs", "2", "--batch", "256")


@pytest.fixture(autouse=True, scope="module")
def _commands() -> None:
    register(cli)
    cli.add_command(freeboard_command)


def leadline(*words: object) -> int:
    return run([str(word) for word in words])


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line said when the command ends with status 2."""
    capsys.readouterr()
    assert leadline(*words) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline: ")]
    return line


def test_a_model_of_another_project_classifies_this_one(make_project, tmp_path: Path, capsys) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK, "--tracking", "off") == 0
    other = Project(shutil.copytree(project.root, tmp_path / "other"))
    for kind in ("models", "predictions"):
        shutil.rmtree(other.root / kind, ignore_errors=True)
    model = project.root / "models/mlp-v0001"
    for _ in range(2):
        assert leadline("classify", other.root, "--model", model) == 0
    assert leadline("classify", project.root) == 0
    found = [tables.read(p.table_path("predictions", "A", "gt1l", "mlp-v0001"), PREDICTION) for p in (project, other)]
    assert found[0].equals(found[1])
    assert other.runs("models") == ["mlp-v0001"]
    assert "give one of them" in refused(capsys, "classify", other.root, "--model", model, "--run-name", "x")
    said = refused(capsys, "classify", other.root, "--model", tmp_path)
    assert "no such model; give the folder of a model; --run-name takes one of this project" in said
    record = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(record | {"fingerprint": "another"}))
    assert "another model 'mlp-v0001' is in the project" in refused(capsys, "classify", other.root, "--model", model)
    (model / "model.json").write_text(json.dumps(record | {"features": record["features"] | {"version": 1}}))
    said = refused(capsys, "classify", other.root, "--model", model)
    assert "model was made for features version 1, this is 2; train it anew with this version" in said


def test_the_model_in_use_is_the_newest_or_the_promoted_one(make_project, capsys) -> None:
    project = make_project(count=400)
    for seed in (1, 2):
        assert leadline("train", project.root, *QUICK, "--seed", seed, "--run-name", f"m{seed}") == 0
        assert tracking.in_use(project) == f"m{seed}"
    assert leadline("promote", project.root, "m1") == 0
    assert project.runs("models")[-1] == "m1"
    assert tracking.in_use(project) == "m1"
    assert Project(project.root).stage(Train).seed == 1
    assert Staleness(Project(project.root)).of_model("m1") == ""
    assert leadline("classify", project.root) == 0
    assert project.runs("predictions") == ["m1"]
    assert leadline("classify", project.root, "--run-name", "m2") == 0
    assert project.runs("predictions") == ["m2", "m1"]
    for name in ("m2", ""):
        assert leadline("freeboard", project.root, *(["--run-name", name] if name else [])) == 0
    assert leadline("freeboard", project.root, "--run-name", "m2") == 0
    assert project.runs("freeboard") == ["m2", "m1"]
    assert "no model 'm3'; there are: m2, m1" in refused(capsys, "promote", project.root, "m3")


def test_runs_are_tracked_with_their_epochs_and_files(make_project) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    with tracking._records(project, "") as client:
        (run_found,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
        assert run_found.info.run_name == "mlp-v0001"
        assert run_found.data.params["model"] == "mlp"
        assert run_found.data.params["snapshot"] == "v0001"
        assert len(client.get_metric_history(run_found.info.run_id, "loss")) == 2
        assert run_found.data.metrics["test_accuracy"] > 0.5
        names = {file.path for file in client.list_artifacts(run_found.info.run_id)}
    assert names == {"model.pt", "model.json", "card.md", "metrics.jsonl"}


def test_an_evaluation_prints_tables_and_leaves_a_report_with_figures(make_project, capsys) -> None:
    project = make_project(count=500)
    words = ("--models", "mlp,context", "--seeds", 2, "--epochs", 1, "--windows", 400, "--protocols", "paper,granules")
    assert leadline("evaluate", project.root, *words) == 0
    told = capsys.readouterr().out
    folder = project.root / "evaluations/v0001"
    assert str(folder / "report.md") in told
    assert "context" in told
    found = json.loads((folder / "results.json").read_text())
    assert found["synthetic"]
    assert {(row["model"], row["protocol"]) for row in found["rows"]} == {
        (model, protocol) for model in ("mlp", "context") for protocol in ("paper", "granules")
    }
    assert len(found["outcomes"]) == 2 * 2 * 3
    figures = {file.name for file in (folder / "figures").iterdir()}
    assert {"protocols.png", "protocols.svg", "confusion.png", "reliability.svg", "classes.png"} <= figures
    report = (folder / "report.md").read_text()
    assert "synthetic" in report
    assert "figures/protocols.png" in report
    assert "unknown model 'gru'" in refused(capsys, "evaluate", project.root, "--models", "gru")

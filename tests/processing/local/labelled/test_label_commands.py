"""The commands for labels and freeboard as a person types them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from processing.commands.export import export_command
from processing.commands.freeboard import freeboard_command
from processing.commands.labels import label_group, snapshot_command
from processing.errors import InputError
from processing.labels import LabelStore, Stroke
from processing.project import Project


@pytest.fixture(scope="module")
def project(made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(made.make_project(tmp_path_factory.mktemp("commands") / "project", kilometres=3).root)


def say(command: object, *arguments: str) -> list[str]:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_corrections_are_added_listed_undone_and_redone(made: SimpleNamespace, project: str) -> None:
    track = ("--granule", made.granule, "--beam", "gt1l")
    added = say(
        label_group,
        *("add", project, *track, "--from", "2000100", "--to", "2000200"),
        *("--label", "water", "--reason", "cloud", "--analyst", "ada"),
    )
    assert "2000100.0 to 2000200.0 m  water  cloud" in added[0]
    assert say(label_group, "list", project) == added
    assert "undo of 1" in say(label_group, "undo", project, "--analyst", "ada")[0]
    assert say(label_group, "list", project, *track) == ["no corrections"]
    assert say(label_group, "undo", project, "--analyst", "ada") == ["nothing of ada to undo"]
    assert "redo of 2" in say(label_group, "redo", project, "--analyst", "ada")[0]
    assert say(label_group, "list", project) == added
    assert len(say(label_group, "list", project, "--all")) == 3


def test_shifts_and_second_opinions_are_listed_as_what_they_are(made: SimpleNamespace, tmp_path: Path) -> None:
    project = made.make_project(tmp_path / "project", kilometres=1)
    with LabelStore(project.database_url) as store:
        store.shift(made.granule, "S2B_X", 180.0, -120.4, "ada")
        store.shift(made.granule, "S2B_X", None, None, "ada")
        store.add_all([Stroke(made.granule, "gt1l", 2e6, 2.0001e6, 1, "cloud")], "bo", layer="second")
    listed = say(label_group, "list", str(project.root), "--all")
    assert listed[0].endswith(f"{made.granule}  S2B_X  drift 180, -120 m  shift")
    assert listed[1].endswith(f"{made.granule}  S2B_X  drift as estimated  shift")
    assert listed[2].endswith("2000000.0 to 2000100.0 m  thin  cloud  second opinion")
    assert say(label_group, "list", str(project.root)) == ["no corrections"]
    assert say(label_group, "undo", str(project.root), "--analyst", "ada")[0].endswith("undo of 2")


def test_a_track_that_is_not_there_is_refused(project: str) -> None:
    arguments = ["add", project, "--granule", "ATL03_none", "--beam", "gt1l", "--from", "0", "--to", "1"]
    with pytest.raises(InputError, match="ATL03_none"):
        say(label_group, *arguments, "--label", "thin", "--analyst", "ada")


def test_an_interval_off_the_track_is_refused(made: SimpleNamespace, project: str) -> None:
    track = ("--granule", made.granule, "--beam", "gt1l", "--label", "thin", "--analyst", "ada")
    before = say(label_group, "list", project, "--all")
    with pytest.raises(InputError, match=r"the track runs from 20000.. to 20029.. m"):
        say(label_group, "add", project, *track, "--from", "2000", "--to", "2003")
    with pytest.raises(InputError, match="the track runs"):
        say(label_group, "add", project, *track, "--from", "1999000", "--to", "2000001")
    assert say(label_group, "list", project, "--all") == before


def test_freeze_compute_export(made: SimpleNamespace, project: str, tmp_path: Path) -> None:
    assert say(snapshot_command, project, "--note", "x")[0].startswith("v0001 frozen")
    assert say(snapshot_command, project)[0].startswith("v0001 unchanged")
    assert (
        say(freeboard_command, project, "--estimator", "average")[0] == f"freeboard {made.run} is up to date, 2 tracks"
    )
    assert Project(Path(project)).settings["stage"]["freeboard"] == {"estimator": "average"}, "it is remembered"
    assert say(freeboard_command, project, "--source", "labels")[0].startswith("freeboard labels-v0001")
    out = tmp_path / "freeboard.csv"
    say(export_command, project, "--run", made.run, "--format", "csv", "--out", str(out))
    assert out.read_text().startswith('"granule_id","beam","segment"')

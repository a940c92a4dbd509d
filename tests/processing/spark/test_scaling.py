"""``leadline scaling``: what it prints, keeps and leaves alone, and its sums by hand."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from PIL import Image

from processing import cli
from processing.commands import scaling as command
from processing.errors import InputError
from processing.io.atomic import ASIDE
from processing.project import Project
from processing.spark import scaling
from processing.spark.projection import project_onto_month
from processing.spark.scaling import PLAIN, Measured, Setup
from processing.stages import Engine

sys.path.insert(0, str(Path(__file__).parents[2] / "dashboard"))
import small_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small_project.make(tmp_path / "project")


def _files(project: Project) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in project.root.rglob("*") if "scaling" not in path.parts}


def test_a_stage_is_measured_without_spark_and_on_one_core(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _files(project)
    cli.load_commands()
    words = ["scaling", str(project.root), "--stage", "freeboard", "--executors", "1", "--cores-each", "1"]
    assert cli.run(words) == 0
    told = capsys.readouterr().out
    assert "freeboard (Table V of the paper): seconds; times faster than 1 x 1" in told
    assert "a projection, not a measurement" in told
    assert ASIDE not in told
    with (project.root / "scaling" / "scaling.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["executors"], row["cores_each"]) for row in rows] == [("0", "0"), ("1", "1")]
    assert all(float(row["whole_s"]) > 0 for row in rows)
    assert [int(row["tasks"]) for row in rows] == [0, len(small_project.BEAMS)]
    with Image.open(project.root / "scaling" / "scaling.png") as picture:
        assert picture.width > 1000
    after = _files(project)
    assert {path: at for path, at in after.items() if path != project.root} == {
        path: at for path, at in before.items() if path != project.root
    }


def test_one_core_is_always_measured() -> None:
    far = Engine(master="spark://head:7077")
    assert command._setups([2], [4, 1], far) == [Setup(1, 1), Setup(2, 1), Setup(2, 4)]
    assert command._setups([1, 2], [1], far) == [Setup(1, 1), Setup(2, 1)]


def test_what_cannot_be_measured_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cli.load_commands()
    words = ["scaling", str(project.root), "--executors", "1000", "--cores-each", "1000"]
    assert cli.run(words) == 2
    assert "no set-up fits" in capsys.readouterr().err
    assert cli.run(["scaling", str(project.root), "--executors", "two"]) == 2
    assert "is not of the form 1,2,4" in capsys.readouterr().err
    (project.root / "predictions").rename(project.root / "elsewhere")
    assert cli.run(["scaling", str(project.root)]) == 2
    assert "there are no predictions to measure with" in capsys.readouterr().err


def test_a_stage_that_fails_leaves_nothing_aside(project: Project) -> None:
    def fails(_root: Path, _engine: Engine) -> None:
        raise InputError("no")

    with pytest.raises(InputError):
        list(scaling.measure(project, ["freeboard"], PLAIN, Engine(), lambda _key: fails))
    assert not list(project.root.glob(f"{ASIDE}*"))


def test_time_in_which_any_stage_of_spark_was_at_work() -> None:
    spans = [("10.000", "12.000"), ("11.000", "11.500"), ("11.900", "13.000"), ("20.000", "20.250")]
    stages = [
        {"submissionTime": f"2026-01-01T00:00:{begin}GMT", "completionTime": f"2026-01-01T00:00:{end}GMT"}
        for begin, end in spans
    ]
    assert scaling._covered(stages) == pytest.approx(3.25)
    assert scaling._covered([]) == 0.0


def test_a_month_by_hand(project: Project) -> None:
    found = [
        Measured("freeboard", PLAIN, 40.0),
        Measured("freeboard", Setup(1, 1), 50.0),
        Measured("freeboard", Setup(2, 2), 20.0),
    ]
    [month] = project_onto_month(project, found, 1_000_000)
    assert month.rate == 20_000.0
    assert month.efficiency == pytest.approx(0.625)  # 50 s of one core became 4 times 20 s
    assert month.core_hours == pytest.approx(1e10 / 20_000.0 / 3600.0)
    assert month.hours(16) == pytest.approx(month.core_hours / 10.0)
    size = sum(path.stat().st_size for path in (project.root / "freeboard").rglob("*") if path.is_file())
    assert month.written == pytest.approx(size * 1e4)

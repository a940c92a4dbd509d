"""The whole chain on a short synthetic pair, as typed: every table made, nothing made twice, the right ones again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.cli import run
from processing.io import tables
from processing.io.atomic import ASIDE
from processing.project import Project
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, SNAPSHOT, Table

OUTPUTS: dict[str, Table] = {
    "segments": SEGMENT,
    "autolabels": LABEL,
    "snapshots": SNAPSHOT,
    "predictions": PREDICTION,
    "freeboard": FREEBOARD,
}
IN_RUNS = {"snapshots", "predictions", "freeboard"}
ON_SPARK = ("segments", "autolabels", "predictions", "freeboard")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chain")]


def leadline(*words: str | Path) -> int:
    return run([str(word) for word in words])


def newest(project: Project, kind: str) -> str:
    return project.runs(kind)[-1] if kind in IN_RUNS else ""


def written(root: Path, kind: str) -> dict[str, int]:
    """Modification time by path of every table below ``kind``."""
    return {str(file.relative_to(root)): file.stat().st_mtime_ns for file in (root / kind).rglob("*.parquet")}


def all_written(root: Path) -> dict[str, int]:
    return {path: time for kind in OUTPUTS for path, time in written(root, kind).items()}


@pytest.fixture
def project(chain: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, with the times of its files, to change at will."""
    return shutil.copytree(chain, tmp_path / "copy", symlinks=True)


def test_every_table_is_there_for_every_track(chain: Path) -> None:
    project = Project(chain)
    tracks = project.tracks("segments")
    assert len({granule for granule, _ in tracks}) == 2
    assert len(tracks) == 12
    for kind, schema in OUTPUTS.items():
        name = newest(project, kind)
        assert project.tracks(kind, name) == tracks, kind
        for granule, beam in tracks:
            table = tables.read(project.table_path(kind, granule, beam, name), schema)
            segments = tables.count_rows(project.table_path("segments", granule, beam))
            assert table.num_rows == segments > 0, f"{kind} {granule} {beam}"


def test_status_finds_nothing_stale(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leadline("status", chain) == 0
    assert "stale" not in capsys.readouterr().out.replace("nothing is stale", "")


def test_again_writes_nothing(chain: Path, recipe: Path) -> None:
    before = all_written(chain)
    assert leadline("run", chain) == 0
    assert leadline("demo", "--project", chain, "--recipe", recipe, "--no-serve") == 0
    assert all_written(chain) == before


def test_another_recipe_is_refused(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert leadline("demo", "--project", chain, "--no-serve") == 2
    assert str(chain) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (("freeboard", "--estimator", "weighted"), {"freeboard"}),
        (("autolabel", "--transition", "30"), {"autolabels", "snapshots", "predictions", "freeboard"}),
    ],
)
def test_a_changed_parameter_makes_the_right_tables_again(
    project: Path, words: tuple[str, ...], again: set[str]
) -> None:
    before = {kind: written(project, kind) for kind in OUTPUTS}
    stage, *options = words
    assert leadline(stage, project, *options) == 0
    assert leadline("run", project) == 0
    after = {kind: written(project, kind) for kind in OUTPUTS}
    assert {kind for kind in OUTPUTS if after[kind] != before[kind]} == again


def test_tables_that_are_gone_are_made_again_and_no_others(project: Path) -> None:
    victim = Project(project).tracks("segments")[0][0]
    tables_before = written(project, "segments")
    for file in (project / "segments" / f"granule={victim}").rglob("*.parquet"):
        file.unlink()
    assert leadline("resample", project) == 0
    after = written(project, "segments")
    assert set(after) == set(tables_before)
    assert {path for path in after if after[path] != tables_before[path]} == {p for p in after if victim in p}


def interrupt_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``count`` tables be written, then press Ctrl-C in the middle of the next."""
    original: Callable[..., int] = tables.write
    written_so_far = 0

    def write(*arguments: object, **options: object) -> int:
        nonlocal written_so_far
        if written_so_far == count:
            raise KeyboardInterrupt
        written_so_far += 1
        return original(*arguments, **options)

    monkeypatch.setattr(tables, "write", write)


def test_interrupted_and_resumed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(project / "segments")
    with monkeypatch.context() as patch:
        interrupt_after(3, patch)
        assert leadline("resample", project) == 130
    kept = written(project, "segments")
    assert len(kept) == 3
    assert not list(project.rglob(f"{ASIDE}*"))
    assert leadline("resample", project) == 0
    resumed = written(project, "segments")
    assert len(resumed) == 12
    assert {path: resumed[path] for path in kept} == kept


def test_spark_makes_the_very_same_tables(
    chain: Path, project: Path, assert_same_tables: Callable[[Project, Project, str], None]
) -> None:
    for kind in ON_SPARK:
        shutil.rmtree(project / kind)
    kept = {kind: written(project, kind) for kind in OUTPUTS if kind not in ON_SPARK}
    assert leadline("run", project, "--engine", "spark") == 0
    for kind in ON_SPARK:
        assert_same_tables(Project(chain), Project(project), kind)
    assert {kind: written(project, kind) for kind in kept} == kept

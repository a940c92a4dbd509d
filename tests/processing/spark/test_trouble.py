"""Spark jobs that meet trouble: a lost executor, a cancel, a corrupt granule, a Python that lacks things."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark import SparkContext

from processing import cli
from processing.errors import InputError
from processing.io.atomic import ASIDE
from processing.local.resample import resample as on_one_machine
from processing.progress import progress_bar, watched
from processing.project import Project
from processing.spark import resample as spark
from processing.spark.granules import GranuleJob, run_granules
from processing.spark.session import cluster, kept_open
from processing.spark.standalone import Standalone
from processing.spark.trouble import ClusterLostError, in_one_line, translated
from processing.stages import Engine, Resample

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_granules import Recipe, make_granule
from made_stretches import GRANULE, add
from made_trouble import At, kill_an_executor

Same = Callable[[Project, Project, str], None]

_REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def on_cluster(two_workers: Standalone) -> Iterator[Engine]:
    """One Spark session for the tests that can share it."""
    with kept_open():
        yield Engine(engine="spark", master=two_workers.url)


def test_an_executor_killed_in_mid_job_changes_nothing(
    two_workers: Standalone, on_cluster: Engine, long_project: Project, tmp_path: Path, assert_same_tables: Same
) -> None:
    at = At(partial(kill_an_executor, two_workers))
    with watched(at):
        spark.resample(long_project, Resample(), on_cluster)
    assert at.seen is not None
    whole = Project.create(tmp_path / "whole")
    add(whole, long_project.input("granules", GRANULE).path.resolve())
    on_one_machine(whole, Resample())
    assert_same_tables(whole, long_project, "segments")
    assert not list(long_project.root.rglob(f"{ASIDE}*"))


def test_a_cancelled_job_leaves_no_half_result_and_no_task(on_cluster: Engine, long_project: Project) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with watched(At(interrupt)), pytest.raises(KeyboardInterrupt):
        spark.resample(long_project, Resample(), on_cluster)
    assert long_project.tracks("segments") == []
    assert not list(long_project.root.rglob(f"{ASIDE}*"))
    with cluster(on_cluster, "again") as same:
        assert same.running() == 0
    spark.resample(long_project, Resample(), on_cluster)
    assert long_project.tracks("segments") == [(GRANULE, "gt1r")]


ENDS_ITSELF = """
import os, signal, sys
from made_trouble import At
from processing import cli
from processing.progress import progress_bar, watched
from processing.spark import granules, resample

resample._FEWEST, granules._TASKS_A_CORE, granules._POLL = 1, 8, 0.05
cli.load_commands()
at = At(lambda: os.killpg(0, signal.SIGTERM))
with watched(at):
    status = cli.run(sys.argv[1:])
assert at.seen is not None
sys.exit(status)
"""


def test_a_command_that_ends_together_with_its_java_goes_on_later(on_cluster: Engine, long_project: Project) -> None:
    """As when a whole process group is asked to end."""
    words = ["resample", str(long_project.root), "--engine", "spark", "--master", "local[2]"]
    done = subprocess.run(
        [sys.executable, "-c", ENDS_ITSELF, *words],
        capture_output=True,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("leadline: interrupted")
    assert long_project.tracks("segments") == []
    spark.resample(long_project, Resample(), on_cluster)
    assert long_project.tracks("segments") == [(GRANULE, "gt1r")]
    assert not list(long_project.root.rglob(f"{ASIDE}*"))


def py4j_raises(error: Exception) -> None:
    namespace: dict[str, Any] = {"__name__": "py4j.java_gateway", "error": error}
    exec("raise error", namespace)


@pytest.mark.parametrize(
    "error",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("An error occurred while calling o49.statusTracker"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
)
def test_spark_that_has_ended_ends_the_command_and_not_a_granule(on_cluster: Engine, error: Exception) -> None:
    def asks_java(_group: str) -> None:
        with translated("granule A"):
            py4j_raises(error)

    with (
        cluster(on_cluster, "lost") as running,
        progress_bar("lost", 1, "granules") as bar,
        pytest.raises(ClusterLostError, match=r"Java process of this command has ended.*goes on from there"),
    ):
        run_granules(running, bar, [GranuleJob("A", 1.0, asks_java)])
    with pytest.raises(ClusterLostError), cluster(on_cluster, "lost"):  # whatever was asked of Java just then
        py4j_raises(error)
    with pytest.raises(ConnectionResetError), translated("a store"):
        raise ConnectionResetError
    assert "could not connect" in in_one_line("IOException: could not connect: Connection refused", "granule A").line


def test_a_corrupt_granule_among_twenty_is_told_and_the_rest_is_done(
    on_cluster: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = Project.create(tmp_path / "project")
    files = [
        make_granule(tmp_path / f"{ATL03}.h5", Recipe(seed=number))
        for number, ATL03 in enumerate(f"ATL03_201911{number + 10}195311_05940510_006_01" for number in range(20))
    ]
    add(project, *files)
    whole = files[7].read_bytes()
    files[7].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="ATL03_20191117195311") as told:
        spark.resample(project, Resample(), on_cluster)
    assert told.value.others_done
    assert len(project.tracks("segments")) == 19
    assert "ATL03_20191117195311" in caplog.text
    before = {path: path.stat().st_mtime_ns for path in (project.root / "segments").rglob("*.parquet")}
    files[7].write_bytes(whole)
    spark.resample(project, Resample(), on_cluster)
    after = {path: path.stat().st_mtime_ns for path in (project.root / "segments").rglob("*.parquet")}
    assert len(after) == 20
    assert {path: time for path, time in after.items() if path in before} == before


def python_that_hides(folder: Path, hidden: str) -> Path:
    """This Python, but for modules that ``hidden`` (a condition on ``name`` and ``found.origin``) says it lacks."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Finder(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        found = PathFinder.find_spec(name, path, target)\n"
        f"        return None if found and ({hidden}) else found\n"
        "sys.meta_path[:] = [Finder if each is PathFinder else each for each in sys.meta_path]\n"
        f"sys.meta_path[:] = [each for each in sys.meta_path if 'editable' not in getattr(each, '__module__', '')]\n",
        encoding="utf-8",
    )
    file = folder / "python"
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}:$PYTHONPATH" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def where_the_code_lies(_number: int) -> Iterator[str]:
    import processing.errors

    yield processing.errors.__file__


def test_an_executor_without_a_dependency_is_told(
    on_cluster: Engine, long_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(python_that_hides(tmp_path / "without", "name == 'h5py'"), on_cluster, monkeypatch)
    with pytest.raises(InputError, match=r"lacks the module h5py.*--executor-python"):
        spark.resample(long_project, Resample(), on_cluster)


def test_an_executor_that_cannot_import_what_it_has_is_told(
    on_cluster: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = python_that_hides(tmp_path / "with", "False")
    (python.parent / "broken_module.py").write_text("raise OSError('libbroken.so is not there')", encoding="utf-8")
    use(python, on_cluster, monkeypatch)
    told = r"cannot import broken_module \(libbroken.so is not there\).*--executor-python"
    with pytest.raises(InputError, match=told), cluster(on_cluster, "test", ("broken_module",)):
        pass


def test_an_executor_without_python_is_told(
    on_cluster: Engine, long_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Path("/no/such/python"), on_cluster, monkeypatch)
    with pytest.raises(InputError, match="no Python at /no/such/python"):
        spark.resample(long_project, Resample(), on_cluster)


def test_the_code_travels_to_an_executor_that_does_not_have_it(
    on_cluster: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"str(found.origin).startswith({str(_REPOSITORY)!r})"
    use(
        python_that_hides(tmp_path / "without", f"name in ('processing', 'training') and {here}"),
        on_cluster,
        monkeypatch,
    )
    monkeypatch.setattr(where_the_code_lies, "__module__", "__main__")  # so that it travels by value
    with cluster(on_cluster, "test") as running:
        [[place]] = running.collect(where_the_code_lies, [0], "where")
    assert isinstance(place, str)
    assert Path(place).read_bytes() == (_REPOSITORY / "processing" / "errors.py").read_bytes()
    assert not place.startswith(str(_REPOSITORY))


def use(python: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the open session's executors run another Python, as a session begun with --executor-python would."""
    with cluster(engine, "test"):
        monkeypatch.setattr(SparkContext._active_spark_context, "pythonExec", str(python))


def test_a_project_named_relative_to_where_the_command_runs_is_found_by_executors(
    on_cluster: Engine, long_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(long_project.root.parent)
    cli.load_commands()
    words = ["resample", long_project.root.name, "--engine", "spark", "--master", on_cluster.master]
    assert cli.run(words) == 0
    assert long_project.tracks("segments") == [(GRANULE, "gt1r")]

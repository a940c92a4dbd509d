"""Spark jobs that cannot begin or go on for what the cluster, a disk or another job is like, each told in one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processing import cli
from processing.errors import InputError
from processing.io import tables
from processing.io.atomic import ASIDE
from processing.project import Project
from processing.spark import resample as spark
from processing.spark import session
from processing.spark.standalone import Standalone, standalone
from processing.stages import Engine, Resample

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_stretches import GRANULE, add


def test_no_master_is_told_in_one_line(tmp_path: Path, long_granule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = Project.create(tmp_path / "project")
    add(project, long_granule)
    cli.load_commands()
    words = ["resample", str(project.root), "--engine", "spark", "--master", "spark://127.0.0.1:1"]
    assert cli.run(words) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert "no Spark master answers at 127.0.0.1:1" in told[0]
    assert "start one" in told[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted without the right to")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_scratch_disk_of_a_worker_is_told(tmp_path: Path, long_project: Project, small_disk: Path) -> None:
    with (
        standalone(tmp_path / "cluster", 1, 2, 2048, {"SPARK_LOCAL_DIRS": str(small_disk)}) as running,
        pytest.raises(InputError, match="the disk of a worker is full"),
    ):
        spark.resample(long_project, Resample(), Engine(engine="spark", master=running.url))
    assert long_project.tracks("segments") == []


def test_a_full_disk_of_the_project_is_told_and_nothing_is_half_written(
    long_project: Project, small_disk: Path
) -> None:
    (long_project.root / "segments").symlink_to(small_disk)
    (small_disk / "filler").write_bytes(bytes(56 << 10))
    with pytest.raises(InputError, match=r"disk .* is full"):
        spark.resample(long_project, Resample(), Engine(engine="spark", master="local[2]"))
    assert long_project.tracks("segments") == []
    assert not list(long_project.root.rglob(f"{ASIDE}*"))
    (small_disk / "filler").unlink()


def test_of_two_jobs_that_write_the_same_run_one_is_refused(long_project: Project) -> None:
    words = [str(Path(sys.executable).parent / "leadline"), "resample", str(long_project.root), "--engine", "spark"]
    jobs = [
        subprocess.Popen([*words, "--master", "local[1]"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {job.communicate()[1].strip().splitlines()[-1]: job.returncode for job in jobs}
    assert sorted(told.values()) == [0, 2]
    assert [line for line, status in told.items() if status == 2 and "segments are being written by process" in line]
    assert tables.count_rows(long_project.table_path("segments", GRANULE, "gt1r")) > 0


def test_an_executor_that_no_worker_can_hold_is_told(
    two_workers: Standalone, long_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WORKER_SECONDS", 1.0)
    engine = Engine(engine="spark", master=two_workers.url, executor_memory=1_000_000)
    with pytest.raises(InputError, match="no worker offered an executor of any cores and 1000000 MiB"):
        spark.resample(long_project, Resample(), engine)


def test_a_session_begins_with_nothing_of_the_one_before(two_workers: Standalone) -> None:
    few = Engine(engine="spark", master="local[1]", cores=1, executor_cores=1)
    with session.cluster(few, "before") as before:
        assert (before.cores, before.page) == (1, "")
    with session.cluster(Engine(engine="spark", master=two_workers.url), "after") as after:
        assert after.cores == len(two_workers.workers)
        assert after.page.startswith("http")

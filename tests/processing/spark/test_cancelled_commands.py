"""Commands on a cluster that are cancelled, or killed, at some moments: what is left of them."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from processing.io import tables
from processing.io.atomic import ASIDE
from processing.io.locks import writing
from processing.local.freeboard import freeboard
from processing.project import Project
from processing.schema import FREEBOARD
from processing.spark.standalone import Standalone
from processing.stages import Freeboard

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_freeboard import PREDICTED, TRACKS, make_project
from made_trouble import is_executor

BEFORE, AFTER = 9000.0, 8000.0
NICE = 5
PATIENCE = 10.0

IN_SMALL_PIECES = """
import sys
from processing import cli
from processing.spark import freeboard, granules
freeboard._FEWEST, freeboard._MOST, freeboard._UNIT, granules._POLL = 1, 1, 100, 0.05
freeboard._least = lambda track: 1.0
sys.exit(cli.run(sys.argv[1:], cli.load_commands))
"""


class Command:
    """A ``leadline freeboard`` on a cluster: what it tells of its progress, and the processes that bear its mark."""

    def __init__(self, folder: Path, project: Project, master: str) -> None:
        os.mkfifo(folder / "progress")
        self.record = os.open(folder / "progress", os.O_RDWR)  # so that it has no end while nobody writes
        self.errors = folder / "errors"
        self.job = str(folder)
        surroundings = {"LEADLINE_PROGRESS": str(folder / "progress"), "LEADLINE_JOB": self.job}
        words = ["freeboard", str(project.root), "--engine", "spark", "--master", master, "--window", str(AFTER)]
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", IN_SMALL_PIECES, *words],
                env={**os.environ, **surroundings, "LEADLINE_NICE": str(NICE)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def close(self) -> None:
        """End what is left of it, where a test failed."""
        os.close(self.record)
        for process in self.bearers():
            process.kill()
        self.process.wait()

    def told(self) -> Iterator[dict[str, Any]]:
        """What it tells, as it tells it."""
        with os.fdopen(os.dup(self.record), "rb", buffering=0) as lines:
            while select.select([lines], [], [], 60.0)[0]:
                yield json.loads(lines.readline())
        pytest.fail(f"it tells nothing any more: {self.errors.read_text('utf-8')}")

    def wait_for(self, moment: str) -> None:
        """Let it come to where it waits for something, or has done some of its tasks, and some way beyond."""
        for facts in self.told():
            if facts.get("waiting", "").startswith(moment) if moment else facts.get("tasks_done", 0) > 0:
                break
        try:
            self.process.wait(random.Random(moment).uniform(0.0, 1.0) if moment else 0.0)
        except subprocess.TimeoutExpired:
            return
        pytest.fail(f"it ended by itself: {self.errors.read_text('utf-8')}")

    def bearers(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_mine(process)]

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("LEADLINE_JOB") == self.job
        except psutil.Error:
            return False


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the freeboard of another window."""
    project = make_project(tmp_path / "project")
    freeboard(project, Freeboard(window=BEFORE))
    return project


@pytest.fixture
def command(two_workers: Standalone, tmp_path: Path, project: Project) -> Iterator[Command]:
    with closing(Command(tmp_path, project, two_workers.url)) as command:
        yield command


def tables_are_whole(project: Project) -> bool:
    """Whether each track's table can be read, and was made with one window or the other."""
    paths = [project.table_path("freeboard", *track, PREDICTED) for track in TRACKS]
    rows = [tables.read(path, FREEBOARD).num_rows for path in paths]
    stamps = [tables.read_stamp(path) for path in paths]
    segments = [tables.count_rows(project.table_path("segments", *track)) for track in TRACKS]
    return rows == segments and all(stamp and stamp.parameters["window"] in (BEFORE, AFTER) for stamp in stamps)


@pytest.mark.parametrize("moment", ["starting Spark", "asking spark://", "starting Python", ""])
def test_a_cancelled_command_leaves_no_process_and_no_half_table(
    command: Command, project: Project, moment: str
) -> None:
    command.wait_for(moment)
    bearers = command.bearers()
    if not moment:
        workers = [process for process in bearers if process.pid != command.process.pid and process.nice() == NICE]
        assert sum(map(is_executor, workers)) == 2
        assert len(workers) >= 6, "each executor has a Python that starts others, and one of these at least"
    command.process.send_signal(signal.SIGTERM)
    assert command.process.wait(PATIENCE) == 130
    psutil.wait_procs(bearers, PATIENCE)
    psutil.wait_procs(command.bearers(), PATIENCE)  # what was being started when the processes were looked for
    assert command.bearers() == []
    told = command.errors.read_text("utf-8")
    assert told.strip().splitlines()[-1].startswith("leadline: interrupted")
    assert "Error" not in told
    assert "Traceback" not in told
    assert not list(project.root.rglob(f"{ASIDE}*"))
    assert tables_are_whole(project)
    with writing(project.root, "freeboard", alone=True):
        pass


def test_of_a_killed_command_nothing_goes_on(command: Command, project: Project) -> None:
    command.wait_for("")
    bearers = command.bearers()
    assert any(map(is_executor, bearers))
    command.process.kill()
    psutil.wait_procs(bearers, PATIENCE)
    assert command.bearers() == []
    assert tables_are_whole(project)

"""Jobs as real processes: to their end, cancelled, killed, without a server, within the cores; nothing is left over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from job_world import LONG, QUICK, World, living, prepare, until

from dashboard.jobs.keeper import Keeper
from dashboard.jobs.model import Job, JobState
from dashboard.jobs.processes import began, is_there
from dashboard.jobs.store import JobStore
from processing.project import Project

pytestmark = pytest.mark.slow

LIMIT = 10.0
"""Seconds from a cancel to nothing being left."""

MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def make_world(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWorld]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    made: list[World] = []

    def make(**how: object) -> World:
        made.append(World(prepared, tmp_path, **how))
        return made[-1]

    yield make
    for world in made:
        world.close()


def supervisor_of(world: World, number: int) -> psutil.Process:
    """The process that watches over a job, once the database knows it."""
    until(lambda: world.job(number).beat > 0, said=world.said)
    return psutil.Process(world.job(number).pid)


def session_niceness(job: Job) -> set[int]:
    """How nice the sessions below a job's supervisor are to others; nothing where the system does not group them."""
    sessions = {os.getsid(process.pid) for process in living(job)} - {job.pid}
    files = [Path(f"/proc/{session}/autogroup") for session in sessions]
    return {int(file.read_text().rpartition(" ")[2]) for file in files if file.exists()}


def test_a_chain_goes_to_its_end_without_a_server(make_world: MakeWorld) -> None:
    world = make_world()
    training = replace(world.order("train", **QUICK), results={"snapshot": 1})
    made = world.launch(world.order("autolabel", transition=25.0), world.order("snapshot"), training)
    labels, snapshot, train = world.ended(*(job.id for job in made))
    assert [job.state for job in (labels, snapshot, train)] == ["done"] * 3, world.said()
    assert (snapshot.result, train.snapshot, train.parameters["snapshot"]) == ("v0003", "v0003", "v0003")
    assert Project(world.root).runs("models") == [train.result]
    assert {job.status for job in (labels, snapshot, train)} == {0}
    assert train.commit.startswith("0.1.0")
    for job in (labels, snapshot, train):
        folder = world.folder(job.id)
        assert json.loads(folder.spec.read_text())["command"][3] == job.stage
        assert folder.read_outcome() == (JobState.DONE, {"status": 0, "result": job.result})
        assert any("total" in line for line in world.told(job.id))
    used = [json.loads(line) for line in world.folder(train.id).usage.read_text().splitlines()]
    assert max(line["memory"] for line in used) > 50e6
    until(lambda: world.left() == [])


def test_a_command_that_fails_says_why_in_a_line_and_what_needs_it_is_cancelled(make_world: MakeWorld) -> None:
    world = make_world()
    world.launch(world.order("freeboard"), world.order("snapshot"))
    failed, cancelled = world.ended(1, 2)
    assert (failed.state, failed.status) == ("failed", 2)
    assert "there are no predictions yet; run: leadline classify" in failed.reason
    assert "\n" not in failed.reason
    assert (cancelled.state, cancelled.reason) == ("cancelled", "it needs #1 freeboard, which failed")
    until(lambda: world.left() == [])


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_job_that_is_cancelled_ends_whole_in_seconds_and_what_needs_it_with_it(make_world, ranks: int) -> None:
    world = make_world(cores=ranks)
    world.launch(world.order("train", **LONG | {"workers": ranks}), world.order("classify"))
    (queued,) = world.launch(world.order("evaluate", models="mlp"))
    job = world.learning(1)
    commands = [process for process in living(job) if process.pid != job.pid]
    assert len(commands) >= ranks
    assert {process.nice() for process in commands} == {10}
    until(lambda: session_niceness(job) <= {10}, LIMIT)
    assert "a secret" not in "".join(" ".join(process.environ().values()) for process in living(job))
    assert world.keeper.store.ask_stop(queued.id, "bo").state is JobState.CANCELLED
    asked = time.monotonic()
    assert world.keeper.store.ask_stop(job.id, "bo").state is JobState.STOPPING
    ended, needing = world.ended(job.id, 2, seconds=LIMIT)
    until(lambda: world.left() == [], LIMIT)
    assert time.monotonic() - asked < LIMIT
    assert (ended.state, ended.reason, ended.result) == ("cancelled", "cancelled by bo", "")
    assert needing.reason == "it needs #1 train, which was cancelled"
    assert Project(world.root).runs("models") == []
    assert not world.folder(queued.id).path.exists()


def test_a_job_whose_supervisor_is_killed_is_found_lost_and_cleared_away(make_world: MakeWorld) -> None:
    world = make_world()
    world.launch(world.order("train", **LONG | {"workers": 2}), world.order("classify"))
    job = world.learning(1)
    supervisor_of(world, 1).kill()
    with Keeper(world.root) as other:
        until(lambda: [lost.id for lost in other.look_after()] == [1], LIMIT)
        assert other.start_due() == []
        assert other.look_after() == []
    assert living(job) == []
    assert world.states() == ["lost", "cancelled"]
    assert "ended without a word" in world.job(1).reason
    assert world.left() == []


_SERVER = """
import sys
from pathlib import Path
from dashboard.jobs.board import Board
from dashboard.jobs.rules import checked
from processing.project import Project
root = Path(sys.argv[1])
board = Board(root)
board.begin()
asked = [{"stage": "snapshot"}, {"stage": "freeboard", "parameters": {"source": "labels"}, "cores": 1}]
board.launch([checked(Project(root), each) for each in asked], "ada")
print("launched", flush=True)
sys.stdin.readline()
"""


def test_jobs_go_on_when_the_server_is_killed_and_the_queue_too(make_world: MakeWorld) -> None:
    world = make_world()
    words = [sys.executable, "-c", _SERVER, str(world.root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "launched\n"
        server.kill()
    assert world.states() == ["running", "queued"]
    snapshot, freeboard = world.ended(1, 2)
    assert [job.state for job in (snapshot, freeboard)] == ["done", "done"], world.said()
    assert freeboard.result == "labels-v0002"
    with Keeper(world.root) as found:
        assert found.look_after() == []
        assert found.start_due() == []
    until(lambda: world.left() == [])


def test_an_end_that_only_the_disk_knows_is_recorded(make_world: MakeWorld) -> None:
    world = make_world()
    with JobStore(Project(world.root).database_url) as store:
        store.add([world.order("train", **QUICK)], "ada")
        store.claim(1)
        with subprocess.Popen([sys.executable, "-c", ""]) as gone:
            since = began(gone.pid)
        store.beat(1, pid=gone.pid, began=since)
    world.folder(1).path.mkdir(parents=True)
    world.folder(1).write_outcome(JobState.DONE, {"status": 0, "result": "mlp-v0001"})
    (found,) = world.keeper.look_after()
    assert (found.state, found.result, found.reason) == ("done", "mlp-v0001", "")


_CLAIMER = """
import os, signal, sys
from dashboard.jobs.store import JobStore
with JobStore(sys.argv[1]) as store:
    store.claim(1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_job_whose_server_was_killed_before_it_could_start_it_is_started_by_another(make_world: MakeWorld) -> None:
    world = make_world()
    world.keeper.store.add([world.order("snapshot")], "ada")
    subprocess.run([sys.executable, "-c", _CLAIMER, Project(world.root).database_url], check=False)
    assert world.states() == ["running"]
    assert [job.state for job in world.keeper.look_after()] == ["queued"]
    assert [job.id for job in world.keeper.start_due()] == [1]
    assert world.ended(1)[0].state is JobState.DONE, world.said()


def test_a_process_is_known_by_when_the_machine_says_it_began() -> None:
    own = began(os.getpid())
    assert is_there(os.getpid(), own)
    assert not is_there(os.getpid(), own - 1.0)
    assert not is_there(0, 0.0)


def test_a_supervisor_that_is_asked_to_end_ends_its_job_in_order(make_world: MakeWorld) -> None:
    world = make_world()
    world.launch(world.order("train", **LONG))
    world.learning(1)
    supervisor_of(world, 1).terminate()
    (job,) = world.ended(1, seconds=LIMIT)
    assert (job.state, job.status) == ("cancelled", 130)
    assert "asked to end" in job.reason
    until(lambda: world.left() == [], LIMIT)


def test_a_command_that_does_not_heed_is_killed_in_time(make_world: MakeWorld) -> None:
    world = make_world()
    world.launch(world.order("train", **LONG | {"workers": 2}))
    job = world.learning(1)
    for process in living(job):
        if process.pid != job.pid:
            os.kill(process.pid, signal.SIGSTOP)  # as one that hangs: it hears of nothing any more
    asked = time.monotonic()
    world.keeper.store.ask_stop(1, "ada")
    assert world.ended(1, seconds=LIMIT)[0].state is JobState.CANCELLED
    until(lambda: world.left() == [], LIMIT)
    assert time.monotonic() - asked < LIMIT


def test_no_more_cores_are_taken_than_there_are(make_world: MakeWorld) -> None:
    world = make_world(cores=1)
    pinned = {"source": "labels", "run_name": "v0002"}
    world.launch(world.order("freeboard", **pinned))
    world.launch(world.order("snapshot"))
    world.launch(world.order("resample"))
    with Keeper(world.root) as other:
        assert other.start_due() == []
    jobs = world.ended(1, 2, 3)
    assert [job.state for job in jobs] == ["done"] * 3, world.said()
    assert jobs[0].ended_at <= jobs[1].started_at
    assert jobs[1].ended_at <= jobs[2].started_at


def test_a_job_that_cannot_be_started_fails_and_says_so(make_world: MakeWorld) -> None:
    world = make_world()
    (world.root / "jobs").write_text("in the way")
    world.launch(world.order("snapshot"), world.order("freeboard"))
    assert world.job(1).state is JobState.FAILED
    assert "it cannot be started" in world.job(1).reason
    world.keeper.start_due()
    assert world.states() == ["failed", "cancelled"]

"""Jobs in the database: each step from order to end, by several at once, in SQLite and PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_jobs import order

from dashboard.jobs.model import Job, JobState, Order
from dashboard.jobs.store import HOST, JobStore
from processing.errors import InputError, MissingError, StaleError

URL_VARIABLE = "LEADLINE_TEST_POSTGRESQL"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'leadline.db'}"


@pytest.fixture
def store(url: str) -> Iterator[JobStore]:
    with JobStore(url) as opened:
        yield opened


def train(seed: int, **more: object) -> Order:
    """Orders that differ and run side by side."""
    return order("train", seed=seed, **more)


def chain() -> list[Order]:
    orders = [order("snapshot"), order("train", results={"snapshot": 0}), order("classify", results={"run_name": 1})]
    return [*orders, order("freeboard", results={"run_name": 2})]


def states(store: JobStore) -> dict[int, str]:
    return {job.id: job.state.value for job in store.recent(100)}


def test_a_job_comes_back_as_it_was_ordered(store: JobStore, url: str) -> None:
    asked = replace(train(3), engine={"engine": "local"}, granules=("A", "B"), cores=2)
    (added,) = store.add([asked], "ada")
    with JobStore(url) as other:
        assert other.job(added.id) == added
    assert (added.order, added.who, added.host, added.chain, added.model) == (asked, "ada", HOST, added.id, "context")
    assert (added.state, added.needs, added.after, added.pid, added.beat) == (JobState.QUEUED, (), (), 0, 0)
    assert added.queued_at.utcoffset() == timedelta(0)
    assert len(added.token) == 32


def test_a_job_runs_its_course(store: JobStore) -> None:
    (added,) = store.add([train(1)], "ada")
    (begun,) = store.claim(1)
    assert (begun.id, begun.state, begun.started_at is not None) == (added.id, JobState.RUNNING, True)
    assert store.claim(9) == []
    lives = store.beat(begun.id, pid=7, began=1.5, commit="abc")
    assert (lives.beat, lives.pid, lives.began, lives.commit, lives.beat_at is not None) == (1, 7, 1.5, "abc", True)
    ended = store.end(begun.id, JobState.DONE, result="mlp-v0001", status=0)
    assert (ended.state, ended.result, ended.status, ended.ended_at is not None) == (
        JobState.DONE,
        "mlp-v0001",
        0,
        True,
    )
    assert store.active() == []
    assert store.recent(1) == [ended]


def test_a_job_that_nobody_came_to_start_waits_again_or_ends_where_it_was_to_stop(store: JobStore) -> None:
    for seed in range(3):
        store.add([train(seed)], "ada")
    claimed = store.claim(3)
    assert {(job.pid, job.beat) for job in claimed} == {(os.getpid(), 0)}
    store.ask_stop(2, "bo")
    store.beat(3)
    states = [store.put_back(number) for number in (1, 2, 3)]
    assert [job.state for job in states] == ["queued", "cancelled", "running"]
    assert (states[0].pid, states[0].started_at, states[1].reason) == (0, None, "cancelled by bo")
    assert [job.id for job in store.claim(3)] == [1]


def test_an_end_is_recorded_once_and_not_for_one_that_has_given_a_sign_since(store: JobStore) -> None:
    store.add([train(1)], "ada")
    (begun,) = store.claim(1)
    store.beat(begun.id)
    assert store.end(begun.id, JobState.LOST, beat=0).state is JobState.RUNNING
    assert store.end(begun.id, JobState.LOST, beat=1).state is JobState.LOST
    assert store.end(begun.id, JobState.DONE).state is JobState.LOST


def test_a_queued_job_is_cancelled_at_once_and_one_at_work_is_asked(store: JobStore) -> None:
    store.add([train(1)], "ada")
    store.add([train(2)], "ada")
    (begun,) = store.claim(1)
    waiting = store.ask_stop(2, "bo")
    assert (waiting.state, waiting.reason, waiting.stop_by) == (JobState.CANCELLED, "cancelled by bo", "bo")
    asked = store.ask_stop(begun.id, "bo")
    assert (asked.state, asked.stop_by, asked.ended_at) == (JobState.STOPPING, "bo", None)
    assert store.ask_stop(begun.id, "cy").stop_by == "bo"
    assert store.claim(1) == []
    ended = store.end(begun.id, JobState.CANCELLED, reason="cancelled by bo")
    assert store.ask_stop(begun.id, "cy") == ended


def test_what_is_not_there_is_said(store: JobStore) -> None:
    for call in (
        store.job,
        lambda number: store.ask_stop(number, "ada"),
        lambda number: store.end(number, JobState.DONE),
    ):
        with pytest.raises(MissingError, match="no job 9"):
            call(9)


def test_the_same_work_is_refused_while_it_is_active_and_nothing_of_the_chain_is_added(store: JobStore) -> None:
    (first,) = store.add([train(1)], "ada")
    with pytest.raises(InputError, match="#1 train, launched by ada"):
        store.add([train(2), train(1)], "bo")
    assert [job.id for job in store.active()] == [first.id]
    store.add([train(1, epochs=2)], "bo")
    store.ask_stop(first.id, "ada")
    assert store.add([train(1)], "bo")[0].state is JobState.QUEUED


def test_a_result_is_handed_to_the_job_that_takes_it(store: JobStore) -> None:
    made = store.add(chain(), "ada")
    assert [job.chain for job in made] == [1] * 4
    assert [job.needs for job in made] == [(), (1,), (2,), (3,)]
    for number, result in enumerate(("v0007", "context-v0007", "context-v0007", "context-v0007"), 1):
        (begun,) = store.claim(8)
        assert begun.id == number
        store.end(number, JobState.DONE, result=result)
    trained, classified, measured = (store.job(number) for number in (2, 3, 4))
    assert (trained.parameters["snapshot"], trained.snapshot) == ("v0007", "v0007")
    assert (classified.parameters["run_name"], classified.model) == ("context-v0007",) * 2
    assert measured.parameters["run_name"] == "context-v0007"


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.LOST, JobState.CANCELLED])
def test_what_needs_a_job_that_did_not_come_through_is_cancelled_and_others_go_on(
    store: JobStore, end: JobState
) -> None:
    store.add(chain(), "ada")
    store.add([order("resample")], "bo")
    assert [job.id for job in store.claim(1)] == [1]
    store.end(1, end)
    assert [job.id for job in store.claim(1)] == [5]
    assert states(store) == {1: end.value, 2: "cancelled", 3: "cancelled", 4: "cancelled", 5: "running"}
    word = {JobState.FAILED: "failed", JobState.LOST: "was lost", JobState.CANCELLED: "was cancelled"}[end]
    assert store.job(2).reason == f"it needs #1 snapshot, which {word}"


def test_a_job_follows_those_at_work_when_it_was_ordered_however_they_end(store: JobStore) -> None:
    store.add([order("resample")], "ada")
    (later,) = store.add([order("autolabel")], "ada")
    assert (later.needs, later.after) == ((), (1,))
    assert [job.id for job in store.claim(8)] == [1]
    store.end(1, JobState.FAILED)
    assert [job.id for job in store.claim(8)] == [2]


def test_only_this_machines_jobs_are_claimed(store: JobStore) -> None:
    store.add([train(1)], "ada")
    assert store.claim(8, host="elsewhere") == []
    assert len(store.claim(8)) == 1


def test_the_newest_jobs_and_all_that_are_active_are_listed(store: JobStore) -> None:
    for seed in range(6):
        store.add([train(seed)], "ada")
    for number in (2, 3, 4, 5, 6):
        store.ask_stop(number, "ada")
    assert [job.id for job in store.recent(2)] == [1, 5, 6]


def test_many_that_claim_at_once_start_each_job_once(url: str) -> None:
    with JobStore(url) as one, JobStore(url) as two:
        started: list[int] = []
        failures: list[BaseException] = []

        def work(store: JobStore, number: int) -> None:
            try:
                for seed in range(8):
                    store.add([train(100 * number + seed)], "ada")
                    started.extend(job.id for job in store.claim(1000))
            except BaseException as error:  # noqa: BLE001
                failures.append(error)

        threads = [threading.Thread(target=work, args=(store, k)) for k, store in enumerate((one, two, one, two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sorted(started) == list(range(1, 33))
        assert set(states(one).values()) == {"running"}


_CLAIMER = """
import sys
from dashboard.jobs.store import JobStore
with JobStore(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    while any(job.state == "queued" for job in store.active()):
        for job in store.claim(int(sys.argv[2])):
            print(job.id, flush=True)
            sys.argv[2] = str(int(sys.argv[2]) + 1)
"""


def test_two_processes_claim_each_job_once(url: str, store: JobStore) -> None:
    for seed in range(40):
        store.add([train(seed)], "ada")
    words = [sys.executable, "-c", _CLAIMER, url, "1"]
    claimers = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    told = [claimer.communicate() for claimer in claimers]
    assert [errors for _, errors in told] == ["", ""]
    shares = [[int(line) for line in said.split()] for said, _ in told]
    assert sorted(shares[0] + shares[1]) == list(range(1, 41))


def test_two_that_open_a_new_database_at_once_both_can(url: str) -> None:
    opened: list[object] = []

    def work() -> None:
        try:
            with JobStore(url) as store:
                opened.append(store.active())
        except BaseException as error:  # noqa: BLE001
            opened.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [[]] * 4


def test_a_database_of_a_later_version_is_refused(url: str, store: JobStore) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE job_schema SET version = 99")
    engine.dispose()
    with pytest.raises(StaleError, match="99"):
        JobStore(url)


def test_the_label_events_and_the_jobs_share_a_database(url: str, store: JobStore) -> None:
    from processing.labels import LabelStore

    with LabelStore(url) as labels:
        labels.add("G", "gt1l", 0.0, 1.0, 2, "cloud", "ada")
        store.add([train(1)], "ada")
        assert len(labels.events()) == len(store.active()) == 1


@pytest.mark.skipif(URL_VARIABLE not in os.environ, reason=f"{URL_VARIABLE} names no database")
def test_the_same_on_postgresql() -> None:
    with JobStore(os.environ[URL_VARIABLE]) as store:
        before = {job.id for job in store.active()}
        for number in before:  # of a run that was interrupted
            store.ask_stop(number, "pg")
            store.end(number, JobState.LOST)
        made = store.add(chain(), "pg")
        numbers = [job.id for job in made]
        claimed: list[Job] = []
        threads = [threading.Thread(target=lambda: claimed.extend(store.claim(8))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [job.id for job in claimed] == numbers[:1]
        assert store.beat(numbers[0], pid=1, began=1.5e9 + 0.125).began == 1.5e9 + 0.125
        store.end(numbers[0], JobState.DONE, result="v0001")
        (begun,) = store.claim(8)
        assert begun.parameters["snapshot"] == "v0001"
        assert begun.queued_at.utcoffset() == timedelta(0)
        store.ask_stop(begun.id, "pg")
        store.end(begun.id, JobState.CANCELLED)
        assert store.claim(8) == []
        assert [store.job(number).state for number in numbers] == ["done", "cancelled", "cancelled", "cancelled"]

"""What a job waits for and which may start: cases by hand, and random orders and ends that all come to their end."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_jobs import HERE, job, order

from dashboard.jobs.model import Job, JobState
from dashboard.jobs.queue import blockers, doomed, has_to_follow, startable, why_waiting

STAGES = ("resample", "autolabel", "snapshot", "train", "classify", "freeboard", "evaluate", "promote")


@pytest.mark.parametrize(
    ("active", "stage", "parameters", "follows"),
    [
        ("resample", "autolabel", {}, True),
        ("resample", "resample", {"window": 4.0}, True),
        ("resample", "freeboard", {"source": "labels", "run_name": "v0001"}, True),
        ("autolabel", "resample", {}, True),
        ("freeboard", "resample", {}, True),
        ("snapshot", "autolabel", {}, True),
        ("freeboard", "classify", {}, True),
        ("train", "snapshot", {}, False),
        ("autolabel", "classify", {}, False),
        ("snapshot", "train", {}, True),
        ("snapshot", "train", {"snapshot": "v0001"}, False),
        ("snapshot", "evaluate", {}, True),
        ("snapshot", "freeboard", {}, False),
        ("snapshot", "freeboard", {"source": "labels"}, True),
        ("snapshot", "freeboard", {"source": "labels", "run_name": "v0001"}, False),
        ("train", "train", {"model": "mlp"}, False),
        ("train", "classify", {}, True),
        ("train", "classify", {"run_name": "mlp-v0001"}, False),
        ("train", "promote", {"run_name": "mlp-v0001"}, False),
        ("promote", "classify", {}, True),
        ("promote", "promote", {"run_name": "mlp-v0001"}, False),
        ("classify", "freeboard", {}, True),
        ("classify", "freeboard", {"source": "labels"}, False),
        ("freeboard", "train", {}, False),
        ("freeboard", "freeboard", {"estimator": "minimum"}, True),
        ("evaluate", "evaluate", {"seeds": 2}, False),
    ],
)
def test_a_job_follows_those_whose_tables_or_work_it_would_meet(active, stage, parameters, follows) -> None:
    known = [job(1, active, "running"), job(2, active, "done"), job(3, active)]
    assert has_to_follow(order(stage, **parameters), known) == ((1, 3) if follows else ())


def test_a_freeboard_of_one_model_waits_for_the_classes_of_that_model_alone() -> None:
    active = [job(k, "classify", parameters={"run_name": name}) for k, name in enumerate(("", "one", "other"), 1)]
    assert has_to_follow(order("freeboard", run_name="one"), active) == (1, 2)
    assert has_to_follow(order("freeboard"), active) == (1, 2, 3)


def test_a_job_that_takes_a_result_waits_for_all_that_may_make_it() -> None:
    taking = order("train", results={"snapshot": 1}, snapshot="v0001")
    assert has_to_follow(taking, [job(1, "snapshot")]) == (1,)


def numbers(jobs: list[Job], limit: int) -> list[int]:
    return [each.id for each in startable(jobs, HERE, limit)]


def test_jobs_start_in_order_as_far_as_cores_go() -> None:
    assert numbers([job(3), job(1), job(2)], 2) == [1, 2]
    assert numbers([job(1, state="running", cores=2), job(2, state="stopping"), job(3), job(4)], 4) == [3]
    assert numbers([job(1, state="running", host="elsewhere"), job(2), job(3, host="elsewhere")], 1) == [2]
    assert numbers([job(1, state="done"), job(2, state="cancelled")], 1) == []


def test_a_job_larger_than_the_machine_runs_alone() -> None:
    assert numbers([job(1, cores=9), job(2)], 2) == [1]
    assert numbers([job(1, state="running", cores=9), job(2)], 2) == []
    assert numbers([job(1, state="running"), job(2, cores=9)], 2) == []


def test_one_that_does_not_fit_holds_up_those_behind_and_one_that_is_blocked_does_not() -> None:
    assert numbers([job(1, state="running"), job(2, cores=2), job(3)], 2) == []
    assert numbers([job(1, state="running"), job(2, cores=2, needs=(1,)), job(3)], 2) == [3]
    assert numbers([job(1, state="running"), job(2, after=(1,)), job(3)], 2) == [3]
    assert numbers([job(1, state="failed"), job(2, after=(1,))], 2) == [2]


def test_jobs_whose_need_was_not_met_are_doomed_and_say_why() -> None:
    known = [job(1, "snapshot", "failed"), job(2, "train", needs=(1,)), job(3, "train", after=(1,))]
    known += [job(4, "train", "running", needs=(1,)), job(5, "classify", needs=(2,)), job(6, needs=(99,))]
    assert [(found.id, why) for found, why in doomed(known)] == [(2, "it needs #1 snapshot, which failed")]


def test_what_a_job_waits_for_is_said() -> None:
    busy = [job(1, "train", "running", cores=2), job(2, "classify", after=(1,)), job(3, "evaluate", cores=9), job(4)]
    busy += [job(5, host="elsewhere")]
    told = {each.id: why_waiting(each, busy, 3) for each in busy}
    assert told == {
        1: "",
        2: "waits for #1 train",
        3: "waits for 3 cores: 2 of 3 in use",
        4: "next after #3 evaluate",
        5: "starts now",
    }
    assert why_waiting(job(6), [job(1, state="running"), job(2, after=(1,)), job(6)], 2) == "starts now"


orders_at_random = st.lists(
    st.tuples(st.sampled_from(STAGES), st.integers(1, 6), st.booleans(), st.sampled_from(["", "one"])), max_size=14
)


@settings(deadline=None)
@given(orders_at_random, st.integers(1, 4), st.integers())
def test_every_job_comes_to_its_end_within_the_cores_and_after_what_it_needs(asked, limit, seed) -> None:
    chance = random.Random(seed)
    jobs: dict[int, Job] = {}
    waiting = list(asked)
    steps = 0
    while waiting or any(each.state.active for each in jobs.values()):
        steps += 1
        assert steps < 400, "the queue stands still"
        if waiting and chance.random() < 0.5:
            _add(jobs, *waiting.pop(0))
        while gone := doomed(list(jobs.values())):
            jobs |= {each.id: replace(each, state=JobState.CANCELLED) for each, _ in gone}
        for each in startable(list(jobs.values()), HERE, limit):
            assert all(jobs[need].state is JobState.DONE for need in each.needs)
            assert not blockers(each, jobs)
            assert why_waiting(each, list(jobs.values()), limit)
            jobs[each.id] = replace(each, state=JobState.RUNNING)
        at_work = [each for each in jobs.values() if each.state.at_work]
        assert sum(min(each.cores, limit) for each in at_work) <= limit
        if at_work and (not waiting or chance.random() < 0.5):
            ended = chance.choice(at_work)
            jobs[ended.id] = replace(ended, state=JobState(chance.choice(["done", "done", "failed", "lost"])))


def _add(jobs: dict[int, Job], stage: str, cores: int, chained: bool, pinned: str) -> None:
    number = len(jobs) + 1
    asked = order(stage, cores, run_name=pinned)
    needs = (number - 1,) if chained and jobs else ()
    follows = has_to_follow(asked, list(jobs.values()))
    values = {"cores": cores, "needs": needs, "after": follows, "parameters": {"run_name": pinned}}
    jobs[number] = job(number, stage, **values)

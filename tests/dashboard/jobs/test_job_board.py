"""The board of a server: what it keeps stays bounded, what is new is told once, and it makes no database by looking."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_jobs import order

from dashboard.jobs import keeper
from dashboard.jobs.board import Board
from dashboard.jobs.model import Job, JobState
from dashboard.jobs.store import JobStore
from processing.project import Project


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board whose jobs are claimed but run no process."""
    monkeypatch.setattr(keeper.Keeper, "_start", lambda *_: None)
    made = Board(Project.create(tmp_path / "p").root)
    yield made
    made.close()
    made.workers.shutdown()


@pytest.fixture
def store(board: Board) -> Iterator[JobStore]:
    with JobStore(Project(board.root).database_url) as opened:
        yield opened


def test_looking_makes_no_database(board: Board) -> None:
    assert board.look().changed == ()
    assert not (board.root / "leadline.db").exists()


def test_what_is_new_is_told_once(board: Board, store: JobStore) -> None:
    (job,) = board.launch([order("train")], "ada")
    assert board.look().changed == (job.id,)
    assert board.look().changed == ()
    ended = store.end(job.id, JobState.DONE)
    news = board.look()
    assert (news.changed, news.ended) == ((job.id,), (ended,))
    assert board.look().ended == ()


def test_a_line_of_progress_is_news(board: Board) -> None:
    (job,) = board.launch([order("train")], "ada")
    board.look()
    board.folder(job.id).path.mkdir(parents=True)
    board.folder(job.id).progress.write_text('{"waiting": "loading"}\n')
    assert board.look().changed == (job.id,)
    assert board.watch(job.id).waiting == "loading"


def test_watches_over_many_jobs_that_have_ended_are_let_go(board: Board, store: JobStore) -> None:
    def run(seed: int) -> Job:
        (job,) = board.launch([order("train", seed=seed)], "ada")
        board.look()
        store.end(job.id, JobState.DONE)
        return job

    jobs = [run(seed) for seed in range(30)]
    board.look()
    assert set(board.watches) == {job.id for job in jobs[-24:]}


def test_what_a_job_waits_for_is_known(board: Board) -> None:
    board.launch([order("resample")], "ada")
    (later,) = board.launch([order("autolabel")], "ada")
    board.look()
    assert board.waiting_for(later) == "waits for #1 resample"
    assert board.stop(later.id, "bo").state is JobState.CANCELLED

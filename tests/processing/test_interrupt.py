"""A request to stop is honoured even where the exception it raises is swallowed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

import click
import pytest

from processing import cli
from processing.interrupt import kept_interrupts, stop_if_asked, stopped_by
from processing.progress import Step, progress_bar, watched


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    """Python's own handler, whatever other tests left in this process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def swallow() -> None:
    """What a library does that calls back into Python and drops what is raised there."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_swallowed_interrupt_stops_at_the_next_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[int] = []

    @click.command("long")
    def long() -> None:
        with progress_bar("long", 5, "steps") as bar:
            for step in range(5):
                steps.append(step)
                if step == 1:
                    swallow()
                bar.advance()

    monkeypatch.setitem(cli.cli.commands, "long", long)
    assert cli.run(["long"]) == 130
    assert steps == [0, 1]
    assert "goes on from there" in capsys.readouterr().err
    stop_if_asked()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_next_stage_does_not_begin() -> None:
    with kept_interrupts():
        swallow()
        with pytest.raises(KeyboardInterrupt), progress_bar("next", 1, "steps"):
            raise AssertionError("began all the same")


def test_somebody_elses_handler_is_left_alone() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    with kept_interrupts():
        signal.raise_signal(signal.SIGINT)
        stop_if_asked()
    assert heard == [signal.SIGINT]


def test_a_request_of_another_program_is_kept_where_ctrl_c_is_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with kept_interrupts():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            stop_if_asked()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_work_on_a_thread_is_watched_and_stopped_alone(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Step] = []
    stop, ended = threading.Event(), []

    def watch(step: Step) -> None:
        told.append(step)
        if step.done == 2:
            stop.set()

    def work() -> None:
        with watched(watch), stopped_by(stop):
            try:
                with progress_bar("label", 5, "segments") as bar:
                    for _ in range(5):
                        bar.advance(1, "here")
            except KeyboardInterrupt:
                ended.append("stopped")
        stop_if_asked()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == ["stopped"]
    assert [(step.done, step.total, step.unit, step.detail) for step in told] == [
        (1, 5, "segments", "here"),
        (2, 5, "segments", "here"),
    ]
    stop_if_asked()
    assert capsys.readouterr().err == ""

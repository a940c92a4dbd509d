"""Where ranks are started, and that none outlives its job, however that ends."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from processing.errors import InputError, LeadlineError
from training import launch
from training.leash import LAUNCHER, end_with_launcher

HERE = Path(__file__).parent
STUBBORN = """
import os, signal, subprocess
signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGINT))
print(subprocess.Popen(["sleep", "600"], start_new_session=True).pid, flush=True)
while True:
    signal.pause()
"""
"""Stands for ``horovodrun`` that does not end when asked to: its rank has a session of its own, and the user presses
Ctrl-C once more meanwhile."""


def ranks_of(folder: Path) -> list[psutil.Process]:
    """The two ranks that wrote to ``folder``; none before both have."""
    files = [folder / f"{rank}.json" for rank in range(2)]
    if not all(file.exists() for file in files):
        return []
    return [psutil.Process(json.loads(file.read_text())["pid"]) for file in files]


@pytest.fixture(params=["horovod", "ddp"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return request.param


@pytest.mark.slow
def test_when_a_rank_is_killed_all_end_with_one_line(tmp_path: Path, backend: str) -> None:
    log = tmp_path / "log"
    with launch.launched(launch.Launch(2, (), backend), "rank_probe", [backend, str(tmp_path), "hold"], log) as job:
        while not (ranks := ranks_of(tmp_path)):
            assert not launch.finished(job, 0.1)
        ranks[1].kill()
        while not launch.finished(job, 0.1):
            pass
    assert psutil.wait_procs(ranks, 10)[1] == []
    with pytest.raises(InputError) as caught:
        launch.check(job, log)
    assert caught.value.line == (
        f"{log}: training on several ranks failed (a rank was ended by SIGKILL, as happens when memory is short); "
        "the same command goes on from the last epoch"
    )


@pytest.mark.slow
def test_what_a_rank_fails_of_is_told(tmp_path: Path, backend: str) -> None:
    log = tmp_path / "log"
    hosts = launch.parse_hosts("localhost:1,127.0.0.1:1")
    with launch.launched(launch.Launch(2, hosts, backend), "rank_probe", [backend, str(tmp_path), "fail"], log) as job:
        while not launch.finished(job, 0.1):
            pass
    with pytest.raises(InputError, match=r"failed \(rank 1: ValueError: no such ice\)"):
        launch.check(job, log)
    assert (
        psutil.wait_procs([process for process in psutil.process_iter() if is_rank_of(process, tmp_path)], 10)[1] == []
    )


def is_rank_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder) in process.cmdline()
    except psutil.Error:
        return False


def test_a_rank_whose_launcher_has_ended_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    with launch._listening(launch.Launch(2)) as address:
        monkeypatch.setenv(LAUNCHER, address)
    with pytest.raises(SystemExit, match="the process that launched this one has ended"):
        end_with_launcher()


def test_ranks_that_do_not_end_are_killed_whatever_signals_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, log = tmp_path / "horovodrun", tmp_path / "log"
    launcher.write_text(STUBBORN)
    monkeypatch.setattr(launch, "check_launcher", lambda: launcher)
    monkeypatch.setattr(launch, "_PATIENCE", 0.3)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        with launch.launched(launch.Launch(2), "training.worker", [], log) as job:
            while not log.read_text().endswith("\n"):
                assert not launch.finished(job, 0.01)
            rank = psutil.Process(int(log.read_text()))
            signal.raise_signal(signal.SIGTERM)
        pytest.fail("the request to terminate was lost")
    except KeyboardInterrupt:
        assert job.returncode == -signal.SIGKILL
    assert not rank.is_running() or rank.status() == psutil.STATUS_ZOMBIE
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_hosts_are_parsed() -> None:
    assert launch.parse_hosts("a:4, b-2.x:1") == (("a", 4), ("b-2.x", 1))
    assert launch.parse_hosts(" ") == ()


@pytest.mark.parametrize("text", ["a", "a:x", "a:0", "a:4,", "-oProxyCommand=x:1", "a b:1", ":2"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(
        InputError, match=r"--hosts: '.*' is no host with its number of ranks; write them as in a:4,b:4"
    ):
        launch.parse_hosts(text)


def test_a_host_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="--hosts: host a is named twice"):
        launch.parse_hosts("a:1,b:2,a:3")


def test_more_workers_than_slots_are_refused_with_the_figures() -> None:
    with pytest.raises(InputError, match="12 workers asked for, hosts a:4,b:4 have 8 slots; ask for 8 at most"):
        launch.Launch(12, (("a", 4), ("b", 4)))


def test_hosts_are_filled_in_order_and_those_here_counted_together() -> None:
    few = launch.Launch(5, (("127.0.0.1", 2), ("a.invalid", 2), ("localhost", 4), ("b.invalid", 9)))
    assert few.places == (("127.0.0.1", 2), ("a.invalid", 2), ("localhost", 1))
    assert few.others == ("a.invalid",)
    assert few.most_together == 3
    assert launch.Launch(1, (("a.invalid", 4),)).places == (("a.invalid", 1),)


def test_an_unreachable_host_is_told_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(LeadlineError) as caught:
        launch.check_launch(launch.Launch(3, (("localhost", 1), ("nowhere.invalid", 2)), "ddp"))
    assert "nowhere.invalid" in caught.value.line
    assert "ssh" in caught.value.mend or "OpenSSH" in caught.value.mend
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("answer", "backend", "line"),
    [
        (
            "echo 'sh: cd: no such folder' >&2; exit 2",
            "ddp",
            r"host far.invalid cannot run ranks \(sh: cd: no such folder\)",
        ),
        ("echo 'Permission denied.' >&2; exit 255", "ddp", r"cannot be reached \(Permission denied.\); make `ssh far"),
        ("exec sleep 600", "ddp", "did not answer within"),
        ("echo 127.0.1.1", "horovod", "host far.invalid takes its own name for 127.0.1.1.*--backend ddp"),
    ],
)
def test_a_host_that_cannot_run_ranks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, backend: str, line: str
) -> None:
    (tmp_path / "ssh").write_text(f"#!/bin/sh\n{answer}\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(launch, "_SSH_SECONDS", 0.5)
    monkeypatch.setattr(launch, "check_launcher", lambda: tmp_path)
    with pytest.raises(InputError, match=line):
        launch.check_launch(launch.Launch(2, (("localhost", 1), ("far.invalid", 1)), backend))

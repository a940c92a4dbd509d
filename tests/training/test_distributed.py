"""However a block with ranks ends, no rank outlives it."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from training import distributed

STUBBORN = """#!/bin/bash
trap 'kill -INT $PPID' TERM
setsid sleep 600 &
echo $!
while :; do wait; done
"""
"""Stands for ``horovodrun`` that does not end when asked to: its rank has a session of its own, and the user presses
Ctrl-C once more meanwhile."""


def test_ranks_that_do_not_end_are_killed_whatever_signals_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher, log = tmp_path / "horovodrun", tmp_path / "log"
    launcher.write_text(STUBBORN)
    launcher.chmod(0o755)
    monkeypatch.setattr(distributed, "check_launcher", lambda: launcher)
    monkeypatch.setattr(distributed, "_PATIENCE", 0.3)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        with distributed.launched(2, "training.worker", [], log) as job:
            while not log.read_text().endswith("\n"):
                assert not distributed.finished(job, 0.01)
            rank = psutil.Process(int(log.read_text()))
            signal.raise_signal(signal.SIGTERM)
        pytest.fail("the request to terminate was lost")
    except KeyboardInterrupt:
        assert job.returncode == -signal.SIGKILL
    assert not rank.is_running() or rank.status() == psutil.STATUS_ZOMBIE
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before

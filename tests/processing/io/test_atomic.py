"""Files that appear whole: two processes at once, and what a killed one leaves."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from processing.io.atomic import ASIDE, aside, aside_folder, sweep


def test_sweep_takes_what_killed_processes_left_and_nothing_of_living_ones(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [tmp_path / "a" / f"{ASIDE}{gone.pid}-x.parquet", tmp_path / f"{ASIDE}without_a_process"]
    left[0].parent.mkdir()
    left[0].touch()
    left[1].mkdir()
    (left[1] / "part").touch()
    kept = [tmp_path / "a" / "part-0.parquet", tmp_path / f"{ASIDE}{os.getppid()}-y.parquet"]
    for file in kept:
        file.touch()
    with aside(tmp_path / "a" / "table.parquet") as file, aside_folder(tmp_path / "b") as folder:
        (folder / "content").touch()
        sweep(tmp_path)
        assert file.exists()
        assert (folder / "content").exists()
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in [*kept, tmp_path / "b" / "content"])


def freeze_while_another_does(path: Path) -> None:
    with aside_folder(path, exclusive=True) as late:
        (late / "mine").touch()
        with aside_folder(path, exclusive=True) as early:
            (early / "theirs").touch()


def test_an_exclusive_folder_leaves_the_one_that_came_first(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="v0001"):
        freeze_while_another_does(tmp_path / "v0001")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["v0001", "v0001/theirs"]


def test_the_former_folder_stays_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("processing.io.atomic._rename", fails)
        with pytest.raises(OSError, match="Input/output"), aside_folder(tmp_path / "model") as folder:
            (folder / "new").touch()
    assert [entry.name for entry in tmp_path.rglob("*")] == ["model", "old"]
    with aside_folder(tmp_path / "model") as folder:
        (folder / "new").touch()
    assert [entry.name for entry in tmp_path.rglob("*")] == ["model", "new"]

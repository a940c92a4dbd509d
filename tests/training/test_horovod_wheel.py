"""Building Horovod: the mended lines, the right CMake, the cache, and one clear line when it cannot be done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from processing.errors import InputError
from training import horovod_wheel
from training.launch import check_launcher


def source(folder: Path, top: str = "set(CMAKE_CXX_STANDARD 14)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n") -> Path:
    (folder / "horovod/torch").mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(top)
    (folder / "horovod/torch/CMakeLists.txt").write_text("if(X)\n    set(CMAKE_CXX_STANDARD 14)\nendif()\n")
    return folder


def test_standard_is_mended(tmp_path: Path) -> None:
    horovod_wheel.mend_standard(source(tmp_path))
    top = (tmp_path / "CMakeLists.txt").read_text()
    assert top == "set(CMAKE_CXX_STANDARD 17)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n"
    assert "    set(CMAKE_CXX_STANDARD 17)" in (tmp_path / "horovod/torch/CMakeLists.txt").read_text()


def test_another_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected 1 C\\+\\+ standard to mend and found 0"):
        horovod_wheel.mend_standard(source(tmp_path, top="project(horovod CXX)\n"))


@pytest.mark.parametrize(("version", "fits"), [("3.25.1", True), ("3.12.4", False), ("4.1.0", False)])
def test_only_a_cmake_of_version_3_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    program = tmp_path / "cmake"
    program.write_text(f"#!/bin/sh\necho cmake version {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert horovod_wheel.system_cmake() == (program if fits else None)


def test_no_compiler_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sys, "argv", ["horovod_wheel"])
    assert horovod_wheel.main() == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "C++17 compiler" in said[0]
    assert "apt-get install build-essential" in said[0]
    assert not (tmp_path / "cache").exists()


def test_cache_is_keyed_by_interpreter_torch_and_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(horovod_wheel.metadata, "version", lambda _: "2.13.0+cpu")
    folder = horovod_wheel.cache_folder()
    assert folder.parent == tmp_path / "leadline/wheels"
    assert folder.name.startswith(f"horovod-0.28.1-{sys.implementation.cache_tag}-torch2.13.0+cpu-")
    assert horovod_wheel.cached_wheel(folder) is None
    folder.mkdir(parents=True)
    wheel = folder / "horovod-0.28.1-py3-none-any.whl"
    wheel.touch()
    assert horovod_wheel.cached_wheel(folder) == wheel


def test_a_failed_step_names_its_log_and_error(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    command = [sys.executable, "-c", "print('x.cc:1: error: no such thing'); raise SystemExit(3)", "compile"]
    with pytest.raises(InputError) as caught:
        horovod_wheel._run(command, log)
    assert caught.value.where == str(log)
    assert "compile step failed (x.cc:1: error: no such thing)" in caught.value.line


@pytest.mark.slow
def test_horovod_was_built_for_torch_and_gloo() -> None:
    told = subprocess.run([check_launcher(), "--check-build"], capture_output=True, text=True, check=True).stdout
    assert "[X] PyTorch" in told
    assert "[X] Gloo" in told

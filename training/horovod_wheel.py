"""Build Horovod's wheel once from its released source, keep it, and install it: ``python -m training.horovod_wheel``.

Horovod 0.28.1, the last release, asks for C++14 where torch >= 2.1 needs C++17, and its gloo refuses CMake 4. The
source is fetched by pip, those two lines are mended, and the wheel is kept in a cache keyed by interpreter, torch and
platform. Only the standard library is used here, so that set-up can run it as soon as torch is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from processing.errors import InputError, LeadlineError, MissingError
from processing.io.atomic import aside

VERSION = "0.28.1"
_TOOLS = ("setuptools<81", "wheel", "packaging")
_CMAKE_TOOL = "cmake<4"
_STANDARD = {"CMakeLists.txt": 1, "horovod/torch/CMakeLists.txt": 1}
_SWITCHES = {
    "HOROVOD_WITH_PYTORCH": "1",
    "HOROVOD_WITH_GLOO": "1",
    "HOROVOD_WITHOUT_MPI": "1",
    "HOROVOD_WITHOUT_TENSORFLOW": "1",
    "HOROVOD_WITHOUT_MXNET": "1",
}
_PERCENT = re.compile(r"\[ *(\d+)%\]")
_MOST_JOBS = 8


@dataclass(frozen=True)
class Workplace:
    """Folders of one build: ``tools`` (setuptools, CMake), ``source`` (the patched release), ``wheels``, ``log``."""

    root: Path
    log: Path

    @property
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def wheels(self) -> Path:
        return self.root / "wheels"


def cache_folder() -> Path:
    """Folder that keeps this interpreter's, torch's and platform's wheel: ``$XDG_CACHE_HOME/leadline/wheels/KEY``.

    Raises MissingError when torch is not installed, because the wheel is compiled against it.
    """
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        raise MissingError("torch is not installed", where=sys.prefix, mend="install torch first") from None
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    key = f"horovod-{VERSION}-{sys.implementation.cache_tag}-torch{torch}-{platform}"
    return base / "leadline" / "wheels" / key


def ensure() -> Path:
    """Install Horovod into this environment, building its wheel when the cache has none; returns the wheel."""
    folder = cache_folder()
    wheel = cached_wheel(folder)
    if wheel is None:
        wheel = build(folder)
    if installed_digest() == sha256(wheel):
        _say(f"Horovod {VERSION} is installed, built for this torch")
        return wheel
    _run([sys.executable, "-m", "pip", "install", "--no-deps", "--force-reinstall", str(wheel)], folder / "build.log")
    _say(f"installed Horovod {VERSION} from {wheel}")
    return wheel


def cached_wheel(folder: Path) -> Path | None:
    """The wheel kept in ``folder``, or None."""
    return next(iter(sorted(folder.glob("horovod-*.whl"))), None)


def installed_digest() -> str:
    """SHA-256 of the wheel this environment's Horovod was installed from (PEP 610); empty when there is none."""
    try:
        record = metadata.distribution("horovod").read_text("direct_url.json") or "{}"
    except metadata.PackageNotFoundError:
        return ""
    return str(json.loads(record).get("archive_info", {}).get("hashes", {}).get("sha256", ""))


def build(folder: Path) -> Path:
    """Build the wheel and keep it in ``folder``, whole or not at all; the log is kept as ``folder/build.log``.

    Raises MissingError when there is no C++ compiler or make, InputError when a step fails (with the log's name).
    """
    check_compiler()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    log.write_text("", encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="leadline-horovod-") as name:
        place = Workplace(Path(name), log)
        environment = _environment(place, _prepare_tools(place))
        source = _fetch(place, environment)
        mend_standard(source)
        _compile(source, place, environment)
        return _keep(place, folder)


def check_compiler() -> None:
    """Raise MissingError unless a C++ compiler and make are found."""
    compilers = (os.environ["CXX"].split()[0],) if os.environ.get("CXX") else ("c++", "g++", "clang++")
    if not any(shutil.which(name) for name in compilers):
        raise MissingError(
            "Horovod needs a C++17 compiler to build and none was found",
            where=" ".join(compilers),
            mend="install g++ or clang (Debian: apt-get install build-essential) and run the same command again",
        )
    if not shutil.which("make"):
        raise MissingError("Horovod needs make to build", where="make", mend="install make and run the command again")


def system_cmake() -> Path | None:
    """A CMake of version 3.13 to 3.x on the path, or None: version 4 refuses Horovod's gloo."""
    found = shutil.which("cmake")
    if not found:
        return None
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"version (\d+)\.(\d+)", answer.stdout)
    if version is None or not (3, 13) <= (int(version[1]), int(version[2])) < (4, 0):
        return None
    return Path(found)


def mend_standard(source: Path) -> None:
    """Ask for C++17 instead of C++14 in the released ``CMakeLists.txt`` files; refuses a source without that line."""
    for name, expected in _STANDARD.items():
        file = source / name
        text, count = re.subn(r"set\(CMAKE_CXX_STANDARD 14\)", "set(CMAKE_CXX_STANDARD 17)", file.read_text("utf-8"))
        if count != expected:
            raise InputError(f"expected {expected} C++ standard to mend and found {count}", where=file)
        file.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _prepare_tools(place: Workplace) -> Path:
    """Install the build tools aside from the environment and return the CMake to use."""
    cmake = system_cmake()
    tools = _TOOLS if cmake else (*_TOOLS, _CMAKE_TOOL)
    _say("fetching build tools")
    _run([sys.executable, "-m", "pip", "install", "--target", str(place.tools), *tools], place.log)
    return cmake or place.tools / "bin" / "cmake"


def _environment(place: Workplace, cmake: Path) -> dict[str, str]:
    """Environment of the build: the tools shadow the environment's own, torch stays visible (no isolation)."""
    jobs = min(os.cpu_count() or 1, _MOST_JOBS)
    own = {"PYTHONPATH": str(place.tools), "HOROVOD_CMAKE": str(cmake), "MAKEFLAGS": f"-j{jobs}"}
    return {**os.environ, **_SWITCHES, **own}


def _fetch(place: Workplace, environment: Mapping[str, str]) -> Path:
    _say(f"fetching Horovod {VERSION}")
    folder = place.root / "release"
    command = [sys.executable, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", "--no-build-isolation"]
    _run([*command, "--dest", str(folder), f"horovod=={VERSION}"], place.log, environment)
    with tarfile.open(next(folder.glob("horovod-*.tar.gz"))) as archive:
        # Python before 3.11.4 (Debian 12 has 3.11.2) knows no filters.
        safe: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(place.root, **safe)  # noqa: S202 (a released source, filtered where Python can)
    return place.root / f"horovod-{VERSION}"


def _compile(source: Path, place: Workplace, environment: Mapping[str, str]) -> None:
    _say(f"building Horovod {VERSION} (some minutes, once); log: {place.log}")
    command = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation"]
    _run([*command, "--wheel-dir", str(place.wheels), str(source)], place.log, environment)


def _keep(place: Workplace, folder: Path) -> Path:
    built = next(place.wheels.glob("horovod-*.whl"))
    target = folder / built.name
    with aside(target) as temporary:
        shutil.copyfile(built, temporary)
    return target


def _run(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run one step, its output into ``log``; raises InputError that names the log and the step's last error line."""
    started = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as out:
        out.write(f"$ {' '.join(command)}\n")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
        ) as step:
            assert step.stdout is not None
            for line in step.stdout:
                out.write(line)
                _show_percent(line, started)
    if step.returncode:
        mend = "see the log, mend, and run the same command again"
        raise InputError(f"{command[3]} step failed ({_last_error(log)})", where=log, mend=mend)


def _show_percent(line: str, started: float) -> None:
    percent = _PERCENT.search(line)
    if percent and sys.stderr.isatty():
        elapsed = time.monotonic() - started
        ending = "\n" if percent[1] == "100" else ""
        sys.stderr.write(f"\r  {percent[1]:>3} %  {elapsed:4.0f} s{ending}")
        sys.stderr.flush()


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8").splitlines()]
    errors = [line for line in lines if "error" in line.lower()] or lines[-1:] or [""]
    return errors[-1][:160]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> int:
    """Command line: exit status 0 when Horovod is installed, 2 with one line on a failure, 130 on Ctrl-C."""
    argparse.ArgumentParser(prog="python -m training.horovod_wheel", description=__doc__).parse_args()
    try:
        ensure()
    except LeadlineError as error:
        _say(f"horovod_wheel: {error.line}")
        return 2
    except KeyboardInterrupt:
        _say("horovod_wheel: interrupted; nothing was kept")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

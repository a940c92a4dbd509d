"""pyproject.toml, pixi.toml, Makefile and requirements.lock tell the same story."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"torch": "pytorch", "universal-pathlib": "universal_pathlib"}
CONDA_ONLY = {"python", "openjdk", "cmake", "cxx-compiler", "make", "pip", "pytorch-gpu"}
WITHOUT_PIXI = {"help", "setup", "lock", "clean"}
"""Words that pixi has commands of its own for (install, lock, clean, task list)."""


@pytest.fixture(scope="module")
def pixi() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pixi.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def required(project: dict[str, Any]) -> dict[str, SpecifierSet]:
    """Version ranges by canonical name: the dependencies and those of every extra."""
    table = project["project"]
    lines = [*table["dependencies"], *(line for extra in table["optional-dependencies"].values() for line in extra)]
    return {canonicalize_name(item.name): item.specifier for item in map(Requirement, lines)}


def features(pixi: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield pixi
    yield from pixi["feature"].values()


def offered(pixi: dict[str, Any]) -> dict[str, SpecifierSet]:
    """Version ranges by name over all features, conda and PyPI packages alike."""
    found: dict[str, SpecifierSet] = {}
    for feature in features(pixi):
        for name, value in (feature.get("dependencies", {}) | feature.get("pypi-dependencies", {})).items():
            if isinstance(value, str) and name not in CONDA_ONLY:
                assert found.setdefault(name, SpecifierSet(value)) == SpecifierSet(value), f"{name} differs by feature"
    return found


def test_pixi_manifest_is_valid(shared_data: Path, pixi: dict[str, Any]) -> None:
    schema = json.loads((shared_data / "pixi" / "schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(pixi)] == []


def test_pixi_offers_what_pyproject_requires(pixi: dict[str, Any], project: dict[str, Any]) -> None:
    wanted = {CONDA_NAMES.get(name, name): ranges for name, ranges in required(project).items()}
    assert offered(pixi) == wanted


def test_pixi_environments_use_known_features_and_platforms(pixi: dict[str, Any]) -> None:
    assert set(pixi["workspace"]["platforms"]) == {"linux-64", "osx-arm64"}
    assert {"default", "dev", "gpu"} <= set(pixi["environments"])
    for value in pixi["environments"].values():
        names = value if isinstance(value, list) else value["features"]
        assert set(names) <= set(pixi["feature"])
    assert "cuda" in pixi["feature"]["gpu"]["system-requirements"]


def test_make_and_pixi_have_the_same_words(pixi: dict[str, Any]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    tasks = {name for feature in features(pixi) for name in feature.get("tasks", {})}
    assert words - WITHOUT_PIXI == tasks - {"horovod"}
    assert all(re.fullmatch(r"[a-z]+", task) for task in tasks)


def test_every_make_word_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):(.*)$", makefile, re.MULTILINE)
    assert [word for word, rest in targets if "## " not in rest] == []


def test_lock_pins_what_pyproject_requires(project: dict[str, Any]) -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert not [line for line in lines if "+" in line], "local versions such as +cpu bind the lock to one platform"
    assert list(pins) == sorted(pins)
    for name, ranges in required(project).items():
        assert name in pins, f"{name} is not locked; run: make lock"
        assert ranges.contains(Version(pins[name])), f"{name} {pins[name]} is outside {ranges}; run: make lock"


def test_the_command_is_installed() -> None:
    entries = {entry.name: entry.value for entry in distribution("leadline").entry_points}
    assert entries["leadline"] == "processing.cli:main"
    assert {"processing", "training", "dashboard"} <= set(entries)


def test_every_file_of_a_package_is_packaged(project: dict[str, Any]) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]
    for package in ("processing", "training", "dashboard", "assets"):
        folder = ROOT / package
        packed = {file for pattern in patterns.get(package, ()) for file in folder.glob(pattern)}
        others = {
            file for file in folder.rglob("*") if file.is_file() and file.suffix not in {".py", ".pyc", ".nbi", ".nbc"}
        }
        assert sorted(others - packed) == []

"""A demo project of a short twin, made once and run from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing.cli import load_commands, run

RECIPE = """
[twin]
seed = 3
km = 6.0
swath = 6000.0

[stage.train]
model = "mlp"
epochs = 1
"""


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    file.write_text(RECIPE, encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, recipe: Path) -> Path:
    """The finished project; tests that change it take a copy."""
    load_commands()
    project = tmp_path_factory.mktemp("chain") / "project"
    assert run(["demo", "--project", str(project), "--recipe", str(recipe), "--no-serve"]) == 0
    return project

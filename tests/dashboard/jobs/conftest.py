"""Helper modules of the jobs' tests are found here, and the commands that jobs run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def commands() -> Mapping[str, click.Command]:
    """The commands of stages by name, as the program has them."""
    found = click.Group("leadline")
    for module in ("resample", "autolabel", "labels", "freeboard"):
        for command in importlib.import_module(f"processing.commands.{module}").COMMANDS:
            found.add_command(command)
    importlib.import_module("training.commands").register(found)
    return found.commands

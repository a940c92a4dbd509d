"""Fixtures for granules and the command line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processing import cli

# Tests are imported without their folders on the path; their helper modules are found here.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def leadline(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command line of the project and resample commands and return the exit status."""
    for module in ("project", "resample"):
        for command in importlib.import_module(f"processing.commands.{module}").COMMANDS:
            monkeypatch.setitem(cli.cli.commands, command.name, command)

    def call(*words: str | Path) -> int:
        return cli.run([str(word) for word in words])

    return call

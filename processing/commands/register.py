"""Every command of this package, hung on the program; importing it stays cheap."""

from __future__ import annotations

import importlib

import click

_MODULES = (
    "project",
    "resample",
    "autolabel",
    "labels",
    "freeboard",
    "derived",
    "compare",
    "match",
    "export",
    "scaling",
    "twin",
    "demo",
)


def register(program: click.Group) -> None:
    """Add the commands of each module's ``COMMANDS`` to ``program``."""
    for name in _MODULES:
        module = importlib.import_module(f"processing.commands.{name}")
        for command in module.COMMANDS:
            program.add_command(command)

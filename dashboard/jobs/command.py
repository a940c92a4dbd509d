"""The words of the command that a job runs, and the same command for people to copy."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dashboard.jobs.model import Order
from processing.stages import SECTIONS, Engine

PROGRAM = "leadline"
ON_SPARK = ("resample", "autolabel", "classify", "freeboard")
"""Stages that know where they run."""

BY_GRANULE = ("resample", "autolabel", "classify", "freeboard")
"""Stages that can be limited to some granules."""

PROMOTE = "promote"


def words(root: Path, order: Order) -> list[str]:
    """What is executed: every parameter is given, so that no setting that changes meanwhile can change the job."""
    return [sys.executable, "-m", "processing", *_arguments(root, order, order.parameters, order.engine)]


def shown(root: Path, order: Order, settings: Mapping[str, Any]) -> str:
    """The command for a shell, with what differs from the project's ``settings`` of that stage alone."""
    differing = {name: value for name, value in order.parameters.items() if settings.get(name) != value}
    engine = Engine.differing(dict(order.engine))
    return shlex.join([PROGRAM, *_arguments(root, order, differing, engine)])


def _arguments(root: Path, order: Order, parameters: Mapping[str, Any], engine: Mapping[str, Any]) -> list[str]:
    if order.stage == PROMOTE:
        return [PROMOTE, str(root), str(order.parameters["run_name"])]
    kind = SECTIONS[order.stage]
    options = [*_options(parameters, kind.param), *_options(engine, Engine.param)]
    return [order.stage, str(root), *options, *(f"--granule={granule}" for granule in order.granules)]


def _options(values: Mapping[str, Any], declared: Any) -> Iterator[str]:
    """Each value in one word with its option, so that none can be taken for another option."""
    for name, value in values.items():
        if name not in declared or value is None:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        else:
            yield f"--{flag}={value}"

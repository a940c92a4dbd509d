"""The words of a job's command come back from the program's own parser as the values that were asked for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from made_jobs import order

from dashboard.jobs.command import BY_GRANULE, ON_SPARK, shown, words
from dashboard.jobs.model import Order
from dashboard.jobs.rules import LAUNCHED
from processing.stages import Engine, Stage

ROOT = Path("/data/my project; rm -rf ~")
HARD = "--note=$(rm -rf /) `x` 'y' \"z\" ; | & \\ * é"
PROGRAM = [sys.executable, "-m", "processing"]


def parsed(commands: Mapping[str, click.Command], said: list[str]) -> dict[str, Any]:
    """What the command would be called with; nothing runs."""
    stage, *rest = said
    with commands[stage].make_context(stage, rest) as context:
        return dict(context.params)


def other_values(kind: type[Stage]) -> dict[str, Any]:
    """Values that are none of the defaults."""
    values: dict[str, Any] = {}
    for name in kind.own_parameters():
        parameter, default = kind.param[name], kind.param[name].default
        if isinstance(default, bool):
            values[name] = not default
        elif hasattr(parameter, "objects"):
            values[name] = parameter.objects[-1] if parameter.objects[-1] != default else parameter.objects[0]
        elif isinstance(default, str):
            values[name] = HARD
        else:
            low, high = parameter.bounds
            values[name] = default + 1 if high is None else high if default != high else low
    return values


def full(stage: str) -> Order:
    made = replace(order(stage), parameters=other_values(LAUNCHED[stage]))
    made = replace(made, engine=other_values(Engine)) if stage in ON_SPARK else made
    return replace(made, granules=("ATL03_a", "-x", "b c")) if stage in BY_GRANULE else made


@pytest.mark.parametrize("stage", LAUNCHED)
def test_every_value_arrives(commands: Mapping[str, click.Command], stage: str) -> None:
    asked = full(stage)
    said = words(ROOT, asked)
    assert said[:3] == PROGRAM
    got = parsed(commands, said[3:])
    assert got["project"] == ROOT
    assert {name: got[name] for name in asked.parameters} == asked.parameters
    assert {name: got[name] for name in asked.engine} == asked.engine
    assert got.get("granules", ()) == asked.granules


@pytest.mark.parametrize("stage", LAUNCHED)
def test_what_is_shown_for_copying_is_the_same_for_a_shell(commands: Mapping[str, click.Command], stage: str) -> None:
    asked = full(stage)
    program, *said = shlex.split(shown(ROOT, asked, LAUNCHED[stage]().values_dict()))
    assert program == "leadline"
    assert said == words(ROOT, asked)[3:]


@pytest.mark.parametrize("stage", LAUNCHED)
def test_only_what_differs_is_shown(stage: str) -> None:
    settings = LAUNCHED[stage]().values_dict()
    assert shlex.split(shown(ROOT, order(stage), settings)) == ["leadline", stage, str(ROOT)]
    name = next(iter(settings))
    changed = replace(order(stage), parameters=settings | {name: other_values(LAUNCHED[stage])[name]})
    assert len(shlex.split(shown(ROOT, changed, settings))) == 4


def test_a_parameter_without_a_value_is_not_given(commands: Mapping[str, click.Command]) -> None:
    said = words(ROOT, order("train"))
    assert not [word for word in said if word.startswith("--dropout")]
    assert parsed(commands, said[3:])["dropout"] is None


def test_a_model_is_promoted_by_its_name(commands: Mapping[str, click.Command]) -> None:
    said = words(ROOT, Order("promote", {"run_name": "mlp-v0001"}))
    assert parsed(commands, said[3:]) == {"project": ROOT, "run": "mlp-v0001"}

"""A stage's own parameters as a form: defaults, bounds, units and help, without a word of its own about any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import param

from dashboard.catalog import Catalog
from dashboard.jobs.command import BY_GRANULE, ON_SPARK
from dashboard.jobs.model import Job
from dashboard.jobs.rules import LAUNCHED, available, label
from dashboard.jobs.telling import TITLES
from processing.project import Project
from processing.stages import Engine, Stage

_UNIT = re.compile(r"^(?P<help>.*?)(?: \[(?P<unit>[^\]]+)\])?$", re.DOTALL)
_FIRST: dict[str, tuple[str, ...]] = {
    "resample": ("window", "confidence", "mean_sea_surface"),
    "autolabel": ("max_time_offset", "cloud_filter", "drift"),
    "snapshot": ("note",),
    "train": ("model", "snapshot", "held_out", "epochs", "workers", "hosts", "backend"),
    "classify": ("run_name",),
    "freeboard": ("source", "run_name", "estimator", "window", "stride"),
    "evaluate": ("models", "snapshot", "protocols", "seeds", "epochs"),
    "engine": ("engine", "master", "cores", "executor_cores", "executor_memory"),
}
"""Parameters that a form shows at once, in this order; the others are one click away."""

_HIDDEN = ("executor_python",)
"""Parameters that name a program to run: a page does not set them."""

_AMONG = {
    ("train", "snapshot"): ("snapshots",),
    ("evaluate", "snapshot"): ("snapshots",),
    ("classify", "run_name"): ("models",),
    ("freeboard", "run_name"): ("predictions", "snapshots"),
}
"""Parameters that name a run which is there, and of which kinds."""


def form(project: Project, catalog: Catalog, stage: str, former: Job | None = None) -> dict[str, Any]:
    """The form of a stage: every field with the project's value, or that of the ``former`` job that it repeats."""
    kind = LAUNCHED[stage]
    values = project.stage(kind).values_dict() | _of_this_time(kind)
    values |= {name: value for name, value in (former.parameters if former else {}).items() if name in values}
    engine = project.stage(Engine).values_dict() | (dict(former.engine) if former else {})
    return {
        "stage": stage,
        "title": TITLES[stage],
        "about": " ".join((kind.__doc__ or "").split()),
        "cloned": former.id if former else 0,
        "fields": _fields(project, kind, values),
        "engine": _fields(project, Engine, engine) if stage in ON_SPARK else [],
        "granules": _granules(catalog, stage, former) if stage in BY_GRANULE else [],
        "cores": {"value": former.cores if former else 0, "most": available()} if stage in ON_SPARK else None,
    }


def _of_this_time(kind: type[Stage]) -> dict[str, Any]:
    """Parameters that concern one run only start empty, whatever ``project.toml`` pins."""
    return {name: "" for name in ("run_name", "note") if name in kind.own_parameters()}


def _fields(project: Project, kind: type[Stage], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    first = _FIRST.get(kind.key, ())
    names = [*first, *(name for name in kind.own_parameters() if name not in first)]
    return [
        field(kind, name, values[name]) | {"more": name not in first} | _among(project, kind, name)
        for name in names
        if name not in _HIDDEN
    ]


def field(kind: type[Stage], name: str, value: Any) -> dict[str, Any]:
    """One parameter as a field."""
    parameter = kind.param[name]
    told = _UNIT.fullmatch(str(parameter.doc or ""))
    unit = told["unit"] if told and told["unit"] not in (None, "1") else ""
    low, high = getattr(parameter, "bounds", None) or (None, None)
    return {
        "name": name,
        "label": label(name),
        "help": told["help"] if told else "",
        "unit": unit,
        "type": type_of(parameter),
        "value": value,
        "default": parameter.default,
        "low": low,
        "high": high,
        "choices": list(parameter.objects) if isinstance(parameter, param.Selector) else [],
    }


def type_of(parameter: Any) -> str:
    """What kind of control sets a parameter."""
    for kind, name in (
        (param.Boolean, "switch"), (param.Selector, "choice"), (param.Integer, "whole"), (param.Number, "number"),
    ):  # fmt: skip
        if isinstance(parameter, kind):
            return name
    return "text"


def _among(project: Project, kind: type[Stage], name: str) -> dict[str, Any]:
    """Where a field names one of the runs, or some of the granules, that are there: which, the newest first."""
    if name == "held_out":
        return {"type": "several", "choices": [item.ident for item in project.inputs("granules")]}
    among = _AMONG.get((kind.key, name), ())
    return {"type": "named", "choices": [run for kind in among for run in project.runs(kind)[::-1]]} if among else {}


def _granules(catalog: Catalog, stage: str, former: Job | None) -> list[dict[str, Any]]:
    """Granules with how far the stage is there; those that wait for it or are stale are chosen."""
    found = []
    for granule in catalog.granules:
        progress = granule.stages[stage]
        due = progress.word != "done"
        chosen = granule.ident in former.granules if former and former.granules else due
        why = {"none": "not made yet", "part": f"{progress.done} of {progress.total} beams",
               "stale": progress.stale, "done": "up to date"}[progress.word]  # fmt: skip
        found.append({"id": granule.ident, "word": progress.word, "why": why, "chosen": chosen})
    return found

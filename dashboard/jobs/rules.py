"""What may be ordered from a page: every value is checked against the stage's own definition, and paths stay inside.

What comes from a form is text and numbers from anybody who may open the page. Nothing of it is taken for more than the
value of one parameter: names must be names of things that are there, addresses must look like addresses, and a path
must lie in the project.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import param

from dashboard.jobs.command import BY_GRANULE, ON_SPARK, PROMOTE
from dashboard.jobs.model import Order
from processing.errors import InputError
from processing.project import Project
from processing.stages import STAGES, Engine, Evaluate, Stage

LAUNCHED: dict[str, type[Stage]] = {**STAGES, Evaluate.key: Evaluate}
"""Stages that a page can launch."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LIST = re.compile(r"[A-Za-z0-9._,\- ]*")
_HOSTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*:[1-9][0-9]{0,3}")
_NODE = r"[A-Za-z0-9\[][A-Za-z0-9_.:\[\]-]*:[0-9]{1,5}"
_MASTER = re.compile(rf"local(\[([1-9][0-9]{{0,3}}|\*)\])?|spark://{_NODE}(,{_NODE})*")
_PROGRAMS = ("executor_python",)
"""Parameters that name a program to run: only who has a shell may set them."""

_LONGEST_TEXT = 500


def checked(project: Project, asked: Mapping[str, Any]) -> Order:
    """The order that a form asks for: ``stage``, ``parameters``, ``engine``, ``granules`` and ``cores``.

    Parameters that are not given are as the project has them. Raises InputError that names the field at fault.
    """
    stage = str(asked.get("stage", ""))
    if stage == PROMOTE:
        return _promotion(project, asked)
    kind = LAUNCHED.get(stage)
    if kind is None:
        raise InputError(f"stage {stage!r} cannot be launched", mend=f"one of {', '.join(LAUNCHED)}")
    parameters = values_of(project, kind, asked.get("parameters") or {})
    engine = _engine(project, stage, asked.get("engine") or {})
    granules = _granules(project, stage, asked.get("granules") or ())
    cores = cores_of(stage, parameters, engine, asked.get("cores"))
    return Order(stage, parameters, engine, granules, {}, cores)


def values_of(project: Project, kind: type[Stage], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter of a stage as plain values: those ``given``, checked, and the project's own."""
    stage = project.stage(kind)
    for name, value in given.items():
        if name not in kind.own_parameters():
            raise InputError(f"stage {kind.key} has no parameter {_short(name)}")
        former = getattr(stage, name)
        if value != former or type(value) is not type(former):
            _set(project, stage, name, value)
    return stage.values_dict()


def _set(project: Project, stage: Stage, name: str, value: Any) -> None:
    """Set a parameter to other than what the project has. Raises InputError for what no page may set."""
    former, where = getattr(stage, name), _flag(name)
    if name in _PROGRAMS:
        raise InputError("programs are not named on a page", where=where, mend="set it in project.toml")
    setattr_checked(stage, name, value)
    chosen = getattr(stage, name)
    if chosen is None and former is not None:
        what = f"{label(name)} is {former} in project.toml, which a command cannot take back"
        raise InputError(what, where=where, mend="give a number, or take it out of project.toml")
    if name == "mean_sea_surface" and chosen:
        # Whole and without links: the command runs elsewhere, and a link may point elsewhere by then.
        setattr(stage, name, str(inside(project.root, chosen, where)))
    else:
        _check_reach(project, type(stage), name, chosen)


def setattr_checked(stage: Stage, name: str, value: Any) -> None:
    """Set a parameter from what a form or a file says. Raises InputError that names it, its bounds and the value."""
    parameter = type(stage).param[name]
    try:
        setattr(stage, name, _as_declared(parameter, value))
    except (OverflowError, TypeError, ValueError):
        what = f"{label(name)} cannot be {_plainly(value)}"
        raise InputError(what, where=_flag(name), mend=f"give {expected(parameter)}") from None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def label(name: str) -> str:
    """A parameter's name for people."""
    return name.replace("_", " ").capitalize()


def expected(parameter: Any) -> str:
    """What values a parameter takes, in words."""
    if isinstance(parameter, param.Selector):
        return "one of " + ", ".join(str(choice) for choice in parameter.objects)
    if isinstance(parameter, param.Boolean):
        return "yes or no"
    if isinstance(parameter, param.Number):
        low, high = parameter.bounds or (None, None)
        kind = "a whole number" if isinstance(parameter, param.Integer) else "a number"
        if low is not None and high is not None:
            return f"{kind} from {low:g} to {high:g}"
        return f"{kind} from {low:g}" if low is not None else kind
    return "text"


def _as_declared(parameter: Any, value: Any) -> Any:
    """A form's value as the parameter wants it; a number may come as text."""
    if isinstance(parameter, param.Boolean) or value is None:
        return value
    if isinstance(parameter, param.Number):
        if isinstance(value, bool):
            raise ValueError(value)
        if value == "" and parameter.allow_None:
            return None
        number = float(value)
        if not math.isfinite(number):  # what is not a number is within all bounds
            raise ValueError(value)
        return int(number) if isinstance(parameter, param.Integer) and number.is_integer() else number
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(value)
    return value.strip()


def _plainly(value: Any) -> str:
    """A number, or what should be one, as it was typed; anything else in quotes."""
    text = str(value)
    return text if re.fullmatch(r"[\w.+-]{1,40}", text) else _short(value)


def _short(value: Any) -> str:
    return repr(value if len(str(value)) <= 40 else f"{str(value)[:40]}…")


def _check_reach(project: Project, kind: type[Stage], name: str, value: Any) -> None:
    """Raise InputError for a value that reaches out of the project, or to what no form should."""
    if not isinstance(value, str) or not value or isinstance(kind.param[name], param.Selector):
        return
    flag = _flag(name)
    if name in ("run_name", "snapshot"):
        _check_name(project, kind, name, value, flag)
    elif name == "hosts":
        _check_each(_HOSTS, value.split(","), flag, "write hosts as in a:4,b:4")
    elif name == "master":
        _check_each(_MASTER, [value], flag, "write spark://host:7077 or local[2]")
    elif name == "tracking":
        _check_tracking(value, flag)
    elif name == "held_out":
        _check_granules(project, [part.strip() for part in value.split(",") if part.strip()], flag)
    elif name != "note":
        _check_each(_LIST, [value], flag, "use letters, digits, dots, dashes and commas")


def inside(root: Path, text: str, where: str) -> Path:
    """The file ``text`` names, which must lie in the project at ``root``, links followed. Raises InputError."""
    try:
        found = (root / text).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise InputError(f"{_short(text)} cannot be followed", where=where, mend="name a file in the project") from None
    if "://" in text or not found.is_relative_to(root.resolve()):
        raise InputError(f"{_short(text)} lies outside the project", where=where, mend="put the file into the project")
    if not os.path.isfile(found):  # noqa: PTH113 - a name that is too long is no file either
        raise InputError(f"there is no file {_short(text)}", where=where, mend="name one in the project")
    return found


def _check_name(project: Project, kind: type[Stage], name: str, value: str, where: str) -> None:
    if not _NAME.fullmatch(value):
        raise InputError(f"{_short(value)} is no name of a run", where=where, mend="use letters, digits, dots, dashes")
    source = {"classify": "models", "freeboard": "predictions", "train": "snapshots", "evaluate": "snapshots"}[kind.key]
    new = kind.key == "train" and name == "run_name"
    there = {*project.runs(source), *(project.runs("snapshots") if kind.key == "freeboard" else ())}
    if not new and value not in there:
        raise InputError(f"there is no {value} among {source}", where=where, mend="choose one that is there")


def _check_each(pattern: re.Pattern[str], parts: Sequence[str], where: str, mend: str) -> None:
    for part in parts:
        if not pattern.fullmatch(part.strip()):
            raise InputError(f"{_short(part)} cannot be used", where=where, mend=mend)


def _check_tracking(value: str, where: str) -> None:
    try:
        told = urlsplit(value)
    except ValueError:
        told = urlsplit("")
    if value != "off" and not (told.scheme in ("http", "https") and told.hostname):
        mend = "give the http address of an MLflow server, off, or nothing"
        raise InputError(f"{_short(value)} is no tracking server", where=where, mend=mend)


def _engine(project: Project, stage: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if stage not in ON_SPARK:
        return {}
    return values_of(project, Engine, given)


def _granules(project: Project, stage: str, asked: Sequence[Any]) -> tuple[str, ...]:
    chosen = sorted({str(granule) for granule in asked})
    if chosen and stage not in BY_GRANULE:
        raise InputError(f"{stage} always does every granule", where="--granule")
    _check_granules(project, chosen, "--granule")
    return tuple(chosen)


def _check_granules(project: Project, chosen: Sequence[str], where: str) -> None:
    known = {item.ident for item in project.inputs("granules")} | {granule for granule, _ in project.tracks("segments")}
    unknown = [granule for granule in chosen if granule not in known]
    if unknown:
        raise InputError(f"there is no granule {_short(unknown[0])}", where=where, mend="choose one of the project")


def _promotion(project: Project, asked: Mapping[str, Any]) -> Order:
    run = str((asked.get("parameters") or {}).get("run_name", ""))
    if run not in project.runs("models"):
        raise InputError(f"there is no model {_short(run)}", where=PROMOTE, mend="choose one of the project")
    return Order(PROMOTE, {"run_name": run})


def cores_of(stage: str, parameters: Mapping[str, Any], engine: Mapping[str, Any], asked: Any = None) -> int:
    """Cores of this machine that an order keeps busy: ranks here, Spark's own where it runs here, else as ``asked``."""
    if stage in ("snapshot", PROMOTE):
        return 1
    if stage == "train":
        return max(1, int(parameters["workers"]) or _ranks_named(str(parameters["hosts"])) or 1)
    if engine.get("engine") == "spark":
        return _cores_of_master(str(engine["master"]))
    most = available()
    try:
        chosen = int(asked or 0)
        if not 0 <= chosen <= most:
            raise ValueError(chosen)
    except (OverflowError, TypeError, ValueError):
        what = f"cores cannot be {_short(asked)}"
        raise InputError(what, where="job-cores", mend=f"give a whole number up to {most}, or 0 for all") from None
    return chosen or most


def available() -> int:
    """Cores of this machine."""
    from processing.cores import available_cores

    return available_cores()


def _ranks_named(hosts: str) -> int:
    return sum(int(part.rpartition(":")[2]) for part in hosts.split(",") if part.strip())


def _cores_of_master(master: str) -> int:
    """A cluster's executors are the cluster's own; the command that drives it keeps one core here."""
    if not master.startswith("local"):
        return 1
    inner = master[len("local") :].strip("[]")
    return available() if inner == "*" else int(inner or 1)

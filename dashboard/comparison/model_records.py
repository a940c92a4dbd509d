"""What the project's models say of themselves, and what of it tells two of them apart. Nothing here draws."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.errors import InputError, LeadlineError
from processing.local.staleness import Staleness
from processing.project import Project
from processing.stages import Classify, Train

MOST = 6
"""Models whose curves are laid over one another at most."""

_ASIDE = ("run_name", "note")


@dataclass(frozen=True)
class Epoch:
    """One pass of the training: loss, and accuracy and macro F1 on what is held out; NaN where not measured."""

    number: int
    loss: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class Figures:
    """Scores that a model's own record gives on one set of labels."""

    segments: int
    accuracy: float
    macro_f1: float
    confusion: NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """A model as its ``model.json`` and ``metrics.jsonl`` tell of it.

    Attributes
    ----------
    made : UTC, ISO 8601. settings : what decided the weights, by name, resolved where the design decides.
    held_out : granules held out whole; empty where only parts of granules were. granules : those whose labels it had.
    how : the split in words. figures : by ``clear``, ``labels`` and ``truth``, as far as they are there.
    stale : why it no longer follows from its inputs; empty when it does.
    """

    run: str
    design: str
    snapshot: str
    made: str
    fingerprint: str
    synthetic: bool
    weights: int
    settings: Mapping[str, Any]
    held_out: tuple[str, ...]
    granules: tuple[str, ...]
    how: str
    figures: Mapping[str, Figures]
    epochs: tuple[Epoch, ...] = ()
    stale: str = ""

    @property
    def learned_from(self) -> frozenset[str]:
        """Granules that it learned from, wholly or in part."""
        return frozenset(self.granules) - frozenset(self.held_out)

    @property
    def focal(self) -> bool:
        return self.settings.get("loss") == "focal"


@dataclass(frozen=True)
class Models:
    """All models of a project: those made last first.

    Attributes
    ----------
    in_use : the run that ``classify`` takes when none is named. troubles : one line for each that cannot be read.
    """

    all: tuple[Model, ...] = ()
    in_use: str = ""
    troubles: tuple[str, ...] = ()

    def find(self, run: str) -> Model | None:
        return next((model for model in self.all if model.run == run), None)

    def chosen(self, asked: Sequence[str]) -> tuple[tuple[Model, ...], tuple[str, ...]]:
        """The models to compare, the first two side by side, and the names asked for that are not there.

        Where fewer than two are asked for, the one in use and then those made last fill up.
        """
        unknown = tuple(run for run in asked if self.find(run) is None)
        runs = list(dict.fromkeys(run for run in asked if run not in unknown))[:MOST]
        for run in (self.in_use, *(model.run for model in self.all)):
            if len(runs) < 2 and run not in runs and self.find(run):
                runs.append(run)
        return tuple(model for run in runs if (model := self.find(run))), unknown


@dataclass(frozen=True)
class Ground:
    """Where two models are judged: granules, in words, and whether neither has seen them."""

    granules: tuple[str, ...]
    told: str
    fair: bool


@dataclass(frozen=True)
class Differing:
    """Settings in which models differ: name, meaning and each model's value; ``same`` are the others' names."""

    rows: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    same: tuple[tuple[str, str], ...] = field(default=())


def read_models(project: Project) -> Models:
    """Every model; one that cannot be read is told of and passed over."""
    staleness, found, troubles = Staleness(project), [], []
    runs = project.runs("models")
    for run in runs:
        try:
            found.append(read_model(project.root / "models" / run, staleness.of_model(run)))
        except (LeadlineError, OSError) as error:
            troubles.append(str(getattr(error, "line", error)))
    named = str(project.stage(Classify).run_name)
    in_use = named or (runs[-1] if runs else "")
    return Models(tuple(sorted(found, key=lambda one: (one.made, one.run), reverse=True)), in_use, tuple(troubles))


def read_model(folder: Path, stale: str = "") -> Model:
    """The model in ``folder``. Raises InputError when its record is damaged."""
    path = folder / "model.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        split, metrics = record.get("split", {}), record.get("metrics", {})
        return Model(
            run=folder.name,
            design=str(record["model"]),
            snapshot=str(record.get("snapshot", "")),
            made=str(record.get("made", "")),
            fingerprint=str(record.get("fingerprint", "")),
            synthetic=bool(record.get("synthetic", False)),
            weights=int(record.get("weights", 0)),
            settings=settings(record),
            held_out=tuple(map(str, split.get("held_out", ()))),
            granules=tuple(map(str, split.get("granules", ()))),
            how=str(split.get("how", "")),
            figures={
                name: figures(metrics[key])
                for name, key in (("clear", "labels"), ("labels", "every_label"), ("truth", "truth"))
                if metrics.get(key)
            },
            epochs=read_epochs(folder / "metrics.jsonl"),
            stale=stale,
        )
    except FileNotFoundError:
        raise InputError("model without model.json, passed over", where=path, mend="remove it or train again") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"damaged model.json ({str(error)[:80]}), passed over"
        raise InputError(what, where=path, mend="remove the run or train it again") from None


def settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """What decided the weights: the parameters, with the plan's values where the model's design decided."""
    given, plan = dict(record.get("parameters", {})), record.get("plan", {})
    found = {name: value for name, value in given.items() if name not in _ASIDE}
    found |= {name: plan[name] for name in ("features", "batch", "learning_rate", "warmup", "dropout") if name in plan}
    if "falls" in plan:
        found["schedule"] = "cosine" if plan["falls"] else "constant"
    if "focal" in plan:
        found["loss"] = "focal" if plan["focal"] else "cross-entropy"
    return found | {"weights": record.get("weights"), "ranks": record.get("ranks", 1)}


def figures(told: Mapping[str, Any]) -> Figures:
    """Scores as ``model.json`` writes them; raises KeyError, TypeError or ValueError where they are not."""
    confusion = np.array(told["confusion"], np.int64)
    if confusion.shape != (3, 3):
        raise ValueError("its confusion is not of three classes")
    return Figures(int(told["windows"]), _number(told["accuracy"]), _number(told["macro_f1"]), confusion)


def read_epochs(path: Path) -> tuple[Epoch, ...]:
    """Passes of a training; none where they are not there, and without those lines that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            told = json.loads(line)
            watched = told.get("watched") or {}
            scores = (_number(watched.get(name)) for name in ("accuracy", "macro_f1"))
            found.append(Epoch(int(told["epoch"]) + 1, _number(told.get("loss")), *scores))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(found)


def differing(models: Sequence[Model]) -> Differing:
    """Settings of which not all models have the same."""
    names = list(dict.fromkeys(name for model in models for name in model.settings))
    rows, same = [], []
    for name in names:
        values = [model.settings.get(name) for model in models]
        told = tuple(_features(values) if name == "features" else [_value(name, value) for value in values])
        if all(value == values[0] for value in values):
            same.append((name.replace("_", " "), told[0]))
        else:
            rows.append((name.replace("_", " "), meaning(name), told))
    return Differing(tuple(rows), tuple(same))


def meaning(name: str) -> str:
    """What a setting means, as the command line says it."""
    own = {"weights": "Numbers that were learned", "ranks": "Processes that trained together"}
    return own.get(name) or (str(Train.param[name].doc) if name in Train.own_parameters() else "")


def ground(first: Model, second: Model, labelled: Sequence[str]) -> Ground:
    """Which of the granules with a reference two models can be judged on, and what is to be said of it."""
    seen = first.learned_from | second.learned_from
    fresh = tuple(name for name in labelled if name not in seen)
    if fresh:
        told = f"{_granules(len(fresh))} that neither learned from"
        unlike = set(first.held_out) != set(second.held_out)
        return Ground(fresh, f"{told}; they held out different ones" if unlike else told, fair=True)
    tested = tuple(name for name in labelled if name in {*first.held_out, *second.held_out})
    lines = []
    for one, other in ((first, second), (second, first)):
        known = [name for name in other.held_out if name in one.learned_from]
        if known:
            lines.append(f"{one.run} learned from {', '.join(known)}, which {other.run} held out")
        if not one.held_out:
            lines.append(f"{one.run} held out only stretches of the granules that it learned from")
    told = "no granule is new to both: " + "; ".join(lines or ["both learned from every labelled granule"])
    return Ground(tested or tuple(labelled), told, fair=False)


def _granules(number: int) -> str:
    return "1 granule" if number == 1 else f"{number} granules"


def _features(values: Sequence[Any]) -> list[str]:
    """How many features, and those that not all have."""
    lists = [list(map(str, value)) if isinstance(value, list | tuple) else [] for value in values]
    shared = set(lists[0]).intersection(*lists[1:])
    own = [[name.replace("_", " ") for name in names if name not in shared] for names in lists]
    return [
        f"{len(names)}{', among them ' + ', '.join(more) if more else ''}"
        for names, more in zip(lists, own, strict=True)
    ]


def _value(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if name == "weights" else (str(value) or "–")


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)

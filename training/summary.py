"""From the verdicts of single models to figures with intervals: folds pooled, seeds compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.stats import t as student

from training.calibration import BINS, Reliability
from training.scores import CLASS_NAMES, Scores

AGAINST = ("labels", "every_label", "truth")
"""What models are held against: usable labels held out, all labels held out, the synthetic truth held out."""


@dataclass(frozen=True)
class Outcome:
    """One model, trained and judged.

    Attributes
    ----------
    variant : what was changed about it, or empty. model : its design. protocol : how labels were parted. fold : what
    was held out. verdict : ``Verdict.to_json()``. learned : labels it learned from. temperature : of its calibration.
    epochs : accuracy on the labels to test on after each.
    """

    variant: str
    model: str
    protocol: str
    fold: str
    seed: int
    learned: int
    temperature: float
    verdict: dict[str, Any]
    epochs: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Interval:
    """Mean over seeds and half of its 95 % interval (Student's t); None with a single seed."""

    mean: float
    half: float | None

    def to_json(self) -> dict[str, float | None]:
        return {"mean": _rounded(self.mean), "half": None if self.half is None else round(self.half, 6)}


@dataclass(frozen=True)
class Row:
    """One model under one protocol, against one kind of labels.

    Attributes
    ----------
    figures : intervals by name: ``accuracy``, ``macro_f1``, ``calibration_error``, ``calibration_error_raw`` and, such
    as ``open water recall``, three of each class. by_seed : the same figures of each seed. confusion : all folds and
    seeds together. groups : intervals of the accuracy of parts of the labels, with their number.
    """

    variant: str
    model: str
    protocol: str
    against: str
    seeds: int
    folds: tuple[str, ...]
    figures: dict[str, Interval]
    by_seed: dict[int, dict[str, float]]
    confusion: list[list[int]]
    reliability: dict[str, Any]
    reliability_raw: dict[str, Any]
    groups: dict[str, tuple[Interval, int]]

    def to_json(self) -> dict[str, Any]:
        groups = {name: one.to_json() | {"windows": count} for name, (one, count) in self.groups.items()}
        figures = {name: one.to_json() for name, one in self.figures.items()}
        by_seed = {
            str(seed): {name: _rounded(one) for name, one in known.items()} for seed, known in self.by_seed.items()
        }
        return asdict(self) | {"figures": figures, "by_seed": by_seed, "groups": groups}


def _rounded(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def summarised(outcomes: Iterable[Outcome]) -> list[Row]:
    """One row for each variant, model, protocol and kind of labels, in the order they first came."""
    kinds: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        kinds.setdefault((outcome.variant, outcome.model, outcome.protocol), []).append(outcome)
    rows = (_row(found, against) for found in kinds.values() for against in AGAINST)
    return [row for row in rows if row is not None]


def _row(outcomes: Sequence[Outcome], against: str) -> Row | None:
    seeds: dict[int, list[dict[str, Any]]] = {}
    for outcome in outcomes:
        told = outcome.verdict[against]
        if told is not None:
            seeds.setdefault(outcome.seed, []).append(told)
    if not seeds:
        return None
    pooled = {seed: _pooled(parts) for seed, parts in seeds.items()}
    first = outcomes[0]
    every = [part for parts in seeds.values() for part in parts]
    return Row(
        variant=first.variant,
        model=first.model,
        protocol=first.protocol,
        against=against,
        seeds=len(seeds),
        folds=tuple(dict.fromkeys(outcome.fold for outcome in outcomes)),
        figures={name: interval([one[name] for one in pooled.values()]) for name in next(iter(pooled.values()))},
        by_seed=pooled,
        confusion=np.sum([part["confusion"] for part in every], axis=0).tolist(),
        reliability=_together(every, "calibration").to_json(),
        reliability_raw=_together(every, "calibration_raw").to_json(),
        groups=_groups(list(seeds.values())),
    )


def _pooled(parts: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures of one seed, over all of its folds."""
    scores = _scores(parts)
    found = {"accuracy": scores.accuracy, "macro_f1": scores.macro_f1}
    for name, key in (("calibration_error", "calibration"), ("calibration_error_raw", "calibration_raw")):
        found[name] = _together(parts, key).error
    for code, name in enumerate(CLASS_NAMES):
        found |= {f"{name} precision": float(scores.precision[code]), f"{name} recall": float(scores.recall[code])}
        found[f"{name} F1"] = float(scores.f1[code])
    return found


def _scores(parts: Iterable[dict[str, Any]]) -> Scores:
    return Scores(np.sum([part["confusion"] for part in parts], axis=0, dtype=np.int64))


def _together(parts: Sequence[dict[str, Any]], key: str) -> Reliability:
    count = np.asarray(np.sum([part[key]["count"] for part in parts], axis=0, dtype=np.int64))

    def mean(name: str) -> Any:
        weighted = [np.array(part[key]["count"]) * np.array(part[key][name], float) for part in parts]
        total = np.nansum(weighted, axis=0)
        return np.divide(total, count, out=np.full(BINS, np.nan), where=count > 0)

    return Reliability(count, mean("confidence"), mean("accuracy"))


def _groups(seeds: Sequence[Sequence[dict[str, Any]]]) -> dict[str, tuple[Interval, int]]:
    names = dict.fromkeys(name for parts in seeds for part in parts for name in part["groups"])
    found = {}
    for name in names:
        each = [_scores([part["groups"][name] for part in parts if name in part["groups"]]) for parts in seeds]
        each = [scores for scores in each if scores.confusion.ndim == 2]
        found[name] = (
            interval([scores.accuracy for scores in each]),
            sum(scores.count for scores in each) // len(each),
        )
    return found


def interval(values: Sequence[float]) -> Interval:
    """Mean of ``values`` and half of its 95 % interval; NaN values, of figures that do not exist, are left out."""
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return Interval(float("nan"), None)
    if len(known) == 1:
        return Interval(float(known[0]), None)
    t = float(student.ppf(0.975, len(known) - 1))
    return Interval(float(known.mean()), float(t * known.std(ddof=1) / np.sqrt(len(known))))


def find_row(rows: Sequence[Row], **wanted: str) -> Row | None:
    """The row whose fields have these values."""
    return next((row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())), None)

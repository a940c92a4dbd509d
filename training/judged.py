"""How a model does on labels it never saw: scores, calibration, and where the errors lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.io import tables
from processing.project import Project
from processing.schema import TRUTH, AutoFlag, LabelSource
from training.bundle import Trained
from training.calibration import Reliability, reliability
from training.inference import logits_of, softmax
from training.models import Classifier
from training.scores import Scores, score
from training.splits import UNCLEAR, Role, Split
from training.tensors import Tensors
from training.windows import Normalisation

FLAGS = {
    "cloud": AutoFlag.CLOUD,
    "shadow": AutoFlag.SHADOW,
    "transition": AutoFlag.TRANSITION,
    "drift unsure": AutoFlag.DRIFT_UNSURE,
}


@dataclass(frozen=True)
class Judged:
    """A model against one set of labels.

    Attributes
    ----------
    raw : reliability of the probabilities before the temperature. groups : scores of parts of the set by name, such as
    ``cloud``, ``clear`` or ``corrected``.
    """

    scores: Scores
    reliability: Reliability
    raw: Reliability
    groups: dict[str, Scores]

    def to_json(self) -> dict[str, Any]:
        groups = {name: one.to_json() for name, one in self.groups.items()}
        calibration = {"calibration": self.reliability.to_json(), "calibration_raw": self.raw.to_json()}
        return self.scores.to_json() | calibration | {"groups": groups}


@dataclass(frozen=True)
class Verdict:
    """A model against the labels held out, every labelled segment of what was held out, and the truth where known."""

    labels: Judged
    every_label: Judged
    truth: Judged | None

    def to_json(self) -> dict[str, Any]:
        told = {"labels": self.labels.to_json(), "every_label": self.every_label.to_json()}
        return told | {"truth": self.truth.to_json() if self.truth else None}


def judge(project: Project, data: Tensors, split: Split, model: CalibratedModel, threads: int) -> Verdict:
    """What ``model`` makes of the labels to test on, and of all of what ``split`` holds out."""
    tested = split.role == Role.TEST
    held = tested if split.at_random else held_rows(data, split)
    rows = np.flatnonzero(held | tested)
    logits = logits_of(model.model, model.norm, data, held | tested, threads)
    chance = (softmax(logits, model.temperature), softmax(logits))
    truth = true_labels(project, data)[rows]
    groups = dict(groups_of(data, rows))
    every = {**groups, **dict(sources_of(data, rows))}
    label = np.asarray(data.label[rows], np.int64)
    return Verdict(
        labels=judged(np.where(tested[rows], label, -1), chance, {}),
        every_label=judged(label, chance, every),
        truth=judged(truth, chance, groups) if (truth >= 0).any() else None,
    )


@dataclass(frozen=True)
class CalibratedModel:
    """A model with all that turns features into probabilities."""

    model: Classifier
    norm: Normalisation
    temperature: float

    @classmethod
    def of(cls, trained: Trained) -> CalibratedModel:
        return cls(trained.model, trained.normalisation, trained.temperature)


Chances = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Probabilities (N, 3) with the temperature, and without."""


def judged(labels: NDArray[np.int64], chances: Chances, groups: dict[str, NDArray[np.bool_]]) -> Judged:
    """``chances`` against ``labels`` (N,), whole and by group; rows without a label are left out."""
    guess = chances[0].argmax(axis=1)
    parts = {name: score(labels[mine], guess[mine]) for name, mine in groups.items()}
    full = {name: part for name, part in parts.items() if part.count}
    calibrated, raw = (reliability(chance, labels) for chance in chances)
    return Judged(score(labels, guess), calibrated, raw, full)


def groups_of(data: Tensors, rows: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Which of ``rows`` bear which flag, and which none."""
    flags = np.asarray(data.flags[rows])
    for name, flag in FLAGS.items():
        yield name, (flags & np.uint32(flag)) != 0
    yield "clear", (flags & np.uint32(UNCLEAR)) == 0


def sources_of(data: Tensors, rows: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Which of ``rows`` were labelled by the scene alone, and which corrected by a person."""
    source = np.asarray(data.source[rows])
    yield "automatic", source != LabelSource.MANUAL
    yield "corrected", source == LabelSource.MANUAL


def held_rows(data: Tensors, split: Split) -> NDArray[np.bool_]:
    """Which rows (S,) lie where ``split`` holds out, labelled or not, usable or not."""
    x = data.x_atc
    held = np.zeros(len(data), bool)
    for track in data.tracks:
        held[track.here] = split.holds(track.granule, x[track.here])
    return held


def true_labels(project: Project, data: Tensors) -> NDArray[np.int64]:
    """Classes i8 (S,) that the synthetic truth gives; -1 where none is known."""
    found = np.full(len(data), -1, np.int64)
    for track in data.tracks:
        found[track.here] = true_classes(project, track.granule, track.beam, data.segment[track.here])
    return found


def true_classes(project: Project, granule: str, beam: str, segment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Classes i8 (N,) that the synthetic truth gives to the segments (N,) of a track; -1 where none is known."""
    unknown = np.full(len(segment), -1, np.int64)
    path = project.table_path("inputs/truth", granule, beam)
    if not path.exists():
        return unknown
    table = tables.read(path, TRUTH, ("segment", "label"))
    known, label = table["segment"].to_numpy(), table["label"].to_numpy()
    if not len(known):
        return unknown
    at = np.minimum(np.searchsorted(known, segment), len(known) - 1)
    return np.where(known[at] == segment, label[at], unknown)

"""Scores of predicted against true classes: accuracy, precision, recall, F1, confusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.schema import SurfaceClass

CLASS_NAMES = tuple(SurfaceClass(code).name.lower().replace("_", " ") for code in range(3))


@dataclass(frozen=True)
class Scores:
    """``confusion`` i8 (3, 3), rows true class, columns predicted; every figure follows from it.

    A figure whose denominator is zero is NaN: precision of a class never predicted, recall of a class that is absent.
    """

    confusion: NDArray[np.int64]

    @property
    def count(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(_ratio(np.trace(self.confusion), self.confusion.sum()))

    @property
    def support(self) -> NDArray[np.int64]:
        """Windows of each true class."""
        return self.confusion.sum(axis=1)

    @property
    def precision(self) -> NDArray[np.float64]:
        return _ratio(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        return _ratio(np.diag(self.confusion), self.support)

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall: 2 TP / (predicted + true)."""
        return _ratio(2 * np.diag(self.confusion), self.confusion.sum(axis=0) + self.support)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that are there."""
        return float(self.f1[self.support > 0].mean()) if self.count else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for a figure that does not exist."""
        per_class = {
            name: {
                "precision": _plain(self.precision[code]),
                "recall": _plain(self.recall[code]),
                "f1": _plain(self.f1[code]),
                "windows": int(self.support[code]),
            }
            for code, name in enumerate(CLASS_NAMES)
        }
        overall = {"windows": self.count, "accuracy": _plain(self.accuracy), "macro_f1": _plain(self.macro_f1)}
        return overall | {"classes": per_class, "confusion": self.confusion.tolist()}


def score(true: ArrayLike, predicted: ArrayLike) -> Scores:
    """Scores of ``predicted`` against ``true`` class codes (M,); rows without a true class are left out."""
    truth, guess = np.asarray(true, np.int64), np.asarray(predicted, np.int64)
    known = truth >= 0
    counts = np.bincount(truth[known] * 3 + guess[known], minlength=9)
    return Scores(counts.reshape(3, 3))


def _ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None

"""Do probabilities mean what they say: reliability, expected calibration error, and the temperature that mends it.

Guo et al. 2017 (arXiv 1706.04599): a temperature divides every logit and changes no label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15
_LIMITS = (0.05, 20.0)
_ENOUGH = 50


@dataclass(frozen=True)
class Reliability:
    """Predictions sorted into ``BINS`` equal bins of the probability of the label that was chosen.

    Attributes
    ----------
    count : i8 (BINS,). confidence, accuracy : f8 (BINS,), means of a bin; NaN where it is empty.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy, bins weighted by their count."""
        full = self.count > 0
        if not full.any():
            return float("nan")
        away = np.abs(self.confidence[full] - self.accuracy[full])
        return float(np.average(away, weights=self.count[full]))

    def to_json(self) -> dict[str, Any]:
        def plain(values: NDArray[np.float64]) -> list[float | None]:
            return [round(float(value), 6) if np.isfinite(value) else None for value in values]

        error = round(self.error, 6) if np.isfinite(self.error) else None
        return {
            "error": error,
            "count": self.count.tolist(),
            "confidence": plain(self.confidence),
            "accuracy": plain(self.accuracy),
        }


def reliability(probability: ArrayLike, labels: ArrayLike) -> Reliability:
    """Reliability of ``probability`` (N, 3) against ``labels`` (N,); rows without a label are left out."""
    chance, truth = np.asarray(probability, np.float64), np.asarray(labels)
    chance, truth = chance[truth >= 0], truth[truth >= 0]
    confidence = chance.max(axis=1) if len(chance) else np.zeros(0)
    right = chance.argmax(axis=1) == truth if len(chance) else np.zeros(0)
    number = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(number, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(number, values, BINS) / count for values in (confidence, right)]
    return Reliability(count, means[0], means[1])


def likelihood(logits: ArrayLike, labels: ArrayLike, temperature: float) -> float:
    """Mean negative logarithm of the probability given to the ``labels`` (N,) by ``logits`` (N, 3) at a temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-log_p[np.arange(len(scaled)), np.asarray(labels)].mean())


def fitted_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature that makes the ``labels`` (N,) likeliest under ``logits`` (N, 3); 1 with too few of them."""
    from scipy.optimize import minimize_scalar

    if len(np.asarray(labels)) < _ENOUGH:
        return 1.0
    low, high = np.log(_LIMITS)
    found = minimize_scalar(lambda log_t: likelihood(logits, labels, float(np.exp(log_t))), bounds=(low, high))
    return float(np.exp(found.x))

"""Distribution of freeboard: by class, its mode and mean. Arrays in, figures out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BIN = 0.02
_SMOOTH = 3


@dataclass(frozen=True)
class Summary:
    """Freeboard of some segments, in metres; NaN where there is none. ``mode`` is that of a histogram of 2 cm bins."""

    count: int
    mean: float
    median: float
    mode: float
    spread: float
    negative: float


@dataclass(frozen=True)
class Distribution:
    """Counts per bin by class code; ``edges`` in metres, one more than bins."""

    edges: NDArray[np.float64]
    counts: dict[int, NDArray[np.int64]]

    @property
    def total(self) -> NDArray[np.int64]:
        return np.asarray(np.sum(list(self.counts.values()), axis=0), np.int64)


def distribution(freeboard: NDArray[np.float32], codes: NDArray[np.int8]) -> Distribution:
    """Histogram of freeboard for each class in bins of 2 cm; values beyond the 0.5 and 99.5 % join the ends."""
    good = np.isfinite(freeboard)
    values, classes = freeboard[good], codes[good]
    if len(values) == 0:
        edges = np.arange(-0.1, 1.0 + BIN / 2, BIN)
        return Distribution(edges, {code: np.zeros(len(edges) - 1, np.int64) for code in (0, 1, 2, -1)})
    low, high = np.percentile(values, (0.5, 99.5))
    first, last = np.floor(min(low, 0.0) / BIN) - 1, np.ceil(max(high, 0.2) / BIN) + 1
    edges = np.arange(first, last + 1) * BIN
    index = np.clip(np.floor(values / BIN).astype(np.int64) - int(first), 0, len(edges) - 2)
    return Distribution(
        edges, {code: np.bincount(index[classes == code], minlength=len(edges) - 1) for code in (0, 1, 2, -1)}
    )


def summary(freeboard: NDArray[np.float32]) -> Summary:
    """Mean, median, mode, standard deviation and share below zero of the finite values."""
    values = freeboard[np.isfinite(freeboard)].astype(np.float64)
    if len(values) == 0:
        return Summary(0, *(float("nan"),) * 5)
    return Summary(
        len(values),
        float(values.mean()),
        float(np.median(values)),
        mode(values),
        float(values.std()),
        float((values < 0).mean()),
    )


def mode(values: NDArray[np.float64]) -> float:
    """Centre of the fullest bin of 2 cm after a running mean over three, by values within the central 99.8 %."""
    low, high = np.percentile(values, (0.1, 99.9))
    first, last = int(np.floor(low / BIN)), int(np.floor(high / BIN))
    index = np.clip(np.floor(values / BIN).astype(np.int64), first, last) - first
    counts = np.bincount(index, minlength=last - first + 1)
    smooth = np.convolve(counts, np.ones(_SMOOTH) / _SMOOTH, mode="same")
    return float((first + int(np.argmax(smooth)) + 0.5) * BIN)

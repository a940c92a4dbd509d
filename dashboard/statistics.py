"""Distribution of freeboard: by class, its mode and mean. Arrays in, figures out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.core.mean_freeboard import COMMON_HEIGHT, group_means
from processing.schema import SeaSurfaceSource

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
class StretchFigures:
    """What a stretch of track says; metres, shares of one.

    Attributes
    ----------
    length : from its first to its last segment, with both. segments : its number of segments.
    whole : freeboard of all of them. classes : of those of each class, by code.
    sigma : standard uncertainty of the mean freeboard.
    sea_surface, sea_surface_sigma : mean of the sea surface and of its uncertainty; NaN where there is none.
    sources : share of segments by ``schema.SeaSurfaceSource``. leads : leads that reach into it.
    """

    length: float
    segments: int
    whole: Summary
    classes: Mapping[int, Summary]
    sigma: float
    sea_surface: float
    sea_surface_sigma: float
    sources: Mapping[int, float]
    leads: int


@dataclass(frozen=True)
class StretchColumns:
    """The segments of a stretch, row for row: ``x`` f8 m; f4 m, and codes as in FREEBOARD and LABEL."""

    x: NDArray[np.float64]
    freeboard: NDArray[np.float32]
    freeboard_sigma: NDArray[np.float32]
    sea_surface: NDArray[np.float32]
    sea_surface_sigma: NDArray[np.float32]
    source: NDArray[np.int8]
    lead_id: NDArray[np.int32]
    code: NDArray[np.int8]


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


def stretch_figures(found: StretchColumns, segment_length: float, window: float) -> StretchFigures:
    """Figures of a stretch; ``window`` m is how far sea-surface errors are taken to be common."""
    count = len(found.x)
    classes = {code: summary(found.freeboard[found.code == code]) for code in (0, 1, 2, -1)}
    sources = np.bincount(found.source, minlength=len(SeaSurfaceSource)) / max(count, 1)
    return StretchFigures(
        float(found.x[-1] - found.x[0]) + segment_length if count else 0.0,
        count,
        summary(found.freeboard),
        {code: told for code, told in classes.items() if told.count},
        mean_sigma(found, window),
        _mean(found.sea_surface),
        _mean(found.sea_surface_sigma),
        dict(enumerate(sources.tolist())),
        len(np.unique(found.lead_id[found.lead_id >= 0])),
    )


def mean_sigma(found: StretchColumns, window: float) -> float:
    """Standard uncertainty of the mean freeboard, m.

    Height errors are independent but for COMMON_HEIGHT. Those of the sea surface are common to the segments of a block
    of ``window`` m, since they share their leads, and independent between blocks. NaN without any segment.
    """
    if len(found.x) == 0:
        return float("nan")
    height = np.sqrt(
        np.maximum(found.freeboard_sigma.astype(float) ** 2 - found.sea_surface_sigma.astype(float) ** 2, 0)
    )
    block = ((found.x - found.x[0]) / window).astype(np.int64)
    _, sigma, count = group_means(
        found.freeboard, height, found.sea_surface_sigma, block, int(block[-1]) + 1, common=0.0
    )
    used = count > 0
    if not used.any():
        return float("nan")
    apart = np.sqrt(np.sum((count[used] * sigma[used]) ** 2)) / count[used].sum()
    return float(np.hypot(apart, COMMON_HEIGHT))


def _mean(values: NDArray[np.float32]) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean(dtype=np.float64)) if len(good) else float("nan")


def mode(values: NDArray[np.float64]) -> float:
    """Centre of the fullest bin of 2 cm after a running mean over three, by values within the central 99.8 %."""
    low, high = np.percentile(values, (0.1, 99.9))
    first, last = int(np.floor(low / BIN)), int(np.floor(high / BIN))
    index = np.clip(np.floor(values / BIN).astype(np.int64), first, last) - first
    counts = np.bincount(index, minlength=last - first + 1)
    smooth = np.convolve(counts, np.ones(_SMOOTH) / _SMOOTH, mode="same")
    return float((first + int(np.argmax(smooth)) + 0.5) * BIN)

"""Label-free features of a segment, and the windows of five consecutive segments that the paper's models see.

The first six are the paper's; the model of whole stretches knows three more. Three are relative to the beam itself,
within a reach along the track: height to the low heights nearby, photon rate and background rate to the beam's usual
rate. So the slope of the sea surface, the strength of the beam and the height of the sun do not enter. No label is read
anywhere.

======================  ========================================================================================
``height_above_low``    mean height minus the low heights nearby: the ``LOW_QUANTILE`` within ``LOW_REACH`` of the mean
                        heights' running median of five segments, which stray photons of weak beams leave alone [m]
``height_std``          standard deviation of the photons' heights [m]
``mean_minus_median``   mean minus median height [m]
``photon_rate``         ln of photons a shot over the beam's median within ``BEAM_REACH`` [1]
``high_fraction``       photons of high confidence over signal photons [1]
``background_rate``     ln of (background + ``DARK_RATE``) over the same of the beam's median within ``BEAM_REACH``;
                        0 where the granule gives no background [1]
``photons_above``       highest photon above the mean height [m]
``photons_below``       mean height above the lowest photon [m]
``photon_count``        ln of the photons [1]
======================  ========================================================================================

Running quantiles come from a histogram of bins of fixed width that slides along the track, so they cost the same at any
reach, and a chunk with ``HALO`` metres either side gives exactly the values of the whole track.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

FEATURES_VERSION = 2
PAPER_NAMES = ("height_above_low", "height_std", "mean_minus_median", "photon_rate", "high_fraction", "background_rate")
NAMES = (*PAPER_NAMES, "photons_above", "photons_below", "photon_count")
COLUMNS = (
    "segment",
    "x_atc",
    "height_mean",
    "height_median",
    "height_std",
    "height_min",
    "height_max",
    "photon_count",
    "photon_count_high",
    "photon_rate",
    "background_rate",
)
STEPS = 5
MAX_STEP = 10
LOW_QUANTILE = 0.02
LOW_REACH = 5_000.0
BEAM_REACH = 25_000.0
HALO = max(LOW_REACH, BEAM_REACH)
DARK_RATE = 1e5
_HEIGHT_BIN = 0.005
_LOG_BIN = 0.01
_HEIGHT_LIMIT = 500.0
_LEAST_RATE = 1e-3


def segment_features(columns: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
    """The features of each segment of one track.

    Parameters
    ----------
    columns : the SEGMENT columns named in ``COLUMNS``, each (N,), sorted by ``x_atc``.

    Returns
    -------
    f4 (N, 9) in the order of ``NAMES``; NaN only where a height or a photon count is missing.
    """
    x, height = _float(columns, "x_atc"), _float(columns, "height_mean")
    # A sort, not np.median: a missing height goes last and spoils no neighbour.
    steady = np.sort(height[window_index(columns["segment"])], axis=1)[:, STEPS // 2]
    low = running_quantile(x, np.clip(steady, -_HEIGHT_LIMIT, _HEIGHT_LIMIT), LOW_QUANTILE, LOW_REACH, _HEIGHT_BIN)
    photons = _float(columns, "photon_count")
    rate = np.log(np.maximum(_float(columns, "photon_rate"), _LEAST_RATE))
    background = np.log(np.maximum(_float(columns, "background_rate"), 0.0) + DARK_RATE)
    table = (
        height - low,
        _float(columns, "height_std"),
        height - _float(columns, "height_median"),
        _above_median(x, rate),
        _float(columns, "photon_count_high") / np.where(photons > 0, photons, np.nan),
        np.nan_to_num(_above_median(x, background), nan=0.0),
        _float(columns, "height_max") - height,
        height - _float(columns, "height_min"),
        np.log(np.where(photons > 0, photons, np.nan)),
    )
    return np.stack(table, axis=1).astype(np.float32)


def window_index(segment: ArrayLike) -> NDArray[np.int32]:
    """Rows of the segments n-2..n+2 around each segment n, i4 (N, 5).

    Neighbours are the existing segments either side. Where the segment index leaps by more than ``MAX_STEP`` (20 m of
    2 m windows without a photon) the track is cut, and at a cut or an end the last segment stands for those beyond.
    """
    index = np.asarray(segment, np.int64)
    rows = np.arange(len(index), dtype=np.int32)
    starts = np.ones(len(index), bool)
    starts[1:] = np.diff(index) > MAX_STEP
    ends = np.roll(starts, -1)
    first = np.maximum.accumulate(np.where(starts, rows, 0))
    last = np.minimum.accumulate(np.where(ends, rows, len(rows))[::-1])[::-1]
    offsets = np.arange(STEPS, dtype=np.int32) - STEPS // 2
    return np.clip(rows[:, None] + offsets, first[:, None], last[:, None]).astype(np.int32)


def running_quantile(
    x: NDArray[np.float64], values: NDArray[np.float64], quantile: float, reach: float, width: float
) -> NDArray[np.float64]:
    """Quantile of the values within ``reach`` of each place, from a sliding histogram of bins of ``width``.

    Parameters
    ----------
    x : f8 (N,), rising. values : f8 (N,); NaN is left out. quantile : 0 to 1. reach, width : in the units of x, values.

    Returns
    -------
    f8 (N,), within one ``width`` of the value of rank ``floor(quantile (n - 1))``; NaN where no value is in reach.
    """
    valid = np.isfinite(values)
    if not valid.any():
        return np.full(len(values), np.nan)
    bins = np.floor(np.where(valid, values, values[valid].min()) / width).astype(np.int64)
    lowest = int(bins.min())
    size = int(bins.max()) - lowest + 1
    return _slide(x, np.where(valid, bins - lowest, -1), quantile, reach, size, lowest, width)


@njit(cache=True, nogil=True)
def _slide(
    x: NDArray[np.float64],
    bins: NDArray[np.int64],
    quantile: float,
    reach: float,
    size: int,
    lowest: int,
    width: float,
) -> NDArray[np.float64]:
    counts = np.zeros(size, np.int64)
    out = np.full(len(x), np.nan)
    start = end = cursor = below = total = 0
    for i in range(len(x)):
        while end < len(x) and x[end] <= x[i] + reach:
            if bins[end] >= 0:
                counts[bins[end]] += 1
                below += bins[end] < cursor
                total += 1
            end += 1
        while x[start] < x[i] - reach:
            if bins[start] >= 0:
                counts[bins[start]] -= 1
                below -= bins[start] < cursor
                total -= 1
            start += 1
        if total == 0:
            continue
        rank = int(quantile * (total - 1))
        while below > rank:
            cursor -= 1
            below -= counts[cursor]
        while below + counts[cursor] <= rank:
            below += counts[cursor]
            cursor += 1
        out[i] = (lowest + cursor + (rank - below + 0.5) / counts[cursor]) * width
    return out


def _above_median(x: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - running_quantile(x, values, 0.5, BEAM_REACH, _LOG_BIN)


def _float(columns: Mapping[str, ArrayLike], name: str) -> NDArray[np.float64]:
    return np.asarray(columns[name], np.float64)

"""The first-photon calibration table (CAL-19) that follows from the twin's own detector.

A channel that recovers a dead time after each photon sees, of a Poisson stream of rate r(t), the stream r(t) L(t) with
``L(t) = 1 - integral of r L over the dead time before t``. The mean of what is seen comes earlier than the mean of what
arrived; the table holds the difference against what a user can measure: photons seen a shot, and their spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]

_STEP = 0.02
_WIDTH_PER_SIGMA = 2.5631031310892007
DEAD_TIMES = (2.6, 2.9, 3.2, 3.5, 3.8, 4.1)


@dataclass(frozen=True)
class Calibration:
    """``dead_time`` (D,) ns; ``strength`` (S, D) photons seen a shot; ``width`` (W, D) ns between the 10th and the 90th
    percentile of what is seen; ``correction`` (W, S, D) ps of two-way time to take from the height."""

    dead_time: F8
    strength: F8
    width: F8
    correction: F8


@lru_cache(maxsize=4)
def calibration(channels: int) -> Calibration:
    """The table of a beam whose photons share ``channels`` channels."""
    seen = np.concatenate([np.linspace(0.02, 0.9, 23), 0.9 + 0.42 * np.linspace(0.0, 1.0, 13)[1:] ** 1.0]) * channels
    width = np.linspace(1.0, 12.0, 34)
    slices = [_slice(dead, channels, seen, width) for dead in DEAD_TIMES]
    return Calibration(
        dead_time=np.array(DEAD_TIMES),
        strength=np.repeat(seen[:, None], len(DEAD_TIMES), axis=1),
        width=np.repeat(width[:, None], len(DEAD_TIMES), axis=1),
        correction=np.stack(slices, axis=2),
    )


def _slice(dead: float, channels: int, seen: F8, width: F8) -> F8:
    """Correction (W, S) in ps: simulated on a grid of what arrives, read off on a grid of what is seen."""
    sigmas = np.linspace(0.3, 6.0, 58)
    strengths = np.concatenate([np.linspace(0.01, 2.0, 40), np.geomspace(2.1, 12.0, 24)])
    by_sigma = np.array([_blinded(dead, strengths, sigma) for sigma in sigmas])
    at_strength = np.empty((sigmas.size, seen.size, 2))
    for row, (count, spread, early) in enumerate(by_sigma):
        at_strength[row, :, 0] = np.interp(seen / channels, count, spread)
        at_strength[row, :, 1] = np.interp(seen / channels, count, early)
    result = np.empty((width.size, seen.size))
    for column in range(seen.size):
        spread, early = at_strength[:, column, 0], at_strength[:, column, 1]
        rising = np.maximum.accumulate(spread)
        result[:, column] = np.interp(width, rising, early)
    return result * 1e3


@njit(cache=True, nogil=True, error_model="numpy")
def _blinded(dead: float, strengths: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Photons a channel sees, 10 to 90 % width (ns) and how early their mean is (ns), for Gaussian returns."""
    step = min(_STEP, sigma / 12.0)
    size, lag = int(10.0 * sigma / step), max(round(dead / step), 1)
    shape = np.exp(-0.5 * ((np.arange(size) * step - 5.0 * sigma) / sigma) ** 2)
    shape /= shape.sum()
    result = np.empty((3, strengths.size))
    seen = np.empty(size)
    for row in range(strengths.size):
        run, count, first, second = 0.0, 0.0, 0.0, 0.0
        for k in range(size):
            seen[k] = strengths[row] * shape[k] * max(1.0 - run, 0.0)
            run += seen[k] - (seen[k - lag] if k >= lag else 0.0)
            t = k * step - 5.0 * sigma
            count, first, second = count + seen[k], first + seen[k] * t, second + seen[k] * t * t
        mean = first / count
        result[0, row], result[2, row] = count, -mean
        result[1, row] = np.sqrt(second / count - mean * mean) * _WIDTH_PER_SIGMA
    return result

"""Background photon rate along a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.core.along_track import bracket

F8 = NDArray[np.float64]

_GAP = 0.05


@dataclass(frozen=True)
class Background:
    """Background photon rate: f8 s after the epoch, ascending, and f8 Hz."""

    time: F8
    rate: F8

    def at(self, time: F8) -> F8:
        """Rate interpolated in time; NaN further than 0.05 s (ten samples) from any sample."""
        if len(self.time) == 0:
            return np.full(len(time), np.nan)
        place = bracket(self.time, np.zeros(len(self.time), np.int64), time)
        before, after = self.time[place.left], self.time[place.right]
        away = np.minimum(np.abs(after - time), np.abs(time - before))
        held = np.clip(place.fraction, 0.0, 1.0)
        rate = self.rate[place.left] + (self.rate[place.right] - self.rate[place.left]) * held
        return np.where(away <= _GAP, rate, np.nan)

"""Geophysical corrections of photon heights, per geolocation segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.schema import Quality

F8 = NDArray[np.float64]

FILL = 1e30
"""Absolute values beyond this are the product's fill (3.4e38), not data."""

SATURATED_FRACTION = 0.5
"""Share of a geolocation segment's shots that must saturate before its photons are flagged."""


@dataclass(frozen=True)
class Corrections:
    """What is subtracted from photon heights, one value a geolocation segment (f8, m); NaN where it is not known.

    ``reference`` is the mean sea surface or the geoid in the mean-tide system, ``tide`` the ocean plus the long-period
    equilibrium tide, ``dac`` the dynamic atmosphere correction. Solid-earth, load and pole tides are in ``h_ph``
    already (ATL03 ATBD, section 6).
    """

    reference: F8
    tide: F8
    dac: F8

    @property
    def total(self) -> F8:
        """Sum of what is known."""
        return np.nan_to_num(self.reference) + np.nan_to_num(self.tide) + np.nan_to_num(self.dac)

    @property
    def flags(self) -> NDArray[np.uint32]:
        """Quality bits for what is not known."""
        return (
            np.isnan(self.reference) * np.uint32(Quality.NO_REFERENCE_HEIGHT)
            | np.isnan(self.tide) * np.uint32(Quality.NO_OCEAN_TIDE)
            | np.isnan(self.dac) * np.uint32(Quality.NO_DAC)
        ).astype(np.uint32)

    @classmethod
    def unknown(cls, length: int) -> Corrections:
        """No correction known for any of ``length`` segments."""
        nan = np.full(length, np.nan)
        return cls(nan, nan, nan)


def without_fill(values: ArrayLike) -> F8:
    """``values`` as f8 with fill and infinity as NaN."""
    array = np.asarray(values, np.float64)
    return np.where(np.abs(array) < FILL, array, np.nan)


def geoid_reference(geoid: F8, free_to_mean: F8) -> F8:
    """Geoid in the mean-tide system (m): ``geoid + geoid_free2mean``; where the second is missing, the first alone."""
    return geoid + np.nan_to_num(free_to_mean)


def ocean_tide(tide_ocean: F8, tide_equilibrium: F8) -> F8:
    """Ocean tide with the long-period equilibrium tide (m); NaN where the ocean tide is missing."""
    return tide_ocean + np.nan_to_num(tide_equilibrium)


def saturation_flags(full: F8, near: F8) -> NDArray[np.uint32]:
    """Quality bits of segments in which at least half the shots were fully or nearly saturated."""
    return (
        (near >= SATURATED_FRACTION) * np.uint32(Quality.NEAR_SATURATED)
        | (full >= SATURATED_FRACTION) * np.uint32(Quality.FULLY_SATURATED)
    ).astype(np.uint32)

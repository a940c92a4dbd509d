"""The level everything floats on: geoid, tides, air pressure and the sea level that is left, smooth in the plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.twin.parameters import Twin
from processing.twin.place import Place

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class Waves:
    """Sum of plane waves: wavenumbers ``kx`` ``ky`` rad/m, ``phase`` rad, ``amplitude`` m, about a ``mean``."""

    kx: F8
    ky: F8
    phase: F8
    amplitude: F8
    mean: float = 0.0

    def __call__(self, x: F8, y: F8) -> F8:
        total = np.full(np.shape(x), self.mean)
        for kx, ky, phase, amplitude in zip(self.kx, self.ky, self.phase, self.amplitude, strict=True):
            total += amplitude * np.sin(kx * x + ky * y + phase)
        return total


@dataclass(frozen=True)
class Ocean:
    """Heights in metres as functions of the projected place.

    ``sea_surface`` is what remains of sea level above geoid, tides and dac: what leads must find.
    """

    geoid: Waves
    sea_surface: Waves
    tide_ocean: Waves
    dac: Waves
    tide_equilibrium: float
    tide_earth: float
    tide_load: float
    tide_pole: float
    tide_oc_pole: float
    swell: Waves

    def free2mean(self, lat: F8) -> F8:
        """Geoid from the free-tide to the mean-tide system, m (ATL03 ATBD section 6)."""
        return -0.128 * (3.0 * np.sin(np.radians(lat)) ** 2 - 1.0)

    def earth_free2mean(self, lat: F8) -> F8:
        """Solid earth from the free-tide to the mean-tide system, m (ATL03 ATBD section 6)."""
        return 0.06029 - 0.180873 * np.sin(np.radians(lat)) ** 2

    def level(self, x: F8, y: F8, lat: F8) -> F8:
        """Ellipsoidal height of zero freeboard, m, without swell."""
        return self.reference(x, y, lat) + self.tide(x, y) + self.dac(x, y) + self.sea_surface(x, y)

    def reference(self, x: F8, y: F8, lat: F8) -> F8:
        return self.geoid(x, y) + self.free2mean(lat)

    def tide(self, x: F8, y: F8) -> F8:
        return self.tide_ocean(x, y) + self.tide_equilibrium


def make_ocean(parameters: Twin, place: Place, index: int) -> Ocean:
    """The ocean of granule ``index``, from the seed."""
    rng = np.random.default_rng([parameters.seed, index, 2])
    south = place.latitude < 0
    level = parameters.sea_surface_sigma * np.sqrt(2.0 / 7.0)
    swell_direction = float(rng.uniform(0.0, 2.0 * np.pi))
    number = 2.0 * np.pi / parameters.swell_length
    shortest = 1000.0 * parameters.sea_surface_length
    return Ocean(
        geoid=_waves(rng, 6, 35e3, 400e3, 0.55, -56.0 if south else 4.0),
        sea_surface=_waves(rng, 7, shortest, 10.0 * shortest, level, float(rng.normal(0.0, 0.05))),
        tide_ocean=_waves(rng, 3, 200e3, 900e3, 0.12, float(rng.normal(0.0, 0.2))),
        dac=_waves(rng, 3, 150e3, 900e3, 0.02, float(rng.normal(-0.05, 0.08))),
        tide_equilibrium=float(rng.normal(0.005, 0.006)),
        tide_earth=float(rng.normal(-0.06, 0.05)),
        tide_load=float(rng.normal(0.0, 0.006)),
        tide_pole=float(rng.normal(0.0, 0.001)),
        tide_oc_pole=float(rng.normal(0.0, 2e-5)),
        swell=Waves(
            np.array([number * np.cos(swell_direction)]),
            np.array([number * np.sin(swell_direction)]),
            rng.uniform(0.0, 2.0 * np.pi, 1),
            np.array([parameters.swell]),
        ),
    )


def _waves(rng: np.random.Generator, count: int, least: float, most: float, amplitude: float, mean: float) -> Waves:
    """Random plane waves with lengths of ``least`` to ``most`` metres."""
    number = 2.0 * np.pi / np.exp(rng.uniform(np.log(least), np.log(most), count))
    direction = rng.uniform(0.0, 2.0 * np.pi, count)
    phase = rng.uniform(0.0, 2.0 * np.pi, count)
    scale = amplitude * np.exp(rng.normal(0.0, 0.25, count))
    return Waves(number * np.cos(direction), number * np.sin(direction), phase, scale, mean)

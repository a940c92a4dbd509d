"""Places in the polar plane of their hemisphere, and which way is east there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Proj, Transformer

F8 = npt.NDArray[np.float64]

ARCTIC, ANTARCTIC = 3413, 3031

_MERIDIAN = {ARCTIC: -45.0, ANTARCTIC: 0.0}
_NEXT_TO_POLE = 89.9999
"""At the pole itself the projection's scale cannot be told; it is the same to 1e-12 beside it."""


@dataclass(frozen=True)
class PolarPlane:
    """NSIDC's polar stereographic plane of one hemisphere, WGS84, metres: EPSG:3413 or EPSG:3031."""

    epsg: int

    @classmethod
    def of(cls, *, north: bool) -> PolarPlane:
        return cls(ARCTIC if north else ANTARCTIC)

    def places(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[F8, F8]:
        """x and y, m, of places in degrees."""
        x, y = Transformer.from_crs("EPSG:4326", f"EPSG:{self.epsg}", always_xy=True).transform(lon, lat)
        return np.asarray(x, np.float64), np.asarray(y, np.float64)

    def scale(self, lon: F8, lat: F8) -> F8:
        """Metres of the plane a metre on the ground."""
        factors = Proj(f"EPSG:{self.epsg}").get_factors(lon, np.clip(lat, -_NEXT_TO_POLE, _NEXT_TO_POLE))
        return np.asarray(factors.meridional_scale, np.float64)

    def direction(self, lon: F8, east: npt.ArrayLike, north: npt.ArrayLike) -> tuple[F8, F8]:
        """A direction of eastward and northward parts as parts along x and y of the plane."""
        turn = np.deg2rad(lon - _MERIDIAN[self.epsg])
        cos, sin = np.cos(turn), np.sin(turn)
        e, n = np.asarray(east, np.float64), np.asarray(north, np.float64)
        if self.epsg == ARCTIC:
            return e * cos - n * sin, e * sin + n * cos
        return e * cos + n * sin, n * cos - e * sin

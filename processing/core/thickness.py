"""Sea-ice thickness from total freeboard by hydrostatic balance, with what of its uncertainty is common to all of it.

Sources: Kwok and Cunningham 2008, ICESat over Arctic sea ice, J. Geophys. Res. 113, C08010 (the balance for total
freeboard of a laser); Giles et al. 2007, Remote Sens. Environ. 111, 182-194 (propagation of errors); Alexandrov et al.
2010, The Cryosphere 4, 373-380 (densities).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Quantity = float | Floats


@dataclass(frozen=True)
class Densities:
    """Densities of sea water, sea ice and snow and their standard uncertainties, kg/m3; each one number or an array."""

    water: Quantity = 1024.0
    ice: Quantity = 915.0
    snow: Quantity = 320.0
    water_sigma: Quantity = 0.5
    ice_sigma: Quantity = 10.0
    snow_sigma: Quantity = 50.0


@dataclass(frozen=True)
class Thickness:
    """Thickness of sea ice without its snow, one entry a segment; f8, m.

    Attributes
    ----------
    thickness : NaN where there is no ice or a quantity is unknown; not below 0.
    sigma : standard uncertainty, all of it.
    sigma_common : the part of ``sigma`` from snow depth and densities, which are wrong alike for neighbouring segments
        and so does not become less in a mean; the rest is ``sqrt(sigma^2 - sigma_common^2)``.
    snow_depth : as it was used.
    freeboard_factor : 1, change of thickness with freeboard, by which errors of freeboard enter ``sigma``.
    """

    thickness: Floats
    sigma: Floats
    sigma_common: Floats
    snow_depth: Floats
    freeboard_factor: Floats


def thickness(
    freeboard: npt.ArrayLike,
    freeboard_sigma: npt.ArrayLike,
    snow_depth: npt.ArrayLike,
    snow_sigma: npt.ArrayLike,
    densities: Densities = Densities(),
    *,
    limit_snow: bool = True,
    water: npt.ArrayLike = False,
) -> Thickness:
    """Thickness T of ice that floats with total freeboard F under snow of depth z, and its propagated uncertainty.

    ``T = (r_w F - (r_w - r_s) z) / (r_w - r_i)`` (Kwok and Cunningham 2008), whose partial derivatives are, with
    ``D = r_w - r_i``::

        dT/dF = r_w / D          dT/dz = -(r_w - r_s) / D
        dT/dr_w = (F - z - T) / D    dT/dr_i = T / D    dT/dr_s = z / D

    Where the snow is limited by the freeboard, z moves with F: ``dT/dF = r_s / D``. The depth is then no better known
    than before, so its own term stays. Errors of the five quantities are taken to be independent of each other.

    A negative freeboard counts as 0, as noise about thin ice; where snow outweighs the freeboard the thickness is 0.

    Parameters
    ----------
    freeboard, freeboard_sigma : m, surface above sea level, snow included; NaN where unknown.
    snow_depth, snow_sigma : m; NaN where unknown, which leaves the thickness unknown too.
    limit_snow : let snow be no deeper than the freeboard, so that the ice does not lie below sea level.
    water : bool, where there is no ice.

    Raises ValueError where ice or snow is not lighter than water.
    """
    f, sf, z, sz, is_water = np.broadcast_arrays(freeboard, freeboard_sigma, snow_depth, snow_sigma, water)
    room = _room(densities)
    f = np.maximum(f.astype(np.float64), 0.0)
    limited = limit_snow & (z > f)
    depth = np.where(limited, f, z)
    lighter = np.asarray(densities.water) - np.asarray(densities.snow)
    found = (densities.water * f - lighter * depth) / room
    factor = np.where(limited, densities.snow, densities.water) / room
    common = _common(f, depth, sz, found, room, densities)
    total = np.hypot(factor * sf, common)
    kept = ~is_water & np.isfinite(total)
    parts = (np.where(kept, part, np.nan) for part in (np.maximum(found, 0.0), total, common, depth, factor))
    return Thickness(*parts)


def _room(densities: Densities) -> Floats:
    room = np.asarray(densities.water, np.float64) - np.asarray(densities.ice, np.float64)
    above = np.asarray(densities.water, np.float64) - np.asarray(densities.snow, np.float64)
    if np.any(room <= 0) or np.any(above <= 0):
        raise ValueError("ice and snow must be lighter than water to float")
    return room


def _common(f: Floats, z: Floats, z_sigma: Floats, found: Floats, room: Floats, densities: Densities) -> Floats:
    by_snow = (np.asarray(densities.water) - np.asarray(densities.snow)) / room * z_sigma
    by_water = (f - z - found) / room * densities.water_sigma
    by_ice = found / room * densities.ice_sigma
    by_snow_density = z / room * densities.snow_sigma
    return np.sqrt(by_snow**2 + by_water**2 + by_ice**2 + by_snow_density**2)

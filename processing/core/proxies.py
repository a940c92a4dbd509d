"""What a track tells about the brightness under it, without labels.

Five signals of a 2 m segment grow with the brightness of the surface: the solar background follows the albedo; thick,
bright ice stands high and rough above dark leads; dark water returns few photons and calm water returns a specular
flood. Each is made free of scale and of slow change, so that beams, sun and sea level do not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PROXIES = ("background", "height", "photon_deficit", "photon_excess", "roughness")

_WINDOW = 10_000.0
_BLOCKS = 9
_HEIGHT_LOW, _HEIGHT_HIGH = -0.6, 0.4
_HEIGHT_SCALE = 0.3
_EXCESS_MOST = 3.0


def brightness_proxies(
    x_atc: Floats, background_rate: Floats, height: Floats, photon_rate: Floats, height_std: Floats
) -> npt.NDArray[np.float32]:
    """Proxies of surface brightness of one beam, each expected to grow with it.

    Parameters
    ----------
    x_atc : (n,) m, ascending.
    background_rate : (n,) Hz. height, height_std : (n,) m. photon_rate : (n,) photons a shot. NaN where unknown.

    Returns
    -------
    (5, n) f4 in the order of PROXIES: departures from the running median over about 10 km, as a share of it
    (background, photons), in units of 0.3 m (height) or as a logarithm (roughness); clipped so that no ridge or flash
    outweighs the rest; 0 where unknown.
    """
    background = np.clip(_relative(x_atc, background_rate), -1.0, 1.0)
    above = height - running_median(x_atc, height)
    photons = _relative(x_atc, photon_rate)
    rough = np.log1p(np.maximum(_relative(x_atc, height_std), -0.999))
    stacked = np.stack(
        [
            background,
            np.clip(above, _HEIGHT_LOW, _HEIGHT_HIGH) / _HEIGHT_SCALE,
            np.clip(photons, -1.0, 0.0),
            -np.clip(photons, 0.0, _EXCESS_MOST),
            np.clip(rough, -1.0, 1.0),
        ]
    )
    return np.nan_to_num(stacked, copy=False).astype(np.float32)


def running_median(x_atc: Floats, values: Floats) -> Floats:
    """Running median over about 10 km: medians of 1.25 km blocks, the median of nine of them, interpolated.

    ``x_atc`` (n,) m ascending; NaN values are left out; NaN everywhere when no value is known.
    """
    width = _WINDOW / (_BLOCKS - 1)
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), np.nan)
    block = np.floor(x_atc[known] / width).astype(np.int64)
    number, first = np.unique(block, return_index=True)
    medians = np.array([np.median(part) for part in np.split(values[known], first[1:])])
    return np.interp(x_atc, (number + 0.5) * width, _median_of_neighbours(number, medians))


def _median_of_neighbours(number: npt.NDArray[np.int64], medians: Floats) -> Floats:
    low = np.searchsorted(number, number - _BLOCKS // 2)
    high = np.searchsorted(number, number + _BLOCKS // 2, side="right")
    return np.array([np.median(medians[a:b]) for a, b in zip(low, high, strict=True)])


def _relative(x_atc: Floats, values: Floats) -> Floats:
    """Departure from the running median as a share of it; NaN where that median is not positive."""
    median = running_median(x_atc, values)
    positive = np.where(median > 0, median, np.nan)
    return values / positive - 1.0

"""Cloud over the scene, its shadow, and cloud under the laser, as fields that can be evaluated at any place."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from processing.schema import Cloud
from processing.twin.noise import fractal, noise
from processing.twin.parameters import Twin

CLEAR, THIN_CLOUD, THICK_CLOUD, SHADOW = int(Cloud.CLEAR), int(Cloud.THIN), int(Cloud.THICK), int(Cloud.SHADOW)


class CloudLaw(NamedTuple):
    """Thresholds found by calibration; ``shade_x`` ``shade_y`` m from a shadow to the cloud that casts it.

    ``glow`` is the spread of the logarithm of the light that reaches the telescope.
    """

    seed: int
    thin: float
    thick: float
    track: float
    wind: float
    shade_x: float
    shade_y: float
    glow: float


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def thin_field(x: float, y: float, law: CloudLaw) -> float:
    """What thin cloud is cut from: streaks along the wind."""
    along, across = x * np.cos(law.wind) + y * np.sin(law.wind), y * np.cos(law.wind) - x * np.sin(law.wind)
    return fractal(along / 11_000.0, across / 5200.0, 6, law.seed + 1)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def thick_field(x: float, y: float, law: CloudLaw) -> float:
    """What thick cloud is cut from: banks with ragged edges."""
    u = x + 260.0 * noise(x / 1900.0, y / 1900.0, law.seed + 5)
    v = y + 260.0 * noise(x / 1900.0, y / 1900.0, law.seed + 6)
    bank = fractal(u / 9500.0, v / 7000.0, 3, law.seed + 2)
    return 0.8 * bank + 0.4 * fractal(u / 1500.0, v / 1100.0, 5, law.seed + 7)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def track_field(x: float, y: float, law: CloudLaw) -> float:
    """What cloud under the laser is cut from; other cloud than the scene's, for it moves on between the two."""
    return fractal(x / 7500.0, y / 7500.0, 5, law.seed + 3)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sky(x: float, y: float, law: CloudLaw) -> tuple[float, float, float]:
    """Optical depth of thin cloud, opacity of thick cloud and darkness of shadow (0 to 1) at a place of the scene."""
    excess = thin_field(x, y, law) - law.thin
    depth = 0.22 + 1.9 * excess if excess > 0.0 else max(0.22 + 1.2 * excess, 0.0)
    opaque = min(max((thick_field(x, y, law) - law.thick) / 0.22 + 0.5, 0.0), 1.0)
    shade = min(max((thick_field(x + law.shade_x, y + law.shade_y, law) - law.thick) / 0.3 + 0.5, 0.0), 1.0)
    return min(depth, 2.2), opaque, shade * (1.0 - opaque)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sky_codes(x: NDArray[Any], y: NDArray[Any], law: CloudLaw) -> NDArray[Any]:
    """TRUTH cloud code u1 at places of the scene (f8, m)."""
    codes = np.empty(x.size, np.uint8)
    for k in range(x.size):
        depth, opaque, shade = sky(x[k], y[k], law)
        if opaque > 0.5:
            codes[k] = THICK_CLOUD
        elif shade > 0.3:
            codes[k] = SHADOW
        else:
            codes[k] = THIN_CLOUD if depth > 0.2 else CLEAR
    return codes


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def transmission(x: NDArray[Any], y: NDArray[Any], law: CloudLaw) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two-way transmission of the air under the laser and how much brighter cloud makes the background."""
    passed, brighter = np.ones(x.size), np.ones(x.size)
    for k in range(x.size):
        excess = track_field(x[k], y[k], law) - law.track
        if excess > -0.12:
            depth = 0.15 + 1.3 * max(excess, 0.0) + 1.2 * min(excess, 0.0)
            depth += 9.0 * max(excess - 0.25, 0.0)
            passed[k], brighter[k] = np.exp(-2.0 * depth), 1.0 + 0.9 * min(depth, 1.0)
    return passed, brighter


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def glow(x: NDArray[Any], y: NDArray[Any], law: CloudLaw) -> NDArray[Any]:
    """Light that reaches the telescope from places (f8, m) against what it would be without haze; 1 in the median."""
    values = np.ones(x.size)
    if law.glow > 0.0:
        for k in range(x.size):
            values[k] = np.exp(law.glow * fractal(x[k] / 900.0, y[k] / 900.0, 3, law.seed + 8))
    return values


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _fields(x: NDArray[Any], y: NDArray[Any], law: CloudLaw) -> NDArray[Any]:
    values = np.empty((3, x.size))
    for k in range(x.size):
        values[0, k] = thin_field(x[k], y[k], law)
        values[1, k] = thick_field(x[k], y[k], law)
        values[2, k] = track_field(x[k], y[k], law)
    return values


def make_cloud(
    parameters: Twin, index: int, x: np.ndarray, y: np.ndarray, elevation: float, azimuth: float
) -> CloudLaw:
    """Cloud over granule ``index`` whose shares over the sample places (f8, m) are those asked for.

    ``elevation`` and ``azimuth`` of the sun in degree.
    """
    rng = np.random.default_rng([parameters.seed, index, 3])
    reach = parameters.cloud_height / np.tan(np.radians(max(elevation, 3.0)))
    law = CloudLaw(
        seed=int(rng.integers(1, 2**40)),
        thin=9.0,
        thick=9.0,
        track=9.0,
        wind=float(rng.uniform(0.0, np.pi)),
        shade_x=float(reach * np.sin(np.radians(azimuth))),
        shade_y=float(reach * np.cos(np.radians(azimuth))),
        glow=parameters.background_spread,
    )
    thin, thick, track = _fields(x, y, law)
    return law._replace(
        thin=_threshold(thin, parameters.cloud_thin),
        thick=_threshold(thick, parameters.cloud_thick),
        track=_threshold(track, parameters.cloud_track),
    )


def _threshold(values: np.ndarray, share: float) -> float:
    return float(np.quantile(values, 1.0 - share)) if share > 0 else 9.0

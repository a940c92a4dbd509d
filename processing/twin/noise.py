"""Seeded lattice noise and hashes for fields that are evaluated at any place in any order.

The same seed and place always give the same value, whatever the batch, so that a beam, a scene pixel and the truth see
one surface.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_A = np.uint64(0x9E3779B97F4A7C15)
_B = np.uint64(0xC2B2AE3D27D4EB4F)
_C = np.uint64(0x165667B19E3779F9)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S29, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(29), np.uint64(11)
_LOW = np.uint64(0xFFFF)
_S16, _S32, _S48 = np.uint64(16), np.uint64(32), np.uint64(48)
_HALF = 1.0 / 32767.5
_HALF_MASK = np.uint64(0xFFFFFFFF)
_TO_HALF = 1.0 / 4294967296.0
_TO_UNIT = 1.0 / 9007199254740992.0
_UNIT_VARIANCE = 5.68


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def scramble(state: np.uint64) -> np.uint64:
    """Finaliser of the splitmix64 generator (Steele et al. 2014): u8 to u8, every bit depends on every bit."""
    state = (state ^ (state >> _S30)) * _M1
    state = (state ^ (state >> _S27)) * _M2
    return state ^ (state >> _S31)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def lattice_hash(i: int, j: int, seed: int) -> np.uint64:
    """Hash of an integer lattice point: three i8 to u8."""
    return scramble((np.uint64(i) * _A) ^ (np.uint64(j) * _B) ^ (np.uint64(seed) * _C))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _quick_hash(i: int, j: int, seed: int) -> np.uint64:
    """Cheaper hash of a lattice point, good enough for the gradients of noise."""
    state = np.uint64(i) * _A + np.uint64(j) * _B + np.uint64(seed) * _C
    state = (state ^ (state >> _S32)) * _M1
    return state ^ (state >> _S29)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def unit(state: np.uint64) -> float:
    """Uniform f8 in [0, 1) from a hash."""
    return np.float64(state >> _S11) * _TO_UNIT


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def halves(state: np.uint64) -> tuple[float, float]:
    """Two uniforms f8 in [0, 1) from the two halves of one hash, as a tuple."""
    return np.float64(state & _HALF_MASK) * _TO_HALF, np.float64(state >> _S32) * _TO_HALF


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def derived(state: np.uint64, salt: int) -> float:
    """Another uniform f8 in [0, 1) from the same hash, one for each small integer ``salt``."""
    return np.float64(scramble(state + np.uint64(salt) * _A) >> _S11) * _TO_UNIT


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def noise(x: float, y: float, seed: int) -> float:
    """Gradient noise at (x, y) in lattice units: mean 0, standard deviation about 1."""
    ix, iy = np.floor(x), np.floor(y)
    fx, fy = x - ix, y - iy
    i, j = np.int64(ix), np.int64(iy)
    u = fx * fx * fx * (fx * (fx * 6.0 - 15.0) + 10.0)
    v = fy * fy * fy * (fy * (fy * 6.0 - 15.0) + 10.0)
    a = _corner(_quick_hash(i, j, seed), fx, fy)
    b = _corner(_quick_hash(i + 1, j, seed), fx - 1.0, fy)
    c = _corner(_quick_hash(i, j + 1, seed), fx, fy - 1.0)
    d = _corner(_quick_hash(i + 1, j + 1, seed), fx - 1.0, fy - 1.0)
    low = a + u * (b - a)
    return _UNIT_VARIANCE * (low + v * (c + u * (d - c) - low))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _corner(state: np.uint64, fx: float, fy: float) -> float:
    return (np.float64(state & _LOW) * _HALF - 1.0) * fx + (np.float64((state >> _S16) & _LOW) * _HALF - 1.0) * fy


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _second(state: np.uint64, fx: float, fy: float) -> float:
    gx = np.float64((state >> _S32) & _LOW) * _HALF - 1.0
    return gx * fx + (np.float64((state >> _S48) & _LOW) * _HALF - 1.0) * fy


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def noise_pair(x: float, y: float, seed: int) -> tuple[float, float]:
    """Two independent gradient noises at (x, y) for the price of one lattice, as a tuple."""
    ix, iy = np.floor(x), np.floor(y)
    fx, fy = x - ix, y - iy
    i, j = np.int64(ix), np.int64(iy)
    u = fx * fx * fx * (fx * (fx * 6.0 - 15.0) + 10.0)
    v = fy * fy * fy * (fy * (fy * 6.0 - 15.0) + 10.0)
    ha, hb = _quick_hash(i, j, seed), _quick_hash(i + 1, j, seed)
    hc, hd = _quick_hash(i, j + 1, seed), _quick_hash(i + 1, j + 1, seed)
    gx, gy = fx - 1.0, fy - 1.0
    a, b, c, d = _corner(ha, fx, fy), _corner(hb, gx, fy), _corner(hc, fx, gy), _corner(hd, gx, gy)
    low = a + u * (b - a)
    first = low + v * (c + u * (d - c) - low)
    a, b, c, d = _second(ha, fx, fy), _second(hb, gx, fy), _second(hc, fx, gy), _second(hd, gx, gy)
    low = a + u * (b - a)
    return _UNIT_VARIANCE * first, _UNIT_VARIANCE * (low + v * (c + u * (d - c) - low))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def noise_slope(x: float, y: float, seed: int) -> tuple[float, float, float]:
    """Gradient noise at (x, y) and its derivatives along x and y, as a tuple."""
    ix, iy = np.floor(x), np.floor(y)
    fx, fy = x - ix, y - iy
    i, j = np.int64(ix), np.int64(iy)
    u = fx * fx * fx * (fx * (fx * 6.0 - 15.0) + 10.0)
    v = fy * fy * fy * (fy * (fy * 6.0 - 15.0) + 10.0)
    du = 30.0 * fx * fx * (fx * (fx - 2.0) + 1.0)
    dv = 30.0 * fy * fy * (fy * (fy - 2.0) + 1.0)
    ax, ay = _gradient(_quick_hash(i, j, seed))
    bx, by = _gradient(_quick_hash(i + 1, j, seed))
    cx, cy = _gradient(_quick_hash(i, j + 1, seed))
    dx, dy = _gradient(_quick_hash(i + 1, j + 1, seed))
    a, b = ax * fx + ay * fy, bx * (fx - 1.0) + by * fy
    c, d = cx * fx + cy * (fy - 1.0), dx * (fx - 1.0) + dy * (fy - 1.0)
    skew = a - b - c + d
    value = a + u * (b - a) + v * (c - a) + u * v * skew
    along = ax + u * (bx - ax) + v * (cx - ax) + u * v * (ax - bx - cx + dx) + du * (b - a + v * skew)
    across = ay + u * (by - ay) + v * (cy - ay) + u * v * (ay - by - cy + dy) + dv * (c - a + u * skew)
    return _UNIT_VARIANCE * value, _UNIT_VARIANCE * along, _UNIT_VARIANCE * across


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _gradient(state: np.uint64) -> tuple[float, float]:
    return np.float64(state & _LOW) * _HALF - 1.0, np.float64((state >> _S16) & _LOW) * _HALF - 1.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def fractal(x: float, y: float, octaves: int, seed: int) -> float:
    """Noise summed over octaves, each half as wide and half as strong; standard deviation about 1."""
    total, weight, power = 0.0, 1.0, 0.0
    for octave in range(octaves):
        total += weight * noise(x, y, seed + 31 * octave)
        power += weight * weight
        x, y, weight = 2.03 * x + 17.3, 2.03 * y - 9.1, 0.5 * weight
    return total / np.sqrt(power)

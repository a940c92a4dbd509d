"""Where floes end and leads open: nested floes, long leads, brash, evaluated at any place.

Floes come from Voronoi mosaics of four sizes laid over one another in warped coordinates: a floe of one mosaic is
either whole or broken along the next finer one, which gives floe sizes a power law (Toyota et al. 2011). Every edge
between two floes is a contact, closed or opened to a lead whose width follows a power law (Marcq and Weiss 2012,
Wernecke and Kaleschke 2015). Two conjugate families of long leads cross the pack whatever the floes do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from processing.twin.noise import derived, halves, lattice_hash, noise, noise_pair, scramble, unit

FAR = 1.0e6
_LEVELS = 4
_ROUND = 5.0
_STRETCH = 1.18


class IceLaw(NamedTuple):
    """The numbers a surface is evaluated with; lengths in metres, freeboards in metres, rates in photons a shot.

    ``opening`` widens every lead and ``water_age`` divides water from ice; calibration finds both, so that the wanted
    fractions of thin ice and water come out.
    """

    seed: int
    floe_scale: float
    split: float
    strike: float
    lead_power: float
    lead_most: float
    frozen_width: float
    brash: float
    young: float
    opening: float
    water_age: float
    specular: float
    thin_low: float
    thin_high: float
    freeboard: float
    freeboard_spread: float
    snow_relief: float
    ridge_height: float
    ridge_density: float


class Lead(NamedTuple):
    """State of the opening at a place: ``ratio`` below one is lead.

    ``age`` grows from open water to grey-white ice, ``width`` m is the lead's, ``lead`` and
    ``floe`` are hashes of the lead and of the floe, ``contact`` the distance to the nearest closed floe contact and
    ``contact_hash`` its hash.
    """

    ratio: float
    age: float
    width: float
    lead: np.uint64
    floe: np.uint64
    contact: float
    contact_hash: np.uint64


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _warp(x: float, y: float, seed: int) -> tuple[float, float]:
    a, b = noise_pair(x / 2700.0, y / 2700.0, seed + 1)
    c, d = noise_pair(x / 580.0, y / 580.0, seed + 2)
    e, f = noise_pair(x / 130.0, y / 130.0, seed + 3)
    g, h = noise_pair(x / 31.0, y / 31.0, seed + 4)
    return x + 230.0 * a + 46.0 * c + 10.0 * e + 2.6 * g, y + 230.0 * b + 46.0 * d + 10.0 * f + 2.6 * h


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _power_width(u: float, least: float, power: float, most: float) -> float:
    return min(least * max(u, 1e-9) ** (-1.0 / power), most)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _nearest_site(x: float, y: float, seed: int) -> tuple[float, Any, Any, float, float]:
    """Lattice place, position and squared distance of the nearest jittered site, lattice units."""
    i0: Any = np.int64(np.floor(x))
    j0: Any = np.int64(np.floor(y))
    best, bi, bj, bx, by = FAR, i0, j0, 0.0, 0.0
    for i in range(i0 - 1, i0 + 2):
        for j in range(j0 - 1, j0 + 2):
            state = lattice_hash(i, j, seed)
            px, py = halves(state)
            sx, sy = i + 0.03 + 0.94 * px, j + 0.03 + 0.94 * py
            d = (sx - x) * (sx - x) + (sy - y) * (sy - y)
            if d < best:
                best, bi, bj, bx, by = d, i, j, sx, sy
    return best, bi, bj, bx, by


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _beyond(u: float, v: float, limit: float) -> bool:
    """Whether no site of a cell can be as near as the root of ``limit``; (u, v) from the cell's corner."""
    across, along = max(0.03 - u, 0.0, u - 0.97), max(0.03 - v, 0.0, v - 0.97)
    return across * across + along * along > limit


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _mosaic(
    x: float, y: float, size: float, opened: float, least: float, most: float, swell: float, seed: int, power: float
) -> tuple[float, float, float, np.uint64, np.uint64, float, np.uint64]:
    """The mosaic of one size at a place: (ratio, age, width, lead, floe, contact, contact_hash), distances in m."""
    turn = np.pi * unit(lattice_hash(0, 0, seed))
    across, along = np.cos(turn), np.sin(turn)
    u, v = (across * x + along * y) / (_STRETCH * size), (across * y - along * x) * _STRETCH / size
    best, bi, bj, bx, by = _nearest_site(u, v, seed)
    own = lattice_hash(bi, bj, seed)
    total, nearest, age, width, lead = 0.0, FAR, 1.0, 0.0, own
    contact, contact_hash = FAR, own
    reach = min(max(0.75 * most * swell, 80.0) / size, 0.7)
    limit = np.sqrt(best) + 2.0 * reach
    limit *= limit
    for i in range(bi - 2, bi + 3):
        for j in range(bj - 2, bj + 3):
            if (i == bi and j == bj) or _beyond(u - i, v - j, limit):
                continue
            state = lattice_hash(i, j, seed)
            px, py = halves(state)
            sx, sy = i + 0.03 + 0.94 * px, j + 0.03 + 0.94 * py
            far = (sx - u) * (sx - u) + (sy - v) * (sy - v)
            gap = np.sqrt((sx - bx) * (sx - bx) + (sy - by) * (sy - by))
            edge = 0.5 * (far - best) / gap
            if edge > reach:
                continue
            shared = scramble(own ^ state)
            if unit(shared) >= opened:
                if edge * size < contact:
                    contact, contact_hash = edge * size, shared
                continue
            wide = max(_power_width(derived(shared, 2), least, power, most) * swell, 0.5)
            ratio = 2.0 * edge * size / wide
            if ratio < 3.0:
                total += np.exp(-_ROUND * ratio)
            if ratio < nearest:
                nearest, age, width, lead = ratio, derived(shared, 3), wide, shared
    if total > 0.0:
        nearest = -np.log(total) / _ROUND
    return nearest, age, width, lead, own, contact, contact_hash


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _long_lead(x: float, y: float, law: IceLaw, family: int, swell: float) -> tuple[float, float, float, np.uint64]:
    """Long leads of one family: (ratio, age, width, lead)."""
    angle = law.strike + (0.48 if family == 0 else -0.42)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    seed = law.seed + 700 + 40 * family
    across += 1100.0 * noise(along / 15000.0, across / 15000.0, seed)
    across += 240.0 * noise(along / 3100.0, across / 3100.0, seed + 1)
    spacing = 1.5 * law.floe_scale
    cell = np.int64(np.floor(across / spacing))
    nearest, age, width, lead = FAR, 1.0, 0.0, lattice_hash(cell, family, seed)
    for k in range(cell - 1, cell + 2):
        state = lattice_hash(k, family, seed)
        away = abs(across - (k + 0.15 + 0.7 * derived(state, 2)) * spacing)
        if away > 0.75 * law.lead_most * swell:
            continue
        strength = 0.7 * noise(along / 5200.0, 7.3 * k, seed + 2) + 2.2 * unit(state) - 1.3
        if strength <= 0.0:
            continue
        wide = strength * _power_width(derived(state, 1), 60.0, law.lead_power, law.lead_most)
        wide = max(swell * min(wide, law.lead_most), 0.5)
        ratio = 2.0 * away / wide
        if ratio < nearest:
            drifted = derived(state, 3) + 0.25 * noise(along / 4000.0, 3.1 * k, seed + 3)
            nearest, age, width, lead = ratio, min(max(drifted, 0.0), 1.0), wide, state
    return nearest, age, width, lead


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _looseness(level: int, parent: np.uint64, size: float, law: IceLaw) -> tuple[float, float, float, float]:
    """Share of open contacts, least and largest lead width, and common age, of the pieces of one broken floe.

    A broken floe is either loose, its pieces apart in water or ice of one age, or tight with a few cracks.
    """
    if level == 0:
        return 0.6, 22.0, min(law.lead_most, 0.3 * size), -1.0
    if derived(parent, 14) < 0.33:
        least = (0.012 + 0.055 * derived(parent, 16)) * size + 3.0
        return 0.88, least, min(law.lead_most, 0.4 * size), derived(parent, 15)
    return 0.13, 5.0 + 0.004 * size, min(law.lead_most, 0.2 * size), -1.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def lead_state(x: float, y: float, law: IceLaw) -> Lead:
    """The Lead at (x, y) in metres."""
    wx, wy = _warp(x, y, law.seed)
    regime = noise(x / 8500.0, y / 8500.0, law.seed + 5)
    swell = law.opening * np.exp(0.55 * regime + 0.4 * noise(x / 640.0, y / 640.0, law.seed + 6))
    ratio, age, width, lead = _long_lead(wx, wy, law, 0, swell)
    other = _long_lead(wx, wy, law, 1, swell)
    if other[0] < ratio:
        ratio, age, width, lead = other
    contact, contact_hash = FAR, lead
    floe = lead
    size = law.floe_scale
    broken = min(max(law.split + 0.18 * regime, 0.05), 0.95)
    for level in range(_LEVELS):
        opened, least, most, common = _looseness(level, floe, size, law)
        found = _mosaic(wx, wy, size, opened, least, most, swell, law.seed + 100 * (level + 1), law.lead_power)
        if found[0] < ratio:
            ratio, age, width, lead = found[0], found[1], found[2], found[3]
            if common >= 0.0:
                age = 0.8 * common + 0.2 * age
        if found[5] < contact:
            contact, contact_hash = found[5], found[6]
        own = found[4]
        floe = own if level == 0 else scramble(floe ^ own)
        if level > 0 and derived(own, 7) < law.young:
            aged = 0.35 + 0.65 * derived(own, 8)
            young = (0.4 + derived(own, 9)) / law.opening
            if young < ratio:
                ratio, age, width, lead = young, aged, size, own
        if derived(own, 6) > broken:
            break
        size *= 0.31
        broken = min(broken + 0.04, 0.95)
    return Lead(ratio, age, width, lead, floe, contact, contact_hash)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def brash(x: float, y: float, law: IceLaw, lead: np.uint64, width: float) -> np.uint64:
    """Hash of the small floe adrift in a lead at (x, y), or 0: pieces of 20 to 120 m, rounded, where leads are wide."""
    if width < 90.0 or derived(lead, 11) > law.brash:
        return np.uint64(0)
    e, f = noise_pair(x / 40.0, y / 40.0, law.seed + 8)
    for step in range(3):
        size = 150.0 if step == 0 else (62.0 if step == 1 else 27.0)
        u, v = (x + 5.0 * e) / size, (y + 5.0 * f) / size
        best, i, j, _, _ = _nearest_site(u, v, law.seed + 900 + step)
        state = lattice_hash(i, j, law.seed + 900 + step)
        crowd = 0.16 + 0.12 * derived(lead, 12)
        radius = 0.2 + 0.24 * derived(state, 4)
        if derived(state, 5) < crowd and best < radius * radius:
            return state | np.uint64(1)
    return np.uint64(0)

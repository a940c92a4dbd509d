"""The ice surface at any place: class, freeboard, roughness, brightness, photon rate. One surface serves every use.

Thick ice stands at a log-normal freeboard by floe, with snow relief and ridges whose sails are exponential in height
(Farrell et al. 2020, Tan et al. 2012); thin ice at a few centimetres graded by its age; water at the sea surface.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from processing.twin.floes import IceLaw, brash, lead_state
from processing.twin.noise import derived, fractal, noise, scramble

THICK, THIN, WATER = 0, 1, 2


class Spot(NamedTuple):
    """The surface at a place.

    ``kind`` class code; ``age`` 0 to 1 through thin ice from dark nilas to grey-white; ``hash`` of the floe or lead;
    ``calm`` whether water mirrors; ``freeboard`` m; ``deformed`` 0 to 1, how ridged the ice is.
    """

    kind: int
    age: float
    hash: np.uint64
    calm: bool
    freeboard: float
    deformed: float


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _gauss(state, salt):
    """Roughly normal number from a hash: the sum of four uniforms."""
    total = derived(state, salt) + derived(state, salt + 1) + derived(state, salt + 2) + derived(state, salt + 3)
    return (total - 2.0) * 1.7320508


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _crest(x, y, scale, width, seed):
    """Profile, 0 to 1, of curved ridge lines about ``scale`` apart and ``width`` m across the foot."""
    value = noise(x / scale, y / scale, seed)
    dx = noise((x + 2.0) / scale, y / scale, seed) - value
    dy = noise(x / scale, (y + 2.0) / scale, seed) - value
    slope = np.sqrt(dx * dx + dy * dy) / 2.0
    distance = abs(value) / max(slope, 0.25 / scale)
    return max(0.0, 1.0 - distance / width)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _ridges(x, y, law, floe, contact, contact_hash):
    """Height of sails above the level ice, m, and how deformed the place is, 0 to 1."""
    zone = noise(x / 900.0, y / 900.0, law.seed + 21) + 1.6 * derived(floe, 21) - 0.9
    deformed = 1.0 / (1.0 + np.exp(-3.0 * zone))
    grow = np.exp(0.8 * noise(x / 70.0, y / 70.0, law.seed + 22))
    height = 0.0
    if contact < 24.0 and derived(contact_hash, 22) < 0.55:
        sail = -law.ridge_height * 1.3 * np.log(max(derived(contact_hash, 23), 1e-6))
        width = 6.0 + 5.0 * sail
        height = sail * min(grow, 2.2) * max(0.0, 1.0 - contact / width)
    strength = law.ridge_density * deformed
    if strength > 0.05:
        sail = law.ridge_height * grow * strength
        height = max(height, 1.25 * sail * _crest(x, y, 310.0, 9.0, law.seed + 23))
        height = max(height, 0.6 * sail * _crest(x, y, 95.0, 6.0, law.seed + 24))
    return min(height, 5.0), deformed


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _thick_freeboard(x, y, law, floe, contact, contact_hash, piece):
    """Freeboard of thick ice and how deformed it is."""
    level = law.freeboard * np.exp(
        law.freeboard_spread * (_gauss(floe, 30) + 0.35 * noise(x / 420.0, y / 420.0, law.seed + 25))
    )
    if piece:
        level = 0.13 + 0.35 * level * derived(floe, 31)
    sail, deformed = _ridges(x, y, law, floe, contact, contact_hash)
    relief = law.snow_relief * (0.5 + deformed)
    snow = relief * fractal((0.8 * x + 0.6 * y) / 46.0, (0.8 * y - 0.6 * x) / 17.0, 3, law.seed + 26)
    return max(level + snow + sail, law.thin_high + 0.01), deformed


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _thin_freeboard(x, y, law, age):
    level = law.thin_low + (law.thin_high - law.thin_low) * age
    return max(level + 0.006 * noise(x / 14.0, y / 14.0, law.seed + 27), 0.2 * law.thin_low)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def lead_age(x, y, law, ratio, age):
    """Age of the lead's ice at a place: the middle freezes last, and frost and finger rafting make it patchy."""
    inner = min(max(ratio / max(law.opening, 1e-6), 0.0), 1.0)
    patch = 0.07 * noise(x / 170.0, y / 170.0, law.seed + 9) + 0.03 * noise(x / 38.0, y / 38.0, law.seed + 10)
    return age + 0.22 * (inner - 0.5) + patch


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def spot(x, y, law):
    """The Spot at (x, y), metres of the scene's projection at the time of the track."""
    at = lead_state(x, y, law)
    if at.ratio >= law.opening:
        height, deformed = _thick_freeboard(x, y, law, at.floe, at.contact, at.contact_hash, False)
        return Spot(THICK, 1.0, at.floe, False, height, deformed)
    piece = brash(x, y, law, at.lead, at.width * law.opening)
    if piece != np.uint64(0):
        height, deformed = _thick_freeboard(x, y, law, piece, 1.0e6, piece, True)
        return Spot(THICK, 1.0, scramble(piece), False, height, 0.5 * deformed)
    age = lead_age(x, y, law, at.ratio, at.age)
    if age < law.water_age:
        calm = derived(at.lead, 13) + 0.12 * noise(x / 400.0, y / 400.0, law.seed + 11) < law.specular
        return Spot(WATER, 0.0, at.lead, calm, 0.0, 0.0)
    grown = min((age - law.water_age) / max(1.05 - law.water_age, 1e-3), 1.0)
    return Spot(THIN, grown, at.lead, False, _thin_freeboard(x, y, law, grown), 0.0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def classes_and_heights(x, y, law):
    """Class code i1 and freeboard f8 (m) at each place; ``x`` and ``y`` f8 of one length."""
    kind, freeboard = np.empty(x.size, np.int8), np.empty(x.size)
    for k in range(x.size):
        at = spot(x[k], y[k], law)
        kind[k], freeboard[k] = at.kind, at.freeboard
    return kind, freeboard


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _openness(x, y, law):
    """Opening ratio and lead age at each place, before the law is calibrated."""
    ratio, age = np.empty(x.size), np.empty(x.size)
    for k in range(x.size):
        at = lead_state(x[k], y[k], law)
        ratio[k] = at.ratio
        age[k] = lead_age(x[k], y[k], law, at.ratio, at.age)
    return ratio, age


def calibrated(law: IceLaw, x: np.ndarray, y: np.ndarray, thin: float, water: float) -> IceLaw:
    """The law whose surface has the fractions ``thin`` and ``water`` over the sample places (f8, metres).

    The opening is a quantile of the opening ratio, the age that divides water from ice a quantile within the leads;
    two corrections make up for the brash that floats in leads.
    """
    wanted_open, wanted_water = thin + water, water
    for _ in range(3):
        ratio, _ = _openness(x, y, law)
        law = law._replace(opening=float(np.quantile(ratio, min(max(wanted_open, 0.0), 0.95))))
        ratio, age = _openness(x, y, law)
        ages = age[ratio < law.opening]
        share = min(max(wanted_water / max(wanted_open, 1e-9), 0.0), 1.0)
        law = law._replace(water_age=float(np.quantile(ages, share)) if ages.size else 0.0)
        kind, _ = classes_and_heights(x, y, law)
        wanted_open += thin + water - float(np.mean(kind != THICK))
        wanted_water += water - float(np.mean(kind == WATER))
    return law

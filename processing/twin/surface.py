"""The ice surface at any place: class, freeboard, roughness, brightness, photon rate. One surface serves every use.

Thick ice stands at a log-normal freeboard by floe, with snow relief and ridges whose sails are exponential in height
(Farrell et al. 2020, Tan et al. 2012); thin ice at a few centimetres graded by its age; water at the sea surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from processing.twin.floes import IceLaw, Lead, brash, lead_state
from processing.twin.noise import derived, fractal, noise, noise_slope, scramble

F8 = NDArray[np.float64]

THICK, THIN, WATER = 0, 1, 2
_ROUNDS = 4


@dataclass(frozen=True)
class Spots:
    """The surface at places, one array each.

    ``kind`` i1 class code; ``age`` f8, 0 to 1 through thin ice from dark nilas to grey-white, 1 on thick ice;
    ``state`` u8 hash of the floe or lead; ``calm`` whether water mirrors; ``freeboard`` f8 m; ``deformed`` f8, 0 to 1,
    how ridged; ``contact`` f8 m to the nearest closed contact between floes; ``ratio`` and ``raw_age`` f8 are what
    calibration needs.
    """

    kind: NDArray[np.int8]
    age: F8
    state: NDArray[np.uint64]
    calm: NDArray[np.bool_]
    freeboard: F8
    deformed: F8
    contact: F8
    ratio: F8
    raw_age: F8


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _gauss(state: np.uint64, salt: int) -> float:
    """Roughly normal number from a hash: the sum of four uniforms."""
    total = derived(state, salt) + derived(state, salt + 1) + derived(state, salt + 2) + derived(state, salt + 3)
    return (total - 2.0) * 1.7320508


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _crest(x: float, y: float, scale: float, width: float, seed: int) -> float:
    """Profile, 0 to 1, of curved ridge lines about ``scale`` apart and ``width`` m across the foot."""
    value, dx, dy = noise_slope(x / scale, y / scale, seed)
    distance = scale * abs(value) / max(np.sqrt(dx * dx + dy * dy), 0.25)
    return max(0.0, 1.0 - distance / width)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _ridges(
    x: float, y: float, law: IceLaw, floe: np.uint64, contact: float, contact_hash: np.uint64
) -> tuple[float, float]:
    """Height of sails above the level ice, m, and how deformed the place is, 0 to 1."""
    zone = noise(x / 900.0, y / 900.0, law.seed + 21) + 1.6 * derived(floe, 21) - 0.9
    deformed = 1.0 / (1.0 + np.exp(-3.0 * zone))
    grow = np.exp(0.8 * noise(x / 70.0, y / 70.0, law.seed + 22))
    height = 0.0
    if contact < 24.0 and derived(contact_hash, 22) < 0.65:
        sail = -law.ridge_height * 1.3 * np.log(max(derived(contact_hash, 23), 1e-6))
        width = 6.0 + 5.0 * sail
        height = sail * min(grow, 2.2) * max(0.0, 1.0 - contact / width)
    strength = law.ridge_density * deformed
    if strength > 0.05:
        sail = law.ridge_height * grow * strength
        height = max(height, 1.25 * sail * _crest(x, y, 310.0, 9.0, law.seed + 23))
        height = max(height, 0.6 * sail * _crest(x, y, 95.0, 6.0, law.seed + 24))
    return min(height, 3.5), deformed


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _thick_freeboard(
    x: float, y: float, law: IceLaw, floe: np.uint64, contact: float, contact_hash: np.uint64, piece: bool
) -> tuple[float, float]:
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
def _thin_freeboard(x: float, y: float, law: IceLaw, age: float) -> float:
    level = law.thin_low + (law.thin_high - law.thin_low) * age
    return max(level + 0.006 * noise(x / 14.0, y / 14.0, law.seed + 27), 0.2 * law.thin_low)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def lead_age(x: float, y: float, law: IceLaw, ratio: float, age: float, width: float) -> float:
    """Age of the lead's ice at a place: the middle freezes last, and frost and finger rafting make it patchy.

    Where the law has a ``frozen_width``, leads narrower than it, sheltered as they are, froze over the sooner.
    """
    if width < law.frozen_width:
        age += 1.0 - width / law.frozen_width
    inner = min(max(ratio, 0.0), 1.0)
    patch = 0.07 * noise(x / 170.0, y / 170.0, law.seed + 9) + 0.03 * noise(x / 38.0, y / 38.0, law.seed + 10)
    return age + 0.22 * (inner - 0.5) + patch


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _water_or_thin(x: float, y: float, law: IceLaw, at: Lead, age: float) -> tuple[int, float, bool, float]:
    """(kind, age, calm, freeboard) in a lead clear of brash."""
    if age < law.water_age:
        calm = derived(at.lead, 13) + 0.12 * noise(x / 400.0, y / 400.0, law.seed + 11) < law.specular
        return WATER, 0.0, calm, 0.0
    grown = min((age - law.water_age) / max(1.05 - law.water_age, 1e-3), 1.0)
    return THIN, grown, False, _thin_freeboard(x, y, law, grown)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _evaluate(
    x: NDArray[Any],
    y: NDArray[Any],
    law: IceLaw,
    kind: NDArray[Any],
    state: NDArray[Any],
    calm: NDArray[Any],
    values: NDArray[Any],
) -> None:
    """Fill ``kind state calm`` and ``values`` (places, 6): age, freeboard, deformed, contact, ratio, raw age."""
    for k in range(x.size):
        at = lead_state(x[k], y[k], law)
        values[k, 3], values[k, 4], values[k, 5] = at.contact, at.ratio, at.age
        kind[k], state[k], calm[k], values[k, 0] = THICK, at.floe, False, 1.0
        piece = np.uint64(0)
        if at.ratio < 1.0:
            piece = brash(x[k], y[k], law, at.lead, at.width)
            values[k, 5] = lead_age(x[k], y[k], law, at.ratio, at.age, at.width)
        if at.ratio < 1.0 and piece == np.uint64(0):
            found = _water_or_thin(x[k], y[k], law, at, values[k, 5])
            kind[k], state[k], calm[k] = found[0], at.lead, found[2]
            values[k, 0], values[k, 1], values[k, 2] = found[1], found[3], 0.0
            continue
        adrift = piece != np.uint64(0)
        floe = piece if adrift else at.floe
        contact = 1.0e6 if adrift else at.contact
        height, deformed = _thick_freeboard(x[k], y[k], law, floe, contact, at.contact_hash, adrift)
        state[k], values[k, 1], values[k, 2] = scramble(floe), height, deformed
        values[k, 3] = contact


def spots(x: F8, y: F8, law: IceLaw) -> Spots:
    """The surface at places (f8, m) of the scene's projection at the time of the track."""
    size = x.size
    kind, state, calm = np.empty(size, np.int8), np.empty(size, np.uint64), np.empty(size, np.bool_)
    values = np.empty((size, 6))
    _evaluate(x, y, law, kind, state, calm, values)
    age, freeboard, deformed, contact, ratio, raw_age = np.ascontiguousarray(values.T)
    return Spots(kind, age, state, calm, freeboard, deformed, contact, ratio, raw_age)


def calibrated(law: IceLaw, x: F8, y: F8, thin: float, water: float) -> IceLaw:
    """The law whose surface has the fractions ``thin`` and ``water`` over the sample places (f8, metres).

    Leads are widened until the wanted share of places lies in one, and the age that divides water from ice is a
    quantile within them; the rounds after the first make up for the brash that floats in leads.
    """
    wanted_open, wanted_water = thin + water, water
    for _ in range(_ROUNDS):
        at = float(np.quantile(spots(x, y, law).ratio, min(max(wanted_open, 0.0), 0.95)))
        law = law._replace(opening=law.opening * min(max(at, 0.2), 5.0))
        found = spots(x, y, law)
        ages = found.raw_age[found.ratio < 1.0]
        share = min(max(wanted_water / max(wanted_open, 1e-9), 0.0), 1.0)
        law = law._replace(water_age=float(np.quantile(ages, share)) if ages.size else 0.0)
        kind = spots(x, y, law).kind
        wanted_open += thin + water - float(np.mean(kind != THICK))
        wanted_water += water - float(np.mean(kind == WATER))
    return law

"""Laser shots over the surface: how many photons come back, from where, and what the detector makes of them.

A shot's footprint is sampled on a strip of the surface as long as the beam and five columns wide. Photons of a shot are
spread over the detector's channels and a channel that has seen one is blind for the dead time, so that bright returns
lose their late, low photons: the first-photon bias the calibration table describes (see ``deadtime``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from processing.twin.floes import IceLaw
from processing.twin.noise import derived, noise, unit
from processing.twin.parameters import Twin
from processing.twin.surface import THICK, THIN, spots

F8 = NDArray[np.float64]
F4 = NDArray[np.float32]

LIGHT = 299_792_458.0
STRONG_CHANNELS, WEAK_CHANNELS = 16, 4
COLUMNS = 5
COLUMN_STEP = 0.9
_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


class Sensing(NamedTuple):
    """How the surface answers the laser: rates in photons a shot of a strong beam, roughness in m."""

    rate_thick: float
    thin_dark: float
    thin_bright: float
    rate_rough: float
    rate_specular: float
    spread: float
    spread_leads: float
    rough_thick: float
    rough_thin: float
    rough_water: float


class Receiver(NamedTuple):
    """The instrument; ``pulse`` standard deviation of the pulse and ``blind`` dead time, both as height in m."""

    pulse: float
    blind: float
    channels: int
    subsurface: float
    depth: float
    afterpulse: float
    half_window: float


@dataclass(frozen=True)
class Strip:
    """The surface under a run of shots: arrays (shots, columns), the shots' own columns in the middle.

    ``height`` m above the reference, ``rate`` photons a strong shot under clear sky, ``rough`` m; ``snow`` whether
    photons enter; ``albedo`` (shots,) of the middle.
    """

    height: F4
    rate: F4
    rough: F4
    snow: NDArray[np.bool_]
    albedo: F4


@dataclass(frozen=True)
class Returns:
    """Photons of a run of shots, in order: ``shot`` index in the run, ``height`` m above the reference, ``channel`` and
    ``count`` as in ATL03, ``quality``, and ``signal`` whether the surface sent it."""

    shot: NDArray[np.int64]
    height: F8
    channel: NDArray[np.uint8]
    count: NDArray[np.uint8]
    quality: NDArray[np.int8]
    signal: NDArray[np.bool_]


def sensing(parameters: Twin) -> Sensing:
    return Sensing(
        parameters.rate_thick,
        parameters.rate_thin_dark,
        parameters.rate_thin_bright,
        parameters.rate_rough,
        parameters.rate_specular,
        parameters.rate_spread,
        parameters.rate_spread_leads,
        parameters.roughness_thick,
        parameters.roughness_thin,
        parameters.roughness_water,
    )


def receiver(parameters: Twin, *, strong: bool) -> Receiver:
    metres = 1e-9 * LIGHT / 2.0
    return Receiver(
        pulse=parameters.pulse_width / _FWHM * metres,
        blind=parameters.dead_time * metres,
        channels=STRONG_CHANNELS if strong else WEAK_CHANNELS,
        subsurface=parameters.subsurface,
        depth=parameters.subsurface_depth,
        afterpulse=parameters.afterpulse,
        half_window=parameters.telemetry / 2.0,
    )


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _answers(
    x: NDArray[Any],
    y: NDArray[Any],
    law: IceLaw,
    how: Sensing,
    kind: NDArray[Any],
    state: NDArray[Any],
    calm: NDArray[Any],
    age: NDArray[Any],
    deformed: NDArray[Any],
    result: NDArray[Any],
) -> None:
    """Rate, roughness and albedo at places into ``result`` (places, 3)."""
    for k in range(x.size):
        slow = np.exp(how.spread * noise(x[k] / 260.0, y[k] / 260.0, law.seed + 41))
        lead = np.exp(how.spread_leads * 1.7320508 * (2.0 * unit(state[k]) - 1.0))
        if kind[k] == THICK:
            bright = 0.86 + 0.2 * derived(state[k], 41)
            rate, rough, white = (
                how.rate_thick * bright,
                how.rough_thick * (0.6 + 1.2 * deformed[k]),
                0.72 + 0.18 * bright,
            )
        elif kind[k] == THIN:
            rate = how.thin_dark * lead * (1.0 - age[k]) + how.thin_bright * age[k]
            rough, white = how.rough_thin * (0.7 + 0.6 * age[k]), 0.12 + 0.4 * age[k]
        elif calm[k]:
            slow = np.exp(0.6 * noise(x[k] / 22.0, y[k] / 22.0, law.seed + 42))
            rate, rough, white = how.rate_specular * lead, 0.15 * how.rough_water, 0.07
        else:
            rate, rough, white = how.rate_rough * lead, how.rough_water, 0.07
        result[k, 0], result[k, 1], result[k, 2] = rate * slow, rough, white


def surface_strip(x: F8, y: F8, law: IceLaw, how: Sensing, sigma: float) -> Strip:
    """The surface under shots at projected places (f8, m), freeboard only; ``sigma`` of the footprint, m."""
    shape = (x.size, COLUMNS)
    along = np.hypot(x[-1] - x[0], y[-1] - y[0]) or 1.0
    away = (np.arange(COLUMNS) - COLUMNS // 2) * COLUMN_STEP * sigma / along
    px = (x[:, None] - away * (y[-1] - y[0])).ravel()
    py = (y[:, None] + away * (x[-1] - x[0])).ravel()
    at, answers = spots(px, py, law), np.empty((px.size, 3), np.float32)
    _answers(px, py, law, how, at.kind, at.state, at.calm, at.age, at.deformed, answers)
    rate, rough, albedo = (np.ascontiguousarray(answers[:, place].reshape(shape)) for place in range(3))
    return Strip(
        at.freeboard.astype(np.float32).reshape(shape),
        rate,
        rough,
        (at.kind == THICK).reshape(shape),
        albedo[:, COLUMNS // 2],
    )


def footprint_weights(sigma: float, spacing: float) -> F8:
    """Weights (offsets along, columns) of a Gaussian footprint on the strip; they sum to one."""
    reach = max(int(np.ceil(2.8 * sigma / spacing)), 1)
    along = np.arange(-reach, reach + 1) * spacing / sigma
    across = (np.arange(COLUMNS) - COLUMNS // 2) * COLUMN_STEP
    weights = np.exp(-0.5 * (along[:, None] ** 2 + across[None, :] ** 2))
    return np.asarray(weights / weights.sum())


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def mean_over_footprint(values: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Footprint mean of strip ``values`` (shots, columns) at every shot, the ends held."""
    shots, reach = values.shape[0], weights.shape[0] // 2
    result = np.zeros(shots)
    for k in range(shots):
        total = 0.0
        for offset in range(weights.shape[0]):
            row = min(max(k + offset - reach, 0), shots - 1)
            for column in range(weights.shape[1]):
                total += weights[offset, column] * values[row, column]
        result[k] = total
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def _pick(u: float, k: int, rate: NDArray[Any], weights: NDArray[Any], total: float) -> tuple[int, int]:
    """Row and column of the strip cell a photon of shot ``k`` comes from."""
    shots, reach = rate.shape[0], weights.shape[0] // 2
    goal, run = u * total, 0.0
    row, column = k, weights.shape[1] // 2
    for offset in range(weights.shape[0]):
        row = min(max(k + offset - reach, 0), shots - 1)
        for column in range(weights.shape[1]):
            run += weights[offset, column] * rate[row, column]
            if run >= goal:
                return row, column
    return row, column


@njit(cache=True, nogil=True, error_model="numpy")
def _signal_height(
    rng: np.random.Generator,
    row: int,
    column: int,
    height: NDArray[Any],
    rough: NDArray[Any],
    snow: NDArray[Any],
    kit: Receiver,
) -> float:
    value = height[row, column] + rough[row, column] * rng.normal() + kit.pulse * rng.normal()
    if snow[row, column] and rng.random() < kit.subsurface:
        value -= kit.depth * rng.exponential()
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _ring(rng: np.random.Generator) -> float:
    """Depth below a strong return of an afterpulse: the detector's echoes at 0.45, 0.9, 2.3 and 4.2 m."""
    u = rng.random()
    depth = 0.45 if u < 0.45 else (0.9 if u < 0.7 else (2.3 if u < 0.9 else 4.2))
    return depth + 0.12 * rng.normal()


@njit(cache=True, nogil=True, error_model="numpy")
def _from_above(heights: NDArray[Any]) -> NDArray[Any]:
    """Places of ``heights`` from the highest down: insertion sort, for a shot has few photons."""
    order = np.empty(heights.size, np.int64)
    for n in range(heights.size):
        m = n
        while m > 0 and heights[order[m - 1]] < heights[n]:
            order[m] = order[m - 1]
            m -= 1
        order[m] = n
    return order


@njit(cache=True, nogil=True, error_model="numpy")
def _detect(
    heights: NDArray[Any],
    flags: NDArray[Any],
    order: NDArray[Any],
    channels: int,
    blind: float,
    last: NDArray[Any],
    seen: NDArray[Any],
    rng: np.random.Generator,
) -> int:
    """Let a shot's photons, from the highest down, meet their channels; returns how many are kept.

    ``order`` holds the kept ones' places and ``seen`` their channel and running number in it.
    """
    kept = 0
    for channel in range(channels):
        last[channel, 0], last[channel, 1] = 1e9, 0.0
    for place in _from_above(heights):
        channel = int(rng.random() * channels)
        if flags[place] == 0 and last[channel, 0] - heights[place] < blind:
            continue
        last[channel, 0] = heights[place]
        last[channel, 1] += 1.0
        order[kept] = place
        seen[kept, 0], seen[kept, 1] = channel, int(last[channel, 1])
        kept += 1
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def shoot(
    rng: np.random.Generator,
    signal: NDArray[Any],
    background: NDArray[Any],
    middle: NDArray[Any],
    rate: NDArray[Any],
    height: NDArray[Any],
    rough: NDArray[Any],
    snow: NDArray[Any],
    expected: NDArray[Any],
    weights: NDArray[Any],
    kit: Receiver,
    out: tuple[NDArray[Any], ...],
) -> int:
    """Draw the photons of a run of shots into the arrays of ``out`` and return how many there are.

    ``signal`` and ``background`` photons a shot before the dead time, ``middle`` of the telemetry window (m), the
    strip's ``rate height rough snow``, ``expected`` footprint mean of the rate. ``out`` = (shot i8, height f8, channel
    u1, count u1, quality i1, signal b1), long enough for every photon and its afterpulses.
    """
    total = 0
    most = 4
    for k in range(signal.size):
        most = max(most, 2 * (signal[k] + background[k]))
    heights, flags = np.empty(most), np.empty(most, np.int8)
    true = np.empty(most, np.bool_)
    order, seen, last = np.empty(most, np.int64), np.empty((most, 2), np.int64), np.empty((kit.channels, 2))
    for k in range(signal.size):
        n = 0
        for _ in range(signal[k]):
            row, column = _pick(rng.random(), k, rate, weights, expected[k])
            heights[n] = _signal_height(rng, row, column, height, rough, snow, kit)
            flags[n], true[n] = 0, True
            n += 1
        strong = n
        for _ in range(background[k]):
            heights[n] = middle[k] + (2.0 * rng.random() - 1.0) * kit.half_window
            flags[n], true[n] = 0, False
            n += 1
        ringing = kit.afterpulse * (1.0 if strong >= kit.channels // 2 else 0.25)
        for place in range(strong):
            if rng.random() < ringing:
                heights[n] = heights[place] - _ring(rng)
                flags[n], true[n] = (1 if rng.random() < 0.65 else 2), False
                n += 1
        kept = _detect(heights[:n], flags, order, kit.channels, kit.blind, last, seen, rng)
        for m in range(kept):
            place = order[m]
            out[0][total], out[1][total] = k, heights[place]
            out[2][total], out[3][total] = seen[m, 0], seen[m, 1]
            out[4][total], out[5][total] = flags[place], true[place]
            total += 1
    return total


def returns(
    rng: np.random.Generator, strip: Strip, level: F8, energy: F8, noise_rate: F8, weights: F8, kit: Receiver
) -> Returns:
    """Photons of a run of shots.

    Parameters
    ----------
    level : (shots,) f8 m, height of zero freeboard above what heights are to be measured from.
    energy : (shots,) f8, beam strength times two-way transmission of the air.
    noise_rate : (shots,) f8 Hz, background.
    """
    expected = mean_over_footprint(strip.rate, weights)
    signal = rng.poisson(expected * energy)
    background = rng.poisson(noise_rate * 4.0 * kit.half_window / LIGHT)
    surface = np.asarray(strip.height + level[:, None])
    capacity = 2 * int(signal.sum()) + int(background.sum()) + 8
    out: tuple[NDArray[Any], ...] = (
        np.empty(capacity, np.int64),
        np.empty(capacity),
        np.empty(capacity, np.uint8),
        np.empty(capacity, np.uint8),
        np.empty(capacity, np.int8),
        np.empty(capacity, np.bool_),
    )
    wander = level + 0.08 * kit.half_window * np.sin(np.arange(level.size) / 4000.0)
    count = shoot(
        rng, signal, background, wander, strip.rate, surface, strip.rough, strip.snow, expected, weights, kit, out
    )
    shot, seen, channel, running, quality, true = (array[:count] for array in out)
    return Returns(shot, seen, channel, running, quality, true)


@njit(cache=True, nogil=True, error_model="numpy")
def _confidence(
    shot: NDArray[Any],
    height: NDArray[Any],
    surface: NDArray[Any],
    top: NDArray[Any],
    blur: NDArray[Any],
    result: NDArray[Any],
    weight: NDArray[Any],
    draw: NDArray[Any],
) -> None:
    for k in range(shot.size):
        d = height[k] - surface[shot[k]]
        spread = blur[shot[k]]
        off = abs(d) / spread
        best = top[shot[k]]
        if best < 2:
            result[k] = 2 if off < 1.0 and draw[k] < 0.1 else 0
        elif off < 1.0:
            result[k] = best
        elif off < 1.35:
            result[k] = max(best - 1, 2)
        elif off < 1.7:
            result[k] = 2
        else:
            result[k] = 1 if off < 9.0 and draw[k] < 0.8 else 0
        bright = 254.0 * np.exp(-0.35 * off * off) * (0.94 + 0.06 * draw[k])
        weight[k] = np.uint8(max(bright, 60.0 * draw[k] * np.exp(-0.1 * off)))


def signal_confidence(
    rng: np.random.Generator, found: Returns, surface: F8, strength: F8, blur: float
) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """Sea-ice confidence (0 to 4) and weight (0 to 255) of each photon, as imperfect as the product's.

    ``surface`` (shots,) m is the smoothed surface, ``strength`` (shots,) the expected signal photons a shot, ``blur`` m
    how far the finder errs; it errs together over blocks of 60 shots.
    """
    blocks = surface.size // 60 + 1
    spread = np.repeat(0.75 + blur * np.abs(rng.normal(0.0, 1.0, blocks)), 60)[: surface.size]
    top = np.where(strength > 0.22, 4, np.where(strength > 0.1, 3, np.where(strength > 0.04, 2, 0)))
    confidence, weight = np.empty(found.shot.size, np.int8), np.empty(found.shot.size, np.uint8)
    _confidence(found.shot, found.height, surface, top, spread, confidence, weight, rng.random(found.shot.size))
    return confidence, weight

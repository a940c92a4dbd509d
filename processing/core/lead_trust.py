"""Which leads may carry sea level: evidence against them from the photons that came back, and what they are wrong by.

- Cloud: thin cloud takes photons from the ice around a lead as from the lead. Where the brighter ice within REACH
  returns fewer photons a shot than clear sky would let through, the place is under cloud. A dark lead there may be no
  lead: release 3 of ATL07 stopped taking dark leads for sea level for this reason (the ATBD). A dark lead under a clear
  sky is trusted, and so is a bright one under cloud, which only calm water can be.
- Waves: swell lifts and lowers the water of a lead together with the ice around. It shows as a line in the spectrum of
  all heights around (:mod:`processing.core.waves`), and along a lead of LEAST_CELLS cells or more as heights that
  scatter beyond their errors and do so alike in neighbouring cells. A shorter lead shows one phase of the wave only,
  so it takes what the heights around or longer leads within REACH show; ``robust`` gives it that much leave to stray.
- First photons: a detector channel is blind after each photon, so that strong returns are measured too high. Where the
  granule's table did not correct it, the expected bias becomes uncertainty, and half of it where the detector was
  saturated, beyond which the table was not made.

Everything here looks no farther than ``HALO`` beyond a lead, so that a track in stretches agrees with the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core import waves
from processing.core.leads import PULSE_SPREAD, SECTION, Floats, Ints, Leads
from processing.core.waves import Swell
from processing.schema import FreeboardFlag, Quality

Flags = npt.NDArray[np.uint32]

REACH = 1000.0
"""How far around a place ice tells of cloud, and another lead of waves, m."""

BLOCK = 100.0
"""Length over which ice's photon rate is averaged before the brighter blocks are looked for, m."""

HALO = REACH + max(BLOCK, waves.REACH) + SECTION
"""Track beyond a lead that its trust depends on, m: leads within REACH, whole, and the heights that tell of swell
around these; ice that tells of cloud lies nearer."""

BRIGHTER = 0.75
"""Quantile of the blocks' rates that stands for bright ice: thin ice, dark under any sky, lies below it."""

LEAST_ICE, LEAST_BLOCKS = 5, 3
"""Segments of ice that make a block's rate known, and blocks known around that tell of cloud."""

WEAK_RATIO = 0.25
"""Energy of a weak beam against a strong one (the ATL03 ATBD)."""

STRONG_CHANNELS, WEAK_CHANNELS = 16.0, 4.0
"""Detector channels that the photons of a beam are spread over."""

HIGHER_OF_TWO = 0.28
"""Half of 0.564, by how many standard deviations the higher of two normal heights lies above their mean; half, because
m photons a channel make ``m / 2`` later ones for each first while m is small."""

CELL = 12.0
"""Length of a cell of a lead whose mean height is compared with its neighbours', m: beyond a footprint."""

LEAST_CELLS = 8
"""Cells that a lead must have to tell of waves: about 100 m, the better part of a swell's half wave."""

CLEARLY = 4.0
"""Standard deviations of chi-squared by which heights must scatter beyond their errors to count as waves."""

ALIKE = 0.4
"""Least correlation of neighbouring cells that makes scatter waves; at 12 m swell of 100 m has 0.7."""

STRAY = 3.7
"""Cells farther from the median than this many times the median departure are no water; a sine stays within 1.5."""

WAVE_LENGTH = 300.0
"""Stretch of a lead that averages waves out once, m: about a swell in ice."""


@dataclass(frozen=True)
class TrustRules:
    """Thresholds; rates are photons a shot of a strong beam, a weak one's counting four times.

    Attributes
    ----------
    dark_leads : whether dark leads under cloud carry sea level.
    dark_rate : a lead that returns fewer is dark.
    cloud_rate : bright ice that returns fewer lies under cloud.
    wave_least, wave_most : m, standard deviation of waves from which a lead is flagged, and from which not trusted.
    """

    dark_leads: bool = False
    dark_rate: float = 1.6
    cloud_rate: float = 2.5
    wave_least: float = 0.02
    wave_most: float = 0.5


@dataclass(frozen=True)
class Signal:
    """What came back from each segment: ``photon_rate`` (f8), photons a shot, where it is not positive unknown;
    ``quality`` (u4), schema.Quality."""

    photon_rate: Floats
    quality: Flags

    def rows(self, some: slice) -> Signal:
        """The same of some of the segments."""
        return Signal(self.photon_rate[some], self.quality[some])


def signal_of(photon_rate: npt.ArrayLike | None, quality: npt.ArrayLike | None) -> Signal | None:
    """The columns as :class:`Signal`; None, which is no evidence against any lead, where one is missing."""
    if photon_rate is None or quality is None:
        return None
    # Writable, as everything else: of arrays that are not, numba would compile a version of their own.
    return Signal(np.require(photon_rate, np.float64, ["C", "W"]), np.require(quality, np.uint32, ["C", "W"]))


def under_cloud(x: Floats, water: npt.NDArray[np.bool_], signal: Signal, rules: TrustRules) -> npt.NDArray[np.bool_]:
    """Which BLOCKs of the track lie under cloud (bool), the first being ``floor(x[0] / BLOCK)``.

    A block does when of the blocks within REACH whose ice is known, at least LEAST_BLOCKS, the brighter
    (quantile BRIGHTER) returns fewer photons than ``cloud_rate``. Without ice around nothing is known: no cloud.
    """
    if len(x) == 0:
        return np.empty(0, np.bool_)
    first = int(np.floor(x[0] / BLOCK))
    blocks = int(np.floor(x[-1] / BLOCK)) - first + 1
    rate = np.zeros(blocks)
    _block_rates(x, water, signal.photon_rate, signal.quality, first, rate, np.zeros(blocks, np.int64))
    cloudy = np.zeros(blocks, np.bool_)
    _dim(rate, int(REACH / BLOCK), rules.cloud_rate, cloudy)
    return cloudy


def judge_leads(
    x: Floats,
    h: Floats,
    s: Floats,
    leads: Leads,
    cloudy: npt.NDArray[np.bool_],
    swell: Swell,
    signal: Signal,
    rules: TrustRules,
    segment_length: float,
) -> Leads:
    """The leads with their ``flags``, ``trusted``, ``extra`` and ``waves``.

    Parameters
    ----------
    x, h, s : f8 m, position, height and standard error of every segment. cloudy : from :func:`under_cloud`.
    swell : of the same segments.

    A lead is not trusted when it is dark and under cloud (unless ``dark_leads``), or when waves along it, or along
    those near it, reach ``wave_most``. Its ``extra`` uncertainty is made of waves, whose standard deviation falls with
    the root of its length over WAVE_LENGTH, and of first photons: ``HIGHER_OF_TWO PULSE_SPREAD n / channels`` for n
    photons a shot, at most what two photons a channel give; half of it where they were corrected but half the lead is
    saturated.
    """
    count = len(leads)
    rate, own, extra = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
    flags = np.zeros(count, np.uint32)
    bounds = (leads.first, leads.stop)
    _photons(x, signal.photon_rate, signal.quality, *bounds, segment_length, rate, flags, extra)
    _waves(x, h, s, *bounds, own)
    around = swell.at(leads.middle) if count else np.empty(0)
    told = np.where(around >= rules.wave_least, np.fmax(own, around), own)
    near = _waves_near(leads.middle, told)
    flags[rate < rules.dark_rate] |= _DARK
    flags[near >= rules.wave_least] |= _WAVES
    if count:
        block = np.floor(leads.middle / BLOCK).astype(np.int64) - int(np.floor(x[0] / BLOCK))
        flags[cloudy[block]] |= _CLOUD
    doubtful = np.zeros(count, np.bool_) if rules.dark_leads else flags & (_DARK | _CLOUD) == _DARK | _CLOUD
    doubtful |= near >= rules.wave_most
    flags[doubtful] |= _DOUBTFUL
    length = x[leads.stop - 1] - x[leads.first] + segment_length
    lifted = np.where(near >= rules.wave_least, near * np.sqrt(np.minimum(1.0, WAVE_LENGTH / length)), 0.0)
    return replace(leads, flags=flags, trusted=~doubtful, extra=np.hypot(extra, lifted), waves=told)


def segment_flags(
    x: Floats, leads: Leads, cloudy: npt.NDArray[np.bool_], lifted: Floats, signal: Signal, rules: TrustRules
) -> npt.NDArray[np.uint32]:
    """schema.FreeboardFlag of each segment (u4): its own, and those of the lead that it belongs to.

    lifted : f8 m, standard deviation of the swell around each segment.
    """
    flags = np.where(lifted >= rules.wave_least, _WAVES, np.uint32(0))
    _mark(x, cloudy, signal.quality, leads.first, leads.stop, leads.flags, flags)
    return flags


def _waves_near(middle: Floats, told: Floats) -> Floats:
    """Of leads that cannot tell (NaN) the mean of those within REACH that can, 0 where there are none."""
    known = np.isfinite(told)
    place, sure = middle[known], told[known]
    low, high = np.searchsorted(place, middle - REACH), np.searchsorted(place, middle + REACH, "right")
    near = np.zeros(len(middle))
    for lead in np.flatnonzero(~known & (high > low)):
        near[lead] = sure[low[lead] : high[lead]].mean()
    return np.where(known, told, near)


_CLOUD, _DARK, _WAVES, _SATURATED, _UNCORRECTED, _DOUBTFUL = (
    np.uint32(flag)
    for flag in (
        FreeboardFlag.UNDER_CLOUD,
        FreeboardFlag.DARK_LEAD,
        FreeboardFlag.WAVES,
        FreeboardFlag.SATURATED,
        FreeboardFlag.NO_FIRST_PHOTON,
        FreeboardFlag.NOT_TRUSTED,
    )
)
_WEAK, _FULL = np.uint32(Quality.WEAK_BEAM), np.uint32(Quality.NEAR_SATURATED | Quality.FULLY_SATURATED)
_CORRECTED = np.uint32(Quality.FIRST_PHOTON_CORRECTED)


@njit(cache=True)
def _block_rates(x: Floats, water: Any, rate: Floats, quality: Flags, first: int, out: Floats, count: Ints) -> None:
    """Mean photon rate of each block's ice, as of a strong beam; NaN where too little of it is there."""
    for i in range(len(x)):
        if water[i] or not rate[i] > 0.0:
            continue
        block = int(np.floor(x[i] / BLOCK)) - first
        out[block] += rate[i] / WEAK_RATIO if quality[i] & _WEAK else rate[i]
        count[block] += 1
    for block in range(len(out)):
        out[block] = out[block] / count[block] if count[block] >= LEAST_ICE else np.nan


@njit(cache=True)
def _dim(rate: Floats, reach: int, least: float, out: Any) -> None:
    """Whether the BRIGHTER of the known rates within ``reach`` blocks is less than ``least``."""
    for block in range(len(rate)):
        known, less = 0, 0
        for other in range(max(block - reach, 0), min(block + reach + 1, len(rate))):
            known += np.isfinite(rate[other])
            less += rate[other] < least
        out[block] = known >= LEAST_BLOCKS and less > BRIGHTER * known


@njit(cache=True)
def _photons(
    x: Floats,
    rate: Floats,
    quality: Flags,
    first: Ints,
    stop: Ints,
    length: float,
    out: Floats,
    flags: Any,
    extra: Floats,
) -> None:
    """Photons a shot of each lead as of a strong beam, windows without any counted; saturation and first photons."""
    for lead in range(len(first)):
        a, b = first[lead], stop[lead]
        total, full, raw = 0.0, 0, 0
        for i in range(a, b):
            total += rate[i] if rate[i] > 0.0 else 0.0
            full += (quality[i] & _FULL) != 0
            raw += (quality[i] & _CORRECTED) == 0
        weak = (quality[a] & _WEAK) != 0
        seen = total / (b - a)
        if total > 0.0:
            out[lead] = total / ((x[b - 1] - x[a]) / length + 1.0) / (WEAK_RATIO if weak else 1.0)
        share = seen / (WEAK_CHANNELS if weak else STRONG_CHANNELS)
        bias = HIGHER_OF_TWO * PULSE_SPREAD * min(share, 2.0)
        if 2 * full >= b - a:
            flags[lead] |= _SATURATED
            extra[lead] = 0.5 * bias
        if 2 * raw >= b - a:
            flags[lead] |= _UNCORRECTED
            extra[lead] = bias


@njit(cache=True)
def _waves(x: Floats, h: Floats, s: Floats, first: Ints, stop: Ints, out: Floats) -> None:
    """Standard deviation of waves along each lead, m; 0 without any, NaN where the lead is too short to tell."""
    for lead in range(len(first)):
        a, b = first[lead], stop[lead]
        cells = int((x[b - 1] - x[a]) / CELL) + 1
        if cells >= LEAST_CELLS:
            mean, precision = np.zeros(cells), np.zeros(cells)
            for i in range(a, b):
                cell = int((x[i] - x[a]) / CELL)
                mean[cell] += h[i] / s[i] ** 2
                precision[cell] += 1.0 / s[i] ** 2
            known = precision > 0.0
            out[lead] = _coherent(mean[known] / precision[known], precision[known])


@njit(cache=True)
def _coherent(mean: Floats, precision: Floats) -> float:
    """Standard deviation beyond their errors of cells that rise and fall together; NaN when they are too few."""
    if len(mean) < LEAST_CELLS:
        return np.nan
    centre = np.median(mean)
    reach = STRAY * np.median(np.abs(mean - centre))
    keep = np.abs(mean - centre) <= reach
    centre = mean[keep].mean()
    scatter, together, chi, error, n, last = 0.0, 0.0, 0.0, 0.0, 0, 0.0
    for cell in range(len(mean)):
        apart = mean[cell] - centre if keep[cell] else 0.0
        n += keep[cell]
        scatter += apart**2
        together += apart * last
        chi += apart**2 * precision[cell]
        error += 1.0 / precision[cell] if keep[cell] else 0.0
        last = apart
    if n < LEAST_CELLS or chi < n - 1 + CLEARLY * np.sqrt(2.0 * (n - 1)) or together < ALIKE * scatter:
        return 0.0
    return np.sqrt(max(scatter / (n - 1) - error / n, 0.0))


@njit(cache=True)
def _mark(x: Floats, cloudy: Any, quality: Flags, first: Ints, stop: Ints, lead_flags: Flags, out: Any) -> None:
    begin = int(np.floor(x[0] / BLOCK)) if len(x) else 0
    for i in range(len(x)):
        if cloudy[int(np.floor(x[i] / BLOCK)) - begin]:
            out[i] |= _CLOUD
        if quality[i] & _FULL:
            out[i] |= _SATURATED
        if not quality[i] & _CORRECTED:
            out[i] |= _UNCORRECTED
    for lead in range(len(first)):
        for i in range(first[lead], stop[lead]):
            out[i] |= lead_flags[lead]

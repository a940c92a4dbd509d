"""Freeboard: surface height above the local sea surface, with its uncertainty.

A track is worked through whole by :func:`freeboard_of_track`, or stretch by stretch with the same result: what each
stretch knows of sea level (:func:`sea_level_of`), the sea surfaces of the track from all of it together
(:func:`track_lines`), and with these the freeboard of each stretch (:func:`freeboard_of_stretch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.lead_trust import TrustRules, judge_leads, segment_flags, signal_of, under_cloud
from processing.core.leads import Floats, Leads, find_leads, height_sigma, lead_numbers
from processing.core.sea_surface import (
    ESTIMATORS,
    EVERYWHERE,
    Evidence,
    PieceLines,
    Rules,
    SeaSurface,
    find_pieces,
    join_evidence,
    join_pieces,
    read_surfaces,
    sea_level_evidence,
    surface_lines,
)
from processing.core.waves import swell_along
from processing.schema import FreeboardFlag, SurfaceClass
from processing.stages import Freeboard


@dataclass(frozen=True)
class Stretch:
    """Successive segments of a track, or all of them, and the leads among them.

    Attributes
    ----------
    x : f8 m, strictly ascending window centres.
    height, sigma : f8 m, surface height and its standard error.
    leads : all of them, trusted or not.
    flags : u4, schema.FreeboardFlag, all but NEGATIVE.
    lifted : f8 m, standard deviation of the swell that each segment rides on; None without any.
    """

    x: Floats
    height: Floats
    sigma: Floats
    leads: Leads
    flags: npt.NDArray[np.uint32]
    lifted: Floats | None = None

    def within(self, core: tuple[float, float]) -> slice:
        """The segments in ``core[0] <= x < core[1]``, m."""
        return slice(*np.searchsorted(self.x, core).tolist())


@dataclass(frozen=True)
class SeaLevel:
    """What a stretch, or the core of it, knows of sea level.

    Attributes
    ----------
    evidence : its leads and windows. pieces : f8 (pieces, 2) m, from ``sea_surface.find_pieces``.
    """

    evidence: Evidence
    pieces: Floats


@dataclass(frozen=True)
class TrackFreeboard:
    """Sea surface and freeboard of a track or of a stretch, in the order of the segments.

    Attributes
    ----------
    sea : five sea surfaces, uncertainty of the chosen one, source.
    freeboard, freeboard_sigma : f4 m; NaN where there is no sea surface. Negative values are kept.
    lead_id : i4, window index of the first segment of the lead a segment belongs to; -1 outside every lead.
    flags : u4, schema.FreeboardFlag.
    """

    sea: SeaSurface
    freeboard: npt.NDArray[np.float32]
    freeboard_sigma: npt.NDArray[np.float32]
    lead_id: npt.NDArray[np.int32]
    flags: npt.NDArray[np.uint32]

    def part(self, rows: slice) -> TrackFreeboard:
        """The same of some of the segments."""
        sea = SeaSurface(self.sea.surface[:, rows], self.sea.sigma[rows], self.sea.source[rows])
        parts = (self.freeboard[rows], self.freeboard_sigma[rows], self.lead_id[rows], self.flags[rows])
        return TrackFreeboard(sea, *parts)


def rules_of(stage: Freeboard, segment_length: float) -> Rules:
    """The rules of ``stage`` for segments of ``segment_length`` m; ValueError for a stride longer than the window."""
    trust = TrustRules(
        bool(stage.dark_leads),
        float(stage.dark_rate),
        float(stage.cloud_rate),
        float(stage.wave_least),
        float(stage.wave_most),
    )
    windows = float(stage.window), float(stage.stride), int(stage.minimum_lead_segments)
    return Rules(*windows, segment_length, stage.height == "median", trust)


def sea_level_mask(
    label: npt.ArrayLike, height: npt.ArrayLike, p_water: npt.ArrayLike | None = None, least: float = 0.0
) -> npt.NDArray[np.bool_]:
    """Segments that may carry sea level: class open water, a finite height and, if given, a high enough probability."""
    water = (np.asarray(label) == int(SurfaceClass.OPEN_WATER)) & np.isfinite(np.asarray(height))
    if p_water is not None and least > 0.0:
        water &= np.asarray(p_water) >= least
    return np.asarray(water, np.bool_)


def freeboard_of_track(
    x: npt.ArrayLike,
    height: npt.ArrayLike,
    height_std: npt.ArrayLike,
    photon_count: npt.ArrayLike,
    water: npt.NDArray[np.bool_],
    rules: Rules,
    estimator: str,
    photon_rate: npt.ArrayLike | None = None,
    quality: npt.ArrayLike | None = None,
) -> TrackFreeboard:
    """Sea surface and freeboard of one track from its segments.

    Parameters
    ----------
    x : m, strictly ascending window centres.
    height, height_std : m, surface height (median or mean) and standard deviation of the photons of each segment.
    photon_count : photons of each segment.
    water : bool, from :func:`sea_level_mask`.
    estimator : one of ``sea_surface.ESTIMATORS``.
    photon_rate, quality : photons a shot, and schema.Quality (u4), of each segment; without them there is no evidence
        against any lead.

    Raises ValueError when ``x`` does not ascend.
    """
    columns = x, height, height_std, photon_count, water
    return freeboard_of_whole(stretch_of(*columns, rules, photon_rate, quality), rules, estimator)


def freeboard_of_whole(whole: Stretch, rules: Rules, estimator: str) -> TrackFreeboard:
    """Sea surface and freeboard of a track that is one stretch."""
    lines = track_lines([sea_level_of(whole, rules)], rules, estimator)
    return freeboard_of_stretch(whole, lines, rules, estimator)


def stretch_of(
    x: npt.ArrayLike,
    height: npt.ArrayLike,
    height_std: npt.ArrayLike,
    photon_count: npt.ArrayLike,
    water: npt.NDArray[np.bool_],
    rules: Rules,
    photon_rate: npt.ArrayLike | None = None,
    quality: npt.ArrayLike | None = None,
) -> Stretch:
    """Segments, as :func:`freeboard_of_track` takes them, ready to work on.

    Leads within ``rules.lead_halo`` of an end that is not the track's may differ from the track's. Raises ValueError
    when ``x`` does not ascend.
    """
    # Writable, as everything else: of arrays that are not, numba would compile a version of their own.
    place = np.require(x, np.float64, ["C", "W"])
    if not _ascends(place):
        raise ValueError("segments must ascend along the track")
    level = np.ascontiguousarray(height, np.float64)
    sigma = height_sigma(height_std, photon_count, median=rules.median, water=water)
    leads = find_leads(place, water, rules.minimum_lead_segments, rules.segment_length)
    signal = signal_of(photon_rate, quality)
    if signal is None:
        return Stretch(place, level, sigma, leads, np.zeros(len(place), np.uint32))
    cloudy = under_cloud(place, water, signal, rules.trust)
    swell = swell_along(place, level)
    leads = judge_leads(place, level, sigma, leads, cloudy, swell, signal, rules.trust, rules.segment_length)
    lifted = swell.at(place)
    flags = segment_flags(place, leads, cloudy, lifted, signal, rules.trust)
    least = rules.trust.wave_least
    return Stretch(place, level, sigma, leads, flags, np.where(lifted >= least, lifted, 0.0))


def sea_level_of(stretch: Stretch, rules: Rules, core: tuple[float, float] = EVERYWHERE) -> SeaLevel:
    """What the segments in ``core`` (m, half open) know of sea level.

    ``stretch`` holds the track's segments ``rules.halo`` either side of it as well; cores that join without overlap
    together know what the whole track does.
    """
    evidence = sea_level_evidence(stretch.x, stretch.height, stretch.sigma, stretch.leads, rules, core)
    return SeaLevel(evidence, find_pieces(stretch.x[stretch.within(core)], rules.window))


def track_lines(levels: Sequence[SeaLevel], rules: Rules, estimator: str) -> list[PieceLines]:
    """The sea surfaces of a track from what all its stretches, at least one, know in along-track order."""
    evidence = join_evidence([level.evidence for level in levels])
    pieces = join_pieces([level.pieces for level in levels], rules.window)
    return surface_lines(evidence, pieces, rules, estimator)


def freeboard_of_stretch(
    stretch: Stretch,
    lines: Sequence[PieceLines],
    rules: Rules,
    estimator: str,
    core: tuple[float, float] = EVERYWHERE,
) -> TrackFreeboard:
    """Sea surface and freeboard of the segments in ``core`` (m, half open), from the track's lines near them.

    ``stretch`` holds the track's segments ``rules.lead_halo`` either side of the core as well.
    """
    own = stretch.within(core)
    sea = read_surfaces(stretch.x[own], lines, rules, estimator)
    chosen = sea.surface[ESTIMATORS.index(estimator)]
    own_sigma = stretch.sigma[own] if stretch.lifted is None else np.hypot(stretch.sigma[own], stretch.lifted[own])
    above, above_sigma = freeboard(stretch.height[own], own_sigma, chosen, sea.sigma)
    numbers = lead_numbers(stretch.leads, stretch.x, rules.segment_length)
    flags = stretch.flags[own] | np.where(above < 0.0, np.uint32(FreeboardFlag.NEGATIVE), np.uint32(0))
    return TrackFreeboard(sea, above, above_sigma, numbers[own], flags)


def freeboard(
    height: Floats, height_sigma: Floats, surface: Any, surface_sigma: Any
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """``height - surface`` and ``sqrt(height_sigma^2 + surface_sigma^2)``, m (f4); NaN where either is NaN."""
    above, sigma = np.empty(len(height), np.float32), np.empty(len(height), np.float32)
    _freeboard(height, height_sigma, surface, surface_sigma, above, sigma)
    return above, sigma


@njit(cache=True)
def _freeboard(height: Floats, hs: Floats, surface: Any, ss: Any, above: Any, sigma: Any) -> None:
    for i in range(len(height)):
        above[i] = height[i] - surface[i]
        sigma[i] = np.sqrt(hs[i] ** 2 + ss[i] ** 2)


def _ascends(x: Floats) -> bool:
    return bool(np.all(np.diff(x) > 0.0))

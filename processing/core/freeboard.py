"""Freeboard: surface height above the local sea surface, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.leads import Floats, find_leads, height_sigma, lead_numbers
from processing.core.sea_surface import ESTIMATORS, Rules, SeaSurface, find_pieces, sea_level_evidence, sea_surface_at
from processing.schema import SurfaceClass


@dataclass(frozen=True)
class TrackFreeboard:
    """Sea surface and freeboard of one track, in the order of its segments.

    Attributes
    ----------
    sea : five sea surfaces, uncertainty of the chosen one, source.
    freeboard, freeboard_sigma : f4 m; NaN where there is no sea surface. Negative values are kept.
    lead_id : i4, window index of the first segment of the lead a segment belongs to; -1 outside every lead.
    """

    sea: SeaSurface
    freeboard: npt.NDArray[np.float32]
    freeboard_sigma: npt.NDArray[np.float32]
    lead_id: npt.NDArray[np.int32]


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
) -> TrackFreeboard:
    """Sea surface and freeboard of one track from its segments.

    Parameters
    ----------
    x : m, strictly ascending window centres.
    height, height_std : m, surface height (median or mean) and standard deviation of the photons of each segment.
    photon_count : photons of each segment.
    water : bool, from :func:`sea_level_mask`.
    estimator : one of ``sea_surface.ESTIMATORS``.

    Raises ValueError when ``x`` does not ascend.
    """
    place, level = np.ascontiguousarray(x, np.float64), np.ascontiguousarray(height, np.float64)
    if not _ascends(place):
        raise ValueError("segments must ascend along the track")
    sigma = height_sigma(height_std, photon_count)
    leads = find_leads(place, water, rules.minimum_lead_segments, rules.segment_length)
    evidence = sea_level_evidence(place, level, sigma, leads, rules)
    sea = sea_surface_at(place, evidence, find_pieces(place, rules.window), rules, estimator)
    chosen = sea.surface[ESTIMATORS.index(estimator)]
    above, above_sigma = freeboard(level, sigma, chosen, sea.sigma)
    return TrackFreeboard(sea, above, above_sigma, lead_numbers(leads, place, rules.segment_length))


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

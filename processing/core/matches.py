"""Measurements beside our means over their footprints: the rows, and how the two agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.core.paired import Agreement, paired_agreement
from processing.schema import SurfaceClass

F8 = npt.NDArray[np.float64]

CLASS_NAMES: Mapping[int, str] = {
    SurfaceClass.THICK_ICE: "thick ice",
    SurfaceClass.THIN_ICE: "thin ice",
    SurfaceClass.OPEN_WATER: "open water",
    SurfaceClass.UNLABELLED: "unlabelled",
}
_FAR = 2**40


@dataclass(frozen=True)
class Normalised:
    """Differences over their combined standard uncertainty: what tells whether the quoted uncertainties are true.

    ``count`` of matches of which both are known. ``mean`` and ``spread`` (standard deviation about it): 0 and 1 when
    the uncertainties are right. ``within_one``, ``within_two``: shares within 1 and 1.96, 0.68 and 0.95 then. NaN
    without any.
    """

    count: int
    mean: float
    spread: float
    within_one: float
    within_two: float


@dataclass(frozen=True)
class Matches:
    """Measurements of one quantity of one table that our tracks meet, in order of time; n rows.

    Attributes
    ----------
    table, quantity, run : the table's name, what it measured (freeboard, elevation, thickness), our freeboard run.
    synthetic : whether the project's inputs or the table are made up.
    parameters : those of the stage ``match``. drifts : m/s along x and y of the polar plane by granule,
        where they were estimated.
    row : i8, in the table. time : datetime64[ns] UTC. lat, lon : f8 degree.
    theirs, theirs_sigma, ours, ours_sigma : f8 m; an uncertainty is NaN where unknown.
    spread : f8 m, standard deviation of our segments in the footprint.
    segments, tracks : i8, how many segments of how many tracks. distance : f8 m, to the nearest segment.
    hours : f8, our time minus theirs. moved : bool, the footprint held no segment and was laid on the nearest.
    granule, beam : str, of the track with most segments in it. x_atc : f8 m along that track.
    label : i1, the commonest class.
    agreement : of all. by_class, by_beam : by name, of those whose commonest class or track it is.
    normalised : differences over their uncertainty.
    shared : how many footprints a metre of track lies in on the mean; beyond 1 neighbouring rows share segments.
    read : rows in the table. refused : rows that are not here, by the reason. remarks : what else should be known.
    """

    table: str
    quantity: str
    run: str
    synthetic: bool
    parameters: Mapping[str, Any]
    drifts: Mapping[str, tuple[float, float]]
    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    theirs: F8
    theirs_sigma: F8
    ours: F8
    ours_sigma: F8
    spread: F8
    segments: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.int64]
    distance: F8
    hours: F8
    moved: npt.NDArray[np.bool_]
    granule: npt.NDArray[np.object_]
    beam: npt.NDArray[np.object_]
    x_atc: F8
    label: npt.NDArray[np.int8]
    agreement: Agreement
    by_class: Mapping[str, Agreement]
    by_beam: Mapping[str, Agreement]
    normalised: Normalised
    shared: float
    read: int
    refused: Mapping[str, int]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.row)

    @property
    def difference(self) -> F8:
        """Ours minus theirs, m."""
        return self.ours - self.theirs

    @property
    def normalised_difference(self) -> F8:
        """Differences over the combined standard uncertainty; NaN where theirs is unknown."""
        return self.difference / np.hypot(self.ours_sigma, self.theirs_sigma)


def normalised(ours: F8, theirs: F8, ours_sigma: F8, theirs_sigma: F8) -> Normalised:
    """How differences compare to their combined uncertainty, over the pairs of which both uncertainties are known."""
    total = np.hypot(ours_sigma, theirs_sigma)
    known = np.isfinite(total) & (total > 0)
    score = (ours - theirs)[known] / total[known]
    if not len(score):
        return Normalised(0, np.nan, np.nan, np.nan, np.nan)
    size = np.abs(score)
    shares = float((size <= 1).mean()), float((size <= 1.959964).mean())
    return Normalised(len(score), float(score.mean()), float(score.std()), *shares)


def blocks_of(granule: npt.NDArray[np.object_], x_atc: F8, length: float) -> npt.NDArray[np.int64]:
    """Block of each row: beams of a granule that lie side by side share theirs, as they share sea level and weather."""
    _, number = np.unique(granule.astype(str), return_inverse=True)
    return number.astype(np.int64) * _FAR + np.floor(x_atc / length).astype(np.int64)


def agreements(
    ours: F8, theirs: F8, block: npt.NDArray[np.int64], group: npt.NDArray[Any], seed: int, draws: int
) -> dict[str, Agreement]:
    """Agreement of each group of rows that there is."""
    found: dict[str, Agreement] = {}
    for name in np.unique(group.astype(str)):
        some = group == name
        found[str(name)] = paired_agreement(ours[some], theirs[some], block[some], seed, draws)
    return found


def class_names(label: npt.NDArray[np.int8]) -> npt.NDArray[np.object_]:
    """Classes in words."""
    return np.array([CLASS_NAMES[int(code)] for code in label], object)

"""ATL07 and ATL10 companions: the same photons gathered by the 150, as NASA's sea-ice products do (ATL07/10 ATBD)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core.first_photon import FirstPhotonTable
from processing.twin.deadtime import calibration
from processing.twin.photons import STRONG_CHANNELS, WEAK_CHANNELS
from processing.twin.pieces import SPACING, Piece
from processing.twin.place import BEAMS, SEGMENT_LENGTH, SHOT_TIME
from processing.twin.world import World

F8 = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

PHOTONS = 150
LONGEST_STRONG, LONGEST_WEAK = 200.0, 800.0
"""Of a segment, m, as ATL07's ``ancillary_data/fine_surface_finding/ub_length_*`` say: across a gap there is none."""
SECTION = 10_000.0
_SPECULAR_STRONG, _DARK_STRONG, _CLOUD_STRONG = 10.0, 1.6, 0.18
_SMOOTH = 0.13
_LEAST_SPREAD = 0.002
_HALF_SUM = 25 * SHOT_TIME


@dataclass
class Companion:
    """Gathers the photons of a granule's beams into segments as they are made."""

    world: World
    segments: dict[str, list[Arrays]] = field(default_factory=lambda: {beam: [] for beam in BEAMS})
    _rest: dict[str, Arrays] = field(default_factory=dict)

    def take(self, beam: str, piece: Piece) -> None:
        """Add a piece's photons; those short of a full segment wait for the next piece."""
        keep = (piece.confidence >= 3) & (piece.heights["quality_ph"] == 0)
        photons: Arrays = {
            "x": piece.x_atc[keep],
            "h": piece.corrected[keep],
            "shot": piece.shot[keep],
            "lat": piece.heights["lat_ph"][keep],
            "lon": piece.heights["lon_ph"][keep],
            "background": _background_at(piece, keep),
        }
        if beam in self._rest:
            photons = {name: np.concatenate([self._rest[beam][name], values]) for name, values in photons.items()}
        whole = photons["x"].size // PHOTONS * PHOTONS
        self._rest[beam] = {name: values[whole:] for name, values in photons.items()}
        longest = LONGEST_STRONG if self.world.place.is_strong(beam) else LONGEST_WEAK
        grouped = _compact({name: values[:whole].reshape(-1, PHOTONS) for name, values in photons.items()}, longest)
        if grouped["x"].size:
            self.segments[beam].append(_segments(grouped, self._table(beam)))

    def beam(self, beam: str) -> Arrays:
        """Every segment of a beam so far, with surface types and sea-surface flags."""
        parts = self.segments[beam]
        if not parts:
            return {}
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return _classify(joined, 1.0 if self.world.place.is_strong(beam) else self.world.parameters.weak_ratio)

    def _table(self, beam: str) -> FirstPhotonTable:
        table = calibration(STRONG_CHANNELS if self.world.place.is_strong(beam) else WEAK_CHANNELS)
        return FirstPhotonTable(
            table.dead_time,
            np.ascontiguousarray(table.strength.T),
            np.ascontiguousarray(table.width.T),
            np.ascontiguousarray(np.transpose(table.correction, (2, 1, 0))),
            self.world.parameters.dead_time,
        )


def _compact(photons: Arrays, longest: float) -> Arrays:
    """Groups of photons, arrays (groups, 150), that are no longer than a segment may be."""
    fits = photons["x"][:, -1] - photons["x"][:, 0] + SPACING <= longest
    return {name: values[fits] for name, values in photons.items()}


def _background_at(piece: Piece, keep: NDArray[np.bool_]) -> F8:
    group = piece.bckgrd_atlas
    middle = group["delta_time"] + _HALF_SUM
    return np.interp(piece.heights["delta_time"][keep], middle, group["bckgrd_rate"].astype(np.float64))


def _segments(photons: Arrays, table: FirstPhotonTable) -> Arrays:
    """Statistics of groups of photons, arrays (segments, 150); a trimmed mean stands in for the product's fit."""
    height = photons["h"]
    centre = np.median(height, axis=1)
    for _ in range(3):
        near = np.abs(height - centre[:, None]) < np.maximum(2.5 * _spread(height, centre), 0.2)[:, None]
        used = near.sum(axis=1)
        centre = (height * near).sum(axis=1) / used
    spread = np.sqrt((near * (height - centre[:, None]) ** 2).sum(axis=1) / used)
    first, last = photons["x"][:, 0], photons["x"][:, -1]
    pulses = photons["shot"][:, -1] - photons["shot"][:, 0] + 1
    rate = PHOTONS / pulses
    bias = table.height_bias(rate, spread, used.astype(np.float64))
    return {
        "x": 0.5 * (first + last),
        "length": last - first + SPACING,
        "lat": photons["lat"].mean(axis=1),
        "lon": photons["lon"].mean(axis=1),
        "shot": photons["shot"].mean(axis=1),
        "height": centre - bias,
        "bias": bias,
        "spread": spread,
        "pulses": pulses,
        "rate": rate,
        "used": used,
        "background": photons["background"].mean(axis=1),
    }


def _spread(height: F8, centre: F8) -> F8:
    return np.asarray(1.4826 * np.median(np.abs(height - centre[:, None]), axis=1))


def _classify(segments: Arrays, energy: float) -> Arrays:
    """Add ``type`` (0 cloud, 1 ice, 2 to 5 specular, 6 to 9 dark lead), ``ssh`` and ``sigma``."""
    rate, spread, height = segments["rate"] / energy, segments["spread"], segments["height"]
    low = height < _low_percentile(segments["x"], height) + 0.08
    kind = np.ones(rate.size, np.int8)
    kind[(rate > _SPECULAR_STRONG) & (spread < _SMOOTH)] = 2
    kind[(rate > 0.8 * _SPECULAR_STRONG) & (rate <= _SPECULAR_STRONG) & (spread < _SMOOTH) & low] = 3
    kind[(rate < _DARK_STRONG) & (spread < _SMOOTH) & low] = 6
    kind[rate < _CLOUD_STRONG] = 0
    ssh = ((kind >= 2) & (kind <= 5) & low).astype(np.int8)
    sigma = np.maximum(spread / np.sqrt(segments["used"]), _LEAST_SPREAD)
    return segments | {"type": kind, "ssh": ssh, "sigma": sigma}


def _low_percentile(x: F8, height: F8) -> F8:
    """Second percentile of height within each section or the lower of its neighbours."""
    section = np.floor(x / SECTION).astype(np.int64)
    section -= section.min()
    level = np.full(section.max() + 3, np.inf)
    for number in np.unique(section):
        level[number + 1] = np.percentile(height[section == number], 2.0)
    lowest = np.minimum(np.minimum(level[:-2], level[2:]), level[1:-1])
    return np.asarray(lowest[section])


@dataclass(frozen=True)
class Freeboards:
    """ATL10 of one beam: ``leads`` and ``sections`` as arrays by name, ``section`` and ``freeboard`` by segment."""

    leads: Arrays
    sections: Arrays
    section: NDArray[np.int64]
    freeboard: F8
    sigma: F8


def freeboards(segments: Arrays, x_start: float) -> Freeboards:
    """Leads, reference surfaces of 10 km sections and freeboard, by the ATBD's weights (ATL07/10 ATBD section 4.2)."""
    leads = _leads(segments)
    section = np.floor((segments["x"] - x_start) / SECTION).astype(np.int64)
    sections = _sections(leads, x_start, int(section.max()) + 1)
    level, sigma = sections["height"][section], sections["sigma"][section]
    freeboard = np.where(segments["ssh"] == 1, segments["height"] - level, np.maximum(segments["height"] - level, 0.0))
    freeboard = np.where(segments["type"] == 0, np.nan, freeboard)
    return Freeboards(leads, sections, section, freeboard, np.hypot(sigma, segments["sigma"]))


def _leads(segments: Arrays) -> Arrays:
    flagged = np.flatnonzero(segments["ssh"] == 1)
    runs = np.split(flagged, np.flatnonzero(np.diff(flagged) > 1) + 1) if flagged.size else []
    rows = [_lead(segments, run) for run in runs]
    names = ("first", "count", "x", "lat", "lon", "shot", "length", "height", "sigma")
    return {name: np.array([row[place] for row in rows]) for place, name in enumerate(names)}


def _lead(segments: Arrays, run: NDArray[np.int64]) -> tuple[float, ...]:
    height, sigma = segments["height"][run], segments["sigma"][run]
    weight = np.exp(-(((height - height.min()) / np.maximum(sigma, 0.01)) ** 2))
    share = weight / weight.sum()
    place = (float(np.mean(segments[name][run])) for name in ("x", "lat", "lon", "shot"))
    level, spread = float(share @ height), float(np.sqrt(share**2 @ sigma**2))
    return (float(run[0]), float(run.size), *place, float(segments["length"][run].sum()), level, spread)


def _sections(leads: Arrays, x_start: float, count: int) -> Arrays:
    middle = x_start + (np.arange(count) + 0.5) * SECTION
    height, sigma = np.full(count, np.nan), np.full(count, np.nan)
    number, first = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    for section in range(count if leads["x"].size else 0):
        inside = np.flatnonzero(np.abs(leads["x"] - middle[section]) <= SECTION / 2)
        if inside.size:
            weight = 1.0 / np.maximum(leads["sigma"][inside], _LEAST_SPREAD) ** 2
            weight /= weight.sum()
            height[section] = weight @ leads["height"][inside]
            sigma[section] = np.sqrt(weight**2 @ leads["sigma"][inside] ** 2)
            number[section], first[section] = inside.size, inside[0]
    found = np.isfinite(height)
    flag = np.where(found, 0, 1 if found.any() else -1)
    if found.any():
        height = np.interp(middle, middle[found], height[found])
        sigma = np.where(found, sigma, np.interp(middle, middle[found], sigma[found]) + 0.02)
    return {"x": middle, "height": height, "sigma": sigma, "count": number, "first": first, "flag": flag}


def segment_time(world: World, shot: F8) -> F8:
    """Seconds since the ATLAS epoch of (fractional) shot numbers."""
    return world.place.delta_time + shot * SHOT_TIME


def geosegment(world: World, x_atc: F8) -> NDArray[np.int32]:
    """Geolocation segment at along-track distances."""
    return (np.floor((x_atc - world.place.x_start) / SEGMENT_LENGTH) + world.place.segment_first).astype(np.int32)

"""One beam's measurement, a piece of the track at a time, as the arrays that an ATL03 granule holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from processing.twin.cloud import glow, transmission
from processing.twin.photons import (
    COLUMNS,
    LIGHT,
    Receiver,
    Returns,
    Strip,
    footprint_weights,
    receiver,
    returns,
    sensing,
    signal_confidence,
    surface_strip,
)
from processing.twin.place import BEAMS, GROUND_SPEED, SEGMENT_LENGTH, SHOT_TIME, Nodes, beam_nodes, sun
from processing.twin.world import World

F8 = NDArray[np.float64]

SPACING = GROUND_SPEED * SHOT_TIME
PIECE_SEGMENTS = 1000
_MARGIN = 24
_FIRST_FRAME = 87_844_985
_BACKGROUND_SHOTS = 50
_BACKGROUND_HEIGHT = 5005.8


@dataclass(frozen=True)
class Piece:
    """A run of geolocation segments of one beam.

    ``heights``, ``geolocation``, ``geophys_corr`` and ``bckgrd_atlas`` hold the datasets of these groups by name.
    ``x_atc``, ``corrected`` (height above reference, tides and dac, m), ``shot`` (number since the granule's start) and
    ``confidence`` are the photons' own.
    """

    heights: dict[str, NDArray[Any]]
    geolocation: dict[str, NDArray[Any]]
    geophys_corr: dict[str, NDArray[Any]]
    bckgrd_atlas: dict[str, NDArray[Any]]
    x_atc: F8
    corrected: F8
    shot: NDArray[np.int64]
    confidence: NDArray[np.int8]
    nodes: Nodes


def beam_pieces(world: World, beam: str) -> Iterator[Piece]:
    """The beam's measurement, piece by piece along the track."""
    photons = 0
    for number, first in enumerate(range(0, world.place.segments, PIECE_SEGMENTS)):
        count = min(PIECE_SEGMENTS, world.place.segments - first)
        piece = _piece(world, beam, number, first, count, photons)
        photons += piece.x_atc.size
        yield piece


@dataclass(frozen=True)
class _Shots:
    """Shots of a piece with a margin either side: numbers, along-track distance, place, which are inside."""

    number: NDArray[np.int64]
    x_atc: F8
    x: F8
    y: F8
    lat: F8
    lon: F8
    inside: NDArray[np.bool_]


def _shots(world: World, beam: str, first: int, count: int) -> _Shots:
    begin = int(np.ceil(first * SEGMENT_LENGTH / SPACING - 1e-9))
    end = int(np.ceil((first + count) * SEGMENT_LENGTH / SPACING - 1e-9))
    number = np.arange(begin - _MARGIN, end + _MARGIN)
    x_atc: F8 = world.place.x_start + number.astype(np.float64) * np.float64(SPACING)
    nodes = beam_nodes(world.place, beam, first - 2, count + 4)
    inside = (number >= begin) & (number < end)
    return _Shots(number, x_atc, *nodes.at(x_atc), *nodes.geographic(x_atc), inside)


def _piece(world: World, beam: str, number: int, first: int, count: int, photons: int) -> Piece:
    parameters, rng = world.parameters, world.rng(10, BEAMS.index(beam), number)
    strong = world.place.is_strong(beam)
    kit = receiver(parameters, strong=strong)
    shots = _shots(world, beam, first, count)
    sigma = parameters.footprint / 4.0
    strip = surface_strip(shots.x, shots.y, world.ice, sensing(parameters), sigma)
    level = world.ocean.level(shots.x, shots.y, shots.lat) + world.ocean.swell(shots.x, shots.y)
    passed, brighter = transmission(shots.x, shots.y, world.cloud)
    energy = np.where(shots.inside, passed * (1.0 if strong else parameters.weak_ratio), 0.0)
    bright = np.minimum(brighter, 1.6) * glow(shots.x, shots.y, world.cloud)
    background = _background(world, shots, strip, passed, bright)
    weights = footprint_weights(sigma, SPACING)
    found = returns(rng, strip, level, energy, np.where(shots.inside, background, 0.0), weights, kit)
    surface = uniform_filter1d(strip.height[:, COLUMNS // 2].astype(np.float64), 28) + level
    strength = uniform_filter1d(strip.rate[:, COLUMNS // 2].astype(np.float64), 60) * energy
    confidence, weight = signal_confidence(rng, found, surface, strength, parameters.confidence_blur)
    nodes = beam_nodes(world.place, beam, first, count)
    heights = _heights(world, beam, shots, found, confidence, weight)
    segment = np.clip(((shots.x_atc[found.shot] - nodes.x_atc[0]) / SEGMENT_LENGTH).astype(np.int64), 0, count - 1)
    heights["dist_ph_along"] = (shots.x_atc[found.shot] - nodes.x_atc[segment]).astype(np.float32)
    geolocation = _geolocation(world, nodes, shots, found, segment, kit, photons)
    corrections = _corrections(world, nodes)
    total = corrections["geoid"] + corrections["geoid_free2mean"] + corrections["dac"]
    total = total + corrections["tide_ocean"] + corrections["tide_equilibrium"]
    return Piece(
        heights,
        geolocation,
        {name: values.astype(np.float32) for name, values in corrections.items()}
        | {"delta_time": geolocation["delta_time"], "dem_flag": np.full(count, 3, np.int8)},
        _background_group(rng, world, shots, background, found, kit),
        shots.x_atc[found.shot],
        heights["h_ph"].astype(np.float64) - total[segment],
        shots.number[found.shot],
        confidence,
        nodes,
    )


def _background(world: World, shots: _Shots, strip: Strip, passed: F8, bright: F8) -> F8:
    """Background rate at each shot, Hz: sunlight from the 45 m field of view, ``bright`` by cloud, and dark counts."""
    elevation, _ = sun(world.place.start, shots.lat[:1], shots.lon[:1])
    high = max(float(np.sin(np.radians(elevation[0]))), 0.0)
    albedo = uniform_filter1d(strip.albedo.astype(np.float64), 64)
    seen = 0.06 + 0.94 * albedo * (0.35 + 0.65 * passed) + 0.5 * (1.0 - passed) * (1.0 - albedo)
    rate = world.parameters.background * high * seen * bright + world.parameters.dark_counts
    return np.asarray(rate * 1e6)


def _heights(
    world: World, beam: str, shots: _Shots, found: Returns, confidence: NDArray[np.int8], weight: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    number = shots.number[found.shot]
    table = np.full((number.size, 5), -1, np.int8)
    table[:, 1] = table[:, 2] = confidence
    across = beam_nodes(world.place, beam, 0, 1).across
    return {
        "delta_time": world.place.delta_time + number * SHOT_TIME,
        "lat_ph": shots.lat[found.shot],
        "lon_ph": shots.lon[found.shot],
        "h_ph": found.height.astype(np.float32),
        "dist_ph_across": np.full(number.size, across, np.float32),
        "signal_conf_ph": table,
        "quality_ph": found.quality,
        "pce_mframe_cnt": (_FIRST_FRAME + number // 200).astype(np.uint32),
        "ph_id_pulse": (number % 200 + 1).astype(np.uint8),
        "ph_id_channel": channel_ids(world.place.spot(beam), found.channel, found.count),
        "ph_id_count": found.count,
        "weight_ph": weight,
    }


def channel_ids(spot: int, channel: NDArray[np.uint8], count: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Channel numbers as ATLAS gives them: 20 a timing unit (16 strong, 4 weak), edges told apart by 60."""
    unit = (spot - 1) // 2
    base = 20 * unit + (1 if spot % 2 else 17)
    return (base + channel + 60 * ((channel + count) % 2)).astype(np.uint8)


def _geolocation(
    world: World, nodes: Nodes, shots: _Shots, found: Returns, segment: NDArray[np.int64], kit: Receiver, photons: int
) -> dict[str, NDArray[Any]]:
    count = nodes.x_atc.size - 1
    in_segment = np.bincount(segment, minlength=count)
    begin = photons + 1 + np.concatenate([[0], np.cumsum(in_segment)[:-1]])
    reference, x_atc = _reference_photons(shots, found, nodes, in_segment)
    when = world.place.delta_time + (x_atc - world.place.x_start) / GROUND_SPEED
    lat, lon = nodes.geographic(x_atc)
    elevation, azimuth = sun(world.place.start, lat, lon)
    full, near = _saturation(shots, found, nodes, kit)
    return {
        "delta_time": when,
        "segment_id": (world.place.segment_first + _index(world, nodes)).astype(np.int32),
        "segment_dist_x": nodes.x_atc[:-1],
        "segment_length": np.full(count, SEGMENT_LENGTH),
        "segment_ph_cnt": in_segment.astype(np.int32),
        "ph_index_beg": np.where(in_segment > 0, begin, 0).astype(np.int64),
        "reference_photon_index": reference,
        "reference_photon_lat": lat,
        "reference_photon_lon": lon,
        "solar_elevation": elevation.astype(np.float32),
        "solar_azimuth": azimuth.astype(np.float32),
        "full_sat_fract": full,
        "near_sat_fract": near,
        "podppd_flag": np.zeros(count, np.int8),
        "sigma_h": np.full(count, 0.14, np.float32),
        "sigma_along": np.full(count, 5.0, np.float32),
        "sigma_across": np.full(count, 5.0, np.float32),
        "surf_type": np.tile(np.array([0, 1, 1, 0, 0], np.int8), (count, 1)),
    }


def _reference_photons(
    shots: _Shots, found: Returns, nodes: Nodes, in_segment: NDArray[np.int64]
) -> tuple[NDArray[np.int32], F8]:
    """Each segment's reference photon, the signal photon nearest its middle: 1-based index in the segment and its
    along-track distance; 0 and the middle where there is no photon."""
    middle = nodes.x_atc[:-1] + SEGMENT_LENGTH / 2
    number, x_atc = np.zeros(in_segment.size, np.int32), middle.copy()
    stop = np.cumsum(in_segment)
    photon_x = shots.x_atc[found.shot]
    off = np.abs(photon_x - np.repeat(middle, in_segment)) + np.where(found.signal, 0.0, SEGMENT_LENGTH)
    for segment in np.flatnonzero(in_segment):
        begin = stop[segment] - in_segment[segment]
        place = int(np.argmin(off[begin : stop[segment]]))
        number[segment], x_atc[segment] = place + 1, photon_x[begin + place]
    return number, x_atc


def _index(world: World, nodes: Nodes) -> NDArray[np.int64]:
    return np.rint((nodes.x_atc[:-1] - world.place.x_start) / SEGMENT_LENGTH).astype(np.int64)


def _saturation(
    shots: _Shots, found: Returns, nodes: Nodes, kit: Receiver
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Share of each segment's shots that filled every channel, and nearly so."""
    photons = np.bincount(found.shot, weights=found.signal, minlength=shots.number.size)[shots.inside]
    where = ((shots.x_atc[shots.inside] - nodes.x_atc[0]) / SEGMENT_LENGTH).astype(np.int64)
    where = np.clip(where, 0, nodes.x_atc.size - 2)
    number = np.maximum(np.bincount(where, minlength=nodes.x_atc.size - 1), 1)

    def share(limit: float) -> NDArray[np.float32]:
        hits = np.bincount(where, weights=photons >= limit, minlength=nodes.x_atc.size - 1)
        return np.asarray(hits / number, np.float32)

    return share(0.95 * kit.channels), share(0.75 * kit.channels)


def _corrections(world: World, nodes: Nodes) -> dict[str, F8]:
    """Geophysical corrections at the middle of each segment, m."""
    middle = nodes.x_atc[:-1] + SEGMENT_LENGTH / 2
    (x, y), (lat, _) = nodes.at(middle), nodes.geographic(middle)
    ocean, same = world.ocean, np.ones(lat.size)
    return {
        "geoid": ocean.geoid(x, y),
        "geoid_free2mean": ocean.free2mean(lat),
        "tide_ocean": ocean.tide_ocean(x, y),
        "tide_equilibrium": ocean.tide_equilibrium * same,
        "dac": ocean.dac(x, y),
        "tide_earth": ocean.tide_earth * same,
        "tide_earth_free2mean": ocean.earth_free2mean(lat),
        "tide_load": ocean.tide_load * same,
        "tide_pole": ocean.tide_pole * same,
        "tide_oc_pole": ocean.tide_oc_pole * same,
        "dem_h": ocean.reference(x, y, lat) + 0.3 * ocean.sea_surface.mean,
    }


def _background_group(
    rng: np.random.Generator, world: World, shots: _Shots, background: F8, found: Returns, kit: Receiver
) -> dict[str, NDArray[Any]]:
    starts = np.flatnonzero(shots.inside & (shots.number % _BACKGROUND_SHOTS == 0))
    mean = uniform_filter1d(background, _BACKGROUND_SHOTS, origin=-_BACKGROUND_SHOTS // 2 + 1)[starts]
    seconds = _BACKGROUND_SHOTS * 2.0 * _BACKGROUND_HEIGHT / LIGHT
    counts = rng.poisson(mean * seconds)
    total = np.concatenate([[0], np.cumsum(np.bincount(found.shot, weights=found.signal, minlength=background.size))])
    signal = total[np.minimum(starts + _BACKGROUND_SHOTS, background.size)] - total[starts]
    size = starts.size
    return {
        "delta_time": world.place.delta_time + shots.number[starts] * SHOT_TIME,
        "bckgrd_counts": (counts + signal).astype(np.int32),
        "bckgrd_counts_reduced": counts.astype(np.int32),
        "bckgrd_int_height": np.full(size, _BACKGROUND_HEIGHT, np.float32),
        "bckgrd_int_height_reduced": np.full(size, _BACKGROUND_HEIGHT - 2.0, np.float32),
        "bckgrd_hist_top": np.full(size, 2519.656, np.float32),
        "bckgrd_rate": (counts / seconds).astype(np.float32),
        "pce_mframe_cnt": (_FIRST_FRAME + shots.number[starts] // 200).astype(np.int64),
        "tlm_height_band1": np.full(size, 2.0 * kit.half_window, np.float32),
        "tlm_height_band2": np.zeros(size, np.float32),
        "tlm_top_band1": np.full(size, kit.half_window, np.float32),
        "tlm_top_band2": np.zeros(size, np.float32),
    }

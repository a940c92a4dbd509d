"""Small seeded ATL03 granules in the real layout, and their segments worked out photon by photon with plain numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from scipy.interpolate import RegularGridInterpolator

SHOT = 0.71
LENGTH = 20.0
LIGHT = 299_792_458.0
FILL = np.float32(3.4028235e38)
GPS_EPOCH = 1_198_800_018.0


@dataclass(frozen=True)
class Recipe:
    """What a granule is like. ``pieces`` are (first x, number of 20 m segments); ``drop`` are datasets left out."""

    beams: tuple[str, ...] = ("gt1r",)
    pieces: Sequence[tuple[float, int]] = ((9_000_003.0, 30), (9_002_500.0, 1), (9_004_000.0, 12))
    rate: float = 4.0
    seed: int = 0
    orientation: int | None = 1
    sea_ice: bool = True
    lon: float = 179.9995
    drop: tuple[str, ...] = ()
    calibration: bool = True
    attributes: Mapping[str, str] = field(default_factory=lambda: {"short_name": "ATL03"})


def make_granule(path: Path, recipe: Recipe | None = None) -> Path:
    """Write the granule and return its path."""
    recipe = recipe or Recipe()
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, text in recipe.attributes.items():
            file.attrs[name] = np.bytes_(text)
        file["ancillary_data/atlas_sdp_gps_epoch"] = np.array([GPS_EPOCH])
        if recipe.orientation is not None:
            file["orbit_info/sc_orient"] = np.array([recipe.orientation], np.int8)
        for number, beam in enumerate(recipe.beams):
            _write_beam(file, beam, recipe, np.random.default_rng((recipe.seed, number)))
        for name in recipe.drop:
            for beam in recipe.beams:
                file.pop(f"{beam}/{name}", None)
    return path


def _write_beam(file: h5py.File, beam: str, recipe: Recipe, rng: np.random.Generator) -> None:
    start = np.concatenate([first + LENGTH * np.arange(count) for first, count in recipe.pieces])
    photons = _photons(start, recipe, rng)
    count = np.bincount(photons.pop("segment"), minlength=len(start))
    begin = np.cumsum(count) - count
    group = file.create_group(beam)
    group.attrs["atlas_beam_type"] = np.bytes_("strong" if beam.endswith("r") else "weak")
    for name, values in photons.items():
        if not name.startswith("_"):
            chunks = (64, *values.shape[1:])
            group.create_dataset(f"heights/{name}", data=values, chunks=chunks, compression="gzip")
    for name, values in _segments(start, count, begin, photons, recipe, rng).items():
        group[name] = values
    if recipe.calibration:
        _write_calibration(file, beam)


def _photons(start: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> dict[str, np.ndarray]:
    x0, x1 = start[0], start[-1] + LENGTH
    shot = np.repeat(np.arange(int((x1 - x0) / SHOT)), rng.poisson(recipe.rate, int((x1 - x0) / SHOT)))
    noise = rng.random(len(shot)) < 0.2
    x = x0 + 0.1 + shot * SHOT + rng.normal(0, 0.01, len(shot))
    owner = np.searchsorted(start, x, side="right") - 1
    kept = (owner >= 0) & (x < start[owner] + LENGTH)
    shot, noise, x, owner = shot[kept], noise[kept], x[kept], owner[kept]
    order = np.argsort(owner, kind="stable")
    shot, noise, x, owner = shot[order], noise[order], x[order], owner[order]
    n = len(shot)
    confidence = np.full((n, 5), -1, np.int8)
    confidence[:, 0] = np.where(noise, 0, 4)
    confidence[:, 2] = np.where(noise, rng.integers(0, 3, n), rng.integers(3, 5, n)) if recipe.sea_ice else -1
    height = np.where(noise, rng.uniform(-30, 30, n), rng.normal(0, 0.15, n)) + 12.0 + 0.3 * np.sin(x / 40)
    along = (x - x0) / 111_000.0
    return {
        "segment": owner,
        "h_ph": height.astype(np.float32),
        "dist_ph_along": (x - start[owner]).astype(np.float32),
        "signal_conf_ph": confidence,
        "quality_ph": (rng.random(n) < 0.05).astype(np.int8),
        "weight_ph": np.where(noise, rng.integers(0, 80, n), rng.integers(80, 255, n)).astype(np.uint8),
        "pce_mframe_cnt": (1_000_000 + shot // 200).astype(np.uint32),
        "ph_id_pulse": (shot % 200 + 1).astype(np.uint8),
        "lat_ph": 80.0 + along,
        "lon_ph": (recipe.lon + 5.0 * along + 180.0) % 360.0 - 180.0,
        "delta_time": 6.0e7 + shot * 1e-4,
        "_x": x,
    }


def _segments(
    start: np.ndarray, count: np.ndarray, begin: np.ndarray, photons: dict[str, np.ndarray], recipe: Recipe, rng: Any
) -> dict[str, np.ndarray]:
    m = len(start)
    reference = np.minimum(begin + count // 3, len(photons["h_ph"]) - 1)
    slow = np.arange(m) / m
    tide = (0.05 + 0.01 * slow).astype(np.float32)
    tide[m // 2] = FILL
    moments = 6.0e7 + np.arange(-0.02, (start[-1] - start[0]) / SHOT * 1e-4 + 0.02, 0.005)
    return {
        "geolocation/segment_dist_x": start,
        "geolocation/segment_ph_cnt": count.astype(np.int32),
        "geolocation/ph_index_beg": np.where(count > 0, begin + 1, 0),
        "geolocation/reference_photon_index": np.where(count > 0, reference - begin + 1, 0).astype(np.int32),
        "geolocation/reference_photon_lat": np.where(count > 0, photons["lat_ph"][reference], FILL),
        "geolocation/reference_photon_lon": np.where(count > 0, photons["lon_ph"][reference], FILL),
        "geolocation/delta_time": np.where(count > 0, photons["delta_time"][reference], FILL),
        "geolocation/podppd_flag": (np.arange(m) == 3).astype(np.int8),
        "geolocation/full_sat_fract": np.where(np.arange(m) % 7 == 1, 0.8, 0.1).astype(np.float32),
        "geolocation/near_sat_fract": np.where(np.arange(m) % 7 <= 1, 0.8, 0.1).astype(np.float32),
        "geolocation/solar_elevation": (10.0 + slow).astype(np.float32),
        "geolocation/surf_type": np.tile(np.array([0, 1, recipe.sea_ice, 0, 0], np.int8), (m, 1)),
        "geophys_corr/geoid": (12.2 + 0.02 * slow).astype(np.float32),
        "geophys_corr/geoid_free2mean": np.full(m, -0.2, np.float32),
        "geophys_corr/tide_ocean": tide,
        "geophys_corr/tide_equilibrium": np.full(m, 0.01, np.float32),
        "geophys_corr/dac": (-0.03 + 0.01 * slow).astype(np.float32),
        "bckgrd_atlas/delta_time": moments,
        "bckgrd_atlas/bckgrd_rate": rng.uniform(1e6, 2e6, len(moments)).astype(np.float32),
    }


def _write_calibration(file: h5py.File, beam: str) -> None:
    """CAL-19 as a granule carries it: (dead time, strength, width) in ps, axes in ns, dead times in s."""
    root = file.require_group("ancillary_data/calibrations")
    dead, strength, width = np.array([2.0, 3.0, 4.0]), np.linspace(0.1, 20, 9), np.linspace(0.5, 12, 7)
    table = 40.0 * dead[:, None, None] * strength[None, :, None] / (1 + width[None, None, :])
    group = root.create_group(f"first_photon_bias/{beam}")
    group["ffb_corr"] = table
    group["dead_time"] = dead
    group["strength"] = np.tile(strength, (3, 1))
    group["width"] = np.tile(width, (3, 1))
    root[f"dead_time/{beam}/dead_time"] = np.r_[np.full(16, 3.2e-9), np.full(4, 3.6e-9)]


def brute_force(path: Path, beam: str, window: float = 2.0, confidence: int = 3, limit: float = 10.0) -> pd.DataFrame:
    """Every numeric column of SEGMENT, one window after another."""
    with h5py.File(path) as file:
        heights = {name: data[:] for name, data in file[f"{beam}/heights"].items()}
        place = {name: _known(data[:]) for name, data in file[f"{beam}/geolocation"].items()}
        given = {name: _known(data[:]) for name, data in file[f"{beam}/geophys_corr"].items()}
        # The product gives the start of each sum of 50 shots, 10 000 a second.
        sky = (file[f"{beam}/bckgrd_atlas/delta_time"][:] + 0.0025, file[f"{beam}/bckgrd_atlas/bckgrd_rate"][:])
        bias = _bias_table(file, beam)
    owner = np.repeat(np.arange(len(place["segment_ph_cnt"])), place["segment_ph_cnt"].astype(int))
    x = place["segment_dist_x"][owner] + heights["dist_ph_along"]
    reference = (given["geoid"] + given["geoid_free2mean"])[owner]
    tide = (given["tide_ocean"] + given["tide_equilibrium"])[owner]
    dac = given["dac"][owner]
    raw = heights["h_ph"].astype(float)
    h = raw - reference - np.nan_to_num(tide) - np.nan_to_num(dac)
    signal = (heights["signal_conf_ph"][:, 2] >= confidence) & (heights["quality_ph"] == 0) & (np.abs(h) < limit)
    signal &= place["podppd_flag"][owner] == 0
    shot = heights["pce_mframe_cnt"].astype(np.int64) * 200 + heights["ph_id_pulse"]
    cell = np.floor(x / window).astype(np.int64)
    rows = []
    for number in np.unique(cell[signal]):
        own = signal & (cell == number)
        centre = (number + 0.5) * window
        piece = _piece(place["segment_dist_x"], place["segment_ph_cnt"], centre)
        row = {"segment": number, "x_atc": centre, "photon_count": own.sum()}
        row["photon_count_high"] = (heights["signal_conf_ph"][own, 2] == 4).sum()
        row["pulse_count"] = _pulses(x, shot, owner, piece, number, window)
        rate = row["photon_rate"] = row["photon_count"] / row["pulse_count"]
        fpb = bias(rate, h[own]) if bias else 0.0
        row |= _place(place, heights, x, owner, piece, centre)
        row["background_rate"] = np.interp(row["delta_time"], *sky)
        row |= {"height_mean": h[own].mean() - fpb, "height_median": np.median(h[own]) - fpb}
        row |= {"height_std": h[own].std(), "height_min": h[own].min(), "height_max": h[own].max()}
        row |= {"height_ellipsoid": raw[own].mean(), "reference_height": reference[own].mean()}
        row |= {"tide": _mean(tide[own]), "dac": dac[own].mean()}
        row["solar_elevation"] = place["solar_elevation"][owner[own]].mean()
        near, full = (place[f"{name}_sat_fract"][owner[own]] >= 0.5 for name in ("near", "full"))
        row["quality"] = near.any() | full.any() << 1 | np.isnan(tide[own]).any() << 3 | (64 if bias else 0)
        rows.append(row)
    return pd.DataFrame(rows)


def _known(values: np.ndarray) -> np.ndarray:
    values = values.astype(float)
    return np.where(np.abs(values) > 1e30, np.nan, values)


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _piece(start: np.ndarray, count: np.ndarray, centre: float) -> np.ndarray:
    """Segments with photons of the contiguous piece that is nearest to ``centre``."""
    used = np.flatnonzero(count > 0)
    parts = np.split(used, np.flatnonzero(np.diff(start[used]) > 60.0) + 1)
    return min(parts, key=lambda part: max(start[part[0]] - centre, centre - start[part[-1]] - LENGTH, 0.0))


def _line(x: np.ndarray, values: np.ndarray, at: float) -> float:
    """Linear interpolation; beyond the ends the last two points' line goes on."""
    k = int(np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2))
    return float(values[k] + (values[k + 1] - values[k]) / (x[k + 1] - x[k]) * (at - x[k]))


def _pulses(x: np.ndarray, shot: np.ndarray, owner: np.ndarray, piece: np.ndarray, number: int, window: float) -> int:
    mine = np.isin(owner, piece)
    points = np.array([[x[owner == s].mean(), shot[owner == s].mean()] for s in piece])
    if len(points) == 1:
        edges = [points[0, 1] + (e * window - points[0, 0]) / SHOT for e in (number, number + 1)]
    else:
        k = int(np.clip(np.searchsorted(points[:, 0], (number + 0.5) * window, side="right") - 1, 0, len(points) - 2))
        edges = [_line(points[k : k + 2, 0], points[k : k + 2, 1], e * window) for e in (number, number + 1)]
    low, high = np.floor(edges)
    fired = np.arange(low + 1, high + 1)
    return max(int(((fired >= shot[mine].min()) & (fired <= shot[mine].max())).sum()), 1)


def _place(
    place: dict[str, np.ndarray],
    heights: dict[str, np.ndarray],
    x: np.ndarray,
    owner: np.ndarray,
    piece: np.ndarray,
    at: float,
) -> dict[str, float]:
    if len(piece) == 1:
        photons = np.flatnonzero(owner == piece[0])[[0, -1]]
    else:
        first = np.cumsum(place["segment_ph_cnt"]) - place["segment_ph_cnt"]
        photons = (first[piece] + place["reference_photon_index"][piece] - 1).astype(int)
    lon = np.degrees(np.unwrap(np.radians(heights["lon_ph"][photons])))
    return {
        "lat": _line(x[photons], heights["lat_ph"][photons], at),
        "lon": (_line(x[photons], lon, at) + 180.0) % 360.0 - 180.0,
        "delta_time": _line(x[photons], heights["delta_time"][photons], at),
    }


def _bias_table(file: h5py.File, beam: str) -> Any:
    root = file.get("ancillary_data/calibrations")
    if root is None:
        return None
    group = root[f"first_photon_bias/{beam}"]
    axes = (group["dead_time"][:], group["strength"][0], group["width"][0])
    table = RegularGridInterpolator(axes, group["ffb_corr"][:])
    dead = root[f"dead_time/{beam}/dead_time"][:16].mean() * 1e9

    def bias(rate: float, h: np.ndarray) -> float:
        width = 2.5631031310892007 * np.std(h, ddof=1 if len(h) > 1 else 0) * 2 / LIGHT * 1e9
        held = [np.clip(value, axis[0], axis[-1]) for value, axis in zip((dead, rate, width), axes, strict=True)]
        return float(table(held)[0]) * 1e-12 * LIGHT / 2

    return bias

"""Synthetic ATL03 granules of any length, written in blocks: the datasets that resampling reads, in the real layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

CHUNK = 10_000
SHOT = 0.71
PHOTONS_A_SHOT = 4.0
NOISE = 0.2
_SEGMENT = 20.0
_BLOCK = 2_000_000
_START = 9_000_000.0


def write_granule(path: Path, photons: int, beams: tuple[str, ...] = ("gt1r",), seed: int = 0) -> None:
    """Write ``photons`` photons over ``beams``: gzip level 6, chunks of 10 000, shuffled where the product shuffles."""
    rng = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        file.attrs["short_name"] = "ATL03"
        file["orbit_info/sc_orient"] = np.array([1], np.int8)
        file["ancillary_data/atlas_sdp_gps_epoch"] = np.array([1198800018.0])
        for beam in beams:
            _write_beam(file.create_group(beam), photons // len(beams), rng)


def _write_beam(group: h5py.Group, photons: int, rng: np.random.Generator) -> None:
    counts: list[np.ndarray] = []
    done = segments = 0
    while done < photons:
        count = min(_BLOCK, photons - done)
        per_segment = _write_photons(group.require_group("heights"), count, segments, rng)
        counts.append(per_segment)
        segments += len(per_segment)
        done += count
    _write_segments(group, np.concatenate(counts), rng)


def _write_photons(heights: h5py.Group, count: int, first: int, rng: np.random.Generator) -> np.ndarray:
    """Append photons from segment ``first`` on; returns how many each segment got."""
    shot = np.sort(rng.integers(0, int(count / PHOTONS_A_SHOT), count))
    x = shot * SHOT + rng.normal(0.0, 0.01, count)
    segment = np.maximum(x // _SEGMENT, 0).astype(np.int64)
    order = np.argsort(segment, kind="stable")
    shot, x, segment = shot[order], x[order], segment[order]
    noise = rng.random(count) < NOISE
    surface = 12.0 + 0.2 * np.sin(x / 150.0)
    height = np.where(noise, 12.0 + rng.uniform(-30, 30, count), surface + rng.normal(0, 0.12, count))
    confidence = np.full((count, 5), -1, np.int8)
    confidence[:, 1] = confidence[:, 2] = np.where(noise, 0, 4)
    number = shot + int(np.ceil(first * _SEGMENT / SHOT)) + 200
    _append(heights, "h_ph", height.astype(np.float32))
    _append(heights, "dist_ph_along", (x - segment * _SEGMENT).astype(np.float32))
    _append(heights, "signal_conf_ph", confidence)
    _append(heights, "quality_ph", (rng.random(count) < 0.01).astype(np.int8))
    _append(heights, "pce_mframe_cnt", (number // 200).astype(np.uint32))
    _append(heights, "ph_id_pulse", (number % 200).astype(np.uint8))
    return np.bincount(segment)


def _append(group: h5py.Group, name: str, values: np.ndarray) -> None:
    if name not in group:
        options = {"compression": "gzip", "compression_opts": 6, "shuffle": values.dtype.kind != "f"}
        shape = (0, *values.shape[1:])
        group.create_dataset(
            name, shape, values.dtype, maxshape=(None, *shape[1:]), chunks=(CHUNK, *shape[1:]), **options
        )
    data = group[name]
    data.resize(len(data) + len(values), axis=0)
    data[-len(values) :] = values


def _write_segments(group: h5py.Group, count: np.ndarray, rng: np.random.Generator) -> None:
    number = np.arange(len(count))
    start = _START + number * _SEGMENT
    time = 1.0e8 + (number + 0.5) * _SEGMENT / SHOT * 1e-4
    columns = {
        "geolocation/segment_dist_x": start,
        "geolocation/segment_ph_cnt": count.astype(np.int32),
        "geolocation/ph_index_beg": np.cumsum(count) - count + 1,
        "geolocation/reference_photon_index": np.maximum(count // 2, 1).astype(np.int32),
        "geolocation/reference_photon_lat": 75.0 + number * 1.7e-4 % 10.0,
        "geolocation/reference_photon_lon": np.full(len(count), -20.0),
        "geolocation/delta_time": time,
        "geolocation/solar_elevation": np.full(len(count), 12.0, np.float32),
        "geolocation/podppd_flag": np.zeros(len(count), np.int8),
        "geophys_corr/geoid": np.full(len(count), 12.2, np.float32),
        "geophys_corr/geoid_free2mean": np.full(len(count), -0.2, np.float32),
        "geophys_corr/tide_ocean": np.full(len(count), 0.05, np.float32),
        "geophys_corr/tide_equilibrium": np.full(len(count), 0.01, np.float32),
        "geophys_corr/dac": np.full(len(count), -0.03, np.float32),
        "bckgrd_atlas/delta_time": np.arange(time[0], time[-1], 0.005),
    }
    for name, values in columns.items():
        group.create_dataset(name, data=values, compression="gzip", chunks=(min(CHUNK, len(values)),))
    group["bckgrd_atlas/bckgrd_rate"] = rng.normal(2e6, 1e5, len(columns["bckgrd_atlas/delta_time"])).astype(np.float32)

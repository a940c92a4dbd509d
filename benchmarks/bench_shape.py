"""Leads, floes, ridges, roughness, means and grids of ten million synthetic segments; ridges and roughness beside the
truth of a synthetic granule; one core."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import Row, best_of
from benchmarks.twin_tracks import beams_with_truth
from processing.core.along_means import OverIce, cells_along, freeboard_of_ice, means
from processing.core.floes import floes
from processing.core.leads import height_sigma
from processing.core.openings import OverOpenings, lengths_stood_for, openings
from processing.core.polar_grid import track_sums
from processing.core.ridges import level_ice, ridges, smoothed
from processing.core.roughness import roughness
from processing.core.thickness import thickness

SEGMENTS, PEER_SEGMENTS = 10_000_000, 1_000_000
SEED, KILOMETRES = 911, 60.0
LENGTH, GAP, LEVEL, SAIL, ROUGH, CELL = 2.0, 50.0, 2000.0, 0.6, 100.0, 25_000.0
NEAR = 10.0
"""A sail within this distance of one of the truth is it, m."""


@dataclass(frozen=True)
class Track:
    """A made track of 2 m segments, 5 % of them open water, row for row; f8 m, and bool."""

    x: np.ndarray
    height: np.ndarray
    sigma: np.ndarray
    water: np.ndarray


def made_track(segments: int) -> Track:
    rng = np.random.default_rng(3)
    water = np.repeat(rng.random(segments // 20 + 1) < 0.05, 20)[:segments]
    sails = np.where(rng.random(segments) < 0.02, rng.exponential(0.6, segments), 0.0)
    height = np.where(water, 0.0, 0.4 + sails) + rng.normal(0, 0.05, segments)
    return Track(2.0 * np.arange(segments) + 1.0, height, np.full(segments, 0.05), water)


def rows() -> Iterator[Row]:
    warm, track = made_track(PEER_SEGMENTS // 10), made_track(SEGMENTS)
    part = made_track(PEER_SEGMENTS)
    scale = SEGMENTS / PEER_SEGMENTS
    for name, ours, peer in (
        ("leads, floes, ridges and roughness", _shape, None),
        ("thickness with its uncertainty", _thickness, None),
        ("means, medians, modes over 1 km", _along, _along_peer),
        ("sums on a grid of 25 km, freeboard and thickness", _grid, _grid_peer),
    ):
        ours(warm)
        seconds = best_of(lambda do=ours: do(track))  # type: ignore[misc]
        theirs = None if peer is None else scale * best_of(lambda do=peer: do(part))  # type: ignore[misc]
        yield Row(
            f"{name}, 10 M segments",
            seconds,
            "s",
            "<= 10 s a core",
            seconds <= 10.0,
            theirs,
            "" if peer is None else "pandas groupby, no modes, no uncertainty",
            "synthetic; peer timed on 1 M segments and scaled" if peer else "synthetic",
        )
    yield from _beside_truth()


def _shape(track: Track) -> None:
    n = len(track.x)
    label = np.where(track.water, 2, 0).astype(np.int8)
    rate, flags = np.full(n, 3.0), np.zeros(n, np.uint32)
    number = np.where(track.water, 0, -1).astype(np.int32)
    leads = openings(OverOpenings(track.x, number, label, track.height, track.sigma, rate, flags), LENGTH, GAP, 6.0)
    floes(track.x, leads, LENGTH, 10.0, GAP)
    _sails(track.x, track.height, track.sigma, ~track.water)
    roughness(track.x, track.height, track.sigma, ~track.water, ROUGH, 25, LENGTH)


def _sails(x: np.ndarray, height: np.ndarray, sigma: np.ndarray, ice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where sails stand and how high, from heights averaged over half a footprint."""
    level = level_ice(x, height, ice, LEVEL)
    found = ridges(x, smoothed(x, height, sigma, 6.0)[0] - level, SAIL, GAP)
    return x[found.row], found.height


def _thickness(track: Track) -> OverIce:
    found = thickness(track.height, 0.054, 0.2, 0.1, water=track.water)
    factor = found.freeboard_factor
    return OverIce(found.thickness, factor * track.sigma, factor * 0.02, found.sigma_common)


def _freeboard(track: Track) -> OverIce:
    label = np.where(track.water, 2, 0)
    return freeboard_of_ice(track.height, track.sigma, np.full(len(track.x), 0.02), label)


def _along(track: Track) -> None:
    means(_freeboard(track), track.x, cells_along(track.x, 1000.0), 10_000.0, 0.05, 25)


def _along_peer(track: Track) -> None:
    frame = pd.DataFrame({"cell": np.floor(track.x / 1000.0), "f": np.where(track.water, np.nan, track.height)})
    frame.groupby("cell").f.agg(["mean", "median", "std", "count"])


def _places(track: Track) -> tuple[np.ndarray, np.ndarray]:
    return track.x % 4e6 - 2e6, np.full(len(track.x), 1e5)


def _grid(track: Track) -> None:
    classed = np.ones(len(track.x), bool)
    both = _freeboard(track), _thickness(track)
    length = lengths_stood_for(track.x, track.water, LENGTH)
    track_sums(*_places(track), track.x, CELL, *both, length, track.water, classed, 10_000.0)


def _grid_peer(track: Track) -> None:
    x, y = _places(track)
    f = np.where(track.water, np.nan, track.height)
    frame = pd.DataFrame({"i": np.floor(x / CELL), "j": np.floor(y / CELL), "f": f, "t": 9.4 * f - 1.3})
    frame.groupby(["i", "j"]).agg(["mean", "std", "count"])


def _beside_truth() -> Iterator[Row]:
    """Ridges and roughness of a synthetic granule's strong (r) and weak (l) beams, classes of the truth."""
    hits: dict[str, list[np.ndarray]] = {"r": [], "l": []}
    rough: dict[str, list[np.ndarray]] = {"r": [], "l": []}
    with tempfile.TemporaryDirectory() as folder:
        for beam, segments, truth in beams_with_truth(Path(folder), SEED, KILOMETRES):
            hits[beam[-1]].append(_hits(segments, truth))
            rough[beam[-1]].append(_roughness_errors(segments, truth))
    for side, name in (("r", "strong"), ("l", "weak")):
        many, found, met, right = np.sum(hits[side], axis=0)
        yield Row(
            f"ridge sails, {name} beams: share of those found that are there",
            100.0 * right / found,
            "%",
            note=f"synthetic, true classes; {found:.0f} found; of {many:.0f} there {100 * met / many:.0f} % are found",
        )
        error, truth_of = np.concatenate(rough[side], axis=1)
        yield Row(
            f"roughness over 100 m, {name} beams: median error",
            100.0 * float(np.median(error)),
            "cm",
            note=f"synthetic; half within {100 * np.median(np.abs(error)):.1f} cm, true median "
            f"{100 * np.median(truth_of):.1f} cm at 2 m, where the footprint of 11 m smooths",
        )


def _measured(segments: pd.DataFrame, truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Place, height, its standard error and whether it is ice, of each segment."""
    sigma = height_sigma(segments.height_std, segments.photon_count)
    ice = truth.label.reindex(segments.index).to_numpy() != 2
    return segments.x_atc.to_numpy(), segments.height_median.to_numpy(np.float64), sigma, ice


def _true(truth: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return LENGTH * truth.index.to_numpy() + 1.0, truth.height.to_numpy(np.float64), truth.label.to_numpy() != 2


def _hits(segments: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Sails of the truth, sails found, those of the truth that were found, those found that are of the truth."""
    x, height, ice = _true(truth)
    there = x[ridges(x, height - level_ice(x, height, ice, LEVEL), SAIL, GAP).row]
    found, _ = _sails(*_measured(segments, truth))
    return np.array([len(there), len(found), _near(there, found), _near(found, there)])


def _near(places: np.ndarray, others: np.ndarray) -> int:
    after = np.clip(np.searchsorted(others, places), 1, len(others) - 1)
    distance = np.minimum(np.abs(others[after] - places), np.abs(others[after - 1] - places))
    return int((distance < NEAR).sum())


def _roughness_errors(segments: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Error of the roughness of each cell, and the true one; (2, cells) f8 m."""
    x, height, ice = _true(truth)
    theirs = roughness(x, height, np.zeros(len(x)), ice, ROUGH, 25, LENGTH)
    exact = np.hypot(theirs.roughness, theirs.noise)  # the truth has no noise to take off
    ours = roughness(*_measured(segments, truth), ROUGH, 25, LENGTH)
    _, here, there = np.intersect1d(ours.x, theirs.x, return_indices=True)
    return np.stack([ours.roughness[here] - exact[there], exact[there]])

"""Drift of the ice: all beams of a granule against a scene at every shift within 1 km, beside a loop over shifts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.harness import Row, best_of
from benchmarks.synthetic_scene import EDGE, LEFT, TOP, cached_scene
from processing.core.correlation import Piece
from processing.core.drift import Beam, Shift, add_up, cut, locate
from processing.io.scene_labels import label_tiles
from processing.io.sentinel2 import Scene, identify, open_scene
from processing.local.drift import BeamSignals, find_drift
from processing.project import Input
from processing.stages import Autolabel

PIXEL = 10.0
REACH = 100
SLANT = float(np.tan(np.radians(8.0)))
PAIR, WITHIN = 330.0, 9.0
PROXIES = 5
SHORT, LONG, STAGE = 5.0, 10.0, 20.0

_SHIFT = (37, -21)
_LOOP = 40


def rows() -> Iterator[Row]:
    """Time in memory at two lengths, against a loop over shifts; time of drift and labels on a full JPEG 2000 scene."""
    for length, bar in ((60, SHORT), (110, LONG)):
        scene, beams = _synthetic(length)
        found = _find(scene, beams)
        error = PIXEL * float(np.hypot(found.row - _SHIFT[0], found.col - _SHIFT[1]))
        seconds = best_of(partial(_find, scene, beams), 2)
        looped = _loop(scene, beams)
        note = f"synthetic, {(2 * REACH + 1) ** 2} shifts, error {error:.1f} m; loop timed on {_LOOP} shifts and scaled"
        yield Row(
            f"drift, 6 beams x {length} km",
            seconds,
            "s",
            f"<= {bar:g} s",
            seconds <= bar,
            looped,
            "loop over shifts",
            note,
        )
    drift, both = _stage()
    name = "3 beams x 110 km, 10980 x 10980 JP2"
    yield Row(f"drift with reading, {name}", drift, "s", note="synthetic lossless L1C")
    note = "the same scene open for both, so that its green band is decoded once"
    yield Row(f"drift and auto-labels, {name}", both, "s", f"<= {STAGE:g} s", both <= STAGE, note=note)


def _synthetic(kilometres: int) -> tuple[NDArray[np.float32], list[Beam]]:
    """A textured scene and six beams over it with noise as large as the signal."""
    rng = np.random.default_rng(0)
    length = kilometres * 100
    shape = length + 2 * REACH + 20, int(length * SLANT + 2 * PAIR + 4 * REACH)
    scene = gaussian_filter(rng.normal(size=shape).astype(np.float32), 3)
    along = np.arange(0.1, length, 0.2)
    row = REACH + 10 + along
    beams = []
    for number in range(6):
        col = 2 * REACH + (number // 2) * PAIR + (number % 2) * WITHIN + SLANT * along
        seen = scene[(row + _SHIFT[0]).astype(int), (col + _SHIFT[1]).astype(int)]
        proxies = seen + scene.std() * rng.normal(size=(PROXIES, len(along)))
        beams.append(Beam(f"gt{number // 2 + 1}", along * PIXEL, row, col, proxies.astype(np.float32)))
    return scene, beams


def _find(scene: NDArray[np.float32], beams: list[Beam]) -> Shift:
    pieces = cut(beams)
    products = add_up(((piece, _box(scene, piece)) for piece in pieces), REACH)
    return locate(products, REACH, PIXEL, sum(piece.pixels for piece in pieces))


def _box(scene: NDArray[np.float32], piece: Piece) -> NDArray[np.float32]:
    row, col, height, width = piece.box(REACH)
    return scene[row : row + height, col : col + width]


def _loop(scene: NDArray[np.float32], beams: list[Beam]) -> float:
    """Seconds that a loop over every shift takes: look the scene up, regress, keep the residual."""
    row, col = (np.concatenate([getattr(beam, name) for beam in beams]).astype(int) for name in ("row", "col"))
    proxies = np.concatenate([beam.proxies for beam in beams], axis=1)
    design = np.vstack([proxies, np.ones(proxies.shape[1])]).astype(np.float64)
    start = time.perf_counter()
    for shift in range(_LOOP):
        bright = scene[row + shift, col - shift].astype(np.float64)
        weights = np.linalg.solve(design @ design.T, design @ bright)
        float(np.square(bright - weights @ design).sum())
    return (time.perf_counter() - start) / _LOOP * (2 * REACH + 1) ** 2


def _stage() -> tuple[float, float]:
    """Seconds of the drift alone, and of drift and labels together, from the files."""
    path = cached_scene()
    found = identify(path)
    assert found is not None
    stage = Autolabel()
    with open_scene(Input(found.ident, found.kind, path, "", found.details)) as scene:
        beams = _strong_beams(scene)
        start = time.perf_counter()
        drift = find_drift(scene, beams, stage)
        alone = time.perf_counter() - start
        x, y = (np.concatenate([getattr(beam, name) for beam in beams]) for name in ("x", "y"))
        for _ in label_tiles(scene, x + drift.x, y + drift.y, stage):
            pass
        return alone, time.perf_counter() - start


def _strong_beams(scene: Scene) -> list[BeamSignals]:
    """Three beams from north to south with signals of noise: what they say does not change the time."""
    rng = np.random.default_rng(1)
    x_atc = np.arange(1.0, EDGE * scene.pixel, 2.0)
    noise = {
        name: rng.uniform(1.0, 2.0, len(x_atc)) for name in ("background_rate", "height", "height_std", "photon_rate")
    }
    middle = LEFT + EDGE * 5.0 + (EDGE * 5.0 - x_atc) * SLANT
    beams = enumerate((-PAIR * PIXEL, 0.0, PAIR * PIXEL))
    count = np.full(len(x_atc), 9.0)
    return [
        BeamSignals(f"gt{number + 1}r", x_atc, middle + aside, TOP - x_atc, photon_count=count, **noise)
        for number, aside in beams
    ]

"""Auto-labels of three strong beams across a full-size JPEG 2000 scene, beside decoding alone the tiles they need."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from benchmarks.harness import Row, peak_memory
from benchmarks.synthetic_scene import EDGE, LEFT, TOP, cached_scene
from processing.core.tiles import CELL, corridor
from processing.io.scene_labels import REFLECTANCE_BANDS, label_tiles
from processing.io.sentinel2 import Scene, identify, open_scene
from processing.project import Input
from processing.stages import Autolabel

THREADS = 2
BEAM_SPACING = 3300.0
SLANT = np.tan(np.radians(8.0))
LONGEST, MOST, LARGEST = 20.0, 2.0, 1.5

_REPEATS = 2


def rows() -> Iterator[Row]:
    """Three rows: time, time beside decoding, peak memory. The scene is synthetic."""
    scene = cached_scene()
    decode = min(_child("decode", scene)["seconds"] for _ in range(_REPEATS))
    runs = [_child("label", scene) for _ in range(_REPEATS)]
    seconds, memory = min(run["seconds"] for run in runs), max(run["gigabytes"] for run in runs)
    note = f"synthetic lossless L1C, {runs[0]['megapixels']:.0f} Mpixel labelled, {THREADS} cores"
    name = "auto-labels, 3 beams x 110 km, 10980 x 10980 JP2"
    yield Row(name, seconds, "s", f"<= {LONGEST:g} s", seconds <= LONGEST, decode, "decoding those tiles alone", note)
    ratio = seconds / decode
    yield Row(f"{name}, times decoding", ratio, "1", f"<= {MOST:g}", ratio <= MOST, 1.0, "decoding alone", note)
    yield Row(f"{name}, peak memory", memory, "GiB", f"<= {LARGEST:g} GiB", memory <= LARGEST, note=note)


def tracks() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x, y of a point every 20 m along three beams that cross the scene from north to south."""
    y = TOP - np.arange(0.0, EDGE * 10.0, 20.0)
    middle = LEFT + EDGE * 5.0 + (y - TOP + EDGE * 5.0) * SLANT
    return np.concatenate([middle + shift for shift in (-BEAM_SPACING, 0.0, BEAM_SPACING)]), np.tile(y, 3)


def label(scene: Scene) -> float:
    """Label the corridor; returns megapixels."""
    return sum(tile.classes.size for tile in label_tiles(scene, *tracks(), Autolabel())) / 1e6


def decode(scene: Scene) -> float:
    """Decode each JPEG 2000 tile that the corridor touches once, bands spread over the threads; returns megapixels."""
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(lambda name: _decode_band(scene, name), REFLECTANCE_BANDS)) / 1e6


def _decode_band(scene: Scene, name: str) -> int:
    band = scene.layout.bands[name]
    x, y = tracks()
    cells = corridor(*scene.index(x, y), Autolabel().corridor / scene.pixel, scene.shape)
    pixels = 0
    with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(band.path) as dataset:
        height, width = dataset.block_shapes[0]
        for row in range(0, dataset.height, height):
            for col in range(0, dataset.width, width):
                top, left, bottom, right = (n * band.factor // CELL for n in (row, col, row + height, col + width))
                if cells[top : bottom + 1, left : right + 1].any():
                    pixels += dataset.read(1, window=Window(col, row, width, height)).size
    return pixels


def _child(task: str, safe: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.bench_scene", task, str(safe)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return dict(json.loads(done.stdout))


def _main(task: str, safe: Path) -> None:
    found = identify(safe)
    assert found is not None
    with open_scene(Input(found.ident, found.kind, safe, "", found.details)) as scene:
        start = time.perf_counter()
        megapixels = {"label": label, "decode": decode}[task](scene)
        seconds = time.perf_counter() - start
    gigabytes = peak_memory() / 2**30
    processor = time.process_time()
    print(json.dumps({"seconds": seconds, "megapixels": megapixels, "gigabytes": gigabytes, "processor": processor}))


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))

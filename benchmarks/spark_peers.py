"""One core of ours beside one core of what a scientist would write with pandas or OpenCV, stage by stage, whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import rasterio

from benchmarks.bench_resample import resample_file, windows_by_pandas
from benchmarks.bench_scene import tracks
from benchmarks.harness import Row
from benchmarks.synthetic_granule import write_granule
from benchmarks.synthetic_scene import cached_scene
from processing.io.scene_labels import label_tiles
from processing.io.sentinel2 import Scene, identify, open_scene
from processing.project import Input
from processing.stages import Autolabel

PHOTONS = 4_000_000
_BEAM = "gt1r"
_WATER, _THICK = 30, 205
_MEDIAN = 155
_SMALL = 100_000


def rows() -> Iterator[Row]:
    """Two rows; freeboard beside pandas and classes beside a DataLoader have benchmarks of their own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "granule.h5"
        write_granule(path, PHOTONS)
        ours, peer = (_child(task, path) for task in ("resample", "pandas"))
    yield Row(
        f"resample on one core, file to table, {PHOTONS / 1e6:.0f} M photons",
        PHOTONS / ours / 1e6,
        "M photons/s",
        peer=PHOTONS / peer / 1e6,
        peer_name="h5py and pandas: counts, shots, mean, median, spread, extremes",
        note="synthetic; ours also corrections, positions, times, background, first-photon bias and quality",
    )
    scene = cached_scene()
    ours, peer = (_child(task, scene) for task in ("label", "opencv"))
    yield Row(
        "auto-labels on one core, 3 beams, 10980 x 10980 JP2",
        ours,
        "s",
        peer=peer,
        peer_name="rasterio and OpenCV on the whole scene: HSV limits, 155-pixel median, distances",
        note="synthetic; ours also cloud, shadow, saturation; the peer holds the scene in memory",
    )


def _child(task: str, path: Path) -> float:
    """Seconds that a task takes in a process on one core, compiled and imported before."""
    command = [sys.executable, "-m", "benchmarks.spark_peers", task, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return float(json.loads(done.stdout))


def _ours_resampled(path: Path) -> None:
    resample_file(path, path.parent)


def _pandas_resampled(path: Path) -> pd.DataFrame:
    """Statistics of 2 m windows of a whole beam, as a notebook would get them."""
    with h5py.File(path) as file:
        heights, place = file[_BEAM]["heights"], file[_BEAM]["geolocation"]
        photons = {name: heights[name][:] for name in ("h_ph", "dist_ph_along", "quality_ph", "ph_id_pulse")}
        confidence = heights["signal_conf_ph"][:, 2]
        shot = heights["pce_mframe_cnt"][:].astype(np.int64) * 200 + photons["ph_id_pulse"]
        start = np.repeat(place["segment_dist_x"][:], place["segment_ph_cnt"][:])
    frame = pd.DataFrame(
        {
            "window": np.floor((start + photons["dist_ph_along"]) / 2.0).astype(np.int64),
            "height": photons["h_ph"],
            "high": confidence == 4,
            "shot": shot,
        }
    )
    table = windows_by_pandas(frame, pd.Series((confidence >= 3) & (photons["quality_ph"] == 0)))
    table.to_parquet(path.with_suffix(".pandas.parquet"), compression="zstd")
    return table


def _ours_labelled(scene: Scene) -> int:
    return sum(int(tile.classes.size) for tile in label_tiles(scene, *tracks(), Autolabel()))


def _opencv_labelled(scene: Scene) -> int:
    """The paper's colour limits and median filter on the whole scene, and each segment's pixel read from it."""
    bands = []
    for name in ("B04", "B03", "B02"):
        with rasterio.open(scene.layout.bands[name].path) as dataset:
            reflectance = dataset.read(1).astype(np.float32) / 10_000.0 - 0.1
        bands.append(np.clip(reflectance / 0.85 * 255.0, 0.0, 255.0).astype(np.uint8))
    value = cv2.cvtColor(np.dstack(bands), cv2.COLOR_RGB2HSV)[..., 2]
    background = cv2.medianBlur(value, _MEDIAN)
    steady = cv2.threshold(cv2.absdiff(value, background), 0, 255, cv2.THRESH_TRUNC + cv2.THRESH_OTSU)[1]
    value = cv2.subtract(value, cv2.normalize(steady, None, 0, 40, cv2.NORM_MINMAX))
    classes = np.where(value <= _WATER, 2, np.where(value < _THICK, 1, 0)).astype(np.uint8)
    row, col = (place.astype(int) for place in scene.index(*tracks()))
    inside = (row >= 0) & (row < classes.shape[0]) & (col >= 0) & (col < classes.shape[1])
    found = []
    for code in range(3):
        distance = cv2.distanceTransform((classes == code).astype(np.uint8), cv2.DIST_L2, 5)
        found.append(distance[row[inside], col[inside]])
    return int(np.max(found, axis=0).size)


def _main(task: str, path: Path) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    if task in {"resample", "pandas"}:
        call: Callable[[Path], object] = _ours_resampled if task == "resample" else _pandas_resampled
        with tempfile.TemporaryDirectory() as folder:
            small = Path(folder) / "small.h5"
            write_granule(small, _SMALL)
            call(small)
        print(json.dumps(_seconds(lambda: call(path))))
        return
    found = identify(path)
    assert found is not None
    with open_scene(Input(found.ident, found.kind, path, "", found.details)) as scene:
        label = _ours_labelled if task == "label" else _opencv_labelled
        print(json.dumps(_seconds(lambda: label(scene))))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))

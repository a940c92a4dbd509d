"""Photons to 2 m segments: end to end from HDF5, the kernel alone, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from benchmarks.harness import Row
from benchmarks.synthetic_granule import write_granule
from processing.core.resample import PhotonChunk, segment_columns, window_statistics
from processing.io import tables
from processing.io.atl03 import Atl03Source
from processing.local.resample import segment_tables
from processing.provenance import Stamp
from processing.schema import SEGMENT
from processing.stages import Resample

END_TO_END = 12_000_000
KERNEL = 4_000_000
FULL = 100_000_000
"""Photons of the granule whose memory is measured when LEADLINE_BENCH_FULL is set; it takes three minutes to write."""

_BEAM = "gt1r"
_CHUNK = 500_000
_DATASETS = ("h_ph", "dist_ph_along", "signal_conf_ph", "quality_ph", "pce_mframe_cnt", "ph_id_pulse")
_STAGE = Resample()


def rows() -> Iterator[Row]:
    """The bars of resampling, each with its peer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "granule.h5"
        write_granule(path, END_TO_END)
        yield from _kernel(path)
        yield _end_to_end(path)
        yield _memory(path, END_TO_END)
        if os.environ.get("LEADLINE_BENCH_FULL"):
            write_granule(path, FULL, ("gt1r", "gt2r", "gt3r"))
            yield _memory(path, FULL)


def resample_file(path: Path, out: Path) -> int:
    """Resample every beam of a granule to one table each; returns the segments."""
    source = Atl03Source(path, "synthetic")
    try:
        return sum(
            tables.write(out / beam, SEGMENT, segment_tables(source, beam, _STAGE), Stamp("resample"))
            for beam in source.beams
        )
    finally:
        source.close()


def _end_to_end(path: Path) -> Row:
    """Alternating runs, so that both meet the same neighbours on the machine."""
    times: dict[str, list[float]] = {"ours": [], "h5py": []}
    for _ in range(4):
        times["h5py"].append(_seconds(lambda: _read_only(path)))
        times["ours"].append(_seconds(lambda: resample_file(path, path.parent)))
    ours, peer = END_TO_END / min(times["ours"]) / 1e6, END_TO_END / min(times["h5py"]) / 1e6
    return Row(
        f"resample end to end, {END_TO_END / 1e6:.0f} M photons",
        ours,
        "M photons/s",
        ">= 0.7 of h5py",
        ours >= 0.7 * peer,
        peer,
        "h5py reading the same datasets",
        "synthetic; gzip HDF5 to Parquet, fsync included; decompression overlaps the rest in a second thread",
    )


def _kernel(path: Path) -> Iterator[Row]:
    source = Atl03Source(path, "synthetic")
    chunks = _some_chunks(source)
    facts = source.facts(_BEAM, _STAGE)
    source.close()
    photons = sum(len(chunk.height) for chunk in chunks)

    def statistics() -> None:
        for chunk in chunks:
            window_statistics(chunk, _STAGE.window, _STAGE.height_limit)

    def columns() -> None:
        for chunk in chunks:
            segment_columns(chunk, _STAGE.window, _STAGE.height_limit, facts)

    statistics()
    columns()
    kernel = photons / _core_seconds(statistics, 10) / 1e6
    whole = photons / _core_seconds(columns, 5) / 1e6
    peer = len(chunks[0].height) / _core_seconds(lambda: _pandas(chunks[0]), 3) / 1e6
    size = f"{photons / 1e6:.0f} M photons"
    yield Row(
        f"resampling kernel, one thread, {size}",
        kernel,
        "M photons/s",
        ">= 50 M photons/s and >= 8 x pandas",
        kernel >= max(50.0, 8 * peer),
        peer,
        "pandas groupby of the same statistics",
        "synthetic; processor time; counts, shots, mean, median, spread, extremes, means of the corrections",
    )
    yield Row(
        f"all SEGMENT columns, one thread, {size}",
        whole,
        "M photons/s",
        note="processor time; kernel, positions, times, background and quality",
    )


def _some_chunks(source: Atl03Source) -> list[PhotonChunk]:
    found: list[PhotonChunk] = []
    for chunk in source.chunks(_BEAM, _STAGE):
        found.append(replace(chunk, height=chunk.height.copy()))
        if sum(len(held.height) for held in found) >= KERNEL:
            break
    return found


def _pandas(chunk: PhotonChunk) -> pd.DataFrame:
    """The same statistics in the way a notebook would get them."""
    geo = chunk.segments
    owner = np.repeat(np.arange(len(geo.count)), geo.count)
    frame = pd.DataFrame(
        {
            "window": np.floor((geo.start_x[owner] + chunk.distance) / _STAGE.window).astype(np.int64),
            "height": chunk.height - geo.corrections.total[owner],
            "high": chunk.confidence == 4,
            "shot": chunk.frame.astype(np.int64) * 200 + chunk.pulse,
            "reference": geo.corrections.reference[owner],
            "tide": geo.corrections.tide[owner],
            "dac": geo.corrections.dac[owner],
            "sun": geo.solar_elevation[owner],
        }
    )
    kept = (chunk.confidence >= 3) & (chunk.quality == 0) & (frame["height"].abs() < _STAGE.height_limit)
    return windows_by_pandas(frame, kept, ("reference", "tide", "dac", "sun"))


def windows_by_pandas(frame: pd.DataFrame, kept: pd.Series[bool], means: Sequence[str] = ()) -> pd.DataFrame:
    """Statistics of each ``window`` from its photons' ``height``, ``high`` and ``shot``; also the mean of ``means``.

    All count as shots; only those ``kept`` for the rest.
    """
    shots = frame.groupby("window")["shot"].nunique()
    grouped = frame[kept].groupby("window")
    table = grouped.agg(
        count=("height", "size"),
        high=("high", "sum"),
        mean=("height", "mean"),
        median=("height", "median"),
        low=("height", "min"),
        top=("height", "max"),
        **{name: (name, "mean") for name in means},
    )
    table["std"] = grouped["height"].std(ddof=0)
    return table.join(shots)


def _read_only(path: Path) -> None:
    with h5py.File(path) as file:
        heights = file[_BEAM]["heights"]
        for start in range(0, len(heights["h_ph"]), _CHUNK):
            for name in _DATASETS:
                heights[name][start : start + _CHUNK]


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _core_seconds(call: Callable[[], object], repeats: int) -> float:
    """Least processor time of this thread: a rate a core, whatever else the machine does."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return min(times)


def _memory(path: Path, photons: int) -> Row:
    """Peak memory of a process that resamples the file and does nothing else."""
    script = (
        "import sys; from pathlib import Path; from benchmarks.harness import peak_memory;"
        "from benchmarks.bench_resample import resample_file;"
        "resample_file(Path(sys.argv[1]), Path(sys.argv[1]).parent);"
        "print(peak_memory())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
        text=True,
    )
    peak = int(answer.stdout.split()[-1]) / 2**20
    note = "synthetic; memory does not grow with the granule"
    if not os.environ.get("LEADLINE_BENCH_FULL"):
        note += "; set LEADLINE_BENCH_FULL=1 to write and measure one of 100 M photons"
    return Row(
        f"peak memory, {photons / 1e6:.0f} M photon granule", peak, "MiB", "<= 1024 MiB", peak <= 1024, note=note
    )

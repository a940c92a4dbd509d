"""Spark beside plain processes and the local engine: speed-up, overhead, executor memory, one core beside its peers."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from benchmarks import spark_peers
from benchmarks.big_project import cached_project
from benchmarks.harness import Row
from benchmarks.spark_project import add_untrained_model, granule_name, many_tracks, photon_project
from processing.progress import watched
from processing.project import Project
from processing.spark.loading import load
from processing.spark.session import cluster, kept_open
from processing.spark.standalone import Standalone, standalone
from processing.stages import STAGES, Engine

MOST_MEMORY = 2.0
"""GiB of one executor: its Java process and its Python processes."""

LEAST_SHARE = 0.9
FULL = 100_000_000
"""Photons of the longest granule whose memory is measured when LEADLINE_BENCH_FULL is set."""

_GRANULES = {"resample": 12, "autolabel": 4, "classify": 4, "freeboard": 12}
_PHOTONS = 6_000_000
_MEMORY = 2048
_SAMPLES_A_SECOND = 10.0


@dataclass(frozen=True)
class Bench:
    """A project to run one stage of, again and again."""

    key: str
    project: Project

    def forget(self) -> None:
        """Take out what the stage has written, so that it has all to do again."""
        output = self.project.root / STAGES[self.key].output
        subprocess.run(["rm", "-rf", str(output)], check=True)


def rows() -> Iterator[Row]:
    """The bars of the Spark stages. All inputs are synthetic."""
    with tempfile.TemporaryDirectory(prefix="leadline-bench-spark-") as folder, cached_project() as big:
        benches = list(_benches(Path(folder), Project(big)))
        for bench in benches:
            yield from _speed_up(bench, Path(folder))
        yield from _overheads(Path(folder), Project(big))
        yield from _memory(Path(folder), Project(big))
    yield from spark_peers.rows()


def _benches(folder: Path, big: Project) -> Iterator[Bench]:
    photons = photon_project(folder / "photons", _GRANULES["resample"], _PHOTONS)
    yield Bench("resample", photons)
    for key in ("autolabel", "classify", "freeboard"):
        project = many_tracks(big, folder / key, _GRANULES[key])
        if key == "classify":
            add_untrained_model(project)
        yield Bench(key, project)


def _speed_up(bench: Bench, folder: Path) -> Iterator[Row]:
    """One core and two, of Spark and of plain processes that know nothing of each other, in turn."""
    granules = [granule_name(number) for number in range(_GRANULES[bench.key])]
    half = len(granules) // 2
    one = _plain(bench, [granules])
    two = _plain(bench, [granules[:half], granules[half:]])
    seconds = {}
    for cores in (1, 2):
        with _warm(bench, folder, cores) as (engine, _):
            seconds[cores] = _timed(bench, partial(run_stage, bench.key, bench.project, engine))
    ours, peer = seconds[1] / seconds[2], one / two
    yield Row(
        f"{bench.key} by Spark, {len(granules)} granules, times faster on two cores than on one",
        ours,
        "x",
        f">= {LEAST_SHARE:g} of two plain processes",
        ours >= LEAST_SHARE * peer,
        peer,
        "two plain processes, half the granules each, over one with all",
        f"synthetic; Spark {seconds[1]:.1f} and {seconds[2]:.1f} s, plain {one:.1f} and {two:.1f} s; start-up left out",
    )


@contextmanager
def _warm(bench: Bench, folder: Path, cores: int) -> Iterator[tuple[Engine, Standalone]]:
    """A cluster of one worker, its Python processes begun and their kernels compiled."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        standalone(Path(place), 1, cores, _MEMORY) as running,
        kept_open(),
        _silent(),
    ):
        engine = Engine(engine="spark", master=running.url)
        bench.forget()
        with cluster(engine, "warm") as spark:
            load(spark, bench.project, bench.key)
        run_stage(bench.key, bench.project, engine, [granule_name(0)])
        yield engine, running


def run_stage(key: str, project: Project, engine: Engine, granules: Sequence[str] | None = None) -> None:
    """Run a stage here or on Spark."""
    names = {
        False: {"classify": "training.classify"},
        True: {"classify": "training.on_spark"},
    }[engine.on_spark]
    module = importlib.import_module(names.get(key, f"processing.{'spark' if engine.on_spark else 'local'}.{key}"))
    stage = project.stage(STAGES[key])
    words = (stage, engine) if engine.on_spark else (stage,)
    getattr(module, key)(project, *words, granules)


def _timed(bench: Bench, call: Callable[[], None]) -> float:
    bench.forget()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _plain(bench: Bench, shares: Sequence[Sequence[str]]) -> float:
    """Seconds that processes on a core each take, side by side, for their shares; from ready to done."""
    bench.forget()
    children = [_child(bench, share, core) for core, share in enumerate(shares)]
    for child in children:  # each says when it is ready, and waits until all are
        assert child.stdout is not None
        child.stdout.readline()
    return max(json.loads(child.communicate("go\n")[0]) for child in children)


def _child(bench: Bench, granules: Sequence[str], core: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.bench_spark", bench.key, str(bench.project.root), str(core), *granules]
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )


def _main(key: str, root: str, core: str, *granules: str) -> None:
    """A plain process on one core: get ready, wait to be told, work, say how long it took."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[int(core)]})
    project = Project(Path(root))
    with _silent():
        run_stage(key, project, Engine(), granules[:1])  # compiled kernels and imports
        subprocess.run(
            ["rm", "-rf", *map(str, (project.root / STAGES[key].output).rglob(f"granule={granules[0]}"))], check=True
        )
        print("ready", flush=True)
        sys.stdin.readline()
        start = time.perf_counter()
        run_stage(key, project, Engine(), granules)
    print(json.dumps(time.perf_counter() - start))


def _overheads(folder: Path, big: Project) -> Iterator[Row]:
    """A Spark job beside the local engine on the same two cores, of one granule and of twenty; and Spark's start."""
    script = (
        "from processing.spark.session import cluster; from processing.stages import Engine\n"
        "with cluster(Engine(engine='spark', master='local[2]'), 'start'): pass"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[1])
    took = time.perf_counter() - start
    yield Row("Spark begun and ended on this machine", took, "s", note="once a command; Java, and Python on each core")
    for granules in (1, 20):
        photons = _PHOTONS * 2 if granules == 1 else _PHOTONS // 6
        bench = Bench("resample", photon_project(folder / f"photons-{granules}", granules, photons))
        yield _overhead(bench, granules, f"{granules * photons / 1e6:.0f} M photons")
        bench = Bench("freeboard", many_tracks(big, folder / f"tracks-{granules}", granules))
        yield _overhead(bench, granules, f"{granules * 3} M segments")


def _overhead(bench: Bench, granules: int, size: str) -> Row:
    with kept_open(), _silent():
        engine = Engine(engine="spark", master="local[2]")
        run_stage(bench.key, bench.project, engine)
        ours = _timed(bench, lambda: run_stage(bench.key, bench.project, engine))
    with _silent():
        peer = min(_timed(bench, lambda: run_stage(bench.key, bench.project, Engine())) for _ in range(2))
    return Row(
        f"{bench.key} by Spark on this machine, {granules} {'granule' if granules == 1 else 'granules'}, {size}",
        ours,
        "s",
        peer=peer,
        peer_name="the local engine on the same two cores",
        note="synthetic; Spark's start left out",
    )


def _memory(folder: Path, big: Project) -> Iterator[Row]:
    """The most that an executor of one core holds, whatever it works on."""
    sizes = [_PHOTONS, 4 * _PHOTONS] + ([FULL] if os.environ.get("LEADLINE_BENCH_FULL") else [])
    for photons in sizes:
        bench = Bench("resample", photon_project(folder / f"memory-{photons}", 1, photons, ("gt1r",)))
        yield _most_memory(bench, folder, f"one beam of {photons / 1e6:.0f} M photons")
    for key, what in (
        ("autolabel", "three beams on a 10980 x 10980 scene"),
        ("classify", "three beams of 1 M segments"),
        ("freeboard", "three beams of 1 M segments"),
    ):
        bench = Bench(key, many_tracks(big, folder / f"memory-{key}", 1))
        if key == "classify":
            add_untrained_model(bench.project)
        yield _most_memory(bench, folder, what)


def _most_memory(bench: Bench, folder: Path, what: str) -> Row:
    with _warm(bench, folder, 1) as (engine, running):
        most = _peak(running, lambda: _timed(bench, lambda: run_stage(bench.key, bench.project, engine))) / 2**30
    return Row(
        f"memory of an executor with one core, {bench.key}, {what}",
        most,
        "GiB",
        f"<= {MOST_MEMORY:g} GiB",
        most <= MOST_MEMORY,
        note="synthetic; its Java and Python processes together, shared pages counted once",
    )


def _peak(running: Standalone, call: Callable[[], object]) -> int:
    """Most bytes that the executor's processes held while ``call`` ran, sampled."""
    ended = threading.Event()
    most = [0]

    def sample() -> None:
        while not ended.wait(1.0 / _SAMPLES_A_SECOND):
            most[0] = max(most[0], sum(_held(process) for process in _processes(running)))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        call()
    finally:
        ended.set()
        sampler.join()
    return most[0]


def _processes(running: Standalone) -> list[psutil.Process]:
    """Everything below the workers: executors and their Python processes."""
    return [child for worker in running.workers for child in psutil.Process(worker.pid).children(recursive=True)]


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


@contextmanager
def _silent() -> Iterator[None]:
    """Draw no progress bars."""
    ignore: Callable[[Any], None] = lambda _step: None  # noqa: E731
    with watched(ignore):
        yield


if __name__ == "__main__":
    _main(*sys.argv[1:])

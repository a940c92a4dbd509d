"""Training, ranks and inference on synthetic windows: the loop against a DataLoader, ranks against processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import Row, best_of
from processing.core.features import COLUMNS, LOW_QUANTILE, NAMES, segment_features, window_index
from processing.stages import Classify, Train
from training import loop, tensors, worker
from training.designs import design_of
from training.device import chosen_device
from training.distributed import Alone
from training.inference import track_logits
from training.launch import Launch, check, finished, launched
from training.loss import focal_loss
from training.models import FEATURES, LSTM_DENSE, LSTM_UNITS, dense, make
from training.plan import Plan
from training.splits import Role
from training.threads import torch_threads
from training.track import Track, grid_places
from training.windows import Normalisation, Whole, Windows

_TRAINED = 60_000
_PEER = 15_000
_PAPER = 98_000
_LARGE = 8192
_SHARED = 400_000
_PEER_BATCHES = (256, 1024, 4096, 16_384, 65_536)
_CLASSIFIED = 400_000
_TRACK = 1_500_000
_PEER_TRACK = 50_000
_REACH = 2_500
_EPOCHS = 4
_SYNTHETIC = "synthetic; one core"
_ALONE = "import sys, pathlib; from training import worker; from training.distributed import Alone; "
_ALONE += "folder = pathlib.Path(sys.argv[1]); worker.work(worker.Job.load(folder), Alone(), folder, lambda _: None)"


def rows() -> Iterator[Row]:
    """The figures of this part."""
    with torch_threads(1):
        yield training(_LARGE)
        yield training(design_of("lstm").batch)
        yield stretches()
        yield inference()
        yield along()
    yield features()
    for backend in ("horovod", "ddp"):
        yield ranks(backend)
    yield cycle()
    if torch.cuda.is_available():
        yield from on_gpu()


def training(batch: int) -> Row:
    """Windows a second through forward, backward and Adam of the LSTM."""
    data, model = synthetic(_TRAINED), make("lstm")
    optimizer = Adam(model.parameters(), lr=0.003, fused=True)
    examples = whole(data, "lstm")
    plan = replace(Plan.of(Train(model="lstm")), batch=batch)
    with tempfile.TemporaryDirectory() as folder:
        work = loop.Fitting(plan, Alone(), model, optimizer, torch.device("cpu"), Path(folder), lambda _: None)
        seconds = best_of(lambda: loop.train_epoch(work, examples, 0))
    peer = Plain()
    adam = Adam(peer.parameters(), lr=0.003, fused=True)
    batches = DataLoader(Items(windows(_PEER)), batch_size=batch, shuffle=True)
    large = batch == _LARGE
    return Row(
        f"LSTM training, batch {batch}",
        _TRAINED / seconds,
        "windows/s",
        bar=">= 100 k windows/s a core" if large else "",
        met=_TRAINED / seconds >= 100_000 if large else None,
        peer=_PEER / best_of(lambda: peer_epoch(peer, adam, batches)),
        peer_name="torch DataLoader, one window an item, same batch, nn.LSTM (tanh) and the same dense layers",
        note=_SYNTHETIC,
    )


def stretches() -> Row:
    """Segments a second through training of ``context``; the peer sees each with a window of its own."""
    data, model = synthetic(_TRAINED), make("context", 0, len(NAMES) + 1)
    examples, plan = whole(data, "context"), Plan.of(Train(model="context"))
    optimizer = Adam(model.parameters(), lr=0.003, fused=True)
    with tempfile.TemporaryDirectory() as folder:
        work = loop.Fitting(plan, Alone(), model, optimizer, torch.device("cpu"), Path(folder), lambda _: None)
        seconds = best_of(lambda: loop.train_epoch(work, examples, 0))
    return Row(f"context training, batch {plan.batch}", _TRAINED / seconds, "segments/s", note=_SYNTHETIC)


def inference() -> Row:
    """Segments a second from features to logits of the LSTM."""
    data = windows(_CLASSIFIED)
    seconds = best_of(partial(track_logits, *classifier("lstm"), a_track(), Classify().batch, 1))
    plain, index = Plain().eval(), data.index.long()

    def peer(batch: int) -> None:
        with torch.inference_mode():
            for rows in index.split(batch):
                torch.softmax(plain(data.features[rows]), dim=1)

    paces = {batch: _CLASSIFIED / best_of(partial(peer, batch)) for batch in _PEER_BATCHES}
    best = max(paces, key=lambda batch: paces[batch])
    return Row(
        f"LSTM inference, {_CLASSIFIED // 1000} k segments",
        _CLASSIFIED / seconds,
        "segments/s",
        bar=">= 300 k segments/s a core",
        met=_CLASSIFIED / seconds >= 300_000,
        peer=paces[best],
        peer_name=f"nn.LSTM (tanh) and the same dense layers at its best batch, {best}",
        note=_SYNTHETIC,
    )


def along() -> Row:
    """Segments a second of ``context``; the peer runs the same convolutions over the whole track at once."""
    model, norm = classifier("context")
    one = a_track()
    seconds = best_of(partial(track_logits, model, norm, one, Classify().batch, 1))
    grid = norm.apply(one.features)[:-1, None]

    def peer() -> None:
        with torch.inference_mode():
            model(grid)

    return Row(
        f"context inference, {_CLASSIFIED // 1000} k segments",
        _CLASSIFIED / seconds,
        "segments/s",
        bar=">= 300 k segments/s a core",
        met=_CLASSIFIED / seconds >= 300_000,
        peer=_CLASSIFIED / best_of(peer),
        peer_name="the same convolutions over the whole track at once",
        note=_SYNTHETIC,
    )


def features() -> Row:
    """Segments a second from SEGMENT columns to features and windows; the peer makes the running quantile alone."""
    columns = track(_TRACK)
    segment_features({name: values[:1000] for name, values in columns.items()})

    def ours() -> None:
        segment_features(columns)
        window_index(columns["segment"])

    heights = pd.Series(columns["height_mean"][:_PEER_TRACK])
    peer = best_of(lambda: heights.rolling(2 * _REACH, center=True, min_periods=1).quantile(LOW_QUANTILE))
    return Row(
        f"features, {_TRACK / 1e6:g} M segments",
        _TRACK / best_of(ours),
        "segments/s",
        peer=_PEER_TRACK / peer,
        peer_name="pandas rolling quantile, one of the three running quantiles",
        note=_SYNTHETIC,
    )


def ranks(backend: str) -> Row:
    """Windows a second of two ranks that average each step, against two processes that do not."""
    with job_folder("lstm", backend) as folder:
        runs = [(of_ranks(folder, backend), of_processes(folder)) for _ in range(3)]
        together, apart = (max(paces) for paces in zip(*runs, strict=True))
    return Row(
        f"LSTM training, two ranks by {backend}, batch {2 * _LARGE}",
        together,
        "windows/s",
        bar=">= 0.85 of two independent processes" if backend == "horovod" else "",
        met=together >= 0.85 * apart if backend == "horovod" else None,
        peer=apart,
        peer_name=f"two independent processes, batch {_LARGE} each, at the same time",
        note="synthetic; two cores; best of three runs of each, in turn",
    )


def cycle() -> Row:
    """What Horovod's cycle time makes of two ranks at the model's own batch."""
    paces = {}
    with job_folder("lstm", "horovod", batch=2 * design_of("lstm").batch) as folder:
        for milliseconds in ("1", "2", "5", "10"):
            paces[milliseconds] = of_ranks(folder, "horovod", {"HOROVOD_CYCLE_TIME": milliseconds})
    return Row(
        "LSTM training, two ranks by horovod, batch 2048, cycle 2 ms",
        paces["2"],
        "windows/s",
        peer=paces["1"],
        peer_name="Horovod's own cycle of 1 ms",
        note="synthetic; " + ", ".join(f"{name} ms {pace / 1e3:.0f} k" for name, pace in paces.items()),
    )


def on_gpu() -> Iterator[Row]:
    """The paper's workload on one GPU: seconds an epoch of 98,000 windows of 5 x 6."""
    device = chosen_device("cuda")
    for precision, batch in (("float32", _LARGE), ("bfloat16", _LARGE), ("float32", 32)):
        plan = replace(Plan.of(Train(model="lstm", precision=precision)), batch=batch)
        model = make("lstm").to(device)
        optimizer = Adam(model.parameters(), lr=0.003, fused=True)
        examples = whole(synthetic(_PAPER), "lstm").to(device)
        with tempfile.TemporaryDirectory() as folder:
            work = loop.Fitting(plan, Alone(), model, optimizer, device, Path(folder), lambda _: None)
            loop.train_epoch(work, examples, 0)
            seconds = best_of(lambda work=work, examples=examples: loop.train_epoch(work, examples, 1))
        yield Row(
            f"LSTM, an epoch of {_PAPER} windows on one GPU, batch {batch}, {precision}",
            seconds,
            "s",
            peer=5.5,
            peer_name="the paper: one A100; 0.79 s on eight",
            note=f"synthetic; {torch.cuda.get_device_name(device)}; {_PAPER / seconds / 1e6:.2f} M windows/s",
        )


def synthetic(count: int, folder: Path | None = None) -> tensors.Tensors:
    """Arrays of one track of ``count`` labelled segments, or where ``folder`` is given files of such."""
    rng = np.random.default_rng(0)
    arrays = {
        "features": rng.standard_normal((count, len(NAMES))).astype(np.float32),
        "segment": np.arange(count),
        "label": rng.integers(0, 3, count).astype(np.int8),
        "auto": np.zeros(count, np.int8),
        "source": np.zeros(count, np.int8),
        "flags": np.zeros(count, np.uint32),
    }
    only = tensors.Rows("A", "gt1l", 0, count)
    if folder is None:
        return tensors.Tensors(Path(), 2.0, (only,), **arrays)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    (folder / "tracks.json").write_text(json.dumps({"window": 2.0, "tracks": [asdict(only)]}))
    return tensors.opened(folder)


def norm_of(data: tensors.Tensors, name: str) -> Normalisation:
    return Normalisation.learn(data.features, design_of(name).features, design_of(name))


def whole(data: tensors.Tensors, name: str) -> Whole:
    """Every segment to learn from, held whole, its windows drawn."""
    return Whole(data, np.full(len(data), Role.LEARN, np.uint8), Role.LEARN, norm_of(data, name))


def classifier(name: str) -> tuple[nn.Module, Normalisation]:
    norm = norm_of(synthetic(1000), name)
    return make(name, 0, norm.width), norm


def a_track() -> Track:
    data = synthetic(_CLASSIFIED)
    index, own = window_index(data.segment), slice(0, _CLASSIFIED)
    return Track(data.segment, data.x_atc, data.features, index, grid_places(data.segment), own)


@contextmanager
def job_folder(name: str, backend: str, batch: int = 2 * _LARGE) -> Iterator[Path]:
    """A folder with a job of two ranks in it."""
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as root:
        folder = Path(root)
        (folder / "data").mkdir()
        data = synthetic(_SHARED, folder / "data")
        plan = replace(Plan.of(Train(model=name)), batch=batch, epochs=_EPOCHS)
        role = np.full(len(data), Role.LEARN, np.uint8)
        worker.Job(data, role, norm_of(data, name), plan, 1 << 31, backend, "cpu").save(folder)
        yield folder


def of_ranks(folder: Path, backend: str, environment: dict[str, str] | None = None) -> float:
    """Windows a second of the job in ``folder`` on two ranks, in its best epoch."""
    for name in (loop.CHECKPOINT, loop.METRICS):
        (folder / name).unlink(missing_ok=True)
    with changed_environment(environment or {}):
        with launched(Launch(2, backend=backend), "training.worker", [str(folder)], folder / "log") as job:
            while not finished(job, 0.2):
                pass
        check(job, folder / "log")
    return max(epoch.windows_per_second for epoch in loop.read_epochs(folder))


def of_processes(folder: Path) -> float:
    """Windows a second of two processes that train alone at the same time, each on half of the batch, together."""
    job = worker.Job.load(folder)
    homes = [folder / str(number) for number in range(2)]
    half = replace(job.plan, batch=job.plan.batch // 2)
    for home in homes:
        home.mkdir(exist_ok=True)
        replace(job, plan=half).save(home)
    started = [subprocess.Popen([sys.executable, "-c", _ALONE, str(home)]) for home in homes]
    for process in started:
        if process.wait():
            raise RuntimeError("a process that trains alone failed")
    return sum(max(epoch.windows_per_second for epoch in loop.read_epochs(home)) for home in homes)


@contextmanager
def changed_environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that what is started in the block inherits."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Plain(nn.Module):
    """The peer's model: torch's own LSTM, which knows no ELU, with the same dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, LSTM_UNITS, batch_first=True)
        self.dense = dense((LSTM_UNITS, *LSTM_DENSE, 3), nn.ELU)

    def forward(self, steps: Tensor) -> Tensor:
        return self.dense(functional.dropout(self.lstm(steps)[0][:, -1], 0.2, self.training))


class Items(Dataset[tuple[Tensor, Tensor]]):
    """One window an item."""

    def __init__(self, data: Windows) -> None:
        self.windows, self.labels = data.features[data.index.long()], data.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.windows[row], self.labels[row]


def peer_epoch(model: Plain, optimizer: Optimizer, batches: DataLoader[tuple[Tensor, Tensor]]) -> None:
    """One epoch as most tutorials write it."""
    for steps, labels in batches:
        loss = focal_loss(model(steps), labels, 2.0) / len(labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def windows(count: int) -> Windows:
    """Synthetic windows of one track of ``count`` segments."""
    generator = torch.Generator().manual_seed(0)
    index = torch.from_numpy(window_index(np.arange(count)))
    labels = torch.randint(0, 3, (count,), generator=generator)
    return Windows(torch.randn(count, FEATURES, generator=generator), index, labels)


def track(count: int) -> dict[str, np.ndarray]:
    """SEGMENT columns of a synthetic track."""
    rng = np.random.default_rng(0)
    segment = np.cumsum(rng.integers(1, 3, count))
    photons = rng.integers(1, 9, count)
    height = (0.3 + 0.1 * rng.standard_normal(count) + 0.1 * np.sin(segment / 4000)).astype(np.float32)
    values = {
        "segment": segment,
        "x_atc": segment * 2.0 + 1.0,
        "height_mean": height,
        "height_median": height,
        "height_std": np.abs(height),
        "height_min": height - 0.2,
        "height_max": height + 0.3,
        "photon_count": photons,
        "photon_count_high": photons // 2,
        "photon_rate": photons / 3,
        "background_rate": 1e6 * (1 + rng.random(count)),
    }
    return {name: values[name] for name in COLUMNS}

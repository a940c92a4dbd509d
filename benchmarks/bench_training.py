"""Training and inference on synthetic windows, one core: the loop against a DataLoader, features against pandas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import Row, best_of
from processing.core.features import COLUMNS, LOW_QUANTILE, segment_features, window_index
from processing.stages import Classify, Train
from training.data import Windows
from training.distributed import Alone
from training.loop import Plan, train_epoch
from training.loss import focal_loss
from training.models import FEATURES, LSTM_DENSE, LSTM_UNITS, dense, make, probabilities
from training.threads import torch_threads

_TRAINED = 60_000
_PEER = 15_000
_PEER_BATCHES = (256, 1024, 4096, 16_384, 65_536)
_CLASSIFIED = 400_000
_TRACK = 1_500_000
_PEER_TRACK = 50_000
_REACH = 2_500
_SYNTHETIC = "synthetic; one core"


def rows() -> Iterator[Row]:
    """The figures of this part."""
    with torch_threads(1):
        yield training()
        yield inference()
    yield features()


def training() -> Row:
    """Windows a second through forward, backward and Adam of the LSTM at the default batch."""
    plan = Plan.of(Train(model="lstm"))
    data, model = windows(_TRAINED), make("lstm")
    optimizer = Adam(model.parameters(), lr=plan.learning_rate, fused=True)
    seconds = best_of(lambda: train_epoch(model, optimizer, data, plan, 0, Alone(), lambda _: None))
    peer = Plain()
    adam = Adam(peer.parameters(), lr=plan.learning_rate, fused=True)
    batches = DataLoader(Items(windows(_PEER)), batch_size=plan.batch, shuffle=True)
    return Row(
        f"LSTM training, batch {plan.batch}",
        _TRAINED / seconds,
        "windows/s",
        peer=_PEER / best_of(lambda: peer_epoch(peer, adam, batches)),
        peer_name="torch DataLoader, one window an item, same batch, nn.LSTM (tanh) and the same dense layers",
        note=_SYNTHETIC,
    )


def inference() -> Row:
    """Segments a second from normalised features to probabilities."""
    data, model, plain = windows(_CLASSIFIED), make("lstm"), Plain().eval()
    seconds = best_of(lambda: probabilities(model, data.features, data.index, Classify().batch))
    index = data.index.long()

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
        "photon_count": photons,
        "photon_count_high": photons // 2,
        "photon_rate": photons / 3,
        "background_rate": 1e6 * (1 + rng.random(count)),
    }
    return {name: values[name] for name in COLUMNS}

"""What a training step takes: windows of five segments, or stretches, over normalised features; whole or by shards.

A model sees features by index. A window of five is five rows, a stretch 512 rows, of one table of features, so that no
feature is held twice and a batch is one gather.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from processing.core.features import NAMES, STEPS, window_index
from training.designs import STRETCH, Design
from training.splits import Role
from training.tensors import Rows, Tensors
from training.track import grid_places

SHARD = 1 << 16
"""Segments of a shard, read at once where a set is too large to be held."""


@dataclass(frozen=True)
class Normalisation:
    """``(x - mean) / std`` a feature, learned on the training set.

    Attributes
    ----------
    mean, std : f4 (F,). columns : which of the features of ``NAMES`` they belong to. limit : where normalised values
    are cut off. marked : whether a column is added that is 1 where there is a segment, for grids with empty places.
    """

    mean: Tensor
    std: Tensor
    columns: tuple[int, ...]
    limit: float
    marked: bool

    @classmethod
    def learn(
        cls,
        features: NDArray[np.float32],
        names: tuple[str, ...],
        design: Design,
        learned: NDArray[np.bool_] | None = None,
    ) -> Normalisation:
        """From ``features`` (N, 9), or those that are ``learned`` (N,) from; a constant feature keeps a std of 1."""
        columns = tuple(NAMES.index(name) for name in names)
        count, total, square = 0, np.zeros(len(columns)), np.zeros(len(columns))
        for rows in _pieces(len(features)):
            mine = features[rows] if learned is None else features[rows][learned[rows]]
            wide = mine[:, columns].astype(np.float64)
            count, total, square = count + len(wide), total + wide.sum(axis=0), square + (wide**2).sum(axis=0)
        mean = total / max(count, 1)
        spread = square / max(count, 1) - mean**2
        # What rounding leaves of a constant feature's spread must not be divided by.
        std = np.sqrt(np.where(spread > 1e-12 * (1.0 + mean**2), spread, 1.0))
        narrow = [torch.from_numpy(values.astype(np.float32)) for values in (mean, std)]
        return cls(narrow[0], narrow[1], columns, design.limit, design.stretches)

    @property
    def width(self) -> int:
        """Values a segment."""
        return len(self.columns) + self.marked

    def apply(self, features: NDArray[np.float32]) -> Tensor:
        """``features`` (N, 9) as f4 (N + 1, width); the last row, of zeros, stands for a place without a segment."""
        out = torch.zeros(len(features) + 1, self.width)
        for rows in _pieces(len(features)):
            chosen = torch.from_numpy(np.ascontiguousarray(features[rows][:, self.columns]))
            values = chosen.sub_(self.mean).div_(self.std).clamp_(-self.limit, self.limit)
            out[rows, : len(self.columns)] = values
        if self.marked:
            out[:-1, -1] = 1.0
        return out


@dataclass(frozen=True)
class Windows:
    """Labelled windows or stretches over shared features.

    Attributes
    ----------
    features : f4 (S + 1, F), normalised. index : i4 (M, T), rows of ``features``, along the track.
    labels : i8 (M,) of each window's middle, or (M, T) of each segment of a stretch; -1 is not learned from.
    """

    features: Tensor
    index: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> int:
        """Labels in all."""
        return int((self.labels >= 0).sum())

    def take(self, rows: Tensor) -> Windows:
        """The windows of these ``rows``, features shared."""
        return Windows(self.features, self.index[rows], self.labels[rows])

    def to(self, device: torch.device) -> Windows:
        return Windows(self.features.to(device), self.index.to(device), self.labels.to(device))


class Whole:
    """A set that is held whole, on the device where the work is done."""

    def __init__(self, data: Tensors, role: NDArray[np.uint8], purpose: Role, norm: Normalisation) -> None:
        self._data, self._wanted = data, role == purpose
        self._features = norm.apply(data.features)
        self._stretches = norm.marked
        self._drawn = None if norm.marked else _fives(data, self._wanted, self._features)
        self.order = "a whole"

    @property
    def labelled(self) -> int:
        return int(np.count_nonzero(self._wanted))

    def parts(self, generator: torch.Generator) -> Iterator[Windows]:
        """The set as one part; stretches begin elsewhere, and half of them run backwards, each time."""
        yield (
            self._drawn if self._drawn is not None else _stretches(self._data, self._wanted, self._features, generator)
        )

    def to(self, device: torch.device) -> Whole:
        self._features = self._features.to(device)
        self._drawn = None if self._drawn is None else self._drawn.to(device)
        return self


class Shards:
    """A set that is read shard by shard, in another order each time, the next ones while the present ones are used."""

    def __init__(
        self, data: Tensors, role: NDArray[np.uint8], purpose: Role, norm: Normalisation, together: int
    ) -> None:
        """``together``: shards that are held and mixed at once."""
        self._data, self._wanted, self._norm = data, role == purpose, norm
        self._together = max(1, together)
        cut = [shard for track in data.tracks for shard in _cut(track)]
        self._shards = [shard for shard in cut if self._wanted[shard.here].any()]
        self.order = f"{self._together} of {len(self._shards)} shards"

    @property
    def labelled(self) -> int:
        return int(np.count_nonzero(self._wanted))

    def parts(self, generator: torch.Generator) -> Iterator[Windows]:
        """The set, some shards at a time."""
        order = torch.randperm(len(self._shards), generator=generator).tolist()
        groups = [order[first : first + self._together] for first in range(0, len(order), self._together)]
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._read, groups[0])
            for following in [*groups[1:], []]:
                found, wanted, features = ahead.result()
                if following:
                    ahead = pool.submit(self._read, following)
                if self._norm.marked:
                    yield _stretches(found, wanted, features, generator)
                else:
                    yield _fives(found, wanted, features)

    def to(self, _: torch.device) -> Shards:
        """Itself: shards are moved as they are used."""
        return self

    def _read(self, numbers: list[int]) -> tuple[Tensors, NDArray[np.bool_], Tensor]:
        """The shards as a small set of their own, with the neighbours that their outermost windows see."""
        data = self._data
        rows: list[slice] = []
        wanted: list[NDArray[np.bool_]] = []
        tracks: list[Rows] = []
        for number in sorted(numbers):
            shard = self._shards[number]
            track = next(track for track in data.tracks if track.start <= shard.start < track.stop)
            low, high = max(track.start, shard.start - STEPS), min(track.stop, shard.stop + STEPS)
            start = tracks[-1].stop if tracks else 0
            rows.append(slice(low, high))
            mine = np.zeros(high - low, bool)
            mine[shard.start - low : shard.stop - low] = self._wanted[shard.here]
            wanted.append(mine)
            tracks.append(Rows(track.granule, track.beam, start, start + high - low))
        arrays = {
            name: np.concatenate([getattr(data, name)[here] for here in rows])
            for name in ("features", "segment", "label", "auto", "source", "flags")
        }
        part = Tensors(data.folder, data.window, tuple(tracks), **arrays)
        return part, np.concatenate(wanted), self._norm.apply(part.features)


Examples = Whole | Shards


def _pieces(count: int) -> Iterator[slice]:
    """Rows a shard at a time, so that what is made of them on the way stays small."""
    for start in range(0, count, SHARD):
        yield slice(start, min(start + SHARD, count))


def examples(data: Tensors, role: NDArray[np.uint8], purpose: Role, norm: Normalisation, memory: int) -> Examples:
    """The rows of ``data`` whose ``role`` is ``purpose``, held whole where that takes no more than ``memory`` bytes."""
    each = 4 * norm.width + (36 if norm.marked else 4 * STEPS + 8)
    if len(data) * each <= memory:
        return Whole(data, role, purpose, norm)
    return Shards(data, role, purpose, norm, memory // (3 * SHARD * (each + 4 * len(NAMES))))


def _cut(track: Rows) -> Iterator[Rows]:
    for start in range(track.start, track.stop, SHARD):
        yield Rows(track.granule, track.beam, start, min(start + SHARD, track.stop))


def _fives(data: Tensors, wanted: NDArray[np.bool_], features: Tensor) -> Windows:
    """The window of five around each ``wanted`` (S,) segment."""
    index = [
        window_index(data.segment[track.here])[wanted[track.here]] + np.int32(track.start) for track in data.tracks
    ]
    labels = torch.from_numpy(np.asarray(data.label[wanted], np.int64))
    return Windows(features, torch.from_numpy(np.concatenate(index)), labels)


def _stretches(data: Tensors, wanted: NDArray[np.bool_], features: Tensor, generator: torch.Generator) -> Windows:
    """Stretches that cover every ``wanted`` (S,) segment once, from a place on that is drawn."""
    rows, known = _grid(data, wanted)
    first = int(torch.randint(STRETCH, (1,), generator=generator))
    stop = first + (len(rows) - first) // STRETCH * STRETCH
    index = torch.from_numpy(rows)[first:stop].view(-1, STRETCH)
    labels = torch.from_numpy(known)[first:stop].view(-1, STRETCH)
    some = (labels >= 0).any(dim=1)
    index, labels = index[some], labels[some]
    back = torch.rand(len(index), 1, generator=generator) < 0.5
    index, labels = torch.where(back, index.flip(1), index), torch.where(back, labels.flip(1), labels)
    return Windows(features, index.to(features.device), labels.to(features.device))


def _grid(data: Tensors, wanted: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Rows and labels on one grid of all tracks, far enough apart that no stretch holds two; empty places say ``S``."""
    at, start = [], STRETCH
    for track in data.tracks:
        at.append(grid_places(data.segment[track.here]) + start)
        start = int(at[-1][-1]) + 1 + STRETCH
    place = np.concatenate(at)
    index = np.full(start, len(data), np.int32)
    index[place] = np.arange(len(data), dtype=np.int32)
    labels = np.full(start, -1, np.int64)
    labels[place[wanted]] = data.label[wanted]
    return index, labels

"""Features to class probabilities: batches on threads, the same for a whole track and for any part of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from processing.core.features import window_index
from training.designs import REACH
from training.models import CLASSES, Classifier, gather
from training.tensors import Tensors
from training.threads import torch_threads
from training.track import Track, grid_places
from training.windows import Normalisation

BATCH = 4096
_SPAN = 16 * BATCH
"""Places of a piece of grid that goes through a model at once, where segments lie far apart."""

Logits = NDArray[np.float32]


def track_logits(model: Classifier, norm: Normalisation, track: Track, batch: int, threads: int) -> Logits:
    """Logits f4 (own, 3) of the segments of ``track`` to classify.

    ``batch`` segments, counted from the first, go through the model at a time: small ones that stay in a core's cache
    are the fastest, and the same ones give the same digits.
    """
    model.eval()
    features = norm.apply(track.features)
    rows = np.arange(len(track.segment))[track.own]
    if norm.marked:
        return _by_batch(len(rows), batch, threads, _stretch(model, features, track.place, rows))
    index = torch.from_numpy(track.index[track.own])
    return _by_batch(len(rows), batch, threads, _fives(model, features, index))


def logits_of(model: Classifier, norm: Normalisation, data: Tensors, wanted: NDArray[np.bool_], threads: int) -> Logits:
    """Logits f4 (W, 3) of the ``wanted`` (S,) rows of a training set, track by track."""
    model.eval()
    parts = list(_by_track(model, norm, data, wanted, threads))
    return np.concatenate(parts) if parts else np.zeros((0, CLASSES), np.float32)


def softmax(logits: Logits, temperature: float = 1.0) -> NDArray[np.float32]:
    """Class probabilities f4 (N, 3) of ``logits`` divided by ``temperature``."""
    return np.asarray(torch.softmax(torch.from_numpy(logits) / temperature, dim=1).numpy())


def _by_track(
    model: Classifier, norm: Normalisation, data: Tensors, wanted: NDArray[np.bool_], threads: int
) -> Iterator[Logits]:
    for track in data.tracks:
        mine = wanted[track.here]
        if not mine.any():
            continue
        rows, segment = np.flatnonzero(mine), data.segment[track.here]
        features = norm.apply(data.features[track.here])
        if norm.marked:
            yield _by_batch(len(rows), BATCH, threads, _stretch(model, features, grid_places(segment), rows))
        else:
            index = torch.from_numpy(window_index(segment)[rows])
            yield _by_batch(len(rows), BATCH, threads, _fives(model, features, index))


Work = Callable[[int, int], Tensor]


def _fives(model: Classifier, features: Tensor, index: Tensor) -> Work:
    return lambda start, stop: model(gather(features, index[start:stop]))


def _stretch(model: Classifier, features: Tensor, place: NDArray[np.int64], rows: NDArray[np.int64]) -> Work:
    """Work on rows of a track by the piece of grid that they lie on, with all that they see either side.

    A track has no direction that matters: it is read both ways, and the mean of the two errs less at edges.
    """

    def work(start: int, stop: int) -> Tensor:
        mine = place[rows[start:stop]]
        if mine[-1] - mine[0] > _SPAN and stop - start > 1:
            middle = (start + stop) // 2
            return torch.cat([work(start, middle), work(middle, stop)])
        low, high = mine[0] - REACH, mine[-1] + REACH + 1
        near = slice(*np.searchsorted(place, (low, high)))
        index = np.full((1, high - low), len(features) - 1, np.int32)
        index[0, place[near] - low] = np.arange(near.start, near.stop, dtype=np.int32)
        steps = gather(features, torch.from_numpy(index))
        both = 0.5 * (model(steps) + model(steps.flip(0)).flip(1))
        return both[0, torch.from_numpy(mine - low)]

    return work


def _by_batch(count: int, batch: int, threads: int, work: Work) -> Logits:
    out = np.empty((count, CLASSES), np.float32)

    def one(start: int) -> None:
        with torch.inference_mode():
            stop = min(start + batch, count)
            out[start:stop] = work(start, stop).numpy()

    inside = torch.get_num_threads() if threads == 1 else 1
    with torch_threads(inside), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, range(0, count, batch)):
            pass
    return out

"""The training loop: shuffle, gather windows by index, one step a batch, a checkpoint an epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from processing.errors import InputError
from processing.io.atomic import write_text
from processing.stages import Train
from training import files
from training.data import Windows
from training.distributed import Ranks, broadcast_parameters, wrap_optimizer
from training.loss import focal_loss
from training.models import Classifier, gather, make
from training.threads import torch_threads

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
_KERAS_EPSILON = 1e-7


@dataclass(frozen=True)
class Plan:
    """What decides the trained weights, besides the data; ``batch`` counts windows over all ranks."""

    model: str
    epochs: int
    batch: int
    learning_rate: float
    gamma: float
    dropout: float
    seed: int

    @classmethod
    def of(cls, stage: Train) -> Plan:
        return cls(
            model=stage.model,
            epochs=stage.epochs,
            batch=stage.batch,
            learning_rate=stage.learning_rate,
            gamma=stage.focal_gamma,
            dropout=stage.dropout,
            seed=stage.seed,
        )


Watched = dict[str, float | None]


@dataclass(frozen=True)
class Epoch:
    """One line of ``metrics.jsonl``: mean focal loss, wall time of the steps, and what ``watch`` measured."""

    epoch: int
    loss: float
    seconds: float
    windows_per_second: float
    watched: Watched


Watch = Callable[[Classifier], Watched]
Advance = Callable[[int], None]


def fit(data: Windows, plan: Plan, ranks: Ranks, folder: Path, watch: Watch, advance: Advance) -> Classifier:
    """Train a model on ``data`` (normalised features) and return it.

    Every rank holds all of ``data`` and takes its own rows of each global batch, so that any number of ranks makes the
    same steps. After each epoch rank 0 writes ``folder/checkpoint.pt`` and ``folder/metrics.jsonl``, each whole or not
    at all; a later call with the same plan goes on from there and ends with the weights of an uninterrupted one.

    A rank keeps to one core: steps of a model this small are over before several threads have met, and where other
    programs run too the threads wait for each other a hundred times longer than they work.

    Parameters
    ----------
    watch : measures the model after each epoch, on rank 0. advance : told of each batch's windows.

    Raises InputError when the loss is no longer finite.
    """
    model = make(plan.model, plan.seed)
    optimizer = wrap_optimizer(Adam(model.parameters(), lr=plan.learning_rate, eps=_KERAS_EPSILON, fused=True), ranks)
    history = resume(folder, model, optimizer)
    broadcast_parameters(model, ranks)
    advance(len(history) * len(data))
    for epoch in range(len(history), plan.epochs):
        started = time.perf_counter()
        with torch_threads(1):
            loss = train_epoch(model, optimizer, data, plan, epoch, ranks, advance)
        seconds = time.perf_counter() - started
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss} after epoch {epoch + 1}", where="train", mend="lower --learning-rate")
        if ranks.rank == 0:
            history.append(Epoch(epoch, loss, seconds, len(data) / seconds, watch(model)))
            save(folder, model, optimizer, history)
    return model


def train_epoch(
    model: Classifier, optimizer: Optimizer, data: Windows, plan: Plan, epoch: int, ranks: Ranks, advance: Advance
) -> float:
    """One pass over ``data``; returns the mean loss over all ranks.

    Order and dropout come from ``(seed, epoch)`` alone and are drawn for the global batch, the same on every rank.
    """
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + epoch)
    order = torch.randperm(len(data), generator=generator)
    total = torch.zeros((), dtype=torch.float64)
    model.train()
    for rows in order.split(plan.batch):
        mask = dropout_mask(len(rows), model.drops, plan.dropout, generator)
        mine = slice(ranks.rank, None, ranks.size)
        batch = data.take(rows[mine])
        logits = model(gather(data.features, batch.index), None if mask is None else mask[mine])
        # Averaging over ranks divides by their number; shards of unequal size must still sum to the batch's mean.
        loss = focal_loss(logits, batch.labels, plan.gamma) * (ranks.size / len(rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(rows)
        advance(len(rows))
    return float(ranks.average(total)) / max(len(data), 1)


def dropout_mask(rows: int, units: int, share: float, generator: torch.Generator) -> Tensor | None:
    """What to multiply ``units`` outputs by: 0 for a ``share`` of them, ``1 / (1 - share)`` for the rest."""
    if not units or share == 0:
        return None
    return (torch.rand(rows, units, generator=generator) >= share).float() / (1 - share)


def save(folder: Path, model: Classifier, optimizer: Optimizer, history: list[Epoch]) -> None:
    """Write the checkpoint and the metrics so far."""
    records = [asdict(epoch) for epoch in history]
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": records}
    files.save(folder / CHECKPOINT, state)
    write_text(folder / METRICS, "".join(json.dumps(record) + "\n" for record in records))


def resume(folder: Path, model: Classifier, optimizer: Optimizer) -> list[Epoch]:
    """Load the checkpoint into ``model`` and ``optimizer``, if there is one, and return the epochs that are done."""
    if not (folder / CHECKPOINT).exists():
        return []
    with _checkpoint(folder) as state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return [Epoch(**record) for record in state["history"]]


def restore(plan: Plan, folder: Path) -> Classifier:
    """The model of the checkpoint in ``folder``; raises InputError unless all of its epochs are done."""
    if epochs_done(folder) < plan.epochs:
        raise InputError(f"training ended after {epochs_done(folder)} of {plan.epochs} epochs", where=folder)
    model = make(plan.model)
    with _checkpoint(folder) as state:
        model.load_state_dict(state["model"])
    return model


@contextmanager
def _checkpoint(folder: Path) -> Iterator[dict[str, Any]]:
    """What the checkpoint in ``folder`` holds; raises InputError when it, or what is taken from it, is damaged."""
    try:
        yield files.load(folder / CHECKPOINT)
    except files.DAMAGED as error:
        what = f"damaged or foreign checkpoint ({str(error)[:100]})"
        raise InputError(what, where=folder / CHECKPOINT, mend=f"remove {folder} and train again") from error


def epochs_done(folder: Path) -> int:
    """Epochs that ``metrics.jsonl`` in ``folder`` tells of."""
    file = folder / METRICS
    return len(file.read_text("utf-8").splitlines()) if file.exists() else 0

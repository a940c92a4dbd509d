"""The training loop: shuffle, gather windows by index, one step a batch, a checkpoint a minute and an epoch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from processing.errors import InputError
from processing.io.atomic import write_text
from training import files
from training.device import Forward, captured, filled, precision
from training.distributed import Ranks, broadcast_parameters, wrap_optimizer
from training.loss import loss_of
from training.models import Classifier, gather, make
from training.pace import Meter
from training.plan import Plan
from training.threads import torch_threads
from training.windows import Examples, Windows

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
CHECKPOINT_SECONDS = 60.0
"""Between two checkpoints within an epoch."""

_KERAS_EPSILON = 1e-7

Watched = dict[str, float | None]


@dataclass(frozen=True)
class Epoch:
    """One line of ``metrics.jsonl``: mean loss a label, wall time of the steps, and what ``watch`` measured."""

    epoch: int
    loss: float
    seconds: float
    windows_per_second: float
    learning_rate: float
    watched: Watched


@dataclass
class Progress:
    """How far training is: epochs done, and of the next one its steps, their loss summed, and its time so far [s].

    ``order`` tells how the examples were held, which decides the order that those steps were in.
    """

    history: list[Epoch] = field(default_factory=list)
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    order: str = ""


Watch = Callable[[Classifier], Watched]
Advance = Callable[[int], None]
Tell = Callable[[Epoch], None]


@dataclass
class Fitting:
    """One rank at work: what it learns, with what, beside whom, and what it tells of it."""

    plan: Plan
    ranks: Ranks
    model: Classifier
    optimizer: Optimizer
    device: torch.device
    folder: Path
    advance: Advance
    meter: Meter = field(default_factory=Meter)
    progress: Progress = field(default_factory=Progress)
    forward: Forward | None = None
    saved: float = field(default_factory=time.monotonic)


def fit(
    examples: Examples,
    width: int,
    plan: Plan,
    ranks: Ranks,
    folder: Path,
    watch: Watch,
    advance: Advance,
    device: torch.device | None = None,
    tell: Tell | None = None,
    meter: Meter | None = None,
) -> Classifier:
    """Train a model of ``width`` values a segment on ``examples`` and return it, on the processor.

    Every rank draws the same batches and takes its own rows of each, so that any number of ranks makes the same steps.
    Rank 0 writes ``folder/checkpoint.pt`` once a minute and after each epoch, and ``folder/metrics.jsonl``, each whole
    or not at all; a later call with the same plan goes on from there and ends with the weights of an uninterrupted one.

    A rank keeps to one core, so that more cores are used by more ranks: steps of models this small are over before
    several threads have met, and where other programs run too threads wait for each other many times longer than they
    work.

    Parameters
    ----------
    watch : measures the model after each epoch, on rank 0. advance : told of each batch's labels.
    tell : told of each epoch on rank 0, of those that a checkpoint holds too. meter : measures this rank's pace.

    Raises InputError when the loss is no longer finite.
    """
    device = device or torch.device("cpu")
    meter = meter or Meter(ranks.rank, ranks.size)
    examples = examples.to(device)
    model = make(plan.model, plan.seed, width).to(device)
    adam = Adam(model.parameters(), lr=plan.learning_rate, eps=_KERAS_EPSILON, fused=True)
    work = Fitting(plan, ranks, model, wrap_optimizer(adam, ranks), device, folder, advance, meter)
    work.progress = resume(folder, plan, model, work.optimizer, examples.order)
    check_together(work.progress, ranks)
    broadcast_parameters(model, ranks)
    if ranks.rank == 0 and work.progress.history:
        write_metrics(folder, work.progress.history)
    advance(len(work.progress.history) * examples.labelled)
    if tell:
        for known in work.progress.history:
            tell(known)
    for epoch in range(len(work.progress.history), plan.epochs):
        meter.begin(epoch, epoch * examples.labelled)
        with torch_threads(1):
            loss, seconds = train_epoch(work, examples, epoch)
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss} after epoch {epoch + 1}", where="train", mend="lower --learning-rate")
        history = work.progress.history
        if ranks.rank == 0:
            watched = watch(on_processor(model, plan, width))
            pace = examples.labelled / max(seconds, 1e-9)
            history = [*history, Epoch(epoch, loss, seconds, pace, plan.rate(epoch + 1), watched)]
        work.progress = Progress(history)
        if ranks.rank == 0:
            save(work)
            if tell:
                tell(history[-1])
    meter.show()
    return on_processor(model, plan, width)


@dataclass(frozen=True)
class Share:
    """A rank's part of a batch: ``features`` (T, B, F), ``labels`` i8 (B,) or (B, T), dropout ``mask`` (B, units)."""

    features: Tensor
    labels: Tensor
    mask: Tensor | None


@dataclass(frozen=True)
class Step:
    """One step: the number of ``labels`` of its global batch, and this rank's share; None where it was done before."""

    labels: int
    share: Share | None


def train_epoch(work: Fitting, examples: Examples, epoch: int) -> tuple[float, float]:
    """One pass over ``examples``; returns the mean loss a label over all ranks, and the pass's time [s].

    Steps that a checkpoint holds already are drawn and passed over. The next step is made ready while this one's
    gradients are on their way between the ranks.
    """
    plan, done, began = work.plan, work.progress, time.perf_counter()
    total = torch.zeros((), dtype=torch.float64, device=work.device)
    count = seen = 0
    work.model.train()
    steps = drawn(work, examples, epoch)
    step = next(steps, None)
    while step is not None:
        count += 1
        if step.share:
            set_rate(work.optimizer, plan.rate(epoch + seen / max(examples.labelled, 1)))
            total += find_gradients(work, step.share, step.labels)
        following = next(steps, None)
        if step.share:
            work.optimizer.step()
        seen += step.labels
        work.advance(step.labels)
        work.meter.count(step.labels, trained=step.share is not None)
        if step.share and work.ranks.rank == 0 and time.monotonic() - work.saved >= CHECKPOINT_SECONDS:
            spent = done.seconds + time.perf_counter() - began
            save(work, Progress(done.history, count, done.loss + float(total), spent, examples.order))
        step = following
    mean = (done.loss + float(work.ranks.average(total.cpu()))) / max(seen, 1)
    return mean, done.seconds + time.perf_counter() - began


def drawn(work: Fitting, examples: Examples, epoch: int) -> Iterator[Step]:
    """The steps of an epoch in their order.

    Order and dropout come from ``(seed, epoch)`` alone and are drawn for the global batch, the same on every rank.
    """
    plan, count = work.plan, 0
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + epoch)
    for part in (one.to(work.device) for one in examples.parts(generator)):
        for rows in torch.randperm(len(part), generator=generator).split(plan.rows):
            mask = dropout_mask(len(rows), work.model.drops, plan.dropout, generator)
            labels = int((part.labels[rows.to(work.device)] >= 0).sum()) if plan.stretches else len(rows)
            count += 1
            yield Step(labels, own_share(work, part, rows, mask) if count > work.progress.steps else None)


def own_share(work: Fitting, part: Windows, rows: Tensor, mask: Tensor | None) -> Share:
    """This rank's share of the global batch ``rows`` with its dropout ``mask``."""
    size = work.ranks.size
    mine = slice(work.ranks.rank, None, size)
    batch = part.take(rows[mine].to(part.labels.device))
    mask = None if mask is None else mask[mine].to(work.device)
    if work.device.type == "cuda":
        batch, mask = filled(batch, mask, -(-work.plan.rows // size))
    return Share(gather(part.features, batch.index), batch.labels, mask)


def find_gradients(work: Fitting, share: Share, labels: int) -> Tensor:
    """Forward and backward through a ``share`` of a global batch of ``labels`` labels; returns the loss summed over it.

    Averaging over ranks divides by their number; shares of unequal size must still sum to the batch's mean.
    """
    plan, size = work.plan, work.ranks.size
    if work.forward is None:
        shape = (share.features.shape[0], -(-plan.rows // size), share.features.shape[2])
        work.forward = captured(work.model, plan, shape, work.device)
    inputs = (share.features,) if share.mask is None else (share.features, share.mask)
    with precision(plan, work.device):
        logits = work.forward(*inputs)
    loss = loss_of(logits, share.labels, focal=plan.focal, gamma=plan.gamma)
    work.optimizer.zero_grad()
    (loss * (size / max(labels, 1))).backward()
    return loss.detach() * size


def set_rate(optimizer: Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def dropout_mask(rows: int, units: int, share: float, generator: torch.Generator) -> Tensor | None:
    """What to multiply ``units`` outputs by: 0 for a ``share`` of them, ``1 / (1 - share)`` for the rest.

    Every rank draws the mask of the whole batch, so that drawing must cost little: one number of 64 bits decides on
    four units, and the share is exact to 1 / 65536.
    """
    if not units or share == 0:
        return None
    drawn = torch.empty(rows, -(-units // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    kept = drawn.view(torch.int16)[:, :units] >= round(share * 65_536) - 32_768
    return kept.float() / (1 - share)


def on_processor(model: Classifier, plan: Plan, width: int) -> Classifier:
    """The model on the processor: itself, or a copy where it was trained elsewhere."""
    if next(model.parameters()).device.type == "cpu":
        return model
    copy = make(plan.model, plan.seed, width)
    copy.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    return copy


def save(work: Fitting, progress: Progress | None = None) -> None:
    """Write the checkpoint, and the metrics so far."""
    progress = progress or work.progress
    state = {
        "plan": json.dumps(asdict(work.plan)),
        "model": work.model.state_dict(),
        "optimizer": work.optimizer.state_dict(),
        "progress": asdict(progress),
    }
    files.save(work.folder / CHECKPOINT, state)
    write_metrics(work.folder, progress.history)
    work.saved = time.monotonic()


def write_metrics(folder: Path, history: Sequence[Epoch]) -> None:
    """Write ``folder/metrics.jsonl``, a line an epoch."""
    write_text(folder / METRICS, "".join(json.dumps(asdict(epoch)) + "\n" for epoch in history))


def check_together(progress: Progress, ranks: Ranks) -> None:
    """Raise InputError when the ranks go on from different places, as where a shared folder shows one of them less."""
    mine = torch.tensor([len(progress.history), progress.steps], dtype=torch.float64)
    if not torch.equal(ranks.average(mine), mine):
        what = f"rank {ranks.rank} found another checkpoint than the others"
        raise InputError(what, where="train", mend="wait until every host sees the same files, and run it again")


def resume(folder: Path, plan: Plan, model: Classifier, optimizer: Optimizer, order: str) -> Progress:
    """Load the checkpoint in ``folder`` into ``model`` and ``optimizer``, if there is one, and return how far it is.

    Raises InputError when it is damaged, of another plan, or within an epoch whose examples are in another ``order``.
    """
    if not (folder / CHECKPOINT).exists():
        return Progress()
    with _checkpoint(folder) as state:
        if json.loads(state["plan"]) != json.loads(json.dumps(asdict(plan))):
            raise ValueError("of another plan")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        told = dict(state["progress"])
        told["history"] = [Epoch(**record) for record in told["history"]]
        progress = Progress(**told)
    if progress.steps and progress.order != order:
        what = f"training stopped within an epoch of examples held as {progress.order}, now as {order}"
        raise InputError(what, where=folder, mend="give --memory as before")
    return progress


def restore(plan: Plan, width: int, folder: Path) -> Classifier:
    """The model of the checkpoint in ``folder``; raises InputError unless all of its epochs are done."""
    model = make(plan.model, plan.seed, width)
    with _checkpoint(folder) as state:
        done = len(state["progress"]["history"])
        model.load_state_dict(state["model"])
    if done < plan.epochs:
        what = f"training ended after {done} of {plan.epochs} epochs"
        raise InputError(what, where=folder, mend="the same command goes on from there")
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
    return len(read_epochs(folder))


def read_epochs(folder: Path) -> list[Epoch]:
    """What ``metrics.jsonl`` in ``folder`` tells."""
    file = folder / METRICS
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [Epoch(**json.loads(line)) for line in lines]

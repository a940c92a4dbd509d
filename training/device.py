"""Where a rank works: processor or GPU, how many threads, in which precision, and steps captured as one graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor

from processing.errors import MissingError
from training.models import Classifier
from training.plan import Plan
from training.windows import Windows

Forward = Callable[..., Any]


def chosen_device(name: str, local_rank: int = 0) -> torch.device:
    """The device called ``auto``, ``cpu`` or ``cuda``; of several GPUs the one of this rank on its machine.

    Raises MissingError when a GPU is asked for and none is there.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise MissingError("no GPU that torch can use is there", where="--device", mend="use --device auto")
    if name == "cpu" or not there:
        return torch.device("cpu")
    device = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)  # captures and waits concern the current device
    torch.backends.cudnn.allow_tf32 = False
    return device


def precision(plan: Plan, device: torch.device) -> AbstractContextManager[object]:
    """What products are made in: bfloat16 where the plan says so and there is a GPU."""
    if device.type != "cuda" or plan.precision != "bfloat16":
        return nullcontext()
    return torch.autocast("cuda", torch.bfloat16, cache_enabled=False)  # a capture allows no cache


def captured(model: Classifier, plan: Plan, shape: tuple[int, int, int], device: torch.device) -> Forward:
    """The model's forward pass on batches of ``shape`` (T, B, F); on a GPU with its backward pass as one graph.

    A step of a model this small is over before the next kernel is launched: without a graph most of the time goes by
    in launches. A graph takes one size of batch, to which :func:`filled` brings the last of a pass.
    """
    if device.type != "cuda":
        return model
    sample = [torch.zeros(shape, device=device)]
    if model.drops and plan.dropout:
        sample.append(torch.ones(shape[1], model.drops, device=device))
    model.train()
    with precision(plan, device):
        return cast("Forward", torch.cuda.make_graphed_callables(model, tuple(sample)))


def filled(batch: Windows, mask: Tensor | None, size: int) -> tuple[Windows, Tensor | None]:
    """``batch`` and its dropout ``mask`` with unlabelled windows added up to ``size``."""
    lack = size - len(batch)
    if not lack:
        return batch, mask
    index = torch.cat([batch.index, batch.index.new_zeros(lack, batch.index.shape[1])])
    labels = torch.cat([batch.labels, batch.labels.new_full((lack, *batch.labels.shape[1:]), -1)])
    mask = None if mask is None else torch.cat([mask, mask.new_zeros(lack, mask.shape[1])])
    return Windows(batch.features, index, labels), mask

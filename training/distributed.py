"""Several ranks training as one, behind one seam: rank, size, average, broadcast, wrap an optimizer.

``Alone`` is one rank in this process; ``HorovodRanks`` and ``DDPRanks`` are those that ``training.launch`` started, by
Horovod or by ``torch.distributed``. Nothing else in the project imports Horovod.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from processing.errors import InputError
from training.launch import interface_towards

_GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"


Pending = Callable[[], Tensor]
"""Waits for a mean that is under way."""


class Ranks(Protocol):
    """What training asks of the ranks it runs on; ``local_…`` counts those on this rank's own machine."""

    rank: int
    size: int
    local_rank: int
    local_size: int

    def average(self, tensor: Tensor) -> Tensor:
        """The mean of the floating-point ``tensor`` over all ranks, a new tensor on the same device."""
        ...

    def begin_average(self, tensor: Tensor) -> Pending:
        """Send ``tensor`` on its way; what is returned waits for the mean that ``average`` would give.

        Of tensors of one shape and type, one at a time may be under way.
        """
        ...

    def broadcast(self, tensor: Tensor) -> Tensor:
        """Rank 0's ``tensor`` on every rank, a new tensor on the same device."""
        ...

    def close(self) -> None:
        """Leave the others; nothing can be averaged afterwards."""
        ...


class Alone:
    """One rank: the null backend."""

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    def average(self, tensor: Tensor) -> Tensor:
        return tensor

    def begin_average(self, tensor: Tensor) -> Pending:
        return lambda: tensor

    def broadcast(self, tensor: Tensor) -> Tensor:
        return tensor

    def close(self) -> None:
        pass


class HorovodRanks:
    """The ranks of a ``horovodrun`` job; initialises Horovod.

    Tensors on a GPU go through the host's memory unless Horovod was built with NCCL and each rank has a GPU of its own.
    """

    def __init__(self) -> None:
        import horovod.torch as hvd

        meeting = ("HOROVOD_GLOO_RENDEZVOUS_ADDR", "HOROVOD_GLOO_RENDEZVOUS_PORT")
        _set_interface(["HOROVOD_GLOO_IFACE", "NCCL_SOCKET_IFNAME"], *meeting)
        hvd.init()
        self._hvd: Any = hvd
        self.rank = int(hvd.rank())
        self.size = int(hvd.size())
        seats = hvd.allgather_object(_Seat.own(has_nccl=bool(hvd.nccl_built())))
        self.local_rank, self.local_size = _locally(seats, self.rank)
        self._direct = _gpu_each(seats)

    def average(self, tensor: Tensor) -> Tensor:
        return self.begin_average(tensor)()

    def begin_average(self, tensor: Tensor) -> Pending:
        # Under a name that comes again the ranks agree by one bit, otherwise they negotiate every time.
        name = f"mean.{tensor.dtype}.{tuple(tensor.shape)}"
        handle = self._hvd.allreduce_async(self._near(tensor), name=name, op=self._hvd.Average)
        return lambda: self._hvd.synchronize(handle).to(tensor.device)

    def broadcast(self, tensor: Tensor) -> Tensor:
        return self._hvd.broadcast(self._near(tensor), root_rank=0).to(tensor.device)

    def close(self) -> None:
        self._hvd.shutdown()

    def _near(self, tensor: Tensor) -> Tensor:
        return (tensor if self._direct else tensor.cpu()).contiguous()


class DDPRanks:
    """The ranks of a ``torchrun`` job; initialises ``torch.distributed`` from the environment that it set.

    Tensors on a GPU travel by NCCL where each rank has a GPU of its own, all others by Gloo in the host's memory.
    """

    def __init__(self) -> None:
        if _GLOO_INTERFACE not in os.environ:
            _set_interface([_GLOO_INTERFACE], "MASTER_ADDR", "MASTER_PORT")
        distributed.init_process_group("gloo")
        self.rank = distributed.get_rank()
        self.size = distributed.get_world_size()
        seats: list[Any] = [None] * self.size
        distributed.all_gather_object(seats, _Seat.own(has_nccl=distributed.is_nccl_available()))
        self.local_rank, self.local_size = _locally(seats, self.rank)
        self._gpus = distributed.new_group(backend="nccl") if _gpu_each(seats) else None

    def average(self, tensor: Tensor) -> Tensor:
        return self.begin_average(tensor)()

    def begin_average(self, tensor: Tensor) -> Pending:
        return self._sent(distributed.all_reduce, tensor, self.size)

    def broadcast(self, tensor: Tensor) -> Tensor:
        return self._sent(partial(distributed.broadcast, src=0), tensor, 1)()

    def close(self) -> None:
        distributed.destroy_process_group()

    def _sent(self, exchange: Callable[..., Any], tensor: Tensor, divisor: int) -> Pending:
        group = self._gpus if tensor.is_cuda else None
        place = tensor.device if group else "cpu"
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, device=place).copy_(tensor.detach())
        under_way = exchange(copy, group=group, async_op=True)

        def wait() -> Tensor:
            under_way.wait()
            return copy.div_(divisor).to(tensor.device)

        return wait


_BACKENDS: dict[str, Callable[[], Ranks]] = {"horovod": HorovodRanks, "ddp": DDPRanks}


def connect(backend: str) -> Ranks:
    """Meet the other ranks of the job this process was launched in, by ``backend``: horovod or ddp.

    Raises InputError on another backend.
    """
    if backend not in _BACKENDS:
        raise InputError(f"no backend {backend!r}", where="--backend", mend=f"choose one of {', '.join(_BACKENDS)}")
    return _BACKENDS[backend]()


def leave(ranks: Ranks) -> NoReturn:
    """Leave the others, and end this process here and now.

    A thread of Gloo may hold a tensor a moment longer. To let go of it while an interpreter ends aborts the process, so
    that a rank that has done all of its work would be told to have failed.
    """
    ranks.close()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def threads_of(ranks: Ranks, cores: int) -> int:
    """CPU threads for one rank on a machine with ``cores``: its share among the ranks there, at least 1."""
    return max(1, cores // ranks.local_size)


def wrap_optimizer(optimizer: Optimizer, ranks: Ranks) -> Optimizer:
    """Make each step of ``optimizer`` use the gradients' mean over all ranks.

    The gradients travel as one tensor, from the moment the last of them is known until the step: these models are
    small, and a message costs more than its bytes. What is done between ``backward`` and ``step`` hides the way.
    """
    if ranks.size == 1:
        return optimizer
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    known: set[Tensor] = set()
    under_way: list[Pending] = []

    def send_when_all_are_known(parameter: Tensor) -> None:
        known.add(parameter)
        if len(known) == len(parameters):
            known.clear()
            under_way.append(ranks.begin_average(torch.cat([_gradient(one).flatten() for one in parameters])))

    def take_mean(*_: object) -> None:
        gradients = [_gradient(parameter) for parameter in parameters]
        parts = under_way.pop()().split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    for parameter in parameters:
        parameter.register_post_accumulate_grad_hook(send_when_all_are_known)
    optimizer.register_step_pre_hook(take_mean)
    return optimizer


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None, "every parameter takes part in every step"
    return parameter.grad


def broadcast_parameters(model: torch.nn.Module, ranks: Ranks) -> None:
    """Give every rank the parameters of rank 0."""
    if ranks.size == 1:
        return
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(ranks.broadcast(parameter.detach()))


@dataclass(frozen=True)
class _Seat:
    """Where a rank runs: the machine's own name, and its GPUs that NCCL can reach."""

    machine: str
    gpus: int

    @classmethod
    def own(cls, *, has_nccl: bool) -> _Seat:
        return cls(socket.gethostname(), torch.cuda.device_count() if has_nccl else 0)


def _locally(seats: Sequence[_Seat], rank: int) -> tuple[int, int]:
    """Local rank and local size of ``rank``, where one machine may have been named to its launcher in two ways."""
    machines = [seat.machine for seat in seats]
    return machines[:rank].count(machines[rank]), machines.count(machines[rank])


def _gpu_each(seats: Sequence[_Seat]) -> bool:
    """Whether every machine has a GPU for each of its ranks: NCCL refuses two ranks on one."""
    ranks = Counter(seat.machine for seat in seats)
    return all(seat.gpus >= ranks[seat.machine] for seat in seats)


def _set_interface(names: Sequence[str], address: str, port: str) -> None:
    """Let communication use the interface that leads to where the ranks meet, by the environment variables ``names``.

    Gloo by itself listens at what the machine's own name stands for, often 127.0.1.1, and Horovod expects the interface
    to be called the same on every host.
    """
    interface = interface_towards(os.environ.get(address, ""), int(os.environ.get(port, "0")))
    os.environ.update(dict.fromkeys(names, interface) if interface else {})

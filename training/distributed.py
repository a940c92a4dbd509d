"""Several ranks training as one, behind one seam: rank, size, average, broadcast, wrap an optimizer.

``Alone`` is one rank in this process; ``HorovodRanks`` and ``DDPRanks`` are those that ``training.launch`` started, by
Horovod or by ``torch.distributed``. Nothing else in the project imports Horovod.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from processing.errors import InputError
from training.launch import end_with_launcher, interface_towards

_GLOO_INTERFACE = "GLOO_SOCKET_IFNAME"


class Ranks(Protocol):
    """What training asks of the ranks it runs on; ``local_…`` counts those on this rank's own machine."""

    rank: int
    size: int
    local_rank: int
    local_size: int

    def average(self, tensor: Tensor) -> Tensor:
        """The mean of the floating-point ``tensor`` over all ranks, a new tensor on the same device."""
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
        return self._exchanged(partial(self._hvd.allreduce, op=self._hvd.Average), tensor)

    def broadcast(self, tensor: Tensor) -> Tensor:
        return self._exchanged(partial(self._hvd.broadcast, root_rank=0), tensor)

    def close(self) -> None:
        self._hvd.shutdown()

    def _exchanged(self, exchange: Callable[[Tensor], Tensor], tensor: Tensor) -> Tensor:
        near = tensor if self._direct else tensor.cpu()
        return exchange(near.contiguous()).to(tensor.device)


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
        return self._exchanged(distributed.all_reduce, tensor).div_(self.size)

    def broadcast(self, tensor: Tensor) -> Tensor:
        return self._exchanged(partial(distributed.broadcast, src=0), tensor)

    def close(self) -> None:
        distributed.destroy_process_group()

    def _exchanged(self, exchange: Callable[..., object], tensor: Tensor) -> Tensor:
        group = self._gpus if tensor.is_cuda else None
        place = tensor.device if group else "cpu"
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, device=place).copy_(tensor.detach())
        exchange(copy, group=group)
        return copy.to(tensor.device)


_BACKENDS: dict[str, Callable[[], Ranks]] = {"horovod": HorovodRanks, "ddp": DDPRanks}


def connect(backend: str) -> Ranks:
    """Meet the other ranks of the job this process was launched in, by ``backend``: horovod or ddp.

    This process ends when the one that launched the job has ended. Raises InputError on another backend.
    """
    if backend not in _BACKENDS:
        raise InputError(f"no backend {backend!r}", where="--backend", mend=f"choose one of {', '.join(_BACKENDS)}")
    end_with_launcher()
    return _BACKENDS[backend]()


def threads_of(ranks: Ranks, cores: int) -> int:
    """CPU threads for one rank on a machine with ``cores``: its share among the ranks there, at least 1."""
    return max(1, cores // ranks.local_size)


def wrap_optimizer(optimizer: Optimizer, ranks: Ranks) -> Optimizer:
    """Make each step of ``optimizer`` use the gradients' mean over all ranks.

    The gradients travel as one tensor: these models are small, and a message costs more than its bytes.
    """
    if ranks.size == 1:
        return optimizer
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]

    def average_gradients(*_: object) -> None:
        gradients = [parameter.grad for parameter in parameters]
        mean = ranks.average(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = mean.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    optimizer.register_step_pre_hook(average_gradients)
    return optimizer


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

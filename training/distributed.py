"""Several ranks training as one, behind one seam: rank, size, average, broadcast, wrap an optimizer.

``Alone`` is one rank in this process; ``HorovodRanks`` are those that ``horovodrun`` started. Nothing else in the
project imports Horovod.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from processing.errors import InputError, MissingError

_PATIENCE = 30.0


class Ranks(Protocol):
    """What the training loop asks of the ranks it runs on."""

    rank: int
    size: int

    def average(self, tensor: Tensor) -> Tensor:
        """The mean of ``tensor`` over all ranks."""
        ...

    def broadcast(self, tensor: Tensor) -> Tensor:
        """Rank 0's ``tensor`` on every rank."""
        ...


class Alone:
    """One rank: the null backend."""

    rank = 0
    size = 1

    def average(self, tensor: Tensor) -> Tensor:
        return tensor

    def broadcast(self, tensor: Tensor) -> Tensor:
        return tensor


class HorovodRanks:
    """The ranks of a ``horovodrun`` job; initialises Horovod."""

    def __init__(self) -> None:
        import horovod.torch as hvd

        hvd.init()
        self._hvd: Any = hvd
        self.rank = int(hvd.rank())
        self.size = int(hvd.size())

    def average(self, tensor: Tensor) -> Tensor:
        return self._hvd.allreduce(tensor, op=self._hvd.Average)

    def broadcast(self, tensor: Tensor) -> Tensor:
        return self._hvd.broadcast(tensor, root_rank=0)


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


def check_launcher() -> Path:
    """The ``horovodrun`` beside this interpreter; raises MissingError when Horovod is not installed."""
    program = Path(sys.executable).with_name("horovodrun")
    if not program.exists():
        raise MissingError(
            "training on several ranks needs Horovod", where=program, mend="run: python -m training.horovod_wheel"
        )
    return program


@contextmanager
def launched(workers: int, module: str, arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m module arguments`` on ``workers`` ranks of this machine, their output in ``log``.

    However the block ends, by Ctrl-C, a lost terminal or a request to terminate too, every rank has ended after it. The
    ranks have a session of their own, so that Ctrl-C reaches this process alone, and this process ends them.
    """
    command = [str(check_launcher()), "-np", str(workers), "-H", f"localhost:{workers}", "--gloo"]
    command += [sys.executable, "-m", module, *arguments]
    with log.open("wb") as out, _on_signals((signal.SIGTERM, signal.SIGHUP), _interrupt):
        job = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            yield job
        finally:
            _stop(job)


def finished(job: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether ``job`` has ended, waiting up to ``seconds`` for it."""
    try:
        job.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(job: subprocess.Popen[bytes]) -> None:
    """End every rank of ``job``, come what signals may: ``horovodrun`` ends them when asked to, what is left is killed.

    The ranks stand in sessions of their own too, where a signal to the group of ``horovodrun`` does not reach them.
    """
    if job.poll() is not None:
        return
    import psutil  # comes with Horovod

    with _on_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), _pass_over):
        below = psutil.Process(job.pid).children(recursive=True)
        job.terminate()
        if not finished(job, _PATIENCE):
            job.kill()
            job.wait()
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(below, _PATIENCE)


@contextmanager
def _on_signals(numbers: Sequence[signal.Signals], handler: Callable[..., None]) -> Iterator[None]:
    """Answer these signals with ``handler`` while the block runs; only a main thread may, elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _pass_over(*_: object) -> None:
    """Not SIG_IGN, which a process started meanwhile would inherit."""


def check(job: subprocess.Popen[bytes], log: Path) -> None:
    """Raise InputError, naming the log, when the finished ``job`` failed."""
    if job.returncode:
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
        told = [line for line in lines if "Error" in line] or lines or [""]
        raise InputError(f"training on several ranks failed ({told[-1].strip()[:160]})", where=log)

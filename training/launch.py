"""Starting, watching and ending ranks, on this machine and on others.

Horovod's are started by ``horovodrun``, those of ``torch.distributed`` by one ``torchrun`` a host, over ssh where the
host is another machine. Other hosts need the environment, the code and the project at the same paths as here.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import psutil

from processing.cores import available_cores
from processing.errors import InputError, MissingError
from training.leash import LAUNCHER

Hosts = tuple[tuple[str, int], ...]
"""Names of hosts and the ranks of each."""

_HOST = re.compile(r"([A-Za-z0-9][\w.-]*):([1-9][0-9]*)")
_LOOPBACK = "127.0.0.1"
_ANY_PORT = 22
_CARRIED = ("GLOO_", "LEADLINE_", "NCCL_", "OMP_", "PYTHONPATH", "TORCH_")
"""Beginnings of the variables that ``torchrun`` on another host gets; credentials stay off command lines."""

_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "LogLevel=ERROR")
_SSH_SECONDS = 20.0
_SSH_FAILED = 255
_OWN_NAME = """import contextlib, socket
with contextlib.suppress(OSError):
    print(socket.gethostbyname(socket.gethostname()))"""
_START_SECONDS = 60
_PATIENCE = 1.0
"""Seconds that launchers have to end their ranks, and those that are killed to be gone. What a rank writes lies aside
until it is whole, so that nothing is lost with one that is killed."""

_CYCLE_MS = "2"

_RANK = re.compile(r"^\[(?:rank)?(\d+)\](?:<std(?:out|err)>)?: ?")
_DEATHS = re.compile(r"\(exitcode: -(\d+)\)|exit with status code (\d+)")
_SIGNALS = {int(number) for number in signal.Signals}
_AFTERMATH = re.compile(
    "ChildFailedError|HorovodInternalError|Horovod detected that|Horovod has been shut down"
    "|[Cc]onnection (closed|reset|was likely closed)|[Bb]roken pipe|exit barrier"
)
"""What the launchers and the other ranks say once a rank has failed."""


@dataclass(frozen=True)
class Launch:
    """How many ranks, where, and what they average by.

    Raises InputError when the hosts have fewer slots than ``workers``.

    Parameters
    ----------
    hosts : names and slots, filled in this order; none stands for this machine.
    backend : horovod or ddp.
    """

    workers: int
    hosts: Hosts = ()
    backend: str = "horovod"

    def __post_init__(self) -> None:
        slots = sum(slots for _, slots in self.hosts)
        if self.hosts and slots < self.workers:
            named = ",".join(f"{name}:{count}" for name, count in self.hosts)
            what = f"{self.workers} workers asked for, hosts {named} have {slots} slots"
            raise InputError(what, where="--workers", mend=f"ask for {slots} at most, or name more in --hosts")

    @property
    def places(self) -> Hosts:
        """The hosts that are needed and the ranks each gets."""
        left, places = self.workers, []
        for name, slots in self.hosts or (("localhost", self.workers),):
            if left > 0:
                places.append((name, min(slots, left)))
            left -= slots
        return tuple(places)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Those hosts that are not this machine."""
        return tuple(name for name, _ in self.places if not is_here(name))

    @property
    def most_together(self) -> int:
        """The most ranks on one machine; hosts that are all this machine count as one."""
        there = [ranks for name, ranks in self.places if name in self.others]
        return max([self.workers - sum(there), *there])


@dataclass(frozen=True)
class Job:
    """Ranks at work: the processes that started them, one for all or one a host, and what every process of them holds.

    Attributes
    ----------
    line : the value of ``LAUNCHER`` in their environments, of no other job on this machine.
    """

    launchers: list[subprocess.Popen[bytes]]
    line: str

    @property
    def returncode(self) -> int | None:
        """None while ranks run, 0 when all went well, otherwise the status of a launcher that failed."""
        codes = [launcher.poll() for launcher in self.launchers]
        return None if None in codes else next((code for code in codes if code), 0)


def parse_hosts(text: str) -> Hosts:
    """``a:4,b:4`` as names and slots; none of an empty text. Raises InputError on anything else."""
    hosts: dict[str, int] = {}
    for entry in text.split(",") if text.strip() else ():
        match = _HOST.fullmatch(entry.strip())
        if match is None:
            what = f"{entry.strip()!r} is no host with its number of ranks"
            raise InputError(what, where="--hosts", mend="write them as in a:4,b:4")
        if match[1] in hosts:
            raise InputError(f"host {match[1]} is named twice", where="--hosts", mend="give each host once")
        hosts[match[1]] = int(match[2])
    return tuple(hosts.items())


def is_here(name: str) -> bool:
    """Whether a host's name stands for this machine: its own name, or one of an address that it has."""
    own = socket.gethostname()
    if name in ("localhost", _LOOPBACK, own, own.partition(".")[0]):
        return True
    with socket.socket(socket.AF_INET) as probe:
        try:
            probe.bind((name, 0))
        except OSError:
            return False
    return True


def check_launcher() -> Path:
    """The ``horovodrun`` beside this interpreter; raises MissingError when Horovod is not installed."""
    program = Path(sys.executable).with_name("horovodrun")
    if not program.exists():
        raise MissingError(
            "training on several ranks needs Horovod", where=program, mend="run: python -m training.horovod_wheel"
        )
    return program


def check_launch(launch: Launch) -> None:
    """Raise the one line that says why ``launch`` cannot work: Horovod not installed, or a host that cannot run ranks.

    All hosts are tried at once, and in a few seconds.
    """
    if launch.backend == "horovod":
        check_launcher()
    tries: dict[str, subprocess.Popen[str]] = {}
    try:
        for host in launch.others:
            tries[host] = _try_ssh(host)
        told = {host: _told(host, attempt) for host, attempt in tries.items()}
    finally:
        for attempt in tries.values():
            attempt.kill()
            attempt.communicate()
    if launch.backend == "horovod" and launch.others and len(launch.places) > 1:
        _check_own_names(launch, told)


def _try_ssh(host: str) -> subprocess.Popen[str]:
    command = [*_SSH, host, _there([sys.executable, "-c", _OWN_NAME])]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=null, stdout=pipe, stderr=pipe, text=True, errors="replace")
    except FileNotFoundError:
        raise MissingError("ranks on other hosts need ssh", where=host, mend="install an OpenSSH client") from None


def _told(host: str, attempt: subprocess.Popen[str]) -> str:
    """What Python on ``host`` printed; raises InputError when ssh did not get there or Python did not start."""
    mend = f"make `ssh {host} true` work without a password (ssh-copy-id {host}), or leave the host out of --hosts"
    try:
        out, error = attempt.communicate(timeout=_SSH_SECONDS)
    except subprocess.TimeoutExpired:
        what = f"host {host} did not answer within {_SSH_SECONDS:.0f} s"
        raise InputError(what, where="--hosts", mend=mend) from None
    why = (error.strip().splitlines() or [f"status {attempt.returncode}"])[-1][:160]
    if attempt.returncode == _SSH_FAILED:
        raise InputError(f"host {host} cannot be reached ({why})", where="--hosts", mend=mend)
    if attempt.returncode:
        mend = f"{host} needs the folder {Path.cwd()}, the Python environment and the project at the same paths as here"
        raise InputError(f"host {host} cannot run ranks ({why})", where="--hosts", mend=mend)
    return out


def _check_own_names(launch: Launch, told: Mapping[str, str]) -> None:
    """Raise InputError for a host that takes its own name for a loopback address, as Debian sets it up.

    Horovod 0.28.1 lets the ranks meet at what their hosts' own names stand for, whatever interface it is told to use.
    """
    if len(told) < len(launch.places):
        told = {**told, socket.gethostname(): _address(socket.gethostname())}
    for host, address in told.items():
        if address.startswith("127."):
            what = (
                f"host {host} takes its own name for {address.strip()}, where Horovod's ranks on others cannot reach it"
            )
            raise InputError(what, where="/etc/hosts", mend="give the name its outward address there, or --backend ddp")


def _there(command: Sequence[str]) -> str:
    """``command`` for the shell of another host, in the same folder as here."""
    return f"cd {shlex.quote(str(Path.cwd()))} && exec {shlex.join(command)}"


@contextmanager
def launched(launch: Launch, module: str, arguments: Sequence[str], log: Path) -> Iterator[Job]:
    """``python -m module arguments`` on the ranks of ``launch``, their output in ``log``.

    However the block ends, by Ctrl-C, a lost terminal or a request to terminate too, every rank has ended after it, in
    seconds. The ranks have a session of their own, so that Ctrl-C reaches this process alone, and this process ends
    them. Should it be killed, they and their launchers end too: all are on its leash. Raises what ``check_launch``
    raises.
    """
    check_launch(launch)
    with log.open("wb") as out, _listening(launch) as line, _interruptible():
        job, environment = Job([], line), _environment(launch, line)
        try:
            for command in _commands(launch, environment, ["-m", "training.leash", module, *arguments]):
                job.launchers.append(_start(command, environment, out))
            yield job
        finally:
            _stop(job)


def finished(job: Job, seconds: float) -> bool:
    """Whether ``job`` has ended, waiting up to ``seconds`` for it; once the ranks of a host failed, ends the others."""
    until = time.monotonic() + seconds
    for launcher in job.launchers:
        _wait(launcher, until - time.monotonic())
    if any(launcher.poll() for launcher in job.launchers):
        _stop(job)
    return job.returncode is not None


def check(job: Job, log: Path) -> None:
    """Raise InputError, naming the log and how to go on, when the finished ``job`` failed."""
    if job.returncode:
        what = f"training on several ranks failed ({_cause(log)})"
        raise InputError(what, where=log, mend="the same command goes on from the last epoch")


def _cause(log: Path) -> str:
    """The line of the ``log`` that says most: the last error that is no aftermath of another, if there is one."""
    text = log.read_text("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line]
    causes = [line for line in errors if not _AFTERMATH.search(line)]
    deadly = _deadly_signal(text)
    if deadly and not causes:
        return f"a rank was ended by {deadly}"
    if errors and not causes:
        return "a rank ended without saying why, as when it is killed or its host is lost"
    return _RANK.sub(r"rank \1: ", (causes or lines or ["without a word"])[-1])[:160]


def _deadly_signal(text: str) -> str:
    """The signal that ended a rank, by what the launchers say in the log; empty if they ended the ranks themselves."""
    for negative, shell in _DEATHS.findall(text):
        number = int(negative or 0) or int(shell or 0) - 128
        if number in _SIGNALS and number != signal.SIGTERM:
            name = signal.Signals(number).name
            return f"{name}, as happens when memory is short" if number == signal.SIGKILL else name
    return ""


@contextmanager
def _listening(launch: Launch) -> Iterator[str]:
    """Listen for ranks and their launchers; yields ``address:port``. The system holds open what nobody accepts."""
    others = launch.others
    everybody = 2 * launch.workers + len(launch.places)
    with socket.create_server(("" if others else _LOOPBACK, 0), backlog=everybody) as server:
        yield f"{_own_address(others)}:{server.getsockname()[1]}"


def _environment(launch: Launch, line: str) -> dict[str, str]:
    """What the ranks find in their environment: the user's own, and what was measured to be best where it is silent."""
    threads = max(1, available_cores() // launch.most_together)
    defaults = {"HOROVOD_CYCLE_TIME": _CYCLE_MS, "OMP_NUM_THREADS": str(threads)}
    return {**defaults, **os.environ, LAUNCHER: line}


def _commands(launch: Launch, environment: Mapping[str, str], rank: Sequence[str]) -> Iterator[list[str]]:
    """The commands that together start every rank, which is ``python`` with the arguments ``rank``."""
    leashed = [sys.executable, "-m", "training.leash"]
    if launch.backend == "horovod":
        yield [
            *(*leashed, str(check_launcher()), "-np", str(launch.workers), "-H", _horovod_hosts(launch), "--gloo"),
            *("--start-timeout", str(_START_SECONDS), "--disable-cache", *_interfaces(launch), sys.executable, *rank),
        ]
        return
    meeting = _meeting(launch)
    for number, (name, ranks) in enumerate(launch.places):
        nodes = [f"--node-rank={number}", *meeting] if len(launch.places) > 1 else meeting
        command = [*leashed, "torch.distributed.run", f"--nproc-per-node={ranks}", *nodes, *rank]
        yield command if name not in launch.others else _over_ssh(name, command, environment)


def _horovod_hosts(launch: Launch) -> str:
    """The hosts as ``horovodrun`` wants them: it may not know this machine by any name but ``localhost``."""
    counts: Counter[str] = Counter()
    for name, ranks in launch.places:
        counts[name if name in launch.others else "localhost"] += ranks
    return ",".join(f"{name}:{ranks}" for name, ranks in counts.items())


def _interfaces(launch: Launch) -> list[str]:
    """Which way ``horovodrun`` is reached from other hosts; left to guess, it may take the loopback."""
    name = interface_towards(launch.others[0], _ANY_PORT) if launch.others else ""
    return ["--network-interfaces", name] if name else []


def _meeting(launch: Launch) -> list[str]:
    """Where the ``torchrun`` of each host meet: at the first of them."""
    first = launch.places[0][0]
    if len(launch.places) == 1:
        return ["--standalone", f"--local-addr={_LOOPBACK}"]
    address = _address(first) if first in launch.others else _own_address(launch.others)
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    return [
        *(f"--nnodes={len(launch.places)}", f"--master-addr={address}", f"--master-port={port}"),
        f"--rdzv-conf=timeout={_START_SECONDS}",
    ]


def _over_ssh(host: str, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """``command`` on ``host``, in this folder. Its terminal (``-tt``) closes with the connection, which ends it."""
    carried = [f"{name}={value}" for name, value in environment.items() if name.startswith(_CARRIED)]
    return [*_SSH, "-tt", host, _there(["env", *carried, *command])]


def _address(host: str) -> str:
    """IPv4 address of ``host``, or its name where only ssh knows it."""
    try:
        return socket.gethostbyname(host)
    except OSError:
        return host


def _own_address(others: Sequence[str]) -> str:
    """The address at which the hosts ``others`` reach this machine."""
    return (_address_towards(others[0], _ANY_PORT) or socket.gethostname()) if others else _LOOPBACK


def _address_towards(host: str, port: int) -> str:
    """This machine's own IPv4 address on the way to ``host``; empty when there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def interface_towards(host: str, port: int) -> str:
    """Name of this machine's network interface on the way to ``host``; empty when not found, or not on Linux."""
    own = _address_towards(host, port)
    if not own or not sys.platform.startswith("linux"):
        return ""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if _address_of(name) == own), "")


def _address_of(interface: str) -> str:
    """First IPv4 address of a network interface; empty when it has none."""
    siocgifaddr = 0x8915
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, siocgifaddr, struct.pack("256s", interface.encode()))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def _start(command: Sequence[str], environment: Mapping[str, str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait(launcher: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether ``launcher`` has ended, waiting up to ``seconds`` for it."""
    try:
        launcher.wait(timeout=max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(job: Job) -> None:
    """End every process of ``job``, come what signals may: the launchers end theirs when asked to, the rest is killed.

    The ranks stand in sessions of their own, where a signal to the group of their launcher does not reach them, and a
    launcher that is asked to end may just be starting one. So they are told by their environment.
    """
    with _on_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), _pass_over):
        alive = [launcher for launcher in job.launchers if launcher.poll() is None]
        for launcher in alive:
            launcher.terminate()
        until = time.monotonic() + _PATIENCE
        for launcher in alive:
            _wait(launcher, until - time.monotonic())
        until = time.monotonic() + _PATIENCE
        while (left := _processes(job)) and time.monotonic() < until:
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            for launcher in alive:  # first, or psutil would learn their statuses in their place
                _wait(launcher, until - time.monotonic())
            psutil.wait_procs(left, max(0.0, until - time.monotonic()))


def _processes(job: Job) -> list[psutil.Process]:
    """The processes of ``job`` on this machine that have not ended."""
    return [process for process in psutil.process_iter() if _line_of(process) == job.line]


def _line_of(process: psutil.Process) -> str:
    """What ``process`` has in its environment as ``LAUNCHER``; empty where that is nothing, or nothing to be seen."""
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(LAUNCHER, "")
    except (psutil.Error, OSError):
        return ""


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


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a request to terminate and a lost terminal interrupt the block, unless somebody answers them already."""
    wanted = (signal.SIGTERM, signal.SIGHUP)
    with _on_signals([number for number in wanted if signal.getsignal(number) == signal.SIG_DFL], _interrupt):
        yield


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _pass_over(*_: object) -> None:
    """Not SIG_IGN, which a process started meanwhile would inherit."""

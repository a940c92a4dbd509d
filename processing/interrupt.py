"""Ctrl-C that cannot get lost, nor a polite request to end.

Python raises KeyboardInterrupt wherever the main thread happens to be. Inside a callback that a C library called, or
in a finalizer, the library or the interpreter drops it and the command goes on. So the request is also kept, and
every long command asks for it where it reports progress. Work on a thread of its own is stopped in the same way, by
whoever holds its event.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ASKED = threading.Event()
"""Set once the user asked to stop; one for the process, as the signal is."""

_OURS: ContextVar[threading.Event | None] = ContextVar("_OURS", default=None)
"""What stops the work of this thread alone."""


@contextmanager
def kept_interrupts() -> Iterator[None]:
    """Keep requests to stop while the block runs: Ctrl-C, and SIGTERM, which other programs send.

    A signal that somebody else handles, or that is ignored as in a shell's background, is left alone.
    """
    in_main = threading.current_thread() is threading.main_thread()
    unhandled = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = {asked: former for asked, former in unhandled.items() if in_main and signal.getsignal(asked) == former}
    if not ours:
        yield
        return
    _ASKED.clear()
    for asked in ours:
        signal.signal(asked, _note)
    try:
        yield
    finally:
        for asked, former in ours.items():
            signal.signal(asked, former)
        _ASKED.clear()


@contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Let ``event`` stop what this thread does in the block: it raises KeyboardInterrupt where it reports progress."""
    token = _OURS.set(event)
    try:
        yield
    finally:
        _OURS.reset(token)


def stop_if_asked() -> None:
    """Raise KeyboardInterrupt when somebody asked this work to stop and is still waiting for it."""
    ours = _OURS.get()
    if _ASKED.is_set() or (ours is not None and ours.is_set()):
        raise KeyboardInterrupt


def _note(_signal: int, _frame: object) -> None:
    _ASKED.set()
    raise KeyboardInterrupt

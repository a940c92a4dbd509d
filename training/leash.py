"""A program that ends as soon as the process that launched it has: ``python -m training.leash PROGRAM ARGUMENTS``.

PROGRAM is a Python module, or the path of a Python script. Nothing heavy is imported before it, so that it is held from
its first moment on.
"""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys
import threading
import time
from contextlib import suppress

LAUNCHER = "LEADLINE_LAUNCHER"
"""Environment variable of such a program: ``address:port`` at which what launched it listens while it lives."""

_CONNECT_SECONDS = 10.0
_GRACE = 2.0
"""Seconds to end what the program itself has started."""


def end_with_launcher() -> None:
    """Let this process end as soon as the one that launched it has, if one did.

    A launcher that is killed takes nobody with it, and ssh leaves those on other hosts behind. So each process holds a
    connection to it, whose closing is seen at once. Where a firewall is in the way, the process goes on without.
    """
    address, _, port = os.environ.get(LAUNCHER, "").rpartition(":")
    if not address:
        return
    try:
        line = socket.create_connection((address, int(port)), timeout=_CONNECT_SECONDS)
    except ConnectionRefusedError:
        sys.exit("the process that launched this one has ended")
    except OSError:
        return
    line.settimeout(None)
    threading.Thread(target=_end_when_closed, args=(line,), daemon=True).start()


def _end_when_closed(line: socket.socket) -> None:
    with suppress(OSError):
        line.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(1)


def main() -> None:
    """Entry point: run the program named in the arguments, on a leash."""
    end_with_launcher()
    program, *_ = sys.argv = sys.argv[1:]
    if os.sep in program:
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

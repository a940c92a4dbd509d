"""Threads of the server that give way to what the analyst is waiting for."""

from __future__ import annotations

import os
import sys


def give_way() -> None:
    """Let the calling thread, and those it starts from now on, have the processor after the others of this server.

    Only where priorities are a thread's own; elsewhere the whole server would slow down.
    """
    if sys.platform == "linux":
        os.nice(10)

"""Threads of the server that give way to the others."""

from __future__ import annotations

import os
import sys

_POLITE = 5
"""Enough to come after the page, not so much that a job beside the server would stop the work altogether."""


def give_way() -> None:
    """Let the calling thread, and those it starts from now on, have the processor after the others of this server.

    Only where priorities are a thread's own; elsewhere the whole server would slow down.
    """
    if sys.platform == "linux":
        os.nice(_POLITE)

"""A pool of workers for tests that look at what comes of the work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class AtOnce:
    """Works where it is asked, before the asking returns."""

    def submit(self, work: Callable[..., object], *words: Any) -> Future[None]:
        work(*words)
        return Future()

"""A cache bounded by bytes and safe between threads, and a lock for each key so that nothing is made twice."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import fields
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np

ValueT = TypeVar("ValueT")


class ByteCache(Generic[ValueT]):
    """Keeps the values used last, up to ``limit`` bytes together.

    Parameters
    ----------
    limit : bytes kept at most; one value larger than that is handed out but not kept.
    size : bytes of a value.
    """

    def __init__(self, limit: int, size: Callable[[ValueT], int]) -> None:
        self.limit = limit
        self.used = 0
        self._size = size
        self._values: OrderedDict[Hashable, tuple[ValueT, int]] = OrderedDict()
        self._lock = Lock()
        self._making: defaultdict[Hashable, Lock] = defaultdict(Lock)

    def get(self, key: Hashable, make: Callable[[], ValueT]) -> ValueT:
        """The value of ``key``, made by ``make`` when it is not kept. What ``make`` raises is raised."""
        found = self._find(key)
        if found is not None:
            return found[0]
        with self._lock:
            making = self._making[key]
        try:
            with making:
                found = self._find(key)
                if found is not None:
                    return found[0]
                value = make()
                self._keep(key, value)
                return value
        finally:
            self._made(key, making)

    def peek(self, key: Hashable) -> ValueT | None:
        """The value of ``key`` if it is kept; nothing is made."""
        found = self._find(key)
        return None if found is None else found[0]

    def __len__(self) -> int:
        return len(self._values)

    def _find(self, key: Hashable) -> tuple[ValueT, int] | None:
        with self._lock:
            found = self._values.get(key)
            if found is not None:
                self._values.move_to_end(key)
            return found

    def _made(self, key: Hashable, making: Lock) -> None:
        """Drop a key's lock, unless another call has put its own in place since."""
        with self._lock:
            if self._making.get(key) is making:
                del self._making[key]

    def _keep(self, key: Hashable, value: ValueT) -> None:
        size = self._size(value)
        if size > self.limit:
            return
        with self._lock:
            _, replaced = self._values.pop(key, (None, 0))
            self._values[key] = (value, size)
            self.used += size - replaced
            while self.used > self.limit:
                _, (_, freed) = self._values.popitem(last=False)
                self.used -= freed


def nbytes(value: Any) -> int:
    """Bytes of the arrays in a value: an array, or a mapping or a data class of such."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, dict):
        return sum(nbytes(item) for item in value.values())
    if hasattr(value, "__dataclass_fields__"):
        return sum(nbytes(getattr(value, item.name)) for item in fields(value))
    return 64


def one(_: Any) -> int:
    """The size of a value where values are counted, not weighed."""
    return 1

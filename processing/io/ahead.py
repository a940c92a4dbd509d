"""Work one item ahead of the caller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from processing.cores import available_cores

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items in the same order, each worked out in a second thread while the caller uses the one before.

    Of use where the items are made without the interpreter's lock: decompression, compiled kernels. An error raised
    while making an item reaches the caller in that item's place; leaving early waits for the item under way. Where one
    core is all there is to use, nothing is done ahead.
    """
    source = iter(items)
    if available_cores() == 1:
        yield from source
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        try:
            waiting = pool.submit(next, source, _END)
            while (item := waiting.result()) is not _END:
                waiting = pool.submit(next, source, _END)
                yield item  # type: ignore[misc]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            if hasattr(source, "close"):
                source.close()

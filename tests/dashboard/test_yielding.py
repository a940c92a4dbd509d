"""Work behind the scenes gives way, and the server's own threads do not."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.yielding import give_way


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are the process's there")
def test_only_the_thread_and_those_it_starts_give_way() -> None:
    here = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work() -> None:
        look()
        child = threading.Thread(target=look)
        child.start()
        child.join()

    with ThreadPoolExecutor(1, initializer=give_way) as pool:
        pool.submit(work).result()
    assert found == [min(here + 5, 19)] * 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == here

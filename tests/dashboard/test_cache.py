from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.cache import ByteCache


def _fail() -> bytes:
    raise ValueError("cannot be made")


def test_the_values_used_last_stay_within_the_limit() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)
    cache.get("a", lambda: b"aaaa")
    cache.get("b", lambda: b"bbbb")
    cache.get("a", _fail)
    cache.get("c", lambda: b"cccc")
    assert (len(cache), cache.used) == (2, 8)
    assert cache.get("a", _fail) == b"aaaa"
    assert cache.get("b", lambda: b"new") == b"new"
    assert cache.get("large", lambda: b"x" * 11) == b"x" * 11
    assert cache.used <= 10


def test_a_key_that_fails_leaves_no_lock_and_can_be_made_later() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)
    for _ in range(3):
        with pytest.raises(ValueError, match="cannot be made"):
            cache.get("a", _fail)
    assert not cache._making
    assert cache.get("a", lambda: b"aaaa") == b"aaaa"
    assert not cache._making


def test_a_key_asked_for_at_once_by_two_is_made_once() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slow() -> bytes:
        begun.set()
        go_on.wait(10)
        made.append(1)
        return b"aaaa"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", slow)
        begun.wait(10)
        second = pool.submit(cache.get, "a", slow)
        go_on.set()
        assert (first.result(10), second.result(10)) == (b"aaaa", b"aaaa")
    assert (made, cache.used) == ([1], 4)


def test_a_value_put_again_counts_once() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)

    def meanwhile() -> bytes:
        cache._keep("a", b"aaaa")
        return b"aaaaaa"

    assert cache.get("a", meanwhile) == b"aaaaaa"
    assert (len(cache), cache.used) == (1, 6)

"""Label events with a long history: recording, undo, and what a server reads when another program wrote."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness import Row
from dashboard.book import LabelBook
from processing.labels import LabelStore, Stroke, active

EVENTS = 50_000
GESTURE = 20
REPEATS = 50
TRACKS = tuple((f"G{granule}", beam) for granule in range(3) for beam in ("gt1l", "gt2l", "gt3l"))


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'leadline.db'}"
        book = LabelBook(url)
        _fill(book)
        yield _edit("record one event, durably", book, lambda: book.add_all([_stroke(1.0)], "ada"), 10.0)
        yield _edit("undo and refresh, durably", book, lambda: (book.undo("ada"), book.refresh()), 10.0, _peer(url))
        began = time.perf_counter()
        LabelBook(url).refresh()
        yield Row(
            f"read {EVENTS} label events when a server starts", time.perf_counter() - began, "s", note="synthetic"
        )
        book.close()


def _fill(book: LabelBook) -> None:
    rng = np.random.default_rng(5)
    for number in range(EVENTS // GESTURE):
        track, layer = TRACKS[number % len(TRACKS)], "second" if number % 5 == 0 else ""
        strokes = [_stroke(float(start), *track) for start in rng.uniform(0.0, 2e6, GESTURE)]
        book.add_all(strokes, ("ada", "bo")[number % 2], layer=layer)


def _stroke(start: float, granule: str = "G0", beam: str = "gt1l") -> Stroke:
    return Stroke(granule, beam, start, start + 100.0, 2, "cloud")


def _edit(what: str, book: LabelBook, edit: Callable[[], object], limit: float, peer: float | None = None) -> Row:
    took = [_timed(edit) for _ in range(REPEATS)]
    middle = float(np.median(took))
    return Row(
        f"{what}, {len(book.events())} events there",
        middle,
        "ms",
        f"< {limit:g} ms",
        middle < limit,
        peer,
        "reading the history each time" if peer else "",
        f"synthetic; median of {REPEATS}, p95 {np.percentile(took, 95):.1f} ms; flushed to disk",
    )


def _peer(url: str) -> float:
    """What it takes to find the newest event that stands from the whole history, ms."""
    with LabelStore(url) as store:
        return _timed(lambda: active(store.events())[-1])


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - began)

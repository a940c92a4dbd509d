"""The freeboard page in Chromium over three beams of 10 M segments together: what a scientist waits for.

Times are taken inside the page, from the browser's own time of the input to the last frame that followed. The project
is synthetic: tables as the stages write them, of beams 6,700 km long.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import big_project
from benchmarks.bench_review import CHROMIUM, LOOK, SIZE, Server, browser, took
from benchmarks.harness import Row

SEGMENTS = 3_340_000
"""Segments of each of the three beams."""

LIMIT = 200.0
TRIES = 40
_SPAN = 25_000.0
_PLACE = big_project.START + 2_000_000.0
_TIMING = Path(__file__).with_name("page_timing.js")
_QUIET = 300


class Tab:
    """The freeboard page in Chromium, which times itself."""

    def __init__(self, context: Any, address: str) -> None:
        self._address = address
        self.page = context.new_page()
        self.page.set_default_timeout(120_000)

    def open(self, **place: object) -> None:
        """Open the page at a place and wait until it is at rest."""
        asked = {
            "page": "freeboard",
            "granule": big_project.GRANULE,
            "beam": "gt2r",
            "x": _PLACE,
            "span": _SPAN,
        } | place
        self.page.goto(self._address + "?" + "&".join(f"{name}={value}" for name, value in asked.items()))
        self.page.wait_for_function("document.documentElement.dataset.ready === 'freeboard'")
        self.page.evaluate("pageTiming.arm(); pageTiming.still(1000)")

    def timed(self, act: Callable[[], object]) -> float:
        """ms from an input to the last frame that followed it, after a look at what is there."""
        self.page.wait_for_timeout(LOOK)
        self.page.evaluate("pageTiming.arm()")
        act()
        return took(self.page.evaluate(f"pageTiming.settled({_QUIET}, {{}})")).whole

    def press(self, key: str) -> float:
        return self.timed(lambda: self.page.keyboard.press(key))

    def select(self, start: float, end: float) -> float:
        """Select a stretch by its shares of the figure's width."""
        box = self.page.evaluate("pageTiming.box('level-freeboard')")
        mouse, y = self.page.mouse, box["y"] + box["height"] / 2

        def drag() -> None:
            mouse.move(box["x"] + start * box["width"], y)
            mouse.down()
            mouse.move(box["x"] + end * box["width"], y, steps=4)
            mouse.up()

        return self.timed(drag)


def rows() -> Iterator[Row]:
    """Every figure of the page; nothing where Chromium is not there."""
    if not CHROMIUM.exists():
        return
    with tempfile.TemporaryDirectory(prefix="leadline-bench-freeboard-") as folder:
        root = Path(folder) / "project"
        big_project.make(root, segments=SEGMENTS)
        yield from measured(root)


def measured(root: Path, tries: int = TRIES) -> Iterator[Row]:
    """The figures over a project that is there."""
    server = Server(root)
    try:
        with browser() as chromium:
            held = chromium.new_context(viewport=SIZE)
            held.add_init_script(path=str(_TIMING))
            tab = Tab(held, server.address)
            tab.open()
            yield from _along(tab, tries, "25 km in view")
            tab.open(span=6_800_000.0, x=big_project.START + 3_350_000.0)
            yield from _along(tab, tries // 2, "a whole beam in view", bar=None)
    finally:
        server.stop()


def _along(tab: Tab, tries: int, where: str, bar: float | None = LIMIT) -> Iterator[Row]:
    tab.press("m")  # reads the leads of the beam, once
    tab.page.evaluate("pageTiming.still(1500)")
    keys = ("ArrowRight", "+", "ArrowLeft", "-", "Shift+ArrowRight", "Shift+ArrowLeft")
    yield _row(f"pan or zoom, {where}", [tab.press(keys[number % 6]) for number in range(tries)], bar)
    yield _row(f"another method, {where}", [tab.press("m") for _ in range(tries)], bar)
    ends = [(0.2 + 0.01 * number, 0.5 + 0.01 * number) for number in range(tries)]
    yield _row(f"select a stretch, {where}", [tab.select(*each) for each in ends], bar)
    tab.press("Escape")


def _row(name: str, times: list[float], bar: float | None) -> Row:
    """A row of the 95th percentile with the median in the note."""
    p95 = float(np.percentile(times, 95))
    note = f"{len(times)} times, median {np.median(times):.0f} ms; 3 x {SEGMENTS:,} segments, synthetic"
    told = "" if bar is None else f"p95 <= {bar:g} ms"
    return Row(f"freeboard page: {name}, p95", p95, "ms", told, None if bar is None else p95 <= bar, note=note)

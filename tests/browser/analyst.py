"""An analyst at the review page: what hands do with keyboard and mouse, and what the page shows them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from small_project import CORNER, GRANULE, START

READY = "page => document.documentElement.dataset.ready === page && Bokeh.documents.every(held => held.is_idle)"
WATCH = """
  addEventListener("leadline-stored", ({ detail }) => {
    sessionStorage.setItem("stored", [sessionStorage.getItem("stored") ?? "", detail.gesture].join(" ").trim()) });
"""
STORED = "() => (sessionStorage.getItem('stored') ?? '').split(' ').filter(Boolean)"
DATA = """name => { const data = Bokeh.documents.map(held => held.get_model_by_name(name)).find(Boolean)?.data
  return data && Object.fromEntries(Object.entries(data).map(([key, values]) => [key, [...values]])) }"""
_FRAME = """name => { const model = Bokeh.documents.map(held => held.get_model_by_name(name)).find(Boolean)
  const view = Bokeh.index.find_one(model), box = view.canvas_view.events_el.getBoundingClientRect()
  const { left, top, width, height } = view.frame.bbox
  return { left: box.left + left, top: box.top + top, width, height,
    x: [model.x_range.start, model.x_range.end], y: [model.y_range.start, model.y_range.end] } }"""
_DRAWING = """() => !Bokeh.documents.map(held => held.get_model_by_name("scene-map")).find(Boolean)
  .toolbar.tools.find(tool => tool.type === "PanTool").active"""
_STILL = """() => new Promise(resolve => { let held = null, frames = 0
  const map = () => Bokeh.documents.map(held => held.get_model_by_name("scene-map")).find(Boolean)
  const look = () => { const { x_range, y_range } = map(), now = [x_range.start, x_range.end, y_range.start].join()
    frames = now === held ? frames + 1 : 0; held = now
    frames > 30 ? resolve() : requestAnimationFrame(look) }
  look() })"""


_PROGRAM = "import sys; from processing.cli import load_commands, run; load_commands(); sys.exit(run(sys.argv[1:]))"


class Server:
    """``leadline serve`` in a process of its own, which can be killed and begun again on the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.begin()

    @property
    def options(self) -> tuple[str, ...]:
        return ()

    def begin(self) -> None:
        words = ["serve", str(self.root), "--port", str(self.port), "--no-show", *self.options]
        self._process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *words], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert "Leadline shows" in self._process.stdout.readline()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Analyst:
    """Somebody with a name and a page."""

    def __init__(self, tab: Any, address: str, name: str) -> None:
        self.tab, self.address, self.name = tab, address, name
        tab.add_init_script(f"localStorage.setItem('leadline-analyst', '{name}')")
        tab.add_init_script(WATCH)

    def open(self, page: str = "review", **place: object) -> None:
        """Open a page at a place; the review at 1.5 km of the first beam."""
        asked = {"page": page, "granule": GRANULE, "beam": "gt1l", "x": START + 1700, "span": 1500} | place
        self.tab.goto(f"{self.address}?{urlencode(asked)}")
        self.ready(page)

    def ready(self, page: str = "review") -> None:
        self.tab.wait_for_function(READY, arg=page)
        if page == "review":
            self.tab.locator(".queue-list .row").first.wait_for()

    @property
    def place(self) -> dict[str, str]:
        """The address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.tab.url).query).items()}

    @property
    def stored(self) -> list[str]:
        """Gestures that the page was told are stored."""
        found: list[str] = self.tab.evaluate(STORED)
        return found

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def edit(self, key: str) -> str:
        """Press the key of an edit and wait until the page says it is stored; its gesture."""
        before = len(self.stored)
        self.tab.keyboard.press(key)
        self.tab.wait_for_function(f"() => ({STORED})().length > {before}")
        return self.stored[-1]

    def select(self, start: float, end: float, figure: str = "profile") -> None:
        """Drag over a stretch, metres from ``START``, exactly, and wait until it is selected."""
        self.tab.keyboard.down("Alt")
        self._drag([self.at(figure, start), self.at(figure, end)])
        self.tab.keyboard.up("Alt")
        near = f"Math.abs(data.x0[0] - {start}) < 4 && Math.abs(data.x1[0] - {end}) < 4"
        self.tab.wait_for_function(
            f"() => {{ const data = ({DATA})('selected'); return data.x0.length === 1 && {near} }}"
        )

    def lasso(self, start: float, end: float, row: int, drift: tuple[float, float]) -> None:
        """Draw a loop on the map around a stretch of the beam in ``row``, and wait until segments are selected."""
        self.tab.keyboard.press("l")
        self.tab.wait_for_function(_DRAWING)
        self.tab.evaluate(_STILL)
        corners = [(start, -45.0), (start, 45.0), (end, 45.0), (end, -45.0), (start, -45.0)]
        self._drag([self.on_map(along, aside, row, drift) for along, aside in corners])
        self.tab.wait_for_function(f"() => ({DATA})('selected').x0.length > 0")

    def at(self, figure: str, x: float, height: float = 0.5) -> tuple[float, float]:
        """Where a distance from ``START`` (m) lies on the screen, ``height`` of the frame from its top."""
        frame = self.tab.evaluate(_FRAME, figure)
        low, high = frame["x"]
        return frame["left"] + frame["width"] * (x - low) / (high - low), frame["top"] + frame["height"] * height

    def on_map(self, along: float, aside: float, row: int, drift: tuple[float, float]) -> tuple[float, float]:
        """Where a place ``along`` a beam of the small project (m from ``START``), and ``aside`` in x, is on the map."""
        east = CORNER[0] + 2_600 + 90.0 * row + 0.28 * along + drift[0] + aside
        north = CORNER[1] - 600 - 0.96 * along + drift[1]
        frame = self.tab.evaluate(_FRAME, "scene-map")
        (left, right), (low, high) = frame["x"], frame["y"]
        x = frame["left"] + frame["width"] * (east - left) / (right - left)
        return x, frame["top"] + frame["height"] * (high - north) / (high - low)

    def _drag(self, places: list[tuple[float, float]]) -> None:
        self.tab.mouse.move(*places[0])
        self.tab.mouse.down()
        for place in places[1:]:
            self.tab.mouse.move(*place, steps=6)
        self.tab.mouse.up()

    def until(self, found: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait on a condition outside the browser."""
        end = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < end, "waited in vain"
            self.tab.evaluate("() => new Promise(requestAnimationFrame)")

    def panel(self, text: str) -> Any:
        """Wait until the panel beside the pictures says something."""
        found = self.tab.locator(".zone-panel", has_text=text)
        found.wait_for()
        return found

"""The review page in Chromium over 3 x 1 M segments and a full scene: what an analyst waits for, and memory kept.

Times are taken inside the page, from the browser's own time of the input to the first frame after the figures were
painted, so neither the driver of the browser nor its polling counts. The project is synthetic.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import big_project
from benchmarks.harness import Row
from benchmarks.light_client import load_page

CHROMIUM = Path("/usr/bin/chromium")
SIZE = {"width": 1366, "height": 768}
ALONG = ("strip", "profile", "class-rows")
FIGURES = (*ALONG, "scene-map")
LABELS = ("profile", "class-rows")
"""Figures that show the labels of the beam in sight."""

FIRST, MOVE, EDIT, NEXT = 3.0, 200.0, 150.0, 300.0
EDITS, RELOADS, IN_BROWSER = 2_000, 500, 25
SEEN_BEFORE = 1_500
"""Edits before memory counts: what the server keeps of tables, photons and scene is bounded and has filled by then."""
MOVES, ZONES, TRIES = 60, 60, 100
LOOK = 1_000
"""How long an analyst looks at a place at least before going on, ms; what comes next is read meanwhile."""

_TIMING = Path(__file__).with_name("page_timing.js")
_QUIET = 250
_PLACE, _SPAN = big_project.START + big_project.SCENE_AT, 4_000
_PROGRAM = "import sys; from processing.cli import load_commands, run; load_commands(); sys.exit(run(sys.argv[1:]))"
_PATIENCE = 60.0
_USEFUL = [
    *({"name": name, "figure": name} for name in FIGURES),
    {"name": "tiles", "tiles": "scene-map"},
    {"name": "queue", "selector": ".row[data-zone]"},
]


@dataclass(frozen=True)
class Took:
    """One input and what followed, ms after it.

    ``stored`` : the acknowledgement of an edit; NaN for other inputs. ``labels`` : the labels painted in every figure
    along the track that shows them. ``whole`` : every figure at rest. ``server`` : from the first message to the
    server to the last answer before ``labels``, or before ``whole`` where no labels changed.
    """

    stored: float
    labels: float
    whole: float
    server: float
    late: bool

    @property
    def edit(self) -> float:
        return max(self.stored, self.labels)


class Server:
    """``leadline serve`` on a project, as a process of its own."""

    def __init__(self, root: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        words = ["serve", str(root), "--port", str(port), "--no-show"]
        self.process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *words], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            raise RuntimeError("the server did not begin")
        self.address = f"http://127.0.0.1:{port}/"

    def memory(self) -> float:
        """Resident memory, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) / 1000.0 for line in status.splitlines() if line.startswith("VmRSS"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Tab:
    """A page of the review in Chromium that times itself."""

    def __init__(self, context: Any, address: str) -> None:
        self._context, self._address = context, address
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)

    def open(self, **place: object) -> float:
        """Open the review at a place; seconds from the start of the navigation to everything useful painted."""
        asked = {"page": "review", "granule": big_project.GRANULE, "beam": "gt2r", "x": _PLACE, "span": _SPAN} | place
        self.page.goto(self._address + "?" + "&".join(f"{name}={value}" for name, value in asked.items()))
        return self._useful()

    def reload(self) -> float:
        """Seconds from the start of a reload to everything useful painted."""
        self.page.reload()
        return self._useful()

    def _useful(self) -> float:
        self.page.wait_for_function("pageTiming.useful().useful !== null")
        self.firsts = self.page.evaluate("pageTiming.useful()")
        self.page.wait_for_function("document.documentElement.dataset.ready === 'review'")
        self.rest()
        return float(self.firsts["useful"]) / 1000.0

    def rest(self) -> None:
        """Wait until the page has been at rest for a while."""
        self.page.evaluate("pageTiming.arm(); pageTiming.still(400)")

    def timed(self, act: Callable[[], object], stored: bool = False) -> Took:
        """Do something with keyboard or mouse and tell what followed; an edit is to be ``stored``."""
        self.page.evaluate("pageTiming.arm()")
        act()
        return took(self.page.evaluate(f"pageTiming.settled({_QUIET}, {{stored: {str(stored).lower()}}})"))

    def looked(self, act: Callable[[], object]) -> Took:
        """As ``timed``, after a look at what is there."""
        self.page.wait_for_timeout(LOOK)
        return self.timed(act)

    def press(self, key: str, stored: bool = False) -> Took:
        return self.timed(lambda: self.page.keyboard.press(key), stored)


def took(log: dict[str, Any]) -> Took:
    """Times of one input from what the page logged."""
    began = float(log["last"])
    stored = log["acks"][0] - began if log["acks"] else float("nan")
    painted = [_painted(log, name) for name in LABELS]
    shown = [paint[3] or paint[1] for paint in log["paints"]]
    whole = max([began, *shown]) - began
    labels = max((at for at in painted if at is not None), default=began + whole) - began
    sent, end = min(log["sends"], default=began), began + (labels if log["acks"] else whole)
    answers = [at for at, _ in log["frames"] if at <= end]
    return Took(stored, labels, whole, max(answers, default=sent) - sent, bool(log["late"]))


def _painted(log: dict[str, Any], figure: str) -> float | None:
    """When a figure was shown after the first change of its data; None when its data stayed."""
    changed = min((at for name, at in log["changes"] if name == figure), default=None)
    if changed is None:
        return None
    return next((shown or at for name, at, _, shown in log["paints"] if name == figure and at >= changed), None)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a display."""
    from playwright.sync_api import sync_playwright

    from dashboard.screenshots import FLAGS

    with sync_playwright() as player:
        yield player.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))


def context(chromium: Any, address: str) -> Any:
    """A browser's profile that watches its pages and knows the analyst's name."""
    made = chromium.new_context(viewport=SIZE)
    made.add_init_script(path=str(_TIMING))
    made.add_init_script(f"pageTiming.first({_USEFUL!r})".replace("'", '"'))
    made.add_init_script(f"if (location.href.startsWith('{address}')) localStorage.setItem('leadline-analyst', 'ada')")
    return made


def rows() -> Iterator[Row]:
    """Every figure of the review; nothing where Chromium is not there."""
    if not CHROMIUM.exists():
        return
    try:
        with big_project.cached_project() as root:
            server = Server(root)
            try:
                with browser() as chromium:
                    yield from _waiting(chromium, server)
                    yield from _memory(chromium, server)
            finally:
                server.stop()
    finally:
        big_project.forget()


def _waiting(chromium: Any, server: Server) -> Iterator[Row]:
    """What an analyst waits for."""
    began = _visit(chromium, server)
    yield Row(
        "useful paint when the server has just begun",
        began,
        "s",
        note="granule, zones and scene read for the first time",
    )
    yield _first("first useful paint, new browser", [_visit(chromium, server) for _ in range(3)])
    held = context(chromium, server.address)
    tab = Tab(held, server.address)
    tab.open()
    yield _first("first useful paint, reload", [tab.reload() for _ in range(5)])
    moves = [tab.looked(act) for act in _moves(tab, MOVES)]
    yield _row("pan or zoom to repainted", [move.whole for move in moves], MOVE, moves)
    held.close()
    held = context(chromium, server.address)
    tab = Tab(held, server.address)
    tab.open(x=_PLACE + 2 * _SPAN, beam="gt1r")
    moves = [tab.timed(act) for act in _moves(tab, MOVES)]
    yield _row("pan or zoom elsewhere, without a look between, to repainted", [move.whole for move in moves])
    tab.press("n")
    zones = [tab.looked(lambda: tab.page.keyboard.press("n")) for _ in range(ZONES)]
    yield _row("next zone to repainted", [zone.whole for zone in zones], NEXT, zones)
    zones = [tab.press("n") for _ in range(ZONES // 2)]
    yield _row("next zone, without a look between, to repainted", [zone.whole for zone in zones])
    edits, undos, hasty = [], [], []
    for _ in range(TRIES // 2):
        tab.press("n")
        edits += [tab.press(key, stored=True) for key in "12"]
        _edit(tab, "3")
        hasty.append(tab.press("1", stored=True))
        undos.append(tab.press("z", stored=True))
    yield _row("key press to label painted and stored", [edit.edit for edit in edits], EDIT, edits)
    yield _row("key press to label painted, pressed as the one before was stored", [edit.edit for edit in hasty])
    yield _row("key press to label stored", [edit.stored for edit in edits])
    yield _row("key press to every view at rest", [edit.whole for edit in edits])
    yield _row("undo to label painted and stored", [undo.edit for undo in undos], EDIT, undos)
    yield _row("hover to the mark in every view", _hovers(tab, 40))
    held.close()


def _visit(chromium: Any, server: Server) -> float:
    """Seconds to the first useful paint in a browser that knows nothing of the page yet."""
    held = context(chromium, server.address)
    seconds = Tab(held, server.address).open()
    held.close()
    return seconds


def _first(name: str, seconds: Sequence[float]) -> Row:
    worst = max(seconds)
    note = f"{len(seconds)} times, worst; strip, profile, rows, map with scene, queue; {_conditions()}"
    return Row(name, worst, "s", f"<= {FIRST:g} s", worst <= FIRST, note=note)


def _row(name: str, times: Sequence[float], bar: float | None = None, took: Sequence[Took] = ()) -> Row:
    """A row of the 95th percentile, with the median and the server's share in the note."""
    p95 = float(np.percentile(times, 95))
    note = f"{len(times)} times, median {np.median(times):.0f} ms"
    if took:
        note += f", of it in the server {np.median([each.server for each in took]):.0f} ms"
        note += "; not at rest after 10 s!" if any(each.late for each in took) else ""
    told = "" if bar is None else f"p95 <= {bar:g} ms"
    return Row(name + ", p95", p95, "ms", told, None if bar is None else p95 <= bar, note=note)


def _conditions() -> str:
    return f"{SIZE['width']} x {SIZE['height']}, browser and server on {os.cpu_count()} cores"


def _moves(tab: Tab, count: int) -> Iterator[Callable[[], object]]:
    """Keys, wheel and drags along the track that end where they began."""
    press, mouse = tab.page.keyboard.press, tab.page.mouse
    box = tab.page.evaluate("pageTiming.box('profile')")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(by: float) -> None:
        mouse.move(x, y)
        tab.page.keyboard.down("Shift")
        mouse.down()
        mouse.move(x + by, y, steps=8)
        mouse.up()
        tab.page.keyboard.up("Shift")

    def wheel(by: float) -> None:
        mouse.move(x, y)
        mouse.wheel(0, by)

    acts: list[Callable[[], object]] = [
        lambda: press("ArrowRight"), lambda: press("Shift+ArrowRight"), lambda: press("+"), lambda: press("-"),
        lambda: wheel(-240), lambda: wheel(240), lambda: drag(-300), lambda: drag(300),
        lambda: press("-"), lambda: press("+"), lambda: press("Shift+ArrowLeft"), lambda: press("ArrowLeft"),
    ]  # fmt: skip
    for number in range(count):
        yield acts[number % len(acts)]


def _hovers(tab: Tab, count: int) -> list[float]:
    """ms from a move of the mouse over the profile to the last of the marks that it moved."""
    box = tab.page.evaluate("pageTiming.box('profile')")
    found = []
    for number in range(count):
        at = box["x"] + box["width"] * (0.2 + 0.6 * number / count)
        log = tab.page.evaluate("pageTiming.arm(true)")
        tab.page.mouse.move(at, box["y"] + box["height"] / 2)
        log = tab.page.evaluate(f"pageTiming.settled({_QUIET})")
        shown = [paint[3] or paint[1] for paint in log["paints"]]
        found.append(max(shown, default=log["last"]) - log["last"])
    return found


def _memory(chromium: Any, server: Server) -> Iterator[Row]:
    """Memory of the server over many edits and reloads, once it has warmed up and dead sessions are gone."""
    held = context(chromium, server.address)
    tab = Tab(held, server.address)
    tab.open()
    _edit_many(tab, SEEN_BEFORE)
    _reload(tab, 60, 5)
    before = _settled_memory(server)
    _edit_many(tab, EDITS)
    middle = _settled_memory(server)
    _reload(tab, RELOADS, IN_BROWSER)
    after = _settled_memory(server)
    growth = after / before - 1.0
    note = (
        f"{before:.0f} MB warm, {middle:.0f} MB after the edits, {after:.0f} MB after the reloads; {IN_BROWSER} of the"
        f" reloads in Chromium, the others by a client that fetches page and document as it does"
    )
    what = f"server memory over {EDITS:,} edits and {RELOADS} reloads, growth"
    yield Row(what, 100.0 * growth, "%", "within 5 %", abs(growth) <= 0.05, note=note)
    held.close()


def _edit_many(tab: Tab, count: int) -> None:
    """Label zone after zone, every fifth edit undone."""
    for number in range(count):
        undone = number % 5 == 4
        if not undone:
            tab.page.keyboard.press("n")
        _edit(tab, "z" if undone else "123"[number % 3])


def _edit(tab: Tab, key: str) -> None:
    """Press the key of an edit and wait until it is stored."""
    tab.page.evaluate("pageTiming.arm()")
    tab.page.keyboard.press(key)
    tab.page.evaluate("pageTiming.acknowledged()")


def _reload(tab: Tab, count: int, in_browser: int) -> None:
    for _ in range(in_browser):
        tab.open()
    address = tab.page.url
    for _ in range(count - in_browser):
        load_page(address)


def _settled_memory(server: Server, pause: float = 5.0) -> float:
    """Least memory once it has stopped to fall: sessions end some time after their page is gone."""
    least, end = server.memory(), time.monotonic() + 90.0
    falling = time.monotonic() + 40.0
    while time.monotonic() < min(end, falling):
        time.sleep(pause)
        now = server.memory()
        if now < 0.995 * least:
            falling = time.monotonic() + 15.0
        least = min(least, now)
    return least

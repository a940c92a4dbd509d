"""Pictures of the pages for the docs, drawn by Chromium from a server of our own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from dashboard.app import Address, make_server
from dashboard.auth import Secret
from processing.errors import InputError, LeadlineError, MissingError

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_READY = "document.documentElement.dataset.ready === {page!r}"
_QUIET = """
  () => globalThis.Bokeh.documents.every((held) => held.is_idle)
     && [...document.images].every((image) => image.complete)
"""
_BETWEEN = 500
_STILL = 4
_LONGEST = 40
_SPAN = 6_000
_PATIENCE = 60.0


@dataclass(frozen=True)
class Picture:
    """A picture of a page after some keys were pressed."""

    name: str
    page: str
    keys: tuple[str, ...] = ()
    query: str = ""


PICTURES = (
    Picture("overview", "overview"),
    Picture("review", "review", ("n",)),
    Picture("drift", "review", ("n", "d", "Shift+ArrowRight", "m")),
    Picture("freeboard", "freeboard"),
    Picture("products", "products"),
    Picture("jobs", "jobs", query="launch=train"),
    Picture("compare", "compare", query="aspect=differences"),
)


def window_size(text: str) -> tuple[int, int]:
    """``1366x768`` as numbers."""
    found = re.fullmatch(r"(\d{3,5})x(\d{3,5})", text)
    if found is None:
        raise InputError(f"window size {text!r} is not WIDTHxHEIGHT", mend="for example 1366x768")
    return int(found[1]), int(found[2])


@contextmanager
def running(root: Path, users: Mapping[str, Secret] | None = None) -> Iterator[str]:
    """Serve a project from a thread on a free port; yields the address of its page."""
    ready, found = Event(), {}

    def work() -> None:
        import asyncio

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            found["server"] = make_server(root, Address(port=0), users)
            found["server"].start()
        except Exception as error:  # noqa: BLE001 - raised again where the server was asked for
            found["error"] = error
            loop.close()
            ready.set()
            return
        found["server"].io_loop.add_callback(ready.set)
        found["server"].io_loop.start()

    thread = Thread(target=work, name="leadline-serve", daemon=True)
    thread.start()
    began = ready.wait(_PATIENCE)
    if "error" in found:
        raise found["error"]
    if not began:
        raise LeadlineError(f"the server has not begun within {_PATIENCE:.0f} s", where=root)
    server = found["server"]
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.io_loop.add_callback(server.io_loop.stop)
        thread.join(10)
        server.stop(wait=False)


def draw_all(root: Path, out: Path, chromium: str, size: tuple[int, int], scale: float = 1.0) -> Iterator[Path]:
    """Yield the file of each page in each theme. Raises MissingError without Playwright or Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise MissingError("pictures need the package playwright", mend="install it: pip install playwright") from None
    if not Path(chromium).exists():
        raise MissingError("no such browser", where=chromium, mend="give one with --chromium")
    out.mkdir(parents=True, exist_ok=True)
    with running(root) as address, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for theme in ("light", "dark"):
            context = browser.new_context(viewport={"width": size[0], "height": size[1]}, device_scale_factor=scale)
            context.add_cookies([{"name": "leadline-theme", "value": theme, "url": address}])
            for picture in PICTURES:
                target = out / f"{picture.name}-{theme}.png"
                _draw(context.new_page(), address, picture, target)
                yield target
            context.close()
        browser.close()


def _draw(tab: Any, address: str, picture: Picture, target: Path) -> None:
    tab.goto(f"{address}?page={picture.page}&span={_SPAN}&{picture.query}")
    tab.wait_for_function(_READY.format(page=picture.page), timeout=60_000)
    tab.wait_for_function(_QUIET)
    for key in picture.keys:
        _when_still(tab)
        tab.keyboard.press(key)
    target.write_bytes(_when_still(tab))
    tab.close()


def _when_still(tab: Any) -> bytes:
    """The picture once it has stayed the same for a while: photons and tiles come after the page itself."""
    shown: bytes = tab.screenshot()
    same = 1
    for _ in range(_LONGEST):
        tab.wait_for_timeout(_BETWEEN)
        before, shown = shown, tab.screenshot()
        same = same + 1 if shown == before else 1
        if same == _STILL:
            break
    return shown

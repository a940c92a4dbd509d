"""What an analyst sees and does, in Chromium."""

from __future__ import annotations

import io
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import small_project
from PIL import Image
from small_project import GRANULE, START

from processing.project import Project

pytestmark = pytest.mark.browser

_READY = "page => document.documentElement.dataset.ready === page"
_LENGTH = """([figure, column]) => Bokeh.documents.map(held => held.get_model_by_name(figure)).filter(Boolean)
  .flatMap(found => found.renderers).map(drawn => drawn.data_source?.data?.[column]?.length ?? 0)
  .reduce((sum, length) => sum + length, 0)"""
_RANGE = """figure => { const found = Bokeh.documents.map(held => held.get_model_by_name(figure)).find(Boolean)
  return [found.x_range.start, found.x_range.end] }"""
_TILED = """() => { const found = Bokeh.documents.map(held => held.get_model_by_name("scene-map")).find(Boolean)
  const tiles = [...(found.renderers.find(drawn => drawn.tile_source)?.tile_source.tiles.values() ?? [])]
  return tiles.length > 0 && tiles.every(tile => tile.loaded) }"""
_FILL = "figure => Bokeh.documents.map(held => held.get_model_by_name(figure)).find(Boolean).background_fill_color"


def _open(tab: Any, address: str, page: str, **query: object) -> None:
    words = "&".join(f"{name}={value}" for name, value in query.items())
    tab.goto(f"{address}?page={page}&{words}")
    tab.wait_for_function(_READY, arg=page)


def _query(tab: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(tab.url).query).items()}


def _drawn(tab: Any, figure: str, column: str) -> int:
    return int(tab.evaluate(_LENGTH, [figure, column]))


def _colours(tab: Any, index: int) -> int:
    """Different colours in the figure's picture."""
    picture = Image.open(io.BytesIO(tab.locator(".bk-Figure").nth(index).screenshot())).convert("RGB")
    return len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0))


def test_the_overview_lists_and_draws_what_the_project_has(tab: Any, address: str) -> None:
    _open(tab, address, "overview")
    tab.get_by_text("RGT 594 · cycle 5 · release 006").wait_for()
    tab.get_by_text("5,820 segments").wait_for()
    assert tab.locator(".stage.done").count() == 5
    assert _drawn(tab, "polar-map", "beam") == 3
    assert _drawn(tab, "polar-map", "when") >= 1
    assert _drawn(tab, "locator", "xs") > 50
    tab.locator(".chip", has_text="gt2l").click()
    tab.wait_for_function(_READY, arg="review")
    assert _query(tab) | {"page": "review", "beam": "gt2l", "granule": GRANULE} == _query(tab)
    assert tab.complaints == []


def test_the_review_page_draws_scene_beams_segments_and_photons(tab: Any, address: str) -> None:
    _open(tab, address, "review", beam="gt1l", span=600, x=START + 1300)
    tab.wait_for_function("([f, c, n]) => (" + _LENGTH + ")([f, c]) >= n", arg=["profile", "rank", 4600])
    assert _drawn(tab, "profile", "rate") == 600
    assert _drawn(tab, "class-rows", "image") == 8
    assert _drawn(tab, "scene-map", "colour") > 5
    tab.wait_for_function(_TILED)
    assert any("/scene-tiles/" in url for url in tab.requested)
    assert _colours(tab, 0) > 200
    tab.keyboard.press("d")
    tab.locator("dd", has_text="12.0 min").wait_for()
    tab.locator("dd", has_text="+60, −40 m").first.wait_for()
    assert tab.complaints == []


def test_the_freeboard_page_draws_surfaces_and_tells_figures(tab: Any, address: str) -> None:
    _open(tab, address, "freeboard", beam="gt1l", scope="beam")
    assert tab.get_by_text("all classes").count() == 1
    rows = tab.locator("table.figures tr").all_inner_texts()
    assert re.match(r"all classes\s+1,940\s+0\.2\d\d", rows[1])
    assert rows[-1].startswith("open water")
    assert _drawn(tab, "level-height", "n") == 6
    assert _drawn(tab, "level-freeboard", "sigma") == 1940
    assert _drawn(tab, "histogram", "left") > 20
    assert tab.get_by_text("robust (used)").count() == 1
    assert tab.complaints == []


@pytest.mark.parametrize("page", ["overview", "review", "freeboard"])
def test_no_request_leaves_the_server(tab: Any, address: str, page: str) -> None:
    _open(tab, address, page)
    if page == "review":
        tab.wait_for_function(_TILED)
    tab.wait_for_load_state("networkidle")
    assert len(tab.requested) > 5
    elsewhere = [url for url in tab.requested if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []


def test_the_address_brings_back_the_place_and_follows_it(tab: Any, address: str) -> None:
    place = {"beam": "gt2l", "x": f"{START + 1500:.0f}", "span": "800", "image": "false", "contrast": "dark"}
    _open(tab, address, "review", **place)
    assert tab.evaluate(_RANGE, "profile") == [1100.0, 1900.0]
    assert _query(tab) | place == _query(tab)
    tab.keyboard.press("+")
    tab.wait_for_function("() => location.search.includes('span=400')")
    tab.keyboard.press("b")
    tab.wait_for_function("() => location.search.includes('beam=gt1l')")
    tab.reload()
    tab.wait_for_function(_READY, arg="review")
    assert tab.evaluate(_RANGE, "profile") == [1300.0, 1700.0]
    tab.get_by_role("link", name="Freeboard").click()
    tab.wait_for_function(_READY, arg="freeboard")
    tab.go_back()
    tab.wait_for_function(_READY, arg="review")
    assert _query(tab) | {"page": "review", "span": "400", "beam": "gt1l"} == _query(tab)


def test_one_step_back_leaves_a_page_that_was_opened_bare(tab: Any, address: str) -> None:
    tab.goto("about:blank")
    tab.goto(address)
    tab.wait_for_function("() => location.search.includes('granule=')")
    tab.get_by_role("link", name="Review").click()
    tab.wait_for_function(_READY, arg="review")
    tab.go_back()
    tab.wait_for_function(_READY, arg="overview")
    tab.go_back()
    tab.wait_for_url("about:blank")


def test_a_page_that_had_nothing_to_show_comes_alive_when_it_has(tab: Any, tmp_path: Path) -> None:
    from dashboard.screenshots import running

    project = small_project.make(tmp_path / "late")
    (project.root / "freeboard").rename(tmp_path / "kept")
    with running(project.root) as where:
        _open(tab, where, "overview")
        tab.get_by_role("link", name="Freeboard", exact=True).click()
        tab.get_by_text("No freeboard yet").wait_for()
        (tmp_path / "kept").rename(project.root / "freeboard")
        tab.get_by_text("all classes").wait_for()
        tab.wait_for_function("([f, c]) => (" + _LENGTH + ")([f, c]) > 0", arg=["level-freeboard", "sigma"])
        assert not tab.get_by_text("No freeboard yet").is_visible()
        assert tab.complaints == []


def test_profile_and_map_go_together(tab: Any, address: str) -> None:
    _open(tab, address, "review", beam="gt1l", span=600, x=START + 1500)
    tab.wait_for_function(_TILED)
    before = tab.evaluate(_RANGE, "scene-map")
    profile = tab.locator(".bk-Figure").nth(1).locator(".bk-events").bounding_box()
    x, y = profile["x"] + profile["width"] / 2, profile["y"] + profile["height"] / 2
    tab.keyboard.down("Shift")
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 300, y, steps=6)
    tab.mouse.up()
    tab.keyboard.up("Shift")
    tab.wait_for_function(f"() => Number(new URLSearchParams(location.search).get('x')) > {START + 1600}")
    tab.wait_for_function(f"([f]) => ({_RANGE})(f)[0] !== {before[0]}", arg=["scene-map"])
    tab.wait_for_function(
        f"([figure, zero]) => {{ const [start, stop] = ({_RANGE})(figure)\n"
        "  return Math.abs((start + stop) / 2 + zero - Number(new URLSearchParams(location.search).get('x'))) < 1 }",
        arg=["profile", START],
    )
    tab.wait_for_function(_TILED)
    moved = float(_query(tab)["x"])
    scene = tab.locator(".bk-Figure").nth(0).bounding_box()
    tab.mouse.click(scene["x"] + scene["width"] / 2, scene["y"] + scene["height"] * 0.3)
    tab.wait_for_function(f"() => Math.abs(Number(new URLSearchParams(location.search).get('x')) - {moved}) > 20")
    tab.wait_for_function(f"() => ({_RANGE})('profile')[0] < {moved - START} - 320")


def test_the_theme_turns_and_is_remembered(tab: Any, address: str) -> None:
    _open(tab, address, "freeboard")
    assert tab.evaluate(_FILL, "histogram") == "#ffffff"
    tab.get_by_label("Light or dark").click()
    tab.wait_for_function(f"() => ({_FILL})('histogram') === '#171e27'")
    tab.reload()
    tab.wait_for_function(_READY, arg="freeboard")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.evaluate(_FILL, "histogram") == "#171e27"


def test_the_help_lists_the_keys_of_the_page(tab: Any, address: str) -> None:
    _open(tab, address, "review")
    tab.keyboard.press("?")
    tab.get_by_text("next image (Shift: before)").wait_for()
    tab.keyboard.press("Escape")
    tab.get_by_text("next image (Shift: before)").wait_for(state="hidden")


def test_an_address_that_cannot_be_is_told_and_the_page_lives(tab: Any, address: str) -> None:
    _open(tab, address, "review", granule="ATL03_nowhere", span="abc")
    tab.locator(".toast", has_text="ATL03_nowhere is not in this project").wait_for()
    tab.locator(".toast", has_text="span = 'abc'").wait_for()
    assert _drawn(tab, "profile", "rate") == 1940


def test_a_damaged_table_is_a_message_and_not_a_dead_page(tab: Any, tmp_path: Path) -> None:
    from dashboard.screenshots import running

    project = small_project.make(tmp_path / "hurt")
    project.table_path("autolabels", GRANULE, "gt1l").write_bytes(b"no table at all")
    with running(project.root) as address:
        _open(tab, address, "review", beam="gt1l")
        tab.locator(".toast.error", has_text="damaged table").first.wait_for()
        assert tab.get_by_text("Traceback").count() == 0
        tab.keyboard.press("b")
        tab.wait_for_function("([f, c]) => (" + _LENGTH + ")([f, c]) === 1940", arg=["profile", "rate"])


def test_empty_projects_say_what_comes_next(tab: Any, tmp_path: Path) -> None:
    from dashboard.screenshots import running

    empty = Project.create(tmp_path / "empty", "south")
    with running(empty.root) as address:
        for page in ("overview", "review", "freeboard"):
            _open(tab, address, page)
            tab.get_by_text(f"leadline add {empty.root}").filter(visible=True).first.wait_for()


def test_inputs_alone_show_photons_and_the_command_for_segments(tab: Any, tmp_path: Path) -> None:
    from dashboard.screenshots import running

    raw = small_project.make(tmp_path / "raw", stages=False)
    with running(raw.root) as address:
        _open(tab, address, "review", span=400)
        tab.wait_for_function("([f, c]) => (" + _LENGTH + ")([f, c]) > 500", arg=["profile", "rank"])
        tab.get_by_text(f"leadline resample {raw.root}").filter(visible=True).first.wait_for()
        _open(tab, address, "freeboard")
        tab.get_by_text("No segments yet").wait_for()


def test_the_command_serves_and_a_lost_server_is_told(tab: Any, small_root: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = "import sys; from processing.cli import load_commands, run; load_commands(); sys.exit(run(sys.argv[1:]))"
    words = ["serve", str(small_root), "--port", str(port), "--no-show"]
    with subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f"http://localhost:{port}/" in server.stdout.readline()
            _open(tab, f"http://localhost:{port}/", "overview")
            assert not tab.get_by_text("Connection lost at").is_visible()
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
    tab.get_by_text("Connection lost at").wait_for()


def test_only_known_users_see_the_page_and_its_tiles(tab: Any, small_root: Path) -> None:
    from dashboard.auth import Secret
    from dashboard.screenshots import running

    with running(small_root, {"ada": Secret.of("leads and floes")}) as address:
        tile = f"{address}scene-tiles/{small_project.SCENE}/true/auto/0/0/0.png"
        assert tab.request.get(tile).headers["content-type"].startswith("text/html")
        tab.goto(address)
        for password in ("wrong word", "leads and floes"):
            tab.get_by_label("Name").fill("ada")
            tab.get_by_label("Password").fill(password)
            tab.get_by_role("button", name="Log in").click()
            if password == "wrong word":
                tab.get_by_text("Invalid username or password").wait_for()
        tab.wait_for_function(_READY, arg="overview")
        assert tab.locator(".user").inner_text() == "ada"
        assert tab.request.get(tile).headers["content-type"] == "image/png"


def test_a_page_that_cannot_reach_its_server_offers_to_try_again(tab: Any, address: str) -> None:
    tab.clock.install()
    tab.route_web_socket("**/ws*", lambda _: None)
    tab.goto(f"{address}?page=overview")
    again = tab.get_by_role("link", name="Try again")
    assert not again.is_visible()
    tab.clock.fast_forward(20_500)
    again.wait_for()
    assert tab.evaluate("document.documentElement.dataset.ready") is None

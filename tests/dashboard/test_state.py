from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dashboard.state import IMAGES, PAGES, SPANS, Change, State


def _watched(state: State) -> list[Change]:
    seen: list[Change] = []
    state.listen(seen.append)
    return seen


def test_a_move_of_several_parts_is_one_change_with_its_origin() -> None:
    state = State()
    seen = _watched(state)
    state.move(origin="map", beam="gt2r", x=1200.0, span=300.0)
    assert seen == [Change(frozenset({"beam", "x", "span"}), "map")]
    assert state.window == (1050.0, 1350.0)


def test_nothing_fires_when_nothing_changes() -> None:
    state = State()
    seen = _watched(state)
    state.move(x=math.nan, beam="", span=5000.0)
    assert seen == []


@given(
    page=st.sampled_from(PAGES),
    beam=st.sampled_from(["", "gt1l", "gt3r"]),
    image=st.sampled_from(IMAGES),
    x=st.floats(-4e7, 4e7).map(lambda value: round(value, 1)),
    span=st.floats(*SPANS).map(lambda value: round(value, 1)),
)
def test_the_address_brings_the_state_back(page: str, beam: str, image: str, x: float, span: float) -> None:
    state = State()
    state.move(page=page, beam=beam, image=image, x=x, span=span)
    other = State(beam="gt2l", contrast="dark")
    assert other.restore(state.query()) == []
    assert (other.page, other.beam, other.image, other.contrast) == (page, beam, image, "auto")
    assert other.x == state.x
    assert other.span == state.span


def test_values_that_cannot_be_are_refused_by_name_and_the_rest_is_kept() -> None:
    state = State()
    refused = state.restore({"page": "nowhere", "x": "inf", "span": "-3", "beam": "gt1r"})
    assert [line.split()[4] for line in refused] == ["page", "x", "span"]
    assert (state.page, state.span, state.beam) == ("overview", 5000.0, "gt1r")
    assert math.isnan(state.x)


def test_the_theme_stays_out_of_the_address() -> None:
    state = State(theme="dark")
    assert "theme" not in state.query()
    state.restore({"theme": "light"})
    assert state.theme == "dark"

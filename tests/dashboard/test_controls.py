"""Choices at the top of a page: they show the state and never change it by themselves."""

from __future__ import annotations

from dashboard import controls
from dashboard.state import State


def test_what_cannot_be_chosen_here_stays_chosen_for_where_it_can() -> None:
    state = State()
    image = controls.select(state, "image", "Image", 100)
    image.follow({"No image": "none"})
    image.widget.get_root()
    assert (image.widget.value, state.image) == ("none", "true")
    image.follow({"True colour": "true", "No image": "none"})
    assert (image.widget.value, state.image) == ("true", "true")
    image.widget.value = "none"
    assert state.image == "none"

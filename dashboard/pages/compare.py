"""Compare page: which model is better, where two disagree, and what that does to freeboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard import controls
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views.agreement_listing import Listing


class ComparePage(Page):
    """Models side by side."""

    key = "compare"
    title = "Compare"

    def build(self, _: str) -> Any:
        self.listing = Listing(self._go, sizing_mode="stretch_both")
        return controls.body(controls.card(self.listing, sizing_mode="stretch_both"))

    def wait(self, then: Callable[[], None]) -> None:
        """The listing itself says when it is there."""
        self._awaited = True

        def drawn() -> None:
            if self._awaited:
                self._awaited = False
                then()

        self.listing.on_ready = drawn

    def nothing(self) -> tuple[str, str, str] | None:
        if self.place.workspace.project.runs("models"):
            return None
        return "No model yet", "Train one on a snapshot of the labels.", self.place.workspace.command("train")

    def paint(self, _: str) -> None:
        """Nothing is drawn yet."""

    def follow(self, change: Change) -> None:  # noqa: ARG002
        self.listing.content = "<h2>Models</h2>"

    def _go(self, values: dict[str, Any]) -> None:
        """Nothing can be clicked yet."""

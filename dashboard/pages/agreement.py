"""Agreement page: how far analysts agree, and their disagreements as a queue that is settled one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from dashboard import controls
from dashboard.agreement import AgreementReader, Findings, Pair
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views import agreement_listing as listing
from dashboard.views.agreement_tables import tables
from processing.errors import LeadlineError
from processing.labels import IN_FORCE

log = logging.getLogger(__name__)

_ROOM = 5.0
_SPANS = (500.0, 20_000.0)
_ALONE = {"flex": "1 1 0", "min-width": "0", "max-width": "none"}
_BESIDE = {"flex": "1.06 1 0", "max-width": "900px"}


class AgreementPage(Page):
    """Two opinions side by side."""

    key = "agreement"
    title = "Agreement"

    def build(self, _: str) -> Any:
        self._found: Findings | None = None
        self._pair: Pair | None = None
        self._reader = AgreementReader(self.place.workspace)
        self._reading = self._again = False
        self.numbers = listing.Listing(self._go, sizing_mode="stretch_both")
        self.queue = listing.Listing(self._go, sizing_mode="stretch_both")
        self._left = controls.card(self.numbers, sizing_mode="stretch_both", styles=_ALONE)
        self._right = controls.card(
            self.queue, sizing_mode="stretch_both", styles={"flex": "1 1 0", "min-width": "0"}, visible=False
        )
        return controls.body(self._left, self._right)

    def wait(self, then: Callable[[], None]) -> None:
        self.wait_for(self.numbers, then)

    def nothing(self) -> tuple[str, str, str] | None:
        if self.place.catalog.granules:
            return None
        told = "Add ATL03 granules and Sentinel-2 scenes to this project."
        return "No granule yet", told, f"leadline add {self.place.workspace.root} FILE..."

    def paint(self, _: str) -> None:
        """Colours of classes are in the listings; they are drawn anew with what follows."""

    def follow(self, change: Change) -> None:
        if self._found is None:
            self.numbers.content = "<p class='soft'>Reading the opinions…</p>"
        elif change.touches("theme"):
            self._draw()
        # A stage that ran again touches everything; unchanged tracks are not compared again.
        if self._found is None or change.touches("edits", "analyst", "page", "granule"):
            self._read()

    def _read(self) -> None:
        """Compare the opinions on a thread of the workspace; once more when something changed meanwhile."""
        if self._reading:
            self._again = True
            return
        self._reading, self._again = True, False
        self.place.workspace.workers.submit(self._compare, self.place.state.analyst)

    def _compare(self, analyst: str) -> None:
        found: Findings | None = None
        try:
            found = self._reader.read(analyst, self._tell_progress)
        except (LeadlineError, OSError) as error:
            self._fail(str(getattr(error, "line", error)))
        except Exception as error:
            log.exception("comparing opinions failed")
            self._fail(f"opinions cannot be compared: {error}")
        self.later(lambda: self._compared(found))

    def _fail(self, told: str) -> None:
        self.later(lambda: self.place.tell(told, "error"))

    def _tell_progress(self, text: str) -> None:
        """What is being done, while there is nothing else to show."""

        def show() -> None:
            if self._found is None:
                self.numbers.content = f"<p class='soft'>{escape(text)}</p>"

        self.later(show)

    def _compared(self, found: Findings | None) -> None:
        self._reading = False
        if found is not None and found is not self._found:
            self._found = found
            self._draw()
        if self._again:
            self._read()

    def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        if self._pair not in [facts.pair for facts in found.pairs]:
            self._pair = None
        compared = found.everybody is not None
        self._right.visible = compared
        self._left.styles = self._left.styles | (_BESIDE if compared else _ALONE)
        if compared:
            self.numbers.content = tables(found, self._pair, self.theme, self._reader.how)
            self.queue.content = listing.queue(found, self._pair, self.place.catalog, self.theme)
        else:
            self.numbers.content = listing.empty(found.analysts)

    def _go(self, values: dict[str, Any]) -> None:
        with self.place.guard("following the click"):
            if "pair" in values:
                self._choose(str(values["pair"]))
            elif "look" in values:
                self._look(str(values["look"]))
            elif "undo" in values:
                self._undo()
            elif "opinion" in values:
                self.place.state.move(page="review", opinion=str(values["opinion"]))

    def _choose(self, names: str) -> None:
        """Show one pair; all again when it is chosen once more."""
        found = self._found.pairs if self._found else ()
        pair = next((facts.pair for facts in found if facts.pair and "\n".join(facts.pair) == names), None)
        self._pair = None if pair == self._pair else pair
        self._draw()

    def _look(self, ident: str) -> None:
        """Show a disagreement in Review, selected."""
        one = self._found.find(ident) if self._found else None
        if one is None:
            self.place.tell("this disagreement is settled or has changed", "warning")
            return
        self.place.state.move(
            page="review",
            granule=one.granule,
            beam=one.beam,
            x=(one.x_start + one.x_end) / 2,
            span=float(np.clip(_ROOM * one.metres, *_SPANS)),
            zone="",
            selection=one.selection,
        )

    def _undo(self) -> None:
        """Take back the last settling, whichever opinion Review shows."""
        analyst = self.place.state.analyst
        if not analyst:
            self.place.tell("give your name at the top of the page first", "warning")
            return
        self.place.workspace.book.undo(analyst, layer=IN_FORCE)
        self.place.desk.follow()

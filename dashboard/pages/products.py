"""Products page: our freeboard beside ATL07, ATL10 and independent measurements, figure by figure and in numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable
from functools import partial
from html import escape
from typing import Any

import numpy as np
from bokeh.model import Model
from numpy.typing import NDArray

from dashboard import beside_products, detail, words
from dashboard.beside_products import Alone, Choice, Compared, Matched, Pairs
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views import product_looks, product_tables
from dashboard.views.along_track import Reading
from dashboard.views.compare_controls import Waiting
from dashboard.views.map_frame import joined
from dashboard.views.product_histogram import BIN
from dashboard.views.product_layout import ProductLayout
from dashboard.views.product_scatter import Box, in_box
from processing.core.paired import Agreement
from processing.core.product_comparison import TrackComparison
from processing.stages import Compare, Match

_NO_STRETCH: dict[str, Any] = {"stretch_start": math.nan, "stretch_end": math.nan}
_LOOK = 3_000.0
_FINE_BIN = 0.005
"""Width of the bins of sea surface, m."""
_NEAR = 5.0
"""Marks of chosen segments nearer to one another than this (m) are one."""


Found = Compared | Alone | Matched


class ProductsPage(Page):
    """A granule beside one product: linked profile, scatter and histogram, and the figures of their agreement."""

    key = "products"
    title = "Products"

    def build(self, theme: str) -> Any:
        self._choices: tuple[Choice, ...] = ()
        self._key: Hashable = None
        self._found: Found | None = None
        self._pairs: Pairs | None = None
        self._shown: Hashable = None
        self._boxed = ("", "")
        self._chosen: NDArray[np.bool_] | None = None
        self._told: tuple[str, Agreement] | None = None
        self._beam_alone = ""
        self._waiting = Waiting(lambda: self.place.workspace.workers, self.later)
        self._telling = Reading(self.place, self.later)
        self.layout = ProductLayout(
            self.place, theme, self.later, self._go, self._choose_box, self._open_pair, self._open_at
        )
        return self.layout.view

    @property
    def anchor(self) -> Model:
        return self.layout.histogram.figure

    def nothing(self) -> tuple[str, str, str] | None:
        workspace = self.place.workspace
        if not self.place.catalog.granules:
            told = "Add ATL03 granules, and ATL07 or ATL10 of the same pass, to this project."
            return "No granule yet", told, f"leadline add {workspace.root} FILE..."
        if not any(item.kind in (*beside_products.PRODUCTS, beside_products.MEASUREMENTS)
                   for item in workspace.project.inputs("references")):  # fmt: skip
            told = "Add ATL07 or ATL10 granules of the same pass, or a table of independent measurements."
            return "Nothing to compare with yet", told, f"leadline add {workspace.root} FILE..."
        return None

    def paint(self, theme: str) -> None:
        self.layout.paint(theme)
        self._shown = None

    @property
    def choice(self) -> Choice | None:
        """What is compared with: what the state asks for, else the first of what there is."""
        asked = self.place.state.product
        return next((one for one in self._choices if one.ident == asked), next(iter(self._choices), None))

    @property
    def quantity(self) -> str:
        """What the profile shows; ATL07 has heights where freeboard is asked for."""
        asked = str(self.place.state.quantity)
        return "height" if asked == "freeboard" and self._kind == "atl07" else asked

    @property
    def measured(self) -> str:
        """The quantity of the pairs: density and classes are of the profile and the listing alone."""
        if self.quantity in ("density", "classes"):
            return beside_products.main_quantity(self._kind)
        return self.quantity

    @property
    def _kind(self) -> str:
        choice = self.choice
        return choice.item.kind if choice else ""

    @property
    def _axes(self) -> tuple[str, str]:
        """What the scatter shows, which a box in it belongs to."""
        choice = self.choice
        return (choice.ident if choice else "", self.measured)

    def follow(self, change: Change) -> None:
        with self.place.guard("showing the choices"):
            self._follow_choices()
        if not self.place.opened:
            return
        if self.place.state.box is not None and self._boxed != self._axes:
            self.place.state.move(box=None)
        with self.place.guard("comparing with a product"):
            self._ask()
        with self.place.guard("drawing the comparison"):
            self._draw(change)

    def _follow_choices(self) -> None:
        place, layout = self.place, self.layout
        self._choices = beside_products.choices(place.workspace.project, place.state.granule)
        self.follow_track(layout.granule, layout.beam)
        layout.run.follow({run: run for run in place.runs}, place.run)
        quantities = product_looks.QUANTITIES
        if self._kind == "atl07":
            quantities = {title: key for title, key in quantities.items() if key != "freeboard"}
        choice = self.choice
        titles = words.distinct({one.ident: one.title for one in self._choices})
        layout.follow(titles, choice.ident if choice else None, quantities)
        if choice is not None:
            layout.explain(choice.name, self.theme)
        layout.show_kind(choice.role if choice is not None else "pass")
        track = self._track(self._found) if isinstance(self._found, Compared) else None
        layout.export.follow(None if track is None else partial(_count, track))

    @property
    def _beams(self) -> list[str]:
        """Beams that are compared together."""
        place, together = self.place, self.place.state.together
        if together == "one" or place.granule is None:
            return [place.state.beam]
        return [beam.name for beam in place.granule.beams if together == "all" or beam.strong]

    def _ask(self) -> None:
        """Have what is asked for compared, unless that is what is shown or made already."""
        choice, workspace = self.choice, self.place.workspace
        if choice is None:
            self._key, self._found = None, None
            self._clear()
            self.layout.listing.content = "<p class='soft ground'>No product of this granule's pass.</p>"
            return
        if choice.role == "alone":
            key: Hashable = ("alone", choice.ident, workspace.modified(choice.item.path))
            self._make(key, lambda _: beside_products.alone(workspace, choice))
            return
        granule, run, beams = self.place.state.granule, self.place.run, self._beams
        if run is None:
            self._key, self._found = None, None
            self._clear()
            command = escape(workspace.command("freeboard"))
            self.layout.listing.content = f"<p class='ground'>This beam has no freeboard yet.</p><code>{command}</code>"
            return
        if choice.role == "measured":
            stage = str(workspace.project.stage(Match).values_dict())
            key = ("matched", choice.ident, run, id(self.place.catalog), workspace.modified(choice.item.path), stage)
            self._make(key, lambda tell: beside_products.match(workspace, choice, run, tell))
            return
        paths = [workspace.project.table_path("freeboard", granule, beam, run) for beam in beams]
        made = tuple(workspace.modified(path) for path in (*paths, choice.item.path))
        stage = str(workspace.project.stage(Compare).values_dict())
        key = ("beside", granule, run, tuple(beams), choice.ident, made, stage)
        self._make(key, lambda tell: beside_products.compare(workspace, choice, granule, beams, run, tell))

    def _make(self, key: Hashable, work: Any) -> None:
        if key == self._key:
            return
        self._key = key
        self._waiting.ask(key, work, self._show, self._progress, self._fail)

    def _progress(self, text: str) -> None:
        if self._found is None:
            self.layout.listing.content = f"<p class='soft ground'>{escape(text.capitalize())}…</p>"

    def _show(self, found: Found) -> None:
        with self.place.guard("drawing the comparison"):
            self._found, self._shown = found, None
            self._follow_choices()
            self._draw(Change(frozenset(("product",))))

    def _fail(self, line: str) -> None:
        self._found = None
        self._clear()
        self.layout.listing.content = f"<p class='trouble ground'>{escape(line)}</p>"

    def _clear(self) -> None:
        self._pairs = self._shown = self._chosen = self._told = None
        self.layout.scatter.clear()
        self.layout.histogram.clear()
        self.layout.profile.show(None, self.quantity)
        self.layout.alone.show(None)

    def _draw(self, change: Change) -> None:
        found = self._found
        if isinstance(found, Alone):
            self._draw_alone(found)
        elif isinstance(found, Matched):
            self._draw_matched(found, change)
        elif found is not None:
            self._draw_compared(found, change)

    def _draw_alone(self, found: Alone) -> None:
        beams = found.product.beams
        if self._beam_alone not in beams:
            fullest = max(found.product.summaries, key=lambda one: (one.with_freeboard, one.segments), default=None)
            self._beam_alone = fullest.beam if fullest else ""
        shown = (found.choice.ident, self._beam_alone, self.theme)
        if shown == self._shown:
            return
        self._shown = shown
        beam = beams.get(self._beam_alone)
        self.layout.alone.show(beam)
        summary = next((one for one in found.product.summaries if one.beam == self._beam_alone), None)
        values = found.product.beams[self._beam_alone] if beam is not None else None
        kind = found.choice.item.kind
        known = (values.freeboard if kind == "atl10" else values.height) if values is not None else np.zeros(0)
        modes = {"theirs": summary.mode.value} if summary else {}
        axis = product_looks.TITLES[beside_products.main_quantity(kind)]
        self.layout.histogram.show({"theirs": known}, modes, {"theirs": found.choice.name}, axis)
        self.layout.histogram.mark(None)
        self.layout.listing.content = product_tables.alone(found, self._beam_alone, self.theme)

    def _draw_matched(self, found: Matched, change: Change) -> None:
        shown = (id(found), self.theme)
        if shown == self._shown:
            if change.touches("box"):
                self._choose_matches(found)
            return
        self._shown, self._pairs = shown, found.pairs
        one, title = found.matches, f"{found.matches.quantity} (m)"
        names = (f"Measured {title}", f"Our {title}")
        self.layout.scatter.show(self._pairs, one.agreement, "class", names, list(one.beam), 0.0)
        values = {"ours": one.ours, "theirs": one.theirs}
        told = {"ours": "ours", "theirs": "measured"}
        self.layout.histogram.show(values, {}, told, title.capitalize())
        self.layout.map.show(found)
        self._choose_matches(found)

    def _choose_matches(self, found: Matched) -> None:
        """Mark the matches in the box drawn in the scatter, in every figure and in figures."""
        pairs = self._pairs
        box = self.place.state.box
        chosen = in_box(pairs, box) if pairs is not None and box is not None else None
        self.layout.scatter.mark(chosen)
        self.layout.map.mark(chosen)
        picked = pairs.rows(chosen) if pairs is not None and chosen is not None else None
        self.layout.histogram.mark({"ours": picked.ours, "theirs": picked.theirs} if picked is not None else None)
        told = found.agreement(chosen) if chosen is not None else None
        self.layout.listing.content = product_tables.matched(found, told, self.theme)

    def _draw_compared(self, found: Compared, change: Change) -> None:
        state, layout = self.place.state, self.layout
        shown = (id(found), self.quantity, state.shade, self.theme)
        anew = shown != self._shown
        if anew:
            self._shown = shown
            self._draw_pairs(found)
        layout.profile.show(self._track(found), self.quantity)
        layout.profile.update(change)
        if anew or change.touches("stretch_start", "stretch_end", "box", "beam", "granule"):
            self._choose(found)

    def _draw_pairs(self, found: Compared) -> None:
        quantity, name = self.measured, found.choice.name
        pairs = self._pairs = found.pairs(quantity)
        title = product_looks.TITLES[quantity]
        self.layout.scatter.show(
            pairs,
            found.agreements[quantity],
            self.place.state.shade,
            (f"{name} {title.lower()}", "Ours (m)"),
            [found.tracks[number].beam for number in pairs.track.tolist()],
            self.place.origin,
        )
        freeboard = quantity == "freeboard"
        modes = {"ours": found.modes.ours.value, "theirs": found.modes.theirs.value} if freeboard else {}
        values = {"ours": pairs.ours, "theirs": pairs.theirs}
        width = _FINE_BIN if quantity == "sea_surface" else BIN
        self.layout.histogram.show(values, modes, {"ours": "ours", "theirs": name}, title, width)
        self._tell(found)

    def _track(self, found: Compared) -> TrackComparison | None:
        return next((track for track in found.tracks if track.beam == self.place.state.beam), None)

    def _choose_box(self, box: Box) -> None:
        with self.place.guard("choosing pairs"):
            self._boxed = self._axes
            self.place.state.move(box=box, **_NO_STRETCH)

    def _choose(self, found: Compared) -> None:
        """Mark what is chosen, by a stretch of the beam at hand or by a box in the scatter, in every figure."""
        pairs, stretch = self._pairs, self.place.state.stretch
        if pairs is None:
            return
        if stretch is not None:
            beams = [track.beam for track in found.tracks]
            here = beams.index(self.place.state.beam) if self.place.state.beam in beams else -1
            chosen: Any = (pairs.track == here) & (pairs.x >= stretch[0]) & (pairs.x <= stretch[1])
        elif self.place.state.box is not None:
            chosen = in_box(pairs, self.place.state.box)
        else:
            chosen = None
        self._chosen = chosen
        self.layout.scatter.mark(chosen)
        picked = pairs.rows(chosen) if chosen is not None else None
        self.layout.histogram.mark({"ours": picked.ours, "theirs": picked.theirs} if picked is not None else None)
        self.layout.profile.mark(stretch, self._picked(found))
        self._tell_chosen(found)

    def _picked(self, found: Compared) -> list[tuple[float, float]]:
        """Stretches of the beam at hand, m, whose pairs lie in the box drawn in the scatter."""
        track, pairs = self._track(found), self._pairs
        if self.place.state.stretch is not None or self._chosen is None or track is None or pairs is None:
            return []
        rows = pairs.row[self._chosen & (pairs.track == found.tracks.index(track))]
        half = track.length[rows] / 2
        ends = np.column_stack([track.x_atc[rows] - half, track.x_atc[rows] + half])
        return [(float(start), float(end)) for start, end in joined(ends, _NEAR, 0.0)]

    def _tell_chosen(self, found: Compared) -> None:
        """Work out the agreement of what is chosen on a worker and write it into the listing."""
        pairs, chosen, quantity = self._pairs, self._chosen, self.measured
        if pairs is None or chosen is None:
            self._telling.drop()
            self._told = None
            self._tell(found)
            return

        def show(told: Agreement) -> None:
            self._told = (quantity, told)
            self._tell(found)

        self._telling.ask(
            partial(beside_products.chosen_agreement, found, quantity, pairs, chosen),
            show,
            lambda line: self.place.tell(line, "warning"),
        )

    def _tell(self, found: Compared) -> None:
        beams = ", ".join(track.beam for track in found.tracks)
        self.layout.listing.content = product_tables.listing(found, beams, self._told, self.theme)

    def _go(self, values: dict[str, Any]) -> None:
        with self.place.guard("following the click"):
            if "clear" in values:
                self.place.state.move(box=None, **_NO_STRETCH)
            elif "beam" in values and isinstance(self._found, Alone):
                self._beam_alone = str(values["beam"])
                self._draw_alone(self._found)

    def _open_pair(self, row: int) -> None:
        found, pairs = self._found, self._pairs
        if isinstance(found, Matched):
            self._open(str(found.matches.beam[row]), float(found.matches.x_atc[row]), str(found.matches.granule[row]))
        elif isinstance(found, Compared) and pairs is not None:
            self._open(found.tracks[int(pairs.track[row])].beam, float(pairs.x[row]))

    def _open_at(self, x: float) -> None:
        self._open(self.place.state.beam, x)

    def _open(self, beam: str, x: float, granule: str = "") -> None:
        """Show a place, of the granule at hand where none is named, on the page that a click opens."""
        with self.place.guard("opening a place"):
            state = self.place.state
            granule = granule or state.granule
            state.move(page=state.onto, granule=granule, beam=beam, x=x, span=min(state.span, _LOOK))


def _count(track: TrackComparison, start: float, end: float) -> int:
    """Segments of ours between two places, m along the track."""
    rows = detail.rows_in(track.fine.x, start, end)
    return rows.stop - rows.start

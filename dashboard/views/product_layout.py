"""What the Products page consists of: its bar, the linked figures and the listing beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from dashboard import controls
from dashboard.place import Place
from dashboard.state import Later
from dashboard.views import product_looks
from dashboard.views.agreement_listing import Listing
from dashboard.views.export_menu import ExportMenu
from dashboard.views.product_alone import AloneProfile
from dashboard.views.product_histogram import PairHistogram
from dashboard.views.product_map import MatchMap
from dashboard.views.product_profile import ProductProfile
from dashboard.views.product_scatter import Box, Scatter

BEAMS = {"This": "one", "Strong": "strong", "All": "all"}
SHADES = {"By class": "class", "By type": "type"}
ONTO = {"Freeboard": "freeboard", "Review": "review"}
_WIDTH = 500
_STRETCH = {"flex": "1 1 0", "min-width": "0", "min-height": "0"}


class ProductLayout:
    """Views and their places.

    ``go`` is called with what was clicked in the listing, ``choose`` with a box drawn in the scatter, ``open_pair``
    with the row of a pair, ``open_at`` with a place along the beam at hand, m.
    """

    def __init__(
        self, place: Place, theme: str, later: Later, go: Callable[[dict[str, Any]], None],
        choose: Callable[[Box], None], open_pair: Callable[[int], None], open_at: Callable[[float], None],
    ) -> None:  # fmt: skip
        self.place = place
        self.scatter = Scatter(theme, choose, open_pair)
        self.histogram = PairHistogram(theme)
        self.profile = ProductProfile(place, theme, later, open_at)
        self.alone = AloneProfile(theme)
        self.map = MatchMap(place, theme, open_pair)
        self.export = ExportMenu(place)
        self.listing = Listing(go, sizing_mode="stretch_both")
        self.listing.stylesheets = [
            *self.listing.stylesheets,
            controls.sheet("compare.css"),
            controls.sheet("product.css"),
        ]
        self.legend = controls.html("product-legend")
        self.legend.stylesheets = [*self.legend.stylesheets, controls.sheet("product.css")]
        self.view = pn.Column(
            self._bar(), controls.body(self._charts(), self._side()), sizing_mode="stretch_both", margin=0
        )

    def paint(self, theme: str) -> None:
        """Repaint for a theme."""
        for view in (self.scatter, self.histogram, self.profile, self.alone, self.map):
            view.paint(theme)
        self.legend.object = ""

    def show_kind(self, role: str) -> None:
        """Show what belongs to a product of the ``pass``, one ``alone``, or independent measurements (``measured``)."""
        along, alone, measured = role == "pass", role == "alone", role == "measured"
        for there, parts in (
            (along, (self._profile_chart, self._choices, self.beam.widget, self.beams.widget, self._beams_label)),
            (along, (self.granule.widget, self._on_track)),
            (alone, (self._alone_chart,)),
            (measured, (self._map_chart,)),
            (not alone, (self._scatter_card, self.run.widget)),
        ):
            for part in parts:
                if part.visible != there:
                    part.visible = there

    def follow(self, products: Mapping[str, str], product: str | None, quantities: Mapping[str, str]) -> None:
        """Show the choices: ``products`` and ``quantities`` by title."""
        self.product.follow(products, product)
        self.beams.follow(BEAMS)
        self.quantity.follow(quantities)
        self.shade.follow(SHADES)
        self.onto.follow(ONTO)

    def explain(self, product: str, theme: str) -> None:
        """Say what the lines are."""
        told = (("ours", product_looks.ours(theme)), (product, product_looks.theirs(theme)))
        entries = "".join(
            f"<span><span class='line' style='border-color:{colour}'></span>{name}</span>" for name, colour in told
        )
        text = f"<div class='inline product-keys'>{entries}</div>"
        if text != self.legend.object:
            self.legend.object = text

    def _bar(self) -> Any:
        state = self.place.state
        self.granule = controls.select(state, "granule", "Granule", 236)
        self.beam = controls.choice(state, "beam", {})
        self.beams = controls.choice(state, "together", BEAMS)
        self.run = controls.select(state, "run", "Freeboard run", 150)
        self.product = controls.select(state, "product", "Compared with", 216)
        fit = controls.button("Fit", "The whole track (Home)", self.place.show_whole)
        self._beams_label = _label("Beams")
        self._on_track = pn.Row(fit, self.export, margin=0, align="end", styles={"gap": "10px"})
        return controls.bar(
            self.product.widget, self.granule.widget, self.beam.widget, self._beams_label, self.beams.widget,
            self.run.widget, pn.Spacer(sizing_mode="stretch_width"), self._on_track,
        )  # fmt: skip

    def _charts(self) -> Any:
        state = self.place.state
        self.quantity = controls.choice(state, "quantity", product_looks.QUANTITIES)
        self.shade = controls.choice(state, "shade", SHADES)
        self.onto = controls.choice(state, "onto", ONTO)
        self._choices = pn.Row(
            self.quantity.widget, pn.Spacer(sizing_mode="stretch_width"), self.shade.widget, _label("A click opens"),
            self.onto.widget,
            sizing_mode="stretch_width", height=32, margin=0, styles={"gap": "10px"},
        )  # fmt: skip
        self._scatter_card = self._card(controls.Chart(self.scatter.figure, "stretch_both"), 1.0)
        histogram = self._card(controls.Chart(self.histogram.figure, "stretch_both"), 1.0)
        above = pn.Row(
            self._scatter_card, histogram, sizing_mode="stretch_both", margin=0, styles=_STRETCH | {"gap": "10px"}
        )
        self._profile_chart = pn.Column(
            controls.Chart(self.profile.figure, "stretch_both"),
            pn.Column(self.legend, margin=0, styles={"position": "absolute", "top": "12px", "right": "22px"}),
            sizing_mode="stretch_both", margin=0, styles={"position": "relative"},
        )  # fmt: skip
        self._alone_chart = controls.Chart(self.alone.figure, "stretch_both")
        self._map_chart = controls.Chart(self.map.figure, "stretch_both")
        below = self._card(
            pn.Column(self._profile_chart, self._alone_chart, self._map_chart, sizing_mode="stretch_both", margin=0),
            1.0,
        )
        return pn.Column(
            self._choices, above, below, sizing_mode="stretch_both", margin=0, styles=_STRETCH | {"gap": "8px"}
        )

    @staticmethod
    def _card(content: Any, part: float) -> Any:
        return controls.card(content, sizing_mode="stretch_both", styles=_STRETCH | {"flex": f"{part} 1 0"})

    def _side(self) -> Any:
        return controls.card(self.listing, sizing_mode="stretch_height", width=_WIDTH, styles={"flex": "none"})


def _label(text: str) -> Any:
    return pn.pane.HTML(
        f"<span style='color:var(--soft);font-size:12px'>{text}</span>", margin=(0, 0, 8, 0), align="end"
    )

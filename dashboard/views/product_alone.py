"""A product of no granule here along its own track: freeboard, or heights where it has none, as steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d, Span

from dashboard import detail, palette
from dashboard.views import figure as looks
from dashboard.views import product_looks
from dashboard.views.product_along import Along, gathered, steps
from processing.io.sea_ice_products import ProductBeam

_MOST = 6_000
_LINE: dict[str, list[Any]] = {"x": [], "y": []}


class AloneProfile:
    """``figure`` shows a beam whole; it is panned and zoomed in the browser."""

    def __init__(self, theme: str) -> None:
        self.x, self.y = Range1d(0, 1000), Range1d(-0.1, 1.0)
        self.figure = looks.profile_figure(self.x, self.y, sizing_mode="stretch_both", name="product-alone")
        self.figure.min_border_bottom = 40
        self.figure.xaxis.formatter = looks.kilometre_ticks()
        self.figure.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
        self.line = ColumnDataSource(dict(_LINE), name="alone-line")
        self.ssh = ColumnDataSource(dict(_LINE), name="alone-ssh")
        self._line = looks.draw(self.figure, "line", "x", "y", source=self.line, line_width=1.8)
        self._ssh = looks.draw(self.figure, "scatter", "x", "y", source=self.ssh, size=8, marker="inverted_triangle")
        self._zero = Span(location=0, dimension="width", line_width=1, line_dash="dashed")
        self.figure.add_layout(self._zero)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        looks.paint(self.figure, theme)
        ink = palette.theme(theme)
        self._line.glyph.line_color = product_looks.theirs(theme)
        self._ssh.glyph.update(fill_color=product_looks.ours(theme), line_color=ink["card"])
        self._zero.line_color = ink["soft"]

    def show(self, beam: ProductBeam | None) -> None:
        """Draw a beam, or none."""
        known = np.isfinite(beam.x_atc) if beam is not None else np.zeros(0, np.bool_)
        if beam is None or not known.any():
            self.line.data, self.ssh.data = dict(_LINE), dict(_LINE)
            return
        x, values = beam.x_atc[known], quantity_of(beam)[known]
        origin = float(np.floor(x.min() / 1000.0) * 1000.0)
        none = np.full(len(x), np.nan)
        whole = Along(x, beam.length[known], values, none, none, none[:0], np.zeros(0, np.float32))
        part = gathered(whole, float(x.min()), float(x.max()), _MOST)
        line_x, line_y = steps(part.x, part.length, part.ours)
        self.line.data = {"x": line_x - origin, "y": line_y}
        low, high = detail.comfortable(values.astype(np.float32), 0.3)
        level = beam.is_sea_level[known]
        self.ssh.data = {"x": x[level] - origin, "y": np.full(int(level.sum()), low + 0.04 * (high - low))}
        room = 0.02 * max(float(x.max() - x.min()), 100.0)
        self.x.update(start=float(x.min()) - room - origin, end=float(x.max()) + room - origin)
        self.y.update(start=low, end=high)
        self.figure.yaxis.axis_label = "Freeboard (m)" if beam.kind == "atl10" else "Height (m)"
        self.figure.xaxis.axis_label = f"Along track (km from {origin / 1000:,.0f} km after the equator crossing)"


def quantity_of(beam: ProductBeam) -> Any:
    """Freeboard of a beam of ATL10, heights of one of ATL07; f8 m."""
    return beam.freeboard if beam.kind == "atl10" else beam.height

"""A menu to download what a page shows: which part, which table, in which format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import param
from panel.custom import JSComponent

from dashboard import words
from dashboard.controls import STATIC, sheet
from dashboard.exporting import FORMATS
from dashboard.place import Place

_FORMAT_TITLES = {
    "csv": "CSV",
    "parquet": "Parquet",
    "geoparquet": "GeoParquet (maps)",
    "netcdf": "NetCDF (CF)",
}
_NOT_OFFERED = ("truth",)
_FIRST = "freeboard"

Count = Callable[[float, float], int]
"""How many segments of the beam at hand lie between two along-track distances, m."""


class ExportMenu(JSComponent):
    """A button with a menu; ``follow`` tells it what there is to download at a place."""

    extents = param.List([], doc="key, title, words of the address and what is told of each part")
    tables = param.List([], doc="key, title and what is told of each table")
    formats = param.List([], doc="key and title of each format")
    links = param.List([], doc="route, title and words of what is downloaded as it is: report, figures")

    _esm = STATIC / "export_menu.js"

    def __init__(self, place: Place, **params: Any) -> None:
        super().__init__(
            stylesheets=[sheet("panel.css"), sheet("export_menu.css")],
            formats=[{"key": key, "title": _FORMAT_TITLES[key]} for key in FORMATS],
            margin=0,
            align="end",
            **params,
        )
        self.place = place

    def follow(self, count: Count | None = None) -> None:
        """Offer the stretch that is chosen, what is in view, the beam and the granule; with ``count``, how much it is.

        Says nothing to the browser where nothing has changed.
        """
        place = self.place
        run = place.run
        wanted = extents(place, run, count) if run and place.granule else []
        if wanted != self.extents:
            self.extents = wanted
        links = _links(place, run) if run else []
        if links != self.links:
            self.links = links
        if not self.tables and wanted:
            self.tables = tables()


def extents(place: Place, run: str, count: Count | None) -> list[dict[str, Any]]:
    """Parts of the present granule that can be downloaded."""
    state, granule = place.state, place.granule
    beam = next((one for one in granule.beams if one.name == state.beam), None) if granule else None
    if granule is None or beam is None:
        return []
    of_beam = {"granule": state.granule, "beam": state.beam, "run": run}
    found = []
    for key, title, stretch in (("stretch", "Chosen stretch", state.stretch), ("view", "In view", state.window)):
        if stretch is not None:
            start, end = (round(at, 2) for at in stretch)
            ends = {"from": f"{start:.2f}", "to": f"{end:.2f}"}
            rows = f", {count(start, end):,} segments" if count else ""
            told = f"{state.beam}, {words.metres(min(end - start, max(beam.x_end - beam.x_start, 0.0)))}{rows}."
            found.append({"key": key, "title": title, "words": of_beam | ends, "told": told})
    total = sum(one.rows for one in granule.beams)
    return [
        *found,
        {"key": "beam", "title": f"Beam {state.beam}", "words": of_beam, "told": f"{beam.rows:,} segments."},
        {
            "key": "granule",
            "title": f"Granule, {len(granule.beams)} beams",
            "words": {"granule": state.granule, "run": run},
            "told": f"{total:,} segments.",
        },
    ]


def tables() -> list[dict[str, str]]:
    """Tables that can be downloaded, freeboard first."""
    from processing.local.export_sources import names, source

    known = sorted((name for name in names() if name not in _NOT_OFFERED), key=lambda name: name != _FIRST)
    return [{"key": name, "title": name.capitalize(), "told": f"{source(name).title}."} for name in known]


def _links(place: Place, run: str) -> list[Mapping[str, Any]]:
    """What is downloaded as it is."""
    state = place.state
    granule = {"granule": state.granule, "run": run}
    stretch: Sequence[float] = state.stretch or state.window
    part = {"beam": state.beam, "from": f"{stretch[0]:.2f}", "to": f"{stretch[1]:.2f}"}
    return [
        {"route": "report", "title": "Report of the granule (HTML)", "words": granule},
        {"route": "figure", "title": "Figure of the stretch (PNG)", "words": granule | part | {"format": "png"}},
        {"route": "figure", "title": "SVG", "words": granule | part | {"format": "svg"}},
    ]

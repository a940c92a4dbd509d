"""The queue of zones: filters, a list of any length of which only what is in sight is drawn, and progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import param
from panel.custom import JSComponent

from dashboard import palette, words
from dashboard.controls import STATIC, colours_sheet, sheet
from dashboard.state import KINDS, WHY, Change

if TYPE_CHECKING:
    from dashboard.place import Place
    from dashboard.zone_queue import Progress, RankedZone

LIMIT = 20_000
"""Zones that the browser is given; those where looking pays less are told as a number."""

_FILTERS = ("why", "where", "kind", "todo")


class QueueList(JSComponent):
    """Shows ``place.desk``'s queue. Rows are sent when the queue itself changes, marks alone when labels do."""

    rows = param.String("", doc="columns of the zones, as JSON")
    done = param.String("", doc="for each row, 1 when it is done")
    current = param.String("", doc="the zone at hand")
    head = param.String("{}", doc="filters, totals, progress and what to say where there is nothing, as JSON")

    _esm = STATIC / "queue_list.js"

    def __init__(self, place: Place, **params: Any) -> None:
        super().__init__(**params, margin=0, stylesheets=[colours_sheet(), sheet("panel.css"), sheet("queue_list.css")])
        self.place = place
        self._shown: list[RankedZone] = []
        self._sent: tuple[Any, ...] = ()

    def update(self, change: Change) -> None:
        """Follow the state."""
        values: dict[str, Any] = {"current": self.place.state.zone} | self._rows()
        if change.touches("edits", "zones", "opinion", "analyst", "granule", "beam", "page", *_FILTERS):
            values["done"] = "".join("01"[entry.done] for entry in self._shown)
            values["head"] = json.dumps(self._head())
        self.param.update(**values)

    def _rows(self) -> dict[str, str]:
        """The rows, when they are others than those that were sent."""
        desk, state = self.place.desk, self.place.state
        desk.judge_all()
        version = (desk.queue_of.version, state.why, state.where, state.kind)
        if version == self._sent:
            return {}
        self._sent = version
        self._shown = desk.queue_of.ranked(replace(desk.filter, todo=False))[:LIMIT]
        return {"rows": columns(self._shown)}

    def _head(self) -> dict[str, Any]:
        state, desk = self.place.state, self.place.desk
        tracks = desk.progress()
        totals = sum(tracks.values(), start=_none())
        return {
            "total": totals.total,
            "done": totals.done,
            "share": totals.share,
            "more": max(len(desk.queue_of.ranked(replace(desk.filter, todo=False))) - LIMIT, 0),
            "filter": {name: getattr(state, name) for name in _FILTERS},
            "whys": [[key, key.capitalize() or "Any reason"] for key in WHY],
            "wheres": self._wheres(),
            "kinds": [[key, palette.class_name(int(key)).capitalize() if key else "Any class"] for key in KINDS],
            "progress": self._progress(tracks),
            "empty": self._empty(totals),
        }

    def _wheres(self) -> list[list[str]]:
        state = self.place.state
        found = {"": "All granules", state.granule: "This granule", f"{state.granule}/{state.beam}": "This beam"}
        if state.where not in found:
            granule, _, beam = state.where.partition("/")
            found[state.where] = f"{self._title(granule)} {beam}".strip()
        return [[key, title] for key, title in found.items()]

    def _title(self, granule: str) -> str:
        item = self.place.catalog.granule(granule)
        return words.instant(item.time) if item is not None else granule

    def _progress(self, tracks: dict[tuple[str, str], Progress]) -> list[dict[str, Any]]:
        """The present granule and its beams, then the other granules."""
        present = self.place.state.granule
        by_granule: dict[str, Progress] = {}
        for (granule, _), found in tracks.items():
            by_granule[granule] = by_granule.get(granule, _none()) + found
        order = sorted(by_granule, key=lambda granule: granule != present)
        lines = []
        for granule in order:
            lines.append(_line(self._title(granule), granule, by_granule[granule], 0))
            if granule == present:
                beams = sorted((beam, found) for (of, beam), found in tracks.items() if of == granule)
                lines += [_line(beam, f"{granule}/{beam}", found, 1) for beam, found in beams]
        return lines

    def _empty(self, totals: Progress) -> dict[str, str]:
        """What to say and do where the list has nothing to show."""
        place = self.place
        expected = sum(1 for granule in place.catalog.granules for beam in granule.beams if beam.rows)
        if len(place.desk.queue_of.tracks) < expected and not totals.total:
            return {"title": "Looking for zones…", "text": "Flags, the model and drift are weighed beam by beam."}
        if not place.has_segments:
            return {"title": "No segments yet", "text": "Run:", "command": place.workspace.command("resample")}
        if place.workspace.auto_source(place.state.granule, place.state.beam) is None:
            return {"title": "No labels yet", "text": "Auto-labels come first. Run:",
                    "command": place.workspace.command("autolabel")}  # fmt: skip
        if not totals.total:
            return {"title": "Nothing asks for a look", "text": "No segment is flagged or doubtful."}
        state = place.state
        if totals.done == totals.total and not (state.why or state.where or state.kind):
            return {"title": "All zones are done", "text": "Freeze a snapshot of the labels, then train on it."}
        return {"title": "No zone passes the filters", "text": "", "action": "Show all"}

    def _handle_msg(self, data: dict[str, Any]) -> None:
        answers: dict[str, Callable[[], None]] = {
            "zone": lambda: self.place.desk.select_zone(str(data["zone"])),
            "filter": lambda: self.place.state.move(**{str(name): value for name, value in data["values"].items()}),
        }
        with self.place.guard("choosing a zone"):
            answers[data["type"]]()


def columns(entries: list[RankedZone]) -> str:
    """Zones as columns in JSON; names that repeat are sent once."""
    granules = {name: at for at, name in enumerate(dict.fromkeys(entry.granule for entry in entries))}
    beams = {name: at for at, name in enumerate(dict.fromkeys(entry.beam for entry in entries))}
    zones = [entry.zone for entry in entries]
    whys = {name: at for at, name in enumerate(dict.fromkeys(why for zone in zones for why in zone.reasons))}
    return json.dumps(
        {
            "granules": list(granules),
            "beams": list(beams),
            "whys": list(whys),
            "granule": [granules[entry.granule] for entry in entries],
            "beam": [beams[entry.beam] for entry in entries],
            "first": [zone.first for zone in zones],
            "why": [[whys[reason] for reason in zone.reasons] for zone in zones],
            "metres": [round(zone.x_end - zone.x_start) for zone in zones],
            "label": [zone.label for zone in zones],
            "score": [round(float(zone.score), 4) for zone in zones],
        },
        separators=(",", ":"),
    )


def _line(name: str, where: str, found: Progress, level: int) -> dict[str, Any]:
    return {"name": name, "where": where, "done": found.done, "total": found.total, "share": found.share,
            "level": level}  # fmt: skip


def _none() -> Progress:
    from dashboard.zone_queue import Progress

    return Progress()

"""HTML that keeps the keyboard's place, and the disagreements in it: where, how long, who says what."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import param
from panel.custom import JSComponent

from dashboard import palette, words
from dashboard.agreement import Disagreement, Findings, Pair
from dashboard.catalog import Catalog
from dashboard.controls import STATIC, sheet
from dashboard.editing import ADJUDICATE
from dashboard.views.clickable import go

LONGEST_LIST = 300
"""Disagreements shown; those below are shorter, and come up as these are settled."""


class Listing(JSComponent):
    """Shows ``content``; ``on_go`` is called with the values of the part that was clicked, ``on_ready`` when drawn."""

    content = param.String("", doc="HTML, escaped by whoever makes it")

    _esm = STATIC / "agreement.js"

    def __init__(self, on_go: Callable[[dict[str, Any]], None], **params: Any) -> None:
        super().__init__(stylesheets=[sheet("listing.css"), sheet("agreement.css")], **params)
        self._on_go = on_go
        self.on_ready: Callable[[], None] = _nothing

    def _handle_msg(self, data: dict[str, Any]) -> None:
        if data.get("ready"):
            self.on_ready()
        else:
            self._on_go(data)


def queue(found: Findings, pair: Pair | None, catalog: Catalog, theme: str) -> str:
    """The disagreements of a pair or of all, the longest first."""
    stretches, facts = found.of(pair), found.facts(pair)
    settled = facts.settled if facts else 0.0
    length = words.metres(sum(one.metres for one in stretches))
    told = f"{len(stretches):,} open, {length}" if stretches else "none open"
    done = f" · {words.metres(settled)} settled" if settled else ""
    undo = "" if found.undoable else "disabled"
    head = (
        f"<div class='top'><h2>Disagreements <small class='soft'>{told}{done}</small></h2>"
        f"<button {undo} data-act='undo' {_go(undo=1)} title='Bring back what you settled last'>Undo</button></div>"
    )
    if not stretches:
        return head + "<p class='end'>Where both judged, both give the same class, or it is settled.</p>"
    shown = "".join(_row(one, catalog, theme) for one in stretches[:LONGEST_LIST])
    return head + shown + _rest(stretches[LONGEST_LIST:])


def _row(one: Disagreement, catalog: Catalog, theme: str) -> str:
    ident = escape(one.ident, quote=True)
    granule = catalog.granule(one.granule)
    title = words.granule_title(one.granule, granule.time) if granule else one.granule
    place = (one.x_start - origin(catalog, one.granule)) / 1000.0
    buttons = "".join(_take(one, side, theme) for side in (0, 1))
    return (
        f"<div class='row' data-go='{_json(look=one.ident)}'><b>{words.metres(one.metres)}</b>"
        f"<div class='where' data-row='{ident}' data-act='look' {go(look=one.ident)} title='Look at it in Review'>"
        f"{escape(one.beam)} at {place:,.2f} km<small>{escape(title)}</small></div>{buttons}</div>"
    )


def _take(one: Disagreement, side: int, theme: str) -> str:
    """The button that takes one analyst's class."""
    label, name = one.labels[side], one.pair[side]
    edit = _json(kind=ADJUDICATE, label=label, selection=one.selection.descriptor())
    return (
        f"<button data-row='{escape(one.ident, quote=True)}' data-act='take{side}' data-edit='{edit}' "
        f"title='{escape(f'Settle it as {palette.class_name(label)}, as {name} says', quote=True)}'>"
        f"{words.swatch(palette.class_colour(label, theme))}<span class='text'>"
        f"{palette.class_name(label)}<small>{escape(name)}</small></span></button>"
    )


def _rest(hidden: Sequence[Disagreement]) -> str:
    if not hidden:
        return ""
    length = words.metres(sum(one.metres for one in hidden))
    return f"<p class='end'>and {len(hidden):,} shorter ones, {length} together</p>"


def origin(catalog: Catalog, granule: str) -> float:
    """Along-track distance that the axes of a granule count from, as in ``Place.origin``."""
    found = catalog.granule(granule)
    starts = [beam.x_start for beam in found.beams if not beam.line.empty] if found else []
    return math.floor(min(starts, default=0.0) / 1000.0) * 1000.0


def empty(analysts: Sequence[str]) -> str:
    """What to do for a second opinion."""
    headline = "No second opinion yet" if analysts else "No opinion yet"
    names = escape(", ".join(analysts))
    if not analysts:
        start = "Nobody has judged labels here yet."
    elif len(analysts) == 1:
        start = f"So far {names} alone has judged."
    else:
        start = f"So far {names} have judged, but no two the same segments."
    told = (
        f"{start} Agreement is measured where two analysts judged the same segments. Another analyst gives a name at "
        "the top of the page and chooses the second opinion in Review: the first one is then hidden, and what is said "
        "stays beside the labels in force."
    )
    opinion, text = ("second", "Give a second opinion") if analysts else ("first", "Judge labels in Review")
    button = f"<button class='main' {_go(opinion=opinion)}>{text}</button>"
    return f"<div class='empty'><h2>{headline}</h2><p>{told}</p>{button}</div>"


def _go(**values: Any) -> str:
    return f"data-go='{_json(**values)}'"


def _json(**values: Any) -> str:
    return escape(json.dumps(values), quote=True)


def _nothing() -> None:
    """Nobody waits for the listing."""

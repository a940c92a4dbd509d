"""The keys: one table that the help shows and the page acts by.

A key either acts on the place, or is an edit: the browser gives an edit its gesture and keeps it until it is stored,
so that the server sees it as a message of its own (``Shell.on_edit``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dashboard import level_moves, tiles
from dashboard.place import Place
from dashboard.state import COLOURS, METHODS, OVERLAYS, PAGES, QUANTITIES, TOGETHER

Action = Callable[[Place, bool], None]
"""Acts on the place; the flag says whether Shift was held."""

NUDGES = (10.0, 50.0)
"""How far an arrow moves the drift without and with Shift, m."""

REASON_KEYS = {"q": "cloud", "w": "shadow", "e": "transition", "r": "drift", "t": "other"}
LABEL_KEYS = {"1": 0, "2": 1, "3": 2, "0": -1}
PAGE_KEYS = {
    "o": "overview",
    "v": "review",
    "f": "freeboard",
    "u": "products",
    "a": "agreement",
    "j": "jobs",
    "x": "compare",
}


@dataclass(frozen=True)
class Key:
    """One line of the key help.

    Attributes
    ----------
    keys : what the help shows.
    meaning : what they do.
    group : heading of the help they stand under.
    acts : what each key does, by the browser's name of the key.
    edits : the edits among them: kind and label.
    pages : where they act; everywhere when empty.
    """

    keys: tuple[str, ...]
    meaning: str
    group: str
    acts: Mapping[str, Action] = field(default_factory=dict)
    edits: Mapping[str, tuple[str, int | None]] = field(default_factory=dict)
    pages: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        return (*self.acts, *self.edits)

    def table(self) -> dict[str, Any]:
        """As the browser needs it."""
        edits = {code: {"kind": kind, "label": label} for code, (kind, label) in self.edits.items()}
        reasons = {code: _REASONS[code] for code in self.acts if self.group == "Label" and code in _REASONS}
        return {
            "keys": list(self.keys),
            "meaning": self.meaning,
            "group": self.group,
            "pages": list(self.pages),
            "codes": list(self.codes),
            "edits": edits,
            "reasons": reasons,
        }


def press(place: Place, key: str, shift: bool) -> None:
    """Do what a key does on the page in sight; nothing where it has no meaning."""
    for line in KEYS:
        if key in line.acts and (not line.pages or place.state.page in line.pages):
            line.acts[key](place, shift)
            return


def _press(key: str) -> Action:
    return lambda place, shift: press(place, key, shift)


def _step(direction: int) -> Action:
    def act(place: Place, shift: bool) -> None:
        if _nudged(place, direction, 0, shift):
            return
        low, high = place.extent
        x = place.state.x + direction * place.state.span * (1.0 if shift else 0.2)
        place.state.move(x=float(np.clip(x, low, high)))

    return act


def _lift(direction: int) -> Action:
    def act(place: Place, shift: bool) -> None:
        _nudged(place, 0, direction, shift)

    return act


def _nudged(place: Place, east: int, north: int, shift: bool) -> bool:
    """Whether the drift is being set by hand, and so was moved."""
    state = place.state
    if not state.drifting or state.page != "review":
        return False
    by = NUDGES[int(shift)]
    place.drifting.nudge(east * by, north * by)
    return True


def _zoom(factor: float) -> Action:
    def act(place: Place, _: bool) -> None:
        low, high = place.extent
        place.state.move(span=min(place.state.span * factor, max(1.2 * (high - low), 200.0)))

    return act


def _whole(place: Place, _: bool) -> None:
    place.show_whole()


def _next(values: list[str], now: str, back: bool) -> str:
    if not values:
        return now
    at = values.index(now) if now in values else 0
    return values[(at + (-1 if back else 1)) % len(values)]


def _beam(place: Place, shift: bool) -> None:
    place.state.move(beam=_next(place.beams, place.state.beam, shift))


def _granule(place: Place, shift: bool) -> None:
    idents = [granule.ident for granule in place.catalog.granules]
    place.state.move(granule=_next(idents, place.state.granule, shift), x=math.nan)


def _image(place: Place, shift: bool) -> None:
    scene = place.scene
    place.state.move(image=_next([*(tiles.images_of(scene) if scene else []), "none"], place.state.image, shift))


def _cycle(name: str, values: tuple[str, ...]) -> Action:
    def act(place: Place, shift: bool) -> None:
        place.state.move(**{name: _next(list(values), getattr(place.state, name), shift)})

    return act


def _set(**values: Any) -> Action:
    def act(place: Place, _: bool) -> None:
        place.state.move(**values)

    return act


def _turn(name: str) -> Action:
    def act(place: Place, _: bool) -> None:
        values: dict[str, Any] = {name: not getattr(place.state, name)}
        place.state.move(**values)

    return act


def _drift(place: Place, _: bool) -> None:
    if place.state.drifting:
        place.drifting.leave()
    elif place.drift(place.state.beam) is None:
        place.tell("there is no drift to set yet: the auto-labels come first", "warning")
    else:
        place.drifting.begin()


def _zone(step: int) -> Action:
    def act(place: Place, _: bool) -> None:
        if not place.desk.next_zone(step):
            place.tell("no zone is left to do here" if step > 0 else "there is no zone before this one")

    return act


def _leave(place: Place, _: bool) -> None:
    """One step out: of the drift, of the lasso, then of the selection."""
    if place.state.drifting:
        place.drifting.leave()
    elif place.state.lasso:
        place.state.move(lasso=False)
    else:
        place.desk.clear()


def _lead(step: int) -> Action:
    return lambda place, _: level_moves.step_lead(place, step)


def _leave_level(place: Place, _: bool) -> None:
    level_moves.leave(place)


def _both(action: Action, *keys: str) -> dict[str, Action]:
    """The same for a letter with and without Shift."""
    return {code: action for key in keys for code in (key, key.upper())}


_REVIEW = ("review",)
_FREEBOARD = ("freeboard",)
_PRODUCTS = ("products",)
_ALONG = ("review", "freeboard", "products", "compare")
_LABELS = "thick ice, thin ice, open water, unlabelled"
_REASONS = {code: why for key, why in REASON_KEYS.items() for code in (key, key.upper())}
_ACCEPT: dict[str, tuple[str, int | None]] = {"Enter": ("accept", None)}

KEYS = (
    Key(("1", "2", "3", "0"), _LABELS, "Label", edits={key: ("paint", code) for key, code in LABEL_KEYS.items()},
        pages=_REVIEW),
    Key(("Enter",), "accept the labels as they are", "Label", edits=_ACCEPT, pages=_REVIEW),
    Key(("Z", "Y"), "undo, redo", "Label", pages=("review", "agreement"),
        edits={"z": ("undo", None), "Z": ("undo", None), "y": ("redo", None), "Y": ("redo", None)}),
    Key(tuple(key.upper() for key in REASON_KEYS), "reason: " + ", ".join(REASON_KEYS.values()), "Label", pages=_REVIEW,
        acts={code: _set(reason=why) for code, why in _REASONS.items()}),
    Key(("N", "P"), "next zone, the zone before", "Select", {**_both(_zone(1), "n"), **_both(_zone(-1), "p")},
        pages=_REVIEW),
    Key(("Drag",), "select a stretch, snapped to label edges", "Select", pages=_REVIEW),
    Key(("Alt", "Drag"), "select freely", "Select", pages=_REVIEW),
    Key(("Ctrl", "Drag"), "add to what is selected", "Select", pages=_REVIEW),
    Key(("Click",), "on a zone: take it whole", "Select", pages=_REVIEW),
    Key(("Double click",), "the run of one label", "Select", pages=_REVIEW),
    Key(("L",), "lasso on the map (Shift: add)", "Select", _both(_turn("lasso"), "l"), pages=_REVIEW),
    Key(("Esc",), "clear the selection, leave a mode", "Select", {"Escape": _leave}, pages=_REVIEW),
    Key(("Drag",), "select a stretch", "Select", pages=_FREEBOARD),
    Key(("Click",), "on a lead: open it", "Select", pages=_FREEBOARD),
    Key(("N", "P"), "next lead, the lead before", "Select", {**_both(_lead(1), "n"), **_both(_lead(-1), "p")},
        pages=_FREEBOARD),
    Key(("Esc",), "clear the stretch, then the lead", "Select", {"Escape": _leave_level}, pages=_FREEBOARD),
    Key(("Drag",), "choose a stretch, or a box of pairs", "Select", pages=_PRODUCTS),
    Key(("Click",), "on a segment: open its place", "Select", pages=_PRODUCTS),
    Key(("Esc",), "clear what is chosen", "Select",
        {"Escape": _set(stretch_start=math.nan, stretch_end=math.nan, box=None)}, pages=_PRODUCTS),
    Key(("←", "→"), "move along the track (Shift: a whole view)", "Move",
        {"ArrowLeft": _step(-1), "ArrowRight": _step(1)}, pages=_ALONG),
    Key(("+", "−"), "zoom in, zoom out (or the wheel)", "Move",
        {"+": _zoom(0.5), "=": _zoom(0.5), "-": _zoom(2.0), "_": _zoom(2.0)}, pages=_ALONG),
    Key(("Shift", "Drag"), "move the pictures", "Move", pages=("review", "freeboard", "products")),
    Key(("Home",), "whole track", "Move", {"Home": _whole}, pages=_ALONG),
    Key(("B", "G"), "next beam, next granule (Shift: before)", "Move", {**_both(_beam, "b"), **_both(_granule, "g")},
        pages=_ALONG),
    Key(("C",), "next image (Shift: before)", "See", _both(_image, "c"), pages=_REVIEW),
    Key(("M",), "overlay: none, labels, cloud", "See", _both(_cycle("overlay", OVERLAYS), "m"), pages=_REVIEW),
    Key(("K",), "what colours the beams", "See", _both(_cycle("colour", COLOURS), "k"), pages=_REVIEW),
    Key(("M",), "next sea-surface method", "See", _both(_cycle("method", METHODS), "m"), pages=_FREEBOARD),
    Key(("K",), "one beam, strong beams, all beams", "See", _both(_cycle("together", TOGETHER), "k"),
        pages=_FREEBOARD + _PRODUCTS),
    Key(("M",), "next quantity (Shift: before)", "See", _both(_cycle("quantity", QUANTITIES), "m"), pages=_PRODUCTS),
    Key(("D",), "set the drift by hand", "Drift", _both(_drift, "d"), pages=_REVIEW),
    Key(("←", "→", "↑", "↓"), "nudge it 10 m (Shift: 50 m)", "Drift", {"ArrowUp": _lift(1), "ArrowDown": _lift(-1)},
        pages=_REVIEW),
    Key(("Enter", "Esc"), "apply it, leave it", "Drift", pages=_REVIEW),
    Key(tuple(key.upper() for key in PAGE_KEYS), ", ".join(page.capitalize() for page in PAGE_KEYS.values()), "Pages",
        {code: action for key, page in PAGE_KEYS.items() if page in PAGES
         for code, action in _both(_set(page=page), key).items()}),
    Key(("?",), "this help", "Pages"),
)  # fmt: skip

KEY_ACTIONS: dict[str, Action] = {code: _press(code) for line in KEYS for code in line.acts}

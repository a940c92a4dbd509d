"""What the keys do: each moves the state, nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dashboard import tiles
from dashboard.place import Place
from dashboard.state import PAGES

Action = Callable[[Place, bool], None]
"""Acts on the place; the flag says whether Shift was held."""


def _step(direction: int) -> Action:
    def act(place: Place, shift: bool) -> None:
        low, high = place.extent
        x = place.state.x + direction * place.state.span * (1.0 if shift else 0.2)
        place.state.move(x=float(np.clip(x, low, high)))

    return act


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


def _go(page: str) -> Action:
    def act(place: Place, _: bool) -> None:
        place.state.move(page=page)

    return act


KEY_ACTIONS: dict[str, Action] = {
    "ArrowLeft": _step(-1),
    "ArrowRight": _step(1),
    "+": _zoom(0.5),
    "=": _zoom(0.5),
    "-": _zoom(2.0),
    "_": _zoom(2.0),
    "0": _whole,
    "b": _beam,
    "B": _beam,
    "g": _granule,
    "G": _granule,
    "c": _image,
    "C": _image,
    **{key: _go(page) for page in PAGES for key in (page[0], page[0].upper())},
}

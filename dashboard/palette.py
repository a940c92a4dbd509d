"""Colours from ``assets/palette.json``: surface classes, photon confidence, sea surfaces and the two themes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ASSETS = Path(__file__).resolve().parents[1] / "assets"
CLASS_CODES = (0, 1, 2, -1)
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Surface:
    """How one sea-surface estimator is drawn."""

    name: str
    colour: str
    dash: str


@lru_cache(maxsize=1)
def _palette() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((ASSETS / "palette.json").read_text(encoding="utf-8"))
    return value


def theme(name: str) -> Mapping[str, str]:
    """Interface colours of the ``light`` or ``dark`` theme by role."""
    colours: Mapping[str, str] = _palette()["themes"][name]
    return colours


def class_name(code: int) -> str:
    """What a class code is called."""
    return str(_palette()["classes"][str(code)]["name"])


def class_colour(code: int, variant: str) -> str:
    """Colour of a class as ``#rrggbb``; ``variant`` is ``light``, ``dark`` or ``scene`` (over an image)."""
    return str(_palette()["classes"][str(code)][variant])


def class_colours(variant: str) -> dict[int, str]:
    """Colour of every class by code."""
    return {code: class_colour(code, variant) for code in CLASS_CODES}


def confidence_colours(variant: str) -> dict[str, str]:
    """Colour of photons by signal confidence, faint to strong."""
    return dict(_palette()["confidence"][variant])


def analyst_colours(variant: str) -> tuple[str, tuple[str, ...], str]:
    """Colours of the auto-label, of the analysts in order and of all further analysts."""
    entry = _palette()["analysts"][variant]
    return str(entry["auto"]), tuple(entry["hands"]), str(entry["others"])


def model_colours(variant: str) -> tuple[str, ...]:
    """Colours of models that are compared, in the order in which they were chosen."""
    return tuple(_palette()["models"][variant])


def flag_colours(variant: str) -> dict[str, str]:
    """Colour of the flags of the auto-labels by name, and of ``none``."""
    return dict(_palette()["flags"][variant])


def sureness_colours(variant: str) -> tuple[str, tuple[str, ...]]:
    """Colour where there is no model, and of the steps from a sure model to a doubtful one."""
    entry = _palette()["sureness"][variant]
    return str(entry["none"]), tuple(entry["steps"])


def over_scene(role: str) -> str:
    """Colour of a mark over a scene by its role; it is the same in both themes."""
    return str(_palette()["over_scene"][role])


def surface(estimator: str, variant: str) -> Surface:
    """How the sea surface of ``estimator`` is drawn."""
    entry = _palette()["sea_surfaces"][estimator]
    return Surface(str(entry["name"]), str(entry[variant]), str(entry["dash"]))


def rgba(colour: str, alpha: int = 255) -> int:
    """``#rrggbb`` as the little-endian 32-bit pixel that images are made of."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red | green << 8 | blue << 16 | alpha << 24


def class_lut(variant: str) -> NDArray[np.str_]:
    """Colours by ``code + 1``, so that an array of codes picks them at once."""
    return np.array([class_colour(code, variant) for code in (-1, 0, 1, 2)])

"""Colours and names of the page that compares with products: ours, theirs, surface types, what is chosen."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard import palette

QUANTITIES = {
    "Freeboard": "freeboard",
    "Height": "height",
    "Sea surface": "sea_surface",
    "Density": "density",
    "Classes": "classes",
}
TITLES = {
    "freeboard": "Freeboard (m)",
    "height": "Height (m)",
    "sea_surface": "Sea surface (m)",
    "density": "Segments per km",
    "classes": "",
}
_TYPES: Mapping[str, tuple[str, ...]] = {
    "light": ("#8b929c", "#6fa3cf", "#00875a", "#0b2f8a"),
    "dark": ("#7d8590", "#b5d5f2", "#2fe0a0", "#3d74ff"),
}
"""Colours by row of TYPES: cloud, ice, specular lead, dark lead."""


def ours(theme: str) -> str:
    """Colour of what is ours."""
    return palette.theme(theme)["accent"]


def theirs(theme: str) -> str:
    """Colour of the product."""
    return palette.theme(theme)["mark"]


def type_colour(group: int, theme: str) -> str:
    """Colour of a group of surface types, -1 for one that is not defined."""
    return _TYPES[theme][group] if group >= 0 else palette.class_colour(-1, theme)


def chosen(theme: str) -> str:
    """Colour of what is chosen, over the card."""
    return palette.theme(theme)["warn"]

"""Drifts that an analyst set by hand: events that win over the estimate, and what provenance says of them."""

from __future__ import annotations

from collections.abc import Mapping

from processing.labels import LabelStore, is_there
from processing.project import Project
from processing.provenance import digest

Shift = tuple[float, float]
"""Motion of the ice from track time to scene time in the scene's CRS, x and y in m."""


def shifts_by_hand(project: Project) -> dict[tuple[str, str], Shift]:
    """The shift in force of each (granule, scene) that has one set by hand. Makes no database."""
    url = project.database_url
    if not is_there(url):
        return {}
    with LabelStore(url, reading=True) as store:
        found = store.shifts().items()
    return {
        pair: (float(event.shift_x), float(event.shift_y))
        for pair, event in found
        if event.shift_x is not None and event.shift_y is not None
    }


def shift_inputs(shifts: Mapping[tuple[str, str], Shift], granule: str, scenes: list[str]) -> dict[str, str]:
    """What a granule's labels rest on by hand: fingerprint of the shift of each of ``scenes`` that has one, by name."""
    return {f"shift:{scene}": digest(list(shifts[granule, scene])) for scene in scenes if (granule, scene) in shifts}

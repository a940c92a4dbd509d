"""Going from lead to lead, and choosing a stretch whose figures are told: what keys, mouse and cards do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard.live_level import levels_of

if TYPE_CHECKING:
    from dashboard.place import Place

NONE = float("nan")


def step_lead(place: Place, step: int) -> None:
    """Go to the next lead along the track, or the one before; from the middle of the view when none is at hand."""
    run, state = place.run, place.state
    if run is None:
        return
    levels = levels_of(place.workspace)
    track = (state.granule, state.beam, run)
    leads = levels.level(*track, levels.settings(*track)).leads
    at = leads.row(state.lead) if state.lead >= 0 else None
    beside = int(np.searchsorted(leads.x, state.x)) - (1 if step < 0 else 0)
    row = beside if at is None else at + step
    if not 0 <= row < len(leads):
        place.tell("there is no lead further along" if step > 0 else "there is no lead before this one")
        return
    x, (low, high) = float(leads.x[row]), state.window
    state.move(lead=int(leads.number[row]), aside="lead", x=state.x if low <= x <= high else x)


def choose(place: Place, start: float, end: float) -> None:
    """Tell the figures of a stretch, m along the track, beside freeboard."""
    place.state.move(stretch_start=start, stretch_end=end, scope="stretch", aside="distribution")


def clear(place: Place) -> None:
    """Tell those of the view again."""
    scope = "view" if place.state.scope == "stretch" else place.state.scope
    place.state.move(stretch_start=NONE, stretch_end=NONE, scope=scope)


def leave(place: Place) -> None:
    """One step out: of the stretch, then of the lead."""
    if place.state.stretch is not None:
        clear(place)
    else:
        place.state.move(lead=-1, aside="distribution" if place.state.aside == "lead" else place.state.aside)

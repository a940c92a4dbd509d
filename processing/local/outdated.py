"""Which tracks a stage has to make: those whose table no longer follows from its inputs, granule by granule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypeVar

from processing.errors import LeadlineError
from processing.local.failures import collected

TrackT = TypeVar("TrackT")


def tracks_to_make(
    names: Iterable[tuple[str, str]], look: Callable[[str, str], TrackT | None], failures: list[LeadlineError]
) -> list[TrackT]:
    """What ``look`` says of each granule and beam in ``names``, sorted; None stands for a table that is current.

    The first error in a granule is added to ``failures`` and ends the granule; where no track can be used it is raised.
    """
    todo: list[TrackT] = []
    usable = 0
    for granule, beams in groupby(names, key=lambda name: name[0]):
        with collected(failures, granule):
            for _, beam in beams:
                track = look(granule, beam)
                usable += 1
                if track is not None:
                    todo.append(track)
    if failures and not usable:
        raise failures[0]
    return todo


def by_granule(units: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Units of each granule, given those of its tracks."""
    found: dict[str, float] = {}
    for granule, some in units:
        found[granule] = found.get(granule, 0.0) + some
    return found

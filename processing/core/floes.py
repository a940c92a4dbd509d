"""Floes: chords of ice between leads along the track.

A chord is what the track crosses of a floe, not the floe's diameter (Rothrock and Thorndike 1984, J. Geophys. Res. 89,
6477-6486; along ICESat-2 tracks Petty et al. 2021, Earth and Space Science 8, e2020EA001479). Where the data end inside
a floe, its chord is longer than what is seen: it is marked as censored and not taken for a short floe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from processing.core.openings import Openings
from processing.core.stretches import Floats, Ints, Mask, runs


@dataclass(frozen=True)
class Floes:
    """Chords of one track, in order; one entry a chord.

    Attributes
    ----------
    first, stop : i8, its segments are ``first:stop``. x : f8 m, its middle.
    chord : f8 m, its length. censored : bool, whether a gap in the data ends it, so that ``chord`` is the least length.
    """

    first: Ints
    stop: Ints
    x: Floats
    chord: Floats
    censored: Mask

    def __len__(self) -> int:
        return len(self.first)


def floes(x: Floats, leads: Openings, segment_length: float, least_lead: float, gap: float) -> Floes:
    """Runs of ice between leads at least ``least_lead`` m wide; narrower leads count as ice.

    A distance of more than ``gap`` m without segments ends a chord. Where there are some metres without segments
    between lead and ice, the border lies half-way.

    Parameters
    ----------
    x : f8 m, ascending window centres of all segments. leads : of the same segments.
    """
    is_lead = _rows_of(leads, least_lead, len(x))
    first, stop = runs(x, ~is_lead, gap)
    begin, open_begin = _border(x, is_lead, first, -1, segment_length, gap)
    end, open_end = _border(x, is_lead, stop - 1, 1, segment_length, gap)
    return Floes(first, stop, 0.5 * (begin + end), end - begin, open_begin | open_end)


def _rows_of(leads: Openings, least_lead: float, rows: int) -> Mask:
    wide = leads.width >= least_lead
    step = np.zeros(rows + 1, np.int64)
    step[leads.first[wide]] = 1
    step[leads.stop[wide]] -= 1
    return np.cumsum(step[:-1]) > 0


def _border(x: Floats, is_lead: Mask, row: Ints, side: int, length: float, gap: float) -> tuple[Floats, Mask]:
    """Where the ice ends before (-1) or after (1) each row, and whether a gap in the data ends it."""
    if len(row) == 0:
        return np.zeros(0), np.zeros(0, np.bool_)
    other = np.clip(row + side, 0, len(x) - 1)
    bounded = is_lead[other] & (np.abs(x[other] - x[row]) <= gap)
    return np.where(bounded, 0.5 * (x[other] + x[row]), x[row] + side * 0.5 * length), ~bounded

"""Openings: leads as they are cut by the track, their widths and spacing.

Width is along the track. A track that crosses a lead at an angle t to it sees ``1 / sin t`` times its width: for leads
of all directions alike the mean seen is pi/2 times the true one, since a lead is met in proportion to ``sin t``. That
is not corrected. Widths along altimeter tracks: Wernecke and Kaleschke 2015, The Cryosphere 9, 1955-1968.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.core.leads import FOOTPRINT, Leads, lead_heights
from processing.core.stretches import Floats, Ints, Mask, mean_over_runs, over_runs, runs
from processing.schema import SurfaceClass


@dataclass(frozen=True)
class Openings:
    """Leads of one track, in order; one entry a lead.

    Attributes
    ----------
    first, stop : i8, the segments ``first:stop`` make the lead.
    x : f8 m, its middle. width : f8 m, from its first window's near edge to its last window's far edge, so that windows
        without a photon inside it (dark water returns few) count.
    sampled : f8 m, length of its windows that hold photons.
    cut : bool, whether an end of it is where the data end, so that ``width`` is the least that it can be.
    spacing : f8 m, from its middle to the middle of the next lead; NaN for the last and across a gap in the data.
    height, height_sigma : f8 m, robust height of its inner part (core.leads) and its standard uncertainty.
    before, after : i1, class of the segment beside it; -1 where that is unlabelled or missing.
    photon_rate : f8, mean photons a shot. flags : u4, all bits that any of its segments has.
    """

    first: Ints
    stop: Ints
    x: Floats
    width: Floats
    sampled: Floats
    cut: Mask
    spacing: Floats
    height: Floats
    height_sigma: Floats
    before: npt.NDArray[np.int8]
    after: npt.NDArray[np.int8]
    photon_rate: Floats
    flags: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class OverOpenings:
    """What the segments of a track tell of its leads; arrays row for row.

    Attributes
    ----------
    x : f8 m, ascending. lead_id : i4, -1 outside every lead. label : i1.
    height, height_sigma : f8 m. photon_rate : photons a shot. flags : u4.
    """

    x: Floats
    lead_id: npt.NDArray[np.int32]
    label: npt.NDArray[np.int8]
    height: Floats
    height_sigma: Floats
    photon_rate: Floats
    flags: npt.NDArray[np.uint32]


def openings(track: OverOpenings, segment_length: float, gap: float, least: float = 0.0) -> Openings:
    """Leads of a track. Those that the sea surface takes in sections (core.leads.SECTION) are whole here.

    ``gap`` is the longest distance between two segments, m, across which spacing is still told; leads narrower than
    ``least`` m are passed over.
    """
    x, reach = track.x, FOOTPRINT + segment_length
    first, stop = runs(x, track.lead_id >= 0, reach)
    wide = x[stop - 1] - x[first] + segment_length >= least
    first, stop = first[wide], stop[wide]
    middle = 0.5 * (x[first] + x[stop - 1])
    closed, none = np.zeros(len(first), np.bool_), np.zeros(len(first))
    flags = over_runs(np.bitwise_or, track.flags, first, stop)
    whole = Leads(first, stop, closed, closed, middle, flags, ~closed, none)
    heights = lead_heights(x, track.height, track.height_sigma, whole, segment_length)
    left, right = _beside(x, first, -1, reach), _beside(x, stop - 1, 1, reach)
    return Openings(
        first,
        stop,
        middle,
        x[stop - 1] - x[first] + segment_length,
        np.asarray((stop - first) * segment_length, np.float64),
        ~left | ~right,
        _spacing(x, first, middle, gap),
        heights.robust,
        heights.robust_sigma,
        _class(track.label, first - 1, left),
        _class(track.label, stop, right),
        mean_over_runs(track.photon_rate, first, stop),
        flags,
    )


def lengths_stood_for(x: Floats, water: Mask, segment_length: float) -> Floats:
    """Length of track that each segment stands for, f8 m: its window, and over water its part of the empty windows.

    Dark water returns few photons, so that windows without any lie in leads above all: those between two segments of
    open water, no further apart than one footprint and one window, count as open water.
    """
    length = np.full(len(x), segment_length)
    first, stop = runs(x, water, FOOTPRINT + segment_length)
    if len(first):
        length[water] = np.repeat((x[stop - 1] - x[first] + segment_length) / (stop - first), stop - first)
    return length


def _beside(x: Floats, row: Ints, side: int, reach: float) -> Mask:
    """Whether there is a segment within ``reach`` before (-1) or after (1) each row."""
    if len(x) == 0:
        return np.zeros(0, np.bool_)
    other = row + side
    inside = (other >= 0) & (other < len(x))
    return inside & (np.abs(x[np.clip(other, 0, len(x) - 1)] - x[row]) <= reach)


def _class(label: npt.NDArray[np.int8], row: Ints, there: Mask) -> npt.NDArray[np.int8]:
    found = np.full(len(row), SurfaceClass.UNLABELLED, np.int8)
    found[there] = label[row[there]]
    return found


def _spacing(x: Floats, first: Ints, middle: Floats, gap: float) -> Floats:
    piece = np.concatenate([[0], np.cumsum(np.diff(x) > gap)])[first] if len(first) else first
    spacing = np.full(len(first), np.nan)
    together = piece[1:] == piece[:-1]
    spacing[:-1][together] = np.diff(middle)[together]
    return spacing

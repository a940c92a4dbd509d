"""What a map shows of a beam: its frame, the part of a line in it, the room that what is drawn leaves. No display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.geometry import MapLine

_SERVES = 0.5
_SAME_SCALE = 0.05
_PLACES = 400
_APART = 2.0
_TOOLS = (250, 56)
"""What the map's buttons cover in its upper right corner, pixels."""
_NAME = 50
"""How far a name reaches to the right of its beam, pixels."""
SHORT = 5.0
"""A mark is no shorter than this many pixels."""


@dataclass(frozen=True)
class Frame:
    """Centre of a map (m), metres per pixel, and its size in pixels."""

    x: float
    y: float
    scale: float
    width: int
    height: int

    @property
    def extent(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends in x and in y, m."""
        half_x, half_y = self.scale * self.width / 2, self.scale * self.height / 2
        return (self.x - half_x, self.x + half_x), (self.y - half_y, self.y + half_y)

    def serves(self, wanted: Frame) -> bool:
        """Whether what was drawn for this frame, with half a map on every side, will do for another."""
        room_x, room_y = _SERVES * self.scale * self.width, _SERVES * self.scale * self.height
        near = abs(wanted.x - self.x) < room_x and abs(wanted.y - self.y) < room_y
        same = abs(wanted.scale / self.scale - 1) < _SAME_SCALE
        return near and same and (wanted.width, wanted.height) == (self.width, self.height)

    def in_sight(self, line: MapLine) -> tuple[float, float]:
        """Along-track distances of a line in sight, with half a map to spare; 0, 0 when there are none."""
        half_x, half_y = self.scale * self.width, self.scale * self.height
        seen = (np.abs(line.x - self.x) <= half_x) & (np.abs(line.y - self.y) <= half_y)
        rows = np.flatnonzero(seen)
        if len(rows) == 0:
            return self._beside(line, max(half_x, half_y))
        low, high = max(rows[0] - 1, 0), min(rows[-1] + 1, len(line.x_atc) - 1)
        start, end = float(line.x_atc[low]), float(line.x_atc[high])
        reach = float(np.hypot(half_x, half_y))
        middle, away = line.nearest(self.x, self.y)
        return (max(start, middle - reach), min(end, middle + reach)) if away < reach else (start, end)

    def _beside(self, line: MapLine, reach: float) -> tuple[float, float]:
        """The part of a line of which no knot is in sight."""
        middle, away = line.nearest(self.x, self.y)
        if not away < reach:
            return 0.0, 0.0
        return max(middle - reach, float(line.x_atc[0])), min(middle + reach, float(line.x_atc[-1]))

    def place_of_name(self, line: MapLine, start: float, end: float) -> float:
        """Along-track distance near the upper edge of the map, where a beam's name is out of the way."""
        along = np.linspace(start, end, _PLACES)
        x, y = line.at(along)
        inside = np.abs(x - self.x) < 0.46 * self.width * self.scale
        inside &= np.abs(y - self.y) < 0.44 * self.height * self.scale
        wide, high = _TOOLS
        right, top = self.x + self.scale * self.width / 2, self.y + self.scale * self.height / 2
        inside &= (x < right - (wide + _NAME) * self.scale) | (y < top - high * self.scale)
        return float(along[inside][np.argmax(y[inside])]) if inside.any() else (start + end) / 2


@dataclass(frozen=True)
class Sight:
    """The part of a beam in the map: its line, along-track start and end (m), metres per pixel."""

    line: MapLine
    start: float
    end: float
    scale: float

    @property
    def empty(self) -> bool:
        """Whether nothing of the beam is in sight."""
        return self.start >= self.end

    def tidy(self, intervals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Intervals in sight at the detail of the screen: short ones long enough to see, close ones joined."""
        seen = within(intervals, self.start, self.end)
        return joined(seen, _APART * self.scale, SHORT * self.scale)


def joined(intervals: NDArray[np.float64], gap: float, least: float) -> NDArray[np.float64]:
    """Ascending intervals (n, 2), grown to at least ``least`` about their middle and joined across ``gap`` or less."""
    if len(intervals) == 0:
        return np.zeros((0, 2))
    short = np.maximum((least - (intervals[:, 1] - intervals[:, 0])) / 2, 0.0)
    starts, ends = intervals[:, 0] - short, np.maximum.accumulate(intervals[:, 1] + short)
    first = np.concatenate([[True], starts[1:] - ends[:-1] > gap])
    last = np.append(np.flatnonzero(first)[1:] - 1, len(ends) - 1)
    return np.column_stack([starts[first], ends[last]])


def within(intervals: NDArray[np.float64], start: float, end: float) -> NDArray[np.float64]:
    """The parts of ascending intervals (n, 2) between two bounds."""
    touched = (intervals[:, 1] > start) & (intervals[:, 0] < end)
    return np.asarray(np.clip(intervals[touched], start, end))

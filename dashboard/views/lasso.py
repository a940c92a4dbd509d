"""Which segments a loop in the map holds. Arrays in, arrays out.

Segments are placed by the beam's knots, which lie no more than 200 m apart: over that length a ground track bows by
millimetres in a scene's projection, so that a segment is never more than a metre from its own latitude and longitude.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.geometry import Array, MapLine, inside

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """What a loop takes: rows of one beam, and the other beams that it holds segments of too."""

    beam: str
    rows: Rows
    others: tuple[str, ...]

    @property
    def told(self) -> str:
        """What the analyst should know when the loop holds more than is taken; empty when it does not."""
        if not self.others:
            return ""
        return f"the loop also holds segments of {', '.join(self.others)}; only those of {self.beam} are selected"


def rows_inside(x_atc: Array, stretches: Array) -> Rows:
    """Rows of a sorted track whose centres lie in ascending stretches (n, 2)."""
    bounds = np.searchsorted(x_atc, stretches)
    parts = [np.arange(first, stop) for first, stop in bounds]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def held(beams: Iterable[tuple[str, MapLine, Array]], current: str, xs: Array, ys: Array) -> Held | None:
    """What a loop takes of beams given by name, line and sorted segment centres: the current one before all others.

    When it holds nothing of that, it takes the beam it holds most segments of; None when it holds no segment at all.
    """
    found: Mapping[str, Rows] = {
        name: rows for name, line, x_atc in beams if len(rows := rows_inside(x_atc, inside(line, xs, ys)))
    }
    if not found:
        return None
    beam = current if current in found else max(found, key=lambda name: len(found[name]))
    return Held(beam, found[beam], tuple(name for name in found if name != beam))

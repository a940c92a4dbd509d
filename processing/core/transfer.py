"""Labels carried from a scene's pixels to the segments that lie on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.core.tiles import Window
from processing.schema import AutoFlag, SurfaceClass

Floats = npt.NDArray[np.float64]

BANDS = 5


@dataclass(frozen=True)
class Carried:
    """What n segments have from the scene; filled in place, tile by tile.

    Attributes
    ----------
    label : (n,) i1 class, -1 unlabelled. flags : (n,) u4 AutoFlag bits.
    reflectance : (5, n) f4 B02 B03 B04 B08 B11, NaN without data. boundary_distance : (n,) f4 m, NaN without label.
    """

    label: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint32]
    reflectance: npt.NDArray[np.float32]
    boundary_distance: npt.NDArray[np.float32]

    @classmethod
    def outside(cls, count: int) -> Carried:
        """Segments outside every scene."""
        return cls(
            np.full(count, SurfaceClass.UNLABELLED, np.int8),
            np.full(count, AutoFlag.OUTSIDE_SCENE, np.uint32),
            np.full((BANDS, count), np.nan, np.float32),
            np.full(count, np.nan, np.float32),
        )

    def at(self, rows: npt.NDArray[np.integer]) -> Carried:
        """What some of the segments have, a copy."""
        return Carried(self.label[rows], self.flags[rows], self.reflectance[:, rows], self.boundary_distance[rows])

    def put(self, rows: npt.NDArray[np.integer], part: Carried) -> None:
        """Give the segments ``rows`` what those of ``part`` have."""
        self.label[rows], self.flags[rows] = part.label, part.flags
        self.reflectance[:, rows], self.boundary_distance[rows] = part.reflectance, part.boundary_distance


@dataclass(frozen=True)
class Pixels:
    """Labelled pixels of one window of the scene, all (h, w) but ``reflectance`` (5, h, w); see Carried."""

    window: Window
    classes: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint32]
    boundary_distance: npt.NDArray[np.float32]
    reflectance: npt.NDArray[np.float32]


def carry(into: Carried, row: Floats, col: Floats, pixels: Pixels, transition: float) -> int:
    """Give the segments at scene pixels ``row``, ``col`` (n,), centres at .5, the pixel each lies in.

    Segments outside the window stay as they are; on an unlabelled pixel they stay outside the scene. A label nearer
    than ``transition`` (m) to another class is flagged so. Returns how many segments were labelled.
    """
    inside, i, j = _pixel_of(row, col, pixels.window)
    known = pixels.classes[i, j] != SurfaceClass.UNLABELLED
    at, i, j = inside[known], i[known], j[known]
    distance = pixels.boundary_distance[i, j]
    near = np.where(distance < transition, np.uint32(AutoFlag.TRANSITION), np.uint32(0))
    into.label[at] = pixels.classes[i, j]
    into.flags[at] = pixels.flags[i, j] | near
    into.boundary_distance[at] = distance
    into.reflectance[:, at] = pixels.reflectance[:, i, j]
    return len(at)


def _pixel_of(
    row: Floats, col: Floats, window: Window
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which segments lie in the window, and the row and column in it of the pixel each lies in."""
    below, right = row - window.row, col - window.col
    inside = np.flatnonzero((below >= 0) & (below < window.height) & (right >= 0) & (right < window.width))
    return inside, below[inside].astype(np.intp), right[inside].astype(np.intp)

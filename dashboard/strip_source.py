"""The scene straightened along a beam, from the same chunks and in the same colours as the map's tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard import tiles
from dashboard.chunks import Chunk, Numbers, chunks_of
from dashboard.geometry import MapLine
from processing.core import straighten
from processing.core.tiles import Window

if TYPE_CHECKING:
    from dashboard.data import Workspace
    from processing.io.sentinel2 import Scene

HALF_WIDTH = 250.0
"""What a strip shows either side of the beam, m."""

_LEAST_ROWS = 8
_BOX = 256.0
_BASE = 40.0

Pixels = NDArray[np.uint32]
Get = Callable[[Chunk], Numbers | None]


@dataclass(frozen=True)
class Layout:
    """Where the pixels of a strip lie.

    Attributes
    ----------
    step : native pixels per pixel of the level that is sampled.
    each : places that are averaged into one column.
    offsets : (h,) f8 m to the left of the beam of each row's middle, descending.
    rows, cols : (h, columns * each) f8 pixels of the level.
    """

    step: int
    each: int
    offsets: NDArray[np.float64]
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]


class StripSource:
    """Strips of every scene; what was read for the map serves here and the other way round. Safe between threads.

    In a strip the beam runs from left to right through the middle. Row 0 is the one furthest to the LEFT of flight (as
    on a map with north up), the last row the one furthest to the right: shown with row 0 at the top, the strip is the
    map turned, not mirrored. Column j lies exactly at ``x0 + (j + 1/2) * (x1 - x0) / width_px``, and row i at
    ``half_width * (1 - (2 i + 1) / h)`` metres to the left.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def strip(
        self,
        scene: str,
        image: str,
        contrast: str,
        line: MapLine,
        x0: float,
        x1: float,
        width_px: int,
        half_width: float = HALF_WIDTH,
    ) -> Pixels:
        """The image along a stretch of a beam. May have to read: call it on a worker unless ``at_hand`` gave None.

        Parameters
        ----------
        scene, image, contrast : as in a tile's address.
        line : the beam in the scene's CRS, shifted by the drift.
        x0, x1 : ends of the stretch, m along the track.

        Returns
        -------
        (h, width_px) uint32 pixels with red in the lowest byte and alpha in the highest; transparent where the scene
        has no data. From afar h is less than the native pixels across the strip.

        Raises KeyError for an unknown image or contrast, LeadlineError for an unreadable scene.
        """
        layout = self._layout(scene, line, (x0, x1), width_px, half_width)
        found = self._sampled(scene, image, contrast, layout, self.workspace.painter.chunks.get)
        assert found is not None
        return found

    def at_hand(
        self,
        scene: str,
        image: str,
        contrast: str,
        line: MapLine,
        x0: float,
        x1: float,
        width_px: int,
        half_width: float = HALF_WIDTH,
    ) -> tuple[Pixels, bool] | None:
        """As ``strip``, but reads nothing: what can be drawn at once, and whether it is as sharp as it should be.

        None where not even a coarser level is kept.
        """
        painter = self.workspace.painter
        if not painter.has_stretch(scene, image):
            return None
        coarsest = 2 ** tiles.grid(self.workspace.scene(scene)).levels
        layout = self._layout(scene, line, (x0, x1), width_px, half_width)
        wanted = layout.step
        while layout.step <= coarsest:
            found = self._sampled(scene, image, contrast, layout, painter.chunks.kept)
            if found is not None:
                return found, layout.step == wanted
            layout = self._layout(scene, line, (x0, x1), width_px, half_width, step=layout.step * 2)
        return None

    def missing(
        self, scene: str, image: str, line: MapLine, x0: float, x1: float, width_px: int, half_width: float = HALF_WIDTH
    ) -> list[Chunk]:
        """Chunks that ``strip`` would have to read."""
        opened, chunks = self.workspace.scene(scene), self.workspace.painter.chunks
        step = _step(_column(opened, (x0, x1), width_px), tiles.grid(opened).levels)
        x = np.linspace(x0, x1, max(2, int((x1 - x0) / half_width) + 1))
        rows, cols = (np.asarray(place) / step for place in opened.index(*line.at(x)))
        reach = half_width / opened.pixel / step + 1.0
        whole = chunks.shape(scene, step)
        found: set[tuple[int, int]] = set()
        for row, col in zip(rows, cols, strict=True):
            top, left, edge = int(row - reach), int(col - reach), int(2 * reach) + 2
            found.update(chunks_of(Window(top, left, edge, edge).clip(whole)))
        wanted = (Chunk(scene, band, step, *place) for place in sorted(found) for band in tiles.bands_of(image))
        return [chunk for chunk in wanted if chunks.kept(chunk) is None]

    def _layout(
        self,
        scene: str,
        line: MapLine,
        ends: tuple[float, float],
        width: int,
        half: float,
        step: int = 0,
    ) -> Layout:
        """Places of a strip's pixels at the level whose pixel is nearest below a column, or at ``step``."""
        opened = self.workspace.scene(scene)
        column = _column(opened, ends, width)
        step = step or _step(column, tiles.grid(opened).levels)
        each = 1 if column <= step else 2
        rows = max(_LEAST_ROWS, round(2 * half / (opened.pixel * max(1, step // 2))))
        offsets = half * (1.0 - (2.0 * np.arange(rows) + 1.0) / rows)
        x = np.asarray(ends[0] + (np.arange(width * each) + 0.5) * ((ends[1] - ends[0]) / (width * each)), np.float64)
        middle = opened.index(*line.at(x))
        before, after = (line.at(np.asarray(x + by, np.float64)) for by in (-_BASE, _BASE))
        left = straighten.left_of(opened.index(*before), opened.index(*after))
        at = straighten.across(middle, left, offsets / opened.pixel)
        return Layout(step, each, offsets, at[0] / step, at[1] / step)

    def _sampled(self, scene: str, image: str, contrast: str, layout: Layout, get: Get) -> Pixels | None:
        bands = tiles.bands_of(image)
        shape = (len(bands), len(layout.offsets), layout.rows.shape[1] // layout.each)
        found = np.zeros(shape, np.uint16)
        whole = self.workspace.painter.chunks.shape(scene, layout.step)
        for part in _runs(layout):
            window = _around(layout, part, whole)
            if window.empty:
                continue
            image_part = self.workspace.painter.chunks.cut(scene, bands, layout.step, window, get)
            if image_part is None:
                return None
            fine = slice(part.start * layout.each, part.stop * layout.each)
            rows, cols = layout.rows[:, fine] - window.row, layout.cols[:, fine] - window.col
            found[:, :, part] = straighten.sample(image_part, rows, cols, layout.each)
        return packed(tiles.shades(found, self.workspace.painter.stretch(scene, image, contrast)))


def packed(rgba: NDArray[np.uint8]) -> Pixels:
    """(4, h, w) red, green, blue, alpha as (h, w) pixels of 32 bits, red in the lowest byte."""
    return np.ascontiguousarray(rgba.transpose(1, 2, 0)).view(np.uint32)[..., 0]


def _column(scene: Scene, ends: tuple[float, float], width: int) -> float:
    """Length of a column of a strip, native pixels."""
    return (ends[1] - ends[0]) / width / scene.pixel


def _step(column: float, levels: int) -> int:
    """The coarsest level whose pixel is no longer than a column, 1 when a column is shorter than a native pixel."""
    return int(2 ** np.clip(np.floor(np.log2(max(column, 1.0))), 0, levels))


def _runs(layout: Layout) -> Iterator[slice]:
    """Columns in runs whose pixels lie in a small box of the scene, so that little is put together for each."""
    count = layout.rows.shape[1] // layout.each
    middle = len(layout.offsets) // 2
    rows, cols = layout.rows[middle], layout.cols[middle]
    length = max(float(np.ptp(rows)), float(np.ptp(cols)), 1e-9)
    size = max(1, int(count * min(1.0, _BOX / length)))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _around(layout: Layout, part: slice, whole: tuple[int, int]) -> Window:
    """The part of a scene of ``whole`` pixels that some columns need, with a pixel more for what lies between."""
    fine = slice(part.start * layout.each, part.stop * layout.each)
    rows, cols = layout.rows[:, fine], layout.cols[:, fine]
    if not (np.isfinite(rows).all() and np.isfinite(cols).all()):
        return Window(0, 0, 0, 0)
    top, left = int(np.floor(rows.min())) - 1, int(np.floor(cols.min())) - 1
    window = Window(top, left, int(np.ceil(rows.max())) + 1 - top, int(np.ceil(cols.max())) + 1 - left)
    return window.clip(whole)

"""Reflectance of the project's scenes in square chunks at every level of detail, kept for whoever draws a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard.cache import ByteCache
from processing.core.tiles import Window

if TYPE_CHECKING:
    from dashboard.data import Workspace

EDGE = 1024
"""Edge of a chunk, in pixels of its level."""

SCALE = 10_000.0
"""Numbers in a chunk are reflectance by this, at least 1; 0 is no data."""

_BYTES = 384 << 20

Numbers = NDArray[np.uint16]


@dataclass(frozen=True)
class Chunk:
    """One chunk: ``row`` and ``col`` count chunks of the level at which a pixel stands for ``step`` native ones."""

    scene: str
    band: str
    step: int
    row: int
    col: int

    @property
    def window(self) -> Window:
        """What it covers, in native pixels."""
        reach = EDGE * self.step
        return Window(self.row * reach, self.col * reach, reach, reach)


class SceneChunks:
    """Chunks of every scene, read when asked for. Safe between threads."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._kept: ByteCache[Numbers] = ByteCache(_BYTES, lambda chunk: int(chunk.nbytes))

    def get(self, chunk: Chunk) -> Numbers:
        """(EDGE, EDGE) uint16; read unless it is kept. Raises LeadlineError for an unreadable scene."""
        return self._kept.get((chunk, self._version(chunk.scene)), lambda: self._read(chunk))

    def kept(self, chunk: Chunk) -> Numbers | None:
        """The chunk if it need not be read."""
        return self._kept.peek((chunk, self._version(chunk.scene)))

    def shape(self, scene: str, step: int) -> tuple[int, int]:
        """Rows and columns of a scene at a level."""
        rows, cols = self.workspace.scene(scene).shape
        return -(-rows // step), -(-cols // step)

    def cut(
        self, scene: str, bands: tuple[str, ...], step: int, window: Window, get: Callable[[Chunk], Numbers | None]
    ) -> Numbers | None:
        """A window of a level put together from its chunks.

        Parameters
        ----------
        window : in pixels of the level; it may reach outside the scene, where there is no data.
        get : gives a chunk: ``self.get``, or ``self.kept`` so that nothing is read.

        Returns
        -------
        (len(bands), height, width) uint16, or None when ``get`` did not give a chunk
        """
        result = np.zeros((len(bands), *window.shape), np.uint16)
        inside = window.clip(self.shape(scene, step))
        for row, col in chunks_of(inside):
            place = Window(row * EDGE, col * EDGE, EDGE, EDGE)
            part = inside.intersect(place)
            for number, band in enumerate(bands):
                chunk = get(Chunk(scene, band, step, row, col))
                if chunk is None:
                    return None
                result[number][part.within(window)] = chunk[part.within(place)]
        return result

    def _version(self, scene: str) -> int:
        return self.workspace.version("scenes", scene)

    def _read(self, chunk: Chunk) -> Numbers:
        values = self.workspace.scene(chunk.scene).read((chunk.band,), chunk.window, chunk.step)[0]
        scaled = np.clip(np.nan_to_num(values, nan=0.0) * np.float32(SCALE), 1, 65_535)
        return np.where(np.isfinite(values), scaled, 0).astype(np.uint16)


def as_reflectance(numbers: Numbers) -> NDArray[np.float32]:
    """Numbers of a chunk as float32 reflectance, NaN without data."""
    values = numbers.astype(np.float32) / np.float32(SCALE)
    values[numbers == 0] = np.nan
    return values


def chunks_of(window: Window) -> Iterator[tuple[int, int]]:
    """Row and column of every chunk that a window touches."""
    if window.empty:
        return
    for row in range(window.row // EDGE, (window.row_stop - 1) // EDGE + 1):
        for col in range(window.col // EDGE, (window.col_stop - 1) // EDGE + 1):
            yield row, col

"""What the auto-labels make of a scene, as pictures to lie over it: classes, and the evidence of cloud.

At the native level the pixels are exactly those that the auto-label stage took labels from. From afar they are an
overview, labelled from decimated reflectance (:func:`processing.io.scene_labels.label_overview`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from dashboard import palette
from dashboard.cache import ByteCache
from dashboard.chunks import SceneChunks, as_reflectance
from processing.core.tiles import Window
from processing.errors import LeadlineError
from processing.io.figures import figures_path, read_figures
from processing.io.raster_bands import SCENE_CLASS, reflectance
from processing.schema import AutoFlag

if TYPE_CHECKING:
    from dashboard.data import Workspace
    from processing.io.scene_labels import Codes, Figures
    from processing.io.sentinel2 import Scene
    from processing.stages import Autolabel

OVERLAYS = ("labels", "cloud")
EDGE = 512
"""Edge of a chunk of codes, in pixels of its level: small, so that little beyond what is in sight is worked on."""

_CODE_BYTES = 64 << 20
_BANDS = ("B04", "B03", "B02", "B11")
_CLASS, _CLOUD, _SHADOW, _SATURATED = 3, 4, 8, 16
SATURATED_COLOUR = "#fff04d"

Bytes = NDArray[np.uint8]


class SceneCodes:
    """Classes and flags of every scene in chunks, worked out when asked for. Safe between threads.

    A code is a byte: class + 1 in the two lowest bits, then cloud, shadow, saturated.

    Attributes
    ----------
    pool : a thread of its own for tiles of codes, so that nothing else waits behind them.
    previews : one for what an analyst tries out, which does not wait behind those tiles.
    """

    def __init__(self, workspace: Workspace, chunks: SceneChunks) -> None:
        self.workspace = workspace
        self.chunks = chunks
        self.pool = ThreadPoolExecutor(1, "leadline-overlay")
        self.previews = ThreadPoolExecutor(1, "leadline-preview")
        self._kept: ByteCache[Bytes] = ByteCache(_CODE_BYTES, lambda codes: int(codes.nbytes))
        self._figures: ByteCache[tuple[Figures, Autolabel]] = ByteCache(64, lambda _: 1)

    def trouble(self, granule: str, scene: str) -> str:
        """Why there is no overlay of a scene for a granule, in one line; empty when there is one."""
        try:
            self._basis(granule, scene)
        except LeadlineError as error:
            return error.line
        return ""

    def version(self, granule: str, scene: str) -> int:
        """Changes when the granule is labelled anew; 0 when there are no figures."""
        try:
            return figures_path(self.workspace.project, granule, scene).stat().st_mtime_ns
        except OSError:
            return 0

    def get(self, granule: str, scene: str, step: int, row: int, col: int) -> Bytes:
        """(EDGE, EDGE) uint8 codes of one chunk; 0 outside the scene. Raises LeadlineError, see ``trouble``."""
        return self._kept.get(
            self._key(granule, scene, step, row, col), lambda: self._make(granule, scene, step, row, col)
        )

    def kept(self, granule: str, scene: str, step: int, row: int, col: int) -> Bytes | None:
        """The chunk if it need not be worked out."""
        return self._kept.peek(self._key(granule, scene, step, row, col))

    def at(
        self, granule: str, scene: str, step: int, rows: NDArray[np.float64], cols: NDArray[np.float64], now: bool
    ) -> Bytes | None:
        """Codes of the pixels that places lie in, 0 outside the scene.

        Parameters
        ----------
        rows, cols : places in pixels of the level, of one shape.
        now : work nothing out; None when a chunk is not there yet.
        """
        shape = self.chunks.shape(scene, step)
        found = np.zeros(rows.shape, np.uint8)
        inside = (rows >= 0) & (cols >= 0) & (rows < shape[0]) & (cols < shape[1])
        i, j = rows[inside].astype(np.int64), cols[inside].astype(np.int64)
        values = np.zeros(len(i), np.uint8)
        pairs, whose = np.unique(i // EDGE * (1 << 20) + j // EDGE, return_inverse=True)
        for number, pair in enumerate(pairs.tolist()):
            get = self.kept if now else self.get
            chunk = get(granule, scene, step, *divmod(pair, 1 << 20))
            if chunk is None:
                return None
            mine = whose == number
            values[mine] = chunk[i[mine] % EDGE, j[mine] % EDGE]
        found[inside] = values
        return found

    def _key(self, granule: str, scene: str, step: int, row: int, col: int) -> tuple[object, ...]:
        made = self.version(granule, scene), self.workspace.version("scenes", scene)
        return granule, scene, made, step, row, col

    def _basis(self, granule: str, scene: str) -> tuple[Figures, Autolabel]:
        path = figures_path(self.workspace.project, granule, scene)
        key = (granule, scene, self.version(granule, scene))
        return self._figures.get(key, lambda: read_figures(path, self.workspace.command("autolabel")))

    def _make(self, granule: str, scene: str, step: int, row: int, col: int) -> Bytes:
        from processing.io import scene_labels

        figures, stage = self._basis(granule, scene)
        whole = Window(row * EDGE, col * EDGE, EDGE, EDGE)
        window = whole.clip(self.chunks.shape(scene, step))
        result = np.zeros((EDGE, EDGE), np.uint8)
        if window.empty:
            return result
        opened = self.workspace.scene(scene)
        if step == 1:
            found = scene_labels.label_codes(opened, figures, window, stage)
        else:
            margin = scene_labels.overview_margin(stage, step)
            planes = self._planes(opened, scene, window.expand(margin), step)
            view = scene_labels.Overview(step, window, margin, planes)
            found = scene_labels.label_overview(view, figures, stage)
        result[window.within(whole)] = as_bytes(found)
        return result

    def _planes(self, opened: Scene, scene: str, window: Window, step: int) -> dict[str, NDArray[np.float32]]:
        """Decimated bands for an overview: from the map's chunks where it has them all, else just this window."""
        native = Window(window.row * step, window.col * step, window.height * step, window.width * step)
        planes = {}
        for band in _BANDS:
            numbers = self.chunks.cut(scene, (band,), step, window, self.chunks.kept)
            planes[band] = opened.read((band,), native, step)[0] if numbers is None else as_reflectance(numbers[0])
        if SCENE_CLASS in opened.bands:
            planes[SCENE_CLASS] = opened.read((SCENE_CLASS,), native, step)[0]
        if "B10" in opened.bands:
            planes["B10"] = _nearest(opened, "B10", window, step)
        return planes


def as_bytes(found: Codes) -> Bytes:
    """Classes and flags in one byte a pixel."""
    flags = found.flags
    bits = ((AutoFlag.CLOUD, _CLOUD), (AutoFlag.SHADOW, _SHADOW), (AutoFlag.SATURATED, _SATURATED))
    result = (found.classes + 1).astype(np.uint8)
    for flag, bit in bits:
        result |= np.where(flags & np.uint32(flag), bit, 0).astype(np.uint8)
    return result


def classes_of(codes: Bytes) -> NDArray[np.int8]:
    """Class codes of SurfaceClass from bytes."""
    return (codes & _CLASS).astype(np.int8) - np.int8(1)


def colours(overlay: str) -> NDArray[np.uint32]:
    """(32,) pixels by code, red in the lowest byte; transparent where the overlay has nothing to say."""
    table = np.zeros(32, np.uint32)
    code = np.arange(32)
    if overlay == "labels":
        for label in (0, 1, 2):
            table[code & _CLASS == label + 1] = palette.rgba(palette.class_colour(label, "scene"))
        return table
    flags = palette.flag_colours("scene")
    for bit, colour in ((_SATURATED, SATURATED_COLOUR), (_SHADOW, flags["shadow"]), (_CLOUD, flags["cloud"])):
        table[code & bit > 0] = palette.rgba(colour)
    return table


def _nearest(scene: Scene, name: str, window: Window, step: int) -> NDArray[np.float32]:
    """A band much coarser than the grid at the middles of decimated pixels; decimating it would read it too finely."""
    band = scene.layout.bands[name]
    result = np.full(window.shape, np.nan, np.float32)
    grid = Window(window.row * step, window.col * step, window.height * step, window.width * step).clip(scene.shape)
    if grid.empty:
        return result
    native = scene.native(name, grid)
    values = reflectance(band, native.data)
    rows = (np.arange(window.row, window.row_stop) * step + step // 2) // band.factor - native.window.row
    cols = (np.arange(window.col, window.col_stop) * step + step // 2) // band.factor - native.window.col
    good_rows = (rows >= 0) & (rows < values.shape[0])
    good_cols = (cols >= 0) & (cols < values.shape[1])
    result[np.ix_(good_rows, good_cols)] = values[np.ix_(rows[good_rows], cols[good_cols])]
    return result


def as_bgra(pixels: NDArray[np.uint32]) -> Bytes:
    """(h, w) pixels of 32 bits as (h, w, 4) bytes in the order that pictures are encoded from."""
    rgba = np.ascontiguousarray(pixels).view(np.uint8).reshape(*pixels.shape, 4)
    return np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8)

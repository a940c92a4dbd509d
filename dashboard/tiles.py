"""Pictures of a scene in square tiles on its own grid, for a map that only fetches what it shows."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from numpy.typing import NDArray
from tornado.web import HTTPError, authenticated

from dashboard.cache import ByteCache
from dashboard.data import Workspace
from dashboard.state import CONTRASTS
from processing.core.tiles import Window
from processing.errors import LeadlineError
from processing.io.sentinel2 import Scene

log = logging.getLogger(__name__)

TILE = 256
COMPOSITES = {"true": ("B04", "B03", "B02"), "false": ("B08", "B04", "B03"), "swir": ("B11", "B08", "B04")}
ROUTE = (
    r"/scene-tiles/(?P<ident>[A-Za-z0-9][A-Za-z0-9._-]*)/(?P<image>\w+)/(?P<contrast>\w+)"
    r"/(?P<zoom>\d{1,3})/(?P<col>\d{1,9})/(?P<row>\d{1,9})\.png"
)
_CHUNK = 1024
_CHUNK_BYTES = 384 << 20
_PICTURE_BYTES = 96 << 20
_SCALE = 10_000.0


@dataclass(frozen=True)
class Grid:
    """Tiles over a scene: level 0 is one tile over the whole, each level halves the pixel, the last is native.

    Attributes
    ----------
    left, top : upper left corner of the scene, m.
    pixel : native pixel, m.
    levels : number of the native level.
    """

    left: float
    top: float
    pixel: float
    levels: int

    @property
    def edge(self) -> float:
        """Edge of the square that the levels halve, m."""
        return TILE * self.pixel * 2**self.levels

    def step(self, zoom: int) -> int:
        """Native pixels per pixel of a level."""
        return int(2 ** (self.levels - zoom))


@dataclass(frozen=True)
class Stretch:
    """Reflectance shown as black and as white."""

    low: float
    high: float


def grid(scene: Scene) -> Grid:
    """The tile grid of a scene."""
    longest = max(scene.shape)
    levels = max(0, int(np.ceil(np.log2(longest / TILE))))
    left, _, _, top = scene.bounds
    return Grid(left, top, scene.pixel, levels)


def images_of(scene: Scene) -> list[str]:
    """Band combinations that the scene has all bands for."""
    return [name for name, bands in COMPOSITES.items() if set(bands) <= set(scene.bands)]


def stretches(sample: NDArray[np.float32]) -> dict[str, Stretch]:
    """Contrast stretches from a coarse look at the composite: the whole range, detail in snow, detail in dark water."""
    good = sample[np.isfinite(sample)]
    if len(good) == 0:
        return {name: Stretch(0.0, 1.0) for name in ("auto", "bright", "dark")}
    low, high = (float(value) for value in np.percentile(good, (0.5, 99.7)))
    low = max(low, 0.0)
    high = max(high, low + 0.02)
    room = high - low
    return {
        "auto": Stretch(low, high),
        "bright": Stretch(low + 0.55 * room, high + 0.05 * room),
        "dark": Stretch(low, low + 0.25 * room),
    }


def colour(reflectance: NDArray[np.uint16], stretch: Stretch) -> NDArray[np.uint8]:
    """(3, h, w) scaled reflectance, 0 for none, to (h, w, 4) BGRA; transparent where a band has no data."""
    low, high = stretch.low * _SCALE, stretch.high * _SCALE
    levels = (np.arange(1 << 16, dtype=np.float32) - low) * (255.0 / (high - low))
    shade = np.clip(levels, 0, 255).astype(np.uint8)[reflectance]
    alpha = np.where((reflectance > 0).all(axis=0), 255, 0).astype(np.uint8)
    return np.dstack([shade[2], shade[1], shade[0], alpha])


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 4) BGRA as PNG, packed lightly: speed matters more than size here."""
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError("tile could not be encoded")
    return bytes(encoded.tobytes())


class TilePainter:
    """Paints tiles of the project's scenes; chunks of reflectance and finished pictures are kept."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._chunks: ByteCache[NDArray[np.uint16]] = ByteCache(_CHUNK_BYTES, lambda chunk: int(chunk.nbytes))
        self._pictures: ByteCache[bytes] = ByteCache(_PICTURE_BYTES, len)
        self._stretches: ByteCache[dict[str, Stretch]] = ByteCache(1 << 16, lambda _: 256)

    def picture(self, ident: str, image: str, contrast: str, zoom: int, col: int, row: int) -> bytes:
        """One tile as PNG; one transparent pixel finer than native, which the map asks for ahead but never shows.

        Raises KeyError for an unknown image or contrast, LeadlineError for an unreadable scene.
        """
        if image not in COMPOSITES or contrast not in CONTRASTS:
            raise KeyError(f"{image} {contrast}")
        if zoom > grid(self.workspace.scene(ident)).levels:
            return encode(np.zeros((1, 1, 4), np.uint8))
        key = (ident, self._version(ident), image, contrast, zoom, col, row)
        return self._pictures.get(key, lambda: self._paint(ident, image, contrast, zoom, col, row))

    def stretch(self, ident: str, image: str, contrast: str) -> Stretch:
        """Reflectance range of a contrast."""
        scene = self.workspace.scene(ident)
        bands = COMPOSITES[image]

        def look() -> dict[str, Stretch]:
            return stretches(scene.read(bands, step=max(1, max(scene.shape) // 340)))

        return self._stretches.get((ident, self._version(ident), image), look)[contrast]

    def _version(self, ident: str) -> int:
        return self.workspace.version("scenes", ident)

    def _paint(self, ident: str, image: str, contrast: str, zoom: int, col: int, row: int) -> bytes:
        scene = self.workspace.scene(ident)
        step = grid(scene).step(zoom)
        each = _CHUNK // TILE
        chunk = self._chunk(ident, image, step, row // each, col // each)
        top, left = (row % each) * TILE, (col % each) * TILE
        part = chunk[:, top : top + TILE, left : left + TILE]
        return encode(colour(part, self.stretch(ident, image, contrast)))

    def _chunk(self, ident: str, image: str, step: int, row: int, col: int) -> NDArray[np.uint16]:
        scene = self.workspace.scene(ident)
        reach = _CHUNK * step
        window = Window(row * reach, col * reach, reach, reach)

        def read() -> NDArray[np.uint16]:
            values = scene.read(COMPOSITES[image], window, step)
            scaled = np.clip(np.nan_to_num(values, nan=0.0) * _SCALE, 1, 65_535)
            return np.where(np.isfinite(values), scaled, 0).astype(np.uint16)

        return self._chunks.get((ident, self._version(ident), image, step, row, col), read)


class TileHandler(AuthRequestHandler):
    """Serves tiles to whoever may see the page; the painting happens outside the server's loop."""

    def initialize(self, painter: TilePainter) -> None:
        self.painter = painter

    @authenticated
    async def get(self, ident: str, image: str, contrast: str, zoom: str, col: str, row: str) -> None:
        call = partial(self.painter.picture, ident, image, contrast, int(zoom), int(col), int(row))
        try:
            picture = await asyncio.get_running_loop().run_in_executor(self.painter.workspace.workers, call)
        except (KeyError, LeadlineError, OSError) as error:
            log.warning("tile of %s: %s", ident, error)
            raise HTTPError(404) from None
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", "private, max-age=3600")
        self.write(picture)


def patterns(painter: TilePainter) -> list[tuple[str, Any, dict[str, Any]]]:
    """Routes of the tile server for the page's own server."""
    return [(ROUTE, cast("Any", TileHandler), {"painter": painter})]

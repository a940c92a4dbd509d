"""Pictures of a scene in square tiles on its own grid, for a map that only fetches what it shows."""

from __future__ import annotations

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from numpy.typing import NDArray
from tornado.web import HTTPError, authenticated

from dashboard import overlays
from dashboard.cache import ByteCache
from dashboard.chunks import EDGE, SCALE, Chunk, SceneChunks
from dashboard.data import Workspace
from dashboard.state import CONTRASTS, IMAGES
from processing.core import straighten
from processing.errors import LeadlineError
from processing.io.sentinel2 import Scene

log = logging.getLogger(__name__)

TILE = 256
COMPOSITES = {"true": ("B04", "B03", "B02"), "false": ("B08", "B04", "B03"), "swir": ("B11", "B08", "B04")}
SINGLES = tuple(name for name in IMAGES if re.fullmatch(r"B\d\d", name))
_IDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
ROUTE = (
    rf"/scene-tiles/(?P<ident>{_IDENT.pattern})/(?P<image>\w+)/(?P<contrast>\w+)"
    r"/(?P<zoom>\d{1,3})/(?P<col>\d{1,9})/(?P<row>\d{1,9})\.png"
)
_PICTURE_BYTES = 96 << 20
_SAMPLE_BYTES = 8 << 20


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

    def closest(self, scale: float) -> int:
        """The level whose pixel is nearest to ``scale``, m."""
        return min(range(self.levels + 1), key=lambda zoom: abs(self.pixel * self.step(zoom) - scale))

    def tiles(self, zoom: int, x: tuple[float, float], y: tuple[float, float]) -> list[tuple[int, int]]:
        """Columns and rows of the tiles of a level that a rectangle (m) touches."""
        edge, count = TILE * self.pixel * self.step(zoom), 2**zoom
        cols = (int((side - self.left) // edge) for side in x)
        rows = (int((self.top - side) // edge) for side in reversed(y))
        (left, right), (top, bottom) = ((max(low, 0), min(high, count - 1)) for low, high in (cols, rows))
        return [(col, row) for row in range(top, bottom + 1) for col in range(left, right + 1)]

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
    """Band combinations that the scene has all bands for, then its single bands."""
    return [name for name in (*COMPOSITES, *SINGLES) if set(bands_of(name)) <= set(scene.bands)]


def bands_of(image: str) -> tuple[str, ...]:
    """Bands shown as red, green and blue, or the one shown as grey. Raises KeyError for an unknown image."""
    if image in SINGLES:
        return (image,)
    return COMPOSITES[image]


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


def shades(reflectance: NDArray[np.uint16], stretch: Stretch) -> NDArray[np.uint8]:
    """(1 or 3, h, w) scaled reflectance, 0 for none, to (4, h, w) red, green, blue, alpha.

    One band becomes grey; where a band has no data the pixel is transparent.
    """
    low, high = stretch.low * SCALE, stretch.high * SCALE
    levels = (np.arange(1 << 16, dtype=np.float32) - low) * (255.0 / (high - low))
    shade = np.clip(levels, 0, 255).astype(np.uint8)[reflectance]
    alpha = np.where((reflectance > 0).all(axis=0), 255, 0).astype(np.uint8)
    return np.stack([*np.broadcast_to(shade, (3, *alpha.shape)), alpha])


def colour(reflectance: NDArray[np.uint16], stretch: Stretch) -> NDArray[np.uint8]:
    """As ``shades``, but (h, w, 4) BGRA."""
    return np.ascontiguousarray(shades(reflectance, stretch)[[2, 1, 0, 3]].transpose(1, 2, 0))


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 4) BGRA as PNG, packed lightly: speed matters more than size here."""
    done, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError("tile could not be encoded")
    return bytes(encoded.tobytes())


class TilePainter:
    """Paints tiles of the project's scenes; chunks of reflectance and finished pictures are kept.

    Attributes
    ----------
    chunks : the reflectance that tiles are painted from.
    codes : the classes and flags that overlays are painted from.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.chunks = SceneChunks(workspace)
        self.codes = overlays.SceneCodes(workspace, self.chunks)
        self._pictures: ByteCache[bytes] = ByteCache(_PICTURE_BYTES, len)
        self._samples: ByteCache[NDArray[np.float32]] = ByteCache(_SAMPLE_BYTES, lambda sample: int(sample.nbytes))
        self._stretches: ByteCache[dict[str, Stretch]] = ByteCache(1 << 16, lambda _: 256)

    def picture(self, ident: str, image: str, contrast: str, zoom: int, col: int, row: int) -> bytes:
        """One tile as PNG; one transparent pixel finer than native, which the map asks for ahead but never shows.

        Raises KeyError for an unknown image or contrast, LeadlineError for an unreadable scene.
        """
        if image not in (*COMPOSITES, *SINGLES) or contrast not in CONTRASTS:
            raise KeyError(f"{image} {contrast}")
        if zoom > grid(self.workspace.scene(ident)).levels:
            return encode(np.zeros((1, 1, 4), np.uint8))
        key = (ident, self._version(ident), image, contrast, zoom, col, row)
        return self._pictures.get(key, lambda: self._paint(ident, image, contrast, zoom, col, row))

    def overlay(self, granule: str, ident: str, overlay: str, zoom: int, col: int, row: int) -> bytes:
        """One tile of what lies over a scene as PNG, in full colour and transparent elsewhere.

        Raises KeyError for an unknown overlay, LeadlineError when there is none of this granule and scene.
        """
        if overlay not in overlays.OVERLAYS:
            raise KeyError(overlay)
        if zoom > grid(self.workspace.scene(ident)).levels:
            return encode(np.zeros((1, 1, 4), np.uint8))
        made = self._version(ident), self.codes.version(granule, ident)
        key = (granule, ident, made, overlay, zoom, col, row)
        return self._pictures.get(key, lambda: self._paint_overlay(granule, ident, overlay, zoom, col, row))

    def stretch(self, ident: str, image: str, contrast: str) -> Stretch:
        """Reflectance range of a contrast."""
        bands = bands_of(image)

        def look() -> dict[str, Stretch]:
            with ThreadPoolExecutor(len(bands)) as readers:
                return stretches(np.stack(list(readers.map(partial(self._sample, ident), bands))))

        return self._stretches.get((ident, self._version(ident), image), look)[contrast]

    def warm(self, most: int = 2) -> None:
        """Have ready what the first look at the scenes needs, of as many as ``most``."""
        for item in self.workspace.project.inputs("scenes")[:most]:
            for image in images_of(self.workspace.scene(item.ident))[:1]:
                self.picture(item.ident, image, CONTRASTS[0], 0, 0, 0)
        straighten.sample(np.ones((1, 2, 2), np.uint16), np.ones((1, 1)), np.ones((1, 1)))

    def _sample(self, ident: str, band: str) -> NDArray[np.float32]:
        """A coarse look at a band, which several images share."""
        scene = self.workspace.scene(ident)

        def read() -> NDArray[np.float32]:
            return scene.read((band,), step=max(1, max(scene.shape) // 340))[0]

        return self._samples.get((ident, self._version(ident), band), read)

    def has_stretch(self, ident: str, image: str) -> bool:
        """Whether the contrast of an image is known already, so that nothing need be read for it."""
        return self._stretches.peek((ident, self._version(ident), image)) is not None

    def _version(self, ident: str) -> int:
        return self.workspace.version("scenes", ident)

    def _paint(self, ident: str, image: str, contrast: str, zoom: int, col: int, row: int) -> bytes:
        step = grid(self.workspace.scene(ident)).step(zoom)
        each = EDGE // TILE
        top, left = (row % each) * TILE, (col % each) * TILE
        chunks = (self.chunks.get(Chunk(ident, band, step, row // each, col // each)) for band in bands_of(image))
        part = np.stack([chunk[top : top + TILE, left : left + TILE] for chunk in chunks])
        return encode(colour(part, self.stretch(ident, image, contrast)))

    def _paint_overlay(self, granule: str, ident: str, overlay: str, zoom: int, col: int, row: int) -> bytes:
        step, each = grid(self.workspace.scene(ident)).step(zoom), overlays.EDGE // TILE
        codes = self.codes.get(granule, ident, step, row // each, col // each)
        top, left = (row % each) * TILE, (col % each) * TILE
        part = codes[top : top + TILE, left : left + TILE]
        return encode(overlays.as_bgra(overlays.colours(overlay)[part]))


def address(workspace: Workspace, scene: str, image: str, contrast: str = "auto", granule: str = "") -> str:
    """Address of a scene's tiles for a map, with {Z}, {X} and {Y} to be filled in; it changes when the tiles do.

    For an overlay (``labels`` or ``cloud``) ``granule`` is the one whose labels are shown.
    """
    version = workspace.version("scenes", scene)
    where = f"scene-tiles/{scene}/{image}/{contrast}/{{Z}}/{{X}}/{{Y}}.png?v={version}"
    if image not in overlays.OVERLAYS:
        return where
    return f"{where}&granule={granule}&made={workspace.painter.codes.version(granule, scene)}"


class TileHandler(AuthRequestHandler):
    """Serves tiles to whoever may see the page; the painting happens outside the server's loop."""

    def initialize(self, painter: TilePainter) -> None:
        self.painter = painter

    @authenticated
    async def get(self, ident: str, image: str, contrast: str, zoom: str, col: str, row: str) -> None:
        place = int(zoom), int(col), int(row)
        if image in overlays.OVERLAYS:
            granule = self.get_query_argument("granule", "")
            if not _IDENT.fullmatch(granule):
                raise HTTPError(404)
            pool, call = self.painter.codes.pool, partial(self.painter.overlay, granule, ident, image, *place)
        else:
            pool = self.painter.workspace.workers
            call = partial(self.painter.picture, ident, image, contrast, *place)
        try:
            picture = await asyncio.get_running_loop().run_in_executor(pool, call)
        except (KeyError, LeadlineError, OSError) as error:
            log.warning("tile of %s: %s", ident, error)
            raise HTTPError(404) from None
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", "private, max-age=3600")
        self.write(picture)


def patterns(painter: TilePainter) -> list[tuple[str, Any, dict[str, Any]]]:
    """Routes of the tile server for the page's own server."""
    return [(ROUTE, cast("Any", TileHandler), {"painter": painter})]

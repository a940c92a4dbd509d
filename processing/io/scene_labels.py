"""Auto-labels of a scene along the tracks that cross it, tile by tile.

Two passes over the tiles of the corridor. The first reads the visible bands, runs the thin-cloud filter as far as it
goes without knowing the whole, and counts; the second, knowing the counts of the whole corridor, classifies. A tile is
read with the margin that the filter, the distances and the cloud evidence look across, and every whole-corridor figure
is counted over the corridor's cells, which do not depend on the tiles. So labels are the same whatever the tile size.

The figures are few. Kept from a run (:mod:`processing.io.figures`), they label any other window of the scene exactly as
that run did or would have done.

``label_tiles`` does both passes in this process and keeps what it has read from one to the other. Where tiles go to
several machines, ``find_corridor``, ``count``, ``find_shade``, ``sum_up`` and ``label_window`` are its steps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from processing.core import cloud, colour
from processing.core.shadow import Sun, shadow_zone
from processing.core.tiles import CELL, Window, cell_mask, corridor, corridor_tiles
from processing.cores import available_cores
from processing.interrupt import stop_if_asked
from processing.io.raster_bands import SCENE_CLASS, Native
from processing.io.sentinel2 import Scene
from processing.stages import Autolabel

BOUNDARY_CAP = 500.0
"""Greatest distance to a class boundary that is told, m: beyond it stands 500."""

REFLECTANCE_BANDS = ("B02", "B03", "B04", "B08", "B11")
"""Bands of :attr:`LabelTile.reflectance`, in order."""

KEPT_BYTES = 384 << 20
"""Digital numbers kept from the first pass to the second, half as many by one core; what goes beyond is read twice."""

COARSE = 16
"""Edge in grid pixels of the coarse pixels on which cloud shadow is looked for; also the step of the reading."""

_VISIBLE = ("B04", "B03", "B02")
_COUNTED = (*_VISIBLE, "B11")
"""Bands that the first pass needs."""

_FIRST_PASS = (*_COUNTED, "B08")
"""Bands read in the first pass. B08 is not needed before the second, but alone it would keep one thread busy only."""

_WORKERS = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LabelTile:
    """Auto-labels of one rectangle of the scene's grid.

    Attributes
    ----------
    window : the rectangle, in grid pixels.
    classes : (h, w) int8 codes of SurfaceClass, UNLABELLED without data.
    flags : (h, w) uint32 bits CLOUD, SHADOW and SATURATED of AutoFlag.
    boundary_distance : (h, w) float32 m to the nearest pixel of another class, at most ``BOUNDARY_CAP``; NaN where
        unlabelled.
    reflectance : (5, h, w) float32 of ``REFLECTANCE_BANDS``, NaN without data.
    """

    window: Window
    classes: NDArray[np.int8]
    flags: NDArray[np.uint32]
    boundary_distance: NDArray[np.float32]
    reflectance: NDArray[np.float32]


@dataclass(frozen=True)
class Shade:
    """Zone of cloud shadow on a coarse grid of ``COARSE`` pixels that begins at ``window``."""

    window: Window
    zone: NDArray[np.bool_]

    def fine(self, window: Window) -> NDArray[np.bool_]:
        """(h, w) bool: the zone at the grid pixels of ``window``."""
        rows, cols = np.arange(window.row, window.row_stop), np.arange(window.col, window.col_stop)
        return self.at(rows, cols)

    def at(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(len(rows), len(cols)) bool: the zone at these grid pixels, False beyond it."""
        if not self.zone.size:
            return np.zeros((len(rows), len(cols)), bool)
        i, j = (rows - self.window.row) // COARSE, (cols - self.window.col) // COARSE
        known = np.outer((rows >= self.window.row) & (rows < self.window.row_stop), np.ones(len(cols), bool))
        known &= (cols >= self.window.col) & (cols < self.window.col_stop)
        i, j = np.clip(i, 0, self.zone.shape[0] - 1), np.clip(j, 0, self.zone.shape[1] - 1)
        return np.asarray(self.zone[np.ix_(i, j)] & known)


@dataclass(frozen=True)
class Figures:
    """Whole-corridor figures that the second pass needs.

    Attributes
    ----------
    filter : what the thin-cloud filter makes of each level of likeness.
    limits : of the cloud evidence.
    shade : where cloud can cast its shadow; known around the corridor only.
    """

    filter: colour.FilterStatistics
    limits: cloud.Thresholds
    shade: Shade


@dataclass(frozen=True)
class Corridor:
    """The part of a scene around a track.

    Attributes
    ----------
    cells : (ceil(rows / CELL), ceil(cols / CELL)) bool, the cells over which is counted.
    tiles : windows that together cover them and never overlap, in row-major order.
    """

    cells: NDArray[np.bool_]
    tiles: list[Window]


@dataclass(frozen=True)
class Counts:
    """What the first pass counts over the corridor's cells of a tile; the sum over tiles is that of the whole.

    Attributes
    ----------
    likeness : (256,) int64 pixels by their likeness to the surroundings.
    snow : (REFERENCE_BINS,) int64 bright pixels by their snow index.
    """

    likeness: NDArray[np.int64]
    snow: NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """Classes and flags alone: ``classes`` (h, w) int8 and ``flags`` (h, w) uint32 of ``window``; see LabelTile."""

    window: Window
    classes: NDArray[np.int8]
    flags: NDArray[np.uint32]


@dataclass(frozen=True)
class _Draft:
    """What the first pass leaves of a tile.

    ``brightness`` and ``alike`` fill ``outer``, the tile with the margin of distances and evidence; ``natives`` are the
    digital numbers read, empty when memory ran out.
    """

    core: Window
    outer: Window
    brightness: NDArray[np.uint8]
    alike: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    counts: Counts
    natives: dict[str, Native]


def label_tiles(
    scene: Scene,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    stage: Autolabel,
    tell: Callable[[Figures], None] | None = None,
    step: Callable[[int, int], None] | None = None,
) -> Iterator[LabelTile]:
    """Label the scene around points, in tiles that together cover the corridor and never overlap.

    Parameters
    ----------
    x, y : (n,) float64 m in the scene's CRS; for a track, its positions with the drift already added.
    stage : corridor, tile size, colour thresholds and filter.
    tell : told the whole corridor's figures before the first tile.
    step : told how many tiles of how many the first pass has seen; what it raises ends the work.

    Yields
    ------
    LabelTile in row-major order. Every grid pixel within ``stage.corridor`` of a point, along each axis, lies in
    exactly one tile. None is yielded when no point comes near the scene.
    """
    around = find_corridor(scene, x, y, stage)
    if not around.tiles:
        return
    threads = min(_WORKERS, available_cores())
    with ThreadPoolExecutor(threads) as readers, ThreadPoolExecutor(threads) as pool:
        labeller = _Labeller(scene, stage, around.cells, _reach(scene), readers=readers)
        shade = pool.submit(find_shade, scene, around.cells, stage)
        drafts = []
        room = KEPT_BYTES if threads > 1 else KEPT_BYTES // 2
        for draft in _lean(_ordered(pool, labeller.draft, around.tiles), room):
            drafts.append(draft)
            if step is not None:
                step(len(drafts), len(around.tiles))
        figures = sum_up((draft.counts for draft in drafts), shade.result(), stage)
        if tell is not None:
            tell(figures)
        drafts.reverse()
        yield from _ordered(pool, lambda draft: labeller.finish(draft, figures), _consumed(drafts))


def find_corridor(scene: Scene, x: NDArray[np.float64], y: NDArray[np.float64], stage: Autolabel) -> Corridor:
    """The corridor of ``label_tiles``, which see for the parameters, and its tiles; none when no point comes near."""
    cells = corridor(*scene.index(x, y), stage.corridor / scene.pixel, scene.shape)
    return Corridor(cells, corridor_tiles(cells, scene.shape, stage.tile))


def count(scene: Scene, cells: NDArray[np.bool_], tile: Window, stage: Autolabel) -> Counts:
    """First pass over one tile of a corridor."""
    return _Labeller(scene, stage, cells, cloud.MARGIN, _COUNTED).draft(tile).counts


def find_shade(scene: Scene, cells: NDArray[np.bool_], stage: Autolabel) -> Shade:
    """Look for cloud shadow around a corridor, as far as cloud can throw one into it."""
    sun = Sun(scene.layout.sun_azimuth, scene.layout.sun_elevation)
    if not sun.casts or "B11" not in scene.bands:
        return Shade(Window(0, 0, 0, 0), np.zeros((0, 0), bool))
    window = _neighbourhood(cells, math.ceil(sun.reach[1] / scene.pixel)).clip(scene.shape)
    green, swir = scene.read(("B03", "B11"), window, COARSE)
    cloudy = cloud.opaque(green, swir, stage.ndsi_cloud)
    dark = green < stage.reflectance_white * stage.value_thick / colour.WHITE
    return Shade(window, shadow_zone(cloudy, dark, np.isfinite(green), COARSE * scene.pixel, sun))


def _neighbourhood(cells: NDArray[np.bool_], reach: int) -> Window:
    rows, cols = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    row, col = (max(0, (int(edge[0]) * CELL - reach) // COARSE * COARSE) for edge in (rows, cols))
    height, width = (int(rows[-1]) + 1) * CELL + reach - row, (int(cols[-1]) + 1) * CELL + reach - col
    return Window(row, col, height, width)


def sum_up(counts: Iterable[Counts], shade: Shade, stage: Autolabel) -> Figures:
    """The whole corridor's figures from the counts of all its tiles."""
    likeness = np.zeros(256, np.int64)
    snow = np.zeros(cloud.REFERENCE_BINS, np.int64)
    for one in counts:
        likeness += one.likeness
        snow += one.snow
    limits = cloud.Thresholds(stage.ndsi_cloud, stage.cirrus_cloud, cloud.snow_reference(snow))
    return Figures(colour.FilterStatistics.from_histogram(likeness), limits, shade)


def label_window(scene: Scene, figures: Figures, window: Window, stage: Autolabel) -> LabelTile:
    """Label any window of a scene as the stage did that found ``figures``, bit for bit.

    Parameters
    ----------
    window : in grid pixels; what reaches outside the scene is left out.
    stage : the parameters that the figures were found with.
    """
    core = window.clip(scene.shape)
    labeller = _Labeller(scene, stage, _no_cells(scene), _reach(scene))
    return labeller.finish(labeller.draft(core), figures)


def label_codes(scene: Scene, figures: Figures, window: Window, stage: Autolabel) -> Codes:
    """The classes and flags of ``label_window`` alone, which need less of the surroundings."""
    core = window.clip(scene.shape)
    labeller = _Labeller(scene, stage, _no_cells(scene), cloud.MARGIN)
    return labeller.codes(labeller.draft(core), figures)


def _reach(scene: Scene) -> int:
    """Pixels beyond a tile that distances and evidence look at."""
    return max(cloud.MARGIN, math.ceil(BOUNDARY_CAP / scene.pixel))


def _no_cells(scene: Scene) -> NDArray[np.bool_]:
    """A corridor in which nothing is counted."""
    return np.zeros((-(-scene.shape[0] // CELL), -(-scene.shape[1] // CELL)), bool)


def _consumed(stack: list[Item]) -> Iterator[Item]:
    """Items from the end of a list, each let go once it was handed out."""
    while stack:
        yield stack.pop()


def _ordered(pool: ThreadPoolExecutor, call: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results of ``call`` in order, with no more than a few tiles in the works at once."""
    ahead: deque[Future[Result]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(call, item))
            if len(ahead) > min(_WORKERS, available_cores()):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()


def _lean(drafts: Iterable[_Draft], room: int) -> Iterator[_Draft]:
    """Let go of the digital numbers of drafts once the kept ones fill ``room`` bytes."""
    kept = 0
    for draft in drafts:
        size = sum(native.data.nbytes for native in draft.natives.values())
        if kept + size > room:
            draft.natives.clear()
        kept += size if draft.natives else 0
        yield draft


class _Labeller:
    """The two passes over one tile each, with everything that stays the same between tiles.

    ``reach`` is how many pixels beyond a tile the second pass looks at, ``first`` the bands that the first pass reads.
    They are read by ``readers``, threads of their own: a file is read by one thread at a time, and threads that work
    on neighbouring tiles would queue for the same band. Without them the calling thread reads.
    """

    def __init__(
        self,
        scene: Scene,
        stage: Autolabel,
        cells: NDArray[np.bool_],
        reach: int,
        first: tuple[str, ...] = _FIRST_PASS,
        readers: ThreadPoolExecutor | None = None,
    ) -> None:
        self.scene, self.stage, self.cells, self.readers = scene, stage, cells, readers
        self.reach, self.first = reach, first
        self.filter_margin = colour.filter_margin(stage.filter_size)

    def draft(self, core: Window) -> _Draft:
        """First pass: brightness, likeness to the surroundings, and the tile's share of the counts."""
        outer = core.expand(self.reach).clip(self.scene.shape)
        full = outer.expand(self.filter_margin).clip(self.scene.shape)
        near = core.expand(cloud.MARGIN).clip(self.scene.shape)
        natives = self._natives({name: full if name in _VISIBLE else near for name in self.first})
        visible = np.stack([self.scene.expand(name, natives[name], full) for name in _VISIBLE])
        valid = colour.valid_pixels(visible)
        rgb = colour.to_rgb8(visible, self.stage.reflectance_white)
        brightness = colour.value(rgb)
        grey = colour.filter_grey(rgb, brightness, valid, self.stage.value_water)
        stop_if_asked()
        alike = colour.likeness(grey, colour.background(grey, self.stage.filter_size))
        inner = core.within(full)
        mine = cell_mask(self.cells, core) & valid[inner]
        green, swir = visible[1][near.within(full)], self.scene.expand("B11", natives["B11"], near)
        index = cloud.snow_index(green, swir)[0][core.within(near)]
        bright = mine & (brightness[inner] >= self.stage.value_thick)
        cut = outer.within(full)
        return _Draft(
            core=core,
            outer=outer,
            brightness=brightness[cut].copy(),
            alike=alike[cut].copy(),
            valid=valid[cut].copy(),
            counts=Counts(colour.histogram(alike[inner], mine), cloud.reference_histogram(index, bright)),
            natives=natives,
        )

    def finish(self, draft: _Draft, figures: Figures) -> LabelTile:
        """Second pass: classes, distances, evidence and reflectance of one tile."""
        classes, flags, bands, near = self._classified(draft, figures)
        cut, core = draft.core.within(draft.outer), draft.core.within(near)
        return LabelTile(
            window=draft.core,
            classes=classes[cut].copy(),
            flags=flags[core].copy(),
            boundary_distance=colour.boundary_distance(classes, self.scene.pixel, BOUNDARY_CAP)[cut].copy(),
            reflectance=np.stack([bands[name][core] for name in REFLECTANCE_BANDS]),
        )

    def codes(self, draft: _Draft, figures: Figures) -> Codes:
        """Second pass, classes and flags alone."""
        classes, flags, _, near = self._classified(draft, figures)
        return Codes(draft.core, classes[draft.core.within(draft.outer)].copy(), flags[draft.core.within(near)].copy())

    def _classified(
        self, draft: _Draft, figures: Figures
    ) -> tuple[NDArray[np.int8], NDArray[np.uint32], dict[str, NDArray[np.float32]], Window]:
        """Classes over the draft's ``outer``; flags and bands over the smaller window told last."""
        stop_if_asked()
        water, thick = self.stage.value_water, self.stage.value_thick
        plain = colour.classify(draft.brightness, draft.valid, water, thick)
        filtered = colour.classify_filtered(
            draft.brightness, figures.filter.apply(draft.alike), draft.valid, water, thick
        )
        classes = filtered if self.stage.cloud_filter else plain
        near = draft.core.expand(cloud.MARGIN).clip(self.scene.shape)
        bands = self._bands(draft, near)
        close = near.within(draft.outer)
        flags = self._flags(bands, (plain[close], filtered[close], classes[close]), figures, near)
        return classes, flags, bands, near

    def _natives(self, windows: dict[str, Window]) -> dict[str, Native]:
        if self.readers is None:
            return {name: self.scene.native(name, window) for name, window in windows.items()}
        reads = {name: self.readers.submit(self.scene.native, name, window) for name, window in windows.items()}
        return {name: read.result() for name, read in reads.items()}

    def _bands(self, draft: _Draft, window: Window) -> dict[str, NDArray[np.float32]]:
        names = (*REFLECTANCE_BANDS, "B10", SCENE_CLASS)
        natives = draft.natives | self._natives({name: window for name in names if name not in draft.natives})
        return {name: self.scene.expand(name, natives[name], window) for name in names}

    def _flags(
        self,
        bands: dict[str, NDArray[np.float32]],
        classes: tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]],
        figures: Figures,
        window: Window,
    ) -> NDArray[np.uint32]:
        optical = cloud.Optical(bands["B03"], bands["B11"], bands["B10"], bands[SCENE_CLASS])
        saturated = np.zeros(window.shape, bool)
        for name in REFLECTANCE_BANDS:
            saturated |= bands[name] >= np.float32(self.scene.saturation(name))
        return cloud.flags(optical, *classes, saturated, figures.shade.fine(window), figures.limits)


@dataclass(frozen=True)
class Overview:
    """A scene decimated by ``step`` to be labelled from afar.

    Attributes
    ----------
    window : the rectangle wanted, in decimated pixels; the planes reach ``margin`` pixels further on every side.
    planes : (h, w) float32 reflectance by band, NaN without data and outside the scene; ``SCL`` holds class codes.
        ``B11``, ``B10`` and ``SCL`` may lack.
    """

    step: int
    window: Window
    margin: int
    planes: Mapping[str, NDArray[np.float32]]


def overview_margin(stage: Autolabel, step: int) -> int:
    """Decimated pixels beyond a window that its overview looks at."""
    return max(colour.coarser(stage.filter_size, step) // 2 + colour.coarser(colour.DILATION, step) // 2, cloud.MARGIN)


def label_overview(view: Overview, figures: Figures, stage: Autolabel) -> Codes:
    """Classes and cloud evidence from decimated reflectance, for looking at much of a scene at once.

    The filter's windows shrink with the pixel. A decimated pixel is the mean of what is in it, so that leads narrower
    than it fade into the ice: this is an overview, not the labels. Saturation is not looked for.
    """
    visible = np.stack([view.planes[name] for name in _VISIBLE])
    valid = colour.valid_pixels(visible)
    rgb = colour.to_rgb8(visible, stage.reflectance_white)
    bright = colour.value(rgb)
    grey = colour.filter_grey(rgb, bright, valid, stage.value_water)
    alike = figures.filter.apply(colour.likeness(grey, colour.background(grey, stage.filter_size, view.step)))
    plain = colour.classify(bright, valid, stage.value_water, stage.value_thick)
    filtered = colour.classify_filtered(bright, alike, valid, stage.value_water, stage.value_thick)
    classes = filtered if stage.cloud_filter else plain
    missing = np.full(valid.shape, np.nan, np.float32)
    swir, cirrus, codes = (view.planes.get(name, missing) for name in ("B11", "B10", SCENE_CLASS))
    optical = cloud.Optical(visible[1], swir, cirrus, codes)
    unsaturated = np.zeros(valid.shape, bool)
    whole = view.window.expand(view.margin)
    rows, cols = (
        np.arange(first, stop) * view.step + view.step // 2
        for first, stop in ((whole.row, whole.row_stop), (whole.col, whole.col_stop))
    )
    shaded = figures.shade.at(rows, cols)
    flags = cloud.flags(optical, plain, filtered, classes, unsaturated, shaded, figures.limits, view.step)
    cut = view.window.within(whole)
    return Codes(view.window, classes[cut].copy(), flags[cut].copy())

"""The coincident Sentinel-2 scene: its grid, its pixels, its files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from processing.io.atomic import aside_folder
from processing.twin.package import band_path, scene_name, write_metadata
from processing.twin.painting import BANDS, SKY_STEP, Light, add_noise, add_sky, paint_ice, sky_nodes
from processing.twin.place import beam_nodes, sun
from processing.twin.world import Advance, World

PIXEL = 10.0
TILE_PIXELS = 10_980
QUANTIFICATION = 10_000.0
FACTOR = {"B02": 1, "B03": 1, "B04": 1, "B08": 1, "B11": 2, "B10": 6}
_JP2_TILE = 1024
_BLOCK = 240
_HALO = 2
_MARGIN = 1500.0
_WORKERS = 2


@dataclass(frozen=True)
class Grid:
    """Pixels of a scene: upper left corner m, rows and columns of 10 m; ``start`` and ``heading`` (unit vector) of the
    track's middle line, and half the swath's width m."""

    left: float
    top: float
    rows: int
    cols: int
    start: tuple[float, float]
    heading: tuple[float, float]
    half_width: float

    def inside(self, row: int, rows: int, halo: int = 0) -> NDArray[np.bool_]:
        """Which pixels of some rows the swath covers, (rows, cols + 2 halo)."""
        y = self.top - (np.arange(row, row + rows) + 0.5) * PIXEL - self.start[1]
        x = self.left + (np.arange(-halo, self.cols + halo) + 0.5) * PIXEL - self.start[0]
        across = x[None, :] * self.heading[1] - y[:, None] * self.heading[0]
        return np.asarray(np.abs(across) <= self.half_width)


def scene_grid(world: World) -> Grid:
    """Grid of the scene that covers the track, or as much of it as a tile holds."""
    x, y = _middle_line(world)
    length = float(np.hypot(x[-1] - x[0], y[-1] - y[0]))
    heading = ((x[-1] - x[0]) / length, (y[-1] - y[0]) / length)
    half = world.parameters.swath / 2.0
    most = TILE_PIXELS * PIXEL
    ends = np.array([-_MARGIN, length + _MARGIN])
    corner_x = (x[0] + ends[:, None] * heading[0] + np.array([-half, half]) * heading[1]).ravel()
    corner_y = (y[0] + ends[:, None] * heading[1] - np.array([-half, half]) * heading[0]).ravel()
    if world.parameters.full_tile:
        middle = corner_x.mean() - most / 2, corner_y.mean() + most / 2
        left, top = middle
        cols, rows, half = float(TILE_PIXELS), float(TILE_PIXELS), most
    else:
        left, top = corner_x.min(), corner_y.max()
        cols, rows = (min(float(np.ptp(c)), most) / PIXEL for c in (corner_x, corner_y))
        left, top = max(left, corner_x.mean() - most / 2), min(top, corner_y.mean() + most / 2)
    step = 6 * PIXEL
    return Grid(
        left=float(np.floor(left / step) * step),
        top=float(np.ceil(top / step) * step),
        rows=min(int(np.ceil(rows / 6)) * 6 + 6, TILE_PIXELS),
        cols=min(int(np.ceil(cols / 6)) * 6 + 6, TILE_PIXELS),
        start=(float(x[0]), float(y[0])),
        heading=(float(heading[0]), float(heading[1])),
        half_width=half,
    )


def _middle_line(world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    left, right = (beam_nodes(world.place, beam) for beam in ("gt2l", "gt2r"))
    return (left.x + right.x) / 2 + world.drift_x, (left.y + right.y) / 2 + world.drift_y


def scene_rows(world: World) -> int:
    """Rows of the scene, for progress."""
    return scene_grid(world).rows


def write_scene(folder: Path, world: World, bar: Advance) -> Path:
    """Write the scene's SAFE folder, whole or not at all, and return its path."""
    grid = scene_grid(world)
    path = folder / scene_name(world)
    with aside_folder(path) as temporary:
        work = temporary / "work"
        work.mkdir()
        _fill_bands(work, world, grid, bar)
        for band in BANDS:
            band_path(temporary, world, band).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(lambda band: _encode(work / f"{band}.tif", band_path(temporary, world, band)), BANDS))
        shutil.rmtree(work)
        write_metadata(temporary, world, grid.left, grid.top, grid.rows, grid.cols)
    return path


def _encode(source: Path, target: Path) -> None:
    """Lossless JPEG 2000 with tiles and resolution levels as Sentinel-2 has them."""
    with rasterio.open(source) as dataset:
        small = min(dataset.width, dataset.height) < _JP2_TILE
    options = {
        "QUALITY": "100",
        "REVERSIBLE": "YES",
        "YCBCR420": "NO",
        "PROGRESSION": "LRCP",
        "BLOCKXSIZE": str(_JP2_TILE),
        "BLOCKYSIZE": str(_JP2_TILE),
        "GMLJP2": "YES",
        "GeoJP2": "YES",
    }
    if not small:
        options["RESOLUTIONS"] = "6"
    rasterio.shutil.copy(source, target, driver="JP2OpenJPEG", **options)


def _fill_bands(work: Path, world: World, grid: Grid, bar: Advance) -> None:
    """Paint the scene block by block into one plain raster a band."""
    files = {band: rasterio.open(work / f"{band}.tif", "w", **_profile(world, grid, FACTOR[band])) for band in BANDS}
    try:
        for row, numbers in _painted(world, grid):
            for band, values in zip(BANDS, numbers, strict=True):
                factor = FACTOR[band]
                window = Window(0, row // factor, values.shape[1], values.shape[0])
                files[band].write(values, 1, window=window)
            bar.advance(numbers[0].shape[0], scene_name(world))
    finally:
        for file in files.values():
            file.close()


def _profile(world: World, grid: Grid, factor: int) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "dtype": "uint16",
        "count": 1,
        "width": grid.cols // factor,
        "height": grid.rows // factor,
        "crs": f"EPSG:{world.place.epsg}",
        "transform": Affine(PIXEL * factor, 0.0, grid.left, 0.0, -PIXEL * factor, grid.top),
        "tiled": False,
    }


def _painted(world: World, grid: Grid) -> Iterator[tuple[int, list[NDArray[np.uint16]]]]:
    """Blocks in order, some ahead of their use on other threads: first row and digital numbers of each band."""
    starts = range(0, grid.rows, _BLOCK)
    with ThreadPoolExecutor(_WORKERS) as pool:
        ahead: list[tuple[int, Future[list[NDArray[np.uint16]]]]] = []
        for row in starts:
            ahead.append((row, pool.submit(paint_block, world, grid, row, min(_BLOCK, grid.rows - row))))
            if len(ahead) > 2 * _WORKERS:
                first, done = ahead.pop(0)
                yield first, done.result()
        for first, done in ahead:
            yield first, done.result()


def paint_block(world: World, grid: Grid, row: int, rows: int) -> list[NDArray[np.uint16]]:
    """Digital numbers of each band in rows ``row`` to ``row + rows``; 0 is no data. ``row`` is a multiple of 12."""
    wanted = grid.inside(row - _HALO, rows + 2 * _HALO, _HALO)
    left = grid.left - _HALO * PIXEL - world.drift_x
    top = grid.top - (row - _HALO) * PIXEL - world.drift_y
    image, _ = paint_ice(left, top, PIXEL, wanted, world.ice, _light(world))
    image = np.stack([cv2.GaussianBlur(band, (0, 0), 0.55) for band in image])
    image = np.ascontiguousarray(image[:, _HALO:-_HALO, _HALO:-_HALO])
    wanted = wanted[_HALO:-_HALO, _HALO:-_HALO]
    shape = rows // SKY_STEP + 3, grid.cols // SKY_STEP + 3
    first = row // SKY_STEP * SKY_STEP
    nodes = sky_nodes(grid.left, grid.top - first * PIXEL, PIXEL * SKY_STEP, *shape, world.cloud)
    add_sky(image, nodes, row - first, 0)
    add_noise(image, wanted, row, world.ice.seed + 60, world.parameters.scene_noise)
    return [_digital(plane, wanted, FACTOR[band], world) for band, plane in zip(BANDS, image, strict=True)]


def _light(world: World) -> Light:
    nodes = beam_nodes(world.place, "gt2l", world.place.segments // 2, 1)
    elevation, azimuth = sun(world.scene_time, nodes.lat[:1], nodes.lon[:1])
    steep = min(0.5 / float(np.tan(np.radians(max(elevation[0], 5.0)))), 1.6)
    turn = np.radians(azimuth[0])
    return Light(
        float(steep * np.sin(turn)),
        float(steep * np.cos(turn)),
        world.parameters.water_glint,
        world.parameters.scene_noise,
    )


def _digital(plane: NDArray[np.float32], wanted: NDArray[np.bool_], factor: int, world: World) -> NDArray[np.uint16]:
    if factor > 1:
        shape = plane.shape[0] // factor, factor, plane.shape[1] // factor, factor
        plane = plane.reshape(shape).mean(axis=(1, 3))
        wanted = np.asarray(wanted.reshape(shape).all(axis=(1, 3)))
    offset = 1000.0 if world.parameters.baseline >= "04.00" else 0.0
    numbers = np.clip(np.rint(plane * QUANTIFICATION + offset), 1, 65_535)
    return np.where(wanted, numbers, 0).astype(np.uint16)

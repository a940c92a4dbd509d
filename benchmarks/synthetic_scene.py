"""A full-size synthetic Sentinel-2 product: every pixel textured, so that it compresses about as a real one does."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

EDGE = 10_980
LEFT, TOP, EPSG = 499_980.0, 8_900_040.0, 32633
NAME = "S2A_MSIL1C_20220413T150759_N0400_R025_T33XWJ_20220413T173037.SAFE"
BANDS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20}

_STEM = "T33XWJ_20220413T150759"
_STRIP = 1098
_COLOUR = {"B02": 1.0, "B03": 0.98, "B04": 0.94, "B08": 0.82, "B11": 0.1}
_CACHE = "leadline-bench-scene-v1"


def cached_scene() -> Path:
    """Folder of the product in the system's temporary folder; made when it is not there yet (a few minutes)."""
    cache = Path(tempfile.gettempdir()) / _CACHE
    if not cache.is_dir():
        making = Path(tempfile.mkdtemp(prefix=f"{_CACHE}-"))
        try:
            _write(making / NAME)
            making.rename(cache)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    return cache / NAME


def _write(safe: Path) -> None:
    images = safe / "GRANULE" / "L1C_T33XWJ_A026649_20220413T150756" / "IMG_DATA"
    images.mkdir(parents=True)
    brightness = _brightness(np.random.default_rng(2))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: _write_band(images / f"{_STEM}_{name}.jp2", name, brightness), BANDS))
    (safe / "MTD_MSIL1C.xml").write_text(_product_xml(), encoding="utf-8")
    (images.parent / "MTD_TL.xml").write_text(_tile_xml(), encoding="utf-8")


def _brightness(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Visible reflectance in ten-thousandths: floes, leads with thin ice and water, a veil, texture to the pixel."""
    forms = _field(rng, 240) + 0.5 * _field(rng, 60) + 0.25 * _field(rng, 15)
    veil = np.clip(_field(rng, 900), 0.0, 0.6)
    result = np.empty((EDGE, EDGE), np.uint16)
    for row in range(0, EDGE, _STRIP):
        part = slice(row, row + _STRIP)
        width = np.abs(forms[part])
        ice = np.where(width < 0.05, 400.0, np.where(width < 0.12, 2600.0, 7900.0 + 400.0 * forms[part]))
        mixed = ice * (1.0 - veil[part]) + 6800.0 * veil[part]
        noise = cv2.GaussianBlur(rng.standard_normal(mixed.shape).astype(np.float32), (0, 0), 0.9)
        result[part] = np.clip(mixed * (1.0 + 0.06 * noise), 50.0, 20_000.0).astype(np.uint16)
    return result


def _field(rng: np.random.Generator, scale: int) -> NDArray[np.float32]:
    coarse = rng.standard_normal((EDGE // scale + 3,) * 2).astype(np.float32)
    return cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 0.8), (EDGE, EDGE), interpolation=cv2.INTER_CUBIC)


def _write_band(path: Path, name: str, brightness: NDArray[np.uint16]) -> None:
    metres = BANDS[name]
    fine = brightness[:: metres // 10, :: metres // 10]
    numbers = (fine * np.float32(_COLOUR[name]) + np.float32(1000.5)).astype(np.uint16)
    profile = {"driver": "JP2OpenJPEG", "count": 1, "dtype": "uint16", "crs": f"EPSG:{EPSG}"}
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "BLOCKXSIZE": 1024, "BLOCKYSIZE": 1024}
    shape = {"height": numbers.shape[0], "width": numbers.shape[1]}
    place = Affine(metres, 0, LEFT, 0, -metres, TOP)
    with (
        rasterio.Env(GDAL_NUM_THREADS="1"),
        rasterio.open(path, "w", transform=place, **shape, **profile, **options) as out,
    ):
        out.write(numbers, 1)


def _product_xml() -> str:
    offsets = "".join(f'<RADIO_ADD_OFFSET band_id="{band}">-1000</RADIO_ADD_OFFSET>' for band in range(13))
    return (
        "<Product><PRODUCT_START_TIME>2022-04-13T15:07:59.024Z</PRODUCT_START_TIME>"
        "<PROCESSING_BASELINE>04.00</PROCESSING_BASELINE><QUANTIFICATION_VALUE>10000</QUANTIFICATION_VALUE>"
        f"{offsets}</Product>"
    )


def _tile_xml() -> str:
    grids = "".join(
        f'<Size resolution="{m}"><NROWS>{EDGE * 10 // m}</NROWS><NCOLS>{EDGE * 10 // m}</NCOLS></Size>'
        f'<Geoposition resolution="{m}"><ULX>{LEFT:.0f}</ULX><ULY>{TOP:.0f}</ULY></Geoposition>'
        for m in (10, 20, 60)
    )
    return (
        "<Tile><SENSING_TIME>2022-04-13T15:08:07.846358Z</SENSING_TIME>"
        f"<HORIZONTAL_CS_CODE>EPSG:{EPSG}</HORIZONTAL_CS_CODE>{grids}"
        "<Mean_Sun_Angle><ZENITH_ANGLE>76.5</ZENITH_ANGLE><AZIMUTH_ANGLE>246.5</AZIMUTH_ANGLE></Mean_Sun_Angle></Tile>"
    )

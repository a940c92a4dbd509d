"""Small scenes in the real formats, made for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

METRES = {"B11": 20, "SCL": 20, "B10": 60}
LEFT, TOP = 499_980.0, 8_900_040.0


@dataclass(frozen=True)
class Recipe:
    """What a made SAFE product says about itself."""

    level: str = "L1C"
    baseline: str = "04.00"
    offset: float | None = -1000.0
    epsg: int = 32633
    sensing: str = "2022-04-13T15:08:07.846358Z"
    sun_zenith: float = 76.5
    sun_azimuth: float = 246.5
    block: int = 64
    spacecraft: str = "Sentinel-2B"


def write_safe(folder: Path, bands: Mapping[str, NDArray[np.uint16]], recipe: Recipe | None = None) -> Path:
    """Write a SAFE product of one tile with the given digital numbers by band; returns its folder."""
    recipe = recipe or Recipe()
    stem = "20220413T150759"
    number = recipe.baseline.replace(".", "")
    safe = folder / f"S2B_MSI{recipe.level}_{stem}_N{number}_R025_T33XWJ_20220414T082126.SAFE"
    granule = safe / "GRANULE" / f"{recipe.level}_T33XWJ_A026649_20220413T150756"
    for name, numbers in bands.items():
        metres = METRES.get(name, 10)
        images = granule / "IMG_DATA" / (f"R{metres}m" if recipe.level == "L2A" else "")
        images.mkdir(parents=True, exist_ok=True)
        suffix = f"_{metres}m" if recipe.level == "L2A" else ""
        write_jp2(images / f"T33XWJ_{stem}_{name}{suffix}.jp2", numbers, metres, recipe)
    rows, cols = bands["B03"].shape if "B03" in bands else next(iter(bands.values())).shape
    (safe / f"MTD_MSI{recipe.level}.xml").write_text(product_xml(recipe), encoding="utf-8")
    (granule / "MTD_TL.xml").write_text(tile_xml(recipe, rows, cols), encoding="utf-8")
    return safe


def write_jp2(path: Path, numbers: NDArray[np.uint16], metres: int, recipe: Recipe) -> None:
    """Write one lossless band in blocks, as in the real product."""
    profile = {"driver": "JP2OpenJPEG", "count": 1, "dtype": numbers.dtype, "crs": f"EPSG:{recipe.epsg}"}
    options: dict[str, object] = {"QUALITY": "100", "REVERSIBLE": "YES", "RESOLUTIONS": 4}
    if min(numbers.shape) >= recipe.block:
        options |= {"BLOCKXSIZE": recipe.block, "BLOCKYSIZE": recipe.block}
    place = Affine(metres, 0, LEFT, 0, -metres, TOP)
    shape = {"height": numbers.shape[0], "width": numbers.shape[1]}
    with rasterio.open(path, "w", transform=place, **shape, **profile, **options) as out:
        out.write(numbers, 1)


def product_xml(recipe: Recipe) -> str:
    """``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml`` with what the reader needs."""
    boa = recipe.level == "L2A"
    scale = "BOA_QUANTIFICATION_VALUE" if boa else "QUANTIFICATION_VALUE"
    tag = "BOA_ADD_OFFSET" if boa else "RADIO_ADD_OFFSET"
    offsets = ""
    if recipe.offset is not None:
        offsets = "".join(f'<{tag} band_id="{band}">{recipe.offset:.0f}</{tag}>' for band in range(13))
    return (
        f'<?xml version="1.0"?><n1:User_Product xmlns:n1="urn:made"><n1:General_Info>'
        f"<SPACECRAFT_NAME>{recipe.spacecraft}</SPACECRAFT_NAME>"
        f"<PROCESSING_BASELINE>{recipe.baseline}</PROCESSING_BASELINE>"
        f'<{scale} unit="none">10000</{scale}>{offsets}'
        f'<Spectral_Information bandId="1" physicalBand="B2"/>'
        f"</n1:General_Info></n1:User_Product>"
    )


def tile_xml(recipe: Recipe, rows: int, cols: int) -> str:
    """``MTD_TL.xml`` with sensing time, grids and sun."""
    grids = "".join(
        f'<Size resolution="{metres}"><NROWS>{rows * 10 // metres}</NROWS><NCOLS>{cols * 10 // metres}</NCOLS></Size>'
        f'<Geoposition resolution="{metres}"><ULX>{LEFT:.0f}</ULX><ULY>{TOP:.0f}</ULY></Geoposition>'
        for metres in (10, 20, 60)
    )
    return (
        f'<?xml version="1.0"?><n1:Tile xmlns:n1="urn:made"><SENSING_TIME>{recipe.sensing}</SENSING_TIME>'
        f"<HORIZONTAL_CS_CODE>EPSG:{recipe.epsg}</HORIZONTAL_CS_CODE>{grids}"
        f'<Mean_Sun_Angle><ZENITH_ANGLE unit="deg">{recipe.sun_zenith}</ZENITH_ANGLE>'
        f'<AZIMUTH_ANGLE unit="deg">{recipe.sun_azimuth}</AZIMUTH_ANGLE></Mean_Sun_Angle></n1:Tile>'
    )


def write_tif(path: Path, planes: NDArray[np.generic], *, names: tuple[str, ...] = (), **profile: object) -> Path:
    """Write a stack (bands, h, w) as a GeoTIFF; ``names`` become band descriptions, ``tags`` the file's tags."""
    tags = profile.pop("tags", {})
    settings = {"crs": "EPSG:32633", "transform": Affine(10, 0, LEFT, 0, -10, TOP)} | profile
    count, height, width = planes.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=planes.dtype, **settings
    ) as out:
        out.write(planes)
        out.update_tags(**tags)  # type: ignore[arg-type]
        for index, name in enumerate(names, 1):
            out.set_band_description(index, name)
    return path

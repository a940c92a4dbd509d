"""Sentinel-2 SAFE folders: what their metadata says about bands, offsets, time and place.

Source: Sentinel-2 Products Specification Document (file naming, ``MTD_MSIL1C.xml``, ``MTD_MSIL2A.xml``,
``MTD_TL.xml``).
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from processing.errors import InputError
from processing.io.jp2 import check_whole
from processing.io.raster_bands import NEEDED, SCENE_CLASS, Band, Layout, raster
from processing.io.safe_xml import Document

_LOG = logging.getLogger(__name__)

BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Bands in the order of the metadata's ``band_id``."""

WANTED = (*NEEDED, "B08", "B10", "B11", SCENE_CLASS)
"""Bands that are read; what else a product holds is left alone."""

OFFSET_BASELINE = 4.0
OFFSET = -1000.0
"""Offset of every band from processing baseline 04.00 (25 January 2022)."""

_IMAGE = re.compile(r"_(?P<band>B\d{2}|B8A|SCL)(?:_(?P<metres>10|20|60)m)?\.jp2$")
_RADIOMETRY = {
    "L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET"),
    "L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"),
}
_NATIVE_METRES = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20, "SCL": 20, "B10": 60}


@dataclass(frozen=True)
class Product:
    """The product's own metadata file.

    Attributes
    ----------
    level : ``L1C`` or ``L2A``.
    baseline : such as ``04.00``.
    quantification : digital numbers per unit of reflectance.
    offsets : by band name; empty when the product carries none.
    synthetic : whether it says that it was made, not measured.
    """

    level: str
    baseline: str
    quantification: float
    offsets: dict[str, float]
    synthetic: bool = False

    def offset(self, band: str) -> float:
        """Added to a band's digital numbers: as stated, else -1000 from baseline 04.00 on, else 0.

        Baselines of 90 and more are other people's processors; without a stated offset they have none.
        """
        if self.offsets:
            return self.offsets.get(band, 0.0)
        return OFFSET if carries_offset(self.baseline) else 0.0


@dataclass(frozen=True)
class Tile:
    """A tile's metadata file; ``corners`` maps metres a pixel to (upper-left x, y, rows, columns)."""

    time: np.datetime64
    crs: CRS
    corners: dict[int, tuple[float, float, int, int]]
    sun_azimuth: float
    sun_elevation: float


def carries_offset(baseline: str) -> bool:
    """Whether products of a processing baseline such as ``04.00`` carry the offset."""
    try:
        number = float(baseline)
    except ValueError:
        return False
    return OFFSET_BASELINE <= number < 90.0


def is_safe(path: Path) -> bool:
    """Whether a folder is, or claims to be, a Sentinel-2 SAFE product."""
    if not path.is_dir():
        return False
    return _metadata_file(path) is not None or (path.name.startswith("S2") and path.suffix == ".SAFE")


def read_safe(path: Path, scene_id: str = "", time: np.datetime64 | None = None) -> Layout:
    """Describe a SAFE product of one tile.

    Every band that is used is checked for being whole, without decoding it.

    Raises InputError, naming the file, when metadata or a needed band is missing or damaged.
    """
    product = read_product(path)
    granule = _granule(path)
    tile = read_tile(granule / "MTD_TL.xml")
    bands = _bands(granule, product, path)
    grid = bands["B03"]
    transform = _transform(tile, grid.shape, granule)
    notes = () if product.offsets or not carries_offset(product.baseline) else ("offset -1000 from the baseline",)
    for note in notes:
        _LOG.warning("%s: %s", path.name, note)
    return Layout(
        scene_id=scene_id or safe_id(path),
        path=path,
        level=product.level,
        baseline=product.baseline,
        time=tile.time if time is None else time,
        crs=tile.crs,
        transform=transform,
        shape=grid.shape,
        bands=bands,
        sun_azimuth=tile.sun_azimuth,
        sun_elevation=tile.sun_elevation,
        notes=notes,
        synthetic=product.synthetic,
    )


def safe_id(path: Path) -> str:
    """Scene identifier of a SAFE folder: its name without the suffix."""
    name = path.resolve().name if not path.name.endswith(".SAFE") else path.name
    return name.removesuffix(".SAFE")


def read_product(path: Path) -> Product:
    """Read ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml`` of a SAFE folder; raises InputError."""
    file = _metadata_file(path)
    if file is None:
        raise InputError("SAFE folder without MTD_MSIL1C.xml or MTD_MSIL2A.xml", where=path, mend="fetch it again")
    document = Document(file)
    level = file.stem.removeprefix("MTD_MSI")
    scale_tag, offset_tag = _RADIOMETRY[level]
    return Product(
        level=level,
        baseline=document.text("PROCESSING_BASELINE"),
        quantification=_quantification(document, scale_tag),
        offsets=_offsets(document, offset_tag),
        synthetic=document.text("SPACECRAFT_NAME").endswith("(synthetic)"),
    )


def read_tile(file: Path) -> Tile:
    """Read ``MTD_TL.xml``: sensing time, CRS, corners, sun; raises InputError."""
    document = Document(file)
    code = document.text("HORIZONTAL_CS_CODE")
    try:
        crs = CRS.from_user_input(code)
    except CRSError:
        raise InputError(f"HORIZONTAL_CS_CODE is {code!r}, not a CRS", where=file) from None
    sun = next(document.elements("Mean_Sun_Angle"), None)
    return Tile(
        time=document.time("SENSING_TIME"),
        crs=crs,
        corners=_corners(document),
        sun_azimuth=document.child(sun, "AZIMUTH_ANGLE"),
        sun_elevation=90.0 - document.child(sun, "ZENITH_ANGLE"),
    )


def _quantification(document: Document, tag: str) -> float:
    element = next(document.elements(tag), None)
    number = 0.0 if element is None else document.number(element)
    if not number > 0:
        raise InputError(f"no valid {tag}", where=document.file, mend="fetch the product again")
    return number


def _offsets(document: Document, tag: str) -> dict[str, float]:
    names = {
        element.get("bandId", ""): _canonical(element.get("physicalBand", ""))
        for element in document.elements("Spectral_Information")
    }
    offsets = {}
    for element in document.elements(tag):
        ident = element.get("band_id", "")
        offsets[names.get(ident) or _band_name(ident, document.file)] = document.number(element)
    return offsets


def _corners(document: Document) -> dict[int, tuple[float, float, int, int]]:
    sizes = {element.get("resolution", ""): element for element in document.elements("Size")}
    corners = {}
    for place in document.elements("Geoposition"):
        metres = place.get("resolution", "")
        x, y = document.child(place, "ULX"), document.child(place, "ULY")
        rows, cols = (document.child(sizes.get(metres), tag) for tag in ("NROWS", "NCOLS"))
        if metres.isdigit() and all(math.isfinite(number) for number in (x, y, rows, cols)):
            corners[int(metres)] = (x, y, int(rows), int(cols))
    return corners


def _metadata_file(path: Path) -> Path | None:
    return next((file for file in (path / "MTD_MSIL2A.xml", path / "MTD_MSIL1C.xml") if file.is_file()), None)


def _granule(path: Path) -> Path:
    folders = sorted(folder for folder in path.glob("GRANULE/*") if folder.is_dir())
    if not folders:
        raise InputError("SAFE folder without a GRANULE", where=path, mend="fetch it again")
    if len(folders) > 1:
        raise InputError(f"{len(folders)} tiles in one product", where=path, mend="give products of one tile each")
    return folders[0]


def _bands(granule: Path, product: Product, path: Path) -> dict[str, Band]:
    files = _images(granule)
    missing = [name for name in NEEDED if name not in files]
    if missing:
        mend = f"bands {', '.join(NEEDED)} are needed, {', '.join(n for n in WANTED if n not in NEEDED)} are optional"
        raise InputError(f"scene without band {missing[0]}", where=path, mend=mend)
    grid = files["B03"][0]
    bands = {
        name: _band(name, files[name][1], files[name][0] // grid, product)
        for name in WANTED
        if name in files and files[name][0] % grid == 0
    }
    for band in bands.values():
        if tuple(band.factor * count for count in band.shape) != bands["B03"].shape:
            what = f"{band.name} has {band.shape[0]} x {band.shape[1]} pixels, which do not fit those of B03"
            raise InputError(what, where=band.path, mend="fetch the product again")
    return bands


def _images(granule: Path) -> dict[str, tuple[int, Path]]:
    """Finest image of each band: metres a pixel and file."""
    files: dict[str, tuple[int, Path]] = {}
    for file in sorted(granule.glob("IMG_DATA/**/*.jp2")):
        match = _IMAGE.search(file.name)
        if match and match["band"] in WANTED:
            metres = int(match["metres"] or _NATIVE_METRES[match["band"]])
            if match["band"] not in files or metres < files[match["band"]][0]:
                files[match["band"]] = (metres, file)
    return files


def _band(name: str, file: Path, factor: int, product: Product) -> Band:
    check_whole(file)
    with raster(file) as dataset:
        shape = (int(dataset.height), int(dataset.width))
    if name == SCENE_CLASS:
        return Band(name, file, 1, shape, factor, 0.0, 1.0, 0.0, None)
    return Band(name, file, 1, shape, factor, product.offset(name), product.quantification)


def _transform(tile: Tile, shape: tuple[int, int], granule: Path) -> Affine:
    for metres, (x, y, rows, cols) in tile.corners.items():
        if (rows, cols) == shape:
            return Affine(metres, 0.0, x, 0.0, -metres, y)
    raise InputError(
        f"band B03 has {shape[0]} x {shape[1]} pixels, MTD_TL.xml knows no grid of that size",
        where=granule,
        mend="fetch the product again",
    )


def _canonical(name: str) -> str:
    """Physical band name with two digits: ``B2`` -> ``B02``, ``B8A`` stays."""
    match = re.fullmatch(r"B(\d{1,2})", name)
    return f"B{int(match[1]):02d}" if match else name


def _band_name(ident: str, file: Path) -> str:
    if not ident.isdigit() or int(ident) >= len(BAND_IDS):
        raise InputError(f"unknown band_id {ident!r}", where=file, mend="fetch the product again")
    return BAND_IDS[int(ident)]

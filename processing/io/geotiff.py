"""Sentinel-2 bands as one GeoTIFF or COG: which band is which, offset, time, coordinate system.

Such files come from many tools and say little. What is not said is looked for in a fixed order and, where it had to be
assumed, the layout's notes tell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from pyproj import CRS
from rasterio.errors import RasterioError

from processing.errors import InputError
from processing.io.found import UnreadableError
from processing.io.raster_bands import NEEDED, SCENE_CLASS, Band, Layout, raster
from processing.io.safe import BAND_IDS, OFFSET, WANTED, carries_offset
from processing.io.scene_time import find_time

SUFFIXES = (".tif", ".tiff")
CONVENTION = ("B02", "B03", "B04", "B08")
"""Band order assumed of four bands without names."""

DARK_LEAST, DARK_MOST = 900, 2000
"""Digital numbers between which the darkest near-infrared pixels of a scene with the offset lie."""

BASELINE_START = np.datetime64("2022-01-25T00:00:00", "ns")
"""First day of processing baseline 04.00."""

_DARK_PERCENT = 0.1
_SAMPLE = 1024
_NAMES = {
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "nir": "B08",
    "cirrus": "B10",
    "swir16": "B11",
    "swir1": "B11",
    "scl": SCENE_CLASS,
}
_BAND_NAME = re.compile(r"(?<![A-Za-z0-9])B(?:and)?[ _]?(8A|\d{1,2})(?![A-Za-z0-9])", re.IGNORECASE)
_SCENE_NAME = re.compile(r"S2[ABCD]_|MSIL[12][AC]|(?<![A-Z0-9])T\d{2}[C-X][A-Z]{2}_")
_BASELINE = re.compile(r"_N(\d{2})(\d{2})(?=_|$)")
_LEVEL = re.compile(r"(?:MSI)?(L1C|L2A)")
_ONE_BAND = re.compile(r"(?:^|_)(?:B\d{2}|B8A)(?:_\d{2}m)?$")
_STACK = (
    "stack the bands first: gdalbuildvrt -separate s.vrt B02.tif B03.tif B04.tif B08.tif && "
    "gdal_translate s.vrt scene.tif"
)
_GENERIC = {"scene", "image", "img", "stack", "bands", "s2", "sentinel2", "merged", "mosaic", "data", "rgb", "crop"}


@dataclass(frozen=True)
class Radiometry:
    """How digital numbers become reflectance, as in :class:`Band`, and how that was known."""

    offset: float
    quantification: float
    source: str


def looks_like_scene(path: Path) -> bool:
    """Whether a raster file is a stack of Sentinel-2 bands: by its bands' names, its own name or four 16-bit bands."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    if _SCENE_NAME.search(path.name) or _ONE_BAND.search(path.stem):
        return True
    with raster(path) as dataset:
        named = [name for name in map(_band_name, dataset.descriptions) if name]
        return len(named) >= 3 or (dataset.count == len(CONVENTION) and dataset.dtypes[0] == "uint16")


def geotiff_id(path: Path) -> str:
    """Scene identifier of a file: its stem, after its folder's name when the stem is a generic word."""
    stem = path.stem.split(".")[0]
    if stem.lower() in _GENERIC:
        stem = f"{path.resolve().parent.name}_{stem}"
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).lstrip("._-") or "scene"


def read_geotiff(path: Path, scene_id: str = "", details: Mapping[str, Any] | None = None) -> Layout:
    """Describe a stack of bands in one file.

    Parameters
    ----------
    details : what is known besides the file: ``time`` (ISO 8601), ``band_map`` ({"B02": 1, ...}), ``offset`` (added to
        digital numbers), ``quantification``, ``level``, ``baseline``. It goes before what the file says.

    Raises InputError for a file cut short, a missing band, no time, or a coordinate system other than projected metres.
    """
    details = details or {}
    with raster(path) as dataset:
        crs, transform = _place(dataset, path)
        _check_whole(dataset, path)
        band_map, band_note = _band_map(dataset, path, details)
        time = find_time(path, dataset.tags(), str(details.get("time", "")))
        baseline = str(details.get("baseline", "") or _baseline(path, dataset.tags()))
        radiometry = _radiometry(dataset, path, details, band_map, baseline, time)
        bands = {name: _band(dataset, path, name, index, radiometry) for name, index in band_map.items()}
        shape = (int(dataset.height), int(dataset.width))
    notes = tuple(note for note in (band_note, radiometry.source) if note)
    level = str(details.get("level", "")) or _level(path)
    return Layout(scene_id or geotiff_id(path), path, level, baseline, time, crs, transform, shape, bands, notes=notes)


def _place(dataset: Any, path: Path) -> tuple[CRS, Affine]:
    mend = "reproject it to its UTM zone or to EPSG:3031 / EPSG:3413"
    if dataset.crs is None:
        raise InputError("no coordinate system", where=path, mend="assign the one it was made in")
    crs = CRS.from_wkt(dataset.crs.to_wkt())
    name = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.name
    if not crs.is_projected:
        raise InputError(f"coordinate system {name} is not projected", where=path, mend=mend)
    if {axis.unit_name for axis in crs.axis_info} != {"metre"}:
        raise InputError(f"coordinate system {name} is not in metres", where=path, mend=mend)
    turn = dataset.transform
    if turn.b or turn.d or turn.a <= 0 or turn.e >= 0 or not math.isclose(turn.a, -turn.e, rel_tol=1e-6):
        raise InputError("pixels are not square with north up", where=path, mend=mend)
    return crs, Affine(turn.a, 0.0, turn.c, 0.0, -turn.a, turn.f)


def _check_whole(dataset: Any, path: Path) -> None:
    """Raise InputError when a block of pixels lies past the end of the file, or the file's own check fails."""
    size = path.stat().st_size
    for index in dataset.indexes:
        height, width = dataset.block_shapes[index - 1]
        for row in range(-(-dataset.height // height)):
            last = -(-dataset.width // width) - 1
            start = dataset.get_tag_item(f"BLOCK_OFFSET_{last}_{row}", "TIFF", bidx=index)
            length = dataset.get_tag_item(f"BLOCK_SIZE_{last}_{row}", "TIFF", bidx=index)
            if start and length and int(start) + int(length) > size:
                what = f"cut short: {size} of at least {int(start) + int(length)} bytes"
                raise InputError(what, where=path, mend="fetch it again")


def _band_map(dataset: Any, path: Path, details: Mapping[str, Any]) -> tuple[dict[str, int], str]:
    given = {str(name): int(index) for name, index in dict(details.get("band_map", {})).items()}
    named = {name: index + 1 for index, text in enumerate(dataset.descriptions) if (name := _band_name(text))}
    note = ""
    found = given or named
    if not found and dataset.count == len(CONVENTION):
        found = {name: index + 1 for index, name in enumerate(CONVENTION)}
        note = f"bands without names, taken as {' '.join(CONVENTION)}"
    missing = [name for name in NEEDED if name not in found]
    if missing and dataset.count == 1:
        raise UnreadableError("one band of a scene", where=path, mend=_STACK)
    if missing:
        known = f"it has {' '.join(found)}" if found else f"its {dataset.count} bands have no names"
        raise InputError(
            f"scene without band {missing[0]} ({known})",
            where=path,
            mend="name its bands with --band-map B02=1,B03=2,...",
        )
    beyond = [name for name, index in found.items() if not 1 <= index <= dataset.count]
    if beyond:
        raise InputError(f"band {beyond[0]} is said to be number {found[beyond[0]]} of {dataset.count}", where=path)
    return {name: found[name] for name in WANTED if name in found}, note


def _band_name(text: str | None) -> str:
    """Band a description stands for (``B2``, ``Band 2``, ``blue``); empty when for none."""
    words = (text or "").strip()
    match = _BAND_NAME.search(words)
    if match:
        number = match[1].upper()
        name = "B8A" if number == "8A" else f"B{int(number):02d}"
        return name if name in BAND_IDS else ""
    return _NAMES.get(words.lower(), "")


def _baseline(path: Path, tags: Mapping[str, str]) -> str:
    stated = tags.get("PROCESSING_BASELINE", "")
    match = _BASELINE.search(path.stem)
    return stated or (f"{match[1]}.{match[2]}" if match else "")


def _level(path: Path) -> str:
    match = _LEVEL.search(path.name)
    return match[1] if match else ""


def _radiometry(
    dataset: Any,
    path: Path,
    details: Mapping[str, Any],
    band_map: Mapping[str, int],
    baseline: str,
    time: np.datetime64,
) -> Radiometry:
    """What turns digital numbers into reflectance: told, else tags, else baseline, else the darkest pixels."""
    kind = np.dtype(dataset.dtypes[band_map["B03"] - 1])
    if kind.itemsize < 2:
        raise InputError(f"{kind} pixels are a picture, not reflectance", where=path, mend="give 16-bit or float bands")
    quantification = float(details.get("quantification", 0) or _tag(dataset, "QUANTIFICATION_VALUE") or 10_000.0)
    if "offset" in details:
        return Radiometry(float(details["offset"]), quantification, "")
    scale, shift = dataset.scales[band_map["B03"] - 1] or 1.0, dataset.offsets[band_map["B03"] - 1]
    if scale != 1.0 or shift:
        return Radiometry(shift / scale, 1.0 / scale, "")
    if kind.kind == "f":
        return _float_radiometry(dataset, path, band_map, float(details.get("quantification", 0)))
    stated = _tag(dataset, "RADIO_ADD_OFFSET", "BOA_ADD_OFFSET")
    if stated is not None:
        return Radiometry(stated, quantification, "")
    if baseline:
        return Radiometry(OFFSET if carries_offset(baseline) else 0.0, quantification, "")
    return _guess_offset(dataset, path, band_map, quantification, time)


def _float_radiometry(dataset: Any, path: Path, band_map: Mapping[str, int], quantification: float) -> Radiometry:
    if quantification:
        return Radiometry(0.0, quantification, "")
    sample = _sample(dataset, path, band_map["B03"])
    if len(sample) and np.median(sample) > 10:
        what = f"floating-point values around {np.median(sample):.0f} are not reflectance"
        raise InputError(what, where=path, mend="say by what to divide them with --quantification")
    return Radiometry(0.0, 1.0, "")


def _guess_offset(
    dataset: Any, path: Path, band_map: Mapping[str, int], quantification: float, time: np.datetime64
) -> Radiometry:
    """Tell from the darkest pixels whether digital numbers carry the offset of baseline 04.00.

    Water, ponds and thin ice reflect next to nothing in the near infrared (else red). So the lowest 0.1 % lie near 0
    without the offset and a little above 1000 with it. A scene with nothing dark tells nothing: its date decides.
    """
    index = band_map.get("B08", band_map["B04"])
    sample = _sample(dataset, path, index)
    darkest = float(np.percentile(sample, _DARK_PERCENT)) if len(sample) else math.nan
    if darkest < DARK_LEAST:
        return Radiometry(0.0, quantification, f"no offset, since the darkest pixels are at {darkest:.0f}")
    if darkest <= DARK_MOST:
        return Radiometry(OFFSET, quantification, f"offset -1000, since the darkest pixels are at {darkest:.0f}")
    offset = OFFSET if time >= BASELINE_START else 0.0
    return Radiometry(offset, quantification, f"offset {offset:.0f} by the date: nothing dark to tell it from")


def _sample(dataset: Any, path: Path, index: int) -> np.ndarray[Any, Any]:
    """Valid digital numbers of about a million pixels spread over a band."""
    size = (min(dataset.height, _SAMPLE), min(dataset.width, _SAMPLE))
    try:
        numbers = dataset.read(index, out_shape=size)
    except RasterioError as error:
        raise InputError("its pixels cannot be read", where=path, mend="fetch it again") from error
    nodata = dataset.nodatavals[index - 1]
    return numbers[np.isfinite(numbers) & (numbers != 0) & (numbers != nodata)]


def _tag(dataset: Any, *names: str) -> float | None:
    tags = dataset.tags() | dataset.tags(1)
    for name in names:
        try:
            return float(tags[name])
        except (KeyError, ValueError):
            continue
    return None


def _band(dataset: Any, path: Path, name: str, index: int, radiometry: Radiometry) -> Band:
    shape = (int(dataset.height), int(dataset.width))
    kind = np.dtype(dataset.dtypes[index - 1])
    if name == SCENE_CLASS:
        return Band(name, path, index, shape, 1, 0.0, 1.0, 0.0, None)
    saturated = 65_535.0 if kind == np.uint16 else None
    return Band(
        name,
        path,
        index,
        shape,
        1,
        radiometry.offset,
        radiometry.quantification,
        dataset.nodatavals[index - 1],
        saturated,
    )

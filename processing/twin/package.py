"""Names and XML metadata of a Sentinel-2 L1C SAFE folder (Sentinel-2 Products Specification Document)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from processing.twin.place import beam_nodes, sun
from processing.twin.world import World

_SPACECRAFT = "Sentinel-2B"
_BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
_ORBIT = 71
_PSD = "https://psd-14.sentinel2.eo.esa.int/PSD/"
_IRRADIANCE = (
    1874.3,
    1959.75,
    1824.93,
    1512.79,
    1425.78,
    1291.13,
    1175.57,
    1041.28,
    953.93,
    817.58,
    365.41,
    247.08,
    87.75,
)
_NATIVE = {"B02": "B02", "B03": "B03", "B04": "B04", "B08": "B08", "B11": "B11", "B10": "B10"}


def tile_name(world: World) -> str:
    """Tile in the military grid: zone, latitude band and 100 km square of the track's middle."""
    nodes = beam_nodes(world.place, "gt2l", world.place.segments // 2, 1)
    zone = world.place.epsg % 100
    band = "CDEFGHJKLMNPQRSTUVWXX"[int((np.clip(nodes.lat[0], -80, 83.9) + 80) // 8)]
    column = "ABCDEFGHJKLMNPQRSTUVWXYZ"[((zone - 1) % 3) * 8 + int(np.clip(nodes.x[0] // 100_000, 1, 8)) - 1]
    letters = "ABCDEFGHJKLMNPQRSTUV"
    row = letters[(int(nodes.y[0] // 100_000) + (5 if zone % 2 == 0 else 0)) % 20]
    return f"T{zone:02d}{band}{column}{row}"


def scene_name(world: World) -> str:
    """Name of the SAFE folder."""
    baseline = world.parameters.baseline.replace(".", "")
    made = world.scene_time + timedelta(hours=3)
    return (
        f"S2B_MSIL1C_{world.scene_time:%Y%m%dT%H%M%S}_N{baseline}_R{_ORBIT:03d}_{tile_name(world)}_"
        f"{made:%Y%m%dT%H%M%S}.SAFE"
    )


def _granule(world: World) -> str:
    return f"L1C_{tile_name(world)}_A{_absolute_orbit(world):06d}_{world.scene_time:%Y%m%dT%H%M%S}"


def _absolute_orbit(world: World) -> int:
    return 13_900 + (world.scene_time - world.place.start).days + 14 * world.index


def band_path(root: Path, world: World, band: str) -> Path:
    """Image file of a band below the SAFE folder ``root``."""
    name = f"{tile_name(world)}_{world.scene_time:%Y%m%dT%H%M%S}_{band}.jp2"
    return root / "GRANULE" / _granule(world) / "IMG_DATA" / name


def write_metadata(root: Path, world: World, left: float, top: float, rows: int, cols: int) -> None:
    """Write ``MTD_MSIL1C.xml``, ``MTD_TL.xml`` and ``manifest.safe`` below ``root``."""
    granule = root / "GRANULE" / _granule(world)
    _save(root / "MTD_MSIL1C.xml", _product(world))
    _save(granule / "MTD_TL.xml", _tile(world, left, top, rows, cols))
    manifest = Xml.Element("manifest")
    objects = Xml.SubElement(manifest, "dataObjectSection")
    for file in sorted(root.rglob("*")):
        if file.is_file():
            entry = Xml.SubElement(objects, "dataObject", ID=file.stem)
            Xml.SubElement(entry, "fileLocation", href=f"./{file.relative_to(root)}")
    _save(root / "manifest.safe", manifest)


def _save(path: Path, root: Xml.Element) -> None:
    Xml.indent(root)
    path.write_bytes(Xml.tostring(root, encoding="UTF-8", xml_declaration=True))


def _add(parent: Xml.Element, tag: str, text: object = None, **attributes: str) -> Xml.Element:
    element = Xml.SubElement(parent, tag, attributes)
    if text is not None:
        element.text = str(text)
    return element


def _time(world: World) -> str:
    return f"{world.scene_time:%Y-%m-%dT%H:%M:%S}.024Z"


def _product(world: World) -> Xml.Element:
    root = Xml.Element("n1:Level-1C_User_Product", {"xmlns:n1": f"{_PSD}User_Product_Level-1C.xsd"})
    general = _add(root, "n1:General_Info")
    info = _add(general, "Product_Info")
    made = world.scene_time + timedelta(hours=3)
    for tag, text in (
        ("PRODUCT_START_TIME", _time(world)),
        ("PRODUCT_STOP_TIME", _time(world)),
        ("PRODUCT_URI", scene_name(world)),
        ("PROCESSING_LEVEL", "Level-1C"),
        ("PRODUCT_TYPE", "S2MSI1C"),
        ("PROCESSING_BASELINE", world.parameters.baseline),
        ("GENERATION_TIME", f"{made:%Y-%m-%dT%H:%M:%S}.000000Z"),
        ("PREVIEW_IMAGE_URL", "Not applicable"),
        ("PREVIEW_GEO_INFO", "Not applicable"),
    ):
        _add(info, tag, text)
    baseline = world.parameters.baseline
    take = _add(
        info,
        "Datatake",
        datatakeIdentifier=f"GS2B_{world.scene_time:%Y%m%dT%H%M%S}_{_absolute_orbit(world):06d}_N{baseline}",
    )
    for tag, text in (
        ("SPACECRAFT_NAME", f"{_SPACECRAFT} (synthetic)"),
        ("DATATAKE_TYPE", "INS-NOBS"),
        ("DATATAKE_SENSING_START", _time(world)),
        ("SENSING_ORBIT_NUMBER", _ORBIT),
        ("SENSING_ORBIT_DIRECTION", "DESCENDING"),
    ):
        _add(take, tag, text)
    listing = _add(
        _add(_add(info, "Product_Organisation"), "Granule_List"),
        "Granule",
        imageFormat="JPEG2000",
        granuleIdentifier=_granule(world),
        datastripIdentifier=f"SYNTHETIC_{world.parameters.seed}",
    )
    for band in _NATIVE:
        _add(listing, "IMAGE_FILE", band_path(Path(), world, band).with_suffix(""))
    _characteristics(_add(general, "Product_Image_Characteristics"), world)
    return root


def _characteristics(parent: Xml.Element, world: World) -> None:
    for name, index in (("NODATA", 0), ("SATURATED", 65_535)):
        special = _add(parent, "Special_Values")
        _add(special, "SPECIAL_VALUE_TEXT", name)
        _add(special, "SPECIAL_VALUE_INDEX", index)
    _add(parent, "QUANTIFICATION_VALUE", 10_000, unit="none")
    if world.parameters.baseline >= "04.00":
        offsets = _add(parent, "Radiometric_Offset_List")
        for ident in range(len(_BAND_IDS)):
            _add(offsets, "RADIO_ADD_OFFSET", -1000, band_id=str(ident))
    conversion = _add(parent, "Reflectance_Conversion")
    _add(conversion, "U", 1.0)
    irradiance = _add(conversion, "Solar_Irradiance_List")
    spectral = _add(parent, "Spectral_Information_List")
    for ident, (band, power) in enumerate(zip(_BAND_IDS, _IRRADIANCE, strict=True)):
        _add(irradiance, "SOLAR_IRRADIANCE", power, bandId=str(ident), unit="W/m²/µm")
        entry = _add(spectral, "Spectral_Information", bandId=str(ident), physicalBand=band)
        _add(
            entry,
            "RESOLUTION",
            {"B2": 10, "B3": 10, "B4": 10, "B8": 10}.get(band, 60 if band in ("B1", "B9", "B10") else 20),
        )


def _tile(world: World, left: float, top: float, rows: int, cols: int) -> Xml.Element:
    root = Xml.Element("n1:Level-1C_Tile_ID", {"xmlns:n1": f"{_PSD}S2_PDI_Level-1C_Tile_Metadata.xsd"})
    general = _add(root, "n1:General_Info")
    _add(general, "TILE_ID", f"SYNTHETIC_{_granule(world)}", metadataLevel="Brief")
    _add(general, "SENSING_TIME", _time(world), metadataLevel="Standard")
    geometry = _add(root, "n1:Geometric_Info")
    coding = _add(geometry, "Tile_Geocoding", metadataLevel="Brief")
    zone, south = world.place.epsg % 100, world.place.epsg >= 32_700
    _add(coding, "HORIZONTAL_CS_NAME", f"WGS84 / UTM zone {zone:02d}{'S' if south else 'N'}")
    _add(coding, "HORIZONTAL_CS_CODE", f"EPSG:{world.place.epsg}")
    for metres in (10, 20, 60):
        size = _add(coding, "Size", resolution=str(metres))
        _add(size, "NROWS", rows * 10 // metres)
        _add(size, "NCOLS", cols * 10 // metres)
    for metres in (10, 20, 60):
        place = _add(coding, "Geoposition", resolution=str(metres))
        for tag, number in (("ULX", int(left)), ("ULY", int(top)), ("XDIM", metres), ("YDIM", -metres)):
            _add(place, tag, number)
    _angles(_add(geometry, "Tile_Angles", metadataLevel="Standard"), world)
    return root


def _angles(parent: Xml.Element, world: World) -> None:
    nodes = beam_nodes(world.place, "gt2l", world.place.segments // 2, 1)
    elevation, azimuth = sun(world.scene_time, nodes.lat[:1], nodes.lon[:1])
    mean = _add(parent, "Mean_Sun_Angle")
    _add(mean, "ZENITH_ANGLE", f"{90.0 - float(elevation[0]):.6f}", unit="deg")
    _add(mean, "AZIMUTH_ANGLE", f"{float(azimuth[0]):.6f}", unit="deg")

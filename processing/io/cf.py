"""Names and attributes of the NetCDF Climate and Forecast (CF) conventions for what is exported.

CF-1.11: https://cfconventions.org. Standard names are those of its table, version 93.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from pyproj import CRS

from processing.io.exported import Exported
from processing.schema import AutoFlag, Cloud, FreeboardFlag, LabelSource, Quality, SeaSurfaceSource, SurfaceClass

CONVENTIONS = "CF-1.11"
EPOCH = np.datetime64("2018-01-01T00:00:00", "us")
TIME: Mapping[str, str] = MappingProxyType(
    {
        "units": "microseconds since 2018-01-01 00:00:00",
        "calendar": "standard",
        "units_metadata": "leap_seconds: none",
    }
)
"""Whole microseconds (7 mm of track) of UTC since the epoch of ICESat-2 times; many readers know no nanoseconds."""

REFERENCES = "Iqrah et al. 2025, arXiv:2502.02700; ICESat-2 ATL03, ATL07, ATL10 algorithm theoretical basis documents"
_STANDARD = {
    "time": "time",
    "lat": "latitude",
    "lon": "longitude",
    "freeboard": "sea_ice_freeboard",
    "thickness": "sea_ice_thickness",
    "snow_depth": "surface_snow_thickness",
    "solar_elevation": "solar_elevation_angle",
    "label": "sea_ice_classification",
    "label_auto": "sea_ice_classification",
    "predicted": "sea_ice_classification",
    "flags": "status_flag",
}
_CODES: Mapping[str, type[IntEnum]] = {
    "label": SurfaceClass,
    "label_auto": SurfaceClass,
    "predicted": SurfaceClass,
    "label_source": LabelSource,
    "sea_surface_source": SeaSurfaceSource,
    "cloud": Cloud,
}
_MASKS: Mapping[str, type[IntFlag]] = {"flags": FreeboardFlag, "auto_flags": AutoFlag, "quality": Quality}
_BESIDE = {"freeboard": ("sea_surface_source", "flags"), "label_auto": ("auto_flags",)}
_UNITS = {"lat": "degrees_north", "lon": "degrees_east"}
_FILL = {"lead_id": -1, "event_id": -1}
"""Codes that say that there is none."""


def fill_value(name: str, kind: np.dtype[Any]) -> float | None:
    """The value that stands for what is missing; None where nothing ever is."""
    if name in ("time", "lat", "lon", "x_atc"):
        return None
    return float("nan") if kind.kind == "f" else _FILL.get(name)


def attributes(field: pa.Field, names: Sequence[str], *, mean_sea_level: bool) -> dict[str, Any]:
    """Attributes of the variable of a column; ``names`` are those of all columns, for what goes with what."""
    name, told = field.name, {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    found: dict[str, Any] = {"long_name": told.get("meaning", name)}
    standard = _standard_name(name, mean_sea_level)
    if standard:
        found["standard_name"] = standard
    if name in _CODES:
        found |= codes(_CODES[name], field.type.to_pandas_dtype())
    elif name in _MASKS:
        found |= _masks(_MASKS[name], field.type.to_pandas_dtype())
    elif pa.types.is_boolean(field.type):
        found |= {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
    elif name != "time":
        found["units"] = _UNITS.get(name, told.get("unit") or "1")
    if beside := _ancillary(name, names):
        found["ancillary_variables"] = " ".join(beside)
    return found


def codes(kind: type[IntEnum], dtype: Any) -> dict[str, Any]:
    """``flag_values`` and ``flag_meanings`` of an enumeration."""
    members = sorted(kind, key=lambda member: member.value)
    return {
        "flag_values": np.array([member.value for member in members], dtype),
        "flag_meanings": " ".join(member.name.lower() for member in members),
    }


def _masks(kind: type[IntFlag], dtype: Any) -> dict[str, Any]:
    return {
        "flag_masks": np.array([member.value for member in kind], dtype),
        "flag_meanings": " ".join(str(member.name).lower() for member in kind),
    }


def _standard_name(name: str, mean_sea_level: bool) -> str:
    if name in _STANDARD:
        return _STANDARD[name]
    base = name.removesuffix("_sigma")
    if base != name:
        standard = _standard_name(base, mean_sea_level)
        return f"{standard} standard_error" if standard else ""
    if name == "sea_surface" or (name.startswith("sea_surface_") and name != "sea_surface_source"):
        return f"sea_surface_height_above_{'mean_sea_level' if mean_sea_level else 'geoid'}"
    return ""


def _ancillary(name: str, names: Sequence[str]) -> list[str]:
    beside = [f"{name}_sigma", *_BESIDE.get(name, ())]
    if name.startswith("sea_surface_") and name not in ("sea_surface_source", "sea_surface_sigma"):
        beside = ["sea_surface_sigma", "sea_surface_source"]
    return [each for each in beside if each in names]


def mapping_attributes(epsg: int) -> dict[str, Any]:
    """Attributes of the grid mapping variable of a coordinate system by its EPSG code."""
    found = {name: value for name, value in CRS.from_epsg(epsg).to_cf().items() if value is not None}
    if found.get("grid_mapping_name") == "polar_stereographic":
        found.setdefault("latitude_of_projection_origin", math.copysign(90.0, found["standard_parallel"]))
    return found


def global_attributes(title: str, provenance: str, *, synthetic: bool, institution: str) -> dict[str, Any]:
    """Attributes of a file: what it is, who made it, from what and how."""
    facts = json.loads(provenance)
    software = str(facts.get("software", "leadline"))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    inputs = [*facts.get("granules", {}), *facts.get("scenes", {})]
    made = "synthetic ICESat-2 ATL03 and Sentinel-2 files of a simulation" if synthetic else "ICESat-2 ATL03 photons"
    origin = f"{made}: {', '.join(inputs)}" if inputs and len(inputs) <= 40 else made
    notes = "Uncertainties are standard errors. Negative freeboard is kept. Flags mark, they do not drop."
    return {
        "Conventions": CONVENTIONS,
        "title": f"SYNTHETIC: {title}" if synthetic else title,
        "institution": institution or "not stated",
        "source": f"{origin}; {software}",
        "history": f"{now} {software}: leadline export",
        "references": REFERENCES,
        "comment": f"The inputs are synthetic: no value is a measurement. {notes}" if synthetic else notes,
        "synthetic": str(synthetic).lower(),
        "date_created": now,
        "provenance": shortened(facts),
    }


def shortened(facts: dict[str, Any], most: int = 60_000) -> str:
    """Provenance as JSON; long lists of inputs give way to their number where an attribute could not hold them."""
    text = json.dumps(facts, sort_keys=True)
    if len(text) <= most:
        return text
    few = {**facts, "granules": {"number": len(facts["granules"])}, "scenes": {"number": len(facts["scenes"])}}
    few["links"] = [{**link, "inputs": {"number": len(link["inputs"])}} for link in facts.get("links", ())]
    return json.dumps(few, sort_keys=True)


def tracks_attributes(what: Exported) -> dict[str, Any]:
    """Global attributes of a file of tracks."""
    made = global_attributes(what.title, what.provenance, synthetic=what.synthetic, institution=what.institution)
    return {**made, "featureType": "trajectory"}

"""What columns of measurements are called, and in what units they come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from processing.errors import InputError

QUANTITIES = ("freeboard", "ice_freeboard", "elevation", "thickness")
"""What can be compared, in m: ``freeboard`` is that of the surface, snow included, as a laser sees it."""

_SIGMA = ("uncertainty", "sigma", "unc", "std_err", "standard_uncertainty", "error")

NAMES: Mapping[str, tuple[str, ...]] = {
    "lat": ("latitude", "lat"),
    "lon": ("longitude", "lon", "long", "lng", "elongitude"),
    "geometry": ("geometry",),
    "time": ("time", "time_utc", "utc_time", "utc", "datetime", "date_time", "datetime_utc", "timestamp", "delta_time"),
    "date": ("date", "date_utc", "yyyymmdd"),
    "seconds": ("elapsed", "utc_seconds_of_day", "seconds_of_day", "utc_seconds", "sod"),
    "freeboard": (
        *("snow_freeboard", "total_freeboard", "freeboard_total", "laser_freeboard", "mean_fb", "atm_fb"),
        *("freeboard", "fb", "beam_fb_height"),
    ),
    "ice_freeboard": ("ice_freeboard", "sea_ice_freeboard", "freeboard_ice"),
    "elevation": (
        *("elevation", "elev", "surface_elevation", "ellipsoid_height", "ellipsoidal_height", "height_ellipsoid"),
        *("wgs84_ellipsoid_height", "height"),
    ),
    "thickness": ("thickness", "sea_ice_thickness", "ice_thickness", "mean_thickness", "sit"),
    "freeboard_sigma": ("fb_unc", "fb_sigma", "beam_fb_unc"),
    "ice_freeboard_sigma": (),
    "elevation_sigma": ("elev_unc",),
    "thickness_sigma": ("thickness_unc",),
    "sigma": _SIGMA,
    "footprint": ("footprint", "footprint_diameter", "diameter"),
    "length": ("footprint_length",),
    "width": ("footprint_width",),
    "heading": ("heading", "track_heading", "azimuth", "track_angle"),
    "snow_depth": ("snow_depth", "snow_thickness"),
    "snow_sigma": ("snow_depth_unc", "snow_depth_uncertainty", "snow_depth_sigma"),
}
"""What each may be called in lower case, the plainest first. An uncertainty may also be named after its quantity."""

LENGTHS = (
    *QUANTITIES,
    *(f"{name}_sigma" for name in QUANTITIES),
    *("sigma", "footprint", "length", "width", "snow_depth", "snow_sigma"),
)
"""What is a length, and comes out in m."""

RADAR = "radar_freeboard"

_METRES = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 0.001),
    **dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0),
}
_HEADING = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*$")


def split_unit(heading: str) -> tuple[str, str]:
    """A column's heading without its unit, and the unit: ``freeboard (cm)`` is ``freeboard`` in ``cm``."""
    found = _HEADING.match(heading.strip())
    return (found["name"].strip(), found["unit"].strip()) if found else (heading.strip(), "")


def plain(name: str) -> str:
    """A name in lower case with single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", split_unit(name)[0].lower()).strip("_")


def chosen_columns(names: Iterable[str], mapping: Mapping[str, str], where: str) -> dict[str, str]:
    """Column of each quantity that a table has, by what it is usually called or what ``mapping`` says.

    Raises InputError where ``mapping`` names what is not there.
    """
    known = list(names)
    lower = {plain(name): name for name in reversed(known)}
    found = {role: next((lower[each] for each in usual if each in lower), "") for role, usual in NAMES.items()}
    for role, column in mapping.items():
        if role not in NAMES:
            raise InputError(f"--column {role}={column}: no such quantity", mend=f"one of {', '.join(NAMES)}")
        if column not in known and plain(column) not in lower:
            told = ", ".join(known[:12])
            raise InputError(f"there is no column {column!r} for {role}", where=where, mend=f"there are {told}")
        found[role] = column if column in known else lower[plain(column)]
    taken = {found[role] for role in mapping}
    for role in set(NAMES) - set(mapping):
        found[role] = "" if found[role] in taken else found[role]
    for quantity in QUANTITIES:
        role = f"{quantity}_sigma"
        stems = (quantity, plain(found[quantity])) if found[quantity] else ()
        follows = (lower.get(f"{stem}_{word}", "") for stem in stems for word in _SIGMA)
        found[role] = found[role] or next(filter(None, follows), "")
    return {role: column for role, column in found.items() if column}


def metres(unit: str, column: str, where: str) -> float:
    """Metres in one ``unit``; 1 where nothing is said. Raises InputError for a unit of no length."""
    word = unit.strip().lower().rstrip(".")
    if word in {"", "1", "none"}:
        return 1.0
    if word not in _METRES:
        raise InputError(
            f"column {column!r} is in {unit!r}, which is no length", where=where, mend=f"give --unit {column}=m or cm"
        )
    return _METRES[word]

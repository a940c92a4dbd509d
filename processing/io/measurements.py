"""Tables of other measurements of sea ice: airborne, buoys, radar footprints; CSV, Parquet and NetCDF.

A row is one measurement: a place, a time, and freeboard, elevation or thickness, perhaps with its uncertainty, its
footprint and the snow depth. What cannot be used is left out and counted by its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.core.corrections import without_fill
from processing.errors import InputError
from processing.io.found import Found
from processing.io.granule_name import identifier
from processing.io.measurement_names import LENGTHS, NAMES, QUANTITIES, RADAR, chosen_columns, metres, plain
from processing.io.measurement_table import NETCDF, Heading, can_hold, read_heading, read_table
from processing.io.measurement_times import clock_seconds, times_of, times_of_day
from processing.io.photon_columns import missing_columns

F8 = npt.NDArray[np.float64]

KIND = "measurements"
"""Kind of such a table among a project's references."""

PLAUSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"freeboard": (-5.0, 20.0), "ice_freeboard": (-5.0, 20.0), "elevation": (-500.0, 500.0), "thickness": (-1.0, 60.0)}
)
"""What a quantity can be over sea ice, noise included, m."""

_FILLS = (-999.0, -9999.0, -99999.0, -999.9, -9999.9, 9999.0, 99999.0, -32768.0, 32767.0)
_CENTIMETRES = 5.0
"""A median freeboard beyond this, without a unit, is not in metres."""

_OWN = {"granule_id", "segment"}
_PHOTONS = {"h_ph", "lat_ph", "dist_ph_along", "ph_id_pulse", "atl03_cnf", "weight_ph", "quality_ph", "signal_conf_ph"}


@dataclass(frozen=True)
class Measurements:
    """n measurements in order of time.

    Attributes
    ----------
    name, path : of the table. synthetic : whether its title says that it was made up.
    row : (n,) i8, number of each in the table, from 0.
    time : (n,) datetime64[ns] UTC. lat, lon : (n,) f8 degree, -180 to 180.
    values : by quantity (n,) f8 m; NaN where a row has none. sigmas : by quantity (n,) f8 m; NaN where unknown.
    length, width : (n,) f8 m, axes of the footprint along and across the heading; NaN where the table says nothing.
    heading : (n,) f8 degree clockwise from north, of ``length``; NaN where unknown.
    snow_depth, snow_sigma : (n,) f8 m; NaN where unknown.
    read : rows in the table. refused : how many were left out, by the reason.
    """

    name: str
    path: Path
    synthetic: bool
    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    values: Mapping[str, F8]
    sigmas: Mapping[str, F8]
    length: F8
    width: F8
    heading: F8
    snow_depth: F8
    snow_sigma: F8
    read: int
    refused: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.row)

    def rows(self, some: npt.NDArray[Any]) -> Measurements:
        """The same of some of the rows."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {name: each[some] for name, each in given.items() if isinstance(each, np.ndarray)}
        for name in ("values", "sigmas"):
            changed[name] = {key: each[some] for key, each in given[name].items()}
        return replace(self, **changed)


def read(path: Path, columns: Mapping[str, str] | None = None, units: Mapping[str, str] | None = None) -> Measurements:
    """Read a table.

    Parameters
    ----------
    columns : the table's own name of a quantity of ``measurement_names.NAMES``, where it is not the usual one.
    units : unit of a quantity, such as ``cm`` or, of ``time``, ``seconds since 2000-01-01``; wins over the table's own.

    Raises InputError naming what is missing, of unknown unit or no number, or when no row can be used.
    """
    if not path.is_file():
        raise InputError("there is no such file", where=path, mend="name a table of measurements")
    heading = read_heading(path)
    chosen = _columns(heading, dict(columns or {}), path)
    lacking = _lacking(chosen)
    if lacking:
        raise InputError(
            f"table lacks {', '.join(lacking)} (it has {', '.join(heading.names[:12])})",
            where=path,
            mend="say which columns they are with --column NAME=COLUMN, such as --column time=gps_time",
        )
    raw = read_table(path, heading, list(chosen.values()))
    told = _units(heading, chosen, dict(units or {}))
    numbers = {role: _number(raw[chosen[role]], role, chosen, told, path) for role in _numeric(chosen)}
    _check_centimetres(numbers, told, chosen, path)
    return _screened(path, heading, numbers, _times(raw, chosen, told, path), _places(raw, chosen, numbers))


def identify(path: Path) -> Found | None:
    """Recognise a table of measurements; None for other files, photon tables and Leadline's own exports.

    Raises InputError naming what cannot be read in a table that has a place and a quantity.
    """
    if not path.is_file() or not can_hold(path):
        return None
    try:
        heading = read_heading(path)
    except InputError:
        return None
    names = {plain(name) for name in heading.names}
    chosen = _columns(heading, {}, path)
    quantities = [name for name in QUANTITIES if name in chosen]
    if not quantities or {"latitude or lat", "longitude or lon"} & set(_lacking(chosen)) or names >= _OWN:
        return None
    is_other = bool(_PHOTONS & names) or not missing_columns(list(heading.names)) or not {"time", "date"} & set(chosen)
    if is_other and quantities == ["elevation"]:
        return None
    found = read(path)
    days = np.datetime_as_string(found.time[[0, -1]], "m")
    left_out = "".join(f", {count:,} {reason}" for reason, count in found.refused.items())
    summary = (
        f"measurements of {', '.join(found.values)}: {len(found):,} of {found.read:,} rows, {days[0]} to {days[1]}"
    )
    details = {"quantities": list(found.values), "synthetic": found.synthetic}
    return Found("references", found.name, KIND, path, details, summary + left_out)


def _columns(heading: Heading, mapping: Mapping[str, str], path: Path) -> dict[str, str]:
    """Chosen columns; a freeboard that its own meaning says is of ice alone, or of radar, is none of the surface."""
    chosen = chosen_columns(heading.names, mapping, str(path))
    meaning = plain(heading.meanings.get(chosen.get("freeboard", ""), ""))
    if "freeboard" in mapping or "freeboard" not in chosen:
        return chosen
    if "radar" in meaning:
        del chosen["freeboard"]
    elif meaning in NAMES["ice_freeboard"] and "ice_freeboard" not in chosen:
        chosen["ice_freeboard"] = chosen.pop("freeboard")
    return chosen


def _lacking(chosen: Mapping[str, str]) -> list[str]:
    missing = (
        [] if "geometry" in chosen else [f"{NAMES[role][0]} or {role}" for role in ("lat", "lon") if role not in chosen]
    )
    if not ({"time", "date"} & set(chosen)):
        missing.append("time (or date with seconds of the day)")
    if not any(name in chosen for name in QUANTITIES):
        missing.append(f"a quantity ({', '.join(QUANTITIES)}; {RADAR} must first be made ice_freeboard)")
    return missing


def _units(heading: Heading, chosen: Mapping[str, str], given: dict[str, str]) -> dict[str, str]:
    """Unit of each quantity: the one given, else the column's own; without either an uncertainty has its quantity's."""
    unknown = set(given) - set(NAMES)
    if unknown:
        raise InputError(f"--unit {min(unknown)}: no such quantity", mend=f"one of {', '.join(NAMES)}")
    own = {role: given.get(role, heading.units.get(column, "")) for role, column in chosen.items()}
    quantity = next(name for name in QUANTITIES if name in chosen)
    for role, unit in own.items():
        if not unit and role.endswith("sigma"):
            of = quantity if role == "sigma" else role.removesuffix("_sigma").replace("snow", "snow_depth")
            own[role] = own.get(of, "")
    return own


def _numeric(chosen: Mapping[str, str]) -> list[str]:
    return [role for role in chosen if role in LENGTHS or role in {"lat", "lon", "heading"}]


def _number(values: Any, role: str, chosen: Mapping[str, str], units: Mapping[str, str], path: Path) -> F8:
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(numbers).any() and len(numbers) and not pd.isna(pd.Series(values)).all():
        raise InputError(f"column {chosen[role]!r} of {role} holds no numbers", where=path)
    numbers = without_fill(numbers)
    if role in {"lat", "lon"}:
        return numbers
    numbers = np.where(np.isin(numbers, _FILLS), np.nan, numbers)
    return numbers * metres(units[role], role, str(path)) if role in LENGTHS else numbers


def _check_centimetres(
    numbers: Mapping[str, F8], units: Mapping[str, str], chosen: Mapping[str, str], path: Path
) -> None:
    for role in ("freeboard", "ice_freeboard"):
        if role in numbers and not units[role] and np.isfinite(numbers[role]).any():
            median = float(np.nanmedian(numbers[role]))
            if abs(median) > _CENTIMETRES:
                raise InputError(
                    f"column {chosen[role]!r} has a median of {median:.3g}, which is no freeboard in m",
                    where=path,
                    mend=f"give its unit, such as --unit {role}=cm",
                )


def _times(
    raw: Mapping[str, Any], chosen: Mapping[str, str], units: Mapping[str, str], path: Path
) -> npt.NDArray[np.datetime64]:
    clock = clock_seconds(raw[chosen["time"]]) if {"time", "date"} <= set(chosen) else None
    if clock is not None:
        return times_of_day(raw[chosen["date"]], clock, chosen["date"], str(path))
    if "time" in chosen and not ("date" in chosen and "seconds" in chosen):
        return times_of(raw[chosen["time"]], units["time"], chosen["time"], str(path))
    if "seconds" in chosen and "date" in chosen:
        return times_of_day(raw[chosen["date"]], raw[chosen["seconds"]], chosen["date"], str(path))
    return times_of(raw[chosen["date"]], units["date"], chosen["date"], str(path))


def _places(raw: Mapping[str, Any], chosen: Mapping[str, str], numbers: Mapping[str, F8]) -> tuple[F8, F8]:
    """Latitude and longitude, from their columns or from points of a GeoParquet's geometry."""
    if {"lat", "lon"} <= set(chosen):
        return numbers["lat"], numbers["lon"]
    import shapely

    points = shapely.from_wkb(raw[chosen["geometry"]])
    return shapely.get_y(points), shapely.get_x(points)


def _screened(
    path: Path, heading: Heading, numbers: Mapping[str, F8], time: npt.NDArray[np.datetime64], place: tuple[F8, F8]
) -> Measurements:
    """The rows that can be used, in order of time; the others counted by the first reason that holds."""
    lat, lon = place
    values = {name: numbers[name] for name in QUANTITIES if name in numbers}
    plausible = {name: _plausible(name, each) for name, each in values.items()}
    known = {name: np.where(plausible[name], each, np.nan) for name, each in values.items()}
    reasons = {
        "without a time": np.isnat(time),
        "without a position": ~(np.isfinite(lat) & np.isfinite(lon)),
        "at impossible positions": (np.abs(lat) > 90) | (lon < -360) | (lon > 360),
        "without a value": np.logical_and.reduce([np.isnan(each) for each in values.values()]),
        "with impossible values": np.logical_and.reduce([np.isnan(each) for each in known.values()]),
    }
    kept, refused = np.ones(len(time), np.bool_), {}
    for reason, bad in reasons.items():
        refused[reason] = int((kept & bad).sum())
        kept &= ~bad
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(time[rows], kind="stable")]
    again = _is_again(time[rows], lat[rows], lon[rows], *(each[rows] for each in known.values()))
    refused["twice"] = int(again.sum())
    rows = rows[~again]
    refused = {reason: count for reason, count in refused.items() if count}
    if not len(rows):
        told = ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "it has none"
        raise InputError(f"no row can be used ({told})", where=path)
    made = _made(path, heading, numbers, known, len(time), refused)
    wrapped = np.where(lon > 180, lon - 360, np.where(lon < -180, lon + 360, lon))
    return replace(made, row=np.arange(len(time)), time=time, lat=lat, lon=wrapped).rows(rows)


def _made(
    path: Path, heading: Heading, numbers: Mapping[str, F8], values: Mapping[str, F8], n: int, refused: dict[str, int]
) -> Measurements:
    """All rows without their places and times."""

    def given(role: str, other: str = "") -> F8:
        found = numbers.get(role, numbers.get(other, np.full(n, np.nan)))
        return np.where(found > 0, found, np.nan) if role in {"length", "width"} or role.endswith("sigma") else found

    only = "sigma" if len(values) == 1 else ""
    return Measurements(
        name=identifier(path.with_suffix("") if path.suffix.lower() in NETCDF else path),
        path=path,
        synthetic=heading.synthetic,
        row=np.zeros(0, np.int64),
        time=np.zeros(0, "datetime64[ns]"),
        lat=np.zeros(0),
        lon=np.zeros(0),
        values=values,
        sigmas={name: given(f"{name}_sigma", only) for name in values},
        length=given("length", "footprint"),
        width=given("width", "footprint"),
        heading=given("heading"),
        snow_depth=given("snow_depth"),
        snow_sigma=given("snow_sigma"),
        read=n,
        refused=refused,
    )


def _plausible(name: str, values: F8) -> npt.NDArray[np.bool_]:
    low, high = PLAUSIBLE[name]
    found: npt.NDArray[np.bool_] = (values >= low) & (values <= high)
    return found


def _is_again(*columns: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Rows that equal an earlier one in every column; two unknown values are equal."""
    import pandas as pd

    return np.asarray(pd.DataFrame(dict(enumerate(columns))).duplicated(), np.bool_)

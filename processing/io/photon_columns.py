"""Columns of photon tables by the names that different tools give them, as plain arrays without missing rows."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from processing.core.corrections import without_fill
from processing.errors import InputError
from processing.io.found import UnreadableError
from processing.io.granule_name import BEAMS
from processing.io.times import ATLAS_EPOCH
from processing.places import readable

log = logging.getLogger(__name__)

F8 = NDArray[np.float64]

NAMES: dict[str, tuple[str, ...]] = {
    "lat": ("lat_ph", "latitude", "lat"),
    "lon": ("lon_ph", "longitude", "lon"),
    "height": ("h_ph", "height", "h", "z"),
    "time": ("delta_time", "time", "time_ns", "t"),
    "x": ("x_atc", "along_track", "distance"),
    "segment_start": ("segment_dist", "segment_dist_x"),
    "along": ("dist_ph_along",),
    "confidence": ("signal_conf_ph", "atl03_cnf", "signal_conf", "signal_conf_ph_2", "confidence"),
    "weight": ("weight_ph", "yapc_score", "yapc", "weight"),
    "quality": ("quality_ph", "quality"),
    "frame": ("pce_mframe_cnt",),
    "pulse": ("ph_id_pulse",),
    "geoid": ("geoid",),
    "geoid_free2mean": ("geoid_free2mean",),
    "tide_ocean": ("tide_ocean",),
    "tide_equilibrium": ("tide_equilibrium",),
    "dac": ("dac",),
    "solar_elevation": ("solar_elevation",),
    "background": ("background_rate", "bckgrd_rate"),
    "geometry": ("geometry",),
    "beam": ("beam", "gt", "gtx", "groundtrack", "ground_track"),
    "track": ("track",),
    "pair": ("pair",),
    "granule": ("granule_id", "granule"),
}
"""What each quantity may be called, the commonest name first."""

_UNIX_NANOSECONDS = 1e12
"""Times of a median beyond this are nanoseconds since 1970: as seconds they would be 30 thousand years."""

_GT_CODES = {10 * (k + 1): beam for k, beam in enumerate(BEAMS)}
_RELATIVE = 1000.0
_COARSE = 0.5
_SEGMENT = 20.0


@dataclass(frozen=True)
class PhotonColumns:
    """Photons of a table in the table's order, rows with a missing value dropped.

    ``x``, ``lat``, ``lon``, ``height``, ``time`` (s after the ATLAS epoch): f8. ``confidence``, ``weight`` and the
    ``extra`` quantities (named as in ``NAMES``) are there when the table has them; ``beam`` is an index into ``beams``.
    """

    x: F8
    lat: F8
    lon: F8
    height: F8
    time: F8
    beam: NDArray[np.int64]
    beams: tuple[str, ...]
    confidence: F8 | None
    weight: F8 | None
    extra: dict[str, F8]
    dropped: int


def is_table(path: Path) -> bool:
    """Whether the name is that of a CSV or Parquet file."""
    return path.name.lower().endswith((".csv", ".csv.gz", ".parquet", ".geoparquet", ".pq"))


def column_names(path: Path) -> list[str]:
    """Columns of a CSV or Parquet file, without reading its rows. Raises InputError when it cannot be read."""
    try:
        with readable(path) as source:
            if not _is_csv(path):
                return list(pq.read_schema(source).names)
            with pacsv.open_csv(_unpacked(source, path)) as reader:
                return list(reader.schema.names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(error, path) from None


def missing_columns(names: list[str]) -> list[str]:
    """What a photon table would still need, in words; empty when ``names`` are those of one."""
    have = {quantity for quantity, known in NAMES.items() if _match(names, known)}
    missing = [] if "geometry" in have else [_words(q) for q in ("lat", "lon") if q not in have]
    missing += [_words(q) for q in ("height", "time") if q not in have]
    if not ("x" in have or {"segment_start", "along"} <= have):
        missing.append("x_atc (or segment_dist with dist_ph_along)")
    if not have & {"confidence", "weight"}:
        missing.append("signal_conf_ph or weight_ph")
    return missing


def lacking(missing: list[str], path: Path) -> InputError:
    """The error of a photon table that lacks columns."""
    what = f"photon table lacks {', '.join(missing)}"
    return InputError(what, where=path, mend="export it with these columns")


def read_columns(path: Path, beam: str = "") -> PhotonColumns:
    """Read a photon table.

    ``beam`` stands for the beam where the table has no column that names it. Raises InputError naming missing columns,
    columns that are not numbers, or a beam that cannot be told.
    """
    names = column_names(path)
    missing = missing_columns(names)
    if missing:
        raise lacking(missing, path)
    table = _read(path, names)
    codes, beams = _beams(table, beam, path)
    columns = _numbers(table, path)
    needed = ("lat", "lon", "height", "time", "x", "confidence", "weight")
    keep = np.logical_and.reduce([np.isfinite(columns[name]) for name in needed if name in columns])
    keep &= (codes >= 0) & (np.abs(columns["lat"]) <= 90)
    dropped = int(len(keep) - keep.sum())
    if dropped:
        log.warning("%s: %d of %d rows have a missing value and are left out", path.name, dropped, len(keep))
    if not keep.any():
        raise InputError("photon table holds no complete row", where=path)
    columns = {name: values[keep] for name, values in columns.items()}
    extra = {name: columns[name] for name in _EXTRA if name in columns}
    return PhotonColumns(
        x=columns["x"],
        lat=columns["lat"],
        lon=columns["lon"],
        height=columns["height"],
        time=columns["time"],
        beam=codes[keep],
        beams=beams,
        confidence=columns.get("confidence"),
        weight=columns.get("weight"),
        extra=extra,
        dropped=dropped,
    )


_EXTRA = (
    "quality",
    "frame",
    "pulse",
    "geoid",
    "geoid_free2mean",
    "tide_ocean",
    "tide_equilibrium",
    "dac",
    "solar_elevation",
    "background",
)


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _unpacked(source: Any, path: Path) -> Any:
    """A file in a store without its compression, which Arrow undoes by itself where it knows the name."""
    is_packed = source is not path and path.suffix.lower() == ".gz"
    return pa.input_stream(source, compression="gzip") if is_packed else source


def _match(names: list[str], known: tuple[str, ...]) -> str:
    lower = {name.lower(): name for name in names}
    return next((lower[name] for name in known if name in lower), "")


def _words(quantity: str) -> str:
    return " or ".join(NAMES[quantity][:2])


def _read(path: Path, names: list[str]) -> dict[str, pa.ChunkedArray]:
    """The known columns of the table by quantity."""
    chosen = {quantity: _match(names, known) for quantity, known in NAMES.items() if _match(names, known)}
    wanted = list(dict.fromkeys(chosen.values()))
    try:
        with readable(path) as source:
            if _is_csv(path):
                chosen_only = pacsv.ConvertOptions(include_columns=wanted)
                table = pacsv.read_csv(_unpacked(source, path), convert_options=chosen_only)
            else:
                table = pq.read_table(source, columns=wanted)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable(error, path) from None
    return {quantity: table[name] for quantity, name in chosen.items()}


def _unreadable(error: Exception, path: Path) -> UnreadableError:
    return UnreadableError(f"table cannot be read ({' '.join(str(error).split())[:100]})", where=path)


def _numbers(table: dict[str, pa.ChunkedArray], path: Path) -> dict[str, F8]:
    texts = {"beam", "granule", "geometry", "time", "track", "pair"}
    columns = {name: _number(values, name, path) for name, values in table.items() if name not in texts}
    columns["time"] = _seconds(table["time"], path)
    if "geometry" in table and not {"lat", "lon"} <= set(table):
        points = shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False))
        columns["lon"], columns["lat"] = without_fill(shapely.get_x(points)), without_fill(shapely.get_y(points))
    columns["x"] = along_track(columns.get("x"), columns.get("segment_start"), columns.get("along"))
    return columns


def _number(values: pa.ChunkedArray, name: str, path: Path) -> F8:
    if pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        # The five surface types of signal_conf_ph: sea ice is the third.
        values = pc.list_element(values, 2)
    try:
        return without_fill(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowException as error:
        text = " ".join(str(error).split())[:80]
        raise InputError(f"column of {_words(name)} is not numbers ({text})", where=path) from None


def _seconds(values: pa.ChunkedArray, path: Path) -> F8:
    """Seconds after the ATLAS epoch from such seconds, nanoseconds since 1970, timestamps or ISO text."""
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        seconds = without_fill(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        known = seconds[np.isfinite(seconds)]
        if not len(known) or np.median(known) <= _UNIX_NANOSECONDS:
            return seconds
        if pa.types.is_floating(values.type):
            return (seconds - ATLAS_EPOCH.astype(np.int64)) / 1e9
    try:
        stamps = values.cast(pa.timestamp("ns", tz="UTC") if _has_zone(values.type) else pa.timestamp("ns"))
    except pa.ArrowException as error:
        text = " ".join(str(error).split())[:80]
        raise InputError(f"column of {_words('time')} is no time ({text})", where=path) from None
    since = stamps.to_numpy(zero_copy_only=False).astype("datetime64[ns]") - ATLAS_EPOCH
    return np.where(np.isnat(since), np.nan, since.astype(np.int64) / 1e9)


def _has_zone(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is not None


def along_track(x: F8 | None, segment_start: F8 | None, along: F8 | None) -> F8:
    """Along-track distance from the equator crossing (m) of each photon from what a table tells of it.

    Tables give it whole; or as a segment's start with the distance from there, called ``dist_ph_along`` or again
    ``x_atc``; or as the start alone; or rounded to half metres and more by a 32-bit column, in which case the segment
    starts are recovered from it and the exact ``dist_ph_along`` is laid on them.
    """
    if segment_start is not None:
        if along is not None:
            return segment_start + along
        assert x is not None
        known = np.isfinite(x) & np.isfinite(segment_start)
        whole = known.any() and np.median(np.abs(x - segment_start)[known]) < _RELATIVE and _far(x[known])
        return x if whole else segment_start + x
    assert x is not None
    if along is None:
        return x
    known = np.isfinite(x) & np.isfinite(along)
    distinct = np.unique(x[known])
    if len(distinct) > 1 and np.diff(distinct).min() > 0.75 * _SEGMENT:
        return x + along
    coarse = len(distinct) > 0 and bool((np.round(distinct / _COARSE) * _COARSE == distinct).all())
    return _refined(x, along, known) if coarse else x


def _far(x: F8) -> bool:
    """Whether distances are from the equator rather than from a segment near by."""
    return bool(np.median(np.abs(x)) > _RELATIVE)


def _refined(x: F8, along: F8, known: NDArray[np.bool_]) -> F8:
    """Photons laid at ``dist_ph_along`` from segment starts, which a straight line through their rounded values gives.

    The starts of one contiguous piece lie on a line to centimetres, so the rounding averages out over the piece.
    """
    start = x[known] - along[known]
    order = np.argsort(start)
    cluster = np.empty(len(start), np.int64)
    cluster[order] = np.concatenate(([0], np.cumsum(np.diff(start[order]) > _SEGMENT / 2)))
    mean = np.bincount(cluster, start) / np.bincount(cluster)
    number = np.concatenate(([0], np.cumsum(np.rint(np.diff(mean) / _SEGMENT))))
    fitted = mean.copy()
    for part in np.split(np.arange(len(mean)), np.flatnonzero(np.diff(mean) > 1.5 * _SEGMENT) + 1):
        if len(part) > 2:
            slope, intercept = np.polyfit(number[part] - number[part[0]], mean[part] - mean[part[0]], 1)
            fitted[part] = mean[part[0]] + intercept + slope * (number[part] - number[part[0]])
    result = np.full(len(x), np.nan)
    result[known] = fitted[cluster] + along[known]
    return result


def _beams(table: dict[str, pa.ChunkedArray], given: str, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Index of each row's beam, and the beams by that index."""
    if "granule" in table and pc.count_distinct(table["granule"]).as_py() > 1:
        raise InputError("table holds photons of several granules", where=path, mend="export one granule a file")
    if "beam" in table and table["beam"].null_count < len(table["beam"]):
        values = table["beam"].combine_chunks().dictionary_encode()
        names = [_beam_of(value) for value in values.dictionary]
        codes = values.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes = np.where(np.isin(codes, [k for k, name in enumerate(names) if not name]), -1, codes)
    elif "track" in table and "pair" in table:
        names, codes = list(BEAMS), _codes_of_pairs(table, path)
    else:
        names, codes = [given], np.zeros(len(table["height"]), np.int64)
    if any(names[k] not in BEAMS for k in np.unique(codes[codes >= 0])):
        raise InputError(
            "table does not say which beam its photons are of", where=path, mend="give --beam, such as --beam gt2r"
        )
    return codes.astype(np.int64), tuple(names)


def _codes_of_pairs(table: dict[str, pa.ChunkedArray], path: Path) -> NDArray[np.int64]:
    """Index into BEAMS from tracks 1 to 3 and pairs 0 (left) or 1 (right); -1 where either is missing."""
    track, pair = (_number(table[name], name, path) for name in ("track", "pair"))
    known = np.isfinite(track) & np.isfinite(pair)
    wrong = known & ~(np.isin(track, (1, 2, 3)) & np.isin(pair, (0, 1)))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        what = f"track {track[first]:g} with pair {pair[first]:g} is no beam"
        raise InputError(what, where=path, mend="give tracks 1 to 3 and pairs 0 or 1")
    return np.where(known, 2 * (np.where(known, track, 1) - 1) + pair, -1).astype(np.int64)


def _beam_of(value: pa.Scalar) -> str:
    """Beam a column's value stands for; empty for a missing one."""
    plain = value.as_py()
    if isinstance(plain, int | float):
        return "" if math.isnan(plain) else _GT_CODES.get(int(plain), str(plain))
    return str(plain).strip().lower()

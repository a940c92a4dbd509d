"""Times of measurements: ISO text, seconds since whenever their unit says, or a date and seconds of the day."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.errors import InputError
from processing.io.times import ATLAS_EPOCH

Times = npt.NDArray[np.datetime64]

_SINCE = re.compile(r"^\s*(?P<unit>[a-zµ]+)\s+since\s+(?P<epoch>\S.*?)\s*$", re.IGNORECASE)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("us", "µs", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_UNIX = ((1.5e18, 3e18, 1e-9), (1.5e15, 3e15, 1e-6), (1.5e12, 3e12, 1e-3), (1.5e9, 3e9, 1.0))
"""Spans of numbers that can only be counts since 1970 in the lifetime of ICESat-2, and seconds in one count."""

_MEND = "give --unit time='seconds since 2000-01-01' with the right zero"
_NS = "datetime64[ns]"
_FAR = 9e9
"""Seconds from 1970 that 64-bit nanoseconds hold."""


def times_of(values: Any, unit: str, column: str, where: str) -> Times:
    """UTC times, NaT where there is none, of a column of text, of times or of numbers.

    Text without an offset is UTC; a date alone is no time. Numbers are counted from what ``unit`` says, such as
    ``seconds since 2000-01-01``, from the ATLAS epoch where the column is ``delta_time``, else from 1970 if they can
    be nothing else. Raises InputError for numbers of unknown zero and for text of which nothing is a time.
    """
    import pandas as pd

    series = pd.Series(values)
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return np.asarray(series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(), _NS)
    if series.dtype.kind == "M":
        return np.asarray(series.to_numpy(), _NS)
    if series.dtype.kind in "iuf":
        return _counted(series.to_numpy(), unit, column, where)
    return _text(series, column, where)


def clock_seconds(values: Any) -> npt.NDArray[np.float64] | None:
    """Seconds of the day of clock times such as ``12:30:05.5``; None for a column of anything else."""
    import pandas as pd

    series = pd.Series(values)
    text = series.astype("string").str.strip() if series.dtype.kind == "O" else pd.Series([], dtype="string")
    if not text.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?Z?").any():
        return None
    whole = text.str.removesuffix("Z").str.replace(r"^(\d{1,2}:\d{2})$", r"\1:00", regex=True)
    return np.asarray(pd.to_timedelta(whole, errors="coerce").dt.total_seconds(), np.float64)


def times_of_day(dates: Any, seconds: Any, column: str, where: str) -> Times:
    """Times of dates (``20191104`` or ISO, a column or one) and seconds of the day, which may go on past midnight."""
    import pandas as pd

    text = pd.Series(dates).astype("string").str.replace(r"\.0$", "", regex=True)
    days = pd.to_datetime(text, format="%Y%m%d", errors="coerce")
    if days.isna().all():
        days = pd.to_datetime(text, format="ISO8601", errors="coerce")
    if days.isna().all():
        raise InputError(f"column {column!r} holds no date", where=where, mend="write dates as 20191104 or 2019-11-04")
    since = _nanoseconds(pd.to_numeric(pd.Series(seconds), errors="coerce"), 1.0)
    return np.asarray(np.asarray(days.to_numpy(), _NS) + since, _NS)


def _text(series: Any, column: str, where: str) -> Times:
    import pandas as pd

    text = series.astype("string").str.strip()
    text = text.where(text.str.len() >= len("20190101T0000"))
    found = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    if found.isna().all() and text.notna().any():
        shown = str(text[text.notna()].iloc[0])[:40]
        mend = "write times as 2019-11-04T12:30:00Z"
        raise InputError(f"column {column!r} holds no time in ISO 8601 ({shown!r})", where=where, mend=mend)
    return np.asarray(found.dt.tz_localize(None).to_numpy(), _NS)


def _counted(values: npt.NDArray[Any], unit: str, column: str, where: str) -> Times:
    said = _SINCE.match(unit)
    if said:
        scale, epoch = _SECONDS.get(said["unit"].lower()), _epoch(said["epoch"])
        if scale is None or epoch is None:
            raise InputError(f"column {column!r} is in {unit!r}, which is no time", where=where, mend=_MEND)
        return np.asarray(epoch + _nanoseconds(values, scale), _NS)
    if column.lower().endswith("delta_time"):
        return np.asarray(ATLAS_EPOCH + _nanoseconds(values, 1.0), _NS)
    known = values[np.isfinite(values.astype(np.float64))]
    median = float(np.median(known)) if len(known) else float("nan")
    scales = [scale for low, high, scale in _UNIX if low <= median < high]
    if not scales and len(known):
        raise InputError(
            f"column {column!r} holds numbers without a zero of time ({median:g})", where=where, mend=_MEND
        )
    since = _nanoseconds(values, scales[0] if scales else 1.0)
    return np.asarray(np.datetime64("1970-01-01", "ns") + since, _NS)


def _epoch(text: str) -> np.datetime64 | None:
    import pandas as pd

    found = pd.to_datetime(text.replace(" UTC", "").replace(" utc", ""), errors="coerce", utc=True)
    return None if pd.isna(found) else np.datetime64(found.tz_localize(None), "ns")


def _nanoseconds(values: Any, scale: float) -> npt.NDArray[np.timedelta64]:
    """Counts of ``scale`` seconds as nanoseconds; NaT where there is none or it is beyond what can be held."""
    array = np.asarray(values)
    if array.dtype.kind in "iu" and scale <= 1e-3:
        return (array.astype(np.int64) * round(scale * 1e9)).astype("timedelta64[ns]")
    seconds = array.astype(np.float64)
    held = np.isfinite(seconds) & (np.abs(seconds * scale) < _FAR)
    whole = np.where(held, seconds, 0.0) * scale
    # Seconds and their fraction apart: as one number in nanoseconds they have more digits than a double.
    parts = np.floor(whole).astype(np.int64) * 1_000_000_000 + np.rint((whole % 1.0) * 1e9).astype(np.int64)
    return np.where(held, parts.astype("timedelta64[ns]"), np.timedelta64("NaT"))

"""When a scene without a metadata file was sensed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from processing.errors import InputError
from processing.io.times import utc

_STAMP = re.compile(r"(?<!\d)(\d{8}T\d{6})(?!\d)")
_SCENE_STAMP = re.compile(r"(?:T\d{2}[C-X][A-Z]{2}|MSIL[12][AC])_(\d{8}T\d{6})(?!\d)")
_TAG = re.compile(r"ACQUISITION|SENSING|DATATAKE|^DATETIME$", re.IGNORECASE)
_TIFF_TIME = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}:\d{2}:\d{2})")
_LARGEST_JSON = 4 << 20
_MEND = "use `leadline add --time 2019-11-04T19:32:01Z`"


def find_time(path: Path, tags: Mapping[str, str], given: str = "") -> np.datetime64:
    """Sensing time of a scene in one file, UTC.

    Looked for in this order: what was given; tags that speak of acquisition or sensing; the file's name
    (``YYYYMMDDTHHMMSS``); a JSON file beside it (a STAC item's ``datetime``, or a Sentinel-2 name in any string); the
    TIFF's own date, which is last because most tools write there when the file was made.

    Raises InputError when there is none, or when the given one is not a time.
    """
    if given:
        return given_time(path, given)
    for candidate in _candidates(path, tags):
        time = utc(candidate)
        if time is not None:
            return time
    raise InputError("no sensing time in the file, its name or a JSON beside it", where=path, mend=_MEND)


def given_time(path: Path, given: str) -> np.datetime64:
    """A time that somebody wrote; raises InputError when it is none."""
    time = utc(given)
    if time is None:
        raise InputError(f"{given!r} is not a time", where=path, mend="write it like 2019-11-04T19:32:01Z")
    return time


def _candidates(path: Path, tags: Mapping[str, str]) -> Iterator[str]:
    yield from (text for name, text in tags.items() if _TAG.search(name))
    yield from _STAMP.findall(path.name)
    for file in _companions(path):
        yield from _json_times(file)
    match = _TIFF_TIME.match(tags.get("TIFFTAG_DATETIME", ""))
    if match:
        yield f"{match[1]}-{match[2]}-{match[3]}T{match[4]}"


def _companions(path: Path) -> list[Path]:
    """JSON files that speak of this file: those named after it, else all in a folder that holds no other scene."""
    own = [file for file in (path.with_suffix(".json"), path.with_name(f"{path.name}.json")) if file.is_file()]
    rasters = [file for file in path.parent.iterdir() if file.suffix.lower() in (".tif", ".tiff")]
    others = sorted(path.parent.glob("*.json")) if len(rasters) == 1 else []
    return own + [file for file in others if file not in own and file.stat().st_size <= _LARGEST_JSON]


def _json_times(file: Path) -> Iterator[str]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return
    properties = value.get("properties") if isinstance(value, dict) else None
    if isinstance(properties, dict) and isinstance(properties.get("datetime"), str):
        yield properties["datetime"]
    for text in _strings(value):
        yield from _SCENE_STAMP.findall(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)

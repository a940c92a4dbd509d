"""What names of ICESat-2 files say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")

_GRANULE = re.compile(r"ATL\d\d(?:-\d\d)?_(?P<start>\d{14})_(?P<track>\d{8})_(?P<release>\d{3})_\d\d", re.IGNORECASE)
_BEAM = re.compile(r"(?<![a-z0-9])gt[123][lr](?![a-z0-9])", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIXES = (".gz", ".h5", ".hdf5", ".he5", ".csv", ".parquet", ".geoparquet", ".pq")
_GENERIC = {"photons", "photon", "data", "atl03", "granule", "points", "table", "output", "subset", "segments"}


@dataclass(frozen=True)
class GranuleName:
    """Product, start time, track and release of a granule, as in its file name; empty text where it does not say."""

    text: str = ""
    start: str = ""
    release: str = ""


def stem(path: Path) -> str:
    """File name without the suffixes of the formats read here."""
    name = path.name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def granule_name(path: Path) -> GranuleName:
    """The granule named in a file's name or, failing that, its folder's."""
    for text in (path.name, path.parent.name):
        match = _GRANULE.search(text)
        if match:
            return GranuleName(match[0], match["start"], match["release"])
    return GranuleName()


def beam_name(path: Path) -> str:
    """The one beam named in a file's name or, failing that, its folder's; empty when there is none, or several."""
    for text in (stem(path), path.parent.name):
        found = {name.lower() for name in _BEAM.findall(text)}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def identifier(path: Path) -> str:
    """Identifier of a granule file: its name without a subsetter's marks, the folder's where the name says nothing."""
    name = stem(path)
    if name.lower() in _GENERIC:
        name = path.parent.name
    name = name.removeprefix("processed_").removesuffix("_subsetted")
    return _UNSAFE.sub("_", name).strip("._-") or "granule"

"""What names of ICESat-2 files say."""

from __future__ import annotations

import re
from pathlib import Path

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")

_GRANULE = re.compile(r"(?P<product>ATL\d\d)(?:-\d\d)?_\d{14}_\d{8}_(?P<release>\d{3})_\d\d", re.IGNORECASE)
_BEAM = re.compile(r"(?<![a-z0-9])gt[123][lr](?![a-z0-9])", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_HDF5 = (".h5", ".hdf5", ".he5")
_SUFFIXES = (".gz", *_HDF5, ".csv", ".parquet", ".geoparquet", ".pq")
_GENERIC = {"photons", "photon", "data", "atl03", "granule", "points", "table", "output", "subset", "segments"}


def stem(path: Path) -> str:
    """File name without the suffixes of the formats read here."""
    name = path.name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def release(path: Path) -> str:
    """Release in the granule's name in a file's name or, failing that, its folder's; empty when there is none."""
    found = (_GRANULE.search(text) for text in (path.name, path.parent.name))
    return next((match["release"] for match in found if match), "")


def product(path: Path) -> str:
    """Product in a file's name, such as ``ATL07``; empty when there is none."""
    match = _GRANULE.search(path.name)
    return match["product"].upper() if match else ""


def beam_name(path: Path) -> str:
    """The one beam named in a file's name or, failing that, its folder's; empty when there is none, or several."""
    for text in (stem(path), path.parent.name):
        found = {name.lower() for name in _BEAM.findall(text)}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def identifier(path: Path) -> str:
    """Identifier of a granule file: its name without a subsetter's marks, the folder's where the name says nothing.

    What stands before the producer's name of an HDF5 granule is dropped; what follows, such as a beam, tells subsets of
    one granule apart and stays.
    """
    name = stem(path)
    if name.lower() in _GENERIC:
        name = path.parent.name
    match = _GRANULE.search(name)
    if match and path.suffix.lower() in _HDF5:
        name = name[match.start() :]
    name = name.removeprefix("processed_").removesuffix("_subsetted")
    return _UNSAFE.sub("_", name).strip("._-") or "granule"

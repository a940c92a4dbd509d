"""What a file or folder given to ``leadline add`` is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processing.errors import InputError, MissingError
from processing.io import atl03, atl07, atl10, measurements, photon_table, sentinel2
from processing.io.found import Found, UnreadableError
from processing.io.hdf5 import open_hdf5, product_of
from processing.io.tables import read_stamp
from processing.places import children, opened, told

_SIDECARS = {
    ".json", ".txt", ".md", ".rst", ".xml", ".html", ".htm", ".pdf", ".png", ".jpg", ".jpeg", ".toml", ".yaml", ".yml",
    ".log", ".prj", ".tfw", ".met", ".kml", ".cpg", ".dbf", ".shp", ".shx", ".md5", ".sha256", ".py", ".sh", ".ipynb",
}  # fmt: skip
_SIDECAR_NAMES = {"readme", "license", "licence", "manifest", "checksums"}
_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"PAR1", "a Parquet table"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"II+\x00", "a TIFF image"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"CDF", "a NetCDF classic file"),
)
_MEND = (
    "give ATL03, ATL07 or ATL10 granules, photon tables, tables of measurements, Sentinel-2 SAFE folders or GeoTIFFs"
)


@dataclass(frozen=True)
class TruthTable:
    """A table of a twin's truth."""

    granule: str
    beam: str
    path: Path


@dataclass(frozen=True)
class Inventory:
    """What was found.

    Attributes
    ----------
    found, truth : inputs and truth tables.
    refused : for each file that is nothing of use or damaged a line that says so.
    unusable : for each input that was recognised and cannot be used a line that says why.
    """

    found: tuple[Found, ...]
    truth: tuple[TruthTable, ...]
    refused: tuple[str, ...]
    unusable: tuple[str, ...]


_Item = Found | TruthTable | InputError | str


def take_stock(paths: tuple[Path, ...], beam: str = "", given: Mapping[str, Any] | None = None) -> Inventory:
    """Recognise every path; folders are searched, and what lies beside the data in them is passed over.

    Parameters
    ----------
    beam : beam of photon tables that do not name theirs.
    given : what is said about scenes, as for ``sentinel2.identify``.

    Raises MissingError for a path that is not there, InputError for one that was named and is not recognised or cannot
    be used, for two inputs of one identifier, and when nothing can be used at all.
    """
    found: list[Found] = []
    truth: list[TruthTable] = []
    refused: list[str] = []
    unusable: list[str] = []
    for path in paths:
        for item in _items(path, beam, dict(given or {})):
            if isinstance(item, Found):
                found.append(item)
            elif isinstance(item, TruthTable):
                truth.append(item)
            elif isinstance(item, InputError):
                unusable.append(item.line)
            else:
                refused.append(item)
    if not found and not truth:
        told = _first_refusal(unusable + refused)
        raise InputError("nothing in it can be used" + told, where=paths[0], mend=_MEND)
    return Inventory(tuple(_distinct(found)), tuple(truth), tuple(refused), tuple(unusable))


def _items(path: Path, beam: str, given: dict[str, Any]) -> Iterator[_Item]:
    with told(path):
        if not path.exists():
            raise MissingError("no such file or folder", where=path)
        yield from _search(path, beam, given, named=True)


def looks_like(path: Path) -> str:
    """What an unrecognised file seems to be, in a few words."""
    if path.is_dir():
        return "a folder"
    with opened(path) as stream:
        head = stream.read(512)
    if not head:
        return "an empty file"
    if head.startswith(_MAGIC[0][0]):
        return _hdf5_kind(path)
    for magic, words in _MAGIC[1:]:
        if head.startswith(magic):
            return words
    return "a binary file" if b"\x00" in head else "a text file"


def _search(path: Path, beam: str, given: dict[str, Any], *, named: bool = False) -> Iterator[_Item]:
    try:
        item = _identify(path, beam, given)
    except InputError as error:
        if named:
            raise
        yield error.line if isinstance(error, UnreadableError) else error
        return
    if item is not None:
        yield item
    elif path.is_dir():
        if (path / "project.toml").exists():
            raise InputError("a Leadline project, not data", where=path, mend="name the files it was made from")
        yield from _truth(path) if path.name == "truth" else _search_folder(path, beam, given)
    elif named:
        raise InputError(f"not recognised: it looks like {looks_like(path)}", where=path, mend=_MEND)
    elif not _is_sidecar(path):
        yield f"{path}: not recognised: it looks like {looks_like(path)}"


def _search_folder(folder: Path, beam: str, given: dict[str, Any]) -> Iterator[_Item]:
    for entry in children(folder):
        if not entry.exists():
            yield f"{entry}: a link that points nowhere"
        elif not entry.name.startswith("."):
            yield from _search(entry, beam, given)


def _identify(path: Path, beam: str, given: dict[str, Any]) -> Found | None:
    if path.is_file() and read_stamp(path) is not None:
        return None
    return (
        atl03.identify(path)
        or atl07.identify(path)
        or atl10.identify(path)
        or measurements.identify(path)
        or photon_table.identify(path, beam)
        or sentinel2.identify(path, given)
    )


def _truth(folder: Path) -> Iterator[TruthTable]:
    for path in sorted(folder.glob("granule=*/beam=*/*.parquet")):
        yield TruthTable(path.parent.parent.name.split("=", 1)[1], path.parent.name.split("=", 1)[1], path)


def _distinct(found: list[Found]) -> Iterator[Found]:
    """Each input once; the same path given twice is one, two files of one identifier are an error."""
    seen: dict[tuple[str, str], Path] = {}
    for item in found:
        key = (item.category, item.ident)
        path = item.path.resolve()
        if key not in seen:
            seen[key] = path
            yield item
        elif seen[key] != path:
            raise InputError(
                f"has the same identifier {item.ident} as {seen[key]}", where=item.path, mend="rename one of them"
            )


def _is_sidecar(path: Path) -> bool:
    return path.suffix.lower() in _SIDECARS or path.stem.lower() in _SIDECAR_NAMES


def _hdf5_kind(path: Path) -> str:
    with open_hdf5(path) as file:
        name = product_of(file)
        return f"HDF5 of product {name}" if name else f"HDF5 with {', '.join(list(file)[:4]) or 'nothing in it'}"


def _first_refusal(refused: list[str]) -> str:
    return f" ({refused[0]})" if refused else ""

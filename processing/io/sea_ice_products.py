"""ATL07 and ATL10 read alike: one table of segments a beam, whichever product and release it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.errors import InputError
from processing.io import atl07, atl10
from processing.io.atlas_product import F8, open_product, product_name
from processing.io.granule_name import identifier
from processing.io.hdf5 import is_synthetic

KINDS = {"atl07": atl07.SHORT_NAME, "atl10": atl10.SHORT_NAME}


_FLOATS = (
    *("lat", "lon", "x_atc", "length", "height", "reference"),
    *("freeboard", "freeboard_sigma", "sea_surface", "sea_surface_sigma"),
)


@dataclass(frozen=True)
class ProductInfo:
    """What a granule says of itself. ``kind`` atl07 or atl10; ``beams`` with segments; ``release`` may be empty."""

    path: Path
    ident: str
    kind: str
    release: str
    synthetic: bool
    beams: tuple[str, ...]


@dataclass(frozen=True)
class Surfaces:
    """Samples of sea surface in ATL10: leads, or reference surfaces of 10 km sections; f8 m, NaN for fill."""

    x_atc: F8
    height: F8
    sigma: F8
    length: F8

    def __len__(self) -> int:
        return len(self.height)


@dataclass(frozen=True)
class ProductBeam:
    """Segments of one beam in along-track order; NaN (NaT, -1) for fill and for what the product does not have.

    Attributes
    ----------
    kind : atl07 or atl10.
    time : datetime64[ns] UTC. lat, lon : f8 degree. x_atc, length : f8 m, centre and length of a segment.
    height : f8 m above the product's reference. reference : f8 m, that reference: mean sea surface, tides, dynamic
        atmosphere, as far as the granule carries them; NaN where it does not carry the mean sea surface.
    freeboard, freeboard_sigma : f8 m (ATL10).
    sea_surface : f8 m: ATL10, height of the reference surface; ATL07, height of the segments that carry sea level.
    sea_surface_sigma : f8 m, its standard uncertainty.
    surface_type : i8, 0 cloud, 1 ice, 2-5 specular lead, 6-9 dark lead. is_sea_level : bool.
    section : i8, row of ``sections``; -1 where there is none.
    leads, sections : sea surface samples (ATL10; empty in ATL07).
    """

    kind: str
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    x_atc: F8
    length: F8
    height: F8
    reference: F8
    freeboard: F8
    freeboard_sigma: F8
    sea_surface: F8
    sea_surface_sigma: F8
    surface_type: npt.NDArray[np.int64]
    is_sea_level: npt.NDArray[np.bool_]
    section: npt.NDArray[np.int64]
    leads: Surfaces
    sections: Surfaces

    def __len__(self) -> int:
        return len(self.x_atc)


def product_info(path: Path) -> ProductInfo:
    """What a granule is; raises InputError when it is neither ATL07 nor ATL10, or damaged, MissingError for no file."""
    name = product_name(path)
    kind = next((kind for kind, short in KINDS.items() if short == name), "")
    if not kind:
        what = f"neither an ATL07 nor an ATL10 granule but {name or 'something else'}"
        raise InputError(what, where=path, mend="name a granule of NASA's sea-ice products")
    beams = atl07.beams(path) if kind == "atl07" else atl10.beams(path)
    with open_product(path, name) as product:
        return ProductInfo(path, identifier(path), kind, product.release, is_synthetic(product.file), beams)


def read_beam(path: Path, kind: str, beam: str) -> ProductBeam:
    """Read one beam; errors as those of the two readers."""
    return _heights(atl07.read(path, beam)) if kind == "atl07" else _freeboards(atl10.read(path, beam))


def _heights(found: atl07.SeaIceHeights) -> ProductBeam:
    nothing = np.full(len(found), np.nan)
    return ProductBeam(
        kind="atl07",
        time=found.time,
        lat=found.lat,
        lon=found.lon,
        x_atc=found.x_atc,
        length=found.length,
        height=found.height,
        reference=_reference(found),
        freeboard=nothing,
        freeboard_sigma=nothing,
        sea_surface=np.where(found.is_sea_level, found.height, np.nan),
        sea_surface_sigma=np.where(found.is_sea_level, found.height_sigma, np.nan),
        surface_type=found.surface_type,
        is_sea_level=found.is_sea_level,
        section=np.full(len(found), -1, np.int64),
        leads=_no_surfaces(),
        sections=_no_surfaces(),
    )


def _freeboards(found: atl10.SeaIceFreeboard) -> ProductBeam:
    leads, sections = found.leads, found.sections
    sigma = np.full(len(found), np.nan)
    sigma[found.section >= 0] = sections.sigma[found.section[found.section >= 0]]
    return ProductBeam(
        kind="atl10",
        time=found.time,
        lat=found.lat,
        lon=found.lon,
        x_atc=found.x_atc,
        length=found.length,
        height=found.height,
        reference=_reference(found),
        freeboard=found.freeboard,
        freeboard_sigma=found.freeboard_sigma,
        sea_surface=found.sea_surface,
        sea_surface_sigma=sigma,
        surface_type=found.surface_type,
        is_sea_level=found.is_sea_level,
        section=found.section,
        leads=Surfaces(leads.x_atc, leads.height, leads.sigma, leads.length),
        sections=Surfaces(sections.x_atc, sections.height, sections.sigma, np.full(len(sections), np.nan)),
    )


def _reference(found: atl07.SeaIceHeights | atl10.SeaIceFreeboard) -> F8:
    tides = np.nan_to_num(found.ocean_tide) + np.nan_to_num(found.equilibrium_tide)
    return found.mss + tides + np.nan_to_num(found.dac)


def _no_surfaces() -> Surfaces:
    none = np.zeros(0)
    return Surfaces(none, none, none, none)


def empty_beam(kind: str) -> ProductBeam:
    """A beam without segments."""
    none, whole = np.zeros(0), np.zeros(0, np.int64)
    return ProductBeam(
        kind=kind,
        time=np.zeros(0, "datetime64[ns]"),
        surface_type=whole,
        is_sea_level=np.zeros(0, np.bool_),
        section=whole,
        leads=_no_surfaces(),
        sections=_no_surfaces(),
        **dict.fromkeys(_FLOATS, none),
    )

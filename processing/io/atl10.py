"""ATL10, NASA's sea-ice freeboard: releases 003 to 007, whole or subset.

Up to release 005 a beam's tables lie in ``freeboard_beam_segment`` (segments in ``beam_freeboard`` and
``height_segments``, the reference surface in the group itself); from release 006 in ``freeboard_segment``,
``freeboard_segment/heights`` and ``reference_surface_section``. The uncertainty is called ``beam_fb_sigma`` in the old
layout and ``beam_fb_unc`` in the new. Source: ATL10 data dictionaries (NSIDC).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.errors import MissingError
from processing.io.atlas_product import F8, Product, details, is_product, open_product
from processing.io.found import Found
from processing.io.granule_name import BEAMS, identifier

SHORT_NAME = "ATL10"

_SEA_LEVEL = (1, 2)


@dataclass(frozen=True)
class Leads:
    """Leads of one beam. ``time`` datetime64[ns] UTC; ``lat`` ``lon`` f8 degree; f8 m the rest; NaN for fill values.

    ``x_atc`` along-track distance, ``height`` and ``sigma`` of the water, ``length`` along the track.
    """

    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    x_atc: F8
    height: F8
    sigma: F8
    length: F8

    def __len__(self) -> int:
        return len(self.height)


@dataclass(frozen=True)
class ReferenceSurface:
    """Reference surfaces of 10 km sections of one beam. NaN for fill values.

    ``time`` datetime64[ns] UTC; ``lat`` ``lon`` f8 degree; ``x_atc`` ``height`` ``sigma`` f8 m;
    ``is_interpolated`` bool, no lead of its own.
    """

    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    x_atc: F8
    height: F8
    sigma: F8
    is_interpolated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.height)


@dataclass(frozen=True)
class SeaIceFreeboard:
    """ATL10 of one beam; segments in along-track order, NaN for fill values.

    Attributes
    ----------
    time : datetime64[ns] UTC.
    lat, lon : f8 degree.
    x_atc : f8 m, along-track distance of the segment's centre from the equator crossing.
    length : f8 m.
    height : f8 m, surface height of the segment.
    freeboard, freeboard_sigma : f8 m; NaN where the product has none.
    quality : i8, ``beam_fb_quality_flag``: 1 best to 5 poor, -1 invalid.
    surface_type : i8, as in ATL07.
    is_sea_level : bool, candidate for the reference surface, used for it or not (``height_segment_ssh_flag`` 1 or 2).
    sea_surface : f8 m, height of the reference surface that the freeboard refers to.
    section : i8, row of ``sections`` that it is; -1 where the granule has none.
    mss, geoid, dac, ocean_tide, equilibrium_tide : f8 m, subtracted; NaN where the granule does not carry them.
    leads, sections : the leads and the reference surfaces.
    """

    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    x_atc: F8
    length: F8
    height: F8
    freeboard: F8
    freeboard_sigma: F8
    quality: npt.NDArray[np.int64]
    surface_type: npt.NDArray[np.int64]
    is_sea_level: npt.NDArray[np.bool_]
    sea_surface: F8
    section: npt.NDArray[np.int64]
    mss: F8
    geoid: F8
    dac: F8
    ocean_tide: F8
    equilibrium_tide: F8
    leads: Leads
    sections: ReferenceSurface

    def __len__(self) -> int:
        return len(self.x_atc)


@dataclass(frozen=True)
class _Layout:
    """Where a release keeps things below a beam's group."""

    segments: str
    heights: str
    geophysical: str
    sections: str
    sigma: tuple[str, ...]


_NEW = _Layout(
    "freeboard_segment",
    "freeboard_segment/heights",
    "freeboard_segment/geophysical",
    "reference_surface_section",
    ("beam_fb_unc",),
)
_OLD = _Layout(
    "freeboard_beam_segment/beam_freeboard",
    "freeboard_beam_segment/height_segments",
    "freeboard_beam_segment/geophysical",
    "freeboard_beam_segment",
    ("beam_fb_sigma", "beam_fb_unc"),
)


def identify(path: Path) -> Found | None:
    """Recognise an ATL10 granule, or None."""
    if not is_product(path, SHORT_NAME):
        return None
    with open_product(path, SHORT_NAME) as product:
        counts = {beam: _valid(product, beam) for beam in _beams(product)}
        kept = details(product, tuple(counts))
    told = ", ".join(f"{beam} {count}" for beam, count in counts.items()) or "no beam with segments"
    summary = f"ATL10 release {product.release}: segments with freeboard {told}"
    return Found("references", identifier(path), "atl10", path, kept, summary)


def beams(path: Path) -> tuple[str, ...]:
    """Beams of the granule that carry segments, with or without a valid freeboard."""
    with open_product(path, SHORT_NAME) as product:
        return _beams(product)


def read(path: Path, beam: str) -> SeaIceFreeboard:
    """Read one beam. Raises MissingError naming the path that the granule lacks, InputError for another product."""
    with open_product(path, SHORT_NAME) as product:
        layout = _layout(product, beam)
        base, heights = f"{beam}/{layout.segments}", f"{beam}/{layout.heights}"
        geophysical = f"{beam}/{layout.geophysical}/height_segment"
        sections = _sections(product, f"{beam}/{layout.sections}")
        section = _section_rows(product, f"{beam}/{layout.sections}", len(sections), f"{base}/beam_refsurf_ndx")
        sigma = next((name for name in layout.sigma if product.has(f"{base}/{name}")), layout.sigma[0])
        freeboard = product.floats(f"{base}/beam_fb_height")
        size = len(freeboard)
        return SeaIceFreeboard(
            time=product.times(f"{base}/delta_time"),
            lat=product.floats(f"{base}/latitude"),
            lon=product.floats(f"{base}/longitude"),
            x_atc=product.floats(f"{base}/seg_dist_x"),
            length=product.floats(f"{heights}/height_segment_length_seg"),
            height=product.floats(f"{heights}/height_segment_height"),
            freeboard=freeboard,
            freeboard_sigma=product.floats(f"{base}/{sigma}"),
            quality=product.integers(f"{base}/beam_fb_quality_flag"),
            surface_type=product.integers(f"{heights}/height_segment_type"),
            is_sea_level=np.isin(product.integers(f"{heights}/height_segment_ssh_flag"), _SEA_LEVEL),
            sea_surface=_of_section(sections.height, section),
            section=section,
            mss=product.floats(f"{geophysical}_mss", optional=size),
            geoid=product.floats(f"{geophysical}_geoid", optional=size),
            dac=product.floats(f"{geophysical}_dac", optional=size),
            ocean_tide=product.floats(f"{geophysical}_ocean", optional=size),
            equilibrium_tide=product.floats(f"{geophysical}_lpe", optional=size),
            leads=_leads(product, f"{beam}/leads"),
            sections=sections,
        )


def _beams(product: Product) -> tuple[str, ...]:
    layouts = (_NEW, _OLD)
    return tuple(
        beam for beam in BEAMS if any(product.has(f"{beam}/{layout.segments}/beam_fb_height") for layout in layouts)
    )


def _layout(product: Product, beam: str) -> _Layout:
    for layout in (_NEW, _OLD):
        if product.has(f"{beam}/{layout.segments}"):
            return layout
    if not product.has(beam):
        raise MissingError(f"granule has no beam /{beam}", where=product.path)
    raise MissingError(
        f"granule has neither /{beam}/{_NEW.segments} (release 006 on) nor /{beam}/{_OLD.segments} (before)",
        where=product.path,
    )


def _valid(product: Product, beam: str) -> int:
    values = product.floats(f"{beam}/{_layout(product, beam).segments}/beam_fb_height")
    return int(np.isfinite(values).sum())


def _sections(product: Product, base: str) -> ReferenceSurface:
    height = product.floats(f"{base}/beam_refsurf_height")
    flag = f"{base}/beam_refsurf_interp_flag"
    return ReferenceSurface(
        time=product.times(f"{base}/delta_time"),
        lat=product.floats(f"{base}/latitude"),
        lon=product.floats(f"{base}/longitude"),
        x_atc=product.floats(f"{base}/beam_refsurf_dist_x", optional=len(height)),
        height=height,
        sigma=product.floats(f"{base}/beam_refsurf_sigma", optional=len(height)),
        is_interpolated=product.integers(flag) > 0 if product.has(flag) else np.zeros(len(height), np.bool_),
    )


def _leads(product: Product, base: str) -> Leads:
    height = product.floats(f"{base}/lead_height")
    return Leads(
        time=product.times(f"{base}/delta_time"),
        lat=product.floats(f"{base}/latitude"),
        lon=product.floats(f"{base}/longitude"),
        x_atc=product.floats(f"{base}/lead_dist_x", optional=len(height)),
        height=height,
        sigma=product.floats(f"{base}/lead_sigma"),
        length=product.floats(f"{base}/lead_length"),
    )


def _of_section(height: F8, row: npt.NDArray[np.int64]) -> F8:
    found = np.full(len(row), np.nan)
    found[row >= 0] = height[row[row >= 0]]
    return found


def _section_rows(product: Product, base: str, count: int, name: str) -> npt.NDArray[np.int64]:
    """Row of the section each segment refers to; -1 where the granule has none of that number.

    Sections are counted from 1 in a whole granule. A subset keeps the numbers, which ``fbswath_ndx`` then tells.
    """
    index = product.integers(name)
    if count == 0:
        return np.full(len(index), -1, np.int64)
    numbers = f"{base}/fbswath_ndx"
    known = product.integers(numbers) if product.has(numbers) else np.arange(1, count + 1)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known, index, sorter=order), len(known) - 1)
    row = order[place]
    return np.where(known[row] == index, row, -1)

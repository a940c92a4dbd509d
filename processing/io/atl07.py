"""ATL07, NASA's sea-ice heights by segments of 150 photons: releases 003 to 007, whole or subset.

Source: ATL07 data dictionaries (NSIDC). ``height_segment_type``: 0 cloud, 1 snow-covered or grey ice, 2-5 specular
leads, 6-9 dark leads.
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

SHORT_NAME = "ATL07"


@dataclass(frozen=True)
class SeaIceHeights:
    """ATL07 segments of one beam in along-track order; NaN for fill values.

    Attributes
    ----------
    time : datetime64[ns] UTC.
    lat, lon : f8 degree.
    x_atc : f8 m, along-track distance of the segment's centre from the equator crossing.
    length : f8 m.
    height : f8 m above the mean sea surface, tides and dynamic atmosphere removed.
    height_sigma : f8 m, the product's estimate of the surface error.
    confidence : f8, of the surface fit.
    quality : i8, 1 good.
    surface_type : i8, 0 cloud, 1 ice, 2-5 specular lead, 6-9 dark lead.
    is_sea_level : bool, candidate for the reference surface (``height_segment_ssh_flag``).
    mss, geoid, dac, ocean_tide, equilibrium_tide : f8 m, subtracted; NaN where the granule does not carry them.
    """

    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    x_atc: F8
    length: F8
    height: F8
    height_sigma: F8
    confidence: F8
    quality: npt.NDArray[np.int64]
    surface_type: npt.NDArray[np.int64]
    is_sea_level: npt.NDArray[np.bool_]
    mss: F8
    geoid: F8
    dac: F8
    ocean_tide: F8
    equilibrium_tide: F8

    def __len__(self) -> int:
        return len(self.x_atc)


def identify(path: Path) -> Found | None:
    """Recognise an ATL07 granule, or None."""
    if not is_product(path, SHORT_NAME):
        return None
    with open_product(path, SHORT_NAME) as product:
        counts = {beam: product.dataset(_heights(beam)).shape[0] for beam in _beams(product)}
        kept = details(product, tuple(counts))
    told = ", ".join(f"{beam} {count}" for beam, count in counts.items()) or "no beam with segments"
    summary = f"ATL07 release {product.release}: segments {told}"
    return Found("references", identifier(path), "atl07", path, kept, summary)


def beams(path: Path) -> tuple[str, ...]:
    """Beams of the granule that carry segments."""
    with open_product(path, SHORT_NAME) as product:
        return _beams(product)


def read(path: Path, beam: str) -> SeaIceHeights:
    """Read one beam. Raises MissingError naming the path that the granule lacks, InputError for another product."""
    with open_product(path, SHORT_NAME) as product:
        if beam not in product.file:
            raise MissingError(f"granule has no beam /{beam}", where=path)
        base = f"{beam}/sea_ice_segments"
        heights, geophysical = f"{base}/heights", f"{base}/geophysical/height_segment"
        height = product.floats(f"{heights}/height_segment_height")
        size = len(height)
        return SeaIceHeights(
            time=product.times(f"{base}/delta_time"),
            lat=product.floats(f"{base}/latitude"),
            lon=product.floats(f"{base}/longitude"),
            x_atc=product.floats(f"{base}/seg_dist_x"),
            length=product.floats(f"{heights}/height_segment_length_seg"),
            height=height,
            height_sigma=product.floats(f"{heights}/height_segment_surface_error_est", optional=size),
            confidence=product.floats(f"{heights}/height_segment_confidence"),
            quality=product.integers(f"{heights}/height_segment_quality"),
            surface_type=product.integers(f"{heights}/height_segment_type"),
            is_sea_level=product.integers(f"{heights}/height_segment_ssh_flag") == 1,
            mss=product.floats(f"{geophysical}_mss", optional=size),
            geoid=product.floats(f"{geophysical}_geoid", optional=size),
            dac=product.floats(f"{geophysical}_dac", optional=size),
            ocean_tide=product.floats(f"{geophysical}_ocean", optional=size),
            equilibrium_tide=product.floats(f"{geophysical}_lpe", optional=size),
        )


def _beams(product: Product) -> tuple[str, ...]:
    return tuple(beam for beam in BEAMS if product.has(_heights(beam)))


def _heights(beam: str) -> str:
    return f"{beam}/sea_ice_segments/heights/height_segment_height"

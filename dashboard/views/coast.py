"""Coastline and graticule of the two polar projections, in metres, as printed maps have them."""

from __future__ import annotations

from processing.charts.coast import Bounds, Graticule, Ring, coastline, graticule, outline

__all__ = ["Bounds", "Graticule", "Ring", "coastline", "graticule", "outline"]

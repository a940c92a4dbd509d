"""Mean-sea-surface grids that a user supplies."""

from __future__ import annotations

from pathlib import Path

from processing.io.gridded import Gridded, Quantity, open_grid

MEAN_SEA_SURFACE = Quantity(
    "mean sea surface",
    "m",
    ("mean_sea_surface", "mss", "mean_sea_surface_sol1", "mdt_mss", "z", "height", "Band1"),
    "mean_sea_surface_height_above_reference_ellipsoid",
)

MeanSeaSurface = Gridded
"""Height of the mean sea surface above WGS84 (m) anywhere on a grid: ``surface(lon, lat)``."""


def mean_sea_surface(path: str | Path) -> MeanSeaSurface:
    """Open a mean-sea-surface grid, in metres above WGS84, by windows.

    Raises MissingError when the file is not there and InputError when it is no such grid.
    """
    return open_grid(path, MEAN_SEA_SURFACE)

"""Where and when a granule was measured, in the words that sea-ice science has for oceans and seasons."""

from __future__ import annotations

from datetime import datetime

_SOUTH = (
    (-130.0, "Amundsen and Bellingshausen Seas"),
    (-60.0, "Weddell Sea"),
    (20.0, "Indian Ocean"),
    (90.0, "western Pacific Ocean"),
    (160.0, "Ross Sea"),
)
"""Sectors from their western longitude on, the usual five (Parkinson and Cavalieri 2012)."""

_NORTH = (
    (-160.0, "Beaufort Sea"),
    (-120.0, "Canadian Archipelago and Baffin Bay"),
    (-45.0, "Greenland Sea"),
    (15.0, "Barents Sea"),
    (60.0, "Kara Sea"),
    (100.0, "Laptev Sea"),
    (145.0, "East Siberian and Chukchi Seas"),
)
_CENTRAL = 80.0
_SEASONS = ("December to February", "March to May", "June to August", "September to November")


def region_of(latitude: float, longitude: float) -> str:
    """Name of the region around a place [degree]."""
    if latitude > _CENTRAL:
        return "central Arctic"
    sectors = _NORTH if latitude > 0 else _SOUTH
    longitude = (longitude + 180.0) % 360.0 - 180.0
    return next((name for west, name in reversed(sectors) if longitude >= west), sectors[-1][1])


def season_of(time: datetime) -> str:
    """The three months that a time lies in."""
    return _SEASONS[time.month % 12 // 3]

"""Where and when: tracks of six beams, projection of the scene, orbit numbers, sun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from processing.twin.parameters import Twin

F8 = NDArray[np.float64]

BEAMS = ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r")
PAIR_SPACING, BEAM_SPACING = 3300.0, 90.0
SEGMENT_LENGTH = 20.0058
SHOT_TIME = 1.0e-4
GROUND_SPEED = 7000.0
EPOCH = datetime(2018, 1, 1, tzinfo=UTC)
GPS_EPOCH_SECONDS = 1198800018.0
_EARTH = 6371007.0
_INCLINATION = np.radians(92.0)
_ORBIT_SECONDS = 94.22 * 60.0
_GEOD = Geod(ellps="WGS84")
_START = {
    "south": (-74.6, -171.3, datetime(2019, 11, 4, 19, 53, 11, tzinfo=UTC), 594, 5),
    "north": (72.4, -139.4, datetime(2019, 4, 18, 21, 12, 40, tzinfo=UTC), 312, 3),
}


@dataclass(frozen=True)
class Place:
    """One granule's place and time.

    ``latitude``, ``longitude`` degree of the reference track's start; ``azimuth`` degree; ``start`` UTC of the first
    shot; ``epsg`` of the scene's UTM zone; ``segment_first`` id of the first 20 m geolocation segment; ``segments`` how
    many; ``right_strong`` whether right beams are strong.
    """

    latitude: float
    longitude: float
    azimuth: float
    start: datetime
    rgt: int
    cycle: int
    region: int
    orbit: int
    epsg: int
    segment_first: int
    segments: int
    right_strong: bool

    @property
    def granule_id(self) -> str:
        return f"ATL03_{self.start:%Y%m%d%H%M%S}_{self.rgt:04d}{self.cycle:02d}{self.region:02d}_006_01"

    @property
    def x_start(self) -> float:
        """Along-track distance of the first segment's start, m."""
        return (self.segment_first - 1) * SEGMENT_LENGTH

    @property
    def length(self) -> float:
        return self.segments * SEGMENT_LENGTH

    @property
    def delta_time(self) -> float:
        """Seconds from the ATLAS epoch to the first shot."""
        return (self.start - EPOCH).total_seconds()

    def is_strong(self, beam: str) -> bool:
        return (beam[-1] == "r") == self.right_strong

    def spot(self, beam: str) -> int:
        """ATLAS spot of a ground track: odd spots are strong."""
        pair = int(beam[2])
        base = 2 * pair - 1 if not self.right_strong else 7 - 2 * pair
        return base if self.is_strong(beam) else base + 1


@dataclass(frozen=True)
class Nodes:
    """A beam's line, a node every 20 m: ``x_atc`` m, ``lat`` ``lon`` degree, ``x`` ``y`` m projected."""

    x_atc: F8
    lat: F8
    lon: F8
    x: F8
    y: F8
    across: float

    def at(self, x_atc: F8) -> tuple[F8, F8]:
        """Projected position at along-track distances."""
        return np.interp(x_atc, self.x_atc, self.x), np.interp(x_atc, self.x_atc, self.y)

    def geographic(self, x_atc: F8) -> tuple[F8, F8]:
        """Latitude and longitude at along-track distances."""
        lon = np.interp(x_atc, self.x_atc, np.unwrap(self.lon, period=360.0))
        return np.interp(x_atc, self.x_atc, self.lat), (lon + 180.0) % 360.0 - 180.0


def make_place(parameters: Twin, index: int) -> Place:
    """The place of granule ``index``: each next one a day, sixteen orbits and some tenths of a degree on."""
    latitude, longitude, start, rgt, cycle = _START[parameters.hemisphere]
    rng = np.random.default_rng([parameters.seed, index, 1])
    latitude = latitude if parameters.latitude is None else parameters.latitude
    longitude = longitude if parameters.longitude is None else parameters.longitude
    latitude += float(rng.uniform(-0.35, 0.35)) if index else 0.0
    longitude = (longitude + (float(rng.uniform(-0.8, 0.8)) if index else 0.0) + 180.0) % 360.0 - 180.0
    orbits = 16 * index
    start += timedelta(seconds=round(orbits * _ORBIT_SECONDS))
    south = latitude < 0
    arc = (
        _EARTH * (np.pi + abs(np.arcsin(np.sin(np.radians(-latitude)) / np.sin(_INCLINATION))))
        if south
        else (_EARTH * np.arcsin(np.sin(np.radians(latitude)) / np.sin(_INCLINATION)))
    )
    segments = max(int(np.ceil(parameters.km * 1000.0 / SEGMENT_LENGTH)), 1)
    return Place(
        latitude=latitude,
        longitude=longitude,
        azimuth=_azimuth(latitude, ascending=not south),
        start=start,
        rgt=(rgt + orbits - 1) % 1387 + 1,
        cycle=cycle + (rgt + orbits - 1) // 1387,
        region=10 if south else 3,
        orbit=6300 + rgt + orbits,
        epsg=(32700 if south else 32600) + int((longitude + 180.0) // 6.0) + 1,
        segment_first=int(arc / SEGMENT_LENGTH) + 1,
        segments=segments,
        right_strong=parameters.orientation == "forward",
    )


def _azimuth(latitude: float, *, ascending: bool) -> float:
    """Azimuth of the ground track over the turning Earth, degree."""
    along = np.arcsin(np.clip(np.cos(_INCLINATION) / np.cos(np.radians(latitude)), -1.0, 1.0))
    north, east = GROUND_SPEED * np.cos(along), GROUND_SPEED * np.sin(along)
    east -= 465.0 * np.cos(np.radians(latitude))
    heading = np.degrees(np.arctan2(east, north if ascending else -north))
    return float(heading % 360.0)


def beam_nodes(place: Place, beam: str, first: int = 0, count: int | None = None) -> Nodes:
    """Nodes of a beam from segment ``first``: one more than ``count`` segments."""
    count = place.segments - first if count is None else count
    distance = np.arange(first, first + count + 1, dtype=np.float64) * np.float64(SEGMENT_LENGTH)
    lon, lat, back = _geodesic(place, distance)
    across = (2 - int(beam[2])) * PAIR_SPACING + (0.5 if beam[-1] == "l" else -0.5) * BEAM_SPACING
    forward = back + 180.0
    lon, lat, _ = _GEOD.fwd(lon, lat, forward - 90.0, np.full(lon.shape, across))
    lon, lat = np.asarray(lon), np.asarray(lat)
    x, y = Transformer.from_crs(4326, place.epsg, always_xy=True).transform(lon, lat)
    return Nodes(place.x_start + distance, lat, lon, np.asarray(x), np.asarray(y), across)


def _geodesic(place: Place, distance: F8) -> tuple[F8, F8, F8]:
    shape = distance.shape
    lon, lat, back = _GEOD.fwd(
        np.full(shape, place.longitude), np.full(shape, place.latitude), np.full(shape, place.azimuth), distance
    )
    return np.asarray(lon), np.asarray(lat), np.asarray(back)


def crs(place: Place) -> CRS:
    return CRS.from_epsg(place.epsg)


def sun(when: datetime, lat: F8, lon: F8) -> tuple[F8, F8]:
    """Elevation and azimuth of the sun, degree (Spencer 1971 series, good to some hundredths of a degree)."""
    hours = when.hour + when.minute / 60.0 + when.second / 3600.0
    g = 2.0 * np.pi / 365.0 * (when.timetuple().tm_yday - 1 + (hours - 12.0) / 24.0)
    declination = (
        0.006918
        - 0.399912 * np.cos(g)
        + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g)
        - 0.002697 * np.cos(3 * g)
        + 0.00148 * np.sin(3 * g)
    )
    equation = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g) - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )
    angle = np.radians((hours * 60.0 + equation + 4.0 * np.asarray(lon)) / 4.0 - 180.0)
    phi = np.radians(np.asarray(lat))
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    east = -np.cos(declination) * np.sin(angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(angle)
    return np.degrees(np.arcsin(np.clip(up, -1.0, 1.0))), np.degrees(np.arctan2(east, north)) % 360.0

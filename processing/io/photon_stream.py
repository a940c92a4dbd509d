"""What every source of photons shares: its layout along the track, and the stream of chunks made from it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processing.core import resample as core
from processing.core.along_track import pieces, to_datetime
from processing.core.corrections import Corrections
from processing.errors import InputError
from processing.io.ahead import ahead
from processing.io.mss import MeanSeaSurface, mean_sea_surface
from processing.io.times import ATLAS_EPOCH
from processing.stages import Resample

log = logging.getLogger(__name__)

PHOTONS_PER_CHUNK = 500_000
MEDIUM_CONFIDENCE = 3
UNKNOWN_WEIGHTS = "weights beyond 255 (release 007) are on a scale that tells no signal apart"
_SPLIT_GAP = 200.0
_SEGMENT_LENGTH = 20.0


@dataclass(frozen=True)
class TrackLine:
    """Decimated course of one beam: x_atc f8 m, lat and lon f8 degree, time datetime64[ns]; NaN rows part pieces."""

    x_atc: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    time: NDArray[np.datetime64]


@dataclass(frozen=True)
class PhotonWindow:
    """Photons of a stretch of track for display: x_atc f8 m, height f4 m corrected as in SEGMENT, confidence i1."""

    x_atc: NDArray[np.float64]
    height: NDArray[np.float32]
    confidence: NDArray[np.int8]


@dataclass(frozen=True)
class RawPhotons:
    """Photons as read, in file order: columns as in ``core.resample.PhotonChunk``."""

    height: NDArray[np.float32]
    distance: NDArray[np.float32]
    confidence: NDArray[np.int8]
    quality: NDArray[np.int8]
    frame: NDArray[np.uint32]
    pulse: NDArray[np.uint8]


@dataclass(frozen=True)
class BeamLayout:
    """Geolocation segments of a beam that hold photons, and points of known position.

    Attributes
    ----------
    geolocation : segments in ascending ``start_x``; ``begin`` counts from the beam's first photon.
    anchor_photon, anchor_segment : i8, the photon and segment of each known point, ascending.
    lat, lon, time : f8 degree, degree, s after ``epoch`` of those points.
    """

    geolocation: core.Geolocation
    anchor_photon: NDArray[np.int64]
    anchor_segment: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    time: NDArray[np.float64]
    epoch: np.datetime64 = ATLAS_EPOCH

    @property
    def photons(self) -> int:
        return int(self.geolocation.count.sum())


@dataclass(frozen=True)
class Stretch:
    """Segments ``low`` to ``high`` (halo included) that give the windows whose centre lies in ``extent``."""

    low: int
    high: int
    extent: tuple[float, float]
    photons: int


def stretches(geo: core.Geolocation, window: float, target: int = PHOTONS_PER_CHUNK) -> list[Stretch]:
    """Cut a beam into stretches of about ``target`` photons; large gaps always part two of them."""
    starts = _stretch_starts(geo, target)
    stops = [*starts[1:], len(geo.start_x)]
    edges = [-np.inf, *(_edge(geo.start_x, index) for index in starts[1:]), np.inf]
    reach = core.halo(window)
    result = []
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        low = int(np.searchsorted(geo.start_x, max(edges[k], geo.start_x[start]) - reach))
        high = int(np.searchsorted(geo.start_x, min(edges[k + 1], geo.start_x[stop - 1] + reach) + reach))
        result.append(Stretch(low, high, (edges[k], edges[k + 1]), int(geo.count[start:stop].sum())))
    return result


def _stretch_starts(geo: core.Geolocation, target: int) -> list[int]:
    breaks = set((np.flatnonzero(np.diff(geo.start_x) > _SPLIT_GAP) + 1).tolist())
    total = np.cumsum(geo.count)
    starts = [0]
    while True:
        done = total[starts[-1] - 1] if starts[-1] else 0
        following = max(int(np.searchsorted(total, done + target, side="right")), starts[-1] + 1)
        following = min([following, *(b for b in breaks if starts[-1] < b < following)])
        if following >= len(total):
            return starts
        starts.append(following)


def _edge(start_x: NDArray[np.float64], index: int) -> float:
    gap = start_x[index] - start_x[index - 1]
    return float(start_x[index] if gap <= _SPLIT_GAP else start_x[index - 1] + gap / 2.0)


def confidence_from_weight(weight: NDArray[np.uint8], least: int) -> NDArray[np.int8]:
    """Confidence codes from photon weights: 4 from midway between ``least`` and 255, 3 from ``least``, else 0."""
    return np.where(weight >= (least + 255) / 2, 4, np.where(weight >= least, MEDIUM_CONFIDENCE, 0)).astype(np.int8)


def surface_quality(quality: NDArray[np.int8]) -> NDArray[np.int8]:
    """Photon quality without what release 007 adds to it of the whole shot: tens that say it was saturated.

    10 and 20 are surface photons of a partly and a fully saturated shot (calm leads are full of them); 11 and 21 their
    afterpulses, and so on. Saturation is flagged from the geolocation segments in every release.
    """
    return quality % 10 if quality.max(initial=0) >= 10 else quality


class StreamedSource(ABC):
    """A granule's photons, beam by beam, read a stretch at a time.

    Attributes
    ----------
    granule_id : identifier of the granule in the project.
    beams : beams that hold photons over sea ice.
    """

    granule_id: str
    beams: tuple[str, ...]

    def __init__(self) -> None:
        self._grids: dict[str, MeanSeaSurface] = {}
        self._covered: set[tuple[str, str]] = set()
        self._partly_covered: set[str] = set()

    @abstractmethod
    def is_strong(self, beam: str) -> bool | None:
        """Whether the beam is a strong one; None where the file does not tell."""

    @abstractmethod
    def layout(self, beam: str) -> BeamLayout:
        """The beam's segments and known points."""

    @abstractmethod
    def facts(self, beam: str, stage: Resample) -> core.Beam:
        """Background rate, first-photon table and quality bits of the beam."""

    @abstractmethod
    def _photons(self, beam: str, begin: int, end: int, stage: Resample) -> RawPhotons:
        """Photons ``begin`` to ``end`` of the beam."""

    @abstractmethod
    def _accept(self, beam: str, stage: Resample) -> int:
        """Least confidence code of a signal photon."""

    def close(self) -> None:
        """Let go of the files."""
        for grid in self._grids.values():
            grid.close()
        self._grids.clear()

    def check(self, stage: Resample) -> None:  # noqa: B027 - most sources have nothing to refuse
        """Raise InputError when the granule cannot be used with these parameters."""

    def photon_count(self, beam: str) -> int:
        """Photons in the beam's segments."""
        return self.layout(beam).photons

    def stretches(self, beam: str, stage: Resample, target: int = PHOTONS_PER_CHUNK) -> list[Stretch]:
        """How the beam is cut into chunks of about ``target`` photons."""
        return stretches(self.layout(beam).geolocation, stage.window, target)

    def chunks(
        self, beam: str, stage: Resample, part: slice = slice(None), target: int = PHOTONS_PER_CHUNK
    ) -> Iterator[core.PhotonChunk]:
        """The photons of the beam, or of ``part`` of its stretches, in along-track order.

        The next chunk is read while the caller works on the last.
        """
        self.check(stage)
        surface = self._surface(beam, stage)
        plan = self.stretches(beam, stage, target)[part]
        return ahead(self._chunk(beam, stretch, stage, surface) for stretch in plan)

    def window(
        self, beam: str, x_start: float, x_end: float, stage: Resample, limit: int | None = None
    ) -> PhotonWindow:
        """Photons with ``x_start <= x_atc < x_end`` (m); every k-th when there are more than ``limit``."""
        geo = self.layout(beam).geolocation
        low = int(np.searchsorted(geo.start_x, x_start - _SEGMENT_LENGTH - core.LONGEST_REACH))
        high = int(np.searchsorted(geo.start_x, x_end + core.LONGEST_REACH))
        if low >= high:
            return PhotonWindow(np.zeros(0), np.zeros(0, np.float32), np.zeros(0, np.int8))
        chunk = self._chunk(beam, Stretch(low, high, (x_start, x_end), 0), stage, self._surface(beam, stage))
        x, height, confidence = core.photon_heights(chunk)
        inside = np.flatnonzero((x >= x_start) & (x < x_end))
        if limit is not None and len(inside) > limit:
            inside = inside[:: -(-len(inside) // limit)]
        return PhotonWindow(x[inside], height[inside].astype(np.float32), confidence[inside])

    def track(self, beam: str, points: int = 2000) -> TrackLine:
        """Course of the beam through at most about ``points`` known points; ``x_atc`` is good to 10 m."""
        layout = self.layout(beam)
        geo = layout.geolocation
        piece = geo.piece[layout.anchor_segment]
        step = max(-(-len(piece) // points), 1)
        ends = np.flatnonzero(np.diff(piece, prepend=-1, append=-1))
        kept = np.unique(np.concatenate((np.arange(0, len(piece), step), ends[:-1], ends[1:] - 1)))
        x = geo.start_x[layout.anchor_segment[kept]] + _SEGMENT_LENGTH / 2.0
        parted = np.flatnonzero(np.diff(piece[kept])) + 1
        columns = [np.insert(column, parted, np.nan) for column in (x, layout.lat[kept], layout.lon[kept])]
        time = np.insert(to_datetime(layout.epoch, layout.time[kept]), parted, np.datetime64("NaT"))
        return TrackLine(columns[0], columns[1], columns[2], time)

    def extent(self) -> str:
        """Times and latitudes of the granule in words."""
        lines = [self.track(beam, 50) for beam in self.beams]
        time = np.concatenate([line.time for line in lines])
        lat = np.concatenate([line.lat for line in lines])
        first, last = np.nanmin(time).astype("datetime64[s]"), np.nanmax(time).astype("datetime64[s]")
        moment = f"{str(first).replace('T', ' ')} to {str(last).split('T')[1]} UTC"
        return f"{moment}, latitude {np.nanmin(lat):.2f} to {np.nanmax(lat):.2f}"

    def _surface(self, beam: str, stage: Resample) -> MeanSeaSurface | None:
        if not stage.mean_sea_surface:
            return None
        path = stage.mean_sea_surface
        if path not in self._grids:
            self._grids[path] = mean_sea_surface(path)
        if (path, beam) not in self._covered:
            self._check_covers(self._grids[path], beam, path)
            self._covered.add((path, beam))
        return self._grids[path]

    def _check_covers(self, surface: MeanSeaSurface, beam: str, path: str) -> None:
        layout = self.layout(beam)
        some = slice(None, None, max(len(layout.lon) // 200, 1))
        if np.isnan(surface(layout.lon[some], layout.lat[some])).all():
            raise InputError(
                f"the grid does not cover {self.granule_id} {beam}",
                where=path,
                mend="give a grid that does, or none to use the granule's geoid",
            )

    def _corrections(self, beam: str, part: slice, surface: MeanSeaSurface | None) -> Corrections:
        """Corrections of the beam's segments; the granule's geoid stands in where the mean sea surface is missing."""
        layout = self.layout(beam)
        known = layout.geolocation.corrections
        reference = known.reference[part]
        if surface is not None:
            point = np.searchsorted(layout.anchor_segment, np.arange(part.start, part.stop))
            height = surface(layout.lon[point], layout.lat[point])
            missing = np.isnan(height)
            if missing.any() and beam not in self._partly_covered:
                self._partly_covered.add(beam)
                log.warning("%s %s: the geoid stands in where the mean sea surface is missing", self.granule_id, beam)
            reference = np.where(missing, reference, height)
        return Corrections(reference, known.tide[part], known.dac[part])

    def _chunk(self, beam: str, stretch: Stretch, stage: Resample, surface: MeanSeaSurface | None) -> core.PhotonChunk:
        layout = self.layout(beam)
        geo = layout.geolocation
        part = slice(stretch.low, stretch.high)
        begin = int(geo.begin[part].min())
        raw = self._photons(beam, begin, int((geo.begin[part] + geo.count[part]).max()), stage)
        first, last = np.searchsorted(layout.anchor_segment, (stretch.low, stretch.high))
        anchors = slice(int(first), int(last))
        segments = _segments(geo, part, begin, self._corrections(beam, part, surface))
        return core.PhotonChunk(
            height=raw.height,
            distance=raw.distance,
            confidence=raw.confidence,
            quality=raw.quality,
            frame=raw.frame,
            pulse=raw.pulse,
            segments=segments,
            anchors=_anchors(layout, anchors, raw.distance, begin),
            extent=stretch.extent,
            accept=self._accept(beam, stage),
            epoch=layout.epoch,
            photons=stretch.photons,
        )


def _segments(geo: core.Geolocation, part: slice, begin: int, corrections: Corrections) -> core.Geolocation:
    return core.Geolocation(
        start_x=geo.start_x[part],
        begin=geo.begin[part] - begin,
        count=geo.count[part],
        piece=geo.piece[part],
        corrections=corrections,
        solar_elevation=geo.solar_elevation[part],
        usable=geo.usable[part],
        flags=geo.flags[part] | corrections.flags,
    )


def _anchors(layout: BeamLayout, part: slice, distance: NDArray[np.float32], begin: int) -> core.Anchors:
    geo = layout.geolocation
    segment = layout.anchor_segment[part]
    x = geo.start_x[segment] + distance[layout.anchor_photon[part] - begin]
    order = np.argsort(x, kind="stable")
    return core.Anchors(
        x=x[order],
        lat=layout.lat[part][order],
        lon=layout.lon[part][order],
        time=layout.time[part][order],
        piece=geo.piece[segment][order],
    )


def anchor_photons(
    begin: NDArray[np.int64], count: NDArray[np.int64], piece: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Photon and segment of the points to know the position of: the middle photon of each segment.

    A piece that is a single segment gets its first and its last photon, so that it has a direction.
    """
    alone = (np.diff(piece, prepend=-1) != 0) & (np.diff(piece, append=-1) != 0) & (count > 1)
    segment = np.repeat(np.arange(len(begin)), np.where(alone, 2, 1))
    second = np.diff(segment, prepend=-1) == 0
    within = np.where(second, count[segment] - 1, np.where(alone[segment], 0, count[segment] // 2))
    return begin[segment] + within, segment


def number_pieces(start_x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pieces of contiguous track, numbered from 0."""
    return pieces(start_x)

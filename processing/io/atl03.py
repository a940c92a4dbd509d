"""ATL03 granules, releases 005 to 007, whole or as subsetters cut them: any beams, any disjoint pieces of track."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core import resample as core
from processing.core.background import Background
from processing.core.corrections import (
    Corrections,
    geoid_reference,
    ocean_tide,
    saturation_flags,
    without_fill,
)
from processing.core.first_photon import FirstPhotonTable
from processing.errors import InputError
from processing.io.calibration import first_photon_table
from processing.io.found import Found
from processing.io.granule_name import BEAMS, identifier, release
from processing.io.hdf5 import AGAIN, damage, is_hdf5, is_synthetic, open_hdf5, product_of, text
from processing.io.photon_stream import (
    MEDIUM_CONFIDENCE,
    UNKNOWN_WEIGHTS,
    BeamLayout,
    RawPhotons,
    StreamedSource,
    anchor_photons,
    confidence_from_weight,
    number_pieces,
    surface_quality,
)
from processing.io.times import ATLAS_EPOCH
from processing.schema import Quality
from processing.stages import Resample

log = logging.getLogger(__name__)

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

SEA_ICE = 2
"""Column of ``signal_conf_ph`` and ``surf_type``."""
TRANSITION = 2
_GPS_ORIGIN = np.datetime64("1980-01-06T00:00:00", "ns")
_LEAP_SECONDS = 18
_LATEST_GPS = 4e9
"""s, in the year 2106; an epoch beyond is fill."""
_HALF_SUM = 0.0025
"""s; ``bckgrd_atlas/delta_time`` starts a sum over 50 shots (data dictionary), the rate holds in its middle."""


class Atl03Source(StreamedSource):
    """An open ATL03 granule.

    Raises InputError when the file is cut short, is not ATL03, has no photons, or none over sea ice.
    """

    def __init__(self, path: Path, granule_id: str) -> None:
        super().__init__()
        self.path = path
        self.granule_id = granule_id
        self._layouts: dict[str, BeamLayout] = {}
        self._file = open_hdf5(path)
        try:
            with damage(path):
                self.beams = self._usable_beams()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        super().close()
        self._file.close()

    @cached_property
    def orientation(self) -> int | None:
        """Spacecraft orientation: 0 backward, 1 forward, 2 transition; None where the file does not say."""
        if "orbit_info/sc_orient" in self._file:
            values = np.unique(self._file["orbit_info/sc_orient"][()])
            return int(values[0]) if len(values) == 1 else TRANSITION
        words = {text(self._file[beam].attrs.get("sc_orientation", "")).lower() for beam in self.beams}
        return TRANSITION if "transition" in words else None

    def is_strong(self, beam: str) -> bool | None:
        if self.orientation in {0, 1}:
            return beam[-1] == ("r" if self.orientation else "l")
        if self.orientation == TRANSITION:
            return None
        return {"strong": True, "weak": False}.get(text(self._file[beam].attrs.get("atlas_beam_type", "")).lower())

    def check(self, stage: Resample) -> None:
        if self.orientation == TRANSITION and not stage.allow_transition:
            raise InputError(
                "the spacecraft's orientation is in transition, so which beams are strong is not defined",
                where=self.path,
                mend="leave the granule out, or give --allow-transition",
            )

    def layout(self, beam: str) -> BeamLayout:
        if beam not in self._layouts:
            with damage(self.path):
                self._layouts[beam] = self._read_layout(beam)
        return self._layouts[beam]

    def facts(self, beam: str, stage: Resample) -> core.Beam:
        flags = Quality.WEAK_BEAM if self.is_strong(beam) is False else Quality(0)
        if not self._has_confidence(beam):
            flags |= Quality.SIGNAL_FROM_WEIGHT
        with damage(self.path):
            table = self._first_photon_table(beam) if stage.first_photon else None
            return core.Beam(self._background(beam), table, int(flags))

    def _first_photon_table(self, beam: str) -> FirstPhotonTable | None:
        return first_photon_table(self._file, beam, self.is_strong(beam))

    def _accept(self, beam: str, stage: Resample) -> int:
        return stage.confidence if self._has_confidence(beam) else MEDIUM_CONFIDENCE

    def _photons(self, beam: str, begin: int, end: int, stage: Resample) -> RawPhotons:
        heights = self._file[beam]["heights"]
        part = slice(begin, end)
        with damage(self.path):
            if self._has_confidence(beam):
                confidence = np.ascontiguousarray(heights["signal_conf_ph"][part][:, SEA_ICE])
            else:
                confidence = confidence_from_weight(heights["weight_ph"][part], stage.weight)
            frame, pulse = self._shots(beam, part)
            quality = heights["quality_ph"][part] if "quality_ph" in heights else np.zeros(end - begin, np.int8)
            quality = surface_quality(quality)
            return RawPhotons(heights["h_ph"][part], heights["dist_ph_along"][part], confidence, quality, frame, pulse)

    def _shots(self, beam: str, part: slice) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        heights = self._file[beam]["heights"]
        if "pce_mframe_cnt" in heights and "ph_id_pulse" in heights:
            return heights["pce_mframe_cnt"][part].astype(np.uint32, copy=False), heights["ph_id_pulse"][part]
        _require(heights, ("delta_time",), self.path)
        first = float(heights["delta_time"][0])
        return shots_from_time(heights["delta_time"][part], first)

    def _has_confidence(self, beam: str) -> bool:
        return "signal_conf_ph" in self._file[beam]["heights"]

    def _usable_beams(self) -> tuple[str, ...]:
        with_photons = [beam for beam in BEAMS if _photon_count(self._file, beam) > 0]
        if not with_photons:
            raise _not_atl03(self._file, self.path)
        for beam in with_photons:
            self._require_datasets(beam)
        icy = tuple(beam for beam in with_photons if self._over_sea_ice(beam))
        if not icy:
            raise InputError(
                "no photon has a sea-ice signal confidence (the granule lies over land only, or outside the ice)",
                where=self.path,
                mend="choose a granule over sea ice",
            )
        for beam in sorted(set(with_photons) - set(icy)):
            log.warning("%s: beam %s has no photon over sea ice and is left out", self.path.name, beam)
        return icy

    def _require_datasets(self, beam: str) -> None:
        group = self._file[beam]
        _require(group["heights"], ("h_ph", "dist_ph_along"), self.path)
        if "geolocation" not in group:
            raise InputError(f"beam {beam} has no group geolocation", where=self.path, mend="subset with geolocation")
        _require(group["geolocation"], ("segment_dist_x", "segment_ph_cnt"), self.path)
        if "signal_conf_ph" not in group["heights"] and "weight_ph" not in group["heights"]:
            raise InputError(
                f"beam {beam} has neither heights/signal_conf_ph nor heights/weight_ph",
                where=self.path,
                mend="subset with one of them",
            )
        if self._has_confidence(beam) and not _by_surface(group["heights/signal_conf_ph"]):
            raise InputError(f"{beam}/heights/signal_conf_ph has no column a surface type", where=self.path, mend=AGAIN)
        if "signal_conf_ph" not in group["heights"] and group["heights/weight_ph"].dtype.itemsize > 1:
            raise InputError(f"beam {beam} has no heights/signal_conf_ph, and {UNKNOWN_WEIGHTS}", where=self.path)

    def _over_sea_ice(self, beam: str) -> bool:
        """Whether any photon was considered for sea ice; files without confidence are taken at their word."""
        if not self._has_confidence(beam):
            return True
        confidence = self._file[beam]["heights/signal_conf_ph"]
        geolocation = self._file[beam]["geolocation"]
        kinds = geolocation.get("surf_type")
        if kinds is not None and _by_surface(kinds) and not (kinds[:, SEA_ICE] > 0).any():
            return False
        step = 50 * (confidence.chunks[0] if confidence.chunks else 10_000)
        return any((confidence[k : k + step][:, SEA_ICE] >= 0).any() for k in range(0, len(confidence), step))

    def _read_layout(self, beam: str) -> BeamLayout:
        group = self._file[beam]
        place = group["geolocation"]
        rows, begin, count = self._photon_ranges(beam)
        start_x = without_fill(place["segment_dist_x"][:])[rows]
        backward = np.flatnonzero(np.diff(start_x) <= 0)
        if len(backward) or np.isnan(start_x).any():
            raise InputError(f"{beam}/geolocation/segment_dist_x does not ascend", where=self.path, mend=AGAIN)
        piece = number_pieces(start_x)
        geolocation = core.Geolocation(
            start_x=start_x,
            begin=begin,
            count=count,
            piece=piece,
            corrections=_corrections(group, rows),
            solar_elevation=_column(place, "solar_elevation", rows),
            usable=_column(place, "podppd_flag", rows, default=0.0) == 0,
            flags=saturation_flags(_column(place, "full_sat_fract", rows), _column(place, "near_sat_fract", rows)),
        )
        photon, segment, lat, lon, time = self._known_points(beam, rows, begin, count, piece)
        return BeamLayout(geolocation, photon, segment, lat, lon, time, self._epoch)

    def _photon_ranges(self, beam: str) -> tuple[I8, I8, I8]:
        """Segments with photons: their rows, and the first photon (from 0) and number of photons of each."""
        place = self._file[beam]["geolocation"]
        count = place["segment_ph_cnt"][:].astype(np.int64)
        photons = _photon_count(self._file, beam)
        rows = np.flatnonzero(count > 0)
        count = count[rows]
        if count.sum() == photons:
            return rows, np.cumsum(count) - count, count
        begin = (
            place["ph_index_beg"][:].astype(np.int64)[rows] - 1 if "ph_index_beg" in place else -np.ones(1, np.int64)
        )
        fits = len(begin) == len(count) and len(begin) > 0 and begin[0] >= 0
        if not (fits and (begin + count <= photons).all() and (np.diff(begin) >= count[:-1]).all()):
            raise InputError(
                f"{beam}: ph_index_beg and segment_ph_cnt do not fit the {photons} photons", where=self.path, mend=AGAIN
            )
        return rows, begin, count

    def _known_points(self, beam: str, rows: I8, begin: I8, count: I8, piece: I8) -> tuple[I8, I8, F8, F8, F8]:
        """Photons whose position and time are known: photon, segment, latitude, longitude, time.

        A segment's reference photon costs nothing to read; where the file does not name it, or a piece is a single
        segment, positions are read from the photons themselves.
        """
        place = self._file[beam]["geolocation"]
        photon, segment = anchor_photons(begin, count, piece)
        named = _column(place, "reference_photon_index", rows)[segment]
        lat, lon = (_column(place, f"reference_photon_{name}", rows)[segment] for name in ("lat", "lon"))
        time = _column(place, "delta_time", rows)[segment]
        single = np.bincount(segment, minlength=len(begin))[segment] == 1
        good = single & (named >= 1) & (named <= count[segment]) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
        good &= np.isfinite(time)
        photon = np.where(good, begin[segment] + np.nan_to_num(named).astype(np.int64) - 1, photon)
        if not good.all():
            heights = self._file[beam]["heights"]
            _require(heights, ("lat_ph", "lon_ph", "delta_time"), self.path)
            lost = np.flatnonzero(~good)
            for values, name in ((lat, "lat_ph"), (lon, "lon_ph"), (time, "delta_time")):
                values[lost] = without_fill(_sample(heights[name], photon[lost]))
            if not (np.isfinite([lat, lon, time]).all() and (np.abs(lat) <= 90).all()):
                raise InputError(f"{beam} has photons without a position or time", where=self.path, mend=AGAIN)
        return photon, segment, lat, lon, time

    def _background(self, beam: str) -> Background:
        group = self._file[beam].get("bckgrd_atlas")
        if group is None or "bckgrd_rate" not in group or "delta_time" not in group:
            return Background(np.zeros(0), np.zeros(0))
        time, rate = without_fill(group["delta_time"][:]), without_fill(group["bckgrd_rate"][:])
        known = np.isfinite(time) & np.isfinite(rate) & (rate >= 0)
        order = np.argsort(time[known], kind="stable")
        return Background(time[known][order] + _HALF_SUM, rate[known][order])

    @property
    def _epoch(self) -> np.datetime64:
        if "ancillary_data/atlas_sdp_gps_epoch" not in self._file:
            return ATLAS_EPOCH
        gps = float(np.ravel(self._file["ancillary_data/atlas_sdp_gps_epoch"][()])[0])
        if not 0.0 < gps < _LATEST_GPS:
            return ATLAS_EPOCH
        return _GPS_ORIGIN + np.timedelta64(round((gps - _LEAP_SECONDS) * 1e9), "ns")


def identify(path: Path) -> Found | None:
    """Recognise an ATL03 granule; None for anything else. Raises InputError for one that cannot be used."""
    if not is_hdf5(path):
        return None
    with open_hdf5(path) as file, damage(path):
        if not _looks_like_atl03(file):
            return None
        synthetic = is_synthetic(file)
    source = Atl03Source(path, identifier(path))
    try:
        with damage(path):
            return _found(source, path, synthetic)
    finally:
        source.close()


def _found(source: Atl03Source, path: Path, synthetic: bool) -> Found:
    strength = {True: "strong", False: "weak", None: "strength unknown"}
    counts = {beam: source.photon_count(beam) for beam in source.beams}
    beams = ", ".join(f"{beam} ({strength[source.is_strong(beam)]})" for beam in source.beams)
    note = ", orientation in transition" if source.orientation == TRANSITION else ""
    product = f"ATL03 r{release(path)}" if release(path) else "ATL03"
    summary = f"{product}, {beams}, {sum(counts.values()):,} photons, {source.extent()}{note}"
    details = {"beams": list(source.beams)} | ({"synthetic": True} if synthetic else {})
    return Found("granules", source.granule_id, "atl03", path, details, summary)


def shots_from_time(time: F8, first: float) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Major frame and pulse from photon times (s), where a file does not carry them; shots are 0.1 ms apart."""
    shot = np.maximum(np.rint((time - first) * 1e4), 0).astype(np.int64) + core.SHOTS_PER_FRAME
    return (shot // core.SHOTS_PER_FRAME).astype(np.uint32), (shot % core.SHOTS_PER_FRAME).astype(np.uint8)


def _corrections(group: Any, rows: I8) -> Corrections:
    given = group.get("geophys_corr", {})
    geoid, free_to_mean, tide, equilibrium, dac = (
        _column(given, name, rows) for name in ("geoid", "geoid_free2mean", "tide_ocean", "tide_equilibrium", "dac")
    )
    return Corrections(geoid_reference(geoid, free_to_mean), ocean_tide(tide, equilibrium), dac)


def _by_surface(dataset: Any) -> bool:
    """Whether a dataset has a column for each surface type."""
    return dataset.ndim == 2 and dataset.shape[1] > SEA_ICE


def _column(group: Any, name: str, rows: I8, default: float = np.nan) -> F8:
    if name not in group:
        return np.full(len(rows), default)
    return without_fill(group[name][:])[rows]


def _sample(dataset: Any, photon: I8) -> F8:
    """Values at ascending photon indices, each storage chunk read once."""
    size = dataset.chunks[0] if dataset.chunks else 65_536
    result = np.empty(len(photon))
    for block, places in _by_block(photon // size):
        values = dataset[block * size : (block + 1) * size]
        result[places] = values[photon[places] - block * size]
    return result


def _by_block(block: I8) -> Iterator[tuple[int, I8]]:
    order = np.argsort(block, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        yield int(block[places[0]]), places


def _photon_count(file: Any, beam: str) -> int:
    name = f"{beam}/heights/h_ph"
    return len(file[name]) if name in file else 0


def _looks_like_atl03(file: Any) -> bool:
    name = product_of(file)
    if name:
        return name == "ATL03"
    return any(f"{beam}/heights/h_ph" in file or f"{beam}/geolocation/segment_ph_cnt" in file for beam in BEAMS)


def _not_atl03(file: Any, path: Path) -> InputError:
    if _looks_like_atl03(file):
        return InputError("ATL03, but no beam holds photons", where=path, mend="choose a subset that has some")
    name = product_of(file) or f"groups {', '.join(list(file)[:4]) or 'none'}"
    return InputError(f"HDF5, but not ATL03 ({name})", where=path)


def _require(group: Any, names: tuple[str, ...], path: Path) -> None:
    missing = [name for name in names if name not in group]
    if missing:
        raise InputError(f"{group.name.strip('/')} lacks {', '.join(missing)}", where=path, mend="subset with it")

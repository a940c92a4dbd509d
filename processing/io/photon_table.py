"""Photon tables: CSV and Parquet files of ATL03 photons as other tools export them.

A table is held in memory (about 100 bytes a photon), and one beam of it a second time, in order. It usually carries no
geophysical corrections: heights are then those above the ellipsoid, ``reference_height``, ``tide`` and ``dac`` are NaN,
and the quality flags say so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from processing.core import resample as core
from processing.core.background import Background
from processing.core.corrections import Corrections, geoid_reference, ocean_tide, without_fill
from processing.errors import InputError
from processing.io.found import Found
from processing.io.granule_name import BEAMS, beam_name, identifier
from processing.io.photon_columns import PhotonColumns, column_names, is_table, lacking, missing_columns, read_columns
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
from processing.schema import Quality
from processing.stages import Resample

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

_SEGMENT = 20.0
_PHOTON_HINTS = {"h_ph", "lat_ph", "dist_ph_along", "ph_id_pulse", "atl03_cnf", "weight_ph", "quality_ph"}


class PhotonTableSource(StreamedSource):
    """A photon table, its photons sorted into 20 m segments along the track.

    Raises InputError when columns are missing or no row is complete.
    """

    def __init__(self, path: Path, granule_id: str, beam: str = "") -> None:
        super().__init__()
        self.path = path
        self.granule_id = granule_id
        self._columns = read_columns(path, beam)
        self.dropped = self._columns.dropped
        weight, confidence = self._columns.weight, self._columns.confidence
        if weight is not None and weight.max() > 255 and (confidence is None or confidence.max() < 0):
            raise InputError(UNKNOWN_WEIGHTS, where=path, mend="export signal_conf_ph with it")
        present = {self._columns.beams[code] for code in np.unique(self._columns.beam)}
        self.beams = tuple(name for name in BEAMS if name in present)
        self._sorted: tuple[str, _SortedBeam] | None = None

    def close(self) -> None:
        super().close()
        self._sorted = None

    def photon_count(self, beam: str) -> int:
        return len(self._rows(beam))

    def is_strong(self, beam: str) -> bool | None:  # noqa: ARG002 - tables do not carry the spacecraft's orientation
        return None

    def layout(self, beam: str) -> BeamLayout:
        return self._beam(beam).layout

    def facts(self, beam: str, stage: Resample) -> core.Beam:  # noqa: ARG002 - no calibration table to choose
        flags = Quality(0) if self._has_confidence(beam) else Quality.SIGNAL_FROM_WEIGHT
        return core.Beam(self._beam(beam).background, None, int(flags))

    def _accept(self, beam: str, stage: Resample) -> int:
        return stage.confidence if self._has_confidence(beam) else MEDIUM_CONFIDENCE

    def _photons(self, beam: str, begin: int, end: int, stage: Resample) -> RawPhotons:
        data, part = self._beam(beam), slice(begin, end)
        if self._has_confidence(beam):
            assert data.confidence is not None
            confidence = data.confidence[part]
        else:
            assert data.weight is not None
            confidence = confidence_from_weight(data.weight[part], stage.weight)
        frame, pulse = data.shot[part] // core.SHOTS_PER_FRAME, data.shot[part] % core.SHOTS_PER_FRAME
        return RawPhotons(
            data.height[part],
            data.distance[part],
            confidence,
            data.quality[part],
            frame.astype(np.uint32),
            pulse.astype(np.uint8),
        )

    def _has_confidence(self, beam: str) -> bool:
        """Whether the table's own confidence decides: it does when it was worked out for any photon."""
        data = self._beam(beam)
        return data.confidence is not None and (data.weight is None or bool((data.confidence >= 0).any()))

    def _beam(self, beam: str) -> _SortedBeam:
        """The beam's photons in order; those of one beam at a time are kept."""
        kept = self._sorted
        if kept is None or kept[0] != beam:
            kept = self._sorted = None
            # Another thread may ask for another beam meanwhile, so that only what is made here is given back.
            kept = self._sorted = (beam, _SortedBeam(self._columns, self._rows(beam)))
        return kept[1]

    def _rows(self, beam: str) -> I8:
        codes = [k for k, name in enumerate(self._columns.beams) if name == beam]
        return np.flatnonzero(np.isin(self._columns.beam, codes))


class _SortedBeam:
    """One beam's photons by 20 m segment and, within it, by time."""

    def __init__(self, columns: PhotonColumns, rows: I8) -> None:
        cell = np.floor(columns.x[rows] / _SEGMENT)
        rows = rows[np.lexsort((columns.time[rows], cell))]
        cell = np.floor(columns.x[rows] / _SEGMENT)
        begin = np.flatnonzero(np.diff(cell, prepend=-np.inf))
        self.count = np.diff(begin, append=len(rows))
        self.begin = begin
        self.height = columns.height[rows].astype(np.float32)
        self.distance = (columns.x[rows] - cell * _SEGMENT).astype(np.float32)
        self.time = columns.time[rows]
        self.quality = surface_quality(np.nan_to_num(_extra(columns, "quality", rows, 0.0)).astype(np.int8))
        self.confidence = None if columns.confidence is None else columns.confidence[rows].astype(np.int8)
        self.weight = None if columns.weight is None else _byte_weights(columns.weight[rows])
        self.shot = _shots(columns, rows, self.time)
        self.background = _background(columns, rows, self.time)
        self.layout = self._layout(columns, rows, cell[begin] * _SEGMENT)

    def _layout(self, columns: PhotonColumns, rows: I8, start_x: F8) -> BeamLayout:
        piece = number_pieces(start_x)
        photon, segment = anchor_photons(self.begin, self.count, piece)
        given = {
            name: self._mean(_extra(columns, name, rows))
            for name in ("geoid", "geoid_free2mean", "tide_ocean", "tide_equilibrium", "dac", "solar_elevation")
        }
        corrections = Corrections(
            geoid_reference(given["geoid"], given["geoid_free2mean"]),
            ocean_tide(given["tide_ocean"], given["tide_equilibrium"]),
            given["dac"],
        )
        geolocation = core.Geolocation(
            start_x=start_x,
            begin=self.begin,
            count=self.count,
            piece=piece,
            corrections=corrections,
            solar_elevation=given["solar_elevation"],
            usable=np.ones(len(start_x), np.bool_),
            flags=np.zeros(len(start_x), np.uint32),
        )
        known = rows[photon]
        return BeamLayout(geolocation, photon, segment, columns.lat[known], columns.lon[known], columns.time[known])

    def _mean(self, values: F8) -> F8:
        """Mean of each segment's photons; NaN where none has a value."""
        known = np.isfinite(values)
        total = np.add.reduceat(np.where(known, values, 0.0), self.begin)
        number = np.add.reduceat(known.astype(np.float64), self.begin)
        return np.where(number > 0, total / np.maximum(number, 1.0), np.nan)


def identify(path: Path, beam: str = "") -> Found | None:
    """Recognise a photon table; None for files that are no tables or have nothing of photons.

    ``beam`` is used where neither a column nor a name says which beam it is. Raises InputError naming what is missing.
    """
    if not path.is_file() or not is_table(path):
        return None
    names = column_names(path)
    missing = missing_columns(names)
    if missing:
        if not _PHOTON_HINTS & {name.lower() for name in names}:
            return None
        raise lacking(missing, path)
    named = beam_name(path) or beam
    source = PhotonTableSource(path, identifier(path), named)
    counts = {name: source.photon_count(name) for name in source.beams}
    signal = "signal confidence" if source._has_confidence(source.beams[0]) else "signal by photon weight"
    left_out = f", {source.dropped:,} incomplete rows left out" if source.dropped else ""
    extent = source.extent()
    summary = f"photon table, {', '.join(counts)}, {sum(counts.values()):,} photons, {extent}, {signal}{left_out}"
    return Found("granules", source.granule_id, "photon_table", path, {"beam": named, "beams": list(counts)}, summary)


def _extra(columns: PhotonColumns, name: str, rows: I8, default: float = np.nan) -> F8:
    return without_fill(columns.extra[name][rows]) if name in columns.extra else np.full(len(rows), default)


def _byte_weights(weight: F8) -> NDArray[np.uint8]:
    """Weights on the scale of 0 to 255, which some tools divide away."""
    scale = 255.0 if weight.max(initial=0.0) <= 1.0 else 1.0
    return np.clip(np.rint(weight * scale), 0, 255).astype(np.uint8)


def _shots(columns: PhotonColumns, rows: I8, time: F8) -> I8:
    """Shot numbers: the granule's own where the table has them, else counted along the photons' times."""
    if "frame" in columns.extra and "pulse" in columns.extra:
        own = columns.extra["frame"][rows] * core.SHOTS_PER_FRAME + columns.extra["pulse"][rows]
        if np.isfinite(own).all():
            return own.astype(np.int64)
    moments, place = np.unique(time, return_inverse=True)
    steps = np.rint(np.diff(moments) * 1e4).astype(np.int64)
    return np.concatenate(([0], np.cumsum(steps)))[place] + core.SHOTS_PER_FRAME


def _background(columns: PhotonColumns, rows: I8, time: F8) -> Background:
    rate = _extra(columns, "background", rows)
    known = np.isfinite(rate) & (rate >= 0)
    moments, first = np.unique(time[known], return_index=True)
    return Background(moments, rate[known][first])

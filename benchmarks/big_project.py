"""A project as large as an analyst meets: three strong beams of 1 M segments each, over a full 10980 x 10980 scene.

All of it is synthetic and seeded, and written straight through the table contract, so that no stage needs to run. The
beams are 2,000 km long, of which 112 km cross the scene; there the granule also has photons. Labels beyond the scene
stand for those of other scenes, whose images are not part of the project.
"""

from __future__ import annotations

import inspect
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyproj
from numpy.typing import NDArray

from benchmarks import synthetic_scene
from processing.io import tables
from processing.io.sentinel2 import identify
from processing.local.snapshot import freeze
from processing.project import Project
from processing.provenance import Stamp, digest
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, AutoFlag, Table
from processing.stages import Autolabel, Classify, Freeboard, Resample, Snapshot

GRANULE = "ATL03_20220413150300_03351502_006_01"
RUN = "lstm-v0001"
BEAMS = ("gt1r", "gt2r", "gt3r")
SEGMENTS = 1_000_000
WINDOW = 2.0
START = 10_600_000.0
SCENE_AT = 400_000.0
"""Along-track distance from ``START`` at which the tracks pass the middle of the scene, m."""

SPACING = 3_300.0
SEED = 11
CLASS_RUN = (700.0, 150.0, 80.0)
"""Mean length of a run of thick ice, thin ice and open water, m."""

_AZIMUTH = 191.6
_REACH = 75_000.0
_SHOT = 0.71
_PHOTONS = 4
_SPEED = 7_000.0
_TIME = np.datetime64("2022-04-13T15:03:00", "ns")
_EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
_GPS = 1_198_800_018.0
_GAPS = ((150_000.0, 900.0), (391_000.0, 260.0), (640_000.0, 12_000.0), (1_300_000.0, 40_000.0))
_LEVEL = (0.42, 0.1, 0.0)
_REFLECTANCE = {"b02": (0.8, 0.3, 0.06), "b03": (0.8, 0.28, 0.05), "b04": (0.78, 0.26, 0.04), "b08": (0.7, 0.2, 0.03)}
_DRIFT = (180.0, -120.0, 0.93)


@dataclass(frozen=True)
class Beam:
    """One beam while it is made; arrays are row for row with its segments.

    ``x_atc`` f8 m; ``truth`` i1 class, ``auto`` i1 class with its ``flags`` u4, ``distance`` f4 m to the next class;
    ``height`` and ``level`` (sea surface) f4 m; ``over`` whether the scene shows the segment.
    """

    name: str
    x_atc: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    truth: NDArray[np.int8]
    auto: NDArray[np.int8]
    flags: NDArray[np.uint32]
    distance: NDArray[np.float32]
    height: NDArray[np.float32]
    level: NDArray[np.float32]
    over: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x_atc)


@contextmanager
def cached_project() -> Iterator[Path]:
    """A copy of the project to change at will, which is removed afterwards; the original is made when not there yet.

    The original lies in the system's temporary folder under a fingerprint of what makes it; :func:`forget` removes it.
    """
    original = _original()
    if not original.is_dir():
        making = Path(tempfile.mkdtemp(prefix="leadline-bench-review-"))
        try:
            make(making / "project")
            making.rename(original)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    with tempfile.TemporaryDirectory(prefix="leadline-bench-copy-") as folder:
        yield shutil.copytree(original / "project", Path(folder) / "big", symlinks=True, copy_function=_link)


def forget() -> None:
    """Remove the project from the temporary folder; the scene, which another benchmark uses too, stays."""
    shutil.rmtree(_original(), ignore_errors=True)


def _original() -> Path:
    """Folder of the original, by everything that decides what is in it."""
    from processing import schema, stages

    sources = [inspect.getsource(module) for module in (sys.modules[__name__], synthetic_scene, schema, stages)]
    return Path(tempfile.gettempdir()) / f"leadline-bench-review-{digest(sources)}"


def _link(source: str, target: str) -> str:
    """A hard link in place of a copy: tables are replaced whole and never changed in place."""
    Path(target).hardlink_to(source)
    return target


def make(root: Path, segments: int = SEGMENTS, seed: int = SEED) -> Project:
    """Write the project below ``root`` with ``segments`` of each beam; the granule's file lies beside it."""
    project = Project.create(root, "north")
    scene = identify(synthetic_scene.cached_scene())
    assert scene is not None
    project.add_input("scenes", scene.ident, scene.kind, scene.path, {**scene.details, "synthetic": True})
    beams = [_beam(np.random.default_rng([seed, row]), name, row, segments) for row, name in enumerate(BEAMS)]
    file = root.parent / f"{GRANULE}.h5"
    _write_granule(file, beams, np.random.default_rng([seed, 99]))
    details = {"synthetic": True, "beams": list(BEAMS)}
    granule = project.add_input("granules", GRANULE, "atl03", file, details, copy=True).fingerprint
    file.unlink()
    _write_drift(project, scene.ident)
    stamps = {name: Stamp("resample", Resample().values_dict(), {f"granule:{GRANULE}": granule}) for name in BEAMS}
    for row, beam in enumerate(beams):
        _write_tables(project, beam, scene.ident, stamps, np.random.default_rng([seed, row, 1]))
    freeze(project, Snapshot())
    return project


def _beam(rng: np.random.Generator, name: str, row: int, segments: int) -> Beam:
    x_atc = _places(segments)
    along = x_atc - START
    lat, lon = _course(along, (row - 1) * SPACING)
    truth, distance = _classes(rng, along)
    flags = _flags(rng, along, distance)
    clouded = (flags & AutoFlag.CLOUD > 0) & (rng.random(segments) < 0.6)
    auto = np.where(clouded, 1, truth).astype(np.int8)
    auto[rng.random(segments) < 0.002] = -1
    level = (0.05 * np.sin(along / 40_000.0) + 0.02 * np.sin(along / 9_000.0)).astype(np.float32)
    rough = rng.normal(0.0, 0.08, segments) * (truth == 0) + rng.normal(0.0, 0.02, segments)
    height = (level + np.array(_LEVEL)[truth] + rough).astype(np.float32)
    return Beam(name, x_atc, lat, lon, truth, auto, flags, distance, height, level, _over_scene(lat, lon))


def _places(segments: int) -> NDArray[np.float64]:
    """Window centres, ascending, with some stretches left out."""
    lost = sum(length for _, length in _GAPS)
    along = WINDOW * (np.arange(segments + int(lost / WINDOW)) + 0.5)
    keep = np.ones(len(along), bool)
    for start, length in _GAPS:
        keep &= (along < start) | (along >= start + length)
    return np.asarray(START + along[keep][:segments], np.float64)


def _course(along: NDArray[np.float64], aside: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """lat, lon of places on a great circle over the middle of the scene, ``aside`` m to its side."""
    middle = synthetic_scene.EDGE * 5.0
    to_lonlat = pyproj.Transformer.from_crs(f"EPSG:{synthetic_scene.EPSG}", "EPSG:4326", always_xy=True)
    centre = to_lonlat.transform(synthetic_scene.LEFT + middle, synthetic_scene.TOP - middle)
    geod = pyproj.Geod(ellps="WGS84")
    lon, lat, _ = geod.fwd(*centre, _AZIMUTH - 90.0, aside)
    knots = np.arange(0.0, along[-1] + 2_000.0, 1_000.0)
    full = np.ones(len(knots))
    lons, lats, _ = geod.fwd(lon * full, lat * full, _AZIMUTH * full, knots - SCENE_AT)
    return np.asarray(np.interp(along, knots, lats), np.float64), np.asarray(np.interp(along, knots, lons), np.float64)


def _over_scene(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.bool_]:
    into = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{synthetic_scene.EPSG}", always_xy=True)
    x, y = into.transform(lon, lat)
    edge = synthetic_scene.EDGE * 10.0
    left, top = synthetic_scene.LEFT, synthetic_scene.TOP
    return np.asarray((x >= left) & (x < left + edge) & (y <= top) & (y > top - edge))


def _runs(rng: np.random.Generator, end: float, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where runs begin whose mean lengths are ``lengths`` in turn, from 0 to beyond ``end``."""
    count = int(1.3 * end / lengths.mean()) + 50
    mean = np.resize(lengths, count)
    return np.concatenate([[0.0], np.cumsum(np.maximum(rng.exponential(mean), 6.0))])


def _classes(rng: np.random.Generator, along: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """True class of each place, and how far the next other class is (m, at most 500)."""
    thick, thin, water = CLASS_RUN
    starts = _runs(rng, along[-1], np.array([thick, (thin + water) / 2]))
    kind = np.zeros(len(starts), np.int8)
    kind[1::2] = rng.integers(1, 3, len(kind[1::2]))
    place = np.searchsorted(starts, along, side="right") - 1
    distance = np.minimum(along - starts[place], starts[place + 1] - along)
    return kind[place], np.minimum(distance, 500.0).astype(np.float32)


def _flags(rng: np.random.Generator, along: NDArray[np.float64], distance: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Clouds with their shadows behind them, transitions, doubtful drift."""
    flags = np.zeros(len(along), np.uint32)
    starts = _runs(rng, along[-1], np.array([4_000.0, 1_200.0]))
    place = np.searchsorted(starts, along, side="right") - 1
    cloudy = place % 2 == 1
    flags[cloudy] |= np.uint32(AutoFlag.CLOUD)
    flags[~cloudy & (along - starts[place] < 300.0)] |= np.uint32(AutoFlag.SHADOW)
    flags[distance < Autolabel().transition] |= np.uint32(AutoFlag.TRANSITION)
    flags[np.sin(along / 31_000.0) > 0.96] |= np.uint32(AutoFlag.DRIFT_UNSURE)
    return flags


def _write_tables(
    project: Project, beam: Beam, scene: str, resampled: Mapping[str, Stamp], rng: np.random.Generator
) -> None:
    stamp = resampled[beam.name]
    key: dict[str, object] = {
        "granule_id": GRANULE,
        "beam": beam.name,
        "segment": np.floor(beam.x_atc / WINDOW).astype(np.int64),
    }

    def write(schema: Table, kind: str, columns: Mapping[str, object], made: Stamp, run: str = "") -> None:
        tables.write(project.table_path(kind, GRANULE, beam.name, run), schema, schema.build({**key, **columns}), made)

    write(SEGMENT, "segments", _segment_columns(beam, rng), stamp)
    others = {f"segments:{name}": other.fingerprint for name, other in resampled.items() if name != beam.name}
    seen = {f"scene:{scene}": project.input("scenes", scene).fingerprint}
    auto = Stamp("autolabel", Autolabel().values_dict(), {"segments": stamp.fingerprint} | others | seen)
    write(LABEL, "autolabels", _label_columns(beam, scene), auto)
    predicted = Stamp("classify", Classify().values_dict(), {"segments": stamp.fingerprint})
    write(PREDICTION, "predictions", _prediction_columns(beam, rng), predicted, RUN)
    level = Stamp("freeboard", Freeboard().values_dict() | {"run_name": RUN}, {"predictions": predicted.fingerprint})
    write(FREEBOARD, "freeboard", _freeboard_columns(beam), level, RUN)


def _segment_columns(beam: Beam, rng: np.random.Generator) -> dict[str, object]:
    count = len(beam)
    flat: dict[str, object] = dict.fromkeys(("reference_height", "tide", "dac", "height_ellipsoid"), np.zeros(count))
    rate = np.array([2.8, 2.0, 1.2], np.float32)[beam.truth] + rng.normal(0.0, 0.3, count).astype(np.float32)
    counts = np.maximum(np.rint(rate * 3.0), 1.0).astype(np.int32)
    cloudy = beam.flags & AutoFlag.CLOUD > 0
    return flat | {
        "x_atc": beam.x_atc,
        "time": _TIME + ((beam.x_atc - START) / _SPEED * 1e9).astype("timedelta64[ns]"),
        "lat": beam.lat,
        "lon": beam.lon,
        "photon_count": counts,
        "photon_count_high": np.maximum(counts - 1, 0),
        "pulse_count": np.full(count, 3),
        "photon_rate": rate,
        "background_rate": (2.4e6 - 6e5 * beam.truth + 5e5 * cloudy + rng.normal(0, 1e5, count)).astype(np.float32),
        "height_mean": beam.height,
        "height_median": beam.height,
        "height_std": np.array([0.12, 0.06, 0.05], np.float32)[beam.truth],
        "height_min": beam.height - np.float32(0.2),
        "height_max": beam.height + np.float32(0.2),
        "solar_elevation": np.full(count, 13.5, np.float32),
        "quality": np.zeros(count, np.uint32),
    }


def _label_columns(beam: Beam, scene: str) -> dict[str, object]:
    count = len(beam)
    bands: dict[str, object] = {name: np.array(values, np.float32)[beam.truth] for name, values in _REFLECTANCE.items()}
    where = pa.DictionaryArray.from_arrays(pa.array(beam.over.astype(np.int32)), pa.array(["", scene], pa.string()))
    track = _TIME + ((beam.x_atc - START) / _SPEED * 1e9).astype("timedelta64[ns]")
    offset = (np.datetime64("2022-04-13T15:08:07", "ns") - track) / np.timedelta64(1, "s")
    return bands | {
        "b11": np.full(count, 0.08, np.float32),
        "label_auto": beam.auto,
        "auto_flags": beam.flags,
        "boundary_distance": beam.distance,
        "scene_id": where,
        "time_offset": offset.astype(np.float32),
        "drift_x": np.full(count, _DRIFT[0], np.float32),
        "drift_y": np.full(count, _DRIFT[1], np.float32),
        "drift_confidence": np.full(count, _DRIFT[2], np.float32),
    }


def _prediction_columns(beam: Beam, rng: np.random.Generator) -> dict[str, object]:
    """A model that is sure of itself but near the edges of floes and in some stretches, where it is often wrong too."""
    count = len(beam)
    vague = np.sin((beam.x_atc - START) / 2_700.0 + rng.uniform(0, 6)) > 0.9
    sure = np.where(vague | (beam.distance < 8.0), rng.uniform(0.4, 0.7, count), rng.uniform(0.85, 0.99, count))
    best = np.where(vague & (rng.random(count) < 0.3), (beam.truth + 1) % 3, beam.truth)
    chances = np.repeat(((1.0 - sure) / 2.0)[np.newaxis], 3, axis=0)
    chances[best, np.arange(count)] = sure
    named: dict[str, object] = dict(zip(("p_thick", "p_thin", "p_water"), chances.astype(np.float32), strict=True))
    return named | {"predicted": best.astype(np.int8), "model_id": RUN}


def _freeboard_columns(beam: Beam) -> dict[str, object]:
    count = len(beam)
    shift = {"minimum": -0.08, "average": 0.01, "nearest": -0.03, "weighted": -0.015, "robust": 0.0}
    water = beam.truth == 2
    lead = np.cumsum(np.diff(water, prepend=False) & water) - 1
    surfaces: dict[str, object] = {f"sea_surface_{name}": beam.level + np.float32(by) for name, by in shift.items()}
    return surfaces | {
        "sea_surface_sigma": np.full(count, 0.012, np.float32),
        "sea_surface_source": np.ones(count, np.int8),
        "freeboard": beam.height - beam.level,
        "freeboard_sigma": np.full(count, 0.03, np.float32),
        "lead_id": np.where(water, lead, -1).astype(np.int32),
        "flags": np.zeros(len(water), np.uint32),
    }


def _write_drift(project: Project, scene: str) -> None:
    """A correlation surface with its peak at the drift of the tables."""
    from processing.local.drift import Drift, drift_path, keep

    axis = np.arange(-1_000.0, 1_001.0, 10.0).astype(np.float32)
    x, y = np.meshgrid(axis, -axis)
    peak = 0.6 * np.exp(-((x - _DRIFT[0]) ** 2 + (y - _DRIFT[1]) ** 2) / (2 * 60.0**2))
    ridge = 0.1 * np.sin(x / 150.0) * np.cos(y / 190.0)
    facts = {"estimate_x": _DRIFT[0], "estimate_y": _DRIFT[1], "confidence": _DRIFT[2], "applied": True, "pixel": 10.0}
    known = {"granule_id": GRANULE, "scene_id": scene, "time_offset": 300.0, "beams": list(BEAMS)}
    drift = Drift(*_DRIFT, False, (peak + ridge).astype(np.float32), axis, -axis, facts)
    keep(drift_path(project, GRANULE, scene), drift, known)


def _write_granule(file: Path, beams: list[Beam], rng: np.random.Generator) -> None:
    """Photons of the beams about the scene, in the layout of ATL03."""
    with h5py.File(file, "w") as granule:
        granule.attrs["short_name"] = "ATL03"
        granule["orbit_info/sc_orient"] = np.array([1], np.int8)
        granule["ancillary_data/atlas_sdp_gps_epoch"] = np.array([_GPS])
        for beam in beams:
            _write_photons(granule.create_group(beam.name), beam, rng)


def _write_photons(group: h5py.Group, beam: Beam, rng: np.random.Generator) -> None:
    near = np.flatnonzero(np.abs(beam.x_atc - START - SCENE_AT) < _REACH)
    low, high = beam.x_atc[near[0]], beam.x_atc[near[-1]]
    number = np.arange(int((high - low) / _SHOT))
    shot = np.repeat(number, rng.poisson(_PHOTONS, len(number)))
    x = low + shot * _SHOT
    row = np.minimum(np.searchsorted(beam.x_atc, x), len(beam) - 1)
    here = np.abs(beam.x_atc[row] - x) <= 2 * WINDOW
    shot, x, row = shot[here], x[here], row[here]
    noise = rng.random(len(x)) < 0.15
    surface = beam.height[row] + rng.normal(0.0, 0.1, len(x))
    height = np.where(noise, rng.uniform(-15.0, 15.0, len(x)), surface).astype(np.float32)
    cell = np.floor(x / 20.0).astype(np.int64)
    numbers, count = np.unique(cell, return_counts=True)
    confidence = np.full((len(x), 5), -1, np.int8)
    confidence[:, 1] = confidence[:, 2] = np.where(noise, 0, 4)
    store = _storing(group)
    store("heights/h_ph", height)
    store("heights/dist_ph_along", (x - cell * 20.0).astype(np.float32))
    store("heights/signal_conf_ph", confidence)
    store("heights/quality_ph", np.zeros(len(x), np.int8))
    store("heights/pce_mframe_cnt", ((shot + 200) // 200).astype(np.uint32))
    store("heights/ph_id_pulse", ((shot + 200) % 200).astype(np.uint8))
    _write_cells(store, beam, numbers * 20.0, count)


def _storing(group: h5py.Group) -> Callable[[str, NDArray[np.generic]], None]:
    def store(name: str, values: NDArray[np.generic]) -> None:
        chunks = (min(10_000, len(values)), *values.shape[1:])
        group.create_dataset(name, data=values, compression="gzip", compression_opts=1, chunks=chunks)

    return store


def _write_cells(
    store: Callable[[str, NDArray[np.generic]], None], beam: Beam, start: NDArray[np.float64], count: NDArray[np.int64]
) -> None:
    """The 20 m segments of ATL03: their place, time, photons and corrections."""
    time = (_TIME - _EPOCH) / np.timedelta64(1, "s") + (start + 10.0 - START) / _SPEED
    store("geolocation/segment_dist_x", start)
    store("geolocation/segment_ph_cnt", count.astype(np.int32))
    store("geolocation/ph_index_beg", np.cumsum(count) - count + 1)
    store("geolocation/reference_photon_index", np.maximum(count // 2, 1).astype(np.int32))
    store("geolocation/reference_photon_lat", np.interp(start + 10.0, beam.x_atc, beam.lat))
    store("geolocation/reference_photon_lon", np.interp(start + 10.0, beam.x_atc, beam.lon))
    store("geolocation/delta_time", time)
    store("geolocation/solar_elevation", np.full(len(start), 13.5, np.float32))
    for name in ("geoid", "geoid_free2mean", "tide_ocean", "tide_equilibrium", "dac"):
        store(f"geophys_corr/{name}", np.zeros(len(start), np.float32))
    store("bckgrd_atlas/delta_time", time)
    store("bckgrd_atlas/bckgrd_rate", np.full(len(time), 2.2e6, np.float32))

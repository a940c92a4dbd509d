"""A small project written straight through the table contract: one granule of photons, one scene, every stage's tables.

All of it is synthetic and seeded. It takes a second to make, so that tests of the page need no stage to run.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, LABEL, PREDICTION, SEGMENT, SNAPSHOT, TRUTH, Table
from processing.stages import Autolabel, Classify, Freeboard, Resample, Snapshot

GRANULE = "ATL03_20191104193000_05940512_006_01"
SCENE = "S2B_MSIL1C_20191104T194159_T02CNC"
BEAMS = {"gt1l": True, "gt1r": False, "gt2l": True}
LENGTH = 4000.0
START = 8_765_000.0
UTM = "EPSG:32702"
CORNER = (497_000.0, 1_803_000.0)
_TIME = np.datetime64("2019-11-04T19:30:00", "ns")
_SECONDS = (_TIME - np.datetime64("2018-01-01T00:00:00", "ns")) / np.timedelta64(1, "s")


@dataclasses.dataclass(frozen=True)
class _Beam:
    x_atc: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    label: NDArray[np.int8]
    height: NDArray[np.float32]


def make(root: Path, seed: int = 7, stages: bool = True) -> Project:
    """Write the project below ``root``; without ``stages`` only its inputs."""
    rng = np.random.default_rng(seed)
    project = Project.create(root, "south")
    beams = {name: _beam(rng, row) for row, name in enumerate(BEAMS)}
    source = root.parent / f"{root.name}-source"
    source.mkdir()
    _add_photons(project, source, beams, rng)
    _add_scene(project, source, rng)
    if stages:
        for name, beam in beams.items():
            _write_tables(project, name, beam, rng)
        _write_manifest(project)
    return project


def _beam(rng: np.random.Generator, row: int) -> _Beam:
    x_atc = START + 1.0 + 2.0 * np.arange(int(LENGTH / 2))
    x_atc = x_atc[(x_atc < START + 2500) | (x_atc > START + 2620)]
    easting = CORNER[0] + 2_600 + 90.0 * row + 0.28 * (x_atc - START)
    northing = CORNER[1] - 600 - 0.96 * (x_atc - START)
    lon, lat = pyproj.Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform(easting, northing)
    along = (x_atc - START) / 100.0
    label = np.where(np.sin(along * 0.9 + row) > 0.86, 2, np.where(np.sin(along * 0.37 + 1) > 0.75, 1, 0)).astype(
        np.int8
    )
    surface = np.array([0.45, 0.12, 0.0])[label] + 0.04 * np.sin(along * 0.05)
    height = (surface + rng.normal(0, 0.05, len(x_atc)) * (label != 2)).astype(np.float32)
    return _Beam(x_atc, np.asarray(lon), np.asarray(lat), label, height)


def _add_photons(project: Project, folder: Path, beams: Mapping[str, _Beam], rng: np.random.Generator) -> None:
    parts = []
    for name, beam in beams.items():
        rows = np.repeat(np.arange(len(beam.x_atc)), 8)
        noise = rng.random(len(rows)) < 0.15
        height = np.where(noise, rng.uniform(-4, 4, len(rows)), beam.height[rows] + rng.normal(0, 0.06, len(rows)))
        x_atc = beam.x_atc[rows] + rng.uniform(-1, 1, len(rows))
        columns = {
            "x_atc": x_atc,
            "lat": beam.lat[rows],
            "lon": beam.lon[rows],
            "h_ph": height,
            "delta_time": _SECONDS + (x_atc - START) / 7000.0,
            "signal_conf_ph": np.where(noise, 0, 4),
            "beam": np.full(len(rows), name),
        }
        parts.append(pa.table(columns))
    path = folder / f"{GRANULE}.parquet"
    pq.write_table(pa.concat_tables(parts), path)
    project.add_input("granules", GRANULE, "photon_table", path, {})


def _add_scene(project: Project, folder: Path, rng: np.random.Generator) -> None:
    rows, cols = np.mgrid[0:512, 0:512]
    ice = 0.55 + 0.25 * np.sin(rows / 17.0) * np.cos(cols / 23.0) + rng.normal(0, 0.02, rows.shape)
    bands = np.stack([np.clip(ice * share, 0.01, 1.0) for share in (1.0, 0.98, 0.95, 0.85)])
    bands[:, (rows + cols) % 97 < 9] = 0.05
    path = folder / f"{SCENE}.tif"
    profile = {"driver": "GTiff", "count": 4, "height": 512, "width": 512, "dtype": "uint16", "tiled": True}
    place = Affine(10.0, 0.0, CORNER[0], 0.0, -10.0, CORNER[1])
    with rasterio.open(path, "w", crs=UTM, transform=place, blockxsize=256, blockysize=256, **profile) as out:
        out.write((bands * 10_000).astype(np.uint16))
    details = {"time": "2019-11-04T19:41:59Z", "offset": 0, "quantification": 10000, "level": "L1C"}
    bands_at = {"B02": 1, "B03": 2, "B04": 3, "B08": 4}
    project.add_input("scenes", SCENE, "geotiff", path, details | {"band_map": bands_at})


def _write_tables(project: Project, name: str, beam: _Beam, rng: np.random.Generator) -> None:
    count = len(beam.x_atc)
    key = {"granule_id": GRANULE, "beam": name, "segment": np.floor(beam.x_atc / 2.0).astype(np.int64)}
    granule = project.input("granules", GRANULE).fingerprint
    segments = Stamp("resample", Resample().values_dict(), {f"granule:{GRANULE}": granule})
    _write(project, SEGMENT, "segments", name, "", key | _segment_columns(beam), segments)
    label = key | _label_columns(beam, rng)
    auto = Stamp("autolabel", Autolabel().values_dict(), {"segments": segments.fingerprint})
    _write(project, LABEL, "autolabels", name, "", label, auto)
    more = {
        "label": beam.label,
        "label_source": np.zeros(count),
        "analyst": "",
        "event_id": np.full(count, -1),
    }
    frozen = Stamp("snapshot", Snapshot().values_dict(), {"autolabels": auto.fingerprint})
    _write(project, SNAPSHOT, "snapshots", name, "v0001", label | more, frozen)
    chances = np.full((3, count), 0.05)
    chances[beam.label, np.arange(count)] = 0.9
    guess = dict(zip(("p_thick", "p_thin", "p_water"), chances, strict=True))
    predicted = Stamp("classify", Classify().values_dict(), {"segments": segments.fingerprint})
    columns = key | guess | {"predicted": beam.label, "model_id": "lstm-v0001"}
    _write(project, PREDICTION, "predictions", name, "lstm-v0001", columns, predicted)
    level = Stamp("freeboard", Freeboard().values_dict(), {"segments": segments.fingerprint})
    _write(project, FREEBOARD, "freeboard", name, "lstm-v0001", key | _freeboard_columns(beam), level)
    _write(project, TRUTH, "inputs/truth", name, "", key | _truth_columns(beam), Stamp("twin"))


def _write_manifest(project: Project) -> None:
    """What a snapshot says of itself."""
    told = {"name": "v0001", "created": "2026-01-05T10:00:00+00:00", "note": "", "fingerprint": "", "last_event": 0}
    (project.root / "snapshots" / "v0001" / "manifest.json").write_text(json.dumps(told), encoding="utf-8")


def _write(
    project: Project, schema: Table, kind: str, beam: str, run: str, columns: Mapping[str, object], stamp: Stamp
) -> None:
    tables.write(project.table_path(kind, GRANULE, beam, run), schema, schema.build(columns), stamp)


def _segment_columns(beam: _Beam) -> dict[str, object]:
    count = len(beam.x_atc)
    flat = {name: np.zeros(count) for name in ("reference_height", "tide", "dac", "height_ellipsoid")}
    return flat | {
        "x_atc": beam.x_atc,
        "time": _TIME + ((beam.x_atc - START) / 7000.0 * 1e9).astype("timedelta64[ns]"),
        "lat": beam.lat,
        "lon": beam.lon,
        "photon_count": np.full(count, 8),
        "photon_count_high": np.full(count, 7),
        "pulse_count": np.full(count, 3),
        "photon_rate": np.full(count, 2.7),
        "background_rate": np.full(count, 1.5e6),
        "height_mean": beam.height,
        "height_median": beam.height,
        "height_std": np.full(count, 0.06),
        "height_min": beam.height - 0.1,
        "height_max": beam.height + 0.1,
        "solar_elevation": np.full(count, 21.0),
        "quality": np.zeros(count),
    }


def _label_columns(beam: _Beam, rng: np.random.Generator) -> dict[str, object]:
    count = len(beam.x_atc)
    cloudy = (beam.x_atc > START + 1500) & (beam.x_atc < START + 1900)
    auto = np.where(cloudy & (rng.random(count) < 0.7), 1, beam.label)
    return {name: np.full(count, 0.5) for name in ("b02", "b03", "b04", "b08", "b11")} | {
        "label_auto": auto,
        "auto_flags": np.where(cloudy, 1, 0),
        "boundary_distance": np.full(count, 40.0),
        "scene_id": SCENE,
        "time_offset": np.full(count, 719.0),
        "drift_x": np.full(count, 60.0),
        "drift_y": np.full(count, -40.0),
        "drift_confidence": np.full(count, 0.9),
    }


def _freeboard_columns(beam: _Beam) -> dict[str, object]:
    count = len(beam.x_atc)
    level = 0.04 * np.sin((beam.x_atc - START) / 2000.0)
    shift = {"minimum": -0.08, "average": 0.01, "nearest": -0.03, "weighted": -0.015, "robust": 0.0}
    surfaces = {f"sea_surface_{name}": level + by for name, by in shift.items()}
    starts = np.cumsum(np.diff(beam.label == 2, prepend=False) & (beam.label == 2)) - 1
    return surfaces | {
        "sea_surface_sigma": np.full(count, 0.012),
        "sea_surface_source": np.where(beam.x_atc < START + 3000, 1, 2),
        "freeboard": beam.height - level,
        "freeboard_sigma": np.full(count, 0.03),
        "lead_id": np.where(beam.label == 2, starts, -1),
        "flags": np.zeros(len(beam.label), np.uint32),
    }


def _truth_columns(beam: _Beam) -> dict[str, object]:
    count = len(beam.x_atc)
    return {
        "label": beam.label,
        "height": beam.height,
        "sea_surface": np.zeros(count),
        "freeboard": beam.height,
        "cloud": np.zeros(count),
        "drift_x": np.full(count, 60.0),
        "drift_y": np.full(count, -40.0),
    }

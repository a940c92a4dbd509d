"""A project with freeboard of one granule and small ATL07 and ATL10 granules beside it, in every layout; synthetic."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from made_tables import table_of

from processing.io import tables
from processing.io.times import ATLAS_EPOCH
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION, SEGMENT

GRANULE = "ATL03_20191104195311_05940510_006_01"
ATL07 = "ATL07-02_20191104195311_05940501_006_01.h5"
ATL10 = "ATL10-02_20191104195311_05940501_006_01.h5"
FILL = np.float32(3.4028235e38)
START = 8_000_000.0
LENGTH = 30_000.0
SPEED = 7000.0
SEA = 0.1
"""Sea surface above our reference, m."""

REFERENCE, MSS = 20.0, 20.3
"""Our reference and the product's, m above the ellipsoid."""

_METRES_A_DEGREE = 111_600.0
_BEGIN = np.datetime64("2019-11-04T20:10:00", "ns")


def place(x: np.ndarray, beam: str = "gt1l") -> dict[str, np.ndarray]:
    """Latitude, longitude and time of a beam at along-track distances; beams lie 90 m apart."""
    east = {"gt1l": 0.0, "gt1r": 0.0024}[beam]
    seconds = (x - START) / SPEED
    return {
        "lat": -x / _METRES_A_DEGREE,
        "lon": np.full(len(x), 179.9999 + east) % 360.0,
        "time": _BEGIN + np.round(seconds * 1e9).astype("timedelta64[ns]"),
    }


def freeboard_at(x: np.ndarray) -> np.ndarray:
    """True freeboard, m: leads of 60 m each 1.5 km, ice between them that rises and falls."""
    ice = 0.3 + 0.1 * np.sin(x / 400.0)
    return np.where(is_lead(x), 0.0, ice)


def is_lead(x: np.ndarray) -> np.ndarray:
    return (x - START) % 1500.0 < 60.0


def make_project(folder: Path, beams: tuple[str, ...] = ("gt1l", "gt1r")) -> Project:
    """A project with segments, predictions and freeboard of the granule."""
    from processing.local.freeboard import freeboard
    from processing.stages import Freeboard

    project = Project.create(folder)
    for number, beam in enumerate(beams):
        _write_track(project, beam, number)
    freeboard(project, Freeboard())
    return project


def _write_track(project: Project, beam: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = int(START) // 2
    segment = first + np.flatnonzero(rng.random(int(LENGTH) // 2) > 0.05)
    x = 2.0 * segment + 1.0
    height = SEA + freeboard_at(x) + rng.normal(0, 0.03, len(x))
    where = place(x, beam)
    columns = where | {
        "lon": (where["lon"] + 180.0) % 360.0 - 180.0,
        "segment": segment,
        "x_atc": x,
        "height_median": height.astype(np.float32),
        "height_std": np.full(len(x), 0.1, np.float32),
        "photon_count": np.full(len(x), 9, np.int32),
        "photon_rate": np.full(len(x), 3.0, np.float32),
        "reference_height": np.full(len(x), REFERENCE, np.float32),
    }
    track = (GRANULE, beam)
    stamp = Stamp("resample", {"window": 2.0}, {"granule": GRANULE})
    tables.write(project.table_path("segments", *track), SEGMENT, table_of(SEGMENT, track, columns), stamp)
    label = np.where(is_lead(x), 2, 0).astype(np.int8)
    predicted = {"segment": segment, "predicted": label, "p_water": (label == 2).astype(np.float32)}
    classed = Stamp("classify", {}, {"segments": stamp.fingerprint})
    path = project.table_path("predictions", *track, "lstm-v0001")
    tables.write(path, PREDICTION, table_of(PREDICTION, track, predicted), classed)


def segments(beam: str = "gt1l", *, clock: float = 0.0, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Columns of a product's segments of 40 to 80 m over the track and 3 km beyond each end.

    ``clock`` s, by which the product's clock is ahead; ``shift`` m, by which its distances are behind.
    """
    rng = np.random.default_rng(5)
    length = rng.uniform(40.0, 80.0, 600)
    x = START - 3000.0 + np.cumsum(length) - length / 2
    x, length = x[x < START + LENGTH + 3000.0], length[x < START + LENGTH + 3000.0]
    fine = x[:, None] + length[:, None] * (np.arange(50) + 0.5 - 25) / 50
    ssh = is_lead(fine).mean(axis=1) > 0.8
    freeboard = np.where(ssh, 0.0, freeboard_at(fine).mean(axis=1)) + rng.normal(0, 0.01, len(x))
    where = place(x, beam)
    seconds = (where["time"] - ATLAS_EPOCH) / np.timedelta64(1, "ns") * 1e-9
    return {
        "x": x - shift,
        "length": length,
        "lat": where["lat"],
        "lon": (where["lon"] + 180.0) % 360.0 - 180.0,
        "delta_time": seconds + clock,
        "freeboard": freeboard,
        "height": SEA + REFERENCE - MSS + freeboard,
        "type": np.where(ssh, 3, 1),
        "ssh": ssh.astype(np.int8),
    }


def write_atl07(path: Path, beams: dict[str, dict[str, np.ndarray]], release: str = "006") -> Path:
    with h5py.File(path, "w") as file:
        _start(file, "ATL07", release)
        for beam, found in beams.items():
            base = f"{beam}/sea_ice_segments"
            size = len(found["x"])
            _write(
                file,
                {
                    f"{base}/delta_time": found["delta_time"],
                    f"{base}/latitude": found["lat"],
                    f"{base}/longitude": found["lon"],
                    f"{base}/seg_dist_x": found["x"],
                    f"{base}/heights/height_segment_length_seg": found["length"].astype(np.float32),
                    f"{base}/heights/height_segment_height": found["height"].astype(np.float32),
                    f"{base}/heights/height_segment_confidence": np.full(size, 0.01, np.float32),
                    f"{base}/heights/height_segment_quality": np.ones(size, np.int8),
                    f"{base}/heights/height_segment_type": found["type"].astype(np.int8),
                    f"{base}/heights/height_segment_ssh_flag": found["ssh"],
                    f"{base}/geophysical/height_segment_mss": np.full(size, MSS, np.float32),
                },
            )
    return path


def write_atl10(path: Path, beams: dict[str, dict[str, np.ndarray]], *, old: bool = False) -> Path:
    """In the layout of release 006, or in that of release 005 (``old``)."""
    inner = "freeboard_beam_segment" if old else "freeboard_segment"
    with h5py.File(path, "w") as file:
        _start(file, "ATL10", "005" if old else "006")
        for beam, found in beams.items():
            base = f"{beam}/{inner}" + ("/beam_freeboard" if old else "")
            heights = f"{beam}/{inner}/" + ("height_segments" if old else "heights")
            _write(
                file,
                {
                    f"{base}/delta_time": found["delta_time"],
                    f"{base}/latitude": found["lat"],
                    f"{base}/longitude": found["lon"],
                    f"{base}/seg_dist_x": found["x"],
                    f"{base}/beam_fb_height": _filled(found["freeboard"]),
                    f"{base}/beam_fb_{'sigma' if old else 'unc'}": np.full(len(found["x"]), 0.02, np.float32),
                    f"{base}/beam_fb_quality_flag": np.ones(len(found["x"]), np.int8),
                    f"{base}/beam_refsurf_ndx": _section(found) + 1,
                    f"{heights}/height_segment_length_seg": found["length"].astype(np.float32),
                    f"{heights}/height_segment_height": found["height"].astype(np.float32),
                    f"{heights}/height_segment_type": found["type"].astype(np.int8),
                    f"{heights}/height_segment_ssh_flag": found["ssh"] * np.int8(2),
                    f"{beam}/{inner}/geophysical/height_segment_mss": np.full(len(found["x"]), MSS, np.float32),
                },
            )
            _write_surfaces(file, f"{beam}/{inner}" if old else f"{beam}/reference_surface_section", found)
            _write_leads(file, f"{beam}/leads", found)
    return path


def _start(file: h5py.File, product: str, release: str) -> None:
    file.attrs["short_name"] = np.bytes_(product)
    file.attrs["title"] = np.bytes_(f"SYNTHETIC {product}")
    file["ancillary_data/release"] = np.array([release.encode()])


def _section(found: dict[str, np.ndarray]) -> np.ndarray:
    section = np.floor(found["x"] / 10_000.0).astype(np.int32)
    return section - section.min()


def _write_surfaces(file: h5py.File, base: str, found: dict[str, np.ndarray]) -> None:
    count = _section(found).max() + 1
    x = np.array([found["x"][_section(found) == number].mean() for number in range(count)])
    at = place(x)
    _write(
        file,
        {
            f"{base}/delta_time": np.interp(x, found["x"], found["delta_time"]),
            f"{base}/latitude": at["lat"],
            f"{base}/longitude": at["lon"],
            f"{base}/beam_refsurf_dist_x": x,
            f"{base}/beam_refsurf_height": (SEA + REFERENCE - MSS + 0.01 * np.arange(count)).astype(np.float32),
            f"{base}/beam_refsurf_sigma": np.full(count, 0.01, np.float32),
        },
    )


def _write_leads(file: h5py.File, base: str, found: dict[str, np.ndarray]) -> None:
    rows = np.flatnonzero(found["ssh"])
    _write(
        file,
        {
            f"{base}/delta_time": found["delta_time"][rows],
            f"{base}/latitude": found["lat"][rows],
            f"{base}/longitude": found["lon"][rows],
            f"{base}/lead_height": found["height"][rows].astype(np.float32),
            f"{base}/lead_sigma": np.full(len(rows), 0.01, np.float32),
            f"{base}/lead_length": found["length"][rows].astype(np.float32),
        },
    )


def _filled(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, FILL).astype(np.float32)


def _write(file: h5py.File, values: dict[str, np.ndarray]) -> None:
    for name, value in values.items():
        dataset = file.create_dataset(name, data=value)
        if dataset.dtype == np.float32:
            dataset.attrs["_FillValue"] = FILL

"""Tracks with freeboard of which a test draws place, height and class: segments, classes and freeboard, as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_tables import table_of
from pyproj import Transformer

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT

G = "ATL03_20191104195311_05940510_006_01"
RUN = "made-v0001"
BEGIN = np.datetime64("2019-11-04T19:53:11", "ns")


def line_of(epsg: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of places in a polar plane."""
    lon, lat = Transformer.from_crs(f"EPSG:{epsg}", "EPSG:4326", always_xy=True).transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def write_measured(
    project: Project,
    lon: np.ndarray,
    lat: np.ndarray,
    freeboard: np.ndarray,
    label: np.ndarray | None = None,
    track: tuple[str, str] = (G, "gt1r"),
    begin: np.datetime64 = BEGIN,
) -> None:
    """Write the tables of one track: 2 m segments in order, 9 photons each that spread by 0.1 m, sea level at 0."""
    n = len(lon)
    segment = np.arange(n, dtype=np.int64) + 4_000_000
    classes = np.zeros(n, np.int8) if label is None else label.astype(np.int8)
    height = freeboard.astype(np.float32)
    own = {
        "segment": segment,
        "x_atc": 2.0 * segment + 1.0,
        "time": begin + (np.arange(n) * 285_000).astype("timedelta64[ns]"),
        "lat": lat,
        "lon": lon,
        "height_median": height,
        "height_mean": height,
        "height_ellipsoid": height - 50,
        "height_std": np.full(n, 0.1, np.float32),
        "photon_count": np.full(n, 9, np.int32),
    }
    stamp = Stamp("resample", {"window": 2.0}, {"granule": track[0]})
    tables.write(project.table_path("segments", *track), SEGMENT, table_of(SEGMENT, track, own), stamp)
    given = {"segment": segment, "predicted": classes}
    tables.write(
        project.table_path("predictions", *track, RUN),
        PREDICTION,
        table_of(PREDICTION, track, given),
        Stamp("classify"),
    )
    above = {
        "segment": segment,
        "freeboard": height,
        "freeboard_sigma": np.full(n, 0.05, np.float32),
        "sea_surface_sigma": np.full(n, 0.02, np.float32),
    }
    made = Stamp("freeboard", {"estimator": "robust", "height": "median", "source": "predictions", "run_name": RUN})
    tables.write(project.table_path("freeboard", *track, RUN), FREEBOARD, table_of(FREEBOARD, track, above), made)


def write_csv(path: Path, columns: dict[str, object]) -> Path:
    """A table of measurements as CSV, times in ISO 8601."""
    arrays = {name: np.atleast_1d(np.asarray(values)) for name, values in columns.items()}
    texts = {
        name: np.datetime_as_string(each, "ms") if each.dtype.kind == "M" else each.astype(str)
        for name, each in arrays.items()
    }
    rows = np.broadcast_arrays(*texts.values())
    lines = [",".join(texts), *(",".join(row) for row in zip(*rows, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path

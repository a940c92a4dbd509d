"""SEGMENT tables of tracks over surfaces that a test has drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SEGMENT

Floats = npt.NDArray[np.float64]

TRACK_TIME = np.datetime64("2019-11-04T19:53:11", "ns")
"""Of segment 0."""


def write_track(
    project: Project,
    track: tuple[str, str],
    segment: npt.NDArray[np.int64],
    lon: Floats,
    lat: Floats,
    seen: npt.NDArray[np.int8],
    seed: int,
) -> None:
    """Write the table of ``track``, (granule, beam): 2 m segments that saw the classes ``seen``, each (n,).

    Background, photon rate and height follow the class, with noise; what nobody asks for is 0.
    """
    n = len(segment)
    rng = np.random.default_rng(seed)
    bright = np.choose(seen, [0.9, 0.3, 0.05]) * rng.normal(1, 0.05, n)
    columns: dict[str, object] = {
        "background_rate": 2e6 * bright,
        "height_median": np.choose(seen, [0.3, 0.05, 0.0]) + rng.normal(0, 0.03, n),
        "photon_rate": 5 * bright,
        "height_std": np.full(n, 0.1),
        "photon_count": np.full(n, 9),
        "lat": lat,
        "lon": lon,
        "x_atc": 2.0 * segment + 1,
    }
    found: dict[str, object] = {"granule_id": track[0], "beam": track[1], "segment": segment}
    found["time"] = TRACK_TIME + (segment * 285_000).astype("timedelta64[ns]")
    for column in SEGMENT.columns:
        if column.name not in found:
            kind = column.type.to_pandas_dtype()
            found[column.name] = np.asarray(columns.get(column.name, np.zeros(n))).astype(kind)
    tables.write(project.table_path("segments", *track), SEGMENT, SEGMENT.build(found), Stamp("resample", {"n": seed}))

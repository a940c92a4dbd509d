"""ATL07 and ATL10 of the small project's pass, and a table of measurements, made from its own tables; synthetic."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from small_project import GRANULE

from processing.io import tables
from processing.io.recognise import take_stock
from processing.io.times import ATLAS_EPOCH
from processing.local.inputs import take_in
from processing.local.measured import MeasuredTrack, measured_track
from processing.project import Project
from processing.schema import FREEBOARD

sys.path.insert(0, str(Path(__file__).parents[1] / "processing"))

from made_products import write_atl07, write_atl10

ATL07 = "ATL07-02_20191104193000_05940501_006_01"
ATL10 = "ATL10-02_20191104193000_05940501_006_01"
TABLE = "airborne"
RUN = "lstm-v0001"
BEAMS = ("gt1l", "gt2l")
BIAS = 0.02
"""By how much the products lie above our freeboard, m."""

_LENGTH = 40.0


def add(root: Path, *, measurements: bool = False) -> Project:
    """Add both products, with blocks short enough for intervals, and with ``measurements`` a table of them."""
    project = Project(root)
    _name_classes(project)
    beams = {beam: _columns(measured_track(project, GRANULE, beam)) for beam in BEAMS}
    folder = root.parent / f"{root.name}-products"
    folder.mkdir()
    paths = [write_atl07(folder / f"{ATL07}.h5", beams), write_atl10(folder / f"{ATL10}.h5", beams)]
    if measurements:
        paths.append(_table(project, folder / f"{TABLE}.csv"))
    take_in(project, take_stock(tuple(paths)))
    with (root / "project.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[stage.compare]\nblock = 400.0\n\n[stage.match]\nblock = 400.0\n")
    return Project(root)


def _name_classes(project: Project) -> None:
    """Let the freeboard say which classes it was made with, as the stage does."""
    for granule, beam in project.tracks("freeboard", RUN):
        path = project.table_path("freeboard", granule, beam, RUN)
        stamp = tables.read_stamp(path)
        assert stamp is not None
        tables.write(
            path,
            FREEBOARD,
            tables.read(path, FREEBOARD),
            replace(stamp, parameters=stamp.parameters | {"run_name": RUN}),
        )


def _columns(track: MeasuredTrack) -> dict[str, np.ndarray]:
    """Segments of 40 m over a track with the mean of ours, raised by BIAS; NaN freeboard in every tenth."""
    x = np.arange(track.x_atc[0] + _LENGTH / 2, track.x_atc[-1], _LENGTH)
    cell = np.clip(((track.x_atc - x[0] + _LENGTH / 2) // _LENGTH).astype(int), 0, len(x) - 1)
    count = np.bincount(cell, minlength=len(x))
    x, some = x[count > 10], count > 10

    def mean(values: np.ndarray) -> np.ndarray:
        return (np.bincount(cell, values, minlength=len(count)) / np.maximum(count, 1))[some]

    seconds = (track.time - ATLAS_EPOCH) / np.timedelta64(1, "ns") * 1e-9
    ssh = mean(track.label == 2) > 0.9
    freeboard = mean(track.freeboard.astype(np.float64)) + BIAS
    freeboard[::10] = np.nan
    return {
        "x": x,
        "length": np.full(len(x), _LENGTH),
        "lat": mean(track.lat),
        "lon": mean(track.lon),
        "delta_time": mean(seconds),
        "freeboard": freeboard,
        "height": mean(track.height.astype(np.float64)),
        "type": np.where(ssh, 3, 1),
        "ssh": ssh.astype(np.int8),
    }


def _table(project: Project, path: Path) -> Path:
    track = measured_track(project, GRANULE, "gt1l")
    rows = slice(20, None, 40)
    columns = {
        "time": pd.to_datetime(track.time[rows]).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "latitude": track.lat[rows],
        "longitude": track.lon[rows],
        "freeboard": track.freeboard[rows],
    }
    pd.DataFrame(columns).to_csv(path, index=False)
    return path

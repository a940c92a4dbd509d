"""Rows a second that exports write, from tables on disk to one file, and of pandas and xarray from memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import xarray as xr

from benchmarks.harness import Row, best_of, peak_memory
from processing.io import tables
from processing.local.export import FORMATS, export, tables_of
from processing.local.freeboard import freeboard
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION, SEGMENT, Table
from processing.stages import Freeboard

GRANULE, RUN = "ATL03_20191104195311_05940510_006_01", "lstm-v0001"
BEAMS = ("gt1l", "gt2l", "gt3l")
SEGMENTS = 400_000
"""Segments of a beam."""


def rows() -> Iterator[Row]:
    """Each format beside what a user would write with."""
    with tempfile.TemporaryDirectory() as folder:
        project = made_project(Path(folder) / "project", SEGMENTS)
        out = Path(folder) / "out"
        total = SEGMENTS * len(BEAMS)
        took = {form: best_of(partial(export, project, "freeboard", "", form, out), 2) for form in FORMATS}
        note = f"synthetic, {total / 1e6:g} M segments of {len(BEAMS)} beams, 21 columns, read from the project; "
        note += f"{peak_memory() / 1e9:.1f} GB held; peers write from memory"
        frame = pd.concat([part.to_pandas() for part in tables_of(project, "freeboard")[1]], ignore_index=True)
        for form, name, peer in _peers(frame, out):
            theirs = total / best_of(peer, 1) / 1e6
            yield Row(
                f"export of freeboard, {form}", total / took[form] / 1e6, "M rows/s", "", None, theirs, name, note
            )


def _peers(frame: pd.DataFrame, out: Path) -> Iterator[tuple[str, str, Callable[[], object]]]:
    yield "parquet", "pandas to_parquet, zstd", lambda: frame.to_parquet(out, compression="zstd")
    yield "geoparquet", "geopandas, points and to_parquet", partial(_with_geopandas, frame, out)
    yield "csv", "pandas to_csv", lambda: frame.to_csv(out, index=False)
    numbers = frame.drop(columns=["granule_id", "beam"]).assign(time=frame["time"].dt.tz_localize(None))
    dataset = xr.Dataset.from_dataframe(numbers)
    packed = {name: {"zlib": True, "complevel": 1} for name in dataset.data_vars}
    yield "netcdf", "xarray to_netcdf, zlib 1", lambda: dataset.to_netcdf(out, engine="h5netcdf", encoding=packed)


def _with_geopandas(frame: pd.DataFrame, out: Path) -> None:
    places = geopandas.points_from_xy(frame["lon"], frame["lat"])
    geopandas.GeoDataFrame(frame, geometry=places, crs="OGC:CRS84").to_parquet(out, compression="zstd")


def made_project(root: Path, segments: int) -> Project:
    """A project of tables alone: segments of each beam with leads, their classes, and freeboard."""
    project = Project.create(root)
    for number, beam in enumerate(BEAMS):
        _write_beam(project, beam, segments, np.random.default_rng(number))
    freeboard(project, Freeboard())
    return project


def _write_beam(project: Project, beam: str, segments: int, rng: np.random.Generator) -> None:
    segment = np.arange(segments, dtype=np.int64) + 1_000_000
    water = segment % 500 < 50
    height = np.where(water, 0.0, 0.35) + rng.normal(0, 0.04, segments)
    columns = {
        "segment": segment,
        "x_atc": 2.0 * segment + 1.0,
        "time": np.datetime64("2019-11-04T19:53:11", "ns") + 285_714 * np.arange(segments),
        "lat": -70.0 - 1.8e-5 * np.arange(segments),
        "lon": -160.0 + rng.normal(0, 1e-6, segments).cumsum(),
        "height_median": height.astype(np.float32),
        "height_std": rng.uniform(0.06, 0.14, segments).astype(np.float32),
        "photon_count": rng.integers(1, 20, segments, np.int32),
    }
    made = Stamp("resample", {"window": 2.0}, {"granule": GRANULE})
    tables.write(project.table_path("segments", GRANULE, beam), SEGMENT, _filled(SEGMENT, beam, columns), made)
    classes = {"segment": segment, "predicted": np.where(water, 2, 0).astype(np.int8)}
    path = project.table_path("predictions", GRANULE, beam, RUN)
    classified = Stamp("classify", {}, {"segments": made.fingerprint})
    tables.write(path, PREDICTION, _filled(PREDICTION, beam, {**classes, "model_id": RUN}), classified)


def _filled(schema: Table, beam: str, columns: dict[str, object]) -> pa.Table:
    length = len(columns["segment"])  # type: ignore[arg-type]
    empty = {
        column.name: np.zeros(length, column.type.to_pandas_dtype())
        for column in schema.columns
        if column.name not in columns and column.name not in ("granule_id", "beam")
    }
    return schema.build({"granule_id": GRANULE, "beam": beam, **empty, **columns})

"""The inputs of a stage read in tasks and let go of: what of its time is reading alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from processing.core.tiles import Window
from processing.errors import LeadlineError
from processing.io import tables
from processing.io.photons import open_photons
from processing.io.scene_labels import REFLECTANCE_BANDS, find_corridor
from processing.io.sentinel2 import open_scene
from processing.local.label_plan import Granule, plan
from processing.local.meetings import Meeting
from processing.project import Input, Project
from processing.schema import SEGMENT
from processing.spark.resample import Stretches, cut, look_at
from processing.spark.session import Cluster
from processing.stages import Autolabel, Resample

_MOST_PHOTONS = 8_000_000
_GROUPS_A_TASK = 16


def load(spark: Cluster, project: Project, key: str) -> int:
    """Read what stage ``key`` reads, in tasks of their own; returns photons, pixels or rows read.

    Auto-labels are read for from scenes, whose pixels are by far the most of it; classes and freeboard from tables.
    """
    group = f"{spark.tag}: load"
    if key == "resample":
        stage = project.stage(Resample)
        plans = spark.collect(partial(look_at, project, stage), project.inputs("granules"), group)
        beams = [value for value in chain.from_iterable(plans) if not isinstance(value, LeadlineError)]
        pieces = [piece.content for beam in beams for piece in cut(0, beam, _MOST_PHOTONS)]
        return _total(spark.collect(partial(_photons, stage), pieces, group))
    if key == "autolabel":
        tiles = list(_tiles(project, project.stage(Autolabel)))
        return _total(spark.collect(_pixels, tiles, group))
    kinds = ("segments", "predictions") if key == "freeboard" else ("segments",)
    return _total(spark.collect(_rows, list(_groups(project, kinds)), group))


def _total(found: list[list[int | LeadlineError]]) -> int:
    return sum(value for value in chain.from_iterable(found) if not isinstance(value, LeadlineError))


def _photons(stage: Resample, piece: Stretches) -> Iterator[int]:
    source = open_photons(piece.item)
    try:
        for chunk in source.chunks(piece.beam, stage, piece.part):
            yield chunk.photons
    finally:
        source.close()


def _tiles(project: Project, stage: Autolabel) -> Iterator[tuple[Input, Window]]:
    """Tiles of every scene around each granule that meets it."""
    for granule in plan(project, stage, None, []):
        for meeting in granule.meetings:
            lon, lat = _places(project, granule, meeting)
            with open_scene(meeting.scene) as scene:
                tiles = find_corridor(scene, *scene.project(lon, lat), stage).tiles
            yield from ((meeting.scene, tile) for tile in tiles)


def _places(project: Project, granule: Granule, meeting: Meeting) -> list[npt.NDArray[np.float64]]:
    """Longitudes and latitudes of the segments on a scene."""
    names = ("lon", "lat")
    parts = [
        tables.read_rows(project.table_path("segments", granule.ident, beam), SEGMENT, names, first, stop)
        for beam, runs in meeting.runs.items()
        for first, stop in runs
    ]
    return [np.concatenate([part[name].to_numpy() for part in parts]) for name in names]


def _pixels(place: tuple[Input, Window]) -> Iterator[int]:
    item, tile = place
    with open_scene(item) as scene:
        yield sum(scene.native(name, tile).data.size for name in REFLECTANCE_BANDS)


def _groups(project: Project, kinds: tuple[str, ...]) -> Iterator[tuple[Path, int, int]]:
    for kind in kinds:
        run = project.runs(kind)[-1] if kind == "predictions" else ""
        for track in project.tracks(kind, run):
            path = project.table_path(kind, *track, run)
            with pq.ParquetFile(path) as file:
                groups = file.num_row_groups
            for first in range(0, groups, _GROUPS_A_TASK):
                yield path, first, min(first + _GROUPS_A_TASK, groups)


def _rows(place: tuple[Path, int, int]) -> Iterator[int]:
    path, first, stop = place
    with pq.ParquetFile(path) as file:
        yield int(file.read_row_groups(range(first, stop)).num_rows)

"""Freeboard and thickness of a project's tracks on a polar grid, track by track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pyproj import Transformer

from processing.core.openings import lengths_stood_for
from processing.core.polar_grid import GridMaps, GridSums, grid_maps, track_sums
from processing.errors import InputError, MissingError
from processing.io.map_raster import write_map_raster
from processing.io.netcdf_grid import write_grid
from processing.local.measured import MeasuredTrack, chosen_tracks, freeboard_run, measured_track
from processing.local.shapes import is_water, over_ice, provenance, track_thickness
from processing.progress import progress_bar
from processing.project import Project
from processing.schema import SurfaceClass
from processing.stages import Aggregate

EPSG = (3413, 3031)
"""Polar stereographic grids, north and south."""

MOST_CELLS = 50_000_000
"""Largest map that is made, cells."""


def gridded(
    project: Project,
    epsg: int,
    run: str = "",
    granules: Sequence[str] | None = None,
    beams: Sequence[str] | None = None,
) -> GridMaps:
    """Maps of a freeboard run, the newest when ``run`` is empty, on cells by the parameters of ``aggregate``.

    Cells lie at multiples of their size, so that maps of different granules fit onto each other. One track is in memory
    at a time. Raises MissingError when no track has freeboard in the grid's hemisphere, InputError when the map would
    be too large.
    """
    stage, run = project.stage(Aggregate), freeboard_run(project, run)
    tracks = chosen_tracks(project, run, granules, beams)
    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    total = GridSums.empty()
    with progress_bar("grid", len(tracks), "tracks") as bar:
        for granule, beam in tracks:
            bar.advance(0, f"{granule} {beam}")
            track = measured_track(project, granule, beam, run)
            total += _sums(project, stage, track.rows(_in_hemisphere(track, epsg)), to_grid)
            bar.advance(1)
    _check(project, total, epsg)
    return grid_maps(total, epsg, stage.cell, stage.least)


def write_grid_file(
    project: Project, out: Path, maps: GridMaps, run: str, granules: Sequence[str] | None = None
) -> None:
    """Write maps as GeoTIFF or, to a name with ``.nc``, as NetCDF with CF conventions; whole or not at all.

    Where they come from stands in the file, and the parameters of ``aggregate`` and ``thickness`` with it.
    """
    chain = provenance(project, run, chosen_tracks(project, run, granules))
    institution = str(project.settings.get("institution", ""))
    if out.suffix.lower() == ".nc":
        write_grid(out, maps, chain, synthetic=project.synthetic, institution=institution)
    else:
        facts = {"provenance": chain, "institution": institution, "synthetic": str(project.synthetic).lower()}
        write_map_raster(out, maps, facts)


def _in_hemisphere(track: MeasuredTrack, epsg: int) -> np.ndarray:
    return track.lat > 0 if epsg == EPSG[0] else track.lat < 0


def _sums(project: Project, stage: Aggregate, track: MeasuredTrack, to_grid: Transformer) -> GridSums:
    x, y = (np.asarray(each, np.float64) for each in to_grid.transform(track.lon, track.lat))
    freeboard, thickness = over_ice(track, track_thickness(project, track))
    return track_sums(
        x,
        y,
        track.x_atc,
        stage.cell,
        freeboard,
        thickness,
        lengths_stood_for(track.x_atc, is_water(track), track.segment_length),
        is_water(track),
        track.label != SurfaceClass.UNLABELLED,
        stage.common_length,
    )


def _check(project: Project, total: GridSums, epsg: int) -> None:
    if len(total) == 0:
        north = epsg == EPSG[0]
        raise MissingError(
            f"no freeboard in the {'northern' if north else 'southern'} hemisphere",
            where=project.root,
            mend=f"choose --epsg {EPSG[north]}",
        )
    rows, columns = (int(np.ptp(each)) + 1 for each in (total.row, total.column))
    if rows * columns > MOST_CELLS:
        raise InputError(
            f"a map of {columns} x {rows} cells is too large", where=project.root, mend="choose a larger --cell"
        )

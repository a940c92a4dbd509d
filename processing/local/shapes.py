"""Thickness, leads, ridges and roughness of one track, by the parameters in ``project.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from processing.core import along_means as along
from processing.core.openings import Openings, OverOpenings, openings
from processing.core.ridges import Ridges, level_ice, ridges, smoothed
from processing.core.roughness import Roughness, roughness
from processing.core.thickness import Densities, Thickness, thickness
from processing.errors import InputError
from processing.io.gridded import Quantity, value_at
from processing.local.lineage import lineage
from processing.local.measured import MeasuredTrack
from processing.project import Project
from processing.schema import SurfaceClass
from processing.stages import Aggregate, Shape
from processing.stages import Thickness as ThicknessStage

F8 = npt.NDArray[np.float64]

SNOW_DEPTH = Quantity(
    "snow depth", "m", ("snow_depth", "sisnthick", "sd", "hs"), "surface_snow_thickness", low=0.0, high=5.0
)
_WATER = Quantity("density of sea water", "kg/m3", ("water_density", "density"), "sea_water_density", 990.0, 1050.0)
_ICE = Quantity("density of sea ice", "kg/m3", ("ice_density", "density"), "sea_ice_density", 700.0, 950.0)
_SNOW = Quantity("density of snow", "kg/m3", ("snow_density", "density"), "snow_density", 50.0, 700.0)


def track_thickness(project: Project, track: MeasuredTrack) -> Thickness:
    """Thickness of the ice under each segment, by the parameters of ``thickness``.

    Raises InputError and MissingError for grids of snow or density that cannot be used.
    """
    stage = project.stage(ThicknessStage)
    depth = value_at(stage.snow_depth, SNOW_DEPTH, track.lon, track.lat)
    freeboard = track.freeboard, track.freeboard_sigma
    return floating(project, (track.lon, track.lat), freeboard, (depth, stage.snow_depth_sigma), is_water(track))


def floating(
    project: Project,
    at: tuple[F8, F8],
    freeboard: tuple[npt.ArrayLike, npt.ArrayLike],
    snow: tuple[npt.ArrayLike, npt.ArrayLike],
    water: npt.ArrayLike = False,
) -> Thickness:
    """Thickness at places (longitude and latitude, degrees) from freeboard and snow depth, each with its uncertainty
    (m), by the densities of the stage ``thickness``.

    Raises InputError and MissingError for grids of density that cannot be used, and for densities of what would sink.
    """
    stage = project.stage(ThicknessStage)
    densities = Densities(
        value_at(stage.water_density, _WATER, *at),
        value_at(stage.ice_density, _ICE, *at),
        value_at(stage.snow_density, _SNOW, *at),
        stage.water_density_sigma,
        stage.ice_density_sigma,
        stage.snow_density_sigma,
    )
    try:
        return thickness(*freeboard, *snow, densities, limit_snow=stage.limit_snow, water=water)
    except ValueError as error:
        raise InputError(str(error), where=project.root / "project.toml", mend="mend the densities") from None


def provenance(project: Project, run: str, tracks: Sequence[tuple[str, str]]) -> str:
    """Where what derives from some tracks of a freeboard run comes from, and the parameters it was made with; JSON."""
    settings = {kind.key: project.stage(kind).values_dict() for kind in (ThicknessStage, Shape, Aggregate)}
    return replace(lineage(project, "freeboard", run, tracks), derived=settings).to_json()


def is_water(track: MeasuredTrack) -> npt.NDArray[np.bool_]:
    """Which segments are open water; those without a class count as ice."""
    return track.label == SurfaceClass.OPEN_WATER


def over_ice(track: MeasuredTrack, of: Thickness) -> tuple[along.OverIce, along.OverIce]:
    """Freeboard and thickness of a track's ice with their errors parted by what is common to whom."""
    freeboard = along.freeboard_of_ice(track.freeboard, track.height_sigma, track.sea_surface_sigma, track.label)
    factor = of.freeboard_factor
    common = np.hypot(of.sigma_common, factor * freeboard.common)
    return freeboard, along.OverIce(of.thickness, factor * freeboard.random, factor * freeboard.surface, common)


def track_leads(project: Project, track: MeasuredTrack) -> Openings:
    """Leads of a track."""
    seen = OverOpenings(
        x=track.x_atc,
        lead_id=track.lead_id,
        label=track.label,
        height=track.height.astype(np.float64),
        height_sigma=track.height_sigma.astype(np.float64),
        photon_rate=track.photon_rate.astype(np.float64),
        flags=track.flags,
    )
    stage = project.stage(Shape)
    return openings(seen, track.segment_length, stage.gap, stage.least_lead)


@dataclass(frozen=True)
class TrackRidges:
    """Ridge sails of a track; ``level`` and ``sigma`` are of each segment.

    Attributes
    ----------
    sails : the sails. level : f8 m, height of the level ice around, above the reference surface.
    sigma : f8 m, standard error of the smoothed heights that sails were sought in.
    """

    sails: Ridges
    level: F8
    sigma: F8


def track_ridges(project: Project, track: MeasuredTrack) -> TrackRidges:
    """Ridge sails of a track, sought in heights that are averaged over ``ridge_smoothing`` m."""
    stage = project.stage(Shape)
    height = track.height.astype(np.float64)
    level = level_ice(track.x_atc, height, ~is_water(track), stage.level_window)
    mean, sigma = smoothed(track.x_atc, height, track.height_sigma.astype(np.float64), stage.ridge_smoothing)
    return TrackRidges(ridges(track.x_atc, mean - level, stage.ridge_height, stage.gap), level, sigma)


def track_roughness(project: Project, track: MeasuredTrack) -> Roughness:
    """Roughness of a track in cells that are at least half full of ice."""
    length = project.stage(Shape).roughness_length
    least = int(np.ceil(0.5 * length / track.segment_length))
    height, sigma = track.height.astype(np.float64), track.height_sigma.astype(np.float64)
    return roughness(track.x_atc, height, sigma, ~is_water(track), length, least, track.segment_length)

"""Every knob of the twin, named once: defaults, bounds, units and docs. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

import param

from processing.stages import Stage


def _number(default: float | None, doc: str, unit: str, bounds: tuple[float | None, float | None]) -> Any:
    return param.Number(default, bounds=bounds, allow_None=default is None, doc=f"{doc} [{unit}]" if unit else doc)


def _fraction(default: float, doc: str, most: float = 1.0) -> Any:
    return _number(default, doc, "1", (0.0, most))


class Twin(Stage):
    """Synthetic granules, scenes, ATL07 and ATL10 companions, and the truth beside them."""

    key = "twin"
    inputs = ()
    output = "twin"

    seed = param.Integer(0, bounds=(0, None), doc="Seed of every random choice; another seed is other ice")
    km = _number(60.0, "Length of a granule along the track", "km", (1.0, 2000.0))
    granules = param.Integer(2, bounds=(1, 1000), doc="Granules, each with its own ice, scene and day")

    hemisphere = param.Selector(
        default="south", objects=["south", "north"], doc="Ross Sea in November or Beaufort Sea in April"
    )
    latitude = _number(None, "Latitude of the first granule's start; by hemisphere when not given", "degree", (-84, 84))
    longitude = _number(None, "Longitude of the first granule's start; likewise", "degree", (-180.0, 180.0))
    orientation = param.Selector(
        default="forward", objects=["forward", "backward"], doc="Spacecraft orientation: forward, right beams strong"
    )

    thin_fraction = _fraction(0.10, "Share of the surface that is thin ice", 0.6)
    water_fraction = _fraction(0.045, "Share of the surface that is open water; the rest is thick ice", 0.6)
    floe_scale = _number(5200.0, "Spacing of the largest floes", "m", (200.0, 50_000.0))
    split = _fraction(0.62, "Share of floes that are broken into smaller ones, at each of four sizes", 0.95)
    lead_power = _number(
        1.1, "Exponent of the cumulative power law of lead widths (1 to 1.6 observed)", "1", (0.5, 3.0)
    )
    lead_most = _number(900.0, "Widest lead before calibration to the fractions", "m", (20.0, 10_000.0))
    frozen_width = _number(
        0.0, "Width below which leads froze over sooner, the narrower the sooner", "m", (0.0, 2000.0)
    )
    brash = _fraction(0.4, "Share of wide leads in which small floes drift")
    young = _fraction(0.05, "Share of small floes that are refrozen openings")
    specular = _fraction(0.45, "Share of open leads that lie calm and mirror the laser")

    freeboard = _number(0.30, "Modal total freeboard of thick ice, snow included", "m", (0.05, 2.0))
    freeboard_spread = _number(0.35, "Spread of its logarithm between floes", "1", (0.0, 1.5))
    thin_freeboard_low = _number(0.02, "Freeboard of the youngest thin ice", "m", (0.0, 0.2))
    thin_freeboard_high = _number(0.12, "Freeboard of the oldest thin ice", "m", (0.02, 0.4))
    snow_relief = _number(0.035, "Standard deviation of the snow surface within a floe", "m", (0.0, 0.5))
    ridge_height = _number(0.55, "Mean height of ridge sails above the level ice (exponential)", "m", (0.0, 3.0))
    ridge_density = _fraction(1.0, "How much of the deformed ice carries ridges", 3.0)
    roughness_thick = _number(0.05, "Height scatter within a footprint on thick ice", "m", (0.0, 1.0))
    roughness_thin = _number(0.025, "Height scatter within a footprint on thin ice", "m", (0.0, 1.0))
    roughness_water = _number(0.045, "Height scatter within a footprint on rough water", "m", (0.0, 1.0))

    rate_thick = _number(6.0, "Signal photons a shot, strong beam, bright snow under clear sky", "1", (0.1, 30.0))
    rate_thin_dark = _number(1.1, "The same over dark nilas", "1", (0.0, 30.0))
    rate_thin_bright = _number(4.6, "The same over grey-white ice", "1", (0.0, 30.0))
    rate_rough = _number(0.55, "The same over rough water", "1", (0.0, 30.0))
    rate_specular = _number(22.0, "The same over calm water (median; a log-normal tail saturates)", "1", (0.0, 200.0))
    rate_spread = _number(0.18, "Spread of the logarithm of the rate along the track", "1", (0.0, 1.5))
    rate_spread_leads = _number(0.45, "Spread of the logarithm of the rate between leads", "1", (0.0, 2.0))
    weak_ratio = _fraction(0.25, "Energy of a weak beam against a strong one")

    pulse_width = _number(1.5, "Transmitted pulse, full width at half maximum", "ns", (0.1, 10.0))
    footprint = _number(11.0, "Diameter of the laser footprint (four standard deviations)", "m", (1.0, 40.0))
    subsurface = _fraction(0.02, "Share of photons delayed by scattering in snow", 0.5)
    subsurface_depth = _number(0.25, "Mean apparent depth of those", "m", (0.0, 5.0))
    dead_time = _number(3.2, "Dead time of a detector channel after a photon", "ns", (0.0, 20.0))
    afterpulse = _number(0.012, "Share of strong returns that ring 0.45 m and more below", "1", (0.0, 0.3))
    background = _number(11.0, "Background rate over a white surface with the sun overhead", "MHz", (0.0, 50.0))
    background_spread = _number(
        0.0,
        "Spread of the logarithm of the background rate along the track, by haze and slopes of the snow",
        "1",
        (0.0, 1.5),
    )
    dark_counts = _number(0.02, "Background rate at night", "MHz", (0.0, 5.0))
    telemetry = _number(36.0, "Height of the window in which photons are kept", "m", (6.0, 500.0))
    confidence_blur = _number(0.35, "How far the signal finder errs about the edges of the surface", "m", (0.0, 5.0))

    sea_surface_sigma = _number(0.08, "Standard deviation of sea level above geoid and tides", "m", (0.0, 2.0))
    sea_surface_length = _number(
        30.0,
        "Shortest wavelength of sea level, the longest ten times it (as rough as ATL10 leads over 5-20 km)",
        "km",
        (1.0, 500.0),
    )
    swell = _number(0.0, "Amplitude of swell travelling through the ice", "m", (0.0, 3.0))
    swell_length = _number(260.0, "Wavelength of the swell", "m", (30.0, 2000.0))

    cloud_thin = _fraction(0.12, "Share of the scene under thin cloud")
    cloud_thick = _fraction(0.05, "Share of the scene under thick cloud; its shadow falls beside it")
    cloud_track = _fraction(0.06, "Share of the track that was under cloud when the laser passed")
    cloud_height = _number(1300.0, "Height of the thick cloud", "m", (0.0, 12_000.0))

    minutes_low = _number(8.0, "Least time between track and scene", "min", (0.0, 2880.0))
    minutes_high = _number(48.0, "Largest time between track and scene", "min", (0.0, 2880.0))
    drift_low = _number(120.0, "Least distance the ice drifts between track and scene", "m", (0.0, 20_000.0))
    drift_high = _number(600.0, "Largest distance the ice drifts between track and scene", "m", (0.0, 20_000.0))
    swath = _number(11_000.0, "Width of the scene across the track; no data beyond", "m", (1000.0, 109_800.0))
    full_tile = param.Boolean(False, doc="Write the whole 109.8 km tile, 10980 by 10980 pixels")
    baseline = param.Selector(
        default="04.00",
        objects=["04.00", "02.08"],
        doc="Processing baseline; digital numbers carry an offset from 04.00",
    )
    scene_noise = _number(0.006, "Noise of a pixel's reflectance", "1", (0.0, 0.1))
    water_glint = _number(0.012, "Spread of the reflectance of water by waves and glint", "1", (0.0, 0.2))
    segment = _number(2.0, "Window of the truth along the track, as in the resample stage", "m", (0.5, 200.0))

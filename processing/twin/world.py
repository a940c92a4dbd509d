"""Everything one granule and its scene share: place, ice, ocean, cloud, drift, times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from processing.twin.cloud import CloudLaw, make_cloud
from processing.twin.floes import IceLaw
from processing.twin.ocean import Ocean, make_ocean
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS, Place, beam_nodes, make_place, sun
from processing.twin.surface import calibrated

F8 = NDArray[np.float64]

_SAMPLES = 6000


class Advance(Protocol):
    """What reports progress and may raise to stop the work."""

    def advance(self, amount: float = 1.0, detail: str | None = None) -> None: ...


@dataclass(frozen=True)
class World:
    """One coincident pair before anything measures it.

    ``scene_time`` UTC; ``drift_x`` ``drift_y`` m, what the ice moves from track time to scene time in the scene's
    projection: ice at p is seen in the scene at p + drift.
    """

    parameters: Twin
    index: int
    place: Place
    ice: IceLaw
    ocean: Ocean
    cloud: CloudLaw
    scene_time: datetime
    drift_x: float
    drift_y: float

    def rng(self, *salt: int) -> np.random.Generator:
        """Random numbers of one part of this pair, the same however the work is cut."""
        return np.random.default_rng([self.parameters.seed, self.index, *salt])


def make_world(parameters: Twin, index: int) -> World:
    """The pair ``index`` of a twin, from its parameters alone."""
    rng = np.random.default_rng([parameters.seed, index, 4])
    place = make_place(parameters, index)
    minutes = float(rng.uniform(parameters.minutes_low, max(parameters.minutes_low, parameters.minutes_high)))
    scene_time = place.start + timedelta(seconds=round(60.0 * minutes * (1 if rng.random() < 0.5 else -1)))
    distance = float(rng.uniform(parameters.drift_low, max(parameters.drift_low, parameters.drift_high)))
    heading = float(rng.uniform(0.0, 2.0 * np.pi))
    drift = distance * np.cos(heading), distance * np.sin(heading)
    x, y = _sample(place)
    middle = beam_nodes(place, "gt2l", place.segments // 2, 1)
    elevation, azimuth = sun(scene_time, middle.lat[:1], middle.lon[:1])
    cloud = make_cloud(parameters, index, x + drift[0], y + drift[1], float(elevation[0]), float(azimuth[0]))
    ice = calibrated(_ice(parameters, rng), x, y, parameters.thin_fraction, parameters.water_fraction)
    return World(parameters, index, place, ice, make_ocean(parameters, place, index), cloud, scene_time, *drift)


def _sample(place: Place) -> tuple[F8, F8]:
    """Places along every beam on which fractions are calibrated."""
    each = _SAMPLES // len(BEAMS)
    xs, ys = [], []
    for beam in BEAMS:
        nodes = beam_nodes(place, beam)
        x, y = nodes.at(place.x_start + (np.arange(each) + 0.5) / each * place.length)
        xs.append(x)
        ys.append(y)
    return np.concatenate(xs), np.concatenate(ys)


def _ice(parameters: Twin, rng: np.random.Generator) -> IceLaw:
    return IceLaw(
        seed=int(rng.integers(1, 2**40)),
        floe_scale=parameters.floe_scale,
        split=parameters.split,
        strike=float(rng.uniform(0.0, np.pi)),
        lead_power=parameters.lead_power,
        lead_most=parameters.lead_most,
        frozen_width=parameters.frozen_width,
        brash=parameters.brash,
        young=parameters.young,
        opening=0.9,
        water_age=0.3,
        specular=parameters.specular,
        thin_low=parameters.thin_freeboard_low,
        thin_high=max(parameters.thin_freeboard_high, parameters.thin_freeboard_low),
        freeboard=parameters.freeboard,
        freeboard_spread=parameters.freeboard_spread,
        snow_relief=parameters.snow_relief,
        ridge_height=parameters.ridge_height,
        ridge_density=parameters.ridge_density,
    )

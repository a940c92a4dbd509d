"""Segments averaged over footprints: hand cases, brute force, and tracks put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.footprint_means import Gathering, shared_length
from processing.core.footprints import Footprints, TrackPoints, average_track, near_track

HOUR = 3600.0


def line(count: int = 6, *, y: float = 0.0, time: float = 0.0, value: float | None = None) -> TrackPoints:
    """Segments every 2 m along x, their values their number."""
    x = 2.0 * np.arange(count) + 1.0
    values = np.arange(count, dtype=float) if value is None else np.full(count, value)
    labels = np.zeros(count, np.int8)
    return TrackPoints(
        x, np.full(count, y), x, time + x / 7000, values, np.full(count, 0.1), np.full(count, 0.02), labels
    )


def prints(x: float, y: float = 0.0, length: float = 4.5, width: float | None = None, **others: float) -> Footprints:
    given = {"time": 0.0, "angle": 0.0, "scale": 1.0, "drift_x": 0.0, "drift_y": 0.0} | others
    values = {"x": x, "y": y, "length": length, "width": length if width is None else width} | given
    return Footprints(**{name: np.array([value]) for name, value in values.items()})


def gathered(track: TrackPoints, where: Footprints, within: float = 10.0, hours: float = 1.0, **how: bool) -> Gathering:
    made = Gathering(len(where))
    made.add(average_track(track, where, near_track(track, where, within, hours * HOUR), **how), 0)
    return made


@pytest.mark.kernel
def test_two_segments_in_a_circle_and_one_outside() -> None:
    means = gathered(line(3), prints(2.0, length=3.0)).means()
    assert means.count.tolist() == [2]
    assert means.value[0] == pytest.approx(0.5)
    assert means.spread[0] == pytest.approx(0.5)
    assert means.sigma[0] == pytest.approx(np.sqrt(2 * 0.1**2 / 4 + 0.02**2))
    assert means.distance[0] == pytest.approx(1.0)
    assert (means.first[0], means.last[0], means.x_atc[0]) == (1.0, 3.0, 2.0)
    assert means.label.tolist() == [0]


@pytest.mark.kernel
def test_an_ellipse_across_the_track_is_narrow_along_it() -> None:
    track = line(50)
    across = gathered(track, prints(50.0, length=300.0, width=8.5, angle=np.pi / 2)).means()
    along = gathered(track, prints(50.0, length=300.0, width=8.5)).means()
    assert (across.count[0], along.count[0]) == (4, 50)


def test_hours_and_metres_are_limits() -> None:
    track = line()
    assert gathered(track, prints(5.0, time=2 * HOUR)).means().count.tolist() == [0]
    assert gathered(track, prints(5.0, time=2 * HOUR), hours=2.0).means().hours[0] == pytest.approx(-2.0, abs=1e-3)
    assert np.isnan(gathered(track, prints(5.0, 10.01)).means().value[0])
    beside = gathered(track, prints(5.0, 10.0, length=3.0)).means()
    assert (beside.count[0], beside.value[0], beside.moved[0], beside.distance[0]) == (1, 2.0, True, 10.0)


def test_a_track_that_crosses_wins_over_one_beside_and_two_that_cross_are_averaged() -> None:
    where, made = prints(5.0, length=4.5), Gathering(1)
    tracks = [line(y=9.0, value=7.0), line(y=5.0, value=5.0), line(value=1.0), line(value=3.0), line(y=3.0, value=9.0)]
    found = []
    for number, track in enumerate(tracks):
        made.add(average_track(track, where, near_track(track, where, 10.0, HOUR)), number)
        means = made.means()
        found.append((means.value[0], means.tracks[0], means.track[0], means.moved[0], means.count[0]))
    assert found == [
        (7, 1, 0, True, 3),
        (5, 1, 1, True, 3),
        (1, 1, 2, False, 3),
        (2, 2, 2, False, 6),
        (2, 2, 2, False, 6),
    ]
    one = gathered(tracks[2], where).means().sigma[0]
    assert made.means().sigma[0] == pytest.approx(one / np.sqrt(2))


def test_ice_that_drifted_is_sought_where_it_went() -> None:
    track = line(500, time=HOUR)
    where = prints(100.0, 500.0, length=4.5, drift_x=0.1, drift_y=-500.0 / HOUR)
    means = gathered(track, where, within=3.0, hours=1.1).means()
    assert means.distance[0] < 1.1
    assert means.x_atc[0] == pytest.approx(460.0, abs=1.1)
    assert gathered(track, replace(where, drift_y=np.zeros(1)), within=3.0, hours=1.1).means().count[0] == 0


def test_gaussian_weights_fall_to_the_edge() -> None:
    where = prints(5.0, length=4.5)
    track = replace(line(), value=np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))
    weight = np.exp(-2 * (2.0 / 2.25) ** 2)
    assert gathered(track, where, gaussian=True).means().value[0] == pytest.approx(1 / (1 + 2 * weight))


def test_lengths_are_on_the_ground() -> None:
    where = prints(5.0, 10.2, length=3.0, scale=1.03)
    assert gathered(line(), where).means().distance[0] == pytest.approx(10.2 / 1.03)


def test_nothing_meets_an_empty_track() -> None:
    assert len(near_track(line(0), prints(0.0), 10.0, HOUR)) == 0
    assert gathered(line(0), prints(0.0)).means().track.tolist() == [-1]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    bend=st.floats(-2e-6, 2e-6),
    within=st.floats(1, 60),
    hours=st.floats(0.1, 2),
    gaussian=st.booleans(),
)
def test_as_by_brute_force(seed: int, bend: float, within: float, hours: float, gaussian: bool) -> None:
    rng = np.random.default_rng(seed)
    x_atc = np.sort(rng.choice(np.arange(1000), 400, replace=False)) * 2.0
    heading = rng.uniform(0, 2 * np.pi)
    x = x_atc * np.cos(heading) - bend * x_atc**2 * np.sin(heading)
    y = x_atc * np.sin(heading) + bend * x_atc**2 * np.cos(heading)
    track = TrackPoints(
        x, y, x_atc, x_atc / 7000, *rng.normal(size=(3, 400)) ** 2, rng.integers(-1, 3, 400).astype("i1")
    )
    at, off = rng.integers(0, 400, 30), rng.normal(0, 25, (2, 30))
    where = Footprints(
        x[at] + off[0],
        y[at] + off[1],
        rng.uniform(-2, 2, 30) * HOUR,
        rng.uniform(0, 200, 30),
        rng.uniform(0, 60, 30),
        rng.uniform(0, np.pi, 30),
        np.full(30, rng.uniform(0.97, 1.1)),
        np.zeros(30),
        np.zeros(30),
    )
    means = gathered(track, where, within, hours, gaussian=gaussian).means()
    for k in range(30):
        away = np.hypot(x - where.x[k], y - where.y[k]) / where.scale[k]
        nearest = int(away.argmin())
        if away[nearest] > within or abs(track.time[nearest] - where.time[k]) > hours * HOUR:
            assert means.count[k] == 0
            continue
        square = inside(track, where, k, where.x[k], where.y[k])
        if not (square <= 1).any():
            square = inside(track, where, k, x[nearest], y[nearest])
        weight = np.where(square <= 1, np.exp(-2 * square) if gaussian else 1.0, 0.0)
        assert means.count[k] == (square <= 1).sum()
        assert means.value[k] == pytest.approx(np.average(track.value, weights=weight))
        assert means.distance[k] == pytest.approx(away[nearest])


def inside(track: TrackPoints, where: Footprints, k: int, x: float, y: float) -> np.ndarray:
    """Squared distance of every segment in half axes of a footprint."""
    turned = ((track.x - x) + 1j * (track.y - y)) * np.exp(-1j * where.angle[k]) / where.scale[k] * 2
    length, width = max(where.length[k], 1e-9), max(where.width[k], 1e-9)
    return (turned.real / length) ** 2 + (turned.imag / width) ** 2


def test_how_much_track_is_shared() -> None:
    assert shared_length([0, 0, 1], [0.0, 10.0, 0.0], [8.0, 18.0, 8.0]) == pytest.approx(1.0)
    assert shared_length([0, 0], [0.0, 0.0], [8.0, 8.0]) == pytest.approx(2.0)
    assert np.isnan(shared_length([], [], []))

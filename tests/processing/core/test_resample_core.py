"""Window statistics, places along a track and first-photon bias on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from processing.core.along_track import bracket, pieces, to_datetime
from processing.core.background import Background
from processing.core.corrections import Corrections, saturation_flags, without_fill
from processing.core.first_photon import LIGHT, WIDTH_PER_SIGMA, FirstPhotonTable
from processing.core.resample import (
    Anchors,
    Beam,
    Geolocation,
    PhotonChunk,
    segment_columns,
)
from processing.schema import Quality

EPOCH = np.datetime64("2018-01-01", "ns")
NO_BACKGROUND = Beam(Background(np.zeros(0), np.zeros(0)))


def chunk(photons: list[tuple[float, float, int, int, int]], reference: float = 10.0) -> PhotonChunk:
    """One segment from x = 100 m; photons are (distance, height above the ellipsoid, confidence, quality, shot)."""
    distance, height, confidence, quality, shot = (np.array(column) for column in zip(*photons, strict=True))
    one = np.ones(1)
    return PhotonChunk(
        height=height.astype(np.float32),
        distance=distance.astype(np.float32),
        confidence=confidence.astype(np.int8),
        quality=quality.astype(np.int8),
        frame=np.full(len(shot), 7, np.uint32),
        pulse=shot.astype(np.uint8),
        segments=Geolocation(
            start_x=100.0 * one,
            begin=np.zeros(1, np.int64),
            count=np.array([len(shot)]),
            piece=np.zeros(1, np.int64),
            corrections=Corrections(reference * one, 0.25 * one, np.nan * one),
            solar_elevation=30.0 * one,
            usable=np.ones(1, np.bool_),
            flags=np.array([Quality.NO_DAC | (Quality.NO_REFERENCE_HEIGHT if np.isnan(reference) else 0)], np.uint32),
        ),
        anchors=Anchors(
            x=np.array([100.0, 120.0]),
            lat=np.array([80.0, 80.2]),
            lon=np.array([179.9, -179.9]),
            time=np.array([1.0, 3.0]),
            piece=np.zeros(2, np.int64),
        ),
        extent=(-np.inf, np.inf),
        accept=3,
        epoch=EPOCH,
        photons=len(shot),
    )


@pytest.mark.kernel
def test_one_window_by_hand() -> None:
    photons = [
        (2.1, 10.5, 4, 0, 10),
        (2.2, 10.75, 3, 0, 10),
        (2.9, 11.25, 4, 0, 11),
        (3.5, 12.0, 4, 0, 12),
        (2.3, 10.5, 2, 0, 10),  # too little confidence
        (2.4, 10.5, 4, 1, 10),  # not nominal
        (2.5, 25.0, 4, 0, 11),  # too high
        (9.0, np.nan, 4, 0, 20),
        (3.4e38, 10.5, 4, 0, 21),  # fill
    ]
    row = segment_columns(chunk(photons), 2.0, 10.0, NO_BACKGROUND)
    assert row["segment"].tolist() == [51]
    assert row["x_atc"].tolist() == [103.0]
    assert row["photon_count"].tolist() == [4]
    assert row["photon_count_high"].tolist() == [3]
    # Corrected by 10 + 0.25: 0.25, 0.5, 1.0, 1.75.
    assert row["height_mean"][0] == 0.875
    assert row["height_median"][0] == 0.75
    assert row["height_std"][0] == np.float32(np.std([0.25, 0.5, 1.0, 1.75]))
    assert (row["height_min"][0], row["height_max"][0]) == (0.25, 1.75)
    assert row["height_ellipsoid"][0] == 11.125
    assert (row["reference_height"][0], row["tide"][0], row["solar_elevation"][0]) == (10.0, 0.25, 30.0)
    assert np.isnan(row["dac"][0])
    assert np.isnan(row["background_rate"][0])
    assert row["quality"][0] == Quality.NO_DAC | Quality.NO_BACKGROUND
    np.testing.assert_allclose(row["lat"], 80.03)
    np.testing.assert_allclose(row["lon"], 179.93)
    assert row["time"][0] == EPOCH + np.timedelta64(1_300_000_000, "ns")
    assert row["photon_rate"][0] == np.float32(4 / row["pulse_count"][0])


@pytest.mark.kernel
def test_height_limit_counts_from_the_local_surface_where_no_reference_is_known() -> None:
    photons = [(1.0 + k / 10, height, 4, 0, k) for k, height in enumerate([27.5, 27.25, 27.75, 38.0])]
    row = segment_columns(chunk(photons, reference=np.nan), 2.0, 10.0, NO_BACKGROUND)
    assert row["photon_count"].tolist() == [3]
    assert row["height_mean"][0] == 27.25
    assert np.isnan(row["reference_height"][0])
    assert row["quality"][0] & Quality.NO_REFERENCE_HEIGHT


@pytest.mark.kernel
def test_silent_shots_count_as_fired() -> None:
    """Twenty-eight shots in 20 m, of which only every fourth returned anything."""
    photons = [(0.71 * k + 0.3, 10.25, 4, 0, k + 1) for k in range(0, 28, 4)]
    row = segment_columns(chunk(photons), 10.0, 10.0, NO_BACKGROUND)
    # One segment alone gives a nominal line of one shot in 0.71 m, cut off at the first and last shot seen.
    assert row["pulse_count"].tolist() == [14, 11]
    assert row["photon_count"].tolist() == [4, 3]


@pytest.mark.kernel
@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-9.5, 9.5, width=32), min_size=1, max_size=80))
def test_statistics_of_any_window(heights: list[float]) -> None:
    photons = [(4.5, 10.25 + value, 4, 0, 1) for value in heights]
    given_heights = np.array([10.25 + value for value in heights], np.float32).astype(float) - 10.25
    row = segment_columns(chunk(photons), 2.0, 10.0, NO_BACKGROUND)
    expected = [f(given_heights) for f in (np.mean, np.median, np.std, np.min, np.max)]
    found = [row[f"height_{name}"][0] for name in ("mean", "median", "std", "min", "max")]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.kernel
def test_bracket_keeps_to_pieces() -> None:
    x = np.array([0.0, 20.0, 40.0, 500.0, 900.0, 920.0])
    piece = pieces(x)
    assert piece.tolist() == [0, 0, 0, 1, 2, 2]
    at = np.array([-5.0, 10.0, 40.0, 45.0, 480.0, 510.0, 895.0, 930.0])
    place = bracket(x, piece, at)
    assert place.left.tolist() == [0, 0, 1, 1, 3, 3, 4, 4]
    assert place.right.tolist() == [1, 1, 2, 2, 3, 3, 5, 5]
    values = place.read(x * 2.0)
    np.testing.assert_allclose(values[[0, 1, 2, 3, 6, 7]], 2.0 * at[[0, 1, 2, 3, 6, 7]])
    assert values[4] == values[5] == 1000.0
    shuffled = bracket(x, piece, at[::-1].copy())
    assert shuffled.left.tolist() == place.left[::-1].tolist()


@pytest.mark.kernel
def test_longitude_goes_the_short_way_round() -> None:
    place = bracket(np.array([0.0, 10.0]), np.zeros(2, np.int64), np.array([2.0, 5.0, 8.0, 12.0]))
    found = place.read_longitude(np.array([179.0, -179.0]))
    np.testing.assert_allclose(found, [179.4, -180.0, -179.4, -178.6])
    np.testing.assert_allclose(place.read_longitude(np.array([-179.0, 179.0])), [-179.4, -180.0, 179.4, 178.6])


def table(rng: np.random.Generator, beam: float) -> FirstPhotonTable:
    strength, width = np.linspace(0.5, 10, 6), np.linspace(1, 8, 5)
    correction = rng.uniform(0, 900, (3, 6, 5))
    return FirstPhotonTable(
        np.array([2.0, 3.0, 4.0]), np.tile(strength, (3, 1)), np.tile(width, (3, 1)), correction, beam
    )


@pytest.mark.kernel
@pytest.mark.parametrize("dead_time", [1.0, 2.0, 2.7, 4.0, 9.0])
def test_first_photon_bias_is_trilinear_and_held_at_the_edges(dead_time: float) -> None:
    rng = np.random.default_rng(1)
    calibration = table(rng, dead_time)
    strength, std, count = rng.uniform(0, 12, 60), rng.uniform(0, 1.2, 60), rng.integers(1, 30, 60).astype(float)
    axes = (calibration.dead_time, calibration.strength[0], calibration.width[0])
    width = WIDTH_PER_SIGMA * std * np.sqrt(count / np.maximum(count - 1, 1)) * 2 / LIGHT * 1e9
    points = [
        np.clip(np.broadcast_to(value, 60), axis[0], axis[-1])
        for value, axis in zip((dead_time, strength, width), axes, strict=True)
    ]
    expected = RegularGridInterpolator(axes, calibration.correction)(np.column_stack(points)) * 1e-12 * LIGHT / 2
    np.testing.assert_allclose(calibration.height_bias(strength, std, count), expected, rtol=1e-12)


def test_first_photon_bias_lowers_mean_and_median_only() -> None:
    photons = [(1.0, 10.5, 4, 0, 1), (1.5, 11.0, 4, 0, 2)]
    calibration = FirstPhotonTable(np.ones(1), np.ones((1, 1)), np.ones((1, 1)), np.full((1, 1, 1), 200.0), 1.0)
    plain = segment_columns(chunk(photons), 2.0, 10.0, NO_BACKGROUND)
    beam = Beam(NO_BACKGROUND.background, calibration)
    corrected = segment_columns(chunk(photons), 2.0, 10.0, beam)
    for name in ("height_mean", "height_median"):
        np.testing.assert_allclose(plain[name] - corrected[name], 200e-12 * LIGHT / 2, rtol=1e-5)
    for name in ("height_min", "height_max", "height_ellipsoid"):
        assert plain[name] == corrected[name]
    assert corrected["quality"][0] & Quality.FIRST_PHOTON_CORRECTED


def test_background_is_unknown_away_from_its_samples() -> None:
    background = Background(np.array([0.0, 0.005, 0.01, 1.0]), np.array([1.0, 2.0, 4.0, 9.0]))
    found = background.at(np.array([-0.01, 0.0025, 0.0075, 0.3, 0.96, 1.2]))
    np.testing.assert_allclose(found[[0, 1, 2]], [1.0, 1.5, 3.0])
    assert np.isnan(found[[3, 5]]).all()
    assert found[4] > 8.0


def test_fill_flags_and_times() -> None:
    assert np.isnan(without_fill(np.array([3.4028235e38, -3.4e38, np.inf], np.float32))).all()
    flags = saturation_flags(np.array([0.0, 0.6, np.nan]), np.array([0.5, 0.7, 0.1]))
    assert flags.tolist() == [1, 3, 0]
    assert to_datetime(EPOCH, np.array([2.5e8 + 0.25]))[0] == EPOCH + np.timedelta64(250_000_000_250, "ms")

"""Photon statistics: rates, noise, dead time and the calibration table that describes it."""

from __future__ import annotations

import numpy as np
import pytest

from processing.twin.deadtime import calibration
from processing.twin.parameters import Twin
from processing.twin.photons import (
    COLUMNS,
    LIGHT,
    Returns,
    Strip,
    footprint_weights,
    mean_over_footprint,
    receiver,
    returns,
    signal_confidence,
)

SHOTS = 20_000


def flat(rate: float, *, snow: bool = False) -> Strip:
    """A level surface that sends ``rate`` photons a shot."""
    shape = (SHOTS, COLUMNS)
    return Strip(
        np.zeros(shape, np.float32),
        np.full(shape, rate, np.float32),
        np.zeros(shape, np.float32),
        np.full(shape, snow),
        np.zeros(SHOTS, np.float32),
    )


def shoot(rate: float, *, strong: bool = True, noise: float = 0.0, **knobs: float) -> Returns:
    parameters = Twin(afterpulse=0.0, **knobs)
    weights = footprint_weights(2.75, 0.7)
    level = np.zeros(SHOTS)
    kit = receiver(parameters, strong=strong)
    rng = np.random.default_rng(3)
    return returns(rng, flat(rate), level, np.ones(SHOTS), np.full(SHOTS, noise), weights, kit)


def test_few_photons_all_come_through() -> None:
    found = shoot(0.5)
    assert found.height.size / SHOTS == pytest.approx(0.5, rel=0.03)
    assert found.height.std() == pytest.approx(1.5e-9 / 2.3548 * LIGHT / 2, rel=0.03)
    assert abs(found.height.mean()) < 0.005


def test_background_is_poisson_in_the_window() -> None:
    found = shoot(0.0, noise=4e6, telemetry=40.0)
    expected = 4e6 * 40.0 * 2.0 / LIGHT
    counts = np.bincount(found.shot, minlength=SHOTS)
    assert counts.mean() == pytest.approx(expected, rel=0.03)
    assert counts.var() == pytest.approx(expected, rel=0.06)
    assert not found.signal.any()


@pytest.mark.parametrize("strong", [True, False])
def test_bright_returns_saturate_and_are_seen_too_high(strong: bool) -> None:
    channels = 16 if strong else 4
    found = shoot(1.4 * channels, strong=strong)
    assert 0.6 * channels < found.height.size / SHOTS < channels
    assert found.height.mean() > 0.03


@pytest.mark.parametrize("strong", [True, False])
@pytest.mark.parametrize("load", [0.1, 0.4, 0.9, 1.5])
def test_the_calibration_table_undoes_the_bias(strong: bool, load: float) -> None:
    channels = 16 if strong else 4
    found = shoot(load * channels, strong=strong)
    table = calibration(channels)
    dead = list(table.dead_time).index(3.2)
    seconds = found.height * 2.0 / LIGHT
    width = (np.percentile(seconds, 90) - np.percentile(seconds, 10)) * 1e9
    seen = found.height.size / SHOTS
    by_width = [np.interp(seen, table.strength[:, dead], row) for row in table.correction[:, :, dead]]
    correction = np.interp(width, table.width[:, dead], by_width) * 1e-12 * LIGHT / 2.0
    assert found.height.mean() - correction == pytest.approx(0.0, abs=0.006)


def test_dead_time_parts_photons_of_a_channel() -> None:
    found = shoot(20.0)
    blind = receiver(Twin(), strong=True).blind
    key = found.shot * 100 + found.channel
    order = np.lexsort((-found.height, key))
    same = np.diff(key[order]) == 0
    assert (-np.diff(found.height[order])[same]).min() >= blind


def test_no_dead_time_no_bias() -> None:
    assert abs(shoot(20.0, dead_time=0.0).height.mean()) < 0.003


def test_snow_delays_some_photons() -> None:
    kit = receiver(Twin(afterpulse=0.0, subsurface=0.2, subsurface_depth=0.4), strong=True)
    rng, weights = np.random.default_rng(3), footprint_weights(2.75, 0.7)
    found = returns(rng, flat(0.5, snow=True), np.zeros(SHOTS), np.ones(SHOTS), np.zeros(SHOTS), weights, kit)
    assert found.height.mean() == pytest.approx(-0.08, abs=0.012)


def test_footprint_mean_is_a_gaussian_blur() -> None:
    weights = footprint_weights(2.75, 0.7)
    assert weights.sum() == pytest.approx(1.0)
    values = np.zeros((101, COLUMNS), np.float32)
    values[50] = 1.0
    blurred = mean_over_footprint(values, weights)
    offset = (np.arange(101) - 50) * 0.7
    assert blurred.sum() == pytest.approx(1.0)
    assert np.sqrt((blurred * offset**2).sum()) == pytest.approx(2.75, rel=0.06)


def test_confidence_finds_the_surface_and_rejects_far_noise() -> None:
    found = shoot(5.0, noise=4e6)
    confidence, weight = signal_confidence(
        np.random.default_rng(0), found, np.zeros(SHOTS), np.full(SHOTS, 5.0), Twin().confidence_blur
    )
    assert np.mean(confidence[found.signal] == 4) > 0.98
    far = ~found.signal & (np.abs(found.height) > 5.0)
    assert confidence[far].max() <= 1
    assert weight[found.signal].mean() > 200 > 40 > weight[far].mean()


def test_without_signal_there_is_no_confidence() -> None:
    found = shoot(0.0, noise=4e6)
    confidence, _ = signal_confidence(np.random.default_rng(0), found, np.zeros(SHOTS), np.zeros(SHOTS), 0.3)
    assert confidence.max() <= 2
    assert np.mean(confidence == 2) < 0.02

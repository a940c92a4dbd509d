"""Brightness proxies: free of scale and slow change, clipped, neutral where nothing is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.core.proxies import PROXIES, brightness_proxies, running_median

Array = npt.NDArray[np.float64]

N = 10_000


def signals(seed: int = 0) -> tuple[Array, Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    x = np.arange(N) * 2.0 + 1.0
    return (
        x,
        rng.uniform(1e6, 2e6, N),
        rng.normal(0.3, 0.1, N),
        rng.uniform(1, 5, N),
        rng.uniform(0.05, 0.2, N),
    )


def test_a_dark_lead_is_low_in_every_proxy() -> None:
    x, background, height, rate, spread = signals()
    lead = slice(4000, 4100)
    background[lead], height[lead], rate[lead], spread[lead] = 2e5, -0.1, 0.3, 0.02
    found = brightness_proxies(x, background, height, rate, spread)
    assert found.shape == (len(PROXIES), N)
    inside, outside = found[:, lead].mean(1), np.delete(found, np.r_[lead], axis=1).mean(1)
    low = inside < outside - 0.2
    assert low[[0, 1, 2, 4]].all()
    rate[lead] = 40.0
    assert brightness_proxies(x, background, height, rate, spread)[3, lead].mean() == -3.0


def test_beam_sun_and_sea_level_do_not_matter() -> None:
    x, background, height, rate, spread = signals()
    plain = brightness_proxies(x, background, height, rate, spread)
    other = brightness_proxies(x, 0.25 * background, height - 7.0, 0.25 * rate, 3.0 * spread)
    np.testing.assert_allclose(plain, other, atol=1e-5)
    tilted = brightness_proxies(x, background * (1 + x / 1e5), height + x * 1e-6, rate, spread)
    np.testing.assert_allclose(plain, tilted, atol=0.05)


def test_unknown_is_neutral() -> None:
    x, background, height, rate, spread = signals()
    background[:] = np.nan
    rate[:] = 0.0
    height[10] = np.nan
    found = brightness_proxies(x, background, height, rate, spread)
    assert np.isfinite(found).all()
    assert not found[[0, 2, 3]].any()
    assert found[1, 10] == 0.0
    assert found[1].any()


def test_running_median_follows_across_gaps_and_ignores_nan() -> None:
    x = np.concatenate([np.arange(0.0, 3000, 2), np.arange(50_000.0, 53_000, 2)])
    values = np.where(x < 25_000, 1.0, 5.0)
    values[::7] = np.nan
    found = running_median(x, values)
    assert (found[x < 2000] == 1.0).all()
    assert (found[x > 52_000] == 5.0).all()
    assert np.isnan(running_median(x, np.full(len(x), np.nan))).all()

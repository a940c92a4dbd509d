"""Laws of sizes recovered from sizes that were drawn from them."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.distributions import exponential, log_normal, power_law, power_law_start, survival


def test_power_law_is_recovered() -> None:
    rng = np.random.default_rng(0)
    pulls = []
    for _ in range(200):
        fit = power_law(20.0 * rng.random(400) ** (-1 / 1.6), 20.0)
        assert fit is not None
        pulls.append((fit.values["exponent"] - 2.6) / fit.sigmas["exponent"])
    assert abs(np.mean(pulls)) < 0.2
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)


def test_the_start_is_where_the_law_begins() -> None:
    rng = np.random.default_rng(1)
    sizes = np.r_[rng.uniform(2, 30, 2000), 30.0 * rng.random(2000) ** (-1 / 1.5)]
    fit = power_law_start(sizes, [5.0, 15.0, 30.0, 60.0])
    assert fit is not None
    assert fit.start == 30.0
    assert fit.values["exponent"] == pytest.approx(2.5, abs=4 * fit.sigmas["exponent"])
    assert fit.distance < 0.03


def test_by_hand() -> None:
    fit = power_law(np.full(16, np.e), 1.0)
    assert fit is not None
    assert (fit.values["exponent"], fit.sigmas["exponent"]) == pytest.approx((2.0, 0.25))
    assert power_law([1.0] * 16, 1.0) is None
    assert power_law([2.0] * 9, 1.0) is None
    fit = exponential(np.r_[np.full(16, 3.0), np.full(4, 5.0)], 1.0, np.arange(20) >= 16)
    assert fit is not None
    assert (fit.values["mean"], fit.sigmas["mean"]) == pytest.approx(((32 + 16) / 16, 3 / 4))
    assert (fit.count, fit.censored) == (20, 4)


def test_share_larger_by_hand() -> None:
    size, share = survival([1.0, 2.0, 2.0, 3.0, 4.0], [False, False, False, True, False])
    assert size.tolist() == [1.0, 2.0, 4.0]
    assert share == pytest.approx([0.8, 0.4, 0.0])


@pytest.mark.parametrize("law", ["exponential", "log-normal", "power law"])
def test_censored_sizes_do_not_bend_the_law(law: str) -> None:
    rng = np.random.default_rng(3)
    drawn = {
        "exponential": rng.exponential(300.0, 4000),
        "log-normal": np.exp(rng.normal(5.0, 0.8, 4000)),
        "power law": 20.0 * rng.random(4000) ** (-1 / 1.6),
    }
    sizes = drawn[law]
    end = 20.0 + rng.exponential(500.0, len(sizes))
    seen, censored = np.minimum(sizes, end), end < sizes
    fit = {
        "exponential": exponential(seen, 0.0, censored),
        "log-normal": log_normal(seen, censored),
        "power law": power_law(seen, 20.0, censored),
    }[law]
    assert fit is not None
    truth = {
        "exponential": {"mean": 300.0},
        "log-normal": {"median": np.exp(5.0), "log_spread": 0.8},
        "power law": {"exponent": 2.6},
    }
    for name, value in truth[law].items():
        assert fit.values[name] == pytest.approx(value, abs=3 * fit.sigmas[name])
        assert fit.sigmas[name] < 0.05 * value
    assert fit.distance < 0.03


def test_log_normal_has_the_errors_of_the_book() -> None:
    fit = log_normal(np.exp(np.random.default_rng(5).normal(2.0, 0.5, 900)))
    assert fit is not None
    assert fit.sigmas["log_spread"] == pytest.approx(0.5 / np.sqrt(1800), rel=0.05)
    assert fit.sigmas["median"] / fit.values["median"] == pytest.approx(0.5 / 30, rel=0.05)
    assert log_normal([3.0] * 20) is None

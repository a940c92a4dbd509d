"""Thickness against numbers worked by hand and against drawn errors."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.thickness import Densities, thickness


def test_by_hand() -> None:
    found = thickness([0.30, 0.30], 0.02, [0.0, 0.20], 0.05)
    assert found.thickness == pytest.approx([1024 * 0.3 / 109, (1024 * 0.3 - 704 * 0.2) / 109])
    terms = np.array([1024 / 109 * 0.02, 704 / 109 * 0.05, (0.1 - found.thickness[1]) / 109 * 0.5])
    terms = np.append(terms, [found.thickness[1] / 109 * 10, 0.2 / 109 * 50])
    assert found.sigma[1] == pytest.approx(np.sqrt((terms**2).sum()))
    assert found.sigma_common[1] == pytest.approx(np.sqrt((terms[1:] ** 2).sum()))


def test_snow_is_no_deeper_than_the_freeboard() -> None:
    limited = thickness(0.1, 0.02, 0.3, 0.0)
    assert limited.thickness == pytest.approx(320 * 0.1 / 109)
    assert limited.snow_depth == pytest.approx(0.1)
    assert limited.freeboard_factor == pytest.approx(320 / 109)
    assert thickness(0.1, 0.02, 0.3, 0.0, limit_snow=False).thickness == 0.0


def test_negative_freeboard_is_none_and_water_has_no_ice() -> None:
    found = thickness([-0.05, 0.3, 0.3, np.nan], 0.02, [0.1, 0.1, np.nan, 0.1], 0.05, water=[False, True, False, False])
    assert found.thickness[0] == 0.0
    assert np.isfinite(found.sigma[0])
    for column in (found.thickness, found.sigma, found.sigma_common, found.snow_depth):
        assert np.isnan(column[1:]).all()


def test_uncertainty_covers_drawn_errors() -> None:
    rng = np.random.default_rng(4)
    one = thickness(0.45, 0.03, 0.2, 0.04)
    draws = 400_000
    densities = Densities(rng.normal(1024, 0.5, draws), rng.normal(915, 10, draws), rng.normal(320, 50, draws))
    common = thickness(0.45, 0.0, rng.normal(0.2, 0.04, draws), 0.0, densities).thickness
    whole = thickness(rng.normal(0.45, 0.03, draws), 0.0, rng.normal(0.2, 0.04, draws), 0.0, densities).thickness
    assert common.std() == pytest.approx(float(one.sigma_common), rel=0.03)
    assert whole.std() == pytest.approx(float(one.sigma), rel=0.03)


def test_densities_may_vary_and_must_float() -> None:
    found = thickness([0.3, 0.3], 0.02, 0.1, 0.05, Densities(ice=np.array([915.0, 882.0])))
    assert found.thickness[0] > found.thickness[1]
    with pytest.raises(ValueError, match="lighter than water"):
        thickness(0.3, 0.02, 0.1, 0.05, Densities(ice=1030.0))

"""Classes, leads, density and modes beside a product's, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.product_agreement import class_table, density, density_profile, lead_match, mode, type_group
from processing.core.product_comparison import touched_runs


def test_types_are_grouped_as_the_data_dictionary_does() -> None:
    assert type_group([0, 1, 2, 5, 6, 9, 10, -1, 127]).tolist() == [0, 1, 2, 2, 3, 3, -1, -1, -1]


def test_classes_are_counted_where_they_count() -> None:
    table = class_table([0, 0, 1, 2, -1, 2], [1, 0, 1, 4, 1, 7], [True, True, True, True, True, False])
    assert table.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]


def test_leads_match_both_ways() -> None:
    found = lead_match([2, 2, 0, 0, 2], [0.9, 0.6, 0.2, np.nan, 1.0], [1, 0, 1, 1, 1], [1, 1, 1, 1, 0])
    assert (found.theirs, found.ours, found.both, found.touched) == (3, 2, 1, 2)
    assert found.found == pytest.approx(1 / 3)
    assert found.confirmed == pytest.approx(1 / 2)
    assert np.isnan(lead_match([0], [0.0], [0], [1]).found)


def test_runs_that_share_ground() -> None:
    run = [0, 0, -1, 1, 1, -1, 2]
    x = np.arange(7) * 2.0
    assert touched_runs(run, x, np.array([7.5, 0.0]), np.array([9.0, 1.0])) == (3, 2)
    assert touched_runs(run, x, np.zeros(0), np.zeros(0)) == (3, 0)


def test_density_over_the_common_stretch() -> None:
    found = density(np.arange(0, 4000, 2.0), np.arange(1000.0, 9000.0, 50.0))
    assert found.length == pytest.approx(2998.0)
    assert found.ours == pytest.approx(500.0, abs=0.5)
    assert found.theirs == pytest.approx(20.0, abs=0.2)
    assert np.isnan(density([1.0, 2.0], [5.0, 6.0]).ours)
    assert density_profile([1.0, 2.0, 600.0, np.nan], [0.0, 500.0, 1000.0]).tolist() == [4.0, 2.0]


def test_the_mode_is_found_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0.3, 0.05, 4000), rng.uniform(0.0, 1.5, 2000)])
    found = mode(values, np.arange(6000) % 40)
    assert found.value == pytest.approx(0.3, abs=0.025)
    assert found.low <= 0.3 <= found.high
    assert found.high - found.low < 0.1
    assert np.isnan(mode([0.2, 0.2, np.nan], [0, 1, 2]).low), "too few blocks"
    assert mode([0.2, 0.2, np.nan], [0, 1, 2]).value == pytest.approx(0.2, abs=0.011)
    assert np.isnan(mode([np.nan], [0]).value)

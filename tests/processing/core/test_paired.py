"""Agreement of pairs: by hand, against numpy, and how often its intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core.paired import paired_agreement


def test_two_pairs_by_hand() -> None:
    found = paired_agreement([0.2, 0.5], [0.1, 0.3], [0, 1])
    assert (found.count, found.blocks) == (2, 2)
    assert found.bias.value == pytest.approx(0.15)
    assert found.rms.value == pytest.approx(np.sqrt((0.01 + 0.04) / 2))
    assert found.centred_rms.value == pytest.approx(0.05)
    assert found.correlation.value == pytest.approx(1.0)
    assert found.slope.value == pytest.approx(1.5)
    assert np.isnan(found.bias.low)
    assert "fewer than 5 blocks" in found.reason


def test_nothing_and_constants_have_reasons() -> None:
    assert paired_agreement([np.nan, 1.0], [1.0, np.nan], [0, 1]).reason == "no pair that both measured"
    constant = paired_agreement(np.arange(9) * 0.1, np.full(9, 0.3), np.arange(9))
    assert np.isnan(constant.slope.value)
    assert "theirs is one value" in constant.reason
    assert constant.bias.low < constant.bias.value < constant.bias.high


@given(st.integers(0, 1000), st.floats(-50, 50))
def test_values_are_those_of_numpy_wherever_zero_is(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    theirs = rng.normal(shift, 0.2, 50)
    ours = theirs + rng.normal(0.05, 0.1, 50)
    found = paired_agreement(ours, theirs, np.arange(50) // 5, seed)
    assert found.bias.value == pytest.approx((ours - theirs).mean(), abs=1e-12)
    assert found.rms.value == pytest.approx(np.sqrt(((ours - theirs) ** 2).mean()))
    assert found.centred_rms.value == pytest.approx((ours - theirs).std())
    assert found.correlation.value == pytest.approx(np.corrcoef(ours, theirs)[0, 1])
    assert found.slope.value == pytest.approx(np.polyfit(theirs - shift, ours, 1)[0])


def test_intervals_hold_where_neighbours_err_together() -> None:
    rng = np.random.default_rng(7)
    block = np.arange(600) // 10
    held = 0
    for seed in range(100):
        common = rng.normal(0.0, 0.1, 60)[block]
        theirs = rng.normal(0.3, 0.1, 600)
        bias = paired_agreement(theirs + common + rng.normal(0, 0.02, 600), theirs, block, seed, draws=200).bias
        held += bias.low <= 0.0 <= bias.high
    assert 88 <= held <= 99

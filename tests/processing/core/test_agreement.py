"""Cohen's kappa: by hand, a textbook's example, invariances, and whether the intervals hold what they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.agreement import (
    CLEAR,
    CODES,
    Bootstrap,
    agreement,
    block_numbers,
    confusion_by_block,
    kappa,
    one_against_rest,
    report,
)
from processing.schema import AutoFlag

FEW = Bootstrap(draws=100)


def rated(confusion: list[list[int]], codes: tuple[int, ...] = (0, 1, 2)) -> tuple[np.ndarray, np.ndarray]:
    """Two raters' classes that give a confusion."""
    counts = np.array(confusion)
    row, column = np.indices(counts.shape)
    names = np.array(codes, np.int8)
    return np.repeat(names[row.ravel()], counts.ravel()), np.repeat(names[column.ravel()], counts.ravel())


def test_two_classes_by_hand() -> None:
    # p_o = 35 / 50, p_e = (25 x 30 + 25 x 20) / 2500 = 0.5
    share, value = kappa([[20, 5], [10, 15]])
    assert share == pytest.approx(0.7)
    assert value == pytest.approx(0.4)


def test_the_example_of_fleiss_levin_and_paik() -> None:
    # Statistical Methods for Rates and Proportions, 3rd ed. (2003), table 18.1: 100 subjects, kappa 0.68 overall,
    # 0.69, 0.50 and 0.77 for each diagnosis against the rest.
    first, second = rated([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    found = report(first, second, np.arange(100), np.zeros(100), FEW)
    assert found.overall.share == pytest.approx(0.89)
    assert found.overall.kappa == pytest.approx(0.23 / 0.34)
    by_class = [round(found.by_class[code].kappa, 2) for code in (0, 1, 2)]
    assert by_class == [0.69, 0.50, 0.77]
    assert found.confusion.tolist() == [[0, 0, 0, 0], [0, 75, 1, 4], [0, 5, 4, 1], [0, 0, 0, 10]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_kappa_depends_on_neither_the_order_of_raters_nor_the_names_of_classes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.choice(CODES, 200, p=rng.dirichlet(np.ones(4))).astype(np.int8)
    second = np.where(rng.random(200) < rng.random(), first, rng.choice(CODES, 200)).astype(np.int8)
    block = np.arange(200) // 10
    plain, turned = agreement(first, second, block, FEW), agreement(second, first, block, FEW)
    assert plain.kappa == pytest.approx(turned.kappa, nan_ok=True)
    assert plain.share == turned.share
    names = rng.permutation(CODES)
    renamed = agreement(names[first + 1], names[second + 1], block, FEW)
    assert renamed.kappa == pytest.approx(plain.kappa, nan_ok=True)
    identical = bool((first == second).all())
    assert (plain.kappa == 1.0) == (identical and len(np.unique(first)) > 1)
    assert np.isnan(plain.kappa) or -1.0 <= plain.kappa <= 1.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_kappa_is_as_by_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (4, 4))
    total = counts.sum()
    observed = np.trace(counts) / total
    expected = float(counts.sum(axis=1) @ counts.sum(axis=0)) / total**2
    assert kappa(counts)[1] == pytest.approx((observed - expected) / (1 - expected))
    for own, code in enumerate(CODES):
        others = [place for place in range(4) if place != own]
        by_hand = [
            [counts[own, own], counts[own, others].sum()],
            [counts[others, own].sum(), counts[np.ix_(others, others)].sum()],
        ]
        assert one_against_rest(counts, code).tolist() == by_hand


def test_blocks_are_counted_apart() -> None:
    block = block_numbers([99.0, 101.0, 103.0, 250.0], 100.0)
    assert block.tolist() == [0, 1, 1, 2]
    counts = confusion_by_block([0, 0, 2, -1], [0, 1, 2, -1], block)
    assert counts.shape == (3, 4, 4)
    assert (counts[0, 1, 1], counts[1, 1, 2], counts[1, 3, 3], counts[2, 0, 0]) == (1, 1, 1, 1)
    assert counts.sum() == 4


def test_what_cannot_be_said_is_not_said_and_why() -> None:
    nothing = agreement([], [], [])
    assert np.isnan([nothing.share, nothing.kappa, nothing.low]).all()
    assert (nothing.segments, nothing.reason) == (0, "no segment that both judged")
    one_class = agreement(np.ones(100), np.ones(100), np.arange(100), FEW)
    assert (one_class.share, one_class.share_low) == (1.0, 1.0)
    assert np.isnan([one_class.kappa, one_class.low, one_class.high]).all()
    assert one_class.reason == "both gave one class only"
    short = agreement(*rated([[20, 5, 0], [10, 15, 0], [0, 0, 0]]), np.arange(50) // 10, FEW)
    assert short.kappa == pytest.approx(0.4)
    assert np.isnan([short.low, short.share_low]).all()
    assert short.reason == "fewer than 10 blocks of 100 m"
    rare = agreement(*rated([[99, 0, 0], [0, 1, 0], [0, 0, 0]]), np.arange(100), FEW)
    assert rare.kappa == 1.0
    assert np.isnan(rare.low)
    assert "too rare" in rare.reason
    absent = report(*rated([[20, 5, 0], [10, 15, 0], [0, 0, 0]]), np.arange(50), np.zeros(50), FEW).by_class[2]
    assert absent.share == 1.0
    assert "neither gave this class" in absent.reason


def test_flags_part_the_segments_and_clear_is_the_rest() -> None:
    first = np.array([0, 0, 1, 2, 2, 1])
    second = np.array([0, 1, 1, 2, 0, 1])
    flags = [
        AutoFlag.CLOUD,
        AutoFlag.CLOUD | AutoFlag.SHADOW,
        AutoFlag.DRIFT_UNSURE,
        AutoFlag.SATURATED,
        0,
        AutoFlag.TRANSITION,
    ]
    found = report(first, second, np.arange(6), flags, FEW).by_flag
    assert {name: item.segments for name, item in found.items()} == {
        "cloud": 2,
        "shadow": 1,
        "transition": 1,
        "drift": 1,
        CLEAR: 2,
    }
    assert found["cloud"].share == 0.5
    assert found[CLEAR].share == 0.5


def test_drawing_patterns_is_drawing_blocks() -> None:
    # The spread of the raw agreement of independent blocks is that of a binomial.
    rng = np.random.default_rng(5)
    second = (rng.random(400) < 0.2).astype(int)
    found = agreement(np.zeros(400), second, np.arange(400), Bootstrap(draws=4000))
    wrong = second.mean()
    spread = 1.96 * np.sqrt(wrong * (1 - wrong) / 400)
    assert (found.share_low, found.share_high) == pytest.approx((1 - wrong - spread, 1 - wrong + spread), abs=0.005)
    assert found == agreement(np.zeros(400), second, np.arange(400), Bootstrap(draws=4000)), "seeded"


def judged(rng: np.random.Generator, stretches: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two raters who judge stretches of 100 m whole: right with 0.85 each, else any class; two segments stand for one
    hundred metres of them."""
    true = rng.choice(3, stretches, p=[0.6, 0.25, 0.15])
    raters = [np.where(rng.random(stretches) < 0.85, true, rng.integers(0, 3, stretches)) for _ in range(2)]
    return np.repeat(raters[0], 2), np.repeat(raters[1], 2), np.repeat(np.arange(stretches), 2)


def test_intervals_hold_the_true_kappa_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    truth = agreement(*judged(rng, 200_000), FEW).kappa
    found = [agreement(*judged(rng, 150), Bootstrap(draws=300)) for _ in range(200)]
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.89 <= held <= 0.99
    # As if every segment were independent, the intervals are too narrow.
    naive = []
    for _ in range(200):
        first, second, block = judged(rng, 150)
        one = agreement(first, second, np.arange(len(block)), Bootstrap(draws=300))
        naive.append(one.low <= truth <= one.high)
    assert np.mean(naive) < 0.87

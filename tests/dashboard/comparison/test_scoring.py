"""Scores of two models: counted by block, compared with what is known by hand, drawn by blocks."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.comparison import scoring
from dashboard.comparison.scoring import draw, joint, score, together
from processing.core.agreement import Bootstrap

HOW = Bootstrap(block=10.0, draws=400, least_blocks=2)


def test_segments_are_counted_by_block_and_those_without_a_class_left_out() -> None:
    found = joint([0, 0, -1, 2, 1], [0, 1, 0, 2, 1], [0, 0, 0, 1, -1], [1.0, 9.0, 5.0, 12.0, 13.0], HOW)
    assert found.block.tolist() == [0, 1]
    assert found.segments == 3
    assert found.counts[0, 0].tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert found.counts[1, 2].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_scores_are_those_worked_out_by_hand() -> None:
    true = [0, 0, 0, 0, 1, 1, 2, 2]
    first = [0, 0, 0, 1, 1, 1, 2, 0]
    found = score(joint(true, first, true, np.arange(8.0) * 3, HOW), HOW)
    one = found.first
    assert one.confusion.tolist() == [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert (one.accuracy.value, one.precision[0].value, one.recall[2].value) == (0.75, 0.75, 0.5)
    assert one.f1[1].value == pytest.approx(0.8)
    assert one.macro_f1.value == pytest.approx((0.75 + 0.8 + 2 / 3) / 3)
    assert found.accuracy.value == -0.25
    assert found.second.accuracy == scoring.Estimate(1.0, 1.0, 1.0)


def test_a_class_that_is_not_there_has_no_figure_and_does_not_count() -> None:
    found = score(joint([0, 0, 1], [0, 0, 1], [0, 1, 1], [1.0, 11.0, 21.0], HOW), HOW)
    assert np.isnan(found.first.recall[2].value)
    assert found.first.macro_f1.value == 1.0


def test_beams_side_by_side_are_one_block() -> None:
    beam = joint([0, 0], [0, 1], [0, 0], [1.0, 12.0], HOW)
    both = together([beam, beam])
    assert both.block.tolist() == [0, 1]
    assert both.segments == 4
    assert together([]).segments == 0


def test_few_blocks_give_no_interval_and_say_so() -> None:
    found = score(joint([0, 0], [0, 1], [0, 0], [1.0, 2.0], HOW), HOW)
    assert found.first.accuracy.value == 0.5
    assert np.isnan(found.first.accuracy.low)
    assert "fewer than 2 blocks" in found.reason


def test_long_blocks_of_errors_give_wider_intervals_than_single_ones() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(4000) + 0.5
    wrong = np.repeat(rng.random(40) < 0.2, 100)
    true, first, second = np.zeros(4000, int), np.where(wrong, 1, 0), np.zeros(4000, int)

    def width(length: float) -> float:
        how = Bootstrap(block=length, draws=400)
        found = score(joint(true, first, second, x, how), how).accuracy
        assert found.low < found.value < found.high < 0
        assert found.apart
        return found.high - found.low

    assert width(100.0) > 5 * width(1.0)


def test_models_are_drawn_together() -> None:
    """What is hard for both is in neither's favour: here the difference is the same in every block."""
    rng = np.random.default_rng(1)
    hard = np.repeat(rng.integers(0, 9, 50), 10) > np.tile(np.arange(10), 50)
    first = np.where(hard, 1, 0)
    second = first.copy()
    second[::10] = 1 - second[::10]
    one = score(joint(np.zeros(500, int), first, first, np.arange(500.0), HOW), HOW)
    assert (one.accuracy.low, one.accuracy.high) == (0.0, 0.0)
    assert one.first.accuracy.high - one.first.accuracy.low > 0.1


def test_draws_keep_the_number_of_rows_in_any_size_of_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    ones = np.column_stack([np.ones(7), np.arange(7)])
    whole = draw(ones, HOW)
    assert (whole[:, 0] == 7).all()
    assert 2.7 < whole[:, 1].mean() / 7 < 3.3
    monkeypatch.setattr(scoring, "_AT_ONCE", 70)
    np.testing.assert_array_equal(draw(ones, HOW), whole)

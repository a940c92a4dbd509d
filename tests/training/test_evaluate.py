"""Scores by hand and against scikit-like definitions, and the card that tells them."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate import score


def test_scores_by_hand() -> None:
    true = [0, 0, 0, 0, 1, 1, 2, -1]
    predicted = [0, 0, 0, 1, 1, 2, 2, 2]
    scores = score(true, predicted)
    assert scores.confusion.tolist() == [[3, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert scores.accuracy == pytest.approx(5 / 7)
    np.testing.assert_allclose(scores.precision, [1, 1 / 2, 1 / 2])
    np.testing.assert_allclose(scores.recall, [3 / 4, 1 / 2, 1])
    np.testing.assert_allclose(scores.f1, [6 / 7, 1 / 2, 2 / 3])
    assert scores.macro_f1 == pytest.approx((6 / 7 + 1 / 2 + 2 / 3) / 3)
    assert scores.to_json()["classes"]["thick ice"]["windows"] == 4


def test_a_class_that_is_absent_has_no_figures() -> None:
    scores = score([0, 1], [0, 1])
    assert np.isnan(scores.recall[2])
    assert scores.macro_f1 == 1.0
    assert scores.to_json()["classes"]["open water"]["f1"] is None
    assert score([], []).to_json()["accuracy"] is None

"""Scores by hand, and the card that tells them."""

from __future__ import annotations

import numpy as np
import pytest

from training.card import card
from training.scores import CLASS_NAMES, score


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


def record(*, clear_only: bool, synthetic: bool, honest: bool) -> dict:
    """What a run says of itself whose labels hold no open water, and whose test set one class only."""
    counts = {"train": dict(zip(CLASS_NAMES, (70, 30, 0), strict=True)), "test": dict.fromkeys(CLASS_NAMES, 4)}
    return {
        "run": "mlp-v0001",
        "made": "2026-01-01T00:00:00+00:00",
        "window": 2.0,
        "model": "mlp",
        "weights": 1091,
        "ranks": 2,
        "features": {"names": ["a", "b"], "steps": 5},
        "parameters": {"seed": 0, "clear_only": clear_only},
        "plan": {"epochs": 3, "batch": 32, "learning_rate": 0.003, "falls": False, "focal": True, "gamma": 2.0},
        "calibration": {"temperature": 1.25, "labels": 60, "before": 0.04, "after": 0.01},
        "snapshot": "v0001",
        "synthetic": synthetic,
        "split": {"how": "as told", "honest": honest, "granules": ["A"], **counts},
        "metrics": {
            "labels": score([0, 0, 0, 0], [0, 0, 0, 1]).to_json() | {"calibration": {"error": 0.02}},
            "every_label": {"groups": {"cloud": score([0, 1], [0, 0]).to_json()}},
            "truth": None,
        },
    }


def test_card_tells_scores_and_limits() -> None:
    text = card(record(clear_only=True, synthetic=False, honest=True))
    assert "| thin ice | 30 | 4 |" in text
    assert "Accuracy 75.00 %, macro F1 85.71 %." in text
    assert "| thick ice | 100.00 % | 75.00 % | 85.71 % | 4 | 3 | 1 | 0 |" in text
    assert "| open water | – | – | – | 0 | 0 | 0 | 0 |" in text
    assert "No training window is open water" in text
    assert "2 rank(s)" in text
    assert "5 consecutive segments; features, all label-free: a, b" in text
    assert "3 epochs, batch 32, Adam 0.003, focal loss (gamma 2), seed 0" in text
    assert "| cloud | 50.00 % | 33.33 % | 2 |" in text
    assert "Temperature 1.250, fitted to 60 labels set aside: expected calibration error there 4.00 % before" in text
    assert "clear or corrected labels only" in text
    assert not [word for word in ("synthetic", "Not an honest", "truth") if word in text]


def test_card_warns() -> None:
    text = card(record(clear_only=False, synthetic=True, honest=False))
    assert "**The data are synthetic.**" in text
    assert "**Not an honest held-out test**" in text
    assert "all labels, flagged ones too" in text

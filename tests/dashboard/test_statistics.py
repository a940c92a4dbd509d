from __future__ import annotations

import numpy as np
import pytest

from dashboard import statistics


def test_figures_of_a_known_sample() -> None:
    freeboard = np.concatenate([np.full(60, 0.31), np.full(30, 0.33), np.full(10, -0.05), [np.nan]]).astype(np.float32)
    told = statistics.summary(freeboard)
    assert (told.count, told.negative) == (100, 0.1)
    assert told.mean == pytest.approx(0.28, abs=1e-6)
    assert told.median == pytest.approx(0.31, abs=1e-6)
    assert told.mode == pytest.approx(0.31)


def test_every_segment_is_counted_once_in_its_class() -> None:
    rng = np.random.default_rng(5)
    freeboard = rng.normal(0.3, 0.2, 5000).astype(np.float32)
    codes = rng.integers(-1, 3, 5000).astype(np.int8)
    found = statistics.distribution(freeboard, codes)
    assert {code: int(count.sum()) for code, count in found.counts.items()} == {
        code: int((codes == code).sum()) for code in (0, 1, 2, -1)
    }
    assert np.allclose(np.diff(found.edges), statistics.BIN)


def test_nothing_gives_empty_figures() -> None:
    nothing = np.full(4, np.nan, np.float32)
    assert statistics.summary(nothing).count == 0
    assert statistics.distribution(nothing, np.zeros(4, np.int8)).total.sum() == 0

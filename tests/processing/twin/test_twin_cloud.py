"""The light between surface and telescope."""

from __future__ import annotations

import numpy as np
import pytest

from processing.twin.cloud import CloudLaw, glow

CLEAR = CloudLaw(seed=5, thin=9.0, thick=9.0, track=9.0, wind=0.0, shade_x=0.0, shade_y=0.0, glow=0.0)


def test_haze_spreads_the_light_as_much_as_asked_and_none_leaves_it() -> None:
    x, y = np.random.default_rng(1).uniform(-5e5, 5e5, (2, 20_000))
    assert (glow(x, y, CLEAR) == 1.0).all()
    light = np.log(glow(x, y, CLEAR._replace(glow=0.3)))
    assert light.mean() == pytest.approx(0.0, abs=0.01)
    assert light.std() == pytest.approx(0.3, abs=0.015)

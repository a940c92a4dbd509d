"""The polar planes: directions and scale as the projection's own, dateline and pole included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from processing.local.polar_plane import PolarPlane

_GEOD = Geod(ellps="WGS84")


@given(north=st.booleans(), lon=st.floats(-180, 180), lat=st.floats(55, 89.5), azimuth=st.floats(0, 360))
def test_a_step_on_the_ground_is_the_step_in_the_plane(north: bool, lon: float, lat: float, azimuth: float) -> None:
    plane = PolarPlane.of(north=north)
    lat = lat if north else -lat
    to_lon, to_lat, _ = _GEOD.fwd(lon, lat, azimuth, 10.0)
    x, y = plane.places([lon, to_lon], [lat, to_lat])
    turn = np.deg2rad(azimuth)
    dx, dy = plane.direction(np.array([lon]), np.sin(turn), np.cos(turn))
    scale = plane.scale(np.array([lon]), np.array([lat]))
    np.testing.assert_allclose([x[1] - x[0], y[1] - y[0]], 10 * scale * [dx[0], dy[0]], atol=2e-3)


def test_the_pole_has_a_scale() -> None:
    scale = PolarPlane.of(north=True).scale(np.zeros(2), np.array([90.0, 70.0]))
    assert scale == pytest.approx([0.9698, 1.0], abs=2e-4)

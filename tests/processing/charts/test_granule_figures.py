"""Figures of a granule: steps along the track by hand, odd tracks, what is written into them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from processing.charts.along import runs, steps_of
from processing.charts.granule import granule_figures, leads_of


def track(beam: str, rows: int, **changed: object) -> SimpleNamespace:
    number = np.arange(rows)
    values: dict[str, object] = {
        "granule": "G",
        "run": "R",
        "beam": beam,
        "estimator": "robust",
        "segment_length": 2.0,
        "x_atc": 1_000_001.0 + 2.0 * number,
        "lat": -74.0 - 1e-5 * number,
        "lon": 179.99 + 1e-4 * number - 360.0 * (179.99 + 1e-4 * number > 180.0),
        "height": np.where(number % 50 < 5, 0.1, 0.4).astype(np.float32),
        "height_sigma": np.full(rows, 0.03, np.float32),
        "sea_surface": np.full(rows, 0.1, np.float32),
        "sea_surface_sigma": np.full(rows, 0.01, np.float32),
        "sea_surface_source": (1 + (number > rows // 2)).astype(np.int8),
        "freeboard": np.where(number % 50 < 5, 0.0, 0.3).astype(np.float32),
        "lead_id": np.where(number % 50 < 5, number // 50, -1).astype(np.int32),
        "label": np.where(number % 50 < 5, 2, number % 2).astype(np.int8),
    }
    return SimpleNamespace(**{**values, **changed})


def texts(figure: Figure) -> str:
    return " ".join(each.get_text() for each in figure.findobj(Text))


def test_means_of_steps_by_hand() -> None:
    x = np.array([1.0, 3.0, 5.0, 9.0])
    steps = steps_of(x, 2.0, 3)
    assert steps.edges.tolist() == [0.0, 4.0, 8.0, 12.0]
    assert steps.index.tolist() == [0, 0, 1, 2]
    np.testing.assert_array_equal(steps.mean([1.0, 3.0, np.nan, 7.0]), [2.0, np.nan, 7.0])
    assert steps.most(np.array([2, 2, 0, -1]), (0, 1, 2)).tolist() == [2, 0, -9]
    assert runs(np.array([True, True, False, True])).tolist() == [[0, 2], [3, 4]]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True), st.integers(1, 100))
def test_every_segment_lies_in_its_step(windows: list[int], most: int) -> None:
    x = 2.0 * np.sort(np.array(windows)) + 1.0
    steps = steps_of(x, 2.0, most)
    assert 1 <= len(steps.middle) <= most
    assert (steps.edges[steps.index] <= x - 1.0).all()
    assert (x + 1.0 <= steps.edges[steps.index + 1]).all()


def test_leads_are_told_by_middle_and_height() -> None:
    x, height = leads_of(track("gt1l", 120))
    assert x.tolist() == [1_000_005.0, 1_000_105.0, 1_000_205.0]
    np.testing.assert_allclose(height, 0.1, rtol=1e-6)


def test_each_beam_and_what_is_synthetic_is_told() -> None:
    figures = granule_figures([track("gt1l", 400), track("gt2r", 0), track("gt3l", 90)], synthetic=True)
    assert list(figures) == ["profile_gt1l", "profile_gt3l", "distribution", "map", "beams"]
    for name, figure in figures.items():
        assert "SYNTHETIC" in texts(figure), name
    told = texts(figures["profile_gt1l"])
    assert "interpolated" in told
    assert "freeboard (m)" in told
    assert "thick ice: mean 0.300, mode 0.30 m" in texts(figures["distribution"])
    assert "SYNTHETIC" not in texts(granule_figures([track("gt1l", 90)], synthetic=False)["beams"])


@pytest.mark.parametrize("rows", [1, 60])
def test_tracks_without_sea_level_leads_or_neighbours_are_drawn(rows: int) -> None:
    gone = np.full(rows, np.nan, np.float32)
    bare = track(
        "gt1l",
        rows,
        **dict.fromkeys(("sea_surface", "sea_surface_sigma", "freeboard"), gone),
        sea_surface_source=np.zeros(rows, np.int8),
        lead_id=np.full(rows, -1, np.int32),
        label=np.full(rows, -1, np.int8),
        lat=np.full(rows, 89.9999),
    )
    for figure in granule_figures([bare], synthetic=False).values():
        figure.canvas.draw()
    assert granule_figures([track("gt1l", 0)], synthetic=False) == {}

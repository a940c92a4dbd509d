"""Figures of shapes and maps draw without a warning, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest

from processing.charts.maps import map_figure
from processing.charts.shape import shape_figures
from processing.charts.style import drawing
from processing.core.distributions import exponential
from processing.core.polar_grid import LAYERS, GridMaps
from processing.local.derived import DERIVED


def test_nothing_makes_no_figure() -> None:
    empty = {name: DERIVED[name].fields.empty_table() for name in ("leads", "floes", "ridges", "roughness")}
    assert shape_figures(empty, {}, (np.zeros(10, np.int64), 0.1), "nothing") == {}


def test_laws_are_drawn_beside_what_was_measured() -> None:
    tables = {name: DERIVED[name].fields.empty_table() for name in ("leads", "floes", "ridges", "roughness")}
    heights = 0.6 + np.random.default_rng(0).exponential(0.5, 5000)
    columns = {name: np.zeros(5000) for name in tables["ridges"].column_names} | {"height": heights}
    tables["ridges"] = type(tables["ridges"]).from_pydict(columns)
    fit = exponential(heights, 0.6)
    assert fit is not None
    with drawing():
        figures = shape_figures(tables, {"ridges.height exponential": fit}, (np.ones(10, np.int64), 0.1), "made")
        assert set(figures) == {"ridge_heights", "thickness"}
        figures["ridge_heights"].canvas.draw()
    measured = figures["ridge_heights"].axes[0].lines[0]
    assert 300 <= len(measured.get_xdata()) <= 600
    assert max(measured.get_xdata()) > 0.95 * heights.max() - 0.6
    labels = figures["ridge_heights"].axes[0].get_legend_handles_labels()[1]
    assert labels[1].startswith("exponential, mean 0.")
    assert labels[1].endswith(" m")


@pytest.mark.parametrize(("epsg", "cell"), [(3413, 250_000.0), (3031, 1000.0)])
def test_maps_have_coast_graticule_and_a_bar(epsg: int, cell: float) -> None:
    x, y = (np.arange(-2, 2) + 0.5) * cell, (np.arange(1, -3, -1) + 0.5) * cell
    values = np.where(np.eye(4, dtype=bool), np.nan, 0.3).astype(np.float32)
    maps = GridMaps(epsg, cell, x, y, dict.fromkeys(LAYERS, values))
    with drawing():
        figure = map_figure(maps, ("freeboard", "tracks"), "A map", "made")
        figure.canvas.draw()
    assert len(figure.axes) == 4
    assert len(figure.axes[0].texts) > 3

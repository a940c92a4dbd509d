"""Figures beside ATL07 and ATL10: which there are, what they say, and days when there is little to draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_products import ATL07, ATL10, GRANULE, make_project, segments, write_atl07, write_atl10
from matplotlib.figure import Figure

from processing.charts.product_alone import product_figures
from processing.charts.product_parts import block_means, parted, step_for, thinned, told
from processing.charts.products import FIGURES, comparison_figures
from processing.core.paired import Interval
from processing.core.product_comparison import TrackComparison
from processing.local.against_products import compare_track, read_product
from processing.project import Project
from processing.stages import Compare


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("drawn") / "project", beams=("gt1l",))


@pytest.fixture(scope="module")
def compared(project: Project, tmp_path_factory: pytest.TempPathFactory) -> TrackComparison:
    path = write_atl10(tmp_path_factory.mktemp("atl10") / ATL10, {"gt1l": segments()})
    return compare_track(project, GRANULE, "gt1l", "", path, Compare())


def words(figure: Figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    return "\n".join([*found, *titles])


def test_one_beam_gives_every_figure_with_its_numbers(compared: TrackComparison) -> None:
    found = comparison_figures(compared, synthetic=True)
    assert list(found) == list(FIGURES)
    for figure in found.values():
        assert "SYNTHETIC inputs" in str(figure.get_supxlabel())
        figure.canvas.draw()
    assert f"n = {int((np.isfinite(compared.product_freeboard) & (compared.ours.covered >= 0.5)).sum()):,}" in words(
        found["figure_09_freeboard"]
    )
    assert "SYNTHETIC" not in str(comparison_figures(compared)["figure_11_density"].get_supxlabel())


def test_atl07_has_no_freeboard_to_draw(project: Project, tmp_path: Path) -> None:
    path = write_atl07(tmp_path / ATL07, {"gt1l": segments()})
    found = comparison_figures(compare_track(project, GRANULE, "gt1l", "", path, Compare()))
    assert [name for name in FIGURES if name not in found] == [
        "figure_09_freeboard",
        "figure_10_freeboard_distributions",
    ]


def test_fill_no_leads_and_no_common_ground_are_drawn_or_left_out(
    compared: TrackComparison, project: Project, tmp_path: Path
) -> None:
    nothing = np.full(len(compared), np.nan)
    bare = replace(
        compared,
        product_freeboard=nothing,
        product_sea_surface=nothing,
        product_ssh=np.zeros(len(compared), np.bool_),
        fine=replace(compared.fine, label=np.zeros(len(compared.fine.x), np.int8)),
    )
    for figure in comparison_figures(bare).values():
        figure.canvas.draw()
    away = {name: values[:40] for name, values in segments().items()}
    none = compare_track(project, GRANULE, "gt1l", "", write_atl10(tmp_path / ATL10, {"gt1l": away}), Compare())
    assert comparison_figures(none) == {}


def test_a_granule_on_its_own(project: Project, tmp_path: Path) -> None:
    whole = segments()
    path = write_atl10(
        tmp_path / ATL10, {"gt1l": whole, "gt1r": whole | {"freeboard": np.full(len(whole["x"]), np.nan)}}
    )
    granule = read_product(path)
    (figure,) = product_figures(granule.info, granule.beams).values()
    assert "gt1l: n = " in words(figure)
    assert "gt1r" not in words(figure), "without freeboard"
    figure.canvas.draw()
    empty = read_product(write_atl07(tmp_path / ATL07, {}))
    assert product_figures(empty.info, empty.beams) == {}


def test_lines_break_at_gaps_and_thin_without_bias() -> None:
    x, y = parted(np.array([0.0, 10.0, 5000.0]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(x[2])
    assert y[[0, 1, 3]].tolist() == [1.0, 2.0, 3.0]
    at = np.arange(10_000.0)
    some, mean = thinned(at, at)
    assert len(some) == 1500
    np.testing.assert_allclose(mean, some, atol=1.0)
    assert block_means(np.array([1.0, 2.0, 25.0]), np.array([1.0, 3.0, 9.0]), 10.0)[1].tolist()[::2] == [2.0, 9.0]
    steps = [step_for(np.array([0.0, span]), 500.0) for span in (0.0, 60e3, 140e3, 2.4e6)]
    assert steps == [500.0, 500.0, 1000.0, 20_000.0]
    assert told(Interval(-0.01, -0.02, 0.0), sign=True) == "−0.010 [−0.020, +0.000]"
    assert told(Interval(np.nan, np.nan, np.nan)) == "–"

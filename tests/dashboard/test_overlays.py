"""Classes and cloud evidence over a scene: the stage's own pixels, and a word where there are none."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import small_project
from numpy.typing import NDArray
from small_project import BEAMS, GRANULE, SCENE

from dashboard import overlays, palette, tiles
from dashboard.data import Workspace
from processing.core.tiles import Window
from processing.errors import MissingError
from processing.io.figures import figures_path, keep_figures
from processing.io.scene_labels import Figures, label_codes, label_tiles
from processing.stages import Autolabel


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Figures]:
    """A project whose scene was labelled along one beam."""
    made = small_project.make(tmp_path_factory.mktemp("overlay") / "small", stages=False)
    workspace, told = Workspace(made.root), list[Figures]()
    scene = workspace.scene(SCENE)
    line = workspace.line(GRANULE, next(iter(BEAMS)), scene.crs)
    good = np.isfinite(line.x)
    list(label_tiles(scene, line.x[good], line.y[good], Autolabel(), told.append))
    keep_figures(figures_path(made, GRANULE, SCENE), told[0], Autolabel())
    return workspace, told[0]


def _pixels(data: bytes) -> NDArray[np.uint32]:
    bgra = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    return np.ascontiguousarray(bgra[..., [2, 1, 0, 3]]).view(np.uint32)[..., 0]


def test_a_native_tile_holds_the_labels_of_the_stage(labelled: tuple[Workspace, Figures]) -> None:
    workspace, figures = labelled
    window = Window(0, 256, 256, 256)
    wanted = label_codes(workspace.scene(SCENE), figures, window, Autolabel())
    found = _pixels(workspace.painter.overlay(GRANULE, SCENE, "labels", 1, 1, 0))
    for code in (0, 1, 2):
        colour = palette.rgba(palette.class_colour(code, "scene"))
        assert np.array_equal(found == colour, wanted.classes == code), code
    cloud = _pixels(workspace.painter.overlay(GRANULE, SCENE, "cloud", 1, 1, 0))
    assert np.array_equal(cloud > 0, wanted.flags > 0)


def test_codes_at_places_are_those_of_their_pixels(labelled: tuple[Workspace, Figures]) -> None:
    workspace, figures = labelled
    codes = workspace.painter.codes
    rows, cols = np.array([0.2, 300.7, 511.9, -1.0]), np.array([0.9, 17.0, 511.1, 4.0])
    found = codes.at(GRANULE, SCENE, 1, rows, cols, now=False)
    assert found is not None
    exact = label_codes(workspace.scene(SCENE), figures, Window(0, 0, 512, 512), Autolabel())
    assert overlays.classes_of(found).tolist() == [*exact.classes[[0, 300, 511], [0, 17, 511]].tolist(), -1]
    assert codes.at(GRANULE, SCENE, 2, rows, cols, now=True) is None


def test_from_afar_there_is_an_overview(labelled: tuple[Workspace, Figures]) -> None:
    workspace, _ = labelled
    far = _pixels(workspace.painter.overlay(GRANULE, SCENE, "labels", 0, 0, 0))
    near = _pixels(workspace.painter.overlay(GRANULE, SCENE, "labels", 1, 0, 0))
    assert (far[:128, :128] == near[1::2, 1::2]).mean() > 0.75
    assert _pixels(workspace.painter.overlay(GRANULE, SCENE, "labels", 2, 0, 0)).shape == (1, 1)


def test_without_figures_there_is_a_word_and_no_tile(workspace: Workspace) -> None:
    assert "leadline autolabel" in workspace.painter.codes.trouble(GRANULE, SCENE)
    with pytest.raises(MissingError):
        workspace.painter.overlay(GRANULE, SCENE, "labels", 1, 0, 0)
    with pytest.raises(KeyError):
        workspace.painter.overlay(GRANULE, SCENE, "clouds", 1, 0, 0)


def test_an_address_changes_with_the_labels_and_fits_the_route(labelled: tuple[Workspace, Figures]) -> None:
    workspace, figures = labelled
    assert workspace.painter.codes.trouble(GRANULE, SCENE) == ""
    first = tiles.address(workspace, SCENE, "labels", granule=GRANULE)
    keep_figures(figures_path(workspace.project, GRANULE, SCENE), figures, Autolabel())
    assert tiles.address(workspace, SCENE, "labels", granule=GRANULE) != first
    path, _, query = first.replace("{Z}", "1").replace("{X}", "0").replace("{Y}", "0").partition("?")
    assert re.fullmatch(tiles.ROUTE, f"/{path}")
    assert f"granule={GRANULE}" in query

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from small_project import SCENE

from dashboard import tiles
from dashboard.data import Workspace
from processing.core.tiles import Window


def _picture(workspace: Workspace, zoom: int, col: int, row: int, contrast: str = "auto") -> NDArray[np.uint8]:
    data = workspace.painter.picture(SCENE, "true", contrast, zoom, col, row)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))


def test_a_native_tile_is_the_scene_stretched(workspace: Workspace) -> None:
    scene = workspace.scene(SCENE)
    assert tiles.grid(scene).levels == 1
    bgra = _picture(workspace, 1, 1, 0)
    read = scene.read(("B04", "B03", "B02"), Window(0, 256, 256, 256))
    stretch = workspace.painter.stretch(SCENE, "true", "auto")
    wanted = np.clip((read - stretch.low) / (stretch.high - stretch.low) * 255, 0, 255)
    assert bgra.shape == (256, 256, 4)
    assert np.abs(bgra[..., 2::-1].transpose(2, 0, 1) - wanted).max() <= 1.1
    assert (bgra[..., 3] == 255).all()


def test_the_coarsest_level_is_one_tile_and_outside_is_transparent(workspace: Workspace) -> None:
    assert _picture(workspace, 0, 0, 0)[..., 3].all()
    assert not _picture(workspace, 1, 2, 0)[..., 3].any()
    assert _picture(workspace, 2, 0, 0).shape == (1, 1, 4)


def test_contrasts_differ_and_unknown_ones_are_refused(workspace: Workspace) -> None:
    bright, dark = _picture(workspace, 1, 0, 0, "bright"), _picture(workspace, 1, 0, 0, "dark")
    assert bright[..., 0].mean() < dark[..., 0].mean()
    for image, contrast in (("nothing", "auto"), ("true", "nothing")):
        with pytest.raises(KeyError):
            workspace.painter.picture(SCENE, image, contrast, 9, 0, 0)


def test_the_address_of_a_tile_names_a_scene_and_no_path() -> None:
    asked = "/scene-tiles/{}/true/auto/0/0/0.png"
    assert re.fullmatch(tiles.ROUTE, asked.format(SCENE))
    for ident in ("..%2F..%2Fother%2Finputs%2Fscenes%2FS", "..", ".hidden", "a/b", "%2e%2e"):
        assert re.fullmatch(tiles.ROUTE, asked.format(ident)) is None, ident


def test_only_images_with_all_bands_are_offered(workspace: Workspace) -> None:
    assert tiles.images_of(workspace.scene(SCENE)) == ["true", "false", "B02", "B03", "B04", "B08"]


def test_a_single_band_is_grey(workspace: Workspace) -> None:
    data = workspace.painter.picture(SCENE, "B08", "auto", 1, 0, 0)
    bgra = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED))
    assert (bgra[..., 0] == bgra[..., 1]).all()
    assert (bgra[..., 0] == bgra[..., 2]).all()
    assert np.ptp(bgra[..., 0]) > 100


def test_the_tiles_of_a_rectangle_by_hand() -> None:
    grid = tiles.Grid(left=1000.0, top=9000.0, pixel=10.0, levels=2)
    assert [grid.closest(scale) for scale in (500.0, 31.0, 29.0, 16.0, 14.0, 0.1)] == [0, 0, 1, 1, 2, 2]
    edge = tiles.TILE * 10.0
    assert grid.tiles(2, (1000.0, 1000.0 + 1.5 * edge), (9000.0 - 0.5 * edge, 9000.0)) == [(0, 0), (1, 0)]
    assert grid.tiles(2, (1000.0 + 3.5 * edge, 1e9), (-1e9, 9000.0 - 3.5 * edge)) == [(3, 3)]
    assert grid.tiles(1, (-1e9, 1e9), (-1e9, 1e9)) == [(0, 0), (1, 0), (0, 1), (1, 1)]

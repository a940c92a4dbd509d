"""The scene straightened along a beam: the map's own colours at exact places, whatever chunks they come from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from small_project import BEAMS, GRANULE, SCENE, START

from dashboard import chunks, tiles
from dashboard.data import Workspace
from dashboard.geometry import MapLine
from dashboard.strip_source import StripSource, packed


def _line(workspace: Workspace) -> MapLine:
    return workspace.line(GRANULE, next(iter(BEAMS)), workspace.scene(SCENE).crs)


def _channels(strip: NDArray[np.uint32]) -> NDArray[np.int64]:
    return np.stack([(strip >> shift) & 255 for shift in (0, 8, 16, 24)]).astype(np.int64)


def _upright(workspace: Workspace, col: float, rows: tuple[float, float]) -> MapLine:
    """A line down the scene from one row to another; its left lies east."""
    scene = workspace.scene(SCENE)
    y = scene.transform.f - np.array(rows) * 10.0
    x = np.full(2, scene.transform.c + col * 10.0)
    return MapLine(np.array([0.0, (rows[1] - rows[0]) * 10.0]), x, y)


@pytest.mark.parametrize("image", ["true", "false", "B04"])
def test_at_pixel_centres_the_strip_is_the_tile_turned(workspace: Workspace, image: str) -> None:
    strip = StripSource(workspace).strip(SCENE, image, "auto", _upright(workspace, 300.0, (260, 300)), 0, 400, 40)
    assert strip.shape == (50, 40)
    read = workspace.painter.chunks.cut(
        SCENE, tiles.bands_of(image), 1, chunks.Window(260, 275, 40, 50), workspace.painter.chunks.get
    )
    assert read is not None
    wanted = packed(tiles.shades(read, workspace.painter.stretch(SCENE, image, "auto")))
    assert np.array_equal(strip, wanted.T[::-1])


def test_chunks_leave_no_seam(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    line = _line(workspace)
    whole = StripSource(workspace).strip(SCENE, "true", "auto", line, START, START + 3000, 700)
    monkeypatch.setattr(chunks, "EDGE", 64)
    assert np.array_equal(
        whole, StripSource(Workspace(workspace.root)).strip(SCENE, "true", "auto", line, START, START + 3000, 700)
    )
    monkeypatch.setattr("dashboard.strip_source._BOX", 30.0)
    assert np.array_equal(whole, StripSource(workspace).strip(SCENE, "true", "auto", line, START, START + 3000, 700))


def test_a_part_of_a_stretch_shows_the_same_places(workspace: Workspace) -> None:
    source, line = StripSource(workspace), _line(workspace)
    whole = source.strip(SCENE, "B03", "auto", line, START, START + 3000, 600)
    part = source.strip(SCENE, "B03", "auto", line, START + 1000, START + 2000, 200)
    assert np.abs(_channels(whole)[:, :, 200:400] - _channels(part)).max() <= 1


def test_outside_the_scene_is_transparent_and_from_afar_it_is_one_level_coarser(workspace: Workspace) -> None:
    source, line = StripSource(workspace), _line(workspace)
    far = source.strip(SCENE, "true", "auto", line, START - 100_000, START + 100_000, 500)
    alpha = _channels(far)[3]
    assert not alpha[:, :200].any()
    assert not alpha[:, 300:].any()
    assert alpha.any()
    nowhere = MapLine(np.zeros(0), np.zeros(0), np.zeros(0))
    assert not source.strip(SCENE, "true", "auto", nowhere, 0, 100, 10).any()


def test_what_is_at_hand_needs_no_reading(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    source, line = StripSource(workspace), _line(workspace)
    ends = (START + 500, START + 2500)
    assert source.at_hand(SCENE, "true", "auto", line, *ends, 400) is None
    workspace.painter.picture(SCENE, "true", "auto", 0, 0, 0)
    rough = source.at_hand(SCENE, "true", "auto", line, *ends, 400)
    assert rough is not None
    assert not rough[1]
    sharp = source.strip(SCENE, "true", "auto", line, *ends, 400)
    monkeypatch.setattr(chunks.SceneChunks, "_read", None)
    found = source.at_hand(SCENE, "true", "auto", line, *ends, 400)
    assert found is not None
    assert found[1]
    assert np.array_equal(found[0], sharp)
    assert np.abs(_channels(rough[0])[0].mean() - _channels(sharp)[0].mean()) < 20

"""Labels along a corridor: tiles equal the whole, flags, missing data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from processing.core import colour
from processing.core.tiles import Window, cell_mask, corridor
from processing.errors import MissingError
from processing.io import scene_labels
from processing.io.figures import keep_figures, read_figures
from processing.io.scene_labels import (
    Figures,
    LabelTile,
    Overview,
    label_codes,
    label_overview,
    label_tiles,
    label_window,
    overview_margin,
)
from processing.io.sentinel2 import Scene, identify, open_scene
from processing.project import Input
from processing.schema import AutoFlag
from processing.stages import Autolabel

ROWS, COLS = 660, 720


@dataclass
class Whole:
    """Tiles put together over the scene; ``classes`` is -9 where no tile lies."""

    classes: NDArray[np.int8]
    flags: NDArray[np.uint32]
    distance: NDArray[np.float32]
    reflectance: NDArray[np.float32]


def put_together(tiles: list[LabelTile], shape: tuple[int, int]) -> Whole:
    whole = Whole(
        np.full(shape, -9, np.int8),
        np.zeros(shape, np.uint32),
        np.zeros(shape, np.float32),
        np.zeros((5, *shape), np.float32),
    )
    for tile in tiles:
        part = tile.window.within(Window(0, 0, *shape))
        assert (whole.classes[part] == -9).all()
        whole.classes[part], whole.flags[part] = tile.classes, tile.flags
        whole.distance[part], whole.reflectance[(slice(None), *part)] = tile.boundary_distance, tile.reflectance
    return whole


def ice(seed: int) -> dict[str, NDArray[np.uint16]]:
    """Digital numbers of floes, thin ice, water, cloud with its shadow, and a corner without data."""
    rng = np.random.default_rng(seed)
    forms = cv2.resize(rng.standard_normal((24, 26)).astype(np.float32), (COLS, ROWS), interpolation=cv2.INTER_CUBIC)
    visible = np.where(forms < -1.1, 0.05, np.where(forms < -0.7, 0.3, 0.82)) + 0.02 * rng.standard_normal((ROWS, COLS))
    swir = np.where(forms < -0.7, 0.015, 0.09)
    rows, cols = np.indices((ROWS, COLS))
    cloud = np.hypot(rows - 200, cols - 330) < 110
    shadow = np.hypot(rows - 420, cols - 330) < 110
    visible = np.where(cloud, 0.8, np.where(shadow, 0.5 * visible, visible))
    swir = np.where(cloud, 0.45, swir)
    numbers = np.clip(visible * 10_000 + 1000, 1, 65_534).astype(np.uint16)
    numbers[:70, :260] = 0
    numbers[300:304, 300:304] = 65_535
    coarse = cv2.resize(swir.astype(np.float32), (COLS // 2, ROWS // 2), interpolation=cv2.INTER_AREA)
    bands = dict.fromkeys(("B02", "B03", "B04", "B08"), numbers)
    cirrus = np.full((ROWS // 6, COLS // 6), 1012, np.uint16)
    cirrus[40:44, 60:70] = 1400
    return bands | {"B11": (coarse * 10_000 + 1000).astype(np.uint16), "B10": cirrus}


@pytest.fixture(scope="module")
def products(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Scene]:
    """Open a made product by seed, each written once. The sun stands north, low."""
    recipe = made.Recipe(sun_azimuth=0.0, sun_zenith=40.0)
    written: dict[int, Path] = {}

    def product(seed: int) -> Scene:
        if seed not in written:
            written[seed] = made.write_safe(tmp_path_factory.mktemp(f"seed{seed}"), ice(seed), recipe)
        found = identify(written[seed])
        assert found is not None
        return open_scene(Input(found.ident, found.kind, found.path, "", found.details))

    return product


def track(scene: Scene, slant: float = 0.15) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two slanting lines from north to south, a kilometre apart, with a gap."""
    rows = np.linspace(-30, ROWS + 30, 500)
    rows[200:203] = np.nan
    cols = 250 + slant * rows
    cols = np.concatenate([cols, cols + 100])
    return scene.transform.c + 10 * cols, scene.transform.f - 10 * np.tile(rows, 2)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("cloud_filter", [True, False])
@pytest.mark.parametrize("size", [31, 155])
def test_tiled_is_the_whole(products: Callable[[int], Scene], seed: int, cloud_filter: bool, size: int) -> None:
    with products(seed) as scene:
        x, y = track(scene)
        results = [
            put_together(
                list(label_tiles(scene, x, y, Autolabel(tile=tile, cloud_filter=cloud_filter, filter_size=size))),
                scene.shape,
            )
            for tile in (10_980, 256, 331)
        ]
    whole = results[0]
    assert {0, 1, 2, -1} <= set(np.unique(whole.classes).tolist())
    assert (whole.flags & AutoFlag.CLOUD).any()
    assert (whole.flags & AutoFlag.SHADOW).any()
    for tiled in results[1:]:
        both = tiled.classes > -9
        assert both.sum() > 0.3 * ROWS * 200
        assert np.array_equal(tiled.classes[both], whole.classes[both])
        assert np.array_equal(tiled.flags[both], whole.flags[both])
        assert np.array_equal(tiled.distance[both], whole.distance[both], equal_nan=True)
        assert np.array_equal(tiled.reflectance[:, both], whole.reflectance[:, both], equal_nan=True)


def test_labels_are_those_of_the_filter_on_the_whole_image(products: Callable[[int], Scene]) -> None:
    stage = Autolabel(tile=256)
    with products(1) as scene:
        x, y = track(scene)
        found = put_together(list(label_tiles(scene, x, y, stage)), scene.shape)
        visible = scene.read(("B04", "B03", "B02"))
        rows, cols = scene.index(x, y)
    rgb, valid = colour.to_rgb8(visible, stage.reflectance_white), colour.valid_pixels(visible)
    bright = colour.value(rgb)
    grey = colour.filter_grey(rgb, bright, valid, stage.value_water)
    alike = colour.likeness(grey, colour.background(grey, stage.filter_size))
    cells = cell_mask(corridor(rows, cols, 40.0, valid.shape), Window(0, 0, *valid.shape))
    statistics = colour.FilterStatistics.from_histogram(colour.histogram(alike, cells & valid))
    classes = colour.classify_filtered(bright, statistics.apply(alike), valid, stage.value_water, stage.value_thick)
    covered = found.classes > -9
    assert covered[cells].all()
    assert np.array_equal(found.classes[covered], classes[covered])
    distance = colour.boundary_distance(classes, 10.0, scene_labels.BOUNDARY_CAP)
    assert np.array_equal(found.distance[covered], distance[covered], equal_nan=True)


def test_reading_twice_for_want_of_memory_changes_nothing(
    products: Callable[[int], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    with products(2) as scene:
        x, y = track(scene)
        kept = put_together(list(label_tiles(scene, x, y, Autolabel(tile=256))), scene.shape)
        monkeypatch.setattr(scene_labels, "KEPT_BYTES", 0)
        again = put_together(list(label_tiles(scene, x, y, Autolabel(tile=256))), scene.shape)
    assert np.array_equal(kept.classes, again.classes)
    assert np.array_equal(kept.flags, again.flags)
    assert np.array_equal(kept.reflectance, again.reflectance, equal_nan=True)


def test_cloud_its_shadow_and_saturation_are_flagged_where_they_are(products: Callable[[int], Scene]) -> None:
    with products(1) as scene:
        x, y = track(scene)
        found = put_together(list(label_tiles(scene, x, y, Autolabel())), scene.shape)
    inside = found.classes > -9
    rows, cols = np.indices(scene.shape)
    cloud = inside & (np.hypot(rows - 200, cols - 330) < 105)
    assert (found.flags[cloud] & AutoFlag.CLOUD).all()
    dark = inside & (np.hypot(rows - 420, cols - 330) < 90)
    assert (found.flags[dark] & AutoFlag.SHADOW > 0).mean() > 0.9
    clear = inside & (rows > 560)
    assert (found.flags[clear] & (AutoFlag.CLOUD | AutoFlag.SHADOW) > 0).mean() < 0.1
    assert (found.flags[300:304, 300:304] & AutoFlag.SATURATED).all()
    assert (found.flags & AutoFlag.SATURATED > 0).sum() == 16


@pytest.mark.parametrize("cloud_filter", [True, False])
def test_kept_figures_label_any_window_bit_for_bit(
    products: Callable[[int], Scene], tmp_path: Path, cloud_filter: bool
) -> None:
    stage, told = Autolabel(tile=331, cloud_filter=cloud_filter, filter_size=101), list[Figures]()
    with products(1) as scene:
        whole = put_together(list(label_tiles(scene, *track(scene), stage, told.append)), scene.shape)
        keep_figures(tmp_path / "scene=S.npz", told[0], stage)
        figures, same = read_figures(tmp_path / "scene=S.npz", "leadline autolabel P")
        assert same.values_dict() == stage.values_dict()
        for window in (Window(0, 180, 200, 333), Window(391, 205, 120, 77), Window(600, 300, 300, 100)):
            tile, codes = label_window(scene, figures, window, same), label_codes(scene, figures, window, same)
            assert tile.window == codes.window == window.clip(scene.shape)
            part = tile.window.within(Window(0, 0, *scene.shape))
            both = whole.classes[part] > -9
            assert both.any()
            assert np.array_equal(tile.classes[both], whole.classes[part][both])
            assert np.array_equal(tile.flags[both], whole.flags[part][both])
            assert np.array_equal(tile.boundary_distance[both], whole.distance[part][both], equal_nan=True)
            inside = (slice(None), *part)
            assert np.array_equal(tile.reflectance[:, both], whole.reflectance[inside][:, both], equal_nan=True)
            assert np.array_equal(codes.classes, tile.classes)
            assert np.array_equal(codes.flags, tile.flags)


def test_figures_that_are_not_there_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="run: leadline autolabel P"):
        read_figures(tmp_path / "scene=S.npz", "leadline autolabel P")
    keep_figures(tmp_path / "scene=S.npz", None, Autolabel())
    with pytest.raises(MissingError, match="scene S gave this granule no label"):
        read_figures(tmp_path / "scene=S.npz", "leadline autolabel P")


def test_an_overview_is_much_like_the_labels(products: Callable[[int], Scene]) -> None:
    stage, told, step = Autolabel(), list[Figures](), 4
    with products(1) as scene:
        list(label_tiles(scene, *track(scene), stage, told.append))
        exact = label_codes(scene, told[0], Window(0, 0, *scene.shape), stage)
        margin = overview_margin(stage, step)
        wide = Window(0, 0, ROWS, COLS).expand(margin * step)
        planes = {name: scene.read((name,), wide, step)[0] for name in ("B02", "B03", "B04", "B11")}
        view = Overview(step, Window(0, 0, ROWS // step, COLS // step), margin, planes)
        found = label_overview(view, told[0], stage)
    middle = slice(step // 2, None, step)
    assert found.classes.shape == exact.classes[middle, middle].shape
    assert (found.classes == exact.classes[middle, middle]).mean() > 0.9
    for flag in (AutoFlag.CLOUD, AutoFlag.SHADOW):
        assert ((found.flags & flag) == (exact.flags[middle, middle] & flag)).mean() > 0.9


def test_no_data_is_unlabelled(products: Callable[[int], Scene]) -> None:
    with products(1) as scene:
        corner = scene.transform.c + np.array([300.0]), scene.transform.f - np.array([300.0])
        (tile,) = label_tiles(scene, *corner, Autolabel())
    assert tile.window == Window(0, 0, 96, 96)
    assert (tile.classes[:70] == -1).all()
    assert (tile.flags[:70] == 0).all()
    assert np.isnan(tile.boundary_distance[:70]).all()
    assert np.isnan(tile.reflectance[0, :70]).all()
    assert (tile.classes[70:] >= 0).all()


def test_track_that_misses_the_scene_gives_no_tile(products: Callable[[int], Scene]) -> None:
    with products(1) as scene:
        x, y = track(scene)
        assert list(label_tiles(scene, x + 50_000, y, Autolabel())) == []
        assert list(label_tiles(scene, x[:0], y[:0], Autolabel())) == []


def test_scene_with_three_bands_only_is_labelled(made: ModuleType, tmp_path: Path) -> None:
    planes = np.stack([ice(3)[name] for name in ("B02", "B03", "B04")])
    file = made.write_tif(tmp_path / "T33XWJ_20220413T150759.tif", planes, names=("B02", "B03", "B04"))
    found = identify(file)
    assert found is not None
    with open_scene(Input(found.ident, found.kind, file, "", found.details)) as scene:
        whole = put_together(list(label_tiles(scene, *track(scene), Autolabel())), scene.shape)
    assert np.isnan(whole.reflectance[3:, whole.classes > -9]).all()
    lifted = (whole.flags & AutoFlag.CLOUD > 0) & (whole.flags & AutoFlag.SHADOW > 0)
    assert 0 < lifted.sum() < 0.3 * (whole.classes > -9).sum()


def test_stopping_early_leaves_no_thread_behind(products: Callable[[int], Scene]) -> None:
    import threading

    before = threading.active_count()
    with products(1) as scene:
        tiles = label_tiles(scene, *track(scene), Autolabel(tile=256))
        next(tiles)
        tiles.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before

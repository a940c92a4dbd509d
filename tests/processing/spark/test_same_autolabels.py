"""Auto-labels by Spark are those of one machine, bit for bit: a task a granule, or granules shared by tasks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from scipy import ndimage

from processing.errors import InputError
from processing.io import tables
from processing.io.sentinel2 import identify
from processing.labels import LabelStore
from processing.local.autolabel import autolabel as on_one_machine
from processing.local.label_plan import Granule
from processing.local.meetings import Meeting
from processing.project import Input, Project
from processing.schema import LABEL
from processing.spark import autolabel as spark
from processing.stages import Autolabel, Engine

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "io"))
from made_scenes import LEFT, TOP, Recipe, write_safe
from made_tracks import write_track

Same = Callable[[Project, Project, str], None]

A, B = "ATL03_20191104195311_05940510_006_01", "ATL03_20191104195312_06090510_006_01"
ROWS, COLS = 660, 720
SHIFT = (120.0, -70.0)
LATE = "late"
WAYS = {"a task a granule": 99.0, "shared": 0.0, "the large one shared": 1.0}


@dataclass(frozen=True)
class Inputs:
    """Scenes: one with all bands and the sun, seen soon after the tracks; one of four bands, on a grid of its own."""

    soon: Path
    late: Path


def surface() -> npt.NDArray[np.int8]:
    """Thick ice with aslant bands of water and thin ice."""
    relief = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(ROWS, COLS)), 6)
    relief /= relief.std()
    return np.select([relief < -1.4, relief < -0.9], [2, 1], 0).astype(np.int8)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("scenes")
    classes, (rows, cols) = surface(), np.indices((ROWS, COLS))
    cloud = np.hypot(rows - 200, cols - 330) < 110
    visible = np.choose(classes, [0.9, 0.3, 0.05]) + 0.01 * np.random.default_rng(5).normal(size=classes.shape)
    numbers = np.clip(np.where(cloud, 0.8, visible) * 10_000 + 1000, 1, 65_534).astype(np.uint16)
    numbers[300:380, :260] = 0
    swir = np.where(cloud, 0.45, np.choose(classes, [0.09, 0.02, 0.02]))[::2, ::2] * 10_000 + 1000
    bands = dict.fromkeys(("B02", "B03", "B04", "B08"), numbers) | {"B11": swir.astype(np.uint16)}
    recipe = Recipe(sensing="2019-11-04T20:10:00Z", sun_azimuth=0.0, sun_zenith=40.0)
    return Inputs(write_safe(folder, bands, recipe), write_late(folder / f"{LATE}.tif", visible))


def write_late(path: Path, visible: npt.NDArray[np.float64]) -> Path:
    """The western half of the scene without its cloud, on a grid of its own."""
    part = np.roll(visible, 4, axis=1)[20:600, 30:400] * 10_000
    profile = {
        "driver": "GTiff",
        "count": 4,
        "dtype": "uint16",
        "nodata": 0,
        "crs": "EPSG:32633",
        "compress": "deflate",
    }
    transform = Affine(10, 0, LEFT + 305, 0, -10, TOP - 195)
    with rasterio.open(path, "w", width=370, height=580, transform=transform, **profile) as file:
        file.write(np.stack([np.clip(part, 1, 65_534).astype(np.uint16)] * 4))
        file.descriptions = ("B02", "B03", "B04", "B08")
    return path


def project_of(root: Path, inputs: Inputs) -> Project:
    """Granule A crosses both scenes, B the first alone; gaps, a beam that meets nothing, a drift set by hand."""
    project = Project.create(root)
    for path, given in ((inputs.soon, {}), (inputs.late, {"time": "2019-11-04T20:40:00", "offset": 0.0})):
        found = identify(path, given)
        assert found is not None
        project.add_input("scenes", found.ident, found.kind, path, found.details)
        if path == inputs.soon:
            with LabelStore(project.database_url) as store:
                store.shift(B, found.ident, 43.0, 21.0, "ana")
    for number, (granule, beam, col) in enumerate(
        [(A, "gt1l", 150.0), (A, "gt1r", 159.0), (A, "gt2l", 340.0), (B, "gt1l", 500.0), (B, "gt3r", 5000.0)]
    ):
        along = np.arange(3100)
        row, col_ = 15.0 + 0.2 * along, col + 0.04 * along / 5
        seen = surface()[(row - SHIFT[1] / 10).astype(int) % ROWS, (col_ + SHIFT[0] / 10).astype(int) % COLS]
        x, y = LEFT + 10 * col_, TOP - 10 * row
        lon, lat = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True).transform(x, y)
        kept = np.random.default_rng(number).random(len(along)) > 0.03
        kept[1200:1500] = False
        write_track(project, (granule, beam), along[kept], lon[kept], lat[kept], seen[kept], seed=number)
    return project


def stage(**values: object) -> Autolabel:
    return Autolabel(**{"tile": 256, "filter_size": 31, "drift_reach": 300.0, **values})


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(spark, "_EVEN_SHARE", WAYS[request.param])
    return str(request.param)


@pytest.mark.parametrize(
    ("counts", "cores", "shared"),
    [
        ([1, 10, 1, 1], 2, [10]),
        ([4, 4, 4, 4], 2, []),
        ([4, 4, 4], 4, [4, 4, 4]),
        ([7], 2, [7]),
        ([7], 1, []),
        ([0, 0], 2, []),
    ],
)
def test_a_granule_of_more_than_an_even_share_is_shared(counts: list[int], cores: int, shared: list[int]) -> None:
    scene = Input("scene", "tif", Path("scene.tif"), "")
    todo = [
        Granule(str(number), {}, [Meeting(scene, 0.0, {"gt1l": np.array([[5, 5 + count]])})], {}, {})
        for number, count in enumerate(counts)
    ]
    found, alone = spark._apart(todo, cores)
    assert [spark._to_label(granule) for granule in found] == shared
    assert sorted(granule.ident for granule in [*found, *alone]) == [granule.ident for granule in todo]


def assert_same_kept(one: Project, other: Project) -> None:
    """Drift and figures kept beside the tables are the same, bit for bit."""
    found = [
        sorted(path.relative_to(each.root) for path in (each.root / "autolabels").rglob("scene=*"))
        for each in (one, other)
    ]
    assert found[0] == found[1]
    assert {path.suffix for path in found[0]} == {".npz", ".json"}
    for path in found[0]:
        if path.suffix == ".json":
            assert (one.root / path).read_text() == (other.root / path).read_text()
            continue
        with np.load(one.root / path) as first, np.load(other.root / path) as second:
            assert first.files == second.files
            for name in first.files:
                assert first[name].dtype == second[name].dtype
                assert first[name].tobytes() == second[name].tobytes(), f"{path}: {name}"


def test_labels_are_the_same(
    engine: Engine, way: str, inputs: Inputs, tmp_path: Path, assert_same_tables: Same
) -> None:
    whole, spread = (project_of(tmp_path / name, inputs) for name in ("whole", "spread"))
    on_one_machine(whole, stage())
    spark.autolabel(spread, stage(), engine)
    assert_same_tables(whole, spread, "autolabels")
    assert_same_kept(whole, spread)
    found = tables.read(spread.table_path("autolabels", A, "gt1l"), LABEL).to_pandas()
    assert {LATE} < set(found.scene_id)
    assert found.drift_x[found.scene_id != LATE].to_numpy() == pytest.approx(SHIFT[0], abs=5)


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_a_scene_that_cannot_be_read_ends_its_granule_alone(
    engine: Engine,
    way: str,
    inputs: Inputs,
    tmp_path: Path,
    assert_same_tables: Same,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spark, "_WIDEST", 0)  # the drift in one task, as with a large reach
    hurt, content = tmp_path / f"{LATE}.tif", bytearray(inputs.late.read_bytes())
    hurt.write_bytes(content)
    whole, spread = (project_of(tmp_path / name, Inputs(inputs.soon, hurt)) for name in ("whole", "spread"))
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    hurt.write_bytes(content)
    for project, label in ((whole, on_one_machine), (spread, partial(spark.autolabel, engine=engine))):
        with pytest.raises(InputError, match=rf"{LATE}.tif: band B\d\d cannot be read.*fetch it again") as caught:
            label(project, stage())
        assert caught.value.others_done
        assert {granule for granule, _ in project.tracks("autolabels")} == {B}
    assert_same_tables(whole, spread, "autolabels")
    assert_same_kept(whole, spread)

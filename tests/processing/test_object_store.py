"""Inputs and projects in an object store: tables as on this machine, whole or not at all, and errors in one line."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyproj import Transformer
from s3fs import S3FileSystem
from scipy import ndimage

from processing.errors import InputError
from processing.history import history
from processing.io import atomic, tables
from processing.io.atomic import aside_folder, scratch, write_text
from processing.io.recognise import take_stock
from processing.io.sentinel2 import open_scene
from processing.labels import LabelStore
from processing.local.autolabel import autolabel
from processing.local.export import export
from processing.local.freeboard import freeboard
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.local.snapshot import freeze
from processing.local.status import standing
from processing.places import is_remote, names_below, place, put, remove
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION, SEGMENT
from processing.stages import Autolabel, Freeboard, Resample, Snapshot

sys.path.insert(0, str(Path(__file__).parent / "io"))
from made_granules import Recipe, make_granule
from made_scenes import LEFT, TOP, write_safe, write_tif
from made_scenes import Recipe as SceneRecipe
from made_tables import table_of
from made_tracks import write_track

GRANULE = "ATL03_20191104195311_05940510_006_01"
RUN = "lstm-v0001"
Leadline = Callable[..., int]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A granule, photon tables in two formats, a SAFE folder, a GeoTIFF and things beside them."""
    folder = tmp_path_factory.mktemp("inputs")
    make_granule(folder / f"granules/{GRANULE}.h5", Recipe(beams=("gt1r", "gt2l"), pieces=((9_000_003.0, 400),)))
    x = np.arange(200.0)
    photons = pd.DataFrame({"lat": 70.0, "lon": 10.0, "h_ph": np.sin(x), "time": x, "x_atc": x, "signal_conf_ph": 4})
    photons.to_parquet(folder / "photons_gt1l.parquet")
    photons.to_csv(folder / "packed_gt3r.csv.gz", index=False)
    numbers = np.random.default_rng(0).integers(1001, 9000, (128, 128), np.uint16)
    write_safe(folder / "scenes", dict.fromkeys(("B02", "B03", "B04", "B08"), numbers) | {"B11": numbers[::2, ::2]})
    tags = {"ACQUISITION_TIME": "2019-11-04T20:10:00Z"}
    write_tif(folder / "scenes/stack.tif", np.stack([numbers] * 4), names=("B02", "B03", "B04", "B08"), tags=tags)
    (folder / "readme.txt").write_text("beside the data")
    return folder


@pytest.fixture
def there(inputs: Path, bucket: Path) -> Path:
    """The same in a store."""
    for name in names_below(inputs):
        put(inputs / name, bucket / "in" / name)
    return bucket / "in"


def project_of(root: Path, inputs: Path, *, copy: bool = False) -> Project:
    project = Project.create(root)
    take_in(project, take_stock((inputs,)), copy=copy)
    return project


def records(project: Project) -> list[tuple[object, ...]]:
    items = [item for category in ("granules", "scenes") for item in project.inputs(category)]
    return [(item.ident, item.kind, item.fingerprint, item.details) for item in items]


def contents(root: Path, kind: str) -> dict[str, bytes]:
    """Every file of a kind of table but those that are a folder's own."""
    names = [name for name in names_below(root / kind) if not name.rpartition("/")[2].startswith(".")]
    return {name: (root / kind / name).read_bytes() for name in names}


def test_inputs_are_recorded_by_their_url(inputs: Path, there: Path, tmp_path: Path) -> None:
    near, far = project_of(tmp_path / "near", inputs), project_of(tmp_path / "far", there)
    assert len(records(far)) == 5
    assert records(far) == records(near)
    assert all(is_remote(item.path) for item in far.inputs("granules") + far.inputs("scenes"))
    assert {Path(name).suffix for name in names_below(far.root)} == {".json", ".toml"}
    take_in(far, take_stock((there,)))
    for one, other in zip(near.inputs("scenes"), far.inputs("scenes"), strict=True):
        with open_scene(one) as first, open_scene(other) as second:
            assert np.array_equal(first.read(("B03", "B11")), second.read(("B03", "B11")), equal_nan=True)


def test_inputs_of_a_store_are_fetched_to_copy(inputs: Path, there: Path, tmp_path: Path) -> None:
    near, far = project_of(tmp_path / "near", inputs), project_of(tmp_path / "far", there, copy=True)
    remove(there)
    assert records(far) == records(near)
    resample(far, Resample())


def test_an_object_that_changes_makes_stale(there: Path, tmp_path: Path) -> None:
    project = project_of(tmp_path / "project", there / "granules")
    resample(project, Resample())
    assert standing(project)[0].state == "current"
    before = project.inputs("granules")[0].fingerprint
    make_granule(tmp_path / "other.h5", Recipe(beams=("gt1r", "gt2l"), seed=5))
    put(tmp_path / "other.h5", there / "granules" / f"{GRANULE}.h5")
    assert project.inputs("granules")[0].fingerprint != before
    assert standing(project)[0].state == "stale"


def classify(project: Project) -> None:
    """Classes of every segment, as a model might give them."""
    for track in project.tracks("segments"):
        path = project.table_path("segments", *track)
        stamp = tables.read_stamp(path)
        assert stamp is not None
        segment = tables.read(path, SEGMENT, ["segment"])["segment"].to_numpy()
        water = segment % 50 < 5
        columns = {"segment": segment, "predicted": np.where(water, 2, 0).astype(np.int8), "p_water": 0.9 * water}
        table = table_of(PREDICTION, track, {**columns, "p_water": columns["p_water"].astype(np.float32)})
        made = Stamp("classify", {"run_name": RUN}, {"segments": stamp.fingerprint})
        tables.write(project.table_path("predictions", *track, RUN), PREDICTION, table, made)


def test_a_project_in_a_store_has_the_tables_of_one_here(
    inputs: Path, there: Path, bucket: Path, tmp_path: Path
) -> None:
    near, far = project_of(tmp_path / "near", inputs), project_of(bucket / "projects/far", there)
    for project in (near, far):
        resample(project, Resample())
        classify(project)
        assert freeboard(project, Freeboard()) == RUN
        export(project, "freeboard", "", "parquet", project.root / "out.parquet")
    for kind in ("segments", "predictions", "freeboard"):
        assert contents(far.root, kind) == contents(near.root, kind) != {}
    assert (far.root / "out.parquet").read_bytes() == (near.root / "out.parquet").read_bytes()
    assert [(row.state, row.rows) for row in standing(far)] == [(row.state, row.rows) for row in standing(near)]


def test_a_project_in_a_store_takes_copies_of_files_here(inputs: Path, bucket: Path, tmp_path: Path) -> None:
    near, far = project_of(tmp_path / "near", inputs), project_of(bucket / "far", inputs)
    assert records(far) == records(near)
    assert all(item.path.parent.parent.parent == far.root for item in far.inputs("granules") + far.inputs("scenes"))


def test_auto_labels_and_snapshots_in_a_store(bucket: Path, tmp_path: Path) -> None:
    near, far = Project.create(tmp_path / "near"), Project.create(bucket / "far")
    made = labelled_inputs(tmp_path / "scenes")
    for project in (near, far):
        take_in(project, take_stock((made,)))
        track_over_the_scene(project)
        autolabel(project, Autolabel(tile=256, filter_size=31, drift_reach=100.0))
        autolabel(project, Autolabel(tile=256, filter_size=31, drift_reach=100.0, transition=20.0))
        assert freeze(project, Snapshot()).name == "v0001"
        assert not freeze(project, Snapshot()).is_new
    assert tables_only(contents(far.root, "autolabels")) == tables_only(contents(near.root, "autolabels")) != {}
    assert tables_only(contents(far.root, "snapshots")) == tables_only(contents(near.root, "snapshots")) != {}
    assert set(contents(far.root, "autolabels")) == set(contents(near.root, "autolabels"))


def tables_only(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in found.items() if name.endswith(".parquet")}


def labelled_inputs(folder: Path) -> Path:
    """A scene of bright ice with bands of water."""
    classes = surface()
    numbers = (np.choose(classes, [9000, 3000, 500]) + 1000).astype(np.uint16)
    bands = dict.fromkeys(("B02", "B03", "B04", "B08"), numbers) | {"B11": numbers[::2, ::2]}
    write_safe(folder, bands, SceneRecipe(sensing="2019-11-04T20:10:00Z"))
    return folder


def surface() -> np.ndarray:
    relief = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(256, 256)), 5)
    return np.select([relief < -1.3 * relief.std(), relief < -0.8 * relief.std()], [2, 1], 0).astype(np.int8)


def track_over_the_scene(project: Project) -> None:
    row = np.arange(10.0, 240.0, 0.2)
    col = 100.0 + 0.05 * row
    to_degrees = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(LEFT + 10 * col, TOP - 10 * row)
    seen = surface()[row.astype(int), col.astype(int)]
    write_track(project, (GRANULE, "gt1l"), np.arange(len(row)), lon, lat, seen, seed=1)


def test_the_newest_run_is_the_one_made_last(bucket: Path) -> None:
    project = Project.create(bucket / "p")
    for run in ("b", "a", "c"):
        write_text(project.root / "models" / run / "model.json", "{}")
        project.make_newest("models", run)
    assert project.runs("models") == ["b", "a", "c"]
    project.make_newest("models", "b")
    assert Project(project.root).runs("models") == ["a", "c", "b"]


def test_what_ran_is_recorded(there: Path, bucket: Path, leadline: Leadline) -> None:
    root = str(bucket / "p")
    assert [leadline(*words) for words in (("new", root), ("add", root, there / "granules"))] == [0, 0]
    assert [leadline("resample", root) for _ in range(2)] == [0, 0]
    assert [(run.stage, run.outcome, run.wrote) for run in history(place(root))] == [
        ("resample", "done", True),
        ("resample", "done", False),
    ]


class Interrupt(BaseException):
    """What stops a stage from outside."""


def test_an_interrupted_write_leaves_nothing(bucket: Path) -> None:
    path = Project.create(bucket / "p").table_path("segments", GRANULE, "gt1l")
    rows = table_of(SEGMENT, (GRANULE, "gt1l"), {"segment": np.arange(10)})

    def broken() -> Iterator[pa.Table]:
        yield rows
        raise Interrupt

    with pytest.raises(Interrupt):
        tables.write(path, SEGMENT, broken(), Stamp("resample"))
    assert names_below(bucket / "p") == ["project.toml"]
    tables.write(path, SEGMENT, rows, Stamp("resample"))
    with pytest.raises(Interrupt):
        tables.write(path, SEGMENT, broken(), Stamp("resample", {"n": 2}))
    assert tables.is_current(path, Stamp("resample"))
    assert not list(scratch().glob(f"*-{os.getpid()}-*"))


def test_an_upload_that_fails_leaves_what_was_there(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bucket / "p/file.txt"
    write_text(path, "first")

    def refused(*_: object) -> None:
        raise InputError("the store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(atomic, "put", refused)
        with pytest.raises(InputError):
            write_text(path, "second")
    assert path.read_text() == "first"
    assert not list(scratch().glob(f"*-{os.getpid()}-*"))


def test_a_folder_is_sent_whole_or_taken_back(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def limited(file: Path, path: Path) -> None:
        if len(sent) == 2:
            raise Interrupt
        sent.append(path.name)
        put(file, path)

    with monkeypatch.context() as broken:
        broken.setattr(atomic, "put", limited)
        with pytest.raises(Interrupt), aside_folder(bucket / "new") as folder:
            fill(folder, "a/x", "b/y", "manifest")
    assert sent == ["x", "y"]
    assert names_below(bucket / "new") == []
    with aside_folder(bucket / "new", exclusive=True) as folder:
        fill(folder, "a/x", "manifest")
    with aside_folder(bucket / "new") as folder:
        fill(folder, "b/y", "manifest")
    assert names_below(bucket / "new") == ["b/y", "manifest"]
    with pytest.raises(FileExistsError), aside_folder(bucket / "new", exclusive=True) as folder:
        fill(folder, "c")


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)


def one_line(captured: pytest.CaptureFixture[str]) -> str:
    told = captured.readouterr().err.strip()
    assert told.startswith("leadline: ")
    assert "\n" not in told
    return told


@pytest.mark.parametrize("words", [("new", "s3://no-such-bucket/p"), ("status", "s3://no-such-bucket/p")])
def test_a_bucket_that_is_not_there(
    words: tuple[str, str], object_store: str, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leadline(*words) == 2
    assert "s3://no-such-bucket/p" in (told := one_line(capsys))
    assert "no such bucket" in told


@pytest.mark.parametrize("words", [("status", "P"), ("resample", "P"), ("add", "P", "s3://bucket/x")])
def test_a_project_that_is_not_there(
    words: tuple[str, ...], bucket: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leadline(*(word.replace("P", str(bucket / "nothing")) for word in words)) == 2
    assert f"leadline new {bucket / 'nothing'}" in one_line(capsys)


def test_an_object_that_vanished(
    there: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    project = project_of(tmp_path / "p", there / "granules")
    remove(there)
    assert leadline("resample", project.root) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{there}/granules/{GRANULE}.h5: file is not there" in told
    assert leadline("add", project.root, there) == 2
    assert f"{there}: no such file or folder" in one_line(capsys)


def test_events_need_a_database_elsewhere(bucket: Path) -> None:
    project = Project.create(bucket / "p")
    with pytest.raises(InputError, match=r"database\.url: .*none is named; .*project\.toml"):
        LabelStore(project.database_url)


@pytest.fixture
def surroundings(object_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment to change; the client that is open already is not used in it."""
    S3FileSystem.clear_instance_cache()
    yield monkeypatch
    S3FileSystem.clear_instance_cache()


def test_without_credentials(
    surroundings: pytest.MonkeyPatch, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        surroundings.delenv(name)
    assert leadline("status", "s3://bucket/p") == 2
    assert "s3://bucket/p: there are no credentials" in (told := one_line(capsys))
    assert "AWS_PROFILE" in told


def test_where_nobody_answers(
    surroundings: pytest.MonkeyPatch, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        surroundings.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    surroundings.setenv("AWS_MAX_ATTEMPTS", "1")
    assert leadline("status", "s3://bucket/p") == 2
    assert "s3://bucket/p: the store does not answer" in (told := one_line(capsys))
    assert "AWS_ENDPOINT_URL" in told
    Project.create(tmp_path / "p")
    assert leadline("add", tmp_path / "p", "s3://bucket/x") == 2
    assert "s3://bucket/x: the store does not answer" in one_line(capsys)

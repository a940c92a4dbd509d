"""Predictions by Spark are those of one machine, bit for bit, and need torch where they are made, as nothing else."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from processing.errors import InputError
from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SEGMENT
from processing.spark import session
from processing.spark.session import cluster
from processing.stages import Classify, Engine
from training import bundle, on_spark
from training.classify import classify as on_one_machine
from training.designs import DESIGNS
from training.models import make
from training.record import save_record
from training.windows import Normalisation

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_tables import table_of

Same = Callable[[Project, Project, str], None]

A, B = "ATL03_20191104195311_05940510_006_01", "ATL03_20191105195311_06090510_006_01"
TRACKS = ((A, "gt1l"), (A, "gt2l"), (B, "gt1r"))
RUN = "lstm-v0001"
NOWHERE = Engine(engine="spark", master="spark://127.0.0.1:1")


def write_track(project: Project, track: tuple[str, str]) -> None:
    """Segments over more than twice the reach of a feature, with gaps; one track has none, one few."""
    rng = np.random.default_rng(TRACKS.index(track))
    index = np.flatnonzero(rng.random(40_000) > 0.05)
    index = index[(index < 9000) | (index > 9600)][: {"gt1l": None, "gt2l": 0, "gt1r": 700}[track[1]]]
    count = len(index)
    height = 0.3 * (np.sin(index / 80.0) > 0) + 0.03 * rng.standard_normal(count)
    photons = rng.integers(1, 12, count).astype(np.int32)
    columns = {
        "segment": index + 4_000_000,
        "x_atc": 2.0 * (index + 4_000_000) + 1.0,
        "height_mean": height.astype(np.float32),
        "height_median": (height + 0.01 * rng.standard_normal(count)).astype(np.float32),
        "height_std": rng.uniform(0.05, 0.2, count).astype(np.float32),
        "photon_count": photons,
        "photon_count_high": photons // 2,
        "photon_rate": (photons / 3).astype(np.float32),
        "background_rate": rng.uniform(1e5, 2e6, count).astype(np.float32),
    }
    stamp = Stamp("resample", {"window": 2.0}, {"granule": track[0]})
    tables.write(project.table_path("segments", *track), SEGMENT, table_of(SEGMENT, track, columns), stamp)


def write_model(project: Project, name: str, run: str) -> None:
    """A model as it is before training: what it says means nothing, to the last digit."""
    folder = project.root / "models" / run
    folder.mkdir(parents=True)
    design = DESIGNS[name]
    count = len(design.features)
    norm = Normalisation(
        torch.full((count,), 0.2), torch.ones(count), tuple(range(count)), design.limit, design.stretches
    )
    trained = bundle.Trained(name, make(name, 3, norm.width), norm, design.features, 2.0, temperature=1.3)
    bundle.save_weights(folder, trained)
    save_record(folder, bundle.describe(trained) | {"fingerprint": f"of a test {name}"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.create(tmp_path_factory.mktemp("predictions") / "project")
    for track in TRACKS:
        write_track(project, track)
    write_model(project, "context", "context-v0001")
    write_model(project, "lstm", RUN)
    return project


@pytest.fixture
def twins(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, Project]:
    """The same project twice; each batch becomes a piece of its own."""
    for name in ("_FEWEST", "_MOST"):
        monkeypatch.setattr(on_spark, name, 1)
    whole, cut = (Project(shutil.copytree(made.root, tmp_path / name)) for name in ("whole", "cut"))
    return whole, cut


@pytest.mark.parametrize("run", [RUN, "context-v0001"])
def test_predictions_are_the_same(
    engine: Engine, twins: tuple[Project, Project], assert_same_tables: Same, run: str
) -> None:
    whole, cut = twins
    stage = Classify(batch=3001, run_name=run)
    assert on_one_machine(whole, stage) == run
    assert on_spark.classify(cut, stage, engine) == run
    assert_same_tables(whole, cut, "predictions")
    assert cut.tracks("predictions", run) == list(TRACKS)
    assert on_spark.classify(cut, stage, NOWHERE) == run, "there is nothing to do, so no cluster is asked for"


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_a_granule_that_cannot_be_used_keeps_no_other_from_being_classified(
    engine: Engine, twins: tuple[Project, Project]
) -> None:
    _, cut = twins
    path = cut.table_path("segments", *TRACKS[0])
    stamp, table = tables.read_stamp(path), tables.read(path, SEGMENT)
    assert stamp is not None
    height = table["height_mean"].to_numpy().copy()
    height[20_000] = np.nan
    columns = {name: table[name] for name in table.column_names} | {"height_mean": height}
    tables.write(path, SEGMENT, SEGMENT.build(columns), stamp)
    with pytest.raises(InputError, match="feature height_above_low is missing at segment") as told:
        on_spark.classify(cut, Classify(), engine)
    assert told.value.others_done
    assert cut.tracks("predictions", RUN) == list(TRACKS[1:])


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_executors_are_asked_for_what_the_work_at_hand_imports(engine: Engine) -> None:
    assert Classify.needs == ("torch",)
    assert "torch" not in session.NEEDS
    with pytest.raises(InputError, match="lacks the module no_such_module"), cluster(engine, "a", ("no_such_module",)):
        pass
    with cluster(engine, "b") as spark:
        assert [len(found) for found in spark.collect(str, ["x"], "b")] == [1]

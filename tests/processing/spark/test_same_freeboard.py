"""Freeboard by Spark is that of one machine, bit for bit, wherever a track is cut."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from processing.errors import InputError, StaleError
from processing.io import tables
from processing.local.freeboard import freeboard as on_one_machine
from processing.local.freeboard import job_of, outdated
from processing.progress import watched
from processing.project import Project
from processing.schema import FREEBOARD, PREDICTION, FreeboardFlag, SeaSurfaceSource
from processing.spark import freeboard as spark
from processing.spark import granules
from processing.spark.standalone import Standalone
from processing.spark.tracks import ranges
from processing.stages import Engine, Freeboard

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_freeboard import PREDICTED, TRACKS, A, make_project
from made_trouble import At, kill_an_executor

Same = Callable[[Project, Project, str], None]

WINDOW, UNIT = 2000.0, 100
NOWHERE = Engine(engine="spark", master="spark://127.0.0.1:1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("freeboard") / "project")


@pytest.fixture
def twins(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, Project]:
    """The same project twice; tracks are cut into pieces of a few kilometres, so that borders fall inside leads."""
    for name, value in (("_FEWEST", 1), ("_MOST", 1), ("_UNIT", UNIT), ("_least", lambda _: 1600.0)):
        monkeypatch.setattr(spark, name, value)
    whole, cut = (Project(shutil.copytree(made.root, tmp_path / name)) for name in ("whole", "cut"))
    return whole, cut


@pytest.mark.parametrize(
    ("engine", "source", "options"),
    [
        ("local", "predictions", {"estimator": "robust"}),
        ("local", "predictions", {"estimator": "minimum", "water_probability": 0.6}),
        ("local", "predictions", {"estimator": "weighted", "height": "mean", "stride": 500.0}),
        ("local", "labels", {"estimator": "average", "minimum_lead_segments": 30}),
        ("local", "labels", {"estimator": "nearest", "height": "mean"}),
        ("local", "predictions", {"estimator": "robust", "dark_leads": True, "wave_least": 0.001}),
        ("cluster", "predictions", {"estimator": "robust"}),
    ],
    indirect=["engine"],
)
def test_freeboard_is_the_same(
    engine: Engine, twins: tuple[Project, Project], assert_same_tables: Same, source: str, options: dict[str, object]
) -> None:
    whole, cut = twins
    stage = Freeboard(**({"source": source, "window": WINDOW, "stride": 1000.0} | options))
    [track, *_] = outdated(job_of(cut, stage), None, [])
    run = on_one_machine(whole, stage)
    assert spark.freeboard(cut, stage, engine) == run
    assert_same_tables(whole, cut, f"freeboard/{run}")
    assert cut.tracks("freeboard", run) == list(TRACKS)
    found = tables.read(track.target, FREEBOARD)
    borders = [start for start, _ in ranges(track.rows, spark._least(track), UNIT)][1:]
    lead = found["lead_id"].to_numpy()
    assert any(lead[row - 1] == lead[row] >= 0 for row in borders), "a border falls inside a lead"
    assert set(found["sea_surface_source"].to_pylist()) >= {SeaSurfaceSource.NONE, SeaSurfaceSource.LEADS}
    seen = int(np.bitwise_or.reduce(found["flags"].to_numpy()))
    wanted = FreeboardFlag.UNDER_CLOUD | FreeboardFlag.SATURATED | FreeboardFlag.NO_FIRST_PHOTON
    if stage.minimum_lead_segments == 1:
        wanted |= FreeboardFlag.DARK_LEAD | (0 if stage.dark_leads else FreeboardFlag.NOT_TRUSTED)
    assert seen & wanted == wanted, "the flags have something to say"


def test_an_executor_killed_between_the_steps_changes_nothing(
    two_workers: Standalone,
    twins: tuple[Project, Project],
    assert_same_tables: Same,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it held of the first step is lost with it, and must be made again."""
    whole, cut = twins
    monkeypatch.setattr(granules, "_POLL", 0.05)
    stage = Freeboard(window=WINDOW, stride=1000.0)
    at = At(partial(kill_an_executor, two_workers))
    with watched(at):
        spark.freeboard(cut, stage, Engine(engine="spark", master=two_workers.url))
    assert at.seen is not None
    on_one_machine(whole, stage)
    assert_same_tables(whole, cut, "freeboard")


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_what_is_current_is_left_alone_and_a_broken_granule_keeps_no_other_from_it(
    engine: Engine, twins: tuple[Project, Project], assert_same_tables: Same
) -> None:
    whole, cut = twins
    stage = Freeboard(window=WINDOW, stride=1000.0)
    segments = cut.table_path("segments", *TRACKS[0])
    content = segments.read_bytes()
    segments.write_bytes(content[:1000] + bytes(len(content) // 2) + content[1000 + len(content) // 2 :])
    with pytest.raises(InputError, match="damaged table") as told:
        spark.freeboard(cut, stage, engine)
    assert told.value.others_done
    assert cut.tracks("freeboard", PREDICTED) == list(TRACKS[1:])
    times = {track: cut.table_path("freeboard", *track, PREDICTED).stat().st_mtime_ns for track in TRACKS[1:]}
    segments.write_bytes(content)
    spark.freeboard(cut, stage, engine)
    on_one_machine(whole, stage)
    assert_same_tables(whole, cut, "freeboard")
    assert {track: cut.table_path("freeboard", *track, PREDICTED).stat().st_mtime_ns for track in times} == times
    assert spark.freeboard(cut, stage, NOWHERE) == PREDICTED, "there is nothing to do, so no cluster is asked for"


@pytest.mark.parametrize("engine", ["local"], indirect=True)
def test_classes_of_other_segments_are_told(engine: Engine, twins: tuple[Project, Project]) -> None:
    _, cut = twins
    path = cut.table_path("predictions", *TRACKS[0], PREDICTED)
    stamp = tables.read_stamp(path)
    assert stamp is not None
    classed = tables.read(path, PREDICTION)
    moved = classed["segment"].to_numpy().copy()
    moved[-1] += 5
    columns = {name: classed[name] for name in classed.column_names} | {"segment": moved}
    tables.write(path, PREDICTION, PREDICTION.build(columns), stamp)
    with pytest.raises(StaleError, match=r"not those of the track's segments.*leadline classify"):
        spark.freeboard(cut, Freeboard(window=WINDOW, stride=1000.0), engine, [A])
    assert cut.tracks("freeboard", PREDICTED) == [TRACKS[1]]

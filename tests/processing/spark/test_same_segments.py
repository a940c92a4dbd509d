"""Segments by Spark are those of one machine, bit for bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.io import recognise
from processing.local.inputs import take_in
from processing.local.resample import resample as on_one_machine
from processing.project import Project
from processing.spark import resample as spark
from processing.stages import Engine, Resample

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_granules import Recipe, make_granule

Same = Callable[[Project, Project, str], None]

NAMES = ("ATL03_20191104195311_05940510_006_01.h5", "ATL03_20191105195311_06090510_006_01.h5")


def project_of(root: Path, granules: Path) -> Project:
    project = Project.create(root)
    take_in(project, recognise.take_stock((granules,), "", {}), copy=False)
    return project


@pytest.fixture(scope="module")
def granules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two granules in pieces with gaps; one beam of the second has photons without any signal."""
    folder = tmp_path_factory.mktemp("granules")
    pieces = ((9_000_003.0, 300), (9_012_500.0, 1), (9_020_000.0, 250), (9_100_000.0, 120))
    make_granule(folder / NAMES[0], Recipe(beams=("gt1r", "gt2r"), pieces=pieces, seed=1))
    make_granule(folder / NAMES[1], Recipe(beams=("gt1r", "gt3r"), pieces=pieces[:2], seed=2, lon=-179.99))
    return folder


@pytest.mark.parametrize("window", [2.0, 20.0])
def test_segments_are_the_same(
    engine: Engine,
    granules: Path,
    tmp_path: Path,
    assert_same_tables: Same,
    monkeypatch: pytest.MonkeyPatch,
    window: float,
) -> None:
    monkeypatch.setattr(spark, "_FEWEST", 2_000)
    stage = Resample(window=window)
    whole, cut = (project_of(tmp_path / name, granules) for name in ("whole", "cut"))
    on_one_machine(whole, stage)
    spark.resample(cut, stage, engine)
    assert_same_tables(whole, cut, "segments")

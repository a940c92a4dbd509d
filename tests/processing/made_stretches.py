"""Granules for tests of Spark jobs: one of many stretches, and the project around it."""

from __future__ import annotations

from pathlib import Path

from made_granules import Recipe, make_granule

from processing.io import recognise
from processing.local.inputs import take_in
from processing.project import Project

GRANULE = "ATL03_20191104105311_05940510_006_01"
STRETCHES = 16


def add(project: Project, *paths: Path) -> None:
    take_in(project, recognise.take_stock(paths, "", {}), copy=False)


def make_long_granule(folder: Path) -> Path:
    """A granule of stretches a kilometre apart, each 800 m long."""
    pieces = [(9_000_003.0 + 1000.0 * number, 40) for number in range(STRETCHES)]
    return make_granule(folder / f"{GRANULE}.h5", Recipe(pieces=pieces, seed=1))

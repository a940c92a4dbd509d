"""From rates measured on a project to a month of a hemisphere. A projection: nothing of that size was run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from processing.project import Project
from processing.spark.scaling import Measured
from processing.stages import STAGES

MONTH = 1e10
"""Segments of 2 m that ICESat-2's six beams give of one hemisphere's sea ice in a month, about."""


@dataclass(frozen=True)
class Projection:
    """One stage over a month.

    Attributes
    ----------
    rate : segments a second and core, of Spark on one core. efficiency : of that with the most cores measured, a core.
    read, written : bytes, of inputs and tables.
    """

    stage: str
    rate: float
    efficiency: float
    read: float
    written: float

    @property
    def core_hours(self) -> float:
        return MONTH / self.rate / 3600.0

    def hours(self, cores: int) -> float:
        """Hours on ``cores``, at the efficiency measured."""
        return self.core_hours / self.efficiency / cores


def project_onto_month(project: Project, found: Sequence[Measured], segments: int) -> list[Projection]:
    """Each stage's projection, from what was measured on the project's ``segments``."""
    each = {one.stage: [other for other in found if other.stage == one.stage and other.setup.slots] for one in found}
    return [_of_stage(project, key, measured, segments) for key, measured in each.items()]


def _of_stage(project: Project, key: str, found: Sequence[Measured], segments: int) -> Projection:
    few, many = (choose(found, key=lambda one: one.setup.slots) for choose in (min, max))
    efficiency = min(1.0, few.whole * few.setup.slots / (many.whole * many.setup.slots))
    rate = segments / few.whole / few.setup.slots
    kind = STAGES[key]
    read = sum(_size(_folders(project, name)) for name in kind.inputs if name != "models")
    return Projection(
        key, rate, efficiency, read / segments * MONTH, _size(_folders(project, kind.output)) / segments * MONTH
    )


def _folders(project: Project, kind: str) -> list[Path]:
    """Where a kind of table or input lies; of runs the newest."""
    if kind in {"granules", "scenes"}:
        return [item.path for item in project.inputs(kind)]
    runs = project.runs(kind) if kind in {"predictions", "freeboard"} else []
    return [project.root / kind / runs[-1] if runs else project.root / kind]


def _size(places: Iterable[Path]) -> int:
    files = (file for place in places for file in ([place] if place.is_file() else place.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file())

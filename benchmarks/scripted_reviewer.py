"""A reviewer without a mind: looks at what it is shown, in that order, and sets the true class there.

It works on synthetic pairs, whose truth is known. What it is shown is the queue's zones or the track itself; what is
measured is how many labels are still wrong after so many metres.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.core.zones import Zone, find_zones
from processing.io import tables
from processing.io.recognise import take_stock
from processing.local.autolabel import autolabel
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.local.snapshot import snapshot
from processing.local.zones import track_evidence
from processing.project import Project
from processing.schema import TRUTH
from processing.stages import Autolabel, Classify, Resample, Review, Snapshot, Train
from processing.twin.make import make_twin
from processing.twin.parameters import Twin

TEACHER = 31_830
"""Seed of the granule that the model learns from."""

EPOCHS = 8
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beam:
    """One track under review: ``segment`` (n,) i8, ``wrong`` (n,) bool against the truth, its zones, ``window`` m."""

    segment: npt.NDArray[np.int64]
    wrong: npt.NDArray[np.bool_]
    zones: tuple[Zone, ...]
    window: float

    @property
    def length(self) -> float:
        """From the first segment to the last, m."""
        return float(self.segment[-1] + 1 - self.segment[0]) * self.window

    def found(self, zone: Zone) -> int:
        """Wrong labels in a zone."""
        start, stop = np.searchsorted(self.segment, (zone.first, zone.stop))
        return int(np.count_nonzero(self.wrong[start:stop]))


@dataclass(frozen=True)
class Curve:
    """What is left after looking: ``metres`` looked at and ``wrong`` labels, both (k,) f8, from 0 metres on."""

    metres: Floats
    wrong: Floats

    def metres_to(self, share: float) -> float:
        """Metres after which ``share`` of the wrong labels are mended, m; infinite when that is never so."""
        left = self.wrong[0] * (1.0 - share)
        after = int(np.argmax(self.wrong <= left))
        if self.wrong[after] > left:
            return float("inf")
        stretch = slice(max(after - 1, 0), after + 1)
        return float(np.interp(-left, -self.wrong[stretch], self.metres[stretch]))

    @property
    def backwards(self) -> Curve:
        """The same looked at from the other end."""
        return Curve(self.metres[-1] - self.metres[::-1], self.wrong[0] + self.wrong[-1] - self.wrong[::-1])


def learn(folder: Path, kilometres: float) -> Project:
    """A project with a small model, learned from the labels of one granule that is never reviewed."""
    from training.begin import train  # brings what the arithmetic of a review does not need

    project = _labelled(folder, Twin(seed=TEACHER, granules=1, km=kilometres))
    snapshot(project, Snapshot())
    train(project, Train(model="lstm", epochs=EPOCHS, tracking="off"))
    return project


def make_project(folder: Path, teacher: Project, twin: Twin) -> Project:
    """Synthetic pairs, labelled, and classified by the teacher's model."""
    from training.classify import classify

    project = _labelled(folder, twin)
    shutil.copytree(teacher.root / "models", project.root / "models")
    classify(project, Classify())
    return project


def _labelled(folder: Path, twin: Twin) -> Project:
    make_twin(folder / "twin", twin)
    project = Project.create(folder / "project")
    take_in(project, take_stock((folder / "twin",), "", {}))
    resample(project, Resample())
    autolabel(project, Autolabel())
    return project


def beams(project: Project, review: Review, *, model: bool) -> list[Beam]:
    """The project's tracks with their zones, found with or without the model."""
    return [_beam(project, track, review, model=model) for track in project.tracks("autolabels")]


def _beam(project: Project, track: tuple[str, str], review: Review, *, model: bool) -> Beam:
    evidence = track_evidence(project, *track, model=model)
    assert evidence is not None, "tracks with auto-labels only"
    truth = tables.read(project.table_path("inputs/truth", *track), TRUTH, ["segment", "label"])
    segment, label = truth["segment"].to_numpy(), truth["label"].to_numpy()
    at = np.clip(np.searchsorted(segment, evidence.segment), 0, len(segment) - 1)
    known = (segment[at] == evidence.segment) & (label[at] >= 0)
    wrong = known & (label[at] != evidence.label)
    return Beam(evidence.segment, wrong, tuple(find_zones(evidence, review)), evidence.window)


def from_start_to_end(shown: Sequence[Beam]) -> Curve:
    """Looking at every track from its start to its end, one after another."""
    edges = [(beam, int(beam.segment[0]), int(beam.segment[-1]) + 1) for beam in shown]
    return _look(edges, shown)


def zones_by(shown: Sequence[Beam], pays: Callable[[Beam, Zone], float]) -> Curve:
    """Looking at the zones only, those that ``pays`` says the most for first, of all tracks together."""
    entries = [(beam, zone) for beam in shown for zone in beam.zones]
    entries.sort(key=lambda entry: -pays(*entry))
    return _look([(beam, zone.first, zone.stop) for beam, zone in entries], shown)


def ranked(shown: Sequence[Beam]) -> Curve:
    """The queue as the page offers it."""
    return zones_by(shown, lambda _, zone: zone.score)


def in_track_order(shown: Sequence[Beam]) -> Curve:
    """The same zones one after another along the tracks."""
    return zones_by(shown, lambda _beam, _zone: 0.0)


def ideal(shown: Sequence[Beam]) -> Curve:
    """The same zones in the order that only the truth could tell: by wrong labels found for each metre."""
    return zones_by(shown, lambda beam, zone: beam.found(zone) / zone.length)


def outside(shown: Iterable[Beam]) -> float:
    """Share of the wrong labels that lie in no zone."""
    each = [(int(np.count_nonzero(beam.wrong)), sum(map(beam.found, beam.zones))) for beam in shown]
    total = sum(wrong for wrong, _ in each)
    return 1.0 - sum(found for _, found in each) / total if total else 0.0


def _look(stretches: Sequence[tuple[Beam, int, int]], shown: Sequence[Beam]) -> Curve:
    """Look at half-open runs of segments in this order, mending each wrong label as it is passed."""
    metres: list[Floats] = [np.zeros(1)]
    mended: list[Floats] = [np.zeros(1)]
    walked = 0.0
    done = 0
    for beam, first, stop in stretches:
        rows = slice(*np.searchsorted(beam.segment, (first, stop)))
        metres.append(np.asarray(walked + (beam.segment[rows] + 1 - first) * beam.window, np.float64))
        mended.append(np.asarray(done + np.cumsum(beam.wrong[rows]), np.float64))
        walked += (stop - first) * beam.window
        done += int(np.count_nonzero(beam.wrong[rows]))
    total = sum(int(np.count_nonzero(beam.wrong)) for beam in shown)
    return Curve(np.concatenate(metres), total - np.concatenate(mended))

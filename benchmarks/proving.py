"""The proving ground: synthetic ice on which models are compared, its labels set by the truth as an analyst would.

``assets/proving.toml`` fixes how hard it is: under the paper's own protocol the paper's LSTM does as well as the paper
says. Beams are strong ones, as in the paper.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.core.zones import Zone, find_zones
from processing.io import tables
from processing.io.recognise import take_stock
from processing.label_log import Stroke
from processing.labels import LabelStore
from processing.local.autolabel import autolabel
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.local.snapshot import snapshot
from processing.local.zones import track_evidence
from processing.project import Project
from processing.schema import LABEL
from processing.stages import Autolabel, Resample, Review, Snapshot
from processing.twin.make import make_twin
from processing.twin.parameters import Twin
from training.judged import true_classes

RECIPE = "proving.toml"
TAUGHT_SEED, UNSEEN_SEED = 4100, 8200
"""Seeds of the granules that models learn from, and of those that judge them."""

ANALYST = "scripted reviewer"
_STROKES = 2000
Labels = npt.NDArray[np.int8]
Segments = npt.NDArray[np.int64]


def parameters(seed: int, granules: int, kilometres: float) -> Twin:
    """The proving ground's twin."""
    recipe = tomllib.loads(files("assets").joinpath(RECIPE).read_text("utf-8"))["twin"]
    return Twin(**(recipe | {"seed": seed, "granules": granules, "km": kilometres}))


def make(folder: Path, seed: int, granules: int, kilometres: float = 60.0) -> Project:
    """A project of the proving ground in ``folder``, labelled by its scenes; one that is there is opened."""
    root = folder / f"proving-{seed}-{granules}-{kilometres:g}"
    if (root / "made").exists():
        return Project(root / "project")
    make_twin(root / "twin", parameters(seed, granules, kilometres))
    project = Project.create(root / "project")
    take_in(project, take_stock((root / "twin",), "", {}))
    resample(project, Resample())
    autolabel(project, Autolabel())
    keep_strong(project)
    (root / "made").touch()
    return project


def keep_strong(project: Project) -> None:
    """Take the weak beams' tables out: right beams are strong, the twin flies forward."""
    for kind in ("segments", "autolabels", "inputs/truth"):
        for granule, beam in project.tracks(kind):
            if not beam.endswith("r"):
                project.table_path(kind, granule, beam).unlink()


@dataclass(frozen=True)
class Track:
    """One track as the scripted reviewer knows it: ``segment``, the ``auto`` labels and the ``true`` ones, (n,)."""

    granule: str
    beam: str
    segment: Segments
    auto: Labels
    true: Labels

    def strokes(self, first: int, stop: int) -> Iterator[Stroke]:
        """Strokes that set the true class of every segment from ``first`` to before ``stop``."""
        rows = slice(*np.searchsorted(self.segment, (first, stop)))
        segment, label = self.segment[rows], self.true[rows]
        if not len(segment):
            return
        cuts = [0, *(np.flatnonzero(np.diff(label)) + 1), len(label)]
        for start, end in pairwise(cuts):
            if label[start] >= 0:
                edges = 2.0 * segment[start], 2.0 * (segment[end - 1] + 1)
                yield Stroke(self.granule, self.beam, float(edges[0]), float(edges[1]), int(label[start]), "other")


def known_tracks(project: Project) -> list[Track]:
    """Every track with its automatic labels and its truth."""
    found = []
    for granule, beam in project.tracks("autolabels"):
        labels = tables.read(project.table_path("autolabels", granule, beam), LABEL, ("segment", "label_auto"))
        segment = labels["segment"].to_numpy()
        true = true_classes(project, granule, beam, segment).astype(np.int8)
        found.append(Track(granule, beam, segment, labels["label_auto"].to_numpy(), true))
    return found


def correct_all(project: Project) -> str:
    """Set the true class of every segment, as an analyst would who errs nowhere; the snapshot's name."""
    strokes = [
        stroke for track in known_tracks(project) for stroke in track.strokes(track.segment[0], track.segment[-1] + 1)
    ]
    _record(project, strokes)
    return snapshot(project, Snapshot())


def queue(project: Project) -> list[tuple[Track, Zone]]:
    """The zones of every track in the order of the review queue, by flags alone."""
    entries = []
    for track in known_tracks(project):
        evidence = track_evidence(project, track.granule, track.beam, model=False)
        assert evidence is not None, "tracks with auto-labels only"
        entries += [(track, zone) for zone in find_zones(evidence, Review())]
    return sorted(entries, key=lambda entry: -entry[1].score)


def correct_zones(project: Project, zones: Sequence[tuple[Track, Zone]]) -> int:
    """Set the true class throughout ``zones``; how many labels that changed."""
    _record(project, [stroke for track, zone in zones for stroke in track.strokes(zone.first, zone.stop)])
    changed = 0
    for track, zone in zones:
        rows = slice(*np.searchsorted(track.segment, (zone.first, zone.stop)))
        changed += int(np.count_nonzero((track.true[rows] >= 0) & (track.true[rows] != track.auto[rows])))
    return changed


def _record(project: Project, strokes: Sequence[Stroke]) -> None:
    with LabelStore(project.database_url) as store:
        for start in range(0, len(strokes), _STROKES):
            store.add_all(strokes[start : start + _STROKES], ANALYST)

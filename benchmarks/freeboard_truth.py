"""Synthetic granules of unseen seeds from photons to freeboard with a model's own labels, beside their truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import proving
from benchmarks.harness import Row
from processing.core.mean_freeboard import group_means
from processing.io import atl10, tables
from processing.io.recognise import take_stock
from processing.local.autolabel import autolabel
from processing.local.freeboard import freeboard
from processing.local.inputs import take_in
from processing.local.measured import MeasuredTrack, measured_track
from processing.local.resample import resample
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import TRUTH, SeaSurfaceSource
from processing.stages import Autolabel, Classify, Freeboard, Resample, Train
from processing.twin.granule import write_granule
from processing.twin.make import make_twin
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.references import write_references
from processing.twin.truth import write_truth
from processing.twin.world import make_world
from training.adopt import adopt
from training.begin import train
from training.classify import classify

TAUGHT_SEED, TAUGHT = 3100, 3
"""Seed and number of the granules that the model learns from; labels corrected throughout, as by an analyst."""

UNSEEN = {"default": range(9701, 9721), "uneven light": range(9801, 9809)}
"""Seeds of the granules that it is judged by, 60 km each, by recipe; none of them entered any parameter."""

RECIPES: dict[str, dict[str, Any]] = {"default": {}, "uneven light": {"background_spread": 0.08}}

MEAN_LENGTH, LEAST_SEGMENTS = 1000.0, 250
"""Length of the means, m, and segments that make one."""

F8 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Track:
    """One beam with its truth, row for row.

    ``label``, ``height``, ``sea_surface`` and ``freeboard`` (m) are the truth's; ``companion`` is ATL10's reference
    surface at the segments (m), NaN where the product has none.
    """

    measured: MeasuredTrack
    label: npt.NDArray[np.int8]
    height: F8
    sea_surface: F8
    freeboard: F8
    companion: F8


@dataclass(frozen=True)
class Errors:
    """Errors, m, of one kind with their quoted uncertainty."""

    error: F8
    sigma: F8

    def bias(self) -> float:
        return float(self.error.mean())

    def rms(self) -> float:
        return float(np.sqrt((self.error**2).mean()))

    def covered(self, k: float) -> float:
        """Share of errors within ``k`` times their uncertainty."""
        return float((np.abs(self.error) <= k * self.sigma).mean())

    def part(self, some: npt.NDArray[np.bool_]) -> Errors:
        return Errors(self.error[some], self.sigma[some])


@dataclass(frozen=True)
class Verdict:
    """What tracks are against their truth: the sea surface and its source, 2 m freeboard, its means, ATL10's surface.

    ``source`` (i1) and ``companion`` (m, error of ATL10's reference surface, NaN where there is none) go with
    ``surface``.
    """

    surface: Errors
    source: npt.NDArray[np.int8]
    companion: F8
    segments: Errors
    means: Errors

    def near(self) -> Errors:
        """The sea surface where leads hold it."""
        return self.surface.part(self.source == SeaSurfaceSource.LEADS)

    def between(self) -> Errors:
        """The sea surface where it is interpolated."""
        return self.surface.part(self.source == SeaSurfaceSource.INTERPOLATED)

    def companion_rms(self, source: SeaSurfaceSource) -> float:
        """RMS error, m, of ATL10's reference surface where ours has this source."""
        error = self.companion[(self.source == source) & np.isfinite(self.companion)]
        return float(np.sqrt((error**2).mean()))


def taught(folder: Path, seed: int = TAUGHT_SEED, granules: int = TAUGHT, kilometres: float = 60.0) -> Path:
    """Folder of the default model, taught on granules of the default recipe; one that is there is kept."""
    root = folder / f"taught-{seed}-{granules}-{kilometres:g}"
    project = Project(root / "project") if (root / "made").exists() else _labelled(root, seed, granules, kilometres)
    return project.root / "models" / train(project, Train())


def _labelled(root: Path, seed: int, granules: int, kilometres: float) -> Project:
    make_twin(root / "twin", Twin(seed=seed, granules=granules, km=kilometres))
    project = Project.create(root / "project")
    take_in(project, take_stock((root / "twin",), "", {}))
    resample(project, Resample())
    autolabel(project, Autolabel())
    proving.correct_all(project)
    (root / "made").touch()
    return project


def unseen(folder: Path, model: Path, twin: Twin, name: str) -> Project:
    """A project of the granules of ``twin``, without scenes, classified by ``model``; one that is there is opened."""
    root = folder / name
    if (root / "made").exists():
        return Project(root / "project")
    project = Project.create(root / "project")
    for index in range(twin.granules):
        _granule(root, project, twin, index)
    resample(project, Resample())
    adopt(project, str(model))
    classify(project, Classify())
    (root / "made").touch()
    return project


def _granule(root: Path, project: Project, twin: Twin, index: int) -> None:
    world = make_world(twin, index)
    granule, companion = world.place.granule_id, Companion(world)
    file = root / "granules" / f"{granule}.h5"
    file.parent.mkdir(exist_ok=True)
    (root / "references").mkdir(exist_ok=True)
    with progress_bar("twin", len(BEAMS) * world.place.segments, "segments") as bar:
        write_granule(file, world, companion, bar)
    write_references(root / "references", world, companion)
    project.add_input("granules", granule, "atl03", file, {})
    for beam in BEAMS:
        write_truth(project.table_path("inputs/truth", granule, beam), world, beam, Stamp("twin"))


def tracks(project: Project, stage: Freeboard | None = None) -> Iterator[Track]:
    """Every beam of a project made by :func:`unseen`, its freeboard made as ``stage`` says."""
    run = freeboard(project, stage or Freeboard())
    references = sorted((project.root.parent / "references").glob("ATL10*.h5"))
    products = {path.name.split("_")[1]: path for path in references}
    for granule, beam in project.tracks("freeboard", run):
        measured = measured_track(project, granule, beam, run)
        table = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH)
        theirs = table["segment"].to_numpy()
        both = np.isin(measured.segment, theirs)
        place = np.searchsorted(theirs, measured.segment[both])
        names = ("height", "sea_surface", "freeboard")
        known = measured.rows(both)
        height, surface, above = (table[name].to_numpy()[place].astype(np.float64) for name in names)
        companion = _companion(products[granule.split("_")[1]], beam, known.x_atc)
        yield Track(known, table["label"].to_numpy()[place], height, surface, above, companion)


def verdict(every: Iterable[Track]) -> Verdict:
    """The errors of all tracks together."""
    found = [_errors(track) for track in every]
    columns = [np.concatenate(part) for part in zip(*found, strict=True)]
    surface, sigma, source, companion, above, above_sigma, mean, mean_sigma = columns
    return Verdict(Errors(surface, sigma), source, companion, Errors(above, above_sigma), Errors(mean, mean_sigma))


def _errors(track: Track) -> tuple[npt.NDArray[Any], ...]:
    own = track.measured
    known = np.isfinite(own.freeboard)
    surface, above = own.sea_surface - track.sea_surface, own.freeboard - track.freeboard
    parts = (surface, own.sea_surface_sigma, own.sea_surface_source, track.companion - track.sea_surface, above)
    group = np.floor(own.x_atc / MEAN_LENGTH).astype(np.int64)
    group -= group[0]
    mean, sigma, count = group_means(above, own.height_sigma, own.sea_surface_sigma, group, int(group[-1]) + 1)
    enough = count >= LEAST_SEGMENTS
    return *(part[known] for part in (*parts, own.freeboard_sigma)), mean[enough], sigma[enough]


def rows() -> Iterator[Row]:
    """Each recipe's figures against the bars."""
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder:
        model = taught(Path(folder))
        for recipe, seeds in UNSEEN.items():
            projects = [
                unseen(Path(folder), model, Twin(seed=seed, granules=1, km=60.0, **RECIPES[recipe]), f"unseen-{seed}")
                for seed in seeds
            ]
            yield from verdict_rows(recipe, verdict(track for project in projects for track in tracks(project)))


def verdict_rows(recipe: str, found: Verdict) -> Iterator[Row]:
    """The figures of one recipe."""
    note = f"synthetic, {recipe} recipe, unseen seeds, the model's own labels"
    bias, rms = 100 * found.means.bias(), 100 * found.means.rms()
    yield Row("freeboard over 1 km, bias", bias, "cm", "within 1 cm", abs(bias) <= 1.0, note=note)
    yield Row("freeboard over 1 km, RMS", rms, "cm", "<= 3 cm", rms <= 3.0, note=note)
    for where, errors, source, bar in (
        ("near leads", found.near(), SeaSurfaceSource.LEADS, 2.0),
        ("between", found.between(), SeaSurfaceSource.INTERPOLATED, 4.0),
    ):
        ours, theirs = 100 * errors.rms(), 100 * found.companion_rms(source)
        told = (
            f"{note}; {100 * len(errors.error) / len(found.source):.0f} % of segments, bias {100 * errors.bias():+.1f}"
        )
        name = "reference surface of the 150-photon ATL10"
        yield Row(f"sea surface {where}, RMS", ours, "cm", f"<= {bar:.0f} cm", ours <= bar, theirs, name, told)
    for what, errors in (
        ("sea surface", found.surface),
        ("2 m freeboard", found.segments),
        ("1 km means", found.means),
    ):
        for wanted, k, slack in ((68, 1.0, 5), (95, 1.96, 3)):
            share = 100 * errors.covered(k)
            met = abs(share - wanted) <= slack
            yield Row(f"{what}: truth within {k:g} sigma", share, "%", f"{wanted} ± {slack} %", met, note=note)


def _companion(path: Path, beam: str, x: F8) -> F8:
    """ATL10's reference surface at ascending ``x``: that of the nearest of its segments within 200 m."""
    product = atl10.read(path, beam)
    valid = np.isfinite(product.sea_surface) & np.isfinite(product.x_atc)
    place, level = product.x_atc[valid], product.sea_surface[valid]
    if len(place) == 0:
        return np.full(len(x), np.nan)
    right = np.clip(np.searchsorted(place, x), 1, max(len(place) - 1, 1))
    left = right - 1
    near = np.where(x - place[left] <= place[np.minimum(right, len(place) - 1)] - x, left, right)
    near = np.minimum(near, len(place) - 1)
    return np.where(np.abs(place[near] - x) <= 200.0, level[near], np.nan)

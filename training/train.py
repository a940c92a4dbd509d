"""Snapshot to model: prepare, train on one rank or several, test, write the run whole."""

from __future__ import annotations

import logging
import platform
import re
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from processing.core.features import FEATURES_VERSION
from processing.cores import available_cores
from processing.errors import InputError, LeadlineError
from processing.io import tables
from processing.io.atomic import scratch, sync, write_text
from processing.places import is_remote, put
from processing.progress import Bar, progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import TRUTH
from processing.stages import Train
from training import bundle, data, distributed, loop, worker
from training.card import card
from training.evaluate import CLASS_NAMES, Scores, score
from training.models import Normalisation, count_parameters, probabilities

BATCH = 4096
WATCHED = 50_000
RANKS_LOG = "ranks.log"
UNFINISHED = ".unfinished-"
KEPT_DAYS = 7
"""How long an interrupted run that nobody went on with is kept."""

_POLL = 0.2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """All that a run is made from: where the labels come from, how they are split, and the job itself."""

    source: data.Source
    labelled: data.LabelledSet
    split: data.Split
    normalisation: Normalisation
    job: worker.Job


def train(project: Project, stage: Train) -> str:
    """Train as ``stage`` says and return the run's name; a run made from exactly the same is kept.

    Interrupted, it leaves its last epoch in ``models/.unfinished-…``, on this machine where the project is at a URL,
    and the same call, on any number of ranks, goes on from there. Runs that were left unfinished ``KEPT_DAYS`` ago are
    removed.
    """
    source = data.find_source(project, stage.snapshot)
    stamp = stamp_of(stage, source)
    name, done = run_name(project, stage, source, stamp)
    if done:
        _log.info("model %s is current", name)
        project.make_newest("models", name)
        return name
    if stage.workers > 1:
        distributed.check_launcher()
    prepared = prepare(project, source, stage)
    models = project.root / "models"
    folder = (scratch() if is_remote(models) else models) / f"{UNFINISHED}{stamp.fingerprint}"
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    trained = _fit(prepared, stage.workers, folder)
    record = report(project, stamp, name, prepared, trained) | {"ranks": stage.workers}
    _write(folder, models / name, trained, record)
    return name


def stamp_of(stage: Train, source: data.Source) -> Stamp:
    """Provenance of the run that ``stage`` would make from ``source``; its name and its ranks do not enter."""
    parameters = stage.values_dict() | {"snapshot": source.snapshot}
    del parameters["run_name"], parameters["workers"]
    return Stamp(stage.key, parameters, source.fingerprints | {"features": str(FEATURES_VERSION)})


def run_name(project: Project, stage: Train, source: data.Source, stamp: Stamp) -> tuple[str, bool]:
    """Name of the run and whether it is there already, made from the same.

    Raises InputError when the name that was asked for belongs to another run.
    """
    if stage.run_name:
        if not _NAME.fullmatch(stage.run_name):
            raise InputError(f"run name {stage.run_name!r} has characters that no folder should", where="--run-name")
        found = _fingerprint(project, stage.run_name)
        if found not in ("", stamp.fingerprint):
            mend = "choose another --run-name"
            raise InputError(f"run {stage.run_name!r} is there, made from other data or parameters", mend=mend)
        return stage.run_name, found == stamp.fingerprint
    base = name = f"{stage.model}-{source.snapshot}"
    number = 1
    while _fingerprint(project, name) not in ("", stamp.fingerprint):
        number += 1
        name = f"{base}-{number}"
    return name, _fingerprint(project, name) == stamp.fingerprint


def prepare(project: Project, source: data.Source, stage: Train) -> Prepared:
    """Read labels and features, split, and learn the normalisation from the training windows alone."""
    labelled = data.load(project, source, stage)
    split = data.split(labelled, stage.held_out, stage.seed)
    normalisation = Normalisation.learn(labelled.windows.take(split.train).middle())
    windows = data.Windows(
        normalisation.apply(labelled.windows.features), labelled.windows.index, labelled.windows.labels
    )
    every = max(1, len(split.test) // WATCHED)
    job = worker.Job(windows.take(split.train), windows.take(split.test[::every]), loop.Plan.of(stage))
    return Prepared(source, labelled, split, normalisation, job)


def _fit(prepared: Prepared, workers: int, folder: Path) -> bundle.Trained:
    total = len(prepared.job.train) * prepared.job.plan.epochs
    with progress_bar("train", total, "windows") as bar:
        if workers == 1:
            model = worker.work(prepared.job, distributed.Alone(), folder, bar.advance)
        else:
            _on_ranks(prepared.job, workers, folder, bar)
            model = loop.restore(prepared.job.plan, folder)
    return bundle.Trained(prepared.job.plan.model, model, prepared.normalisation, prepared.source.window)


def _on_ranks(job: worker.Job, workers: int, folder: Path, bar: Bar) -> None:
    """Train on several ranks of this machine, counting the epochs that they have finished."""
    job.save(folder)
    log, done = folder / RANKS_LOG, 0
    try:
        with distributed.launched(workers, "training.worker", [str(folder)], log) as ranks:
            while not distributed.finished(ranks, _POLL):
                epochs = loop.epochs_done(folder)
                bar.advance((epochs - done) * len(job.train))
                done = epochs
    finally:
        (folder / worker.JOB).unlink(missing_ok=True)
    distributed.check(ranks, log)
    bar.advance((job.plan.epochs - done) * len(job.train))


def report(project: Project, stamp: Stamp, name: str, prepared: Prepared, trained: bundle.Trained) -> dict[str, Any]:
    """Everything ``model.json`` and the card say."""
    tested = prepared.labelled.windows.take(prepared.split.test)
    features = prepared.normalisation.apply(tested.features)
    guess = probabilities(trained.model, features, tested.index, BATCH, available_cores()).argmax(dim=1)
    labels = prepared.labelled.windows.labels
    against_truth = truth_scores(project, prepared, trained)
    return bundle.describe(trained) | {
        "run": name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": stamp.parameters,
        "weights": count_parameters(trained.model),
        "fingerprint": stamp.fingerprint,
        "inputs": stamp.inputs,
        "snapshot": prepared.source.snapshot,
        "synthetic": project.synthetic,
        "split": {
            "how": prepared.split.how,
            "honest": prepared.split.honest,
            "held_out": list(prepared.split.held_out),
            "granules": list(prepared.labelled.granules),
            "train": _counts(labels[prepared.split.train]),
            "test": _counts(labels[prepared.split.test]),
        },
        "metrics": {
            "labels": score(tested.labels.numpy(), guess.numpy()).to_json(),
            "truth": against_truth.to_json() if against_truth else None,
        },
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "leadline")}},
    }


def truth_scores(project: Project, prepared: Prepared, trained: bundle.Trained) -> Scores | None:
    """Scores against the TRUTH table on every segment that was held out; None where inputs are not synthetic."""
    known = set(project.tracks("inputs/truth"))
    confusion = np.zeros((3, 3), np.int64)
    for granule, beam in prepared.source.tracks:
        if (granule, beam) not in known:
            continue
        path = project.table_path("segments", granule, beam)
        track = data.read_track(path, f"leadline resample {project.root}")
        truth = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH, ("segment", "label"))
        labels = _matched(track.segment, truth["segment"].to_numpy(), truth["label"].to_numpy())
        labels[~prepared.split.holds(granule, track.x_atc)] = -1
        confusion += score(labels, trained.classify(track, BATCH, available_cores()).argmax(axis=1)).confusion
    return Scores(confusion) if confusion.any() else None


def _matched(segment: NDArray[np.int64], known: NDArray[np.int64], labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """``labels`` of the segments ``known`` (sorted), at ``segment``; -1 where a segment is not known."""
    if not len(known):
        return np.full(len(segment), -1, np.int8)
    rows = np.minimum(np.searchsorted(known, segment), len(known) - 1)
    return np.where(known[rows] == segment, labels[rows], -1).astype(np.int8)


def _counts(labels: Tensor) -> dict[str, int]:
    return {name: int((labels == code).sum()) for code, name in enumerate(CLASS_NAMES)}


def _fingerprint(project: Project, name: str) -> str:
    """Fingerprint of what the run called ``name`` was made from; empty when there is no such run."""
    folder = project.root / "models" / name
    if not folder.exists():
        return ""
    try:
        return str(bundle.read_record(folder).get("fingerprint", "unknown"))
    except LeadlineError:
        return "damaged"


def _sweep(current: Path) -> None:
    """Remove unfinished runs beside ``current`` whose last epoch ended ``KEPT_DAYS`` ago."""
    limit = time.time() - KEPT_DAYS * 86_400
    for folder in current.parent.glob(f"{UNFINISHED}*"):
        if folder != current and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path, target: Path, trained: bundle.Trained, record: dict[str, Any]) -> None:
    """Complete the unfinished run in ``folder`` and let it appear whole as ``target``."""
    bundle.save_weights(folder, trained)
    bundle.save_record(folder, record)
    write_text(folder / "card.md", card(record))
    for name in (loop.CHECKPOINT, worker.JOB, RANKS_LOG):
        (folder / name).unlink(missing_ok=True)
    if not is_remote(target):
        folder.rename(target)
        sync(target.parent)
        return
    for file in sorted(folder.iterdir(), key=lambda file: file.name == bundle.RECORD):
        put(file, target / file.name)
    shutil.rmtree(folder)

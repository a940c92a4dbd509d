"""Snapshot to model: prepare, train on one rank or several, test, write the run whole."""

from __future__ import annotations

import logging
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.cores import available_cores
from processing.errors import InputError, LeadlineError
from processing.interrupt import stop_if_asked
from processing.io.atomic import scratch, sweep, sync, write_text
from processing.places import is_remote, put
from processing.progress import Bar
from processing.progress import tell as record
from processing.project import Project
from processing.stages import Train
from training import bundle, launch, loop, pace, tracking, worker
from training.adopt import promote
from training.begin import Wanted, alone, launch_of
from training.calibration import fitted_temperature, reliability
from training.card import card
from training.designs import design_of
from training.distributed import Alone
from training.inference import logits_of, softmax
from training.judged import CalibratedModel, Verdict, judge
from training.models import Classifier, count_parameters
from training.plan import Plan
from training.record import RECORD, save_record
from training.scores import CLASS_NAMES
from training.source import Source, find_source
from training.splits import Role, Split
from training.tensors import Tensors
from training.windows import Normalisation

RANKS_LOG = "ranks.log"
UNFINISHED = ".unfinished-"
KEPT_DAYS = 7
"""How long an interrupted run that nobody went on with is kept."""

_POLL = 0.2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """All that a run is made from: where the labels come from, how they are parted, and the job itself."""

    source: Source
    split: Split
    job: worker.Job

    @property
    def data(self) -> Tensors:
        return self.job.data


@dataclass(frozen=True)
class Calibrated:
    """A temperature and the expected calibration error on the labels set aside, before and after; None without any."""

    temperature: float
    labels: int
    before: float | None
    after: float | None


def trained(project: Project, stage: Train, wanted: Wanted, data: Tensors, parted: Split, bar: Bar) -> str:
    """Train what nobody else is training now, tell the records of it, let the run appear, and return its name."""
    with bar.waiting("measuring the features"):
        prepared = Prepared(wanted.source, parted, job_of(data, parted, stage))
    models = project.root / "models"
    folder = (scratch() if is_remote(models) else models) / f"{UNFINISHED}{wanted.stamp.fingerprint}"
    folder.mkdir(mode=0o700 if is_remote(models) else 0o777, parents=True, exist_ok=True)
    _sweep(folder)
    _clean(folder)
    ranks = None if alone(stage) else launch_of(project, stage)
    with ExitStack() as recorded:
        with bar.waiting("opening the records of runs"):
            tracker = recorded.enter_context(_tracked(project, stage, wanted, ranks))
        model = fitted(prepared.job, ranks, folder, bar, partial(_tell, tracker))
        with bar.waiting("testing on the granules held out"):
            whole, calibrated = completed(prepared.job, model)
            verdict = judge(project, data, parted, CalibratedModel.of(whole), available_cores())
        _check_unchanged(project, wanted.source)
        told = report(project, wanted, prepared, whole, calibrated, verdict)
        told["ranks"] = ranks.workers if ranks else 1
        _complete(folder, whole, told)
        with bar.waiting("recording the model"):
            tracker.finished(folder, final_metrics(verdict))
    _publish(folder, models / wanted.name)
    promote(project, wanted.name, stage.tracking)
    return wanted.name


def _tracked(
    project: Project, stage: Train, wanted: Wanted, ranks: launch.Launch | None
) -> AbstractContextManager[tracking.Tracker]:
    tags = {
        "fingerprint": wanted.stamp.fingerprint,
        "snapshot_fingerprint": wanted.source.fingerprints["snapshot"],
        "ranks": str(ranks.workers if ranks else 1),
    }
    return tracking.tracked(project, stage, wanted.name, {"snapshot": wanted.source.snapshot}, tags)


def _tell(tracker: tracking.Tracker, epoch: loop.Epoch) -> None:
    record(epoch=asdict(epoch))
    names = ("loss", "windows_per_second", "learning_rate")
    watched = {f"test_{name}": value for name, value in epoch.watched.items() if value is not None}
    tracker.epoch(epoch.epoch, {name: getattr(epoch, name) for name in names} | watched)


def final_metrics(verdict: Verdict) -> dict[str, float]:
    """The figures of a finished run that runs are compared by; those that do not exist are left out."""
    found: dict[str, float] = {}
    for name, one in (("test", verdict.labels), ("truth", verdict.truth)):
        if one is None:
            continue
        scores = one.scores
        found |= {f"{name}_accuracy": scores.accuracy, f"{name}_macro_f1": scores.macro_f1}
        found |= {f"{name}_calibration_error": one.reliability.error}
        for code, label in enumerate(CLASS_NAMES):
            word = label.replace(" ", "_")
            found[f"{name}_{word}_precision"] = float(scores.precision[code])
            found[f"{name}_{word}_recall"] = float(scores.recall[code])
    return {name: value for name, value in found.items() if np.isfinite(value)}


def job_of(data: Tensors, parted: Split, stage: Train) -> worker.Job:
    """The job of training as ``stage`` says on what ``parted`` gives to learning."""
    plan = Plan.of(stage)
    norm = Normalisation.learn(data.features, plan.features, design_of(plan.model), parted.role == Role.LEARN)
    return worker.Job(data, parted.role, norm, plan, stage.memory << 20, stage.backend, stage.device)


def labels_of(job: worker.Job) -> int:
    """The labels that an epoch goes through."""
    return int(np.count_nonzero(job.role == Role.LEARN))


def fitted(
    job: worker.Job, ranks: launch.Launch | None, folder: Path, bar: Bar, tell: loop.Tell | None = None
) -> Classifier:
    """The trained model; checkpoint and metrics lie in ``folder``, ``tell`` is told of each epoch."""
    if ranks is None:
        return _here(job, folder, bar, tell)
    _on_ranks(job, ranks, folder, bar, tell)
    return loop.restore(job.plan, job.norm.width, folder)


def completed(job: worker.Job, model: Classifier) -> tuple[bundle.Trained, Calibrated]:
    """The model of ``job`` with all that it takes to classify by it."""
    calibrated = calibrate(job, model)
    plan = job.plan
    trained = bundle.Trained(plan.model, model, job.norm, plan.features, job.data.window, calibrated.temperature)
    return trained, calibrated


def _here(job: worker.Job, folder: Path, bar: Bar, tell: loop.Tell | None) -> Classifier:
    """Train in this process; until the first labels are told, those that a checkpoint holds, they are being read."""
    with pace.telling() as tell_paces, ExitStack() as reading:
        reading.enter_context(bar.waiting("reading what is learned from"))

        def advance(labels: int) -> None:
            bar.advance(labels)
            reading.close()

        return worker.work(job, Alone(), folder, advance, tell, lambda own: tell_paces([own]))


def _on_ranks(job: worker.Job, ranks: launch.Launch, folder: Path, bar: Bar, tell: loop.Tell | None) -> None:
    """Train on several ranks, counting what they have been through, and telling their paces and epochs."""
    job.save(folder)
    log, name = folder / RANKS_LOG, "Horovod" if ranks.backend == "horovod" else "torchrun"
    with pace.telling() as tell_paces, _left_clean(folder):
        seen = _Seen(folder, bar, labels_of(job), tell, tell_paces)
        seen.look()
        with launch.launched(ranks, "training.worker", [str(folder)], log) as started:
            with bar.waiting(f"starting {ranks.workers} {name} ranks"):
                while len(pace.read(folder)) < ranks.workers and not launch.finished(started, _POLL):
                    stop_if_asked()
            while not launch.finished(started, _POLL):
                seen.look()
        launch.check(started, log)
        seen.look()


@contextmanager
def _left_clean(folder: Path) -> Iterator[None]:
    """Afterwards nothing is in ``folder`` that is of no use without the ranks that the block had started."""
    try:
        yield
    finally:
        (folder / worker.JOB).unlink(missing_ok=True)
        _clean(folder)


def _clean(folder: Path) -> None:
    """Remove paces of ranks that have ended, and what those that were killed left half written."""
    pace.clear(folder)
    sweep(folder, worker.MARK)


@dataclass
class _Seen:
    """What the launching process has seen, in the run's ``folder``, of ranks that take ``labels`` an epoch."""

    folder: Path
    bar: Bar
    labels: int
    tell: loop.Tell | None
    tell_paces: pace.Tell
    epochs: int = 0

    def look(self) -> None:
        """Count what was done since the last look, and tell of new epochs and of the ranks' paces."""
        epochs, paces = loop.read_epochs(self.folder), pace.read(self.folder)
        reached = max([len(epochs) * self.labels, *(one.reached for one in paces)])
        self.bar.advance(max(0.0, reached - self.bar.done))
        self.tell_paces(paces)
        if self.tell:
            for epoch in epochs[self.epochs :]:
                self.tell(epoch)
        self.epochs = len(epochs)


def calibrate(job: worker.Job, model: Classifier) -> Calibrated:
    """The temperature that the labels set aside ask for."""
    aside = job.role == Role.CALIBRATE
    if not aside.any():
        return Calibrated(1.0, 0, None, None)
    labels = np.asarray(job.data.label[aside])
    logits = logits_of(model, job.norm, job.data, aside, available_cores())
    temperature = fitted_temperature(logits, labels)
    errors = [reliability(softmax(logits, one), labels).error for one in (1.0, temperature)]
    return Calibrated(temperature, len(labels), *errors)


def report(
    project: Project,
    wanted: Wanted,
    prepared: Prepared,
    trained: bundle.Trained,
    calibrated: Calibrated,
    verdict: Verdict,
) -> dict[str, Any]:
    """Everything ``model.json`` and the card say."""
    parted, plan = prepared.split, prepared.job.plan
    labels = {role: np.asarray(prepared.data.label[parted.role == role]) for role in (Role.LEARN, Role.TEST)}
    return bundle.describe(trained) | {
        "run": wanted.name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": wanted.stamp.parameters,
        "plan": asdict(plan),
        "weights": count_parameters(trained.model),
        "fingerprint": wanted.stamp.fingerprint,
        "inputs": wanted.stamp.inputs,
        "snapshot": prepared.source.snapshot,
        "synthetic": project.synthetic,
        "split": {
            "how": parted.how,
            "honest": parted.honest,
            "held_out": list(parted.held_out),
            "granules": list(prepared.data.granules),
            "train": _counts(labels[Role.LEARN]),
            "test": _counts(labels[Role.TEST]),
        },
        "calibration": asdict(calibrated),
        "metrics": verdict.to_json(),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "numpy", "leadline")}},
    }


def _check_unchanged(project: Project, source: Source) -> None:
    """Warn when the snapshot, or the segments under it, were made anew meanwhile: the run then tells of the former."""
    try:
        now = find_source(project, source.snapshot).fingerprints
    except LeadlineError as error:
        _log.warning("while the model was trained its snapshot became unusable: %s", error.line)
        return
    if now != source.fingerprints:
        _log.warning(
            "snapshot %s was changed while the model was trained, which knows its former state", source.snapshot
        )


def _counts(labels: NDArray[np.int8]) -> dict[str, int]:
    return {name: int(np.count_nonzero(labels == code)) for code, name in enumerate(CLASS_NAMES)}


def _sweep(current: Path) -> None:
    """Remove unfinished runs beside ``current`` whose last epoch ended ``KEPT_DAYS`` ago."""
    limit = time.time() - KEPT_DAYS * 86_400
    for folder in current.parent.glob(f"{UNFINISHED}*"):
        if folder != current and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def _complete(folder: Path, trained: bundle.Trained, record: dict[str, Any]) -> None:
    """Write what makes the unfinished run in ``folder`` a whole one."""
    bundle.save_weights(folder, trained)
    save_record(folder, record)
    write_text(folder / "card.md", card(record))


def _publish(folder: Path, target: Path) -> None:
    """Let the whole run in ``folder`` appear as ``target``, without what was needed to go on with it.

    Raises InputError when another run took that name meanwhile; nothing is lost then.
    """
    sweep(folder)
    left_over = (loop.CHECKPOINT, worker.JOB, RANKS_LOG)
    if target.exists():
        what = f"run {target.name!r} has appeared meanwhile, made from other data or parameters"
        raise InputError(what, where=target, mend="the same command takes another name, and trains nothing again")
    if not is_remote(target):
        folder.rename(target)
        for name in left_over:
            (target / name).unlink(missing_ok=True)
        sync(target.parent)
        return
    found = [file for file in folder.iterdir() if file.name not in left_over]
    for file in sorted(found, key=lambda file: file.name == RECORD):
        put(file, target / file.name)
    shutil.rmtree(folder)

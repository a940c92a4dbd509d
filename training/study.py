"""Models trained and judged case by case, so that a study that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from processing.core.features import FEATURES_VERSION
from processing.cores import available_cores
from processing.errors import InputError
from processing.io.atomic import scratch, write_text
from processing.places import is_remote
from processing.progress import Bar, progress_bar
from processing.project import Project
from processing.provenance import digest
from processing.stages import Evaluate, Train
from training import loop, worker
from training.ablation import VARIANTS, Variant, changed_labels
from training.designs import design_of
from training.distributed import Alone
from training.judged import Judge, judge
from training.protocols import BLOCKS, GRANULES, PAPER, PAPER_BATCH, Fold, folds, parted
from training.source import Source, find_source
from training.splits import Role, Split
from training.summary import Outcome, Row, summarised
from training.tensors import Tensors, tensors
from training.train import calibrate, job_of

PLAIN = Variant("")


@dataclass(frozen=True)
class Case:
    """One model to train and judge: what is changed about it, how labels are parted, and by which seed."""

    variant: Variant
    teaching: Train
    fold: Fold
    seed: int


@dataclass(frozen=True)
class Studied:
    """What a study found, and what it was made from."""

    snapshot: str
    fingerprint: str
    rows: list[Row]
    outcomes: list[Outcome]


def study(project: Project, stage: Evaluate) -> Studied:
    """Train and judge every model that ``stage`` asks for.

    Each outcome is kept in ``evaluations/.cases``, on this machine where the project is at a URL, and not made again.
    Raises InputError on an unknown model or protocol, or labels that nothing can be learned from.
    """
    source = find_source(project, stage.snapshot)
    data = tensors(project, source)
    cases = list(planned(project, data, stage))
    kept = (scratch() if is_remote(project.root) else project.root / "evaluations") / ".cases"
    prepared = [(case, kept / f"{_fingerprint(case, source, stage)}.json") for case in cases]
    outcomes: list[Outcome] = []
    with progress_bar("evaluate", sum(_work(data, case, stage) for case in cases), "windows") as bar:
        for case, file in prepared:
            bar.advance(0, _told(case))
            if file.exists():
                outcomes.append(Outcome(**json.loads(file.read_text("utf-8"))))
                bar.advance(_work(data, case, stage))
                continue
            outcomes.append(_outcome(project, source, data, case, stage, bar))
            write_text(file, json.dumps(asdict(outcomes[-1])) + "\n")
    return Studied(source.snapshot, source.fingerprints["snapshot"], summarised(outcomes), outcomes)


def planned(project: Project, data: Tensors, stage: Evaluate) -> Iterator[Case]:
    """Every case, the models as they are first; raises InputError on an unknown model."""
    names = [name.strip() for name in stage.models.split(",") if name.strip()]
    if not names:
        raise InputError("no model is named", where="--models", mend="such as mlp,lstm,context")
    own = project.stage(Train)
    held = folds(project, data, stage, own)
    for name in names:
        yield from _cases(PLAIN, name, held, own, stage)
    if stage.ablation:
        yield from _ablation(names, held, own, stage)


def _ablation(names: Sequence[str], held: Sequence[Fold], own: Train, stage: Evaluate) -> Iterator[Case]:
    honest = [fold for fold in held if fold.protocol in (GRANULES, BLOCKS)]
    if not honest:
        raise InputError("an ablation needs granules held out", where="--protocols", mend="name granules too")
    plain = () if stage.ablated in names else (PLAIN,)
    for variant in (*plain, *VARIANTS):
        if variant.fits(stage.ablated):
            yield from _cases(variant, variant.model or stage.ablated, honest, own, stage)


def _cases(variant: Variant, name: str, held: Sequence[Fold], own: Train, stage: Evaluate) -> Iterator[Case]:
    for fold in held:
        for seed in range(stage.seeds):
            yield Case(variant, variant.taught(_taught(own, name, fold, seed, stage.epochs)), fold, seed)


def _taught(own: Train, name: str, fold: Fold, seed: int, epochs: int) -> Train:
    """Training parameters of a case: the project's own, but what the protocol fixes."""
    design = design_of(name)
    kept = {key: value for key, value in own.values_dict().items() if key not in ("batch", "features", "held_out")}
    batch = PAPER_BATCH if fold.protocol == PAPER and not design.stretches else 0
    scaled = own.scale_rate and not batch
    return Train(**(kept | {"model": name, "seed": seed, "epochs": epochs, "batch": batch, "scale_rate": scaled}))


def _outcome(project: Project, source: Source, data: Tensors, case: Case, stage: Evaluate, bar: Bar) -> Outcome:
    split = parted(data, case.fold, case.teaching, case.seed, stage.windows)
    learned = changed_labels(project, source, data, case.variant)
    job = _job(learned, data, split, case, stage)
    with tempfile.TemporaryDirectory(prefix="leadline-evaluate-") as folder:
        model = worker.work(job, Alone(), Path(folder), bar.advance)
        epochs = [epoch.watched["accuracy"] or 0.0 for epoch in loop.read_epochs(Path(folder))]
    calibrated = calibrate(job, model)
    verdict = judge(project, data, split, Judge(model, job.norm, calibrated.temperature), available_cores())
    return Outcome(
        variant=case.variant.name,
        model=case.teaching.model,
        protocol=case.fold.protocol,
        fold=case.fold.name,
        seed=case.seed,
        learned=int(np.count_nonzero(job.role == Role.LEARN)),
        temperature=calibrated.temperature,
        verdict=verdict.to_json(),
        epochs=epochs,
    )


def _job(learned: Tensors, data: Tensors, split: Split, case: Case, stage: Evaluate) -> worker.Job:
    """What to learn from: the labels of ``learned``, which may be others than those tested on, parted likewise."""
    if learned is not data:
        other = parted(learned, case.fold, case.teaching, case.seed, stage.windows)
        split = replace(split, role=np.where(other.role == Role.TEST, np.uint8(Role.NONE), other.role))
    return job_of(learned, split, case.teaching)


def _work(data: Tensors, case: Case, stage: Evaluate) -> float:
    """About how many windows a case takes through the model."""
    known = int(np.count_nonzero(data.label >= 0))
    return float(min(known, stage.windows or known) if case.fold.protocol == PAPER else known) * stage.epochs


def _fingerprint(case: Case, source: Source, stage: Evaluate) -> str:
    teaching = case.teaching.values_dict()
    for name in case.teaching.apart:
        del teaching[name]
    windows = stage.windows if case.fold.protocol == PAPER else 0
    made_from = [teaching, asdict(case.fold), case.variant.name, windows, source.fingerprints, FEATURES_VERSION]
    return digest(made_from)[:16]


def _told(case: Case) -> str:
    return f"{case.variant.name or case.teaching.model}, {case.fold.protocol} {case.fold.name}, seed {case.seed}"

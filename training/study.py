"""Models trained and judged case by case, so that a study that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
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
from training.judged import CalibratedModel, judge
from training.plan import Plan
from training.protocols import BLOCKS, GRANULES, PAPER, PAPER_BATCH, Fold, folds, parted, parted_likewise
from training.source import Source, find_source
from training.splits import Role
from training.summary import Outcome, Row, summarised
from training.tensors import Tensors, tensors
from training.train import calibrate, job_of

PLAIN = Variant("")
_log = logging.getLogger(__name__)


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
    missing = {case.variant.name: case.variant for case, file in prepared if _kept(file) is None}
    learned = {name: changed_labels(project, data, variant) for name, variant in missing.items()}
    outcomes: list[Outcome] = []
    with progress_bar("evaluate", sum(_work(data, case, stage) for case in cases), "windows") as bar:
        for case, file in prepared:
            bar.advance(0, _told(case))
            found = _kept(file)
            if found is not None:
                bar.advance(_work(data, case, stage))
            else:
                found = _outcome(project, data, learned[case.variant.name], case, stage, bar)
            if found is not None:
                write_text(file, json.dumps(asdict(found)) + "\n")
                outcomes.append(found)
    return Studied(source.snapshot, source.fingerprints["snapshot"], summarised(outcomes), outcomes)


def _kept(file: Path) -> Outcome | None:
    """The outcome that is kept in ``file``; None without, or where another version wrote it."""
    try:
        return Outcome(**json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def planned(project: Project, data: Tensors, stage: Evaluate) -> Iterator[Case]:
    """Every case, the models as they are first; raises InputError on an unknown model."""
    names = list(dict.fromkeys(name.strip() for name in stage.models.split(",") if name.strip()))
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
    """Training parameters of a case: the paper's under its protocol, else the project's own but for batch and features.

    What the project sets of those two suits one model only.
    """
    chosen = {"model": name, "seed": seed, "epochs": epochs, "device": own.device, "memory": own.memory}
    if fold.protocol == PAPER:
        batch = 0 if design_of(name).stretches else PAPER_BATCH
        return Train(**chosen, batch=batch, scale_rate=False)
    kept = {key: value for key, value in own.values_dict().items() if key not in ("batch", "features", "held_out")}
    return Train(**(kept | chosen))


def _outcome(
    project: Project, data: Tensors, learned: Tensors, case: Case, stage: Evaluate, bar: Bar
) -> Outcome | None:
    """One model trained and judged; None, with a warning, where a change leaves nothing to learn from."""
    split = parted(data, case.fold, case.teaching, case.seed, stage.windows)
    try:
        other = split if learned is data else parted_likewise(learned, split, case.teaching, case.seed)
    except InputError as error:
        _log.warning("%s: left out (%s)", _told(case), error.line)
        return None
    job = job_of(learned, other, case.teaching)
    with tempfile.TemporaryDirectory(prefix="leadline-evaluate-") as folder:
        model = worker.work(job, Alone(), Path(folder), bar.advance)
        epochs = [epoch.watched["accuracy"] for epoch in loop.read_epochs(Path(folder))]
    calibrated = calibrate(job, model)
    verdict = judge(project, data, split, CalibratedModel(model, job.norm, calibrated.temperature), available_cores())
    return Outcome(
        variant=case.variant.name,
        model=case.teaching.model,
        protocol=case.fold.protocol,
        fold=case.fold.name,
        seed=case.seed,
        learned=int(np.count_nonzero(job.role == Role.LEARN)),
        temperature=calibrated.temperature,
        verdict=verdict.to_json(),
        epochs=[accuracy for accuracy in epochs if accuracy is not None],
    )


def _work(data: Tensors, case: Case, stage: Evaluate) -> float:
    """About how many windows a case takes through the model."""
    known = int(np.count_nonzero(data.label >= 0))
    return float(min(known, stage.windows or known) if case.fold.protocol == PAPER else known) * stage.epochs


def _fingerprint(case: Case, source: Source, stage: Evaluate) -> str:
    plan, teaching = asdict(Plan.of(case.teaching)), case.teaching
    parting = [teaching.clear_only, teaching.validation, stage.windows if case.fold.protocol == PAPER else 0]
    made_from = [plan, parting, asdict(case.fold), asdict(case.variant), source.fingerprints, FEATURES_VERSION]
    return digest([*made_from, version("leadline")])[:16]


def _told(case: Case) -> str:
    return f"{case.variant.name or case.teaching.model}, {case.fold.protocol} {case.fold.name}, seed {case.seed}"

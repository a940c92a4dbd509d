"""What a training does before it needs PyTorch, so that whoever watches soon sees it at work.

It finds out what is wanted and whether that is there already, makes the arrays to learn from, and parts the labels.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import numpy as np

from processing.core.features import FEATURES_VERSION
from processing.errors import InputError, LeadlineError
from processing.io.locks import writing
from processing.places import is_remote
from processing.progress import progress_bar, waiting
from processing.project import Project
from processing.provenance import Stamp
from processing.stages import Train
from training import launch, tracking
from training.record import check_name, read_record
from training.source import Source, find_source
from training.splits import Role, split
from training.tensors import tensors

LOADING = "loading PyTorch"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """The run that a training makes: from which labels, with which provenance, by which name."""

    source: Source
    stamp: Stamp
    name: str


def train(project: Project, stage: Train) -> str:
    """Train as ``stage`` says and return the run's name; a run made from exactly the same is kept.

    Interrupted, it leaves its last checkpoint in ``models/.unfinished-…``, on this machine where the project is at a
    URL, and the same call, on any number of ranks, goes on from there. Runs that were left unfinished a week ago
    are removed.
    """
    tracking.check(project, stage.tracking)
    with waiting("reading the snapshot"):
        source = find_source(project, stage.snapshot)
    stamp = stamp_of(stage, source)
    name, done = run_name(project, stage, source, stamp)
    if done:
        _log.info("model %s is current", name)
        _promote(project, name, stage.tracking)
        return name
    if not alone(stage):
        with waiting("looking where ranks can run"):
            launch.check_launch(launch_of(project, stage))
    with (
        writing(project.root, f"model {stamp.fingerprint}", alone=True),
        reserved(project, stage, source, stamp) as name,
    ):
        return _trained(project, stage, Wanted(source, stamp, name))


def _trained(project: Project, stage: Train, wanted: Wanted) -> str:
    data = tensors(project, wanted.source)
    with waiting("choosing what to learn from and what to test on"):
        parted = split(data, stage.held_out, stage.seed, clear_only=stage.clear_only, validation=stage.validation)
    labels = int(np.count_nonzero(parted.role == Role.LEARN))
    with progress_bar("train", labels * stage.epochs, "windows") as bar:
        with bar.waiting(LOADING):
            from training.train import trained
        return trained(project, stage, wanted, data, parted, bar)


def _promote(project: Project, name: str, url: str) -> None:
    with waiting(LOADING):
        from training.adopt import promote
    promote(project, name, url)


def stamp_of(stage: Train, source: Source) -> Stamp:
    """Provenance of the run that ``stage`` would make from ``source``; how it is computed does not enter."""
    parameters = stage.values_dict() | {"snapshot": source.snapshot}
    for name in stage.apart:
        del parameters[name]
    return Stamp(stage.key, parameters, source.fingerprints | {"features": str(FEATURES_VERSION)})


def run_name(project: Project, stage: Train, source: Source, stamp: Stamp) -> tuple[str, bool]:
    """Name of the run and whether it is there already, made from the same.

    Raises InputError when the name that was asked for belongs to another run.
    """
    if stage.run_name:
        check_name(stage.run_name, "--run-name")
        found = _fingerprint(project, stage.run_name)
        if found not in ("", stamp.fingerprint):
            mend = "choose another --run-name"
            raise InputError(f"run {stage.run_name!r} is there, made from other data or parameters", mend=mend)
        return stage.run_name, found == stamp.fingerprint
    for name in _names(stage, source):
        made = _fingerprint(project, name)
        if made in ("", stamp.fingerprint):
            return name, made == stamp.fingerprint
    raise AssertionError("unreachable")


@contextmanager
def reserved(project: Project, stage: Train, source: Source, stamp: Stamp) -> Iterator[str]:
    """The name of the run, which no other training takes as long as the block runs.

    Raises InputError when the name that was asked for is another's.
    """
    if stage.run_name:
        name, _ = run_name(project, stage, source, stamp)
        with writing(project.root, f"run {name}", alone=True):
            yield name
        return
    with ExitStack() as held:
        for name in _names(stage, source):
            try:
                held.enter_context(writing(project.root, f"run {name}", alone=True))
            except InputError:  # another training will give it to its run
                continue
            if _fingerprint(project, name) in ("", stamp.fingerprint):
                break
            held.close()
        yield name


def _names(stage: Train, source: Source) -> Iterator[str]:
    """Names for a run that was given none, one after the other."""
    base = f"{stage.model}-{source.snapshot}"
    yield base
    yield from (f"{base}-{number}" for number in count(2))


def alone(stage: Train) -> bool:
    """Whether training takes place in this process."""
    return stage.workers <= 1 and not stage.hosts


def launch_of(project: Project, stage: Train) -> launch.Launch:
    """How many ranks, where, by what; raises InputError on hosts that make no sense, or cannot see the project."""
    hosts = launch.parse_hosts(stage.hosts)
    found = launch.Launch(stage.workers or sum(slots for _, slots in hosts), hosts, stage.backend)
    if found.others and is_remote(project.root):
        what = "ranks on other hosts share a folder, which a project at a URL has none of"
        raise InputError(what, where="--hosts", mend="copy the project to a shared file system")
    return found


def _fingerprint(project: Project, name: str) -> str:
    """Fingerprint of what the run called ``name`` was made from; empty when there is no such run."""
    folder = project.root / "models" / name
    if not folder.exists():
        return ""
    try:
        return str(read_record(folder).get("fingerprint", "unknown"))
    except LeadlineError:
        return "damaged"

"""A model from elsewhere taken into a project, and the model that is in use."""

from __future__ import annotations

import logging

from processing.errors import InputError, LeadlineError, MissingError
from processing.io.atomic import aside_folder
from processing.places import place
from processing.project import Project
from processing.stages import Train
from training import bundle, tracking
from training.record import RECORD, check_name, read_record

_FILES = (bundle.WEIGHTS, RECORD, "card.md", "metrics.jsonl")
_log = logging.getLogger(__name__)


def adopt(project: Project, model: str) -> str:
    """Copy the model in the folder ``model`` into the project and return its run's name.

    The same model again is accepted quietly. Raises MissingError when there is no model, StaleError when it cannot be
    used by this version, InputError when it is damaged or another model of that name is in the project.
    """
    folder = place(model)
    if not (folder / RECORD).exists():
        mend = "give the folder of a model; --run-name takes one of this project"
        raise MissingError("no such model", where=folder, mend=mend)
    bundle.load_folder(folder, "train it anew with this version")
    record = read_record(folder)
    name = str(record.get("run", folder.name))
    check_name(name, folder)
    target = project.root / "models" / name
    if target.exists():
        if read_record(target).get("fingerprint") != record["fingerprint"]:
            raise InputError(f"another model {name!r} is in the project", where=target, mend="rename one of the two")
        return name
    with aside_folder(target, exclusive=True) as aside:
        for file in _FILES:
            if (folder / file).exists():
                (aside / file).write_bytes((folder / file).read_bytes())
    return name


def take_settings(project: Project, run: str) -> None:
    """Let the project train from now on as ``run`` was trained, so that no other model is due because of settings.

    What names a run or a snapshot, or says how and not what is trained, stays as it is.
    """
    made_with = read_record(project.root / "models" / run).get("parameters", {})
    own = set(Train.own_parameters()) - {*Train.apart, "snapshot"}
    project.remember(project.stage(Train, {name: value for name, value in made_with.items() if name in own}))


def promote(project: Project, run: str, url: str) -> None:
    """Let ``run`` be the model that ``classify`` takes when none is named, and so say the MLflow records at ``url``.

    Raises MissingError when there is no such model. Records that cannot be reached, or do not know the run, are warned
    of: the project's own state decides.
    """
    known = project.runs("models")
    if run not in known:
        mend = f"there are: {', '.join(known) or 'none'}"
        raise MissingError(f"no model {run!r}", where=project.root / "models", mend=mend)
    project.make_newest("models", run)
    if url == tracking.OFF:
        return
    try:
        tracking.promote(project, run, url)
    except LeadlineError as error:
        _log.info("the model registry was not told that %s is in use: %s", run, error.line)

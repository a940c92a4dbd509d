"""The shortest way to make everything right: which stages are due, why, and the jobs that do them in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboard.catalog import Catalog
from dashboard.jobs.model import Order
from dashboard.jobs.rules import checked
from processing.project import Project
from processing.stages import STAGES

FOLLOWS = "what it is made from changes first"
_NEED_SCENE = ("autolabel", "snapshot")
"""Stages that pass over a granule which no scene lies under."""

_TAKES = {"train": ("snapshot", "snapshot"), "classify": ("run_name", "train"), "freeboard": ("run_name", "classify")}
"""The parameter by which a stage takes the result of an earlier one, and that stage."""


@dataclass(frozen=True)
class Due:
    """A stage that must run. ``why`` is empty where its table is simply not there yet; ``follows``: an earlier one's
    new result makes it due, and it is not yet."""

    stage: str
    why: str
    follows: bool = False


def why_due(catalog: Catalog, key: str) -> str | None:
    """Why a stage is due, empty when a granule waits for it; None when it is not due."""
    if key == "train":
        return "" if catalog.model_stale is None else catalog.model_stale or None
    found = [
        granule.stages[key]
        for granule in catalog.granules
        if granule.stages[key].total and (key not in _NEED_SCENE or catalog.scenes_of(granule.ident))
    ]
    if any(progress.done == 0 for progress in found):
        return ""
    return next((progress.stale for progress in found if progress.stale), None)


def due(catalog: Catalog, corrected: bool = False) -> list[Due]:
    """The stages that must run so that every table follows from its inputs, in order; none in an empty project.

    ``corrected`` tells that labels were corrected since the catalog was made.
    """
    if not catalog.granules:
        return []
    found: list[Due] = []
    for key in STAGES:
        if not _possible(catalog, key):
            continue
        why = why_due(catalog, key)
        if key == "snapshot" and why is None and corrected:
            why = "labels were corrected"
        if why is not None:
            found.append(Due(key, why))
        elif found:
            found.append(Due(key, FOLLOWS, follows=True))
    return found


def _possible(catalog: Catalog, key: str) -> bool:
    """Whether a stage has, or will have, anything to work on: labels need a scene under a track."""
    labels = bool(catalog.pairs) or any(granule.stages["snapshot"].done for granule in catalog.granules)
    model = labels or catalog.model_stale is not None
    return {"autolabel": labels, "snapshot": labels, "train": labels, "classify": model, "freeboard": model}.get(
        key, True
    )


def orders(
    project: Project,
    stages: Sequence[str],
    engine: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
) -> list[Order]:
    """Orders for the stages, each of which takes the result of the one before it that makes what it reads.

    ``engine`` says where the stages that know engines run, ``train`` what of training differs from the project's own.
    Raises InputError for a value that cannot be.
    """
    made: list[Order] = []
    for stage in stages:
        asked = {"stage": stage, "engine": engine or {}, "parameters": (train or {}) if stage == "train" else {}}
        order = checked(project, asked)
        parameter, source = _TAKES.get(stage, ("", ""))
        if source in stages and not order.parameters.get(parameter):
            order = replace(order, results={parameter: list(stages).index(source)})
        made.append(order)
    return made

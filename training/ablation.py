"""What is left out in turn: features, context, corrections, and two steps of the auto-labels."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tomli_w

from processing.core.features import NAMES, PAPER_NAMES
from processing.errors import InputError
from processing.io.atomic import write_text
from processing.local.autolabel import autolabel
from processing.local.snapshot import snapshot
from processing.places import is_remote
from processing.project import Project
from processing.provenance import digest
from processing.schema import LabelSource
from processing.stages import Autolabel, Snapshot, Train
from training.designs import design_of
from training.source import Source, find_source
from training.tensors import Tensors, tensors


@dataclass(frozen=True)
class Variant:
    """One change to a model or to the labels it learns from; the labels it is tested on stay.

    Attributes
    ----------
    without : features left out. model : another model. corrected : whether analysts' corrections are learned from.
    labelling : parameters of the auto-labels that are changed.
    """

    name: str
    without: tuple[str, ...] = ()
    model: str = ""
    corrected: bool = True
    labelling: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, ablated: str) -> bool:
        """Whether the change makes another model of the one called ``ablated``."""
        if self.model:
            return self.model != ablated
        known = set(design_of(ablated).features)
        return not self.without or (bool(known & set(self.without)) and bool(known - set(self.without)))

    def taught(self, teaching: Train) -> Train:
        """The training parameters with this change."""
        if not self.without:
            return teaching
        kept = [name for name in design_of(teaching.model).features if name not in self.without]
        return Train(**(teaching.values_dict() | {"features": ",".join(kept)}))


VARIANTS = (
    Variant("without height", ("height_above_low",)),
    Variant("without shape of the heights", ("height_std", "mean_minus_median", "photons_above", "photons_below")),
    Variant("without photon rates", ("photon_rate", "high_fraction", "photon_count")),
    Variant("without background", ("background_rate",)),
    Variant("the paper's six features", tuple(name for name in NAMES if name not in PAPER_NAMES)),
    Variant("windows of five (lstm)", model="lstm"),
    Variant("windows of five (mlp)", model="mlp"),
    Variant("without corrections", corrected=False),
    Variant("without drift", labelling={"drift": False}),
    Variant("without cloud filter", labelling={"cloud_filter": False}),
)


def changed_labels(project: Project, source: Source, data: Tensors, variant: Variant) -> Tensors:
    """The labels that ``variant`` learns from, over the same segments.

    Raises InputError where auto-labels would have to be made anew and the project is not on this machine.
    """
    if not variant.corrected:
        return replace(data, label=data.auto, source=np.full(len(data), LabelSource.AUTO, np.int8))
    if not variant.labelling:
        return data
    other = _labelled_otherwise(project, source, variant)
    return tensors(other, find_source(other, ""))


def _labelled_otherwise(project: Project, source: Source, variant: Variant) -> Project:
    """A project beside this one with its inputs, segments and corrections, and auto-labels made another way."""
    if is_remote(project.root):
        what = "auto-labels cannot be made in another way beside a project at a URL"
        raise InputError(what, where="--ablation", mend="copy the project to this machine")
    stage = project.stage(Autolabel, variant.labelling)
    key = digest([stage.values_dict(), source.fingerprints])[:16]
    root = project.root / "evaluations" / ".labels" / key
    if not (root / "project.toml").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for name in ("inputs", "segments"):
            (root / name).symlink_to((project.root / name).resolve(), target_is_directory=True)
        settings = {**project.settings, "database": {"url": project.database_url}}
        write_text(root / "project.toml", tomli_w.dumps(settings))
    other = Project(root)
    autolabel(other, stage)
    snapshot(other, Snapshot())
    return other

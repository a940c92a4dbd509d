"""What is left out in turn: features, context, corrections, and two steps of the auto-labels."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from processing.core.features import NAMES, PAPER_NAMES
from processing.errors import InputError, LeadlineError
from processing.io import tables
from processing.io.atomic import write_text
from processing.local.autolabel import autolabel
from processing.places import is_remote
from processing.project import Project
from processing.provenance import digest
from processing.schema import LABEL, LabelSource
from processing.stages import Autolabel, Train
from training.designs import design_of
from training.tensors import Tensors

LABELS = Path("evaluations") / ".labels"
"""Where auto-labels made in other ways lie until an evaluation is done."""

_log = logging.getLogger(__name__)


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


def changed_labels(project: Project, data: Tensors, variant: Variant) -> Tensors:
    """The labels that ``variant`` learns from, of the same segments; corrections stay what the snapshot says.

    Raises InputError where auto-labels would have to be made anew and the project is not on this machine.
    """
    if not variant.corrected:
        return replace(data, label=data.auto, source=np.full(len(data), LabelSource.AUTO, np.int8))
    if not variant.labelling:
        return data
    auto, flags = _labels_of(_labelled_otherwise(project, variant), data)
    by_hand = np.asarray(data.source == LabelSource.MANUAL)
    return replace(
        data, label=np.where(by_hand, data.label, auto), auto=auto, flags=np.where(by_hand, data.flags, flags)
    )


def _labelled_otherwise(project: Project, variant: Variant) -> Project:
    """A project beside this one with its inputs and segments, and auto-labels made another way.

    Drifts that an analyst set by hand hold there too, but where the variant is to do without any.
    """
    if is_remote(project.root):
        what = "auto-labels cannot be made in another way beside a project at a URL"
        raise InputError(what, where="--ablation", mend="copy the project to this machine")
    stage = project.stage(Autolabel, variant.labelling)
    root = project.root / LABELS / digest([stage.values_dict()])[:16]
    if not (root / "project.toml").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for name in ("inputs", "segments"):
            (root / name).symlink_to((project.root / name).resolve(), target_is_directory=True)
        by_hand = {} if "drift" in variant.labelling else {"database": {"url": project.database_url}}
        write_text(root / "project.toml", tomli_w.dumps({**project.settings, **by_hand}))
    other = Project(root)
    try:
        autolabel(other, stage)
    except LeadlineError as error:
        _log.warning("%s: %s; its granules keep the labels they have", variant.name, error.line)
    return other


def _labels_of(other: Project, data: Tensors) -> tuple[NDArray[np.int8], NDArray[np.uint32]]:
    """Automatic labels and flags (S,) of another project's tables; those of ``data`` where it has no table."""
    auto, flags = data.auto.copy(), data.flags.copy()
    for track in data.tracks:
        path = other.table_path("autolabels", track.granule, track.beam)
        if not path.exists():
            continue
        table = tables.read(path, LABEL, ("segment", "label_auto", "auto_flags"))
        rows = np.searchsorted(table["segment"].to_numpy(), data.segment[track.here])
        auto[track.here] = table["label_auto"].to_numpy()[rows]
        flags[track.here] = table["auto_flags"].to_numpy()[rows]
    return auto, flags

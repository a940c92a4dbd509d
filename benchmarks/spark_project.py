"""Projects of many large granules for the Spark benchmarks: one synthetic granule under many names.

Names are links, so that twenty granules cost the disk of one. What tasks read is then in the disk's cache: times are of
work, not of a slow disk, for Spark and for its peers alike.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from benchmarks.synthetic_granule import write_granule
from processing.io.recognise import take_stock
from processing.local.inputs import take_in
from processing.project import Project
from processing.stages import Resample
from training import bundle
from training.designs import DESIGNS
from training.models import FEATURES, make
from training.record import save_record
from training.windows import Normalisation


def granule_name(number: int) -> str:
    """Identifiers that differ in their time of day."""
    return f"ATL03_2022041{number // 10}1{number % 10}0300_03351502_006_01"


def photon_project(
    root: Path, granules: int, photons: int, beams: tuple[str, ...] = ("gt1r", "gt2r", "gt3r")
) -> Project:
    """A project of ``granules`` granules of ``photons`` photons each, over ``beams``."""
    root.mkdir(parents=True)
    first = root / "granules" / f"{granule_name(0)}.h5"
    first.parent.mkdir()
    write_granule(first, photons, beams)
    for number in range(1, granules):
        (first.parent / f"{granule_name(number)}.h5").hardlink_to(first)
    project = Project.create(root / "project")
    take_in(project, take_stock((first.parent,), "", {}), copy=False)
    return project


def many_tracks(big: Project, root: Path, granules: int) -> Project:
    """A project whose granules all have the segments, labels and predictions of the one of ``big``, and its scenes."""
    project = Project.create(root)
    shutil.copy(big.root / "project.toml", root)
    for entry in (big.root / "inputs" / "scenes").iterdir():
        target = root / "inputs" / "scenes" / entry.name
        if entry.suffix == ".json":
            shutil.copy(entry, target)
        else:
            target.symlink_to(entry.resolve())
    for kind in ("segments", *(f"predictions/{run}" for run in big.runs("predictions"))):
        [ident] = {granule for granule, _ in big.tracks(*kind.split("/"))}
        for number in range(granules):
            link = root / kind / f"granule={granule_name(number)}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((big.root / kind / f"granule={ident}").resolve())
    return project


def add_untrained_model(project: Project) -> None:
    """Give the project the paper's LSTM with random weights: it is as fast as a trained one."""
    folder = project.root / "models" / "lstm-untrained"
    folder.mkdir(parents=True)
    design = DESIGNS["lstm"]
    columns = tuple(range(FEATURES))
    normalisation = Normalisation(torch.zeros(FEATURES), torch.ones(FEATURES), columns, design.limit, design.stretches)
    trained = bundle.Trained("lstm", make("lstm"), normalisation, design.features, Resample().window)
    bundle.save_weights(folder, trained)
    save_record(folder, {**bundle.describe(trained), "fingerprint": "untrained"})

"""How labels are parted into what is learned from and what is tested on: the paper's way, and honest ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from processing.errors import InputError
from processing.io import tables
from processing.project import Project
from processing.schema import SEGMENT
from processing.stages import Evaluate, Train
from training.regions import region_of, season_of
from training.splits import (
    Role,
    Split,
    at_random,
    by_block,
    by_granule,
    check_classes,
    labelled_granules,
    set_aside,
    usable_labels,
)
from training.tensors import Tensors

PAPER, GRANULES, BLOCKS, REGIONS, SEASONS = "paper", "granules", "blocks", "regions", "seasons"
PROTOCOLS = (PAPER, GRANULES, REGIONS, SEASONS)

PAPER_BATCH = 32
"""Windows a step in the paper."""


@dataclass(frozen=True)
class Fold:
    """One part to hold out, by name, under a protocol; ``granules`` are those held out, none under the paper's."""

    protocol: str
    name: str
    granules: tuple[str, ...] = ()


def folds(project: Project, data: Tensors, stage: Evaluate, teaching: Train) -> list[Fold]:
    """Every part that is held out in turn, in the order of the protocols asked for.

    Regions and seasons are left out where all labels are of one. Raises InputError on an unknown protocol.
    """
    asked = list(dict.fromkeys(name.strip() for name in stage.protocols.split(",") if name.strip()))
    unknown = [name for name in asked if name not in PROTOCOLS]
    if unknown or not asked:
        what = f"unknown protocol {unknown[0]!r}" if unknown else "no protocol is named"
        raise InputError(what, where="--protocols", mend=f"some of {', '.join(PROTOCOLS)}")
    usable = usable_labels(data.label, data.flags, data.source, clear_only=teaching.clear_only)
    granules = labelled_granules(data, usable)
    found: list[Fold] = []
    for name in asked:
        if name == PAPER:
            found.append(Fold(PAPER, "windows at random"))
        elif name == GRANULES:
            found += _by_granule(granules, stage.folds)
        else:
            found += _by_kind(project, data, name, granules)
    return found


def _by_granule(granules: Sequence[str], most: int) -> Iterator[Fold]:
    if len(granules) == 1:
        yield Fold(BLOCKS, "blocks along the track")
        return
    order = np.random.default_rng(0).permutation(len(granules))
    count = min(most, len(granules))
    for number in range(count):
        held = tuple(sorted(granules[place] for place in order[number::count]))
        yield Fold(GRANULES, held[0] if len(held) == 1 else f"{len(held)} granules, part {number + 1}", held)


def _by_kind(project: Project, data: Tensors, protocol: str, granules: Sequence[str]) -> Iterator[Fold]:
    kinds: dict[str, list[str]] = {}
    for granule in granules:
        kinds.setdefault(_kind(project, data, protocol, granule), []).append(granule)
    if len(kinds) > 1:
        for name, held in sorted(kinds.items()):
            yield Fold(protocol, name, tuple(held))


def _kind(project: Project, data: Tensors, protocol: str, granule: str) -> str:
    """Region or season of a granule, where and when its labels begin."""
    track = next(track for track in data.tracks if track.granule == granule)
    path = project.table_path("segments", granule, track.beam)
    x = float(data.segment[track.start] + 0.5) * data.window
    near = ("x_atc", x - data.window, x + data.window)
    command = f"leadline resample {project.root}"
    first = tables.read(path, SEGMENT, ("time", "lat", "lon"), between=near, command=command)
    if protocol == REGIONS:
        return region_of(first["lat"][0].as_py(), first["lon"][0].as_py())
    return season_of(first["time"][0].as_py())


def parted(data: Tensors, fold: Fold, teaching: Train, seed: int, most: int) -> Split:
    """The split of ``fold``. The paper's takes every label, ``most`` at most, flagged ones too, as the paper does.

    Raises InputError when the labels to learn from are of one class, or none is left to test on.
    """
    if fold.protocol == PAPER:
        split = at_random(data, np.asarray(data.label >= 0), seed, most)
    else:
        usable = usable_labels(data.label, data.flags, data.source, clear_only=teaching.clear_only)
        split = by_granule(data, usable, fold.granules) if fold.granules else by_block(data, usable, seed)
        set_aside(data, split.role, teaching.validation, seed)
    if not (split.role == Role.TEST).any():
        raise InputError(f"{fold.name}: no label is left to test on", where="evaluate", mend="label more of the track")
    check_classes(data.label[split.role == Role.LEARN])
    return split


def parted_likewise(learned: Tensors, split: Split, teaching: Train, seed: int) -> Split:
    """The roles of other labels of the same segments: nothing of what ``split`` holds out is learned from.

    Raises InputError when the labels to learn from are of one class.
    """
    usable = usable_labels(learned.label, learned.flags, learned.source, clear_only=teaching.clear_only)
    role = np.where(usable & ~split.kept_away(learned), Role.LEARN, Role.NONE).astype(np.uint8)
    set_aside(learned, role, teaching.validation, seed)
    check_classes(learned.label[role == Role.LEARN])
    return replace(split, role=role)

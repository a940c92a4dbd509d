"""Which labels are learned from, which calibrate, which test: by granule, by blocks along the track, or at random."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from processing.errors import InputError
from processing.provenance import digest
from processing.schema import AutoFlag, LabelSource, SurfaceClass
from training.tensors import Tensors

UNCLEAR = AutoFlag.CLOUD | AutoFlag.SHADOW | AutoFlag.TRANSITION | AutoFlag.DRIFT_UNSURE | AutoFlag.OUTSIDE_SCENE
BLOCKS = 10
HELD_BLOCKS = 2
GUARD = 0.1
VALIDATION_BLOCK = 5_000.0
"""Length along the track of the blocks that calibrate [m]."""


class Role(IntEnum):
    """What a segment's label serves for."""

    NONE = 0
    LEARN = 1
    CALIBRATE = 2
    TEST = 3


@dataclass(frozen=True)
class Split:
    """A role for each row of ``Tensors``, and in words how they were parted.

    Attributes
    ----------
    role : u1 (S,). held_out : granules that are held out whole. stretches : where none is, the ranges of ``x_atc`` [m]
    held out; ``guard`` [m] beside them belongs to neither. at_random : whether single windows were drawn, as in the
    paper.
    """

    role: NDArray[np.uint8]
    how: str
    held_out: tuple[str, ...] = ()
    stretches: tuple[tuple[float, float], ...] = field(default=())
    guard: float = 0.0
    at_random: bool = False

    @property
    def honest(self) -> bool:
        """Whether nothing of a test track was seen in training."""
        return bool(self.held_out)

    def holds(self, granule: str, x_atc: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which places (N,) of a track are held out."""
        return np.full(len(x_atc), granule in self.held_out) | _within(x_atc, self.stretches, 0.0)

    def kept_away(self, data: Tensors) -> NDArray[np.bool_]:
        """Which rows (S,) no model may learn from: what is held out, and the guards beside it."""
        away = _within(data.x_atc, self.stretches, self.guard)
        for track in data.tracks:
            away[track.here] |= track.granule in self.held_out
        return away


def split(data: Tensors, held_out: str, seed: int, *, clear_only: bool, validation: float) -> Split:
    """Hold whole granules out: those named (comma separated), or one chosen by ``seed``.

    With labels in one granule only, blocks along the track are held out instead, and the split is not honest. Of the
    rest a share ``validation`` calibrates. Raises InputError when no label is usable, a named granule has none, none is
    left to test on or to learn from, or those to learn from are of one class.
    """
    usable = usable_labels(data.label, data.flags, data.source, clear_only=clear_only)
    if not usable.any():
        why = "without flags or corrected" if clear_only else "other than unlabelled"
        mend = "correct some labels, or use --no-clear-only" if clear_only else "label some segments"
        raise InputError(f"the snapshot has no label {why}", where="train", mend=mend)
    granules = labelled_granules(data, usable)
    if held_out.strip():
        parted = by_granule(data, usable, tuple(name.strip() for name in held_out.split(",") if name.strip()))
    elif len(granules) == 1:
        parted = by_block(data, usable, seed)
    else:
        parted = by_granule(data, usable, (str(np.random.default_rng(seed).choice(granules)),))
    if not (parted.role == Role.TEST).any():
        raise InputError("no label is left to test on", where="train", mend="label more of the track")
    set_aside(data, parted.role, validation, seed)
    check_classes(data.label[parted.role == Role.LEARN])
    return parted


def usable_labels(
    label: NDArray[np.int8], flags: NDArray[np.uint32], source: NDArray[np.int8], *, clear_only: bool
) -> NDArray[np.bool_]:
    """Which labels to learn from: those of a class, and with ``clear_only`` unflagged or set by a person."""
    labelled = np.asarray(label > SurfaceClass.UNLABELLED)
    if not clear_only:
        return labelled
    return labelled & (((flags & np.uint32(UNCLEAR)) == 0) | (source == LabelSource.MANUAL))


def labelled_granules(data: Tensors, usable: NDArray[np.bool_]) -> tuple[str, ...]:
    """Identifiers of the granules with any ``usable`` label (S,), sorted."""
    return tuple(sorted({track.granule for track in data.tracks if usable[track.here].any()}))


def by_granule(data: Tensors, usable: NDArray[np.bool_], held_out: tuple[str, ...]) -> Split:
    """Hold the granules named ``held_out`` out whole."""
    granules = labelled_granules(data, usable)
    for name in held_out:
        if name not in granules:
            mend = f"those with labels: {', '.join(granules)}"
            raise InputError(f"granule {name!r} has no usable label", where="--held-out", mend=mend)
    if len(set(held_out)) == len(granules):
        what = "every granule is held out, none is left to learn from"
        raise InputError(what, where="--held-out", mend="hold out fewer")
    role = np.where(usable, Role.LEARN, Role.NONE).astype(np.uint8)
    for track in data.tracks:
        if track.granule in held_out:
            role[track.here][usable[track.here]] = Role.TEST
    return Split(role, f"whole granules held out: {', '.join(held_out)}", held_out)


def by_block(data: Tensors, usable: NDArray[np.bool_], seed: int) -> Split:
    """Hold out ``HELD_BLOCKS`` of ``BLOCKS`` equal blocks along the track, the same of every beam.

    Only blocks with labels are chosen, and never all of them. Beams run side by side over the same floes, so a block is
    a stretch of ``x_atc`` of all beams at once. A guard of ``GUARD`` block either side of a held-out block belongs to
    neither set.
    """
    x = data.x_atc
    low, high = float(x[usable].min()), float(x[usable].max())
    size = (high - low) / BLOCKS
    filled = np.flatnonzero(np.histogram(x[usable], BLOCKS, (low, high))[0])
    count = min(HELD_BLOCKS, len(filled) - 1)
    held = np.sort(np.random.default_rng(seed).choice(filled, count, replace=False))
    stretches = tuple((low + block * size, low + (block + 1) * size) for block in held)
    how = (
        f"one granule only: {count} of {BLOCKS} blocks of {size / 1000:.1f} km along the track held out, "
        f"all beams alike, with a guard of {GUARD * size:.0f} m either side"
    )
    role = np.where(usable & ~_within(x, stretches, GUARD * size), Role.LEARN, Role.NONE).astype(np.uint8)
    role[usable & _within(x, stretches, 0.0)] = Role.TEST
    return Split(role, how, stretches=stretches, guard=GUARD * size)


def at_random(data: Tensors, usable: NDArray[np.bool_], seed: int, most: int = 0, test: float = 0.2) -> Split:
    """Draw single windows at random, a share ``test`` of them to test on, as the paper does; ``most`` windows at most.

    Windows overlap, so most test windows share segments with training ones: for comparison with the paper only.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(np.flatnonzero(usable))[: most or None]
    cut = round(len(drawn) * (1.0 - test))
    role = np.zeros(len(data), np.uint8)
    role[drawn[:cut]], role[drawn[cut:]] = Role.LEARN, Role.TEST
    how = f"the paper's: {cut} windows drawn at random to learn from, {len(drawn) - cut} to test on, of the same tracks"
    return Split(role, how, at_random=True)


def set_aside(data: Tensors, role: NDArray[np.uint8], share: float, seed: int) -> None:
    """Let a ``share`` of what ``role`` (S,) gives to learning calibrate instead, by whole blocks of all beams alike.

    Blocks are drawn by a hash, so that a longer track keeps those it had. Where any class would be lost to learning,
    or the labels lie in so few blocks that none is drawn, nothing is set aside.
    """
    if not share:
        return
    block = (data.x_atc // VALIDATION_BLOCK).astype(np.int64)
    taken = np.zeros(len(role), bool)
    for track in data.tracks:
        numbers, where = np.unique(block[track.here], return_inverse=True)
        drawn = [int(digest([track.granule, int(number), seed])[:8], 16) < share * 2**32 for number in numbers]
        taken[track.here] = np.array(drawn)[where]
    learn = role == Role.LEARN
    labels = data.label[learn]
    kept = data.label[learn & ~taken]
    if (learn & taken).any() and len(np.unique(kept)) == len(np.unique(labels)):
        role[learn & taken] = Role.CALIBRATE


def check_classes(labels: NDArray[np.int8]) -> None:
    """Raise InputError when the ``labels`` to learn from are of one class only."""
    present = [SurfaceClass(int(code)) for code in np.unique(labels) if code >= 0]
    if len(present) < 2:
        names = " and ".join(one.name.lower().replace("_", " ") for one in present) or "none"
        mend = "label other classes, or hold another granule out"
        raise InputError(f"the labels to learn from are of one class only ({names})", where="train", mend=mend)


def _within(x: NDArray[np.float64], stretches: tuple[tuple[float, float], ...], margin: float) -> NDArray[np.bool_]:
    inside = np.zeros(len(x), bool)
    for low, high in stretches:
        inside |= (x >= low - margin) & (x <= high + margin)
    return inside

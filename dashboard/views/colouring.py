"""What colours segments: label, source, flag or confidence as a small rank each, and the colour and name of every rank.

Map, profile and legend share it. Where segments share a pixel the highest rank shows: open water over ice, an analyst
over the auto-label, cloud over the other flags, a doubtful model over a sure one. Rank 0 is nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard import palette
from processing.schema import AutoFlag

Ranks = NDArray[np.int8]

FLAGS = (
    ("transition", AutoFlag.TRANSITION),
    ("drift unsure", AutoFlag.DRIFT_UNSURE),
    ("shadow", AutoFlag.SHADOW),
    ("cloud", AutoFlag.CLOUD),
)
"""Flags by rising rank."""

STEPS = (0.95, 0.8, 0.65, 0.5, 0.35)
"""Least sureness of each step from a sure model to a doubtful one."""

NO_MODEL = 1


@dataclass(frozen=True)
class Entry:
    """What one rank is called and its colour."""

    name: str
    colour: str


@dataclass(frozen=True)
class Scheme:
    """Colours of one way to colour segments; ``entries`` by rank, the first is that of rank 1."""

    mode: str
    entries: tuple[Entry, ...]

    @property
    def colours(self) -> tuple[str, ...]:
        """Colour of rank 1, 2, ... as ``#rrggbb``."""
        return tuple(entry.colour for entry in self.entries)

    @property
    def pixels(self) -> NDArray[np.uint32]:
        """Colour by rank as pixels of an image; rank 0 is transparent."""
        return np.array([0, *(palette.rgba(colour) for colour in self.colours)], np.uint32)

    @property
    def legend(self) -> tuple[Entry, ...]:
        """Entries in the order in which they are read: the usual first, what is missing last."""
        if self.mode == "label":
            return (*self.entries[1:], self.entries[0])
        if self.mode == "flag":
            return self.entries[::-1]
        return (*self.entries[1:], self.entries[0]) if self.mode == "confidence" else self.entries


def label_scheme(variant: str) -> Scheme:
    """Surface classes; ``variant`` is ``light``, ``dark`` or ``scene`` here and below."""
    codes = (-1, 0, 1, 2)
    return Scheme(
        "label", tuple(Entry(palette.class_name(code), palette.class_colour(code, variant)) for code in codes)
    )


def source_scheme(variant: str, analysts: Sequence[str]) -> Scheme:
    """The auto-label and the analysts in order; those beyond the colours that can be told apart share one."""
    auto, hands, others = palette.analyst_colours(variant)
    named = [Entry(name, colour) for name, colour in zip(analysts, hands, strict=False)]
    if len(analysts) > len(hands):
        named.append(Entry("other analysts", others))
    return Scheme("source", (Entry("auto-label", auto), *named))


def flag_scheme(variant: str) -> Scheme:
    """Flags of the auto-labels."""
    colours = palette.flag_colours(variant)
    names = ("none", *(name for name, _ in FLAGS))
    return Scheme("flag", tuple(Entry("no flag" if name == "none" else name, colours[name]) for name in names))


def confidence_scheme(variant: str) -> Scheme:
    """The model's sureness in steps: 1 where it is sure of a class, 0 where it knows nothing."""
    missing, steps = palette.sureness_colours(variant)
    names = [*(f"≥ {100 * least:.0f} %" for least in STEPS), f"< {100 * STEPS[-1]:.0f} %"]
    return Scheme("confidence", (Entry("no model", missing), *map(Entry, names, steps)))


def scheme(mode: str, variant: str, analysts: Sequence[str] = ()) -> Scheme:
    """The colours of a way to colour segments: ``label``, ``source``, ``flag`` or ``confidence``."""
    if mode == "source":
        return source_scheme(variant, analysts)
    return {"label": label_scheme, "flag": flag_scheme, "confidence": confidence_scheme}[mode](variant)


def label_ranks(label: NDArray[np.int8]) -> Ranks:
    """Class codes (i1) to ranks."""
    return label + np.int8(2)


def source_ranks(analyst: NDArray[np.int32], names: Sequence[str], order: Sequence[str]) -> Ranks:
    """Index of the analyst into ``names`` (i4, -1 for the auto-label) to ranks of the analysts as in ``order``."""
    last = 2 + len(palette.analyst_colours("scene")[1])
    places = [min(2 + order.index(name), last) if name in order else last for name in names]
    return np.array([*places, 1], np.int8)[analyst]


def flag_ranks(flags: NDArray[np.uint32]) -> Ranks:
    """Bits of ``auto_flags`` (u4) to ranks."""
    rank = np.ones(len(flags), np.int8)
    for value, (_, bit) in enumerate(FLAGS, start=2):
        np.maximum(rank, ((flags & np.uint32(bit)) != 0).astype(np.int8) * np.int8(value), out=rank)
    return rank


def confidence_ranks(sureness: NDArray[np.float32]) -> Ranks:
    """Sureness (f4, 1 - entropy; NaN without a model) to ranks."""
    rank = np.full(len(sureness), 2, np.int8)
    for least in STEPS:
        rank += sureness < np.float32(least)
    rank[np.isnan(sureness)] = NO_MODEL
    return rank

"""What is fixed about each kind of model: what it sees, how it is taught. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from processing.core.features import NAMES, PAPER_NAMES
from processing.errors import InputError

STRETCH = 512
"""Grid places of a stretch that ``context`` learns from at once."""

REACH = 128
"""Grid places either side of a segment that ``context`` sees."""


@dataclass(frozen=True)
class Design:
    """One kind of model.

    Attributes
    ----------
    features : those it sees when none are named. stretches : whether it labels every segment of a stretch at once, or
    the middle one of a window of five. limit : standard deviations beyond which a feature says no more.
    batch, dropout : its own, measured to be best for ``context`` (docs/training.md). focal, falls : whether its loss is
    the focal one, and whether its learning rate falls.
    """

    name: str
    features: tuple[str, ...]
    stretches: bool
    limit: float
    batch: int
    dropout: float
    focal: bool
    falls: bool


DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        design.name: design
        for design in (
            Design("mlp", PAPER_NAMES, stretches=False, limit=inf, batch=1024, dropout=0.0, focal=True, falls=False),
            Design("lstm", PAPER_NAMES, stretches=False, limit=inf, batch=1024, dropout=0.2, focal=True, falls=False),
            Design("context", NAMES, stretches=True, limit=6.0, batch=2048, dropout=0.05, focal=False, falls=True),
        )
    }
)


def design_of(name: str) -> Design:
    """The design called ``name``; raises InputError on an unknown one."""
    if name not in DESIGNS:
        raise InputError(f"unknown model {name!r}", mend=f"one of {', '.join(DESIGNS)}")
    return DESIGNS[name]


def chosen_features(design: Design, text: str) -> tuple[str, ...]:
    """The features named in ``text``, comma separated, in the order of the table; all of the design's when empty.

    Raises InputError on a name that is none of the design's.
    """
    asked = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(asked - set(design.features))
    if unknown:
        what = f"model {design.name} knows no feature {unknown[0]!r}"
        raise InputError(what, where="--features", mend=f"those it knows: {', '.join(design.features)}")
    return tuple(name for name in design.features if not asked or name in asked)

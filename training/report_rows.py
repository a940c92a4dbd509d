"""What the report of an evaluation and its figures pick from its rows, and the words they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, isfinite
from types import MappingProxyType

from training.scores import CLASS_NAMES
from training.summary import Interval, Row, find_row, interval

PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "paper": "random windows",
        "granules": "whole granules",
        "blocks": "blocks of one granule",
        "regions": "whole regions",
        "seasons": "whole seasons",
    }
)
"""What each protocol holds out, in the order in which they are shown."""

HELD_AGAINST: Mapping[str, str] = MappingProxyType(
    {"labels": "usable labels", "every_label": "all labels", "truth": "truth"}
)
"""What models are held against, in words."""

PAPER_ACCURACY: Mapping[str, float] = MappingProxyType({"lstm": 0.9656, "mlp": 0.9180})
"""What arXiv 2502.02700 reports, by its own protocol on its own data."""

DISHONEST = ("paper", "blocks")
"""Protocols that test on tracks that were trained on."""

FLAGS = ("clear", "transition", "cloud", "shadow", "drift unsure")
SOURCES = ("automatic", "corrected")
AS_IT_IS = "as it is"
_MODELS = {"mlp": "MLP", "lstm": "LSTM"}
_FAIREST = ("granules", "regions", "seasons", "blocks", "paper")


@dataclass(frozen=True)
class Changed:
    """What a change of the model did to it: figures less those of the model as it is, seed by seed."""

    variant: str
    row: Row
    base: Row

    def by(self, figure: str) -> Interval:
        one, other = self.row.by_seed, self.base.by_seed
        return interval([one[seed][figure] - other[seed][figure] for seed in one if seed in other])


def model_name(model: str) -> str:
    return _MODELS.get(model, model)


def protocol_name(protocol: str) -> str:
    return PROTOCOLS.get(protocol, protocol)


def as_they_are(rows: Iterable[Row], against: str = "") -> list[Row]:
    """Rows of unchanged models, those ``against`` one kind of labels if one is named."""
    return [row for row in rows if not row.variant and against in {"", row.against}]


def models(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.model for row in as_they_are(rows)))


def protocols(rows: Iterable[Row]) -> list[str]:
    """Protocols of unchanged models, in the order in which they are shown."""
    found = dict.fromkeys(row.protocol for row in as_they_are(rows))
    return [*(name for name in PROTOCOLS if name in found), *(name for name in found if name not in PROTOCOLS)]


def fairest(rows: Sequence[Row]) -> str | None:
    """The protocol that figures of one protocol are taken from: whole granules held out, or what comes nearest."""
    return next((name for name in _FAIREST if name in protocols(rows)), None)


def fair_rows(rows: Sequence[Row], against: str) -> list[Row]:
    """One row for each unchanged model, of the ``fairest`` protocol."""
    protocol = fairest(rows)
    return [row for row in as_they_are(rows, against) if row.protocol == protocol]


def some_unused(rows: Sequence[Row]) -> bool:
    """Whether models that are not the paper's are tested on fewer labels than there are: the usable ones."""
    apart = [row for row in as_they_are(rows) if row.protocol != "paper"]
    usable, every = (sum(count(row) for row in apart if row.against == kind) for kind in ("labels", "every_label"))
    return usable < every


def difference(one: Interval, other: Interval) -> Interval:
    """``one`` less ``other``; half intervals add as independent ones do."""
    half = None if one.half is None or other.half is None else hypot(one.half, other.half)
    return Interval(one.mean - other.mean, half)


def ablation_base(rows: Sequence[Row], against: str = "labels") -> Row | None:
    """The unchanged model that the variants change: the model that most of them are of."""
    changed = [row for row in rows if row.variant and row.against == against]
    if not changed:
        return None
    kinds = [(row.model, row.protocol) for row in changed]
    model, protocol = max(dict.fromkeys(kinds), key=kinds.count)
    return find_row(rows, variant="", model=model, protocol=protocol, against=against)


def ablation(rows: Sequence[Row], against: str = "labels") -> list[Changed]:
    """The variants against the model as it is, what costs most macro F1 first."""
    base = ablation_base(rows, against)
    if base is None:
        return []
    changed = [row for row in rows if row.variant and (row.against, row.protocol) == (against, base.protocol)]
    found = [Changed(row.variant, row, base) for row in changed]
    return sorted(found, key=lambda one: _last_if_nan(one.by("macro_f1").mean))


def _last_if_nan(value: float) -> float:
    return value if isfinite(value) else float("inf")


def class_figure(row: Row, name: str, figure: str) -> Interval:
    """Precision, recall or F1 of a class; none of them where no label is of it, whatever was predicted."""
    absent = not support(row)[CLASS_NAMES.index(name)]
    return Interval(float("nan"), None) if absent else row.figures[f"{name} {figure}"]


def support(row: Row) -> list[int]:
    """Labels of each class, of one seed."""
    return [sum(line) // row.seeds for line in row.confusion]


def count(row: Row) -> int:
    """Labels of one seed."""
    return sum(map(sum, row.confusion)) // row.seeds


def percent(one: Interval) -> str:
    """``97.86 ± 0.12 %``; without an interval where there is none."""
    return f"{plain(one)} %" if isfinite(one.mean) else "–"


def plain(one: Interval, *, signed: bool = False) -> str:
    """``97.86 ± 0.12``, in hundredths; a difference bears its sign."""
    if not isfinite(one.mean):
        return "–"
    mean = f"{round(100 * one.mean, 2) + 0.0:{'+' if signed else ''}.2f}".replace("-", "−")
    return mean if one.half is None else f"{mean} ± {100 * one.half:.2f}"

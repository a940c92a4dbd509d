"""The tables of an evaluation as words, for the terminal and for the report alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.report_rows import (
    AS_IT_IS,
    FLAGS,
    HELD_AGAINST,
    SOURCES,
    ablation,
    ablation_base,
    as_they_are,
    class_figure,
    count,
    difference,
    fair_rows,
    fairest,
    model_name,
    models,
    percent,
    plain,
    protocol_name,
    protocols,
    some_unused,
    support,
)
from training.scores import CLASS_NAMES
from training.summary import Row, find_row

_DRAWN = "Random windows are drawn from all labels, as in the paper."


@dataclass(frozen=True)
class Sheet:
    """A table as words; its first ``words`` columns are no numbers, ``note`` goes below."""

    title: str
    heads: tuple[str, ...]
    rows: list[list[str]]
    words: int = 1
    note: str = ""


def score_sheet(rows: Sequence[Row], against: str) -> Sheet | None:
    """Each model under each protocol. All labels are left out where they are the usable ones."""
    if against == "every_label" and not some_unused(rows):
        return None
    found = as_they_are(rows, against)
    lines = [_scores(row) for name in protocols(rows) for row in found if row.protocol == name]
    heads = ("held out", "model", "accuracy", "macro F1", "calibration error", "windows")
    drawn = against == "labels" and some_unused(rows) and any(row.protocol == "paper" for row in found)
    return Sheet(f"scores against {HELD_AGAINST[against]}", heads, lines, 2, _DRAWN if drawn else "") if lines else None


def _scores(row: Row) -> list[str]:
    figures = (percent(row.figures[name]) for name in ("accuracy", "macro_f1", "calibration_error"))
    return [protocol_name(row.protocol), model_name(row.model), *figures, f"{count(row):,}"]


def gap_sheet(rows: Sequence[Row]) -> Sheet | None:
    """What accuracy falls by from the paper's protocol to the fairest one, against all labels in both."""
    fair = fairest(rows)
    lines = []
    for model in models(rows) if fair != "paper" else ():
        drawn, held = (
            find_row(rows, variant="", model=model, protocol=name, against="every_label")
            for name in ("paper", str(fair))
        )
        if drawn and held:
            one, other = drawn.figures["accuracy"], held.figures["accuracy"]
            change = plain(difference(other, one), signed=True)
            lines.append([model_name(model), percent(one), percent(other), change])
    heads = ("model", protocol_name("paper"), protocol_name(str(fair)), "points")
    return Sheet("accuracy against all labels", heads, lines) if lines else None


def class_sheet(rows: Sequence[Row], against: str) -> Sheet | None:
    """Precision, recall and F1 of each class and model, by the fairest protocol."""
    lines = [line for row in fair_rows(rows, against) for line in _classes(row)]
    heads = ("model", "class", "precision", "recall", "F1", "windows")
    return Sheet(_by_fairest(rows, "by class", against), heads, lines, 2) if lines else None


def _classes(row: Row) -> Iterator[list[str]]:
    for name, labels in zip(CLASS_NAMES, support(row), strict=True):
        figures = (percent(class_figure(row, name, figure)) for figure in ("precision", "recall", "F1"))
        yield [model_name(row.model), name, *figures, f"{labels:,}"]


def confusion_sheet(rows: Sequence[Row], against: str) -> Sheet | None:
    """How many labels of each class were called what, by the fairest protocol."""
    lines = [
        [model_name(row.model), name, *(f"{number:,}" for number in counts)]
        for row in fair_rows(rows, against)
        for name, counts in zip(CLASS_NAMES, row.confusion, strict=True)
    ]
    heads = ("model", "class", *(f"as {name}" for name in CLASS_NAMES))
    return Sheet(_by_fairest(rows, "confusion", against), heads, lines, 2) if lines else None


def calibration_sheet(rows: Sequence[Row]) -> Sheet | None:
    """Expected calibration error before and after the temperature, by the fairest protocol."""
    lines = [
        [
            model_name(row.model),
            *(percent(row.figures[name]) for name in ("calibration_error_raw", "calibration_error")),
        ]
        for row in fair_rows(rows, "labels")
    ]
    heads = ("model", "raw", "after temperature")
    return Sheet(_by_fairest(rows, "calibration error", "labels"), heads, lines) if lines else None


def group_sheet(rows: Sequence[Row], against: str) -> Sheet | None:
    """Accuracy by flag and by source of each model, by the fairest protocol."""
    found = [row for row in fair_rows(rows, against) if row.groups]
    lines = [_group(found, name) for name in (*FLAGS, *SOURCES) if any(name in row.groups for row in found)]
    heads = ("labels that are", "windows", *(model_name(row.model) for row in found))
    return Sheet(_by_fairest(rows, "accuracy by flag and source", against), heads, lines) if lines else None


def _group(found: Sequence[Row], name: str) -> list[str]:
    known = [row.groups.get(name) for row in found]
    number = next(group[1] for group in known if group)
    return [name, f"{number:,}", *(percent(group[0]) if group else "–" for group in known)]


def ablation_sheet(rows: Sequence[Row], against: str) -> Sheet | None:
    """Scores of each variant, and the differences from the model as it is. All labels are for the flagged ones only."""
    base, found = ablation_base(rows, against), ablation(rows, against)
    if base is None or against == "every_label":
        return None
    names = ("macro_f1", "accuracy")
    first = [AS_IT_IS, *(cell for name in names for cell in (percent(base.figures[name]), ""))]
    lines = [
        [
            one.variant,
            *(text for name in names for text in (percent(one.row.figures[name]), plain(one.by(name), signed=True))),
        ]
        for one in found
    ]
    title = f"{model_name(base.model)}, {protocol_name(base.protocol)} held out, against {HELD_AGAINST[against]}"
    return Sheet(title, ("change", "macro F1", "points", "accuracy", "points"), [first, *lines])


def _by_fairest(rows: Sequence[Row], what: str, against: str) -> str:
    return f"{what}, {protocol_name(str(fairest(rows)))} held out, against {HELD_AGAINST[against]}"

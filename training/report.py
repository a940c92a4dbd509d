"""What ``leadline evaluate`` tells: tables for the terminal, and a report in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.report_rows import (
    PAPER_ACCURACY,
    ablation,
    ablation_base,
    as_they_are,
    fairest,
    model_name,
    models,
    protocol_name,
    protocols,
)
from training.report_sheets import (
    Sheet,
    ablation_sheet,
    calibration_sheet,
    class_sheet,
    confusion_sheet,
    gap_sheet,
    group_sheet,
    score_sheet,
)
from training.summary import AGAINST, Row, find_row

if TYPE_CHECKING:
    from rich.table import Table

_SYNTHETIC = "**The data are synthetic.** No figure below says how well a model does on real tracks."
_ONE_SEED = "**One seed only**: no figure has an interval, and small differences mean nothing."
_BLOCKS = (
    "**Only one granule has labels**: blocks along its tracks were held out instead of whole granules. The test "
    "windows lie on tracks that were trained on, so this is not an honest test."
)
_TWO = (
    "**Only two granules have labels**: models learned from the one and were tested on the other. That says little of "
    "a third."
)
_UNFAIR = (
    "**Nothing was held out honestly**: random windows have their like among those that were learned from. Name the "
    "protocol granules too."
)
_POOLED = (
    "Every model was trained anew for each part that was held out and for each seed; the parts of a seed are scored "
    "together."
)
_INTERVALS = (
    "Intervals are 95 % over seeds (Student's t): they tell the chance of training and of draws, not what other "
    "granules would give."
)
_HELD_AGAINST = (
    "*Usable labels* are those that may be learned from: without flags, or set by a person. *All labels* are those of "
    "flagged segments too. *Truth*, where data are synthetic, is the class that each segment was made with."
)
_SCORES = (
    "Accuracy: the share of windows that were called right. Macro F1: the mean F1 of the classes, so that a rare class "
    "counts as much as a common one."
)
_OWN = (
    "The paper (arXiv 2502.02700) reports an accuracy of {lstm:.2%} for its LSTM and {mlp:.2%} for its MLP, by random "
    "windows and on data of its own. How accuracy moves from random windows, whose models learn from flagged labels "
    "too, to the fairest protocol:"
)
_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "paper": "as in the paper, single windows are drawn from all labels, four fifths to learn from and the rest to "
        "test on. Windows of one track overlap, and those side by side look alike, so that nearly every test window "
        "has its like among those learned from: the score flatters. It stands here to be compared with the paper's.",
        "granules": "no window of a granule stands on both sides. This is the honest test, and what to expect on a new "
        "granule of the same kind.",
        "blocks": "stretches of the one granule with labels, all beams alike, with a guard either side. The rest of "
        "the same tracks was learned from: not an honest test.",
        "regions": "what to expect of a sea that no label comes from.",
        "seasons": "what to expect of a time of year that no label comes from.",
    }
)
_CLASS = "Precision: of the windows called so, the share that are. Recall: of those that are, the share called so."
_CONFUSION = "Rows: the class that is; columns: what it was called; windows of all folds and seeds together."
_CALIBRATION = (
    "Calibration error: how far the probability of the label that was chosen lies from the share that was right, on "
    "average over 15 bins. A temperature, fitted to labels set aside, divides the logits and changes no label."
)
_GROUPS = "Flags mark labels that deserve a look, so both the model and the label may be wrong there."
_ABLATION = (
    "Changes in points against the model as it is; what costs most macro F1 comes first. The labels that are tested on "
    "are the same."
)
_CHANGED = (
    "Each seed with the change is compared with the same seed without; where the interval of a change reaches over "
    "zero, it cannot be told from chance."
)


def tables(rows: Sequence[Row]) -> list[Table]:
    """Tables for a terminal of 100 columns; what is left out of them stands in the report."""
    sheets = (
        *(score_sheet(rows, against) for against in AGAINST),
        class_sheet(rows, "labels"),
        group_sheet(rows, "every_label"),
        ablation_sheet(rows, "labels"),
        ablation_sheet(rows, "truth"),
    )
    return [_table(sheet) for sheet in sheets if sheet]


def _table(sheet: Sheet) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=sheet.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.caption, table.caption_justify = sheet.note or None, "left"
    for number, head in enumerate(sheet.heads):
        words = number < sheet.words
        table.add_column(head, justify="left" if words else "right", no_wrap=not words)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def markdown(rows: Sequence[Row], about: str, synthetic: bool, figures: Sequence[str]) -> str:
    """A report for a person; ``figures`` are paths from where it lies, each set where its name belongs."""
    by_name = {PurePosixPath(path).stem: path for path in figures}
    parts = [*_head(rows, about, synthetic=synthetic)]
    for heading, name, body in _sections(rows):
        if body:
            picture = [f"![{heading}]({by_name.pop(name)})"] if name in by_name else []
            parts += [f"## {heading}", body[0], *picture, *body[1:]]
    parts += [f"![{name}]({path})" for name, path in by_name.items()]
    return "\n\n".join(parts) + "\n"


def _head(rows: Sequence[Row], about: str, *, synthetic: bool) -> Iterator[str]:
    yield "# Evaluation"
    if synthetic:
        yield _SYNTHETIC
    yield f"Of {about}."
    yield from warnings(rows)


def warnings(rows: Sequence[Row]) -> list[str]:
    """What keeps these figures from being taken at their word."""
    granules = [_granules(row.folds) for row in rows if row.protocol == "granules"]
    found = {
        _ONE_SEED: any(row.seeds == 1 for row in rows),
        _BLOCKS: any(row.protocol == "blocks" for row in rows),
        _TWO: max(granules, default=0) == 2,
        _UNFAIR: fairest(rows) == "paper",
    }
    return [text for text, holds in found.items() if holds]


def _granules(folds: Sequence[str]) -> int:
    """Granules in folds that are named after their granule, or by how many they hold."""
    several = [re.match(r"(\d+) granules", fold) for fold in folds]
    return sum(int(found[1]) if found else 1 for found in several)


def _sections(rows: Sequence[Row]) -> Iterator[tuple[str, str, list[str]]]:
    """Heading, name of the figure and paragraphs of each section; no paragraphs where there is nothing to tell."""
    pair = ("labels", "truth")
    yield "What was compared", "", _compared(rows)
    yield "Scores", "protocols", _scores(rows)
    yield "What the protocols mean", "", _meanings(rows)
    yield "By class", "classes", _told(_CLASS, *(class_sheet(rows, kind) for kind in pair))
    yield "Confusion", "confusion", _told(_CONFUSION, *(confusion_sheet(rows, kind) for kind in pair))
    yield "Calibration", "reliability", _told(_CALIBRATION, calibration_sheet(rows))
    groups = (group_sheet(rows, kind) for kind in ("every_label", "truth"))
    yield "By flag and by source", "groups", _told(_GROUPS, *groups)
    words = f"{_ABLATION} {_CHANGED}" if _several(rows) else _ABLATION
    yield "Ablation", "ablation", _told(words, *(ablation_sheet(rows, kind) for kind in pair))


def _several(rows: Sequence[Row]) -> bool:
    return any(row.seeds > 1 for row in rows)


def _told(words: str, *sheets: Sheet | None) -> list[str]:
    """``words`` and the sheets that there are, or nothing where there is none."""
    found = [text for sheet in sheets if sheet for text in _written(sheet)]
    return [words, *found] if found else []


def _written(sheet: Sheet) -> list[str]:
    ruler = ["---" if number < sheet.words else "---:" for number in range(len(sheet.heads))]
    lines = ["| " + " | ".join(cells) + " |" for cells in (sheet.heads, ruler, *sheet.rows)]
    title = f"{sheet.title[:1].upper()}{sheet.title[1:]}:"
    return [title, "\n".join(lines), *([sheet.note] if sheet.note else [])]


def _compared(rows: Sequence[Row]) -> list[str]:
    if not as_they_are(rows):
        return []
    names = ", ".join(model_name(model) for model in models(rows))
    seeds, base = max(row.seeds for row in rows), ablation_base(rows)
    changed = f", and {model_name(base.model)} changed in {len(ablation(rows))} ways" if base else ""
    told = f"Models: {names}{changed}, with {seeds} {'seed' if seeds == 1 else 'seeds'}. Held out in turn:"
    lines = [f"- {protocol_name(name)}{_parts(rows, name)}" for name in protocols(rows)]
    pooled = f"{_POOLED} {_INTERVALS}" if _several(rows) else _POOLED
    return [told, "\n".join(lines), pooled, _HELD_AGAINST]


def _parts(rows: Sequence[Row], protocol: str) -> str:
    """What a protocol holds out in turn, where that is more than one thing."""
    row = find_row(rows, variant="", protocol=protocol)
    return f": {', '.join(row.folds)}" if row and len(row.folds) > 1 else ""


def _scores(rows: Sequence[Row]) -> list[str]:
    found = _told(_SCORES, *(score_sheet(rows, against) for against in AGAINST))
    gap = gap_sheet(rows)
    return [*found, _OWN.format(**PAPER_ACCURACY).replace("%", " %"), *_written(gap)] if gap else found


def _meanings(rows: Sequence[Row]) -> list[str]:
    lines = [f"- {protocol_name(name)}: {_MEANINGS[name]}" for name in protocols(rows) if name in _MEANINGS]
    return ["\n".join(lines)] if lines else []

"""Two models against the same reference: confusions side by side, scores with intervals, and which is ahead."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import palette, words
from dashboard.comparison.compared import Pair, ScoresFound
from dashboard.comparison.model_records import Figures
from dashboard.comparison.scoring import Estimate, ModelScores, f1, precision, recall
from dashboard.views.compare_models import lacking, named, tag
from processing.core.agreement import Bootstrap

CODES = (0, 1, 2)
GROUND_NAMES = {"clear": "clear labels", "labels": "all labels", "truth": "truth (synthetic)"}
_HEAT = 52.0


def tables(found: ScoresFound, pair: Pair, theme: str, how: Bootstrap, root: Any) -> str:
    """Everything about how good two models are."""
    scores = _of_both(found, pair)
    troubles = "".join(f"<p class='trouble'>{escape(line)}</p>" for line in found.troubles)
    return (
        troubles
        + _where(found)
        + lacking(found.lacking, "classify", root)
        + "<div class='two'><div>"
        + "".join(_confusion(place, pair, scores[place], theme) for place in (0, 1))
        + "</div><div>"
        + _overall(found, scores, theme)
        + _by_class(scores, theme)
        + _note(found, how)
        + "</div></div>"
    )


def _of_both(found: ScoresFound, pair: Pair) -> list[ModelScores | None]:
    """Measured scores, else what a model's own record says."""
    if found.both is not None:
        return [found.both.first, found.both.second]
    recorded = (model.figures.get(found.reference) for model in pair)
    return [
        measured or (from_record(told) if told else None) for measured, told in zip(found.alone, recorded, strict=True)
    ]


def from_record(told: Figures) -> ModelScores:
    """Scores without intervals, from the confusion in a model's record."""
    counts = told.confusion
    sides = ([Estimate(float(value)) for value in figure(counts)] for figure in (precision, recall, f1))
    of_precision, of_recall, of_f1 = (tuple(side) for side in sides)
    return ModelScores(counts, Estimate(told.accuracy), Estimate(told.macro_f1), of_precision, of_recall, of_f1)


def _where(found: ScoresFound) -> str:
    """What the figures are of."""
    labels = f"{GROUND_NAMES[found.reference]}{f' of {found.snapshot}' if found.snapshot else ''}"
    if not found.ground.granules:
        return f"<p class='warn'>There are no {escape(labels)} to judge by; these are the models' own records.</p>"
    kind = "soft" if found.ground.fair else "warn"
    size = f": {found.both.segments:,} segments in {found.both.blocks:,} blocks of track" if found.both else ""
    own = "" if found.both else " Where predictions are missing, the model's own record stands, without intervals."
    names = escape(", ".join(found.ground.granules), quote=True)
    where = f"Judged by {escape(labels)} on {escape(found.ground.told)}{size}.{own}"
    return f"<p class='{kind} ground' title='{names}'>{where}</p>"


def _confusion(place: int, pair: Pair, scores: ModelScores | None, theme: str) -> str:
    title = f"<h2>{named(place, pair[place], theme)}<small class='soft'>true class down, predicted across</small></h2>"
    if scores is None:
        return f"{title}<p class='soft'>No predictions, and no such figures in its record.</p>"
    heads = "".join(f"<th scope='col'>{_class(code, theme)}</th>" for code in CODES)
    rows = "".join(_confusion_row(scores.confusion, code, theme) for code in CODES)
    return f"{title}<table class='heat'><tr><th></th>{heads}</tr>{rows}</table>"


def _confusion_row(confusion: NDArray[np.int64], code: int, theme: str) -> str:
    total = int(confusion[code].sum())
    cells = []
    for other in CODES:
        number = int(confusion[code, other])
        part = number / total if total else 0.0
        kind = " ".join(["same"] * (other == code) + ["none"] * (number == 0))
        heat = f"background:color-mix(in srgb, var(--accent) {_HEAT * part:.0f}%, var(--paper))"
        text = f"{words.percent(part)}<small>{number:,}</small>" if number else "–"
        cells.append(f"<td class='{kind}' style='{heat}'>{text}</td>")
    return f"<tr><th scope='row'>{_class(code, theme)}</th>{''.join(cells)}</tr>"


def _overall(found: ScoresFound, scores: Sequence[ModelScores | None], theme: str) -> str:
    """Both overall, and how far one is ahead where both were measured on the same."""
    known = [one for one in scores if one is not None]
    if not known:
        return ""
    low = _floor([figure for one in known for figure in (one.accuracy, one.macro_f1)])
    both = found.both
    none = Estimate(float("nan"))
    rows = []
    for title, name in (("Accuracy", "accuracy"), ("Macro F1", "macro_f1")):
        ahead: Estimate = getattr(both, name) if both else none
        figures = [getattr(one, name) if one else none for one in scores]
        cells = "".join(f"<td>{_cell(one)}</td>" for one in figures)
        strips, told = _strips(figures, low, theme), _verdict(ahead, theme) if both else ""
        rows.append(
            f"<tr><td><b>{title}</b></td>{cells}"
            f"<td>{_signed(ahead)}</td><td class='l'>{strips}</td><td class='l'>{told}</td></tr>"
        )
    head = (
        f"<th></th><th>{tag(0, theme)}</th><th>{tag(1, theme)}</th><th>A − B</th>"
        f"<th class='l'>{_scale(low)}</th><th class='l'></th>"
    )
    columns = "".join(f"<col class='s-{name}'>" for name in ("name", "cell", "cell", "cell", "strip", "rest"))
    return f"<h2>Overall</h2><table class='scores'><colgroup>{columns}</colgroup><tr>{head}</tr>{''.join(rows)}</table>"


def _by_class(scores: Sequence[ModelScores | None], theme: str) -> str:
    known = [one for one in scores if one is not None]
    if not known:
        return ""
    low = _floor([figure for one in known for figure in one.f1])
    rows = []
    for code in CODES:
        for place, one in enumerate(scores):
            if one is None:
                continue
            support = int(one.confusion[code].sum())
            name = f"{_class(code, theme)}<small>{support:,} segments</small>" if one is known[0] else ""
            figures = "".join(f"<td>{_cell(figure[code])}</td>" for figure in (one.precision, one.recall, one.f1))
            first = " class='first'" if one is known[0] else ""
            cells = f"<td>{name}</td><td class='l'>{tag(place, theme)}</td>{figures}"
            strip = _strips((one.f1[code],), low, theme, place)
            rows.append(f"<tr{first}>{cells}<td class='l'>{strip}</td></tr>")
    columns = "".join(f"<col class='s-{name}'>" for name in ("class", "tag", "cell", "cell", "cell", "strip"))
    head = f"<th>Class</th><th></th><th>Precision</th><th>Recall</th><th>F1</th><th class='l'>{_scale(low)}</th>"
    return (
        f"<h2>By class</h2><table class='scores'><colgroup>{columns}</colgroup><tr>{head}</tr>{''.join(rows)}</table>"
    )


def _verdict(ahead: Estimate, theme: str) -> str:
    if not np.isfinite(ahead.low):
        return "<span class='soft'>no interval</span>"
    if not ahead.apart:
        return "<span class='soft'>no clear difference</span>"
    return f"{tag(0 if ahead.value > 0 else 1, theme)} is better"


def _note(found: ScoresFound, how: Bootstrap) -> str:
    if found.both is None and found.alone == (None, None):
        return ""
    why = f"No intervals: {found.both.reason}. " if found.both and found.both.reason else ""
    return (
        f"<p class='soft'>{why}Brackets are {100 * how.level:.0f} % intervals from {how.draws:,} draws of blocks of "
        f"{how.block / 1000:g} km of track, all beams of a granule together, since neighbours err together. A − B "
        "draws both models at once. Other granules may differ by more.</p>"
    )


def _class(code: int, theme: str) -> str:
    return f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"


def _cell(one: Estimate) -> str:
    """A figure in percent and its interval."""
    if not np.isfinite(one.value):
        return "–"
    bounds = f"<small>{100 * one.low:.1f} – {100 * one.high:.1f}</small>" if np.isfinite(one.low) else ""
    return f"<span class='figure'>{100 * one.value:.1f} %</span>{bounds}"


def _signed(one: Estimate) -> str:
    """A difference in percent points and its interval."""
    if not np.isfinite(one.value):
        return "–"
    bounds = f"<small>{_sign(one.low)} to {_sign(one.high)}</small>" if np.isfinite(one.low) else ""
    return f"<span class='figure'>{_sign(one.value)}</span>{bounds}"


def _sign(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def _floor(figures: Sequence[Estimate]) -> float:
    """Where a scale that holds all figures and intervals and ends at 1 may begin."""
    values = [value for one in figures for value in (one.value, one.low) if np.isfinite(value)]
    return float(np.clip(np.floor(min(values, default=0.0) * 10) / 10, 0.0, 0.9))


def _scale(low: float) -> str:
    return f"<span class='scale'><span>{100 * low:.0f}</span><span>100 %</span></span>"


def _strips(figures: Sequence[Estimate], low: float, theme: str, first: int = 0) -> str:
    """Figures and their intervals drawn, one below the other."""
    lines = []
    for place, one in enumerate(figures, start=first):
        if not np.isfinite(one.value):
            continue
        colour = palette.model_colours(theme)[place]
        value, left, right = (100 * (at - low) / (1 - low) for at in (one.value, one.low, one.high))
        marks = f"<i style='left:{left:.1f}%;width:{right - left:.1f}%'></i>" if np.isfinite(left) else ""
        marks += f"<u style='left:{value:.1f}%'></u>"
        lines.append(f"<span class='strip' style='--model:{colour}' aria-hidden='true'>{marks}</span>")
    return "".join(lines)

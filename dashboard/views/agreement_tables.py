"""Agreement in numbers: pairs of analysts, classes, flags and the classes that were taken for one another, as HTML."""

from __future__ import annotations

from html import escape

import numpy as np

from dashboard import palette, words
from dashboard.agreement import Findings, Pair, PairFacts
from dashboard.views.clickable import go
from processing.core.agreement import CODES, Agreement, Bootstrap

ORDER = (0, 1, 2, -1)
"""Classes as they are listed."""

_HEAT = 52.0
"""Most of the accent colour in a cell, percent: numbers stay legible on it in both themes."""


def tables(found: Findings, pair: Pair | None, theme: str, how: Bootstrap) -> str:
    """Everything about agreement, of one pair or of all."""
    facts = found.facts(pair)
    if facts is None:
        return ""
    troubles = "".join(f"<p class='trouble'>{escape(line)}</p>" for line in found.troubles)
    return (
        troubles
        + _pairs(found, pair, how)
        + _by_class(facts, theme)
        + _confusion(facts, theme)
        + _by_flag(facts)
        + _note(how)
    )


def _pairs(found: Findings, pair: Pair | None, how: Bootstrap) -> str:
    alone = len(found.pairs) == 1 or found.everybody is None
    rows = [] if alone or found.everybody is None else [_pair_row(found.everybody, pair is None)]
    rows += [_pair_row(facts, None if alone else facts.pair == pair) for facts in found.pairs]
    head = (
        "<th>Analysts</th><th>Both judged</th><th title='One opinion was given without sight of the other'>Blind</th>"
    )
    told = f"kappa with {100 * how.level:.0f} % interval"
    columns = "<col><col class='w-length'><col class='w-blind'>"
    return f"<h2>Pairs <small class='soft'>{told}</small></h2>{_table(columns, head, rows)}"


def _table(columns: str, head: str, rows: list[str]) -> str:
    measured = "".join(f"<col class='w-{name}'>" for name in ("same", "kappa", "range", "strip"))
    return f"<table><colgroup>{columns}{measured}</colgroup><tr>{head}{_HEAD}</tr>{''.join(rows)}</table>"


def _pair_row(facts: PairFacts, here: bool | None) -> str:
    """One pair, which can be chosen unless it is the only one (None)."""
    name = " · ".join(facts.pair) if facts.pair else "all pairs"
    who = "\n".join(facts.pair) if facts.pair else ""
    blind = f"{100 * facts.blind / facts.metres:.0f} %" if facts.metres else "–"
    cells = f"<td>{words.metres(facts.metres)}</td><td>{blind}</td>{_cells(facts.told.overall)}"
    if here is None:
        return f"<tr><td><b>{escape(name)}</b></td>{cells}</tr>"
    link = go(pair=who).replace("role='link'", f"role='button' aria-pressed='{'true' if here else 'false'}'")
    row = f"<tr class='{'here' if here else ''}' data-row='{escape(who, quote=True)}' {link}>"
    return f"{row}<td><b>{escape(name)}</b></td>{cells}</tr>"


_HEAD = (
    "<th>Same class</th><th colspan='2'>Cohen's kappa</th>"
    "<th><span class='scale'><span>0</span><span>1</span></span></th>"
)


_TWO = "<col><col class='w-both'>"


def _by_class(facts: PairFacts, theme: str) -> str:
    rows = []
    for code in ORDER:
        own = CODES.index(code)
        confusion = facts.told.confusion
        either = confusion[own].sum() + confusion[:, own].sum() - confusion[own, own]
        name = f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"
        rows.append(f"<tr><td>{name}</td><td>{_length(facts, either)}</td>{_cells(facts.told.by_class[code])}</tr>")
    head = "<th>Class</th><th title='Given this class by one or both'>Given</th>"
    note = "<small class='soft'>each against the rest</small>"
    return f"<h2>By class {note}</h2>{_table(_TWO, head, rows)}"


def _by_flag(facts: PairFacts) -> str:
    rows = [
        f"<tr><td>{name}</td><td>{_length(facts, one.segments)}</td>{_cells(one)}</tr>"
        for name, one in facts.told.by_flag.items()
    ]
    head = "<th>Flag</th><th>Both judged</th>"
    note = "<small class='soft'>of the auto-label; a segment may have several</small>"
    return f"<h2>By flag {note}</h2>{_table(_TWO, head, rows)}"


def _confusion(facts: PairFacts, theme: str) -> str:
    """Classes of the first analyst down, of the second across; the share is of the row."""
    one, other = (escape(name) for name in facts.pair) if facts.pair else ("one", "the other")
    heads = "".join(
        f"<th scope='col'>{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}</th>"
        for code in ORDER
    )
    rows = "".join(_confusion_row(facts, code, theme) for code in ORDER)
    return (
        f"<h2>Who says what <small class='soft'>{one} down, {other} across; share of the row and length</small></h2>"
        f"<table class='heat'><tr><th></th>{heads}</tr>{rows}</table>"
    )


def _confusion_row(facts: PairFacts, code: int, theme: str) -> str:
    counts = facts.told.confusion[CODES.index(code)]
    total = int(counts.sum())
    cells = []
    for other in ORDER:
        number = int(counts[CODES.index(other)])
        share = number / total if total else 0.0
        kind = " ".join(["same"] * (other == code) + ["none"] * (number == 0))
        heat = f"background:color-mix(in srgb, var(--accent) {_HEAT * share:.0f}%, var(--paper))"
        text = f"{_percent(share)}<small>{_length(facts, number)}</small>" if number else "–"
        cells.append(f"<td class='{kind}' style='{heat}'>{text}</td>")
    name = f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"
    return f"<tr><th scope='row'>{name}</th>{''.join(cells)}</tr>"


def _note(how: Bootstrap) -> str:
    return (
        f"<p class='soft' style='margin-top:10px'>Kappa after Cohen (1960): 1 is full agreement, 0 what chance gives. "
        f"Intervals from {how.draws:,} draws of blocks of {how.block:g} m of track, for neighbouring segments are not "
        "judged one by one.</p>"
    )


def _cells(one: Agreement) -> str:
    """Raw agreement, kappa, interval and the interval drawn; where there is none, why."""
    share = "–" if np.isnan(one.share) else _percent(one.share)
    if np.isnan(one.kappa):
        return f"<td>{share}</td><td class='why' colspan='3'>{escape(one.reason)}</td>"
    value = f"<td>{share}</td><td><span class='kappa'>{_number(one.kappa)}</span></td>"
    if np.isnan(one.low):
        return f"{value}<td class='why' colspan='2'>{escape(one.reason)}</td>"
    return f"{value}<td><span class='range'>{_number(one.low)} to {_number(one.high)}</span></td><td>{_strip(one)}</td>"


def _strip(one: Agreement) -> str:
    low, high, middle = (100.0 * float(np.clip(value, 0.0, 1.0)) for value in (one.low, one.high, one.kappa))
    return (
        f"<span class='strip' aria-hidden='true'><i style='left:{low:.1f}%;width:{high - low:.1f}%'></i>"
        f"<u style='left:{middle:.1f}%'></u></span>"
    )


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _percent(share: float) -> str:
    """Percent that is 100 or 0 only where it is so."""
    value = 100.0 * share
    if 0.0 < value < 0.1:
        return "< 0.1 %"
    if 99.9 < value < 100.0:
        return "> 99.9 %"
    return f"{value:.0f} %" if value in (0.0, 100.0) else f"{value:.1f} %"


def _length(facts: PairFacts, segments: int) -> str:
    """Length of track of a number of segments."""
    total = int(facts.told.confusion.sum())
    return words.metres(facts.metres * int(segments) / total) if total else "–"

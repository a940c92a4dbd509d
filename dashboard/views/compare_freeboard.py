"""The freeboard that each of two models leads to: figures by class, leads, and how far they are apart, as HTML."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from dashboard import palette, words
from dashboard.comparison.compared import FreeboardFound, Pair
from dashboard.comparison.freeboard_sums import FreeboardSums
from dashboard.comparison.scoring import Estimate
from dashboard.views.compare_models import lacking, named, tag
from processing.core.agreement import Bootstrap
from processing.schema import SeaSurfaceSource


def tables(found: FreeboardFound, pair: Pair, theme: str, how: Bootstrap, root: Any) -> str:
    """Everything about freeboard."""
    notes = [*(f"freeboard {run} was made from older predictions" for run in found.old)]
    notes += [f"made differently: {line}" for line in found.settings]
    told = "".join(f"<p class='warn'>{escape(line)}</p>" for line in (*found.troubles, *notes))
    lacks = lacking(found.lacking, "freeboard", root)
    if found.sums == (None, None):
        return told + lacks + "<p class='soft'>Neither model has freeboard yet.</p>"
    scope = f"{found.tracks} track{'s' if found.tracks != 1 else ''}" + (" that both have" if all(found.sums) else "")
    names = " · ".join(named(place, pair[place], theme) for place in (0, 1) if found.sums[place] is not None)
    return (
        told
        + lacks
        + f"<p class='ground'>{names}</p><p class='ground soft'>Over {scope}.</p>"
        + _apart(found, how)
        + _by_class(found, theme)
        + _leads(found, theme)
    )


def _apart(found: FreeboardFound, how: Bootstrap) -> str:
    if found.mean is None or not np.isfinite(found.mean.value):
        return ""
    one = found.mean
    bounds = (
        f" <span class='range'>{metres(one.low, sign=True)} to {metres(one.high, sign=True)}</span>"
        if np.isfinite(one.low)
        else f" <span class='range'>no interval: fewer than {how.least_blocks} blocks of {how.block / 1000:g} km</span>"
    )
    return (
        f"<div class='next'><span>A − B, mean over common segments: <b>{metres(one.value, sign=True)} m</b>{bounds}. "
        f"{_verdict(one)} {words.percent(found.moved)} of segments move by more than 1 cm.</span></div>"
        f"<p class='soft'>{100 * how.level:.0f} % interval from {how.draws:,} draws of blocks of {how.block / 1000:g} "
        "km, the length of a sea-surface window, all beams of a granule together.</p>"
    )


def _verdict(one: Estimate) -> str:
    if not np.isfinite(one.low):
        return ""
    return "The interval leaves out zero." if one.apart else "That is no clear difference."


def _by_class(found: FreeboardFound, theme: str) -> str:
    rows = []
    for code in (None, *palette.CLASS_CODES):
        told = [one.summary(code) if one else None for one in found.sums]
        if not any(one and one.count for one in told):
            continue
        name = (
            "all classes"
            if code is None
            else f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"
        )
        for place, one in enumerate(told):
            if one is None:
                continue
            figures = "".join(f"<td>{metres(value)}</td>" for value in (one.mean, one.median, one.mode, one.spread))
            first = " class='first'" if name else ""
            cells = f"<td>{name}</td><td class='l'>{tag(place, theme)}</td><td>{words.count(one.count)}</td>{figures}"
            rows.append(f"<tr{first}>{cells}</tr>")
            name = ""
    head = "<th>Freeboard (m)</th><th></th><th>n</th><th>mean</th><th>median</th><th>mode</th><th>s.d.</th>"
    columns = "<col><col class='s-tag'>" + "<col class='f-cell'>" * 5
    note = "<small class='soft'>each by its own model's classes</small>"
    return f"<h2>By class {note}</h2><table><colgroup>{columns}</colgroup><tr>{head}</tr>{''.join(rows)}</table>"


def _leads(found: FreeboardFound, theme: str) -> str:
    heads = "".join(f"<th>{tag(place, theme)}</th>" for place, one in enumerate(found.sums) if one)
    sums = [one for one in found.sums if one]
    lines = {
        "Leads": [f"{one.leads:,}" for one in sums],
        "Sea surface from leads": [_part(one, SeaSurfaceSource.LEADS) for one in sums],
        "interpolated": [_part(one, SeaSurfaceSource.INTERPOLATED) for one in sums],
        "none": [_part(one, SeaSurfaceSource.NONE) for one in sums],
        "Below zero": [words.percent(one.summary().negative) for one in sums],
    }
    if any(np.isfinite(one.bias) for one in sums):
        lines["Mean error against the truth (m)"] = [metres(one.bias, sign=True) for one in sums]
        lines["Root mean square error (m)"] = [metres(one.rmse) for one in sums]
    rows = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{value}</td>' for value in values)}</tr>" for name, values in lines.items()
    )
    columns = "<col>" + "<col class='f-wide'>" * len(sums)
    head = f"<colgroup>{columns}</colgroup><tr><th></th>{heads}</tr>"
    return f"<h2>Sea surface</h2><table>{head}{rows}</table>"


def _part(one: FreeboardSums, source: SeaSurfaceSource) -> str:
    total = int(one.sources.sum())
    return words.percent(one.sources[source] / total) if total else "–"


def metres(value: float, *, sign: bool = False) -> str:
    """Millimetres are what there is; a minus is a minus."""
    if not np.isfinite(value):
        return "–"
    value = round(value, 3) + 0.0
    return (f"{value:+.3f}" if sign else f"{value:.3f}").replace("-", "−")

"""Where two models differ: how much, which classes, on which tracks, and the stretches to look at, as HTML."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from dashboard import palette, words
from dashboard.catalog import Catalog
from dashboard.comparison.compared import DifferencesFound, Pair
from dashboard.comparison.disagreement import LISTED, SURE, Classes, Stretch, TrackDifference, pairs_of
from dashboard.views.agreement_listing import origin
from dashboard.views.clickable import go as link
from dashboard.views.compare_models import go, lacking, named, tag
from dashboard.views.compare_scores import CODES


def listing(
    found: DifferencesFound, pair: Pair, catalog: Catalog, theme: str, surest: bool, classes: Classes, root: Any
) -> str:
    """What differs, and the stretches of one pair of ``classes`` or of all, the longest or surest first."""
    troubles = "".join(f"<p class='trouble'>{escape(line)}</p>" for line in found.troubles)
    lacks = lacking(found.lacking, "classify", root)
    if not found.tracks:
        return troubles + lacks + "<p class='soft'>Nothing to compare before both models have predictions.</p>"
    return (
        troubles
        + lacks
        + _summary(found, pair, theme, classes)
        + _list(found, catalog, theme, surest, classes)
        + _tracks(found, catalog)
    )


def _summary(found: DifferencesFound, pair: Pair, theme: str, classes: Classes) -> str:
    compared, differ = sum(one.compared for one in found.tracks), sum(one.differing for one in found.tracks)
    metres = sum(one.metres for one in found.tracks)
    share = differ / compared if compared else float("nan")
    counts = pairs_of(found.tracks)
    heads = "".join(f"<th scope='col'>{_class(code, theme)}</th>" for code in CODES)
    rows = "".join(_pair_row(counts, code, compared, theme, classes) for code in CODES)
    return (
        f"<p class='ground'><b>{words.percent(share)}</b> of {words.count(compared)} segments differ, "
        f"{words.metres(metres)} of track in {words.count(sum(len(one.first) for one in found.tracks))} stretches.</p>"
        f"<p class='ground soft'>{named(0, pair[0], theme)} down, {named(1, pair[1], theme)} across; choose a pair to "
        f"list only it.</p><table class='heat small'><tr><th></th>{heads}</tr>{rows}</table>"
    )


def _pair_row(counts: Any, code: int, compared: int, theme: str, classes: Classes) -> str:
    cells = []
    most = max(int(counts.sum() - np.trace(counts)), 1)
    for other in CODES:
        number = int(counts[code, other])
        text = f"{words.percent(number / compared)}<small>{words.count(number)}</small>" if number else "–"
        if other == code or not number:
            cells.append(f"<td class='{'same' if other == code else 'none'}'>{text}</td>")
            continue
        here = classes == (code, other)
        heat = f"background:color-mix(in srgb, var(--mark) {48 * number / most:.0f}%, var(--paper))"
        press = link(first=code, second=other).replace(
            "role='link'", f"role='button' aria-pressed='{str(here).lower()}'"
        )
        title = f"A says {palette.class_name(code)}, B says {palette.class_name(other)}"
        cells.append(
            f"<td class='press{' here' if here else ''}' data-row='{code}{other}' data-act='pair' title='{title}' "
            f"style='{heat}' {press}>{text}</td>"
        )
    return f"<tr><th scope='row'>{_class(code, theme)}</th>{''.join(cells)}</tr>"


def _list(found: DifferencesFound, catalog: Catalog, theme: str, surest: bool, classes: Classes) -> str:
    stretches = found.foremost.get((surest, classes), ())
    buttons = "".join(
        f"<button class='pick wide{' on' if surest == on else ''}' aria-pressed='{str(surest == on).lower()}' "
        f"data-row='order{int(on)}' title='{meaning}' {go(surest=int(on))}>{name}</button>"
        for name, on, meaning in (
            ("Longest", False, "The longest stretches first"),
            ("Surest", True, f"Where both give their class {100 * SURE:.0f} % or more for longest"),
        )
    )
    rows = "".join(_row(one, catalog, theme, surest) for one in stretches)
    rest = f"<p class='end'>the first {LISTED} are listed</p>" if len(stretches) == LISTED else ""
    return f"<div class='top'><h2>Stretches</h2><span class='picks'>{buttons}</span></div>{rows}{rest}"


def _row(one: Stretch, catalog: Catalog, theme: str, surest: bool) -> str:
    granule = catalog.granule(one.granule)
    title = words.instant(granule.time) if granule else one.granule
    place = (one.x_start - origin(catalog, one.granule)) / 1000.0
    ident = f"{one.granule}/{one.beam}/{one.first}"
    sure = f" · sure {words.metres(one.sure_metres)}" if one.sure else ""
    both = f"; both models are sure of {words.metres(one.sure_metres)} of it" if one.sure else ""
    length = words.metres(one.sure_metres if surest else one.metres)
    says = "".join(f"<span class='says'>{tag(side, theme)}{_class(one.labels[side], theme)}</span>" for side in (0, 1))
    return (
        f"<div class='stretch' data-row='{escape(ident, quote=True)}' data-act='look' "
        f"{link(granule=one.granule, beam=one.beam, x=one.middle, look=1)} title='Look at it in Review{both}'>"
        f"<b>{length}</b><span class='where'>{escape(one.beam)} at {place:,.2f} km"
        f"<small>{escape(title)}{sure}</small></span>{says}</div>"
    )


def _tracks(found: DifferencesFound, catalog: Catalog) -> str:
    rows = "".join(_track(one, catalog) for one in sorted(found.tracks, key=lambda one: -one.share))
    columns = "<col><col class='t-beam'><col class='t-share'><col class='t-length'><col class='t-share'>"
    head = "<th>Granule</th><th class='l'>Beam</th><th>Differ</th><th>Length</th><th>Stretches</th>"
    return f"<h2>By track</h2><table><colgroup>{columns}</colgroup><tr>{head}</tr>{rows}</table>"


def _track(one: TrackDifference, catalog: Catalog) -> str:
    granule = catalog.granule(one.granule)
    title = words.instant(granule.time) if granule else one.granule
    press = link(granule=one.granule, beam=one.beam, show=1)
    return (
        f"<tr data-row='{escape(f'{one.granule}/{one.beam}', quote=True)}' data-act='show' {press} "
        f"title='Show it in the profile'><td>{escape(title)}</td><td class='l'>{escape(one.beam)}</td>"
        f"<td>{words.percent(one.share)}</td><td>{words.metres(one.metres)}</td><td>{len(one.first):,}</td></tr>"
    )


def _class(code: int, theme: str) -> str:
    return f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"

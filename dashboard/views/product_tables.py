"""What a comparison with a product says in figures, as HTML: agreement, classes, leads, density; a product alone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from dashboard import palette, words
from dashboard.beside_products import Alone, Compared, Matched, main_quantity
from dashboard.views import product_looks
from dashboard.views.clickable import go
from processing.core.matches import CLASS_NAMES
from processing.core.paired import Agreement, Interval
from processing.core.product_agreement import LABELS, TYPES
from processing.local.against_products import BeamSummary

_NAMES = {"freeboard": "Freeboard", "height": "Height", "sea_surface": "Sea surface"}
_LEAST_TYPE = 2


def listing(found: Compared, beams: str, chosen: tuple[str, Agreement] | None, theme: str) -> str:
    """Everything about a comparison; ``beams`` says which, ``chosen`` the quantity and agreement of what is chosen."""
    return (
        _head(found, beams)
        + _agreements(found, chosen)
        + _by_type(found, theme)
        + _classes(found, theme)
        + _leads(found)
        + _modes(found)
        + _density(found)
        + _method(found)
    )


def _head(found: Compared, beams: str) -> str:
    release = f" release {escape(found.release)}" if found.release else ""
    synthetic = " · <b>synthetic</b>" if found.synthetic else ""
    notes = dict.fromkeys(note for track in found.tracks for note in track.notes)
    lines = [f"{escape(track.beam)}: no common ground" for track in found.tracks if len(track) == 0]
    told = [*(f"left out {escape(line)}" for line in found.left_out), *lines, *(escape(note) for note in notes)]
    return (
        f"<p class='ground'><b>{escape(found.choice.name)}</b>{release}, {escape(beams)}{synthetic}"
        f"<small>{escape(found.choice.ident)}</small></p>" + "".join(f"<p class='warn'>▲ {line}.</p>" for line in told)
    )


def _agreements(found: Compared, chosen: tuple[str, Agreement] | None) -> str:
    rows = [_row(_NAMES[name], one) for name, one in found.agreements.items() if one.count]
    if not rows:
        return "<h2>Agreement</h2><p class='soft'>No segment that both measured.</p>"
    if chosen is not None:
        name, one = chosen
        clear = f"<a class='clear' {go(clear=1)}>clear</a>"
        rows.append(_row(f"Chosen {clear}<small>{_NAMES[name].lower()}</small>", one, "chosen"))
    return f"<h2>Agreement <small>ours − theirs, m</small></h2>{_table(rows)}{_reason(found)}"


def _reason(found: Compared) -> str:
    reasons = dict.fromkeys(one.reason for one in found.agreements.values() if one.count and one.reason)
    return "".join(f"<p class='soft'>{escape(reason.capitalize())}.</p>" for reason in reasons)


def _table(rows: list[str]) -> str:
    columns = "".join(f"<col class='{name}'>" for name in ("a-name", "a-n", "a-one", "a-one", "a-r", "a-r"))
    head = "<tr><th></th><th>n</th><th>bias</th><th>RMS</th><th>r</th><th>slope</th></tr>"
    return f"<table class='agree'><colgroup>{columns}</colgroup>{head}{''.join(rows)}</table>"


def _row(name: str, one: Agreement, kind: str = "") -> str:
    cells = "".join(
        f"<td>{_figure(interval, places, sign)}</td>"
        for interval, places, sign in (
            (one.bias, 3, True), (one.rms, 3, False), (one.correlation, 2, False), (one.slope, 2, False),
        )
    )  # fmt: skip
    return f"<tr class='{kind}'><td>{name}</td><td>{words.count(one.count)}</td>{cells}</tr>"


def _figure(one: Interval, places: int, sign: bool) -> str:
    """A value with its interval below it."""
    if not np.isfinite(one.value):
        return "–"
    told = number(one.value, places, sign)
    if not np.isfinite(one.low):
        return told
    return f"{told}<small>{number(one.low, places, sign)} to {number(one.high, places, sign)}</small>"


def number(value: float, places: int, sign: bool = False) -> str:
    """A figure with a proper minus."""
    return f"{value:{'+' if sign else ''}.{places}f}".replace("-", "−")


def _by_type(found: Compared, theme: str) -> str:
    rows = [
        _row(f"{words.swatch(product_looks.type_colour(TYPES.index(name), theme))}{escape(name)}", one)
        for name, one in found.by_type.items()
        if one.count >= _LEAST_TYPE
    ]
    quantity = _NAMES[main_quantity(found.choice.item.kind)].lower()
    return f"<h2>By type of the product <small>{quantity}</small></h2>{_table(rows)}" if len(rows) > 1 else ""


def _classes(found: Compared, theme: str) -> str:
    """Our classes against the product's types, in segments of the product."""
    table = found.table
    shown = [place for place, row in enumerate(table) if row.sum()]
    if not shown:
        return ""
    head = "".join(
        f"<th>{words.swatch(product_looks.type_colour(group, theme))}{name}</th>" for group, name in enumerate(TYPES)
    )
    total = int(table.sum())
    rows = ""
    for place in shown:
        code = LABELS[place]
        name = f"{words.swatch(palette.class_colour(code, theme))}{palette.class_name(code)}"
        rows += f"<tr><th scope='row'>{name}</th>{''.join(_cell(int(n), total) for n in table[place])}</tr>"
    return (
        f"<h2>Classes <small>ours down, {found.choice.name} across; its segments</small></h2>"
        f"<table class='heat cross'><tr><th></th>{head}</tr>{rows}</table>"
    )


def _cell(count: int, total: int) -> str:
    if count == 0:
        return "<td class='none'>·</td>"
    part = 12 + 58 * (count / total) ** 0.5
    ground = f"color-mix(in srgb, var(--accent) {part:.0f}%, var(--card))"
    ink = "var(--on-accent)" if part > 52 else "var(--ink)"
    return f"<td style='background:{ground};color:{ink}'>{count:,}</td>"


def _leads(found: Compared) -> str:
    theirs, ours, both, touched = (
        sum(getattr(one, name) for one in found.match) for name in ("theirs", "ours", "both", "touched")
    )
    our_leads = sum(track.our_leads for track in found.tracks)
    within = sum(track.our_leads_in_theirs for track in found.tracks)
    if not theirs and not our_leads:
        return "<h2>Leads</h2><p class='soft'>Neither has a lead here.</p>"
    facts = {
        "Segments that carry its sea level": f"{theirs:,}",
        "… mostly our open water": _part(both, theirs),
        "… any open water of ours": _part(touched, theirs),
        "Segments that are mostly our open water": f"{ours:,}",
        "… that carry its sea level": _part(both, ours),
        "Leads of ours": f"{our_leads:,}",
        "… that share ground with its sea level": _part(within, our_leads),
    }
    return f"<h2>Leads <small>its <code>ssh_flag</code> against ours</small></h2>{words.definitions(facts)}"


def _part(some: int, whole: int) -> str:
    return f"{some:,} ({words.percent(some / whole)})" if whole else "–"


def _modes(found: Compared) -> str:
    told = {
        f"{found.choice.name}": found.modes.theirs,
        "ours over the same segments": found.modes.ours,
        "our 2 m segments": found.modes.fine,
    }
    if not np.isfinite(found.modes.theirs.value):
        return ""
    facts = {name: _with_interval(one) for name, one in told.items() if np.isfinite(one.value)}
    return f"<h2>Modal freeboard <small>m</small></h2>{words.definitions(facts)}"


def _with_interval(one: Interval) -> str:
    if not np.isfinite(one.low):
        return number(one.value, 3)
    return f"{number(one.value, 3)} ({number(one.low, 3)} to {number(one.high, 3)})"


def _density(found: Compared) -> str:
    facts = {}
    for track in found.tracks:
        one = track.density
        if np.isfinite(one.ours):
            ratio = f", {one.ours / one.theirs:.0f} times as dense" if one.theirs else ""
            facts[track.beam] = f"{one.ours:.0f} ours, {one.theirs:.1f} theirs{ratio}"
    return f"<h2>Density <small>segments per km</small></h2>{words.definitions(facts)}" if facts else ""


def _method(found: Compared) -> str:
    rules = found.rules
    return (
        f"<p class='soft method'>Ours gathered over its segments that they cover by {rules.covered:.0%} or more. "
        f"95 % intervals from {rules.draws:,} draws of blocks of {rules.block / 1000:g} km, beams together. Heights "
        "and sea surfaces on the product's reference where it carries one.</p>"
    )


def alone(found: Alone, beam: str, theme: str) -> str:
    """A product on its own: each beam in figures, the one at hand marked."""
    info = found.product.info
    synthetic = " · <b>synthetic</b>" if info.synthetic else ""
    release = f" release {escape(info.release)}" if info.release else ""
    rows = "".join(_summary(one, beam) for one in found.product.summaries)
    head = "".join(f"<th>{name}</th>" for name in ("n", "freeboard", "mean", "median", "mode", "leads"))
    shown = next((one for one in found.product.summaries if one.beam == beam), None)
    return (
        f"<p class='ground'><b>{escape(found.choice.name)}</b>{release}, on its own{synthetic}"
        f"<small>{escape(info.ident)}</small></p>"
        "<p class='soft'>Of no granule in this project: shown as it is.</p>"
        f"<h2>Beams <small>freeboard in m</small></h2><table class='beams'><tr><th></th>{head}</tr>{rows}</table>"
        + (_of_beam(shown, theme) if shown else "")
    )


def _summary(one: BeamSummary, beam: str) -> str:
    figures = "".join(
        f"<td>{number(value, 3) if np.isfinite(value) else '–'}</td>"
        for value in (one.mean, one.median, one.mode.value)
    )
    here = " class='here'" if one.beam == beam else ""
    return (
        f"<tr{here} {go(beam=one.beam)}><td>{escape(one.beam)}</td><td>{one.segments:,}</td>"
        f"<td>{one.with_freeboard:,}</td>{figures}<td>{one.leads:,}</td></tr>"
    )


def _of_beam(one: BeamSummary, theme: str) -> str:
    types: Mapping[str, int] = one.types
    entries = "".join(
        f"<span>{words.swatch(product_looks.type_colour(group, theme))}{name} {types[name]:,}</span>"
        for group, name in enumerate(TYPES)
    )
    facts = {
        "From": words.instant(one.first),
        "Length": words.metres(one.length),
        "Segments that carry sea level": f"{one.sea_level_segments:,}",
    }
    return f"<h2>{escape(one.beam)}</h2>{words.definitions(facts)}<p class='types'>{entries}</p>"


def matched(found: Matched, chosen: Agreement | None, theme: str) -> str:
    """Independent measurements in figures: agreement, by class and beam, uncertainty, what was left out."""
    one = found.matches
    synthetic = " · <b>synthetic</b>" if one.synthetic else ""
    codes = {name: code for code, name in CLASS_NAMES.items()}
    rows = [_row(f"All {escape(one.quantity)}", one.agreement)]
    if chosen is not None:
        rows.append(_row(f"Chosen <a class='clear' {go(clear=1)}>clear</a>", chosen, "chosen"))
    by_class = [
        _row(f"{words.swatch(palette.class_colour(codes[name], theme))}{name}", each)
        for name, each in one.by_class.items()
    ]
    by_beam = [_row(escape(name), each) for name, each in one.by_beam.items()]
    return (
        f"<p class='ground'><b>{escape(one.quantity.capitalize())}</b> of independent measurements{synthetic}"
        f"<small>{escape(one.table)}</small></p>"
        + "".join(f"<p class='warn'>▲ {escape(remark)}.</p>" for remark in one.remarks)
        + f"<h2>Agreement <small>ours − theirs, m</small></h2>{_table(rows)}"
        + (f"<p class='soft'>{escape(one.agreement.reason.capitalize())}.</p>" if one.agreement.reason else "")
        + (f"<h2>By class</h2>{_table(by_class)}" if len(by_class) > 1 else "")
        + (f"<h2>By beam</h2>{_table(by_beam)}" if len(by_beam) > 1 else "")
        + _uncertainty(found)
        + _rows_of(found)
    )


def _uncertainty(found: Matched) -> str:
    one = found.matches.normalised
    if not one.count:
        return ""
    facts = {
        "Mean and spread (0 and 1 where right)": f"{number(one.mean, 2, True)}, {number(one.spread, 2)}",
        "Within one sigma (68 % where right)": words.percent(one.within_one),
        "Within 1.96 sigma (95 % where right)": words.percent(one.within_two),
    }
    return f"<h2>Differences over their uncertainty <small>{one.count:,}</small></h2>{words.definitions(facts)}"


def _rows_of(found: Matched) -> str:
    one, stage = found.matches, found.stage
    facts = {"Rows in the table": f"{one.read:,}", "Matched": f"{len(one.row):,}"}
    facts |= {reason[:1].upper() + reason[1:]: f"{count:,}" for reason, count in one.refused.items()}
    return (
        f"<h2>Rows</h2>{words.definitions(facts)}<p class='soft method'>Within {stage.within:g} m and "
        f"{stage.hours:g} h, {stage.weights} weights, drift: {stage.drift}; 95 % intervals from "
        f"blocks of {stage.block / 1000:g} km. All "
        "granules of the run. Other settings: section match of project.toml, or leadline match.</p>"
    )

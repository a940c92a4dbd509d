"""What the freeboard page tells in words and tables: distributions, a stretch, sea surfaces, where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from dashboard import palette, words
from dashboard.distributions import Parts
from dashboard.live_level import Level
from dashboard.statistics import StretchFigures, Summary
from dashboard.tracks import SURFACES
from dashboard.views.histogram import Look
from processing.schema import SeaSurfaceSource

_HEAD = ("n", "mean", "median", "mode", "s.d.")


def distribution_table(found: Parts, look: Mapping[str, Look], whole: str) -> str:
    """Count, mean, median, mode and spread of all segments, called ``whole``, and of each part."""
    lines = [_figures(whole, "", found.whole)]
    lines += [_figures(look[one.key].name, words.swatch(look[one.key].colour), one.told) for one in found.parts]
    return _table(lines) + _below_zero(found.whole)


def stretch_card(found: StretchFigures, place: tuple[str, str], companion: str) -> str:
    """Figures of a stretch; ``place`` is from where to where, as it is shown."""
    facts = {
        "From": place[0],
        "To": place[1],
        "Length": words.metres(found.length),
        "Segments of 2 m": f"{found.segments:,}",
        "Mean freeboard": _with_sigma(found.whole.mean, found.sigma),
        "Median, mode": f"{_metres(found.whole.median)}, {_metres(found.whole.mode)}",
        "Standard deviation": f"{_metres(found.whole.spread)} m",
        "Sea surface": _with_sigma(found.sea_surface, found.sea_surface_sigma, sign=True),
        "From leads, interpolated": ", ".join(
            words.percent(found.sources.get(int(one), 0.0))
            for one in (SeaSurfaceSource.LEADS, SeaSurfaceSource.INTERPOLATED)
        ),
        "Leads": f"{found.leads:,}",
    }
    return f"<div class='stretch'><h3>Stretch</h3>{words.definitions(facts)}{companion}</div>"


def stretch_text(found: StretchFigures, place: tuple[str, str], head: str, companion: str) -> str:
    """The same figures as lines of text, for pasting."""
    lines = [
        head,
        f"along track {place[0]} to {place[1]}, {found.length:.0f} m, {found.segments} segments",
        f"freeboard: mean {found.whole.mean:.4f} m, sigma of the mean {found.sigma:.4f} m",
        f"median {found.whole.median:.4f} m, mode {found.whole.mode:.3f} m, s.d. {found.whole.spread:.4f} m",
        f"sea surface: mean {found.sea_surface:.4f} m, sigma {found.sea_surface_sigma:.4f} m, {found.leads} leads",
    ]
    lines += [
        f"{palette.class_name(code)}: n {told.count}, mean {told.mean:.4f} m, median {told.median:.4f} m, "
        f"mode {told.mode:.3f} m, s.d. {told.spread:.4f} m"
        for code, told in found.classes.items()
    ]
    return "\n".join([*lines, *([companion] if companion else [])])


def surfaces(level: Level, rows: slice, theme: str, binned: float) -> str:
    """Mean of each sea surface in some rows, where the one in use comes from, and how sure it is."""
    sea = level.sea
    legend = "".join(_surface_line(level, name, rows, theme) for name in SURFACES)
    source = sea.source[rows]
    step = max(1, (rows.stop - rows.start) // 200_000) if rows.stop is not None else 1
    few = slice(rows.start, rows.stop, step)
    low, high = (0, len(sea.source)) if rows.stop is None else (rows.start, rows.stop)
    leads = int(np.searchsorted(level.leads.first, high) - np.searchsorted(level.leads.stop, low, "right"))
    facts = {
        "Leads": f"{leads:,}",
        "Sea surface from leads": words.share(source == SeaSurfaceSource.LEADS),
        "interpolated": words.share(source == SeaSurfaceSource.INTERPOLATED),
        "none": words.share(source == SeaSurfaceSource.NONE),
        "Its uncertainty (median)": _median(sea.sigma[few]),
        "Freeboard uncertainty (median)": _median(sea.freeboard_sigma[few]),
    }
    note = f"<p class='soft'>Lines are means over {binned:.0f} m.</p>" if binned > 4.0 else ""
    return (
        "<h3>Sea surface <span style='text-transform:none;font-weight:400'>(mean, m)</span></h3>"
        f"<div class='legend'>{legend}</div><h3>Where it comes from</h3>{words.definitions(facts)}{note}"
    )


def _surface_line(level: Level, name: str, rows: slice, theme: str) -> str:
    used, look = name == level.sea.estimator, palette.surface(name, theme)
    style = f"border-color:{look.colour};border-top-style:{'solid' if used else 'dashed'}"
    return (
        f"<span class='line' style='{style}'></span>"
        f"<span>{look.name}{' <b>(used)</b>' if used else ''}</span>"
        f"<span class='share'>{_signed(level.sea.surfaces[name][rows])}</span>"
    )


def _table(lines: list[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    return f"<table class='figures'><tr><th>Freeboard (m)</th>{head}</tr>{''.join(lines)}</table>"


def _below_zero(whole: Summary) -> str:
    told = f"Below zero: {100 * whole.negative:.1f} %, kept as measured."
    return f"<p class='soft' style='margin-top:6px'>{told}</p>" if whole.count else ""


def _figures(name: str, swatch: str, told: Summary) -> str:
    cells = (
        "".join(f"<td>{figure:.3f}</td>" for figure in (told.mean, told.median, told.mode, told.spread))
        if told.count
        else "<td>–</td>" * 4
    )
    return f"<tr><td>{swatch}{escape(name)}</td><td>{words.count(told.count)}</td>{cells}</tr>"


def _with_sigma(value: float, sigma: float, sign: bool = False) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:+.3f} ± {sigma:.3f} m" if sign else f"{value:.3f} ± {sigma:.3f} m"


def _metres(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _signed(values: Any) -> str:
    few = values[:: max(1, len(values) // 200_000)]
    good = few[np.isfinite(few)]
    return f"{float(good.mean(dtype=np.float64)):+.3f}" if len(good) else "–"


def _median(values: Any) -> str:
    good = values[np.isfinite(values)]
    return f"{float(np.median(good)):.3f} m" if len(good) else "–"

"""Figures of dots and intervals: protocols, classes, groups and the ablation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from processing.charts import style as paper
from training import charts_style as look
from training.report_rows import (
    DISHONEST,
    FLAGS,
    PAPER_ACCURACY,
    SOURCES,
    Changed,
    ablation,
    ablation_base,
    as_they_are,
    class_figure,
    count,
    fair_rows,
    fairest,
    model_name,
    models,
    percent,
    plain,
    protocol_name,
    protocols,
    some_unused,
)
from training.scores import CLASS_NAMES
from training.summary import Interval, Row, find_row

_PITCH = {0: 0.18, 1: 0.18, 2: 0.22, 3: 0.28}
"""Height of a line by the most values in one [inch]."""

_STEP = {1: 0.0, 2: 0.34, 3: 0.29}
"""Distance of the values of a line, by their number, in heights of a line."""

_ROOM = 0.2
"""What the number of a paper's own figure needs left of it, as a share of the axis."""

_SCORES = {"accuracy": "accuracy", "macro_f1": "macro F1"}
_RANKED = {"macro_f1": "macro F1", "accuracy": "accuracy"}
_PAIRED = "changes taken seed by seed"
_BRACKETS = "in brackets: number of labels"
_PAPERS = " (the paper's)"
_SHADED = "shaded: tested on tracks that were trained on"
_DOTTED = "dotted: of random windows"
_NUMBERS = "numbers: upper mark"

_KINDS = {
    (False, False): ("labels", "truth"),
    (False, True): ("labels", "every_label", "truth"),
    (True, False): ("labels", "truth"),
    (True, True): ("every_label", "truth"),
}
"""Marks of a protocol, by whether it is the paper's, whose labels are all, and whether there are unused ones."""


@dataclass(frozen=True)
class Line:
    """One line of a panel: a heading where it has no values, else what is known against each kind of labels.

    Attributes
    ----------
    values : by the names of ``charts_style.MARKS``. reference : the paper's own figure. guide : whether a dotted line
    leads from its first value to the lines below. shaded : whether the ground is.
    """

    name: str
    colour: str = ""
    values: Mapping[str, Interval] = field(default_factory=dict)
    reference: float | None = None
    guide: bool = False
    shaded: bool = False

    @property
    def first(self) -> Interval | None:
        """The value that is written at the end of the line."""
        return next(iter(self.values.values()), None)


Panel = Mapping[str, Sequence[Line]]
"""Lines by the title of their panel; all panels of a figure have the same lines."""


def draw_protocols(rows: Sequence[Row], about: str) -> Figure | None:
    """Accuracy and macro F1 of each model under each protocol, the paper's first."""
    if not as_they_are(rows, "labels"):
        return None
    panels = {title: list(_protocol_lines(rows, figure)) for figure, title in _SCORES.items()}
    entries = _entries(rows, panels)
    if any(line.reference for line in panels["accuracy"]):
        entries.append(_tick_entry())
    notes = {_SHADED: any(line.shaded for line in panels["accuracy"]), _DOTTED: "paper" in protocols(rows)}
    foot = look.foot(about, rows, *(note for note, holds in notes.items() if holds))
    return _figure(panels, "Scores by what was held out", foot, entries)


def _protocol_lines(rows: Sequence[Row], figure: str) -> Iterator[Line]:
    unused = some_unused(rows)
    for protocol in protocols(rows):
        paper, shaded = protocol == "paper", protocol in DISHONEST
        yield Line(f"{protocol_name(protocol)}{_PAPERS if paper else ''}", shaded=shaded)
        for model in models(rows):
            kinds = _KINDS[paper, unused]
            found = [find_row(rows, variant="", model=model, protocol=protocol, against=kind) for kind in kinds]
            values = _values({kind: row for kind, row in zip(kinds, found, strict=True) if row}, figure)
            if values:
                reference = PAPER_ACCURACY.get(model) if paper and figure == "accuracy" else None
                yield Line(model_name(model), look.model_colour(model), values, reference, guide=paper, shaded=shaded)


def draw_classes(rows: Sequence[Row], about: str) -> Figure | None:
    """Precision, recall and F1 by class and model, of the fairest protocol."""
    if not fair_rows(rows, "labels"):
        return None
    panels = {name: list(_class_lines(rows, name)) for name in ("precision", "recall", "F1")}
    title = f"By class, {protocol_name(str(fairest(rows)))} held out"
    return _figure(panels, title, look.foot(about, rows), _entries(rows, panels))


def _class_lines(rows: Sequence[Row], figure: str) -> Iterator[Line]:
    truths = {row.model: row for row in fair_rows(rows, "truth")}
    for code, name in enumerate(CLASS_NAMES):
        yield Line(name)
        for row in fair_rows(rows, "labels"):
            pair = _pair(row, truths.get(row.model))
            values = {kind: class_figure(one, name, figure) for kind, one in pair.items()}
            yield Line(model_name(row.model), paper.class_colour(code), values)


def draw_groups(rows: Sequence[Row], about: str) -> Figure | None:
    """Accuracy by flag and by source, a panel a model, of the fairest protocol."""
    found = [row for row in fair_rows(rows, "every_label") if row.groups]
    if not found:
        return None
    truths = {row.model: row for row in fair_rows(rows, "truth")}
    panels = {
        model_name(row.model): list(
            _group_lines(row, truths.get(row.model), look.model_colour(row.model), _groups(found))
        )
        for row in found
    }
    title = f"Accuracy by flag and source, {protocol_name(str(fairest(rows)))} held out"
    return _figure(panels, title, look.foot(about, rows, _BRACKETS), _entries(rows, panels))


def _groups(found: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Groups that any row has, under their headings."""
    there = {name for row in found for name in row.groups}
    parts = (("by flag", FLAGS), ("by source", SOURCES))
    kept = [(heading, [name for name in names if name in there]) for heading, names in parts]
    return [(heading, names) for heading, names in kept if names]


def _group_lines(row: Row, truth: Row | None, shade: str, parts: list[tuple[str, list[str]]]) -> Iterator[Line]:
    pair = _pair(row, truth, "every_label")
    yield Line(f"all ({count(row):,})", shade, _values(pair, "accuracy"), guide=True)
    for heading, names in parts:
        yield Line(heading)
        for name in names:
            values = {kind: one.groups[name][0] for kind, one in pair.items() if name in one.groups}
            number = row.groups[name][1] if name in row.groups else 0
            yield Line(f"{name} ({number:,})", shade, values)


def draw_ablation(rows: Sequence[Row], about: str) -> Figure | None:
    """What each change does to macro F1 and accuracy, in points, what costs most first."""
    base, changes = ablation_base(rows), ablation(rows)
    if base is None or not changes:
        return None
    truths = {one.variant: one for one in ablation(rows, "truth")}
    shade = look.model_colour(base.model)
    panels = {title: list(_changes(changes, truths, figure, shade)) for figure, title in _RANKED.items()}
    title = f"Ablation of {model_name(base.model)}, {protocol_name(base.protocol)} held out"
    figure = _figure(
        panels,
        title,
        look.foot(about, rows, *([_PAIRED] if base.seeds > 1 else [])),
        _entries(rows, panels),
        changes=True,
    )
    for axes, name in zip(figure.axes, _RANKED, strict=True):
        axes.set_xlabel(f"change in points from {percent(base.figures[name])}")
    return figure


def _changes(changes: Sequence[Changed], truths: Mapping[str, Changed], figure: str, shade: str) -> Iterator[Line]:
    for one in changes:
        values = {"labels": one.by(figure)}
        if one.variant in truths:
            values["truth"] = truths[one.variant].by(figure)
        yield Line(one.variant, shade, values)


def _pair(row: Row, truth: Row | None, against: str = "labels") -> dict[str, Row]:
    return {against: row, "truth": truth} if truth else {against: row}


def _values(found: Mapping[str, Row], figure: str) -> dict[str, Interval]:
    return {kind: row.figures[figure] for kind, row in found.items()}


def _entries(rows: Sequence[Row], panels: Panel) -> list[Line2D]:
    several = any(row.seeds > 1 for row in rows)
    drawn = {kind for lines in panels.values() for line in lines for kind in line.values}
    return [look.entry(mark, interval=several) for kind, mark in look.MARKS.items() if kind in drawn]


def _tick_entry() -> Line2D:
    return Line2D(
        [],
        [],
        color=paper.colour("ink"),
        marker="|",
        linestyle="",
        markersize=8,
        markeredgewidth=1.8,
        label="the paper's figure",
    )


def _figure(panels: Panel, title: str, foot: str, entries: list[Line2D], *, changes: bool = False) -> Figure:
    """Panels side by side over the same lines and the same axis, which fits what is in them."""
    lines = next(iter(panels.values()))
    most = max(len(line.values) for line in lines)
    foot = f"{foot}; {_NUMBERS}" if most > 1 else foot
    figure = paper.sheet(1.1 + _PITCH[most] * len(lines), title, foot)
    look.key(figure, entries)
    grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    every = [line for mine in panels.values() for line in mine]
    grid[0].set_xlim(_limits(every, changes=changes))
    grid[0].set_ylim(len(lines) - 0.4, -0.6)
    for axes, (name, mine) in zip(grid, panels.items(), strict=True):
        _ground(axes, mine, changes=changes)
        for y, line in enumerate(mine):
            _line(axes, y, line, changes=changes)
        _references(axes, mine)
        axes.set_title(name)
    _name_lines(grid[0], lines)
    return figure


def _ground(axes: Axes, lines: Sequence[Line], *, changes: bool) -> None:
    """What lies behind the marks: shades, guides, the line of no change."""
    for y, line in enumerate(lines):
        if line.shaded:
            axes.axhspan(y - 0.5, y + 0.5, color=paper.colour("paper"), linewidth=0, zorder=0)
        if line.guide and line.first is not None:
            x = 100 * line.first.mean
            axes.plot((x, x), (y, len(lines)), ":", color=line.colour, linewidth=0.8, zorder=1)
    if changes:
        axes.axvline(0.0, color=paper.colour("soft"), linewidth=0.8, zorder=1)
    axes.set_xlabel("%")
    axes.xaxis.grid(visible=True)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _line(axes: Axes, y: int, line: Line, *, changes: bool) -> None:
    """Marks and intervals of a line, one below the other, and at its right end what the first says."""
    for number, (kind, value) in enumerate(line.values.items()):
        below = _STEP[len(line.values)] * (number - (len(line.values) - 1) / 2)
        look.draw_mark(axes, y + below, value, look.MARKS[kind], line.colour, look.CHANGES if changes else look.SHARES)
    if line.first is not None:
        place = blended_transform_factory(axes.transAxes, axes.transData)
        text = plain(line.first, signed=changes)
        axes.text(1.03, y, text, transform=place, va="center", fontsize=look.SMALL, color=paper.colour("soft"))


def _references(axes: Axes, lines: Sequence[Line]) -> None:
    """The paper's own figures as ticks, their numbers up in the line of the heading, where no interval is."""
    noted = [(100 * line.reference, y, line) for y, line in enumerate(lines) if line.reference is not None]
    for number, (x, y, line) in enumerate(sorted(noted, key=lambda one: one[0])):
        top = max(above for above in range(y) if not lines[above].colour)
        axes.plot((x, x), (top - 0.3, y), "-", color=line.colour, linewidth=0.5, zorder=1)
        axes.plot((x, x), (y - 0.4, y + 0.4), "-", color=line.colour, linewidth=1.8, zorder=1)
        away, side = (4, "left") if number else (-4, "right")
        place: dict[str, Any] = {"xytext": (away, 0), "textcoords": "offset points", "va": "center", "ha": side}
        axes.annotate(f"{x:.2f}", (x, top), color=line.colour, fontsize=look.SMALL, **place)


def _limits(lines: Sequence[Line], *, changes: bool) -> tuple[float, float]:
    known = [value for line in lines for value in line.values.values()]
    if changes:
        return look.span([*known, Interval(0.0, None)], within=look.CHANGES)
    references = [line.reference for line in lines if line.reference is not None]
    low, high = look.span([*known, *(Interval(value, None) for value in references)])
    if references:
        low = min(low, (100 * min(references) - _ROOM * high) / (1 - _ROOM))
    return low, high


def _name_lines(axes: Axes, lines: Sequence[Line]) -> None:
    axes.set_yticks(range(len(lines)), [line.name for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        if not line.colour:
            label.set_fontweight("bold")

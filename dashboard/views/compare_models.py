"""The project's models as a list, what two of them differ in, and what is stale now, as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np

from dashboard import palette, words
from dashboard.comparison.compared import Lack
from dashboard.comparison.model_records import Model, Models, differing
from dashboard.controls import sheet
from dashboard.views.agreement_listing import Listing
from processing.local.status import Standing
from processing.stages import STAGES

LETTERS = "ABCDEF"
_STAGES = {stage.output: key for key, stage in STAGES.items()}


class CompareListing(Listing):
    """A listing in the style of the compare page."""

    def __init__(self, on_go: Callable[[dict[str, Any]], None], **params: Any) -> None:
        super().__init__(on_go, **params)
        names = ("listing.css", "agreement.css", "compare.css")
        self.stylesheets = [sheet(name) for name in names]


def go(**values: Any) -> str:
    """What a button tells when it is pressed."""
    return f"data-go='{escape(json.dumps(values), quote=True)}'"


def tag(place: int, theme: str) -> str:
    """The letter of a chosen model in its colour."""
    colour = palette.model_colours(theme)[place]
    return f"<span class='tag' style='--model:{colour}'>{LETTERS[place]}</span>"


def named(place: int, model: Model, theme: str) -> str:
    """A chosen model's letter and name."""
    return f"{tag(place, theme)}<b>{escape(model.run)}</b>"


def when(made: str) -> str:
    """When a model was made, to the minute."""
    return made[:16].replace("T", " ") or "–"


def listing(models: Models, chosen: Sequence[Model], stale: Sequence[Standing], theme: str, root: Any) -> str:
    """Everything about the models themselves."""
    troubles = "".join(f"<p class='trouble'>{escape(line)}</p>" for line in models.troubles)
    told = _differing(chosen, theme) if len(chosen) > 1 else alone(chosen, root)
    return troubles + _list(models, chosen, theme) + told + _stale(stale, models)


def alone(chosen: Sequence[Model], root: Any) -> str:
    """What to do where there is one model only."""
    other = "context" if any(model.design == "lstm" for model in chosen) else "lstm"
    button = f"<button data-row='train' {go(launch='train', values={'model': other})}>Train</button>"
    return (
        "<h2>Nothing to compare with yet</h2><p class='soft'>Train another model, of another design, with other "
        "parameters or from other labels; it then stands beside this one.</p><div class='next'>"
        f"<code>leadline train {escape(str(root))} --model {other}</code>{button}</div>"
    )


def lacking(found: Sequence[Lack], stage: str, root: Any) -> str:
    """What a comparison lacks, and the button and the command that make it."""
    what = {"classify": "predictions", "freeboard": "freeboard"}[stage]
    lines = []
    for lack in found:
        some = f"has no current {what} on {lack.tracks} of {lack.of} tracks"
        told = f"has no current {what} yet" if lack.tracks == lack.of else some
        run, command = escape(lack.run, quote=True), f"leadline {stage} {root} --run-name {lack.run}"
        button = f"<button data-row='{stage}-{run}' {go(launch=stage, values={'run_name': lack.run})}>Make</button>"
        lines.append(f"<div class='next'><span><b>{run}</b> {told}</span><code>{escape(command)}</code>{button}</div>")
    return "".join(lines)


def _list(models: Models, chosen: Sequence[Model], theme: str) -> str:
    places = {model.run: place for place, model in enumerate(chosen)}
    rows = "".join(_row(model, models, places.get(model.run), len(chosen), theme) for model in models.all)
    columns = "".join(f"<col class='m-{name}'>" for name in ("pick", "run", "snap", "made", "score", "score", "state"))
    head = (
        "<th>Compare</th><th class='l'>Run</th><th class='l'>Snapshot</th><th class='l'>Made (UTC)</th>"
        "<th title='On the clear labels it held out, as its record says'>Accuracy</th>"
        "<th title='Mean F1 of the classes, on the same labels'>Macro F1</th><th class='l'>State</th>"
    )
    note = "<small class='soft'>A and B stand side by side; + lays a curve over theirs</small>"
    return f"<h2>Models {note}</h2><table class='models'><colgroup>{columns}</colgroup><tr>{head}</tr>{rows}</table>"


def _row(model: Model, models: Models, place: int | None, chosen: int, theme: str) -> str:
    run = escape(model.run, quote=True)
    score = model.figures.get("clear")
    shown = [words.percent(value) for value in ((score.accuracy, score.macro_f1) if score else (np.nan, np.nan))]
    synthetic = " · synthetic" if model.synthetic else ""
    picks = f"<span class='picks'>{_picks(model, place, chosen, theme)}</span>"
    return (
        f"<tr class='{'here' if place is not None else ''}'><td>{picks}</td><td class='l'>"
        f"<b title='{run}'>{run}</b><small>{escape(model.design)}{synthetic}</small></td>"
        f"<td class='l'>{escape(model.snapshot)}</td><td class='l'>{when(model.made)}</td>"
        f"<td>{shown[0]}</td><td>{shown[1]}</td><td class='l'>{_state(model, models)}</td></tr>"
    )


def _picks(model: Model, place: int | None, chosen: int, theme: str) -> str:
    run = escape(model.run, quote=True)
    parts = []
    for number, letter in enumerate("AB"):
        on = place == number
        colour = f"style='--model:{palette.model_colours(theme)[number]}'"
        parts.append(
            f"<button class='pick{' on' if on else ''}' {colour} aria-pressed='{str(on).lower()}' data-row='{run}' "
            f"data-act='{letter}' title='Compare it as {letter}' {go(side=number, run=model.run)}>{letter}</button>"
        )
    extra = place is not None and place > 1
    colour = f"style='--model:{palette.model_colours(theme)[place]}'" if extra and place is not None else ""
    idle = "disabled" if place in (0, 1) or (place is None and chosen >= len(LETTERS)) else ""
    sign = LETTERS[place] if extra and place is not None else "+"
    parts.append(
        f"<button class='pick{' on' if extra else ''}' {colour} {idle} aria-pressed='{str(extra).lower()}' "
        f"data-row='{run}' data-act='+' title='Lay its curve over the others' {go(curve=model.run)}>{sign}</button>"
    )
    return "".join(parts)


def _state(model: Model, models: Models) -> str:
    run = escape(model.run, quote=True)
    why = f"<small class='stale' title='{escape(model.stale, quote=True)}'>stale: {escape(model.stale)}</small>"
    told = why if model.stale else ""
    if model.run == models.in_use:
        return f"<span class='used'>in use</span>{told}"
    button = f"<button class='use' data-row='{run}' data-act='use' {go(use=model.run)}>Use this model</button>"
    return f"{button}{told}"


def _differing(chosen: Sequence[Model], theme: str) -> str:
    found = differing(chosen)
    heads = "".join(f"<th class='l'>{tag(place, theme)}</th>" for place in range(len(chosen)))
    rows = "".join(
        f"<tr title='{escape(meaning, quote=True)}'><td>{escape(name)}</td>"
        + "".join(f"<td class='l value' title='{escape(value, quote=True)}'>{escape(value)}</td>" for value in values)
        + "</tr>"
        for name, meaning, values in found.rows
    )
    same = ", ".join(f"{name} {value}" for name, value in found.same)
    table = f"<table class='settings'><tr><th>Setting</th>{heads}</tr>{rows}</table>" if rows else "<p>None.</p>"
    rest = f"<details><summary>{len(found.same)} are the same</summary><p class='soft'>{escape(same)}</p></details>"
    return f"<h2>Settings that differ</h2>{table}{rest}"


def _stale(found: Sequence[Standing], models: Models) -> str:
    """What no longer follows from the model in use, or from anything else, and how to make it again."""
    if not found:
        return (
            f"<h2>Up to date</h2><p class='soft'>Everything follows from {escape(models.in_use)}, the model in use.</p>"
        )
    rows = "".join(_stale_row(row) for row in found)
    note = f"<small class='soft'>with {escape(models.in_use)} in use</small>"
    return f"<h2>To be made anew {note}</h2>{rows}"


def _stale_row(row: Standing) -> str:
    stage = _STAGES.get(row.kind, "")
    why = row.why or "not made yet"
    button = f"<button data-row='stale-{row.kind}' {go(launch=stage)}>Make</button>" if stage else ""
    run = f" {escape(row.run)}" if row.run else ""
    return (
        f"<div class='next'><span><b>{escape(row.kind)}</b>{run}: {escape(why)}</span>"
        f"<code>{escape(row.mend)}</code>{button}</div>"
    )


def legend(chosen: Sequence[Model], theme: str) -> str:
    """Which line is whose."""
    lines = "".join(
        f"<span class='key'><svg width='26' height='8' aria-hidden='true'><line x1='1' x2='25' y1='4' y2='4' "
        f"stroke='{palette.model_colours(theme)[place]}' stroke-width='2.4' stroke-dasharray='{DASHES[place]}'/></svg>"
        f"{LETTERS[place]} {escape(model.run)}</span>"
        for place, model in enumerate(chosen)
    )
    kinds = {model.focal for model in chosen}
    note = (
        "<p class='soft'>Losses of different kinds (focal, cross-entropy) cannot be compared.</p>"
        if len(kinds) > 1
        else ""
    )
    return f"<div class='keys'>{lines}</div>{note}"


DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 4")
"""Dashes of the lines, so that they are told apart without colour."""

LINE_DASHES: tuple[Any, ...] = tuple([int(part) for part in dash.split()] for dash in DASHES)

"""Setting the drift by hand: the correlation surface to click and drag on, and what is known of the drift beside it."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, LinearColorMapper, Range1d
from bokeh.palettes import Cividis256
from bokeh.plotting import figure

from dashboard import controls, palette, words
from dashboard.controls import STATIC
from dashboard.drifting import Evidence
from dashboard.editing import ESTIMATE, SHIFT
from dashboard.place import Place
from dashboard.relabel import DONE, Run
from dashboard.state import Change, Later
from dashboard.views import figure as looks

ORIGIN = "drift"
_WIDTH, _HEIGHT = 284, 264
_SIDE = 270
_REACH = 1_000.0
_NOTHING: dict[str, list[Any]] = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
_SHOWN_BY = ("granule", "beam", "scene", "shift", "drifting", "edits")


class DriftPanel:
    """``view`` goes on the page and is filled while the drift is being set; ``later`` runs a call on its thread."""

    def __init__(self, place: Place, theme: str, later: Later) -> None:
        self.place = place
        self.later = later
        self._followed: Run | None = None
        self._owed = False
        place.drifting.later = later
        self.figure = self._build()
        self._text = controls.html("drift-facts", width=_SIDE)
        self._progress = controls.html("drift-progress", sizing_mode="stretch_width")
        self.view = pn.Column(controls.Chart(self.figure), self._side(), margin=0)
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme; the surface keeps its colours."""
        looks.paint(self.figure, theme, "sea")
        self.figure.grid.visible = False
        for axis in self.figure.axis:
            axis.update(major_label_text_font_size="10px", axis_label_text_font_size="10.5px", axis_label_standoff=2)

    def update(self, change: Change) -> None:
        """Follow the state."""
        if not change.touches(*_SHOWN_BY):
            return
        drifting = self.place.drifting
        evidence = drifting.evidence
        self._show_surface(evidence)
        self._show_marks(evidence)
        self._text.object = facts_html(self.place, evidence)
        self._back.disabled = drifting.by_hand is None
        self._follow_run()
        if self._owed:
            self._owed = False
            self._answer.data = {"n": [self._answer.data["n"][0] + 1]}

    def _build(self) -> figure:
        self._x, self._y = Range1d(-_REACH, _REACH), Range1d(-_REACH, _REACH)
        plot = figure(
            x_range=self._x, y_range=self._y, width=_WIDTH, height=_HEIGHT, tools=[], toolbar_location=None,
            min_border_left=42, min_border_right=15, min_border_top=8, min_border_bottom=33, name="drift",
        )  # fmt: skip
        self._surface = ColumnDataSource(dict(_NOTHING))
        self._cross = ColumnDataSource({"x": [], "y": []})
        self._ring = ColumnDataSource({"x": [], "y": []})
        self._wire, self._answer = ColumnDataSource({"x": [], "y": []}), ColumnDataSource({"n": [0]})
        self._mapper = LinearColorMapper(palette=Cividis256, low=0.0, high=1.0, nan_color="#00000000")
        looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=self._surface, color_mapper=self._mapper)
        dark, mark = palette.over_scene("casing"), palette.theme("light")["mark"]
        for colour, width in ((dark, 4), ("#ffffff", 2)):
            looks.draw(
                plot,
                "scatter",
                "x",
                "y",
                source=self._ring,
                size=16,
                fill_alpha=0.0,
                line_color=colour,
                line_width=width,
            )
        for colour, width in (("#ffffff", 5), (mark, 2)):
            looks.draw(
                plot,
                "scatter",
                "x",
                "y",
                source=self._cross,
                marker="cross",
                size=20,
                line_color=colour,
                line_width=width,
            )
        plot.xaxis.axis_label, plot.yaxis.axis_label = "Ice moved in x (m)", "in y (m)"
        self._wire.on_change("data", self._pointed)
        hook = CustomJS(args={"cross": self._cross, "wire": self._wire, "answer": self._answer}, code=_script())
        for event in ("tap", "panstart", "pan", "panend"):
            plot.js_on_event(event, hook)
        self._answer.js_on_change("data", hook)
        return plot

    def _side(self) -> pn.Column:
        apply = _editing("Apply", "Record the shift and label the granule anew (Enter)", SHIFT)
        leave = controls.button("Leave", "Leave the drift as it is (Esc)", self.place.drifting.leave)
        self._back = _editing("Estimate", "Take the estimate instead of the shift set by hand", ESTIMATE)
        self._cancel = controls.button("Stop", "Stop labelling anew; the labels stay as they are", self._stop)
        self._cancel.visible = False
        buttons = pn.Row(apply, self._back, leave, margin=0, styles={"gap": "5px"})
        run = pn.Row(self._progress, self._cancel, margin=0, styles={"gap": "6px", "align-items": "center"})
        styles = {"gap": "8px", "padding": "2px 12px 12px"}
        return pn.Column(self._text, buttons, run, width=_SIDE + 24, margin=0, styles=styles)

    def _stop(self) -> None:
        run = self.place.drifting.run
        if run is not None:
            run.cancel()

    def _pointed(self, _name: str, _old: Any, data: Any) -> None:
        """The analyst put the cross somewhere."""
        if not len(data["x"]):
            return
        self._owed = True
        with self.place.guard("moving the drift"):
            self.place.drifting.set(round(float(data["x"][0])), round(float(data["y"][0])), origin=ORIGIN)

    def _show_surface(self, found: Evidence | None) -> None:
        data = dict(_NOTHING)
        if found is not None and len(found.shift_x) > 1:
            pixel = float(found.shift_x[1] - found.shift_x[0])
            left, low = float(found.shift_x[0]) - pixel / 2, float(found.shift_y[-1]) - pixel / 2
            size = pixel * len(found.shift_x), pixel * len(found.shift_y)
            data = {"image": [found.correlation[::-1]], "x": [left], "y": [low], "dw": [size[0]], "dh": [size[1]]}
            known = found.correlation[np.isfinite(found.correlation)]
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
            self._mapper.update(low=low, high=max(high, low + 1e-3))
        shown, now = self._surface.data["image"], data["image"]
        if len(shown) != len(now) or (now and not np.array_equal(shown[0], now[0], equal_nan=True)):
            self._surface.data = data

    def _show_marks(self, found: Evidence | None) -> None:
        x, y = self.place.drifting.shift
        self._cross.data = {"x": [x], "y": [y]}
        ring = {"x": [found.estimate[0]], "y": [found.estimate[1]]} if found is not None else {"x": [], "y": []}
        if dict(self._ring.data) != ring:
            self._ring.data = ring
        known = float(np.abs(found.shift_x).max()) if found is not None and len(found.shift_x) else _REACH
        reach = max(known, 1.15 * abs(x), 1.15 * abs(y))
        if self._x.end != reach:
            for axis in (self._x, self._y):
                axis.update(start=-reach, end=reach)
            step = float(10 ** np.floor(np.log10(reach)))
            step = step if reach / step < 4 else 2 * step if reach / step < 8 else 5 * step
            ticks = np.arange(-np.floor(reach / step), np.floor(reach / step) + 1) * step
            for plot_axis in self.figure.axis:
                plot_axis.ticker = FixedTicker(ticks=[float(tick) for tick in ticks])

    def _follow_run(self) -> None:
        run = self.place.drifting.run
        if run is not None and run is not self._followed:
            run.listen(lambda: self.later(self._show_run))
        self._followed = run
        self._show_run()

    def _show_run(self) -> None:
        run = self.place.drifting.run
        preparing = "<div class='soft'>Preparing the preview</div>" if self.place.drifting.previewing else ""
        self._progress.object = preparing if preparing and (run is None or run.over) else run_html(run)
        self._cancel.visible = run is not None and not run.over


def _editing(label: str, meaning: str, kind: str) -> pn.widgets.Button:
    """A button of an edit; the browser keeps the edit until it is stored, as it does those of keys."""
    made = controls.button(label, meaning, lambda: None)
    made.js_on_click(code=f"window.dispatchEvent(new CustomEvent('leadline-edit', {{detail: {{kind: '{kind}'}}}}))")
    return made


def facts_html(place: Place, found: Evidence | None) -> str:
    """The shift, the estimate, how sure that is and how far track and scene are apart in time."""
    drifting = place.drifting
    event = drifting.by_hand
    lines = [("Drift", f"<b>{_metres(drifting.shift)}</b>")]
    if found is not None:
        spread = f" title='give or take {_metres(found.sigma, '±')}'" if np.isfinite(found.sigma).all() else ""
        lines.append(("Estimate", f"<span{spread}>{_metres(found.estimate)}</span>"))
        unsure = "" if found.applied or event is not None else " <span class='warn'>unsure</span>"
        lines.append(("Confidence", f"{found.confidence:.2f}{unsure}"))
    pair = place.pair
    if pair is not None:
        lines.append(("Scene after track", words.minutes_apart(pair.minutes).replace("-", "−")))
    if event is not None:
        lines.append(("Set by", escape(event.analyst)))
    body = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in lines)
    told = "" if found is not None else "<p class='soft'>No drift was estimated for this scene.</p>"
    return f"<dl>{body}</dl>{told}"


def run_html(run: Run | None) -> str:
    """How far labelling anew has come; nothing when it was not asked for."""
    if run is None:
        return ""
    if run.over:
        kind = "soft" if run.state == DONE else "warn"
        return f"<div class='{kind}'>{escape(run.text)}</div>"
    share = f"{100 * run.share:.0f} %" if run.share else ""
    bar = (
        "<div style='height:4px;border-radius:2px;background:var(--line);margin:2px 0'>"
        f"<div style='height:4px;border-radius:2px;background:var(--accent);width:{100 * run.share:.0f}%'></div></div>"
    )
    doing = (
        "<div class='soft' style='font-size:11px;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;"
        f"max-width:{_SIDE - 56}px' title='{escape(run.text, quote=True)}'>{escape(run.text)}</div>"
    )
    return f"<div>Labelling anew {share}</div>{bar}{doing}"


def _metres(shift: tuple[float, float], sign: str = "") -> str:
    if not np.isfinite(shift).all():
        return "–"
    shown = (f"{sign}{value:.0f}" if sign else f"{value:+.0f}" for value in shift)
    return f"{', '.join(shown)} m".replace("-", "−")


@lru_cache(maxsize=1)
def _script() -> str:
    return (STATIC / "drift_panel.js").read_text(encoding="utf-8")

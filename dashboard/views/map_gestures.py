"""Drags on the map that select or carry the beams: wiring between the browser and what they do to the place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, PanTool
from bokeh.plotting import figure

from dashboard import palette
from dashboard.controls import STATIC
from dashboard.geometry import Array, MapLine
from dashboard.place import Place
from dashboard.views import figure as looks
from dashboard.views.lasso import held


@dataclass(frozen=True)
class Loop:
    """A loop drawn around segments, m; ``add`` to what is selected already."""

    xs: Array
    ys: Array
    add: bool


@dataclass(frozen=True)
class Carried:
    """How far the drag of this number has carried the beams since it began, m."""

    drag: int
    x: float
    y: float


def understood(message: str) -> Loop | Carried:
    """What the browser tells; raises ValueError when it makes no sense."""
    told = json.loads(message)
    if told.get("kind") == "loop":
        xs, ys = np.array(told["xs"], np.float64), np.array(told["ys"], np.float64)
        if len(xs) == len(ys) and np.isfinite(xs).all() and np.isfinite(ys).all():
            return Loop(xs, ys, bool(told["add"]))
    if told.get("kind") == "carry":
        x, y = float(told["x"]), float(told["y"])
        if np.isfinite(x + y):
            return Carried(int(told["drag"]), x, y)
    raise ValueError(message)


class MapGestures:
    """Loops and carried beams on a map's figure; in any other mode a drag moves the map as it always does."""

    def __init__(self, place: Place, plot: figure) -> None:
        self.place = place
        self._plot = plot
        self._mode = ColumnDataSource({"how": ["pan"]})
        self._loop = ColumnDataSource({"x": [], "y": []})
        self._wire = ColumnDataSource({"message": []})
        self._answer = ColumnDataSource({"n": [0]})
        self._drag = 0
        self._base = (0.0, 0.0)
        self._owed = False
        self._wire.on_change("data", self._told)
        self._draw_loop()
        hook = CustomJS(args={"plot": plot, "mode": self._mode, "loop": self._loop, "wire": self._wire,
                              "answer": self._answer}, code=_script())  # fmt: skip
        for event in ("mouseenter", "panstart", "pan", "panend"):
            plot.js_on_event(event, hook)
        for source in (self._mode, self._answer):
            source.js_on_change("data", hook)

    @property
    def how(self) -> str:
        """What a drag does now: ``pan``, ``loop`` or ``carry``."""
        return str(self._mode.data["how"][0])

    def follow(self) -> None:
        """Let a drag do what the state asks for, and tell the browser that what it asked for is drawn."""
        state = self.place.state
        how = "loop" if state.lasso else "carry" if state.drifting and self.place.scene is not None else "pan"
        if how != self.how:
            pan = next(tool for tool in self._plot.tools if isinstance(tool, PanTool))
            self._plot.toolbar.active_drag = pan if how == "pan" else None
            self._mode.data = {"how": [how]}
        if self._owed:
            self._owed = False
            self._answer.data = {"n": [self._answer.data["n"][0] + 1]}

    def _draw_loop(self) -> None:
        colour, dark = palette.over_scene("loop"), palette.over_scene("casing")
        looks.draw(
            self._plot,
            "patch",
            "x",
            "y",
            source=self._loop,
            fill_color=colour,
            fill_alpha=0.16,
            line_color=dark,
            line_width=4,
        )
        looks.draw(self._plot, "patch", "x", "y", source=self._loop, fill_alpha=0.0, line_color=colour, line_width=2)

    def _told(self, _name: str, _old: Any, data: Mapping[str, Any]) -> None:
        if not len(data["message"]):
            return
        self._owed = True
        with self.place.guard("following the mouse on the map"):
            try:
                self._do(understood(data["message"][0]))
            except Exception:
                self.follow()
                raise

    def _do(self, told: Loop | Carried) -> None:
        if isinstance(told, Loop):
            self._select(told)
        else:
            self._carry(told)

    def _select(self, loop: Loop) -> None:
        found = held(self._beams(), self.place.state.beam, loop.xs, loop.ys)
        if found is None:
            self.place.tell("there are no segments in the loop", "warning")
            self.follow()
            return
        if found.told:
            self.place.tell(found.told)
        before = self.place.state.selection
        self.place.desk.select_rows(found.beam, found.rows, add=loop.add)
        if self.place.state.selection == before:
            self.follow()

    def _beams(self) -> Iterator[tuple[str, MapLine, Array]]:
        place = self.place
        for beam in place.beams:
            if place.workspace.has_track(place.state.granule, beam):
                yield beam, place.line(beam), place.workspace.track(place.state.granule, beam).x_atc

    def _carry(self, carried: Carried) -> None:
        state = self.place.state
        if not state.drifting:
            return
        if carried.drag != self._drag:
            self._drag, self._base = carried.drag, self.place.shift_of(state.beam)
        before = state.shift
        self.place.drifting.set(self._base[0] + carried.x, self._base[1] + carried.y)
        if state.shift == before:
            self.follow()


@lru_cache(maxsize=1)
def _script() -> str:
    return (STATIC / "map_gesture.js").read_text(encoding="utf-8")

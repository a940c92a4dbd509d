"""Thin rows under the profile: what each source says of every stretch, one above the other, and the queue's zones."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import ColorMapper, ColumnDataSource, FixedTicker, LinearColorMapper, LogColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.place import Place
from dashboard.state import Change
from dashboard.tracks import ClassSource
from dashboard.views import figure as looks
from dashboard.views.along_track import NO_IMAGE, AlongTrack, Stretch, class_mapper, class_palette, label_ranks
from dashboard.views.colouring import FLAGS, flag_ranks

ROW = 15
_AXIS = 42
_BINS = 2400
_MOST_ZONES = 1500
_ZONES: dict[str, list[Any]] = {name: [] for name in ("left", "right", "ident", "alpha", "line")}
_CLEAR = "#00000000"
_DOUBT = 0.75
"""Uncertainty of the deepest colour: a model torn between two classes has 0.63, one between all three has 1."""
Cells = tuple[float, float, int]
"""Start, end and number of the bins that the rows are drawn in."""

FLAG_NAMES = tuple(name for name, _ in FLAGS)

CLASS, FLAG, SHARE, RATE, HERTZ = "class", "flag", "share", "rate", "hertz"
_SLOTS = {CLASS: 8, FLAG: 1, SHARE: 1, RATE: 1, HERTZ: 1}
"""Rows of each kind that there is room for; they are made once and lie idle when there are fewer."""


@dataclass(frozen=True)
class Row:
    """One row: its name, what kind of values it shows, and what makes them, u1 ranks or f4, (bins,).

    ``edited`` says that label events change it.
    """

    name: str
    kind: str
    values: Callable[[Cells], NDArray[Any] | None]
    edited: bool = False


class ThinRows(AlongTrack):
    """Rows of an image each; a row that cannot be read is left out. Subclasses say which rows there are."""

    drawn_anew_by = ("granule", "beam", "source", "run", "opinion")
    name = "source-rows"

    def __init__(self, place: Place, theme: str, x_range: Range1d) -> None:
        super().__init__(place, theme, x_range)
        self._arranged: tuple[list[str], str] = ([], "")
        self._shown: list[Row] = []
        self._slot_of: dict[str, ColumnDataSource] = {}
        self.y = Range1d(0, 1)
        self.spots = ColumnDataSource({"slot": [], "kind": [], "y": []})
        self.figure = self._build()
        self.paint(theme)

    def paint(self, theme: str) -> None:
        """Follow the theme: rows are drawn as values, so that only their colours change."""
        self.theme = theme
        looks.paint(self.figure, theme)
        self.mappers[CLASS].palette = class_palette(theme)
        flags = palette.flag_colours(theme)
        self.mappers[FLAG].palette = [_CLEAR, *(flags[name] for name in FLAG_NAMES)]
        doubtful, ink = palette.sureness_colours(theme)[1][-1], palette.theme(theme)
        doubt = [ink["grid"], doubtful, ink["warn"]] if theme == "light" else [ink["grid"], doubtful]
        self.mappers[SHARE].palette = ramp(doubt, bend=1.5)
        grey = ramp([ink["grid"], ink["soft"], ink["ink"]])
        self.mappers[RATE].palette = grey
        self.mappers[HERTZ].palette = grey

    def _rows(self) -> Iterator[Row]:
        """The rows there can be, from the top."""
        raise NotImplementedError

    def _build(self) -> figure:
        plot = looks.profile_figure(self.x, self.y, sizing_mode="stretch_width", height=_AXIS + ROW, name=self.name)
        self.mappers: dict[str, ColorMapper] = {
            CLASS: class_mapper(),
            FLAG: LinearColorMapper(palette=[_CLEAR] * 5, low=-0.5, high=4.5),
            SHARE: LinearColorMapper(palette=[_CLEAR], low=0.0, high=_DOUBT, nan_color=_CLEAR),
            RATE: LinearColorMapper(palette=[_CLEAR], low=0.0, high=12.0, nan_color=_CLEAR),
            HERTZ: LogColorMapper(palette=[_CLEAR], low=1e4, high=1e7, nan_color=_CLEAR),
        }
        self._pools = {kind: [ColumnDataSource(dict(NO_IMAGE)) for _ in range(n)] for kind, n in _SLOTS.items()}
        self.slots = [slot for pool in self._pools.values() for slot in pool]
        for kind, pool in self._pools.items():
            for slot in pool:
                looks.draw(plot, "image", "image", "x", "y", "dw", "dh", source=slot, color_mapper=self.mappers[kind])
        plot.xaxis.formatter = looks.kilometre_ticks()
        plot.grid.visible = False
        plot.min_border_top = 2
        plot.min_border_bottom = 38
        plot.on_event(RangesUpdate, self._moved)
        return plot

    def _draw(self, stretch: Stretch) -> None:
        cells = self._cells(stretch)
        rows, values = [], []
        for row in self._rows():
            with self.place.guard(f"reading {row.name}"):
                found = row.values(cells)
                if found is not None:
                    rows.append(row)
                    values.append(found)
        self._arrange(rows)
        for row, found in zip(rows, values, strict=True):
            self._fill(row, found, cells)
        for slot in self.slots:
            if len(slot.data["x"]) and slot not in self._slot_of.values():
                slot.data = dict(NO_IMAGE)

    def _relabel(self, stretch: Stretch) -> None:
        cells = self._cells(stretch)
        for row in self._shown:
            if row.edited:
                found = row.values(cells)
                if found is not None:
                    self._fill(row, found, cells)

    def _clear(self) -> None:
        for slot in self.slots:
            slot.data = dict(NO_IMAGE)

    def _cells(self, stretch: Stretch) -> Cells:
        length = self.place.track.window if self.place.has_segments else 2.0
        return detail.cells(stretch.start, stretch.end, length, _BINS)

    def _fill(self, row: Row, values: NDArray[Any], cells: Cells) -> None:
        """Show the values of a row, unless they are shown already."""
        start, end, _ = cells
        slot, bottom = self._slot_of[row.name], self._bottom(self._shown.index(row))
        place = {"x": [start - self.place.origin], "y": [bottom], "dw": [end - start], "dh": [0.74]}
        shown = slot.data
        same = all(list(shown[name]) == there for name, there in place.items())
        if same and np.array_equal(shown["image"][0][0], values, equal_nan=values.dtype.kind == "f"):
            return
        slot.data = {"image": [values[None, :]], **place}

    def _bottom(self, place: int) -> float:
        return len(self._shown) - 1 - place + 0.13

    def _arrange(self, rows: list[Row]) -> None:
        """Make room for the rows; only when they are others than before, since a new axis is a new layout."""
        names = [row.name for row in rows]
        label = f"Along track (km from {self.place.origin / 1000:,.0f} km after the equator crossing)"
        self._shown = rows
        free = {kind: iter(pool) for kind, pool in self._pools.items()}
        self._slot_of = {row.name: next(free[row.kind]) for row in rows}
        if (names, label) == self._arranged:
            return
        self._arranged = (names, label)
        count = max(len(names), 1)
        middles = [count - 1 - row + 0.5 for row in range(len(names))]
        self.y.update(start=0, end=count + self._headroom)
        self.figure.yaxis.major_label_overrides = dict(zip(middles, names, strict=True)) | {
            count + at: name for at, name in self._more_names.items()
        }
        self.figure.yaxis.ticker = FixedTicker(ticks=[*middles, *(count + at for at in self._more_names)])
        self.figure.yaxis.major_tick_line_color = None
        self.figure.height = _AXIS + round(ROW * (count + self._headroom))
        self.figure.xaxis.axis_label = label
        places = [self.slots.index(slot) for slot in self._slot_of.values()]
        self.spots.data = {"slot": places, "kind": [row.kind for row in rows], "y": middles}

    _headroom = 0.0
    _more_names: dict[float, str] = {}  # noqa: RUF012

    def _flag_row(self, cells: Cells) -> NDArray[np.uint8] | None:
        facts = self._facts()
        if not facts:
            return None
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        return detail.column_ranks(x[rows], self._flag_ranks(facts["auto_flags"])[rows], *cells).astype(np.uint8)

    def _flag_ranks(self, flags: NDArray[np.uint32]) -> NDArray[np.int8]:
        """Rank of the gravest flag of each segment, 0 without one; made once for every session."""
        state, workspace = self.place.state, self.place.workspace
        path = workspace.project.table_path("autolabels", state.granule, state.beam)
        owner = workspace.labels_version(state.granule, state.beam)
        found: NDArray[np.int8] = workspace.kept(("flag row", owner), path, lambda: flag_ranks(flags) - np.int8(1))
        return found

    def _facts(self) -> dict[str, NDArray[Any]]:
        state = self.place.state
        return self.place.workspace.label_facts(state.granule, state.beam) if self.place.has_segments else {}

    def _class_row(self, codes: NDArray[np.int8], cells: Cells, floor: int = 1) -> NDArray[np.uint8]:
        """Highest class in each bin; codes whose rank is below ``floor`` show nothing."""
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        ranks = codes[rows] + np.int8(2)
        if floor > 1:
            ranks = np.where(ranks >= floor, ranks, np.int8(0))
        return detail.column_ranks(x[rows], ranks, *cells).astype(np.uint8)

    def _source_row(self, source: ClassSource, cells: Cells) -> NDArray[np.uint8]:
        state = self.place.state
        return self._class_row(self.place.workspace.classes(state.granule, state.beam, source), cells)


class ClassRows(ThinRows):
    """One row a kind of class source, of its runs the chosen or else the newest, and one for the auto-labels' flags."""

    def _rows(self) -> Iterator[Row]:
        newest = {source.kind: source for source in reversed(self.place.sources)}
        chosen = self.place.source
        kinds = newest | ({chosen.kind: chosen} if chosen else {})
        for source in reversed(kinds.values()):
            yield Row(short_title(source), CLASS, lambda cells, source=source: self._source_row(source, cells))  # type: ignore[misc]
        yield Row("flags", FLAG, self._flag_row)


class ReviewRows(ThinRows):
    """What an analyst weighs: auto-label, label, second opinion, model, flags, its doubt, photons; zones above."""

    relabelled_by = ("edits", "shift", "drifting")
    name = "class-rows"
    _headroom = 1.15
    _more_names = {0.6: "zones"}  # noqa: RUF012

    def paint(self, theme: str) -> None:
        """Follow the theme."""
        super().paint(theme)
        ink = palette.theme(theme)
        self._bars.glyph.update(fill_color=ink["accent"], line_color=ink["mark"])

    def update(self, change: Change) -> None:
        """Follow the state, the zones with it."""
        super().update(change)
        with self.place.guard("drawing the zones"):
            self._draw_zones()

    def zone_at(self, x: float, y: float, reach: float) -> str:
        """Identifier of the zone whose mark lies within ``reach`` metres of a spot of the figure; empty when none."""
        marks = self._zones.data
        if y < self.y.end - self._headroom or not len(marks["left"]):
            return ""
        left, right = np.asarray(marks["left"]), np.asarray(marks["right"])
        away = np.maximum(np.maximum(left - x, x - right), 0.0)
        best = int(np.argmin(away))
        return str(marks["ident"][best]) if away[best] <= reach else ""

    def _build(self) -> figure:
        plot = super()._build()
        self._marked: tuple[Any, ...] = ()
        self._zones = ColumnDataSource(dict(_ZONES), name="zone-marks")
        self._bars = looks.draw(
            plot, "quad", left="left", right="right", bottom=0.0, top=1.0, source=self._zones,
            fill_alpha="alpha", line_width="line")  # fmt: skip
        return plot

    def _draw_zones(self) -> None:
        """Marks of the zones in what is drawn; those that pay most when they are too many to tell apart."""
        desk, state = self.place.desk, self.place.state
        if self.drawn is None:
            return
        top = float(self.y.end)
        self._bars.glyph.update(bottom=top - 0.95, top=top - 0.2)
        desk.judge_all()
        who = (state.opinion, state.analyst, state.edits)
        key = (self.drawn, state.granule, state.beam, state.zone, desk.queue_of.version, desk.filter, who)
        if key == self._marked:
            return
        self._marked = key
        entries = desk.queue_of.of_track(state.granule, state.beam)
        first = bisect_right(entries, self.drawn.start, key=lambda entry: entry.zone.x_end)
        last = bisect_left(entries, self.drawn.end, key=lambda entry: entry.zone.x_start)
        wanted = desk.filter
        found = [entry for entry in entries[first:last] if wanted.lets_pass(entry)]
        if len(found) > _MOST_ZONES:
            found = sorted(found, key=lambda entry: -entry.zone.score)[:_MOST_ZONES]
        origin, least = self.place.origin, 3.0 * self._metres_a_pixel()
        marks: dict[str, list[Any]] = {
            "left": [entry.zone.x_start - origin for entry in found],
            "right": [max(entry.zone.x_end, entry.zone.x_start + least) - origin for entry in found],
            "ident": [entry.ident for entry in found],
            "alpha": [0.22 if entry.done else 0.85 for entry in found],
            "line": [2.0 if entry.ident == state.zone else 0.0 for entry in found],
        }
        if marks != dict(self._zones.data):
            self._zones.data = marks

    def _metres_a_pixel(self) -> float:
        return self.place.state.span / looks.size(self.figure, 1000, 100)[0]

    def _rows(self) -> Iterator[Row]:
        place = self.place
        if not place.has_segments:
            return
        yield Row("auto", CLASS, self._auto_row, edited=True)
        yield Row("label", CLASS, self._label_row, edited=True)
        if place.state.opinion != "second":
            yield Row("2nd", CLASS, self._second_row, edited=True)
        run = place.workspace.prediction(place.state.granule, place.state.beam)
        if run:
            yield Row("model", CLASS, lambda cells: self._class_row(self._model(run)["predicted"], cells))
        yield Row("flags", FLAG, self._flag_row)
        if run:
            yield Row("doubt", SHARE, lambda cells: self._means(self._model(run)["entropy"], cells))
        yield Row("photons", RATE, lambda cells: self._means(place.track.photon_rate, cells))
        yield Row("backgr.", HERTZ, lambda cells: self._means(place.track.background_rate, cells))

    def _auto_row(self, cells: Cells) -> NDArray[np.uint8]:
        """Auto-labels; while the drift is being set, what they would be with the shift that is tried out."""
        place = self.place
        tried = place.state.drifting and place.state.shift is not None
        codes = place.drifting.preview(place.state.beam, *cells[:2]) if tried else None
        if codes is None:
            return self._class_row(place.desk.auto(), cells)
        x = place.track.x_atc
        return detail.column_ranks(x[detail.rows_in(x, *cells[:2])], codes + np.int8(2), *cells).astype(np.uint8)

    def _label_row(self, cells: Cells) -> NDArray[np.uint8]:
        x = self.place.track.x_atc
        rows = detail.rows_in(x, *cells[:2])
        return detail.column_ranks(x[rows], label_ranks(self.place, rows), *cells).astype(np.uint8)

    def _second_row(self, cells: Cells) -> NDArray[np.uint8]:
        """Second opinions; an empty row where there are none, so that the rows below stay where they are."""
        found = self.place.desk.second()
        return np.zeros(cells[2], np.uint8) if found is None else self._class_row(found, cells, floor=2)

    def _model(self, run: str) -> dict[str, NDArray[Any]]:
        return self.place.workspace.model_facts(self.place.state.granule, self.place.state.beam, run)

    def _means(self, values: NDArray[np.float32], cells: Cells) -> NDArray[np.float32]:
        return detail.column_means(self.place.track.x_atc, values, *cells)


def ramp(colours: list[str], bend: float = 1.0) -> list[str]:
    """64 colours that run through the given ones; with a ``bend`` above 1 the first ones last longer."""
    at = np.linspace(0, 1, 64) ** bend * (len(colours) - 1)
    parts = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], float)
    mixed = np.stack([np.interp(at, np.arange(len(colours)), parts[:, k]) for k in range(3)], axis=1).round()
    return [f"#{int(r):02x}{int(g):02x}{int(b):02x}" for r, g, b in mixed]


def short_title(source: ClassSource) -> str:
    """A name of a class source that fits beside its row."""
    return {"predictions": "model", "snapshots": source.run, "autolabels": "auto", "inputs/truth": "truth"}[source.kind]

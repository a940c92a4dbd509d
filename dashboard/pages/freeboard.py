"""Freeboard page: sea surfaces and freeboard along the track, and how freeboard is distributed."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import panel as pn
from bokeh.model import Model
from bokeh.models import Range1d

from dashboard import controls, detail, palette, statistics, words
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.tracks import SURFACES, SeaLevel
from dashboard.views.histogram import Histogram
from dashboard.views.review_rows import ClassRows
from dashboard.views.sea_level import SeaLevelView
from processing.schema import SeaSurfaceSource

SCOPES = {"In view": "view", "Whole beam": "beam"}


class FreeboardPage(Page):
    """Freeboard of one beam."""

    key = "freeboard"
    title = "Freeboard"

    def build(self, theme: str) -> Any:
        x_range = Range1d(0, 1000)
        self._distributed: tuple[Any, ...] = ()
        self.level = SeaLevelView(self.place, theme, x_range)
        self.rows = ClassRows(self.place, theme, x_range)
        self.histogram = Histogram(theme)
        self._side = controls.html("side-card", sizing_mode="stretch_width")
        self._controls()
        charts = controls.card(
            pn.Column(
                controls.Chart(self.level.heights, "stretch_both"),
                controls.Chart(self.level.freeboard, "stretch_both"),
                controls.Chart(self.rows.figure, "stretch_width"),
                sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both", styles={"min-width": "0"},
        )  # fmt: skip
        side = controls.card(
            pn.Column(
                pn.Column(controls.Chart(self.histogram.figure, "stretch_both"), height=270,
                          sizing_mode="stretch_width", margin=(8, 4, 0, 4)),
                self._side, sizing_mode="stretch_width", margin=0),
            sizing_mode="stretch_height", width=368, styles={"overflow-y": "auto"},
        )  # fmt: skip
        return pn.Column(self._bar, controls.body(charts, side), sizing_mode="stretch_both", margin=0)

    def _controls(self) -> None:
        state = self.place.state
        self._granule = controls.select(state, "granule", "Granule", 250)
        self._beam = controls.choice(state, "beam", {})
        self._run = controls.select(state, "run", "Freeboard run", 170)
        self._source = controls.select(state, "source", "Classes from", 170)
        self._scope = controls.choice(state, "scope", SCOPES)
        label = pn.pane.HTML(
            "<span style='color:var(--soft);font-size:12px'>Distribution</span>", margin=(0, 0, 8, 0), align="end"
        )
        self._bar = controls.bar(
            self._granule.widget,
            self._beam.widget,
            self._run.widget,
            self._source.widget,
            pn.Spacer(sizing_mode="stretch_width"),
            controls.button("Fit", "The whole track (0)", self.place.show_whole),
            label,
            self._scope.widget,
        )

    @property
    def anchor(self) -> Model:
        return self.histogram.figure

    def nothing(self) -> tuple[str, str, str] | None:
        place = self.place
        if not place.catalog.granules:
            return ("No granule yet", "Add ATL03 granules and Sentinel-2 scenes to this project.",
                    f"leadline add {place.workspace.root} FILE...")  # fmt: skip
        if not any(place.workspace.has_track(place.state.granule, beam) for beam in place.beams):
            return (
                "No segments yet",
                "Freeboard is measured on 2 m segments of the photons.",
                place.workspace.command("resample"),
            )
        if not place.workspace.project.runs("freeboard"):
            told = "It needs classes: from a model, or from a snapshot of the labels. This runs every stage still due:"
            return ("No freeboard yet", told, place.workspace.command("run"))
        return None

    def paint(self, theme: str) -> None:
        for view in (self.level, self.rows, self.histogram):
            view.paint(theme)

    def follow(self, change: Change) -> None:
        with self.place.guard("showing the choices"):
            self._follow_controls()
        with self.place.guard("drawing freeboard"):
            self.level.update(change)
        with self.place.guard("drawing the classes"):
            self.rows.update(change)
        with self.place.guard("telling the distribution"):
            self._follow_distribution(change)

    def _follow_controls(self) -> None:
        place = self.place
        self.follow_track(self._granule, self._beam)
        source = place.source
        self._run.follow({run: run for run in place.runs}, place.run)
        self._source.follow({item.title: item.key for item in place.sources}, source.key if source else None)
        self._scope.follow(SCOPES)

    def _follow_distribution(self, change: Change) -> None:
        """Show the distribution again when it can be another one: a pan does not change that of the whole beam."""
        state = self.place.state
        if state.scope == "view":
            shows: tuple[Any, ...] = state.window
        else:
            shows = (round(self.level.binned),)
        if shows == self._distributed and not change.touches("granule", "beam", "source", "run", "scope", "theme"):
            return
        self._distributed = ()
        try:
            self._show_distribution()
        except Exception:
            self._side.object = ""
            self.histogram.clear()
            raise
        self._distributed = shows

    def _show_distribution(self) -> None:
        level = self.place.sea_level
        if level is None:
            self.histogram.clear()
            run = self.place.workspace.command("freeboard")
            self._side.object = (
                f"<div class='side'><p>This beam has no freeboard yet.</p><p><code>{escape(run)}</code></p></div>"
            )
            return
        track, source = self.place.track, self.place.source
        rows = (
            slice(None) if self.place.state.scope == "beam" else detail.rows_in(track.x_atc, *self.place.state.window)
        )
        codes = np.full(len(track), -1, np.int8)
        if source is not None:
            codes = self.place.workspace.classes(track.granule, track.beam, source)
        freeboard = level.freeboard[rows]
        whole = statistics.summary(freeboard)
        self.histogram.show(statistics.distribution(freeboard, codes[rows]), whole)
        self._side.object = (
            "<div class='side'>"
            + self._stale()
            + self._table(freeboard, codes[rows], whole)
            + self._companion()
            + self._levels(level, rows)
            + "</div>"
        )

    def _stale(self) -> str:
        """One line where what is shown no longer follows from its inputs."""
        granule, run = self.place.granule, self.place.run
        progress = granule.stages["freeboard"] if granule else None
        newest = progress.run if progress else ""
        if run and newest and run != newest:
            return f"<p class='soft'>An earlier run; the newest is {escape(newest)}.</p>"
        why = progress.stale if progress else ""
        return f"<p class='stale'>▲ No longer follows from its inputs: {escape(why)}.</p>" if why else ""

    def _table(self, freeboard: Any, codes: Any, whole: statistics.Summary) -> str:
        lines = [_figures("all classes", "", whole)]
        for code in palette.CLASS_CODES:
            found = statistics.summary(freeboard[codes == code])
            if found.count:
                lines.append(
                    _figures(palette.class_name(code), words.swatch(palette.class_colour(code, self.theme)), found)
                )
        head = "<tr><th>Freeboard (m)</th><th>n</th><th>mean</th><th>median</th><th>mode</th><th>s.d.</th></tr>"
        below = (
            f"<p class='soft' style='margin-top:6px'>Below zero: {100 * whole.negative:.1f} %, kept as measured.</p>"
        )
        return f"<table class='figures'>{head}{''.join(lines)}</table>" + (below if whole.count else "")

    def _companion(self) -> str:
        """NASA's figure over the same stretch."""
        found = self.place.companion
        if found is None:
            return ""
        window = self.place.state.window if self.place.state.scope == "view" else self.place.extent
        inside = found.freeboard[detail.rows_in(found.x_atc, *window)]
        if len(inside) == 0:
            return "<p class='soft'>No ATL10 freeboard here.</p>"
        colour = palette.theme(self.theme)["mark"]
        made_by = "synthetic" if self.place.catalog.synthetic else "NASA"
        return (
            "<div class='inline' style='margin-top:6px'>"
            f"<span><span class='line' style='border-color:{colour}'></span>"
            f"ATL10 ({made_by}): mean {inside.mean():.3f} m of {len(inside):,} segments</span></div>"
        )

    def _levels(self, level: SeaLevel, rows: slice) -> str:
        legend = "".join(
            f"<span class='line' style='border-color:{palette.surface(name, self.theme).colour};"
            f"border-top-style:{'solid' if name == level.estimator else 'dashed'}'></span>"
            f"<span>{palette.surface(name, self.theme).name}"
            f"{' <b>(used)</b>' if name == level.estimator else ''}</span>"
            f"<span class='share'>{_mean(level.surfaces[name][rows])}</span>"
            for name in SURFACES
        )
        source = level.source[rows]
        leads = len(np.unique(level.lead_id[rows][level.lead_id[rows] >= 0]))
        facts = {
            "Leads": f"{leads:,}",
            "Sea surface from leads": words.share(source == SeaSurfaceSource.LEADS),
            "interpolated": words.share(source == SeaSurfaceSource.INTERPOLATED),
            "none": words.share(source == SeaSurfaceSource.NONE),
            "Its uncertainty (median)": _metres(level.sigma[rows]),
            "Freeboard uncertainty (median)": _metres(level.freeboard_sigma[rows]),
        }
        note = "<p class='soft' style='margin-top:6px'>▼ leads; the broad line marks an interpolated sea surface"
        if self.level.binned > 4.0:
            note += f"; lines are means over {self.level.binned:.0f} m"
        return (
            "<h3>Sea surface <span style='text-transform:none;font-weight:400'>(mean, m)</span></h3>"
            f"<div class='legend'>{legend}</div>"
            f"{note}.</p><h3>Where it comes from</h3>{words.definitions(facts)}"
        )


def _figures(name: str, swatch: str, told: statistics.Summary) -> str:
    cells = (
        "".join(f"<td>{figure:.3f}</td>" for figure in (told.mean, told.median, told.mode, told.spread))
        if told.count
        else "<td>–</td>" * 4
    )
    return f"<tr><td>{swatch}{name}</td><td>{words.count(told.count)}</td>{cells}</tr>"


def _mean(values: Any) -> str:
    good = values[np.isfinite(values)]
    return f"{float(good.mean()):+.3f}" if len(good) else "–"


def _metres(values: Any) -> str:
    good = values[np.isfinite(values)]
    return f"{float(np.median(good)):.3f} m" if len(good) else "–"

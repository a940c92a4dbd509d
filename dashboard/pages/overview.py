"""Overview page: where the project's tracks and scenes lie, what has been done with them and what comes next."""

from __future__ import annotations

from html import escape
from typing import Any

import panel as pn
from bokeh.model import Model

from dashboard import controls, words
from dashboard.catalog import TRACK_STAGES, Granule, SceneFacts
from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views.clickable import Clickable, go
from dashboard.views.polar_map import PolarMap

TINTS = {"Strong and weak": "strength", "By granule": "granule"}
STAGE_NAMES = {
    "resample": "segments",
    "autolabel": "labels",
    "snapshot": "snapshot",
    "classify": "classes",
    "freeboard": "freeboard",
}
_NEXT = {
    "resample": "make 2 m segments of the photons",
    "autolabel": "label the segments from the scenes",
    "snapshot": "freeze the labels to learn from",
    "train": "train a classifier on the snapshot",
    "classify": "classify every segment",
    "freeboard": "find sea surface and freeboard",
}


class OverviewPage(Page):
    """The project at a glance."""

    key = "overview"
    title = "Overview"

    def build(self, theme: str) -> Any:
        self.map = PolarMap(self.place, theme)
        self.listing = Clickable(self._go, sizing_mode="stretch_both")
        self._tint = controls.choice(self.place.state, "tint", TINTS)
        place = {"position": "absolute", "left": "12px", "bottom": "12px", "border": "1px solid var(--soft)",
                 "border-radius": "8px", "overflow": "hidden", "z-index": "2"}  # fmt: skip
        tools = {"position": "absolute", "right": "12px", "top": "12px", "gap": "8px", "z-index": "2"}
        overlay = pn.Row(
            self._tint.widget,
            controls.button("Fit", "All tracks and scenes", lambda: self.later(self.map.fit)),
            controls.button("Region", "The whole polar region", lambda: self.later(self.map.whole)),
            margin=0,
            styles=tools,
        )
        chart = pn.Column(
            controls.Chart(self.map.figure, "stretch_both"),
            pn.Column(controls.Chart(self.map.locator), margin=0, styles=place),
            overlay,
            sizing_mode="stretch_both", margin=0, styles={"position": "relative"},
        )  # fmt: skip
        left = controls.card(chart, sizing_mode="stretch_both", styles={"flex": "1.15 1 0", "min-width": "0"})
        right = controls.card(self.listing, sizing_mode="stretch_both", styles={"flex": "1 1 0", "min-width": "0"})
        return controls.body(left, right)

    @property
    def anchor(self) -> Model:
        return self.map.figure

    def nothing(self) -> tuple[str, str, str] | None:
        catalog = self.place.catalog
        if catalog.granules or catalog.scenes:
            return None
        told = "Add ATL03 granules (or photon tables) and Sentinel-2 scenes; then look here again."
        return "This project is empty", told, f"leadline add {self.place.workspace.root} FILE..."

    def paint(self, theme: str) -> None:
        self.map.paint(theme)

    def follow(self, _: Change) -> None:
        self._tint.follow(TINTS)
        self.map.update()
        self.listing.content = self._html()

    def _go(self, values: dict[str, Any]) -> None:
        if values.get("run"):
            self.place.jobs.make_right()
            return
        if values.get("jobs"):
            self.place.state.move(page="jobs", launch="")
            return
        with self.place.guard("opening the track"):
            allowed: dict[str, Any] = {name: values[name] for name in ("granule", "beam", "scene") if name in values}
            if allowed.get("granule") != self.place.state.granule:
                allowed["x"] = float("nan")
            self.place.state.move(page="review", **allowed)

    def _html(self) -> str:
        catalog = self.place.catalog
        granules = "".join(self._granule_html(granule) for granule in catalog.granules)
        scenes = "".join(self._scene_html(scene) for scene in catalog.scenes)
        return (
            self._next_html()
            + f"<h2>Granules <small>{len(catalog.granules)}</small></h2>"
            + (granules or self._none("granules", "ATL03 granules or photon tables"))
            + f"<h2>Scenes <small>{len(catalog.scenes)}</small></h2>"
            + (scenes or self._none("scenes", "Sentinel-2 scenes, or the tracks have nothing to be labelled from"))
        )

    def _none(self, what: str, needed: str) -> str:
        command = f"leadline add {self.place.workspace.root} FILE..."
        return f"<p>No {what} yet. Add {escape(needed)}: <code>{escape(command)}</code></p>"

    def _next_html(self) -> str:
        """The first stage that is missing, stale or not finished, why, and what runs it and all that follows."""
        due, jobs = self.place.jobs.due, self.place.jobs
        if not due:
            return ""
        first = due[0]
        because = f" <small>· {escape(first.why)}</small>" if first.why else ""
        told = f"<span>Next: {escape(_NEXT[first.stage])}{because}</span>"
        command = f"<code>{escape(self.place.workspace.command(first.stage))}</code>"
        if not jobs.pending:
            return f"<div class='next'>{told}<button class='chip' {go(jobs=1)}>Under way: see the jobs</button></div>"
        number = len(jobs.pending)
        run = f"Run what is stale · {number} {'job' if number == 1 else 'jobs'}"
        button = "" if jobs.refused else f"<button class='chip run' {go(run=1)}>{run}</button>"
        return f"<div class='next'>{told}{command}{button}</div>"

    def _granule_html(self, granule: Granule) -> str:
        here = " here" if granule.ident == self.place.state.granule else ""
        facts = words.granule_facts(granule.ident)
        about = f"RGT {facts['RGT']} · cycle {facts['cycle']} · release {facts['release']}" if facts else granule.ident
        pairs = self.place.catalog.scenes_of(granule.ident)
        near = f"nearest scene {words.minutes_apart(pairs[0].minutes)}" if pairs else "no scene under it"
        trouble = f"<div class='trouble'>{escape(granule.trouble)}</div>" if granule.trouble else ""
        beams = "".join(
            f"<button class='chip{' strong' if beam.strong else ''}{'' if beam.rows else ' none'}' "
            f"title='{beam.rows:,} segments' {go(granule=granule.ident, beam=beam.name)}>{escape(beam.name)}</button>"
            for beam in granule.beams
        )
        stages = "".join(self._stage_html(key, granule) for key in TRACK_STAGES)
        return (
            f"<div class='entry{here}' {go(granule=granule.ident)} title='{escape(granule.ident)}'>"
            f"<div class='head'><b>{words.instant(granule.time)}</b><span>{escape(about)}</span>"
            "<span class='room'></span>"
            f"<span>{words.metres(granule.length)}</span><span>{words.count(granule.rows)} segments</span></div>"
            f"{trouble}<div class='line'>{beams}<span class='near'>{near}</span></div>"
            f"<div class='line'>{stages}</div></div>"
        )

    def _stage_html(self, key: str, granule: Granule) -> str:
        progress = granule.stages[key]
        meaning = {"none": "not made yet", "done": "up to date", "part": f"{progress.done} of {progress.total} beams",
                   "stale": f"stale: {progress.stale}"}[progress.word]  # fmt: skip
        command = self.place.workspace.command(key) if progress.word in ("none", "stale") else ""
        title = escape(f"{meaning} {progress.run} {command}".strip(), quote=True)
        return f"<span class='stage {progress.word}' title='{title}'>{STAGE_NAMES[key]}</span>"

    def _scene_html(self, scene: SceneFacts) -> str:
        if scene.trouble:
            return f"<div class='entry'><div class='trouble'>{escape(scene.trouble)}</div></div>"
        pairs = [pair for pair in self.place.catalog.pairs if pair.scene == scene.ident]
        times = {granule.ident: granule for granule in self.place.catalog.granules}
        under = ", ".join(
            f"<a {go(granule=pair.granule, scene=pair.scene)}>{words.instant(times[pair.granule].time)} "
            f"({words.minutes_apart(pair.minutes)})</a>"
            for pair in sorted(pairs, key=lambda pair: abs(pair.minutes))
        )
        nearest = min(pairs, key=lambda pair: abs(pair.minutes), default=None)
        link = go(granule=nearest.granule, scene=scene.ident) if nearest else ""
        rows, cols = scene.shape
        return (
            f"<div class='entry' {link} title='{escape(scene.ident)}'>"
            f"<div class='head'><b>{words.instant(scene.time)}</b><span>{escape(words.scene_title(scene.ident))}</span>"
            f"<span class='room'></span><span>{escape(scene.level or 'level unknown')}</span>"
            f"<span>{cols:,} × {rows:,} at {scene.pixel:g} m</span><span>{escape(scene.crs)}</span></div>"
            f"<div class='pairs'>{escape(' '.join(b for b in scene.bands))}"
            f"{' · under ' + under if under else ' · under no track'}</div></div>"
        )

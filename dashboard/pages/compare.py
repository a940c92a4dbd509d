"""Compare page: which model is better, where two disagree, and what that does to freeboard."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from html import escape
from typing import Any

import numpy as np

from dashboard.comparison.compared import Pair
from dashboard.comparison.comparing import Comparer
from dashboard.comparison.disagreement import Classes
from dashboard.comparison.model_records import MOST, Model, Models
from dashboard.pages.base import Page
from dashboard.selection import Selection
from dashboard.state import Change
from dashboard.views import compare_differences, compare_freeboard, compare_models, compare_scores
from dashboard.views.compare_controls import Waiting
from dashboard.views.compare_layout import CompareLayout, command_of
from processing.errors import LeadlineError
from processing.local.status import Standing

_ROOM = 6.0
_SPANS = (400.0, 20_000.0)


class ComparePage(Page):
    """Models side by side.

    ``on_promote`` is called with the run that is to be used from now on, ``on_launch`` with a stage's key and the
    parameters it is to run with; until somebody sets them they tell the command.
    """

    key = "compare"
    title = "Compare"

    def build(self, theme: str) -> Any:
        self.on_promote: Callable[[str], None] = self._tell_promote
        self.on_launch: Callable[[str, dict[str, Any]], None] = self._tell_launch
        self._models: Models | None = None
        self._stale: list[Standing] = []
        self._version: Hashable = None
        self._looking = self._again = False
        self._unknown: tuple[str, ...] = ()
        self._found: dict[str, tuple[tuple[Any, ...], Any]] = {}
        self._surest = False
        self._classes: Classes = None
        self._waiting = Waiting(lambda: self.comparer.pool, self.later)
        self.layout = CompareLayout(self.place, theme, self.later, self._go, self._look_at, self._choose)
        return self.layout.view

    @property
    def comparer(self) -> Comparer:
        return self.place.workspace.comparer

    @property
    def chosen(self) -> tuple[Model, ...]:
        """The models that are compared, the first two side by side."""
        return self._models.chosen(self._asked)[0] if self._models else ()

    @property
    def _asked(self) -> list[str]:
        return [run.strip() for run in self.place.state.models.split(",") if run.strip()]

    @property
    def _runs(self) -> tuple[str, ...]:
        return tuple(model.run for model in self.chosen[:2])

    def wait(self, then: Callable[[], None]) -> None:
        self.wait_for(self.layout.lists["models"], then)

    def nothing(self) -> tuple[str, str, str] | None:
        workspace = self.place.workspace
        if workspace.project.runs("models"):
            return None
        if workspace.project.runs("snapshots"):
            told = "Train one on a snapshot of the labels, then another one to compare it with."
            return "No model yet", told, workspace.command("train")
        told = "Models learn from labels. This runs every stage that is still due, training among them."
        return "No model yet", told, workspace.command("run")

    def paint(self, theme: str) -> None:
        self.layout.paint(theme)

    def follow(self, change: Change) -> None:
        aspect = self.place.state.aspect
        with self.place.guard("showing the choices"):
            self.follow_track(self.layout.granule, self.layout.beam)
            self.layout.follow(self._models, self.chosen, self.comparer.has_truth())
        if not self.place.opened:
            return  # what is found before the browser has drawn the page would be lost
        # Whatever is written in the project touches everything.
        if self._models is None or change.touches("page", "granule"):
            self._look()
        with self.place.guard("comparing models"):
            self._compare()
            if change.touches("theme"):
                self.layout.map_keys.object = self.layout.map.legend() if "differences" in self._found else ""
                self._draw()
        if self._models is None or len(self._runs) < 2:
            return
        with self.place.guard("drawing along the track"):
            if aspect == "differences":
                self.layout.profile.follow(change, self._runs, self._version)
            elif aspect == "freeboard" and aspect in self._found:
                self.layout.lines.follow(change, self._found[aspect][1].runs, self._version)

    def _look(self) -> None:
        """Read the models on a thread of the workspace; once more when something changed meanwhile."""
        if self._looking:
            self._again = True
            return
        self._looking, self._again = True, False
        self.place.workspace.workers.submit(self._read_models)

    def _read_models(self) -> None:
        line = ""
        found: tuple[Hashable, Models, list[Standing]] | None = None
        try:
            found = self.comparer.version(), self.comparer.models(), self.comparer.standings()
        except (LeadlineError, OSError) as error:
            line = str(getattr(error, "line", error))
        self.later(lambda: self._looked(found, line))

    def _looked(self, found: tuple[Hashable, Models, list[Standing]] | None, line: str) -> None:
        self._looking = False
        if line:
            self.place.tell(line, "error")
        if found is not None and found[0] != self._version:
            self._version, self._models, self._stale = found
            self.follow(Change(frozenset(("models",))))
        if self._again:
            self._look()

    def _compare(self) -> None:
        """Show what is asked for, and have it made where it is not there."""
        aspect, chosen = self.place.state.aspect, self.chosen
        if self._models is None:
            self.layout.lists[aspect].content = "<p class='soft ground'>Reading the models…</p>"
            return
        self._tell_unknown(self._models)
        if aspect == "models" or len(chosen) < 2:
            self._waiting.drop()
            self._draw()
            return
        reference = self._reference
        key = (aspect, self._runs, reference if aspect == "scores" else "", self._version)
        if self._waiting.key == key:
            return
        if aspect in self._found and self._found[aspect][0] == key:
            self._waiting.drop()
            self._draw()
            return
        make = self._makers((chosen[0], chosen[1]), reference)[aspect]
        self._waiting.ask(key, make, partial(self._show, key), partial(self._tell, key), self._fail)

    def _makers(self, pair: Pair, reference: str) -> dict[str, Callable[[Callable[[str], None]], Any]]:
        comparer = self.comparer
        return {
            "scores": lambda progress: comparer.scores(pair, reference, progress),
            "differences": lambda progress: comparer.differences(pair, progress),
            "freeboard": lambda progress: comparer.freeboard(pair, progress),
        }

    @property
    def _reference(self) -> str:
        asked = str(self.place.state.ground)
        return asked if asked != "truth" or self.comparer.has_truth() else "clear"

    def _show(self, key: tuple[Any, ...], found: Any) -> None:
        aspect = key[0]
        self._waiting.drop()
        self._found[aspect] = (key, found)
        if aspect == "differences":
            self.layout.show_charts(aspect, bool(found.tracks))
            self.layout.map.show(found)
            self.layout.map_keys.object = self.layout.map.legend()
        elif aspect == "freeboard":
            self.layout.show_charts(aspect, any(found.sums))
            self.layout.spread.show(found)
            self.layout.lines.follow(Change(frozenset()), found.runs, self._version)
        self._draw()

    def _tell(self, key: tuple[Any, ...], text: str) -> None:
        """How far a comparison has come, where nothing of these two models is shown yet."""
        aspect, kept = key[0], self._found.get(key[0])
        if kept is None or kept[0][1:3] != key[1:3]:
            self.layout.lists[aspect].content = f"<p class='soft ground'>{escape(text)}…</p>"

    def _fail(self, line: str) -> None:
        self._waiting.drop()
        self.place.tell(line, "error")

    def _tell_unknown(self, models: Models) -> None:
        unknown = models.chosen(self._asked)[1]
        if unknown and unknown != self._unknown:
            self.place.tell(f"no model {', '.join(unknown)} here, passed over", "warning")
        self._unknown = unknown

    def _draw(self) -> None:
        """Write the listing in sight anew."""
        aspect, chosen, models = self.place.state.aspect, self.chosen, self._models
        if models is None:
            return
        lists, root = self.layout.lists, self.place.workspace.root
        if aspect == "models":
            lists[aspect].content = compare_models.listing(models, chosen, self._stale, self.theme, root)
            self.layout.keys.object = compare_models.legend(chosen, self.theme)
            self.layout.curves.show(chosen)
        elif len(chosen) < 2:
            lists[aspect].content = compare_models.alone(chosen, root)
        elif aspect in self._found:
            lists[aspect].content = self._told(aspect, self._found[aspect][1], (chosen[0], chosen[1]))

    def _told(self, aspect: str, found: Any, pair: Pair) -> str:
        root, comparer = self.place.workspace.root, self.comparer
        if aspect == "scores":
            return compare_scores.tables(found, pair, self.theme, comparer.how, root)
        if aspect == "freeboard":
            return compare_freeboard.tables(found, pair, self.theme, comparer.levels.how, root)
        shown = (self._surest, self._classes)
        return compare_differences.listing(found, pair, self.place.catalog, self.theme, *shown, root)

    def _go(self, values: dict[str, Any]) -> None:
        with self.place.guard("following the click"):
            if "side" in values:
                self._choose(int(values["side"]), str(values["run"]))
            elif "curve" in values:
                self._lay_over(str(values["curve"]))
            elif "use" in values:
                self.on_promote(str(values["use"]))
            elif "launch" in values:
                self.on_launch(str(values["launch"]), dict(values.get("values", {})))
            else:
                self._go_in_differences(values)

    def _go_in_differences(self, values: dict[str, Any]) -> None:
        if "look" in values:
            self._look_at(str(values["granule"]), str(values["beam"]), float(values["x"]), 0.0)
        elif "show" in values:
            self.place.state.move(granule=str(values["granule"]), beam=str(values["beam"]), x=float("nan"))
        elif "surest" in values:
            self._surest = bool(values["surest"])
            self._draw()
        elif "second" in values:
            pressed = (int(values["first"]), int(values["second"]))
            self._classes = None if pressed == self._classes else pressed
            self._draw()

    def _choose(self, side: int, run: str) -> None:
        """Let a run be A or B; where it was the other of the two they change places."""
        runs = [model.run for model in self.chosen]
        if len(runs) < 2 or runs[side] == run:
            return
        if run in runs:
            runs[runs.index(run)] = runs[side]
        runs[side] = run
        self.place.state.move(models=",".join(runs))

    def _lay_over(self, run: str) -> None:
        """Lay a run's curves over those of A and B, or take them away."""
        runs = [model.run for model in self.chosen]
        if run in runs[:2] or (run not in runs and len(runs) >= MOST):
            return
        runs = [one for one in runs if one != run] if run in runs else [*runs, run]
        self.place.state.move(models=",".join(runs))

    def _look_at(self, granule: str, beam: str, x: float, reach: float) -> None:
        """Show a place in Review; the longest stretch that the models differ in within ``reach`` (m), selected."""
        found = self._found.get("differences")
        track = found[1].find(granule, beam) if found else None
        one = track.near(x, reach) if track else None
        if one is None:
            self.place.state.move(page="review", granule=granule, beam=beam, x=x)
            return
        self.place.state.move(
            page="review",
            granule=granule,
            beam=beam,
            x=one.middle,
            span=float(np.clip(_ROOM * one.metres, *_SPANS)),
            zone="",
            selection=Selection(granule, beam, ((one.first, one.stop),)),
        )

    def _tell_promote(self, run: str) -> None:
        self.place.tell(f"to use {run} from now on: leadline promote {self.place.workspace.root} {run}")

    def _tell_launch(self, stage: str, values: dict[str, Any]) -> None:
        self.place.tell(f"to make it: {command_of(self.place.workspace.root, stage, values)}")

"""Jobs page: what is due, what runs, what ran and what came of it; new jobs are launched here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.pages.base import Page
from dashboard.state import Change
from dashboard.views.jobs_panel import JobsPanel


class JobsPage(Page):
    """The jobs of the project."""

    key = "jobs"
    title = "Jobs"

    def build(self, theme: str) -> Any:
        self._shown: tuple[str, int] | None = None
        self.panel = JobsPanel(self.place.jobs, theme=theme, sizing_mode="stretch_both", margin=0)
        self.place.jobs.on_news = self._news
        return self.panel

    def wait(self, then: Callable[[], None]) -> None:
        self.wait_for(self.panel, then)

    def nothing(self) -> tuple[str, str, str] | None:
        if self.place.catalog.granules:
            return None
        told = "Jobs make tables from granules and scenes. Add some to this project."
        return "No granule yet", told, f"leadline add {self.place.workspace.root} FILE..."

    def paint(self, theme: str) -> None:
        self.panel.theme = theme

    def follow(self, change: Change) -> None:
        self.show_plan()
        if change.touches("page"):
            with self.place.guard("listing the jobs"):
                self.panel.follow()
        # A look at the project touches everything; a form that is being filled in must not be drawn anew.
        asked = (self.place.state.launch, self.place.state.job)
        if asked != self._shown:
            self._shown = asked
            with self.place.guard("showing the job"):
                self.panel.show_place()

    def show_plan(self) -> None:
        """Show what is due by now."""
        with self.place.guard("showing what is due"):
            self.panel.show_plan()

    def _news(self, changed: Any) -> None:
        if self.place.state.page == self.key:
            self.panel.follow(changed)

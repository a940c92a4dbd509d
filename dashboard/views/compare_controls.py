"""Controls of the compare page, and who waits for a comparison while it is made."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import panel as pn

from dashboard import controls
from dashboard.comparison.compared import DroppedError, Progress
from dashboard.state import Later, State
from processing.errors import LeadlineError

log = logging.getLogger(__name__)

_PATIENCE = 0.3
"""How long a comparison may take before it is told how far it has come, and between two such lines, s."""

FoundT = TypeVar("FoundT")


class Side(controls.Bound):
    """The list that says which model is A or B."""

    def __init__(self, state: State, letter: str, choose: Callable[[str], None]) -> None:
        self._choose = choose
        widget = pn.widgets.Select(
            label=letter, options={}, width=170, margin=0, stylesheets=[controls.sheet("widgets.css")]
        )
        super().__init__(state, "models", widget)

    def follow(self, options: Mapping[str, Any] | None = None, shown: Any = None) -> None:
        """Offer the models and show the one that is chosen."""
        self._following = True
        try:
            if options is not None and dict(self.widget.options) != dict(options):
                self.widget.param.update(options=dict(options), value=shown)
            elif shown in self.widget.options.values():
                self.widget.value = shown
        finally:
            self._following = False

    def _chosen(self, event: Any) -> None:
        if not self._following and event.new:
            self._choose(str(event.new))


class Waiting:
    """One comparison at a time: a new one has the one before dropped, and only the last is shown."""

    def __init__(self, pool: Callable[[], ThreadPoolExecutor], later: Later) -> None:
        self._pool = pool
        self._later = later
        self._asked: object = None
        self.key: Hashable = None

    def ask(
        self,
        key: Hashable,
        work: Callable[[Progress], FoundT],
        show: Callable[[FoundT], None],
        tell: Callable[[str], None],
        fail: Callable[[str], None],
    ) -> None:
        """Have ``work`` run and show what it finds; meanwhile ``tell`` how far it is. ``key`` says what is asked."""
        asked = self._asked = object()
        self.key = key
        spoke = time.monotonic()

        def progress(text: str) -> None:
            nonlocal spoke
            if self._asked is not asked:
                raise DroppedError
            if time.monotonic() - spoke > _PATIENCE:
                spoke = time.monotonic()
                answer(lambda: tell(text))

        def answer(call: Callable[[], None]) -> None:
            self._later(lambda: call() if self._asked is asked else None)

        def run() -> None:
            try:
                progress("reading")
                found = work(progress)
            except DroppedError:
                return
            except Exception as error:
                if not isinstance(error, LeadlineError | OSError):
                    log.exception("comparing models failed")
                line = str(getattr(error, "line", error)) or type(error).__name__
                answer(lambda: fail(line))
                return
            answer(lambda: show(found))

        self._pool().submit(run)

    def drop(self) -> None:
        """Nothing is waited for any more."""
        self._asked = self.key = None

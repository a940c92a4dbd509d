"""One analyst's session: state, shell and pages. A spare one is built ahead: that takes as long as opening it does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import panel as pn
from bokeh.document import Document
from tornado.ioloop import IOLoop

from dashboard.data import Workspace
from dashboard.editing import carry_out
from dashboard.jobs.telling import TITLES
from dashboard.jobs_desk import JobsDesk
from dashboard.keys import press
from dashboard.one_message import as_one_message
from dashboard.pages.agreement import AgreementPage
from dashboard.pages.base import Page
from dashboard.pages.compare import ComparePage
from dashboard.pages.freeboard import FreeboardPage
from dashboard.pages.jobs import JobsPage
from dashboard.pages.overview import OverviewPage
from dashboard.pages.products import ProductsPage
from dashboard.pages.review import ReviewPage
from dashboard.place import Found, Place
from dashboard.shell import Entry, Shell
from dashboard.state import Change, State
from dashboard.zone_loader import ZoneLoader
from dashboard.zone_queue import Track
from processing.errors import LeadlineError

log = logging.getLogger(__name__)

PAGES: tuple[type[Page], ...] = (
    *(OverviewPage, ReviewPage, FreeboardPage, ProductsPage, AgreementPage, JobsPage, ComparePage),
)
_LOOK_AT_EVENTS = ("overview", "jobs", "compare")
"""Pages that tell at once what a correction made stale; elsewhere it would hold the analyst up."""

_REFILL = 1.0
"""How long after a page was drawn the next spare session is built, s."""


class Application:
    """One analyst's session: state, shell and pages, which are built when first looked at.

    It belongs to nobody until it is opened.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.state = State()
        self.shell = Shell(self.state, project=workspace.project.name)
        self.shell.pages = [{"key": page.key, "title": page.title} for page in PAGES]
        self.shell.on_key = self._key
        self.shell.on_edit = self._edit
        self.shell.on_open = self._opened
        self.place = Place(workspace, self.state, self.shell)
        self.place.drifting.later = self._later
        self.jobs = self.place.jobs = JobsDesk(self.place, self._later)
        self.jobs.on_indicator, self.jobs.notify = self.shell.show_jobs, self.shell.notify
        self.jobs.on_plan, self.jobs.on_end = self._plan_changed, self.poll
        self.shell.on_make_right = self.jobs.make_right
        self._zones = ZoneLoader(self.place, self._later)
        self._stop_listening: Callable[[], None] = _nothing
        self.main = pn.Column(sizing_mode="stretch_both", margin=0)
        self._document: Document | None = None
        self._pages: dict[str, Page] = {}
        self._ahead: dict[str, Page] = {}
        self._drawn: set[str] = set()
        self._missed: dict[str, set[str]] = {}
        self._moved: set[str] = set()
        self._origin = ""
        self._looking = self._zones_due = False
        self._made, self._builder = False, threading.current_thread()
        self._early: list[Callable[[], None]] = []
        self._behind = False
        self.when_open: Callable[[], object] = _nothing

    def build_ahead(self) -> None:
        """Build the page that takes longest, before somebody waits for it."""
        self._ahead[ReviewPage.key] = ReviewPage(self.place, self.state.theme, self._later)

    def open(self, query: dict[str, str], theme: str = "light", user: str = "") -> None:
        """Give the session to whom the present document is served, at the place that the address names."""
        self._document, self._builder = pn.state.curdoc, threading.current_thread()
        self.place.opened = self._document is None
        self.shell.log_in(user)
        self.state.move(theme=theme)
        self._stop_listening = self.place.workspace.book.listen(self._labels_changed)
        with self.shell.guard("opening the project"):
            for line in self.state.restore(query):
                self.shell.tell(line, "warning")
            self.place.refresh(self.place.look())
            self._show_badge()
            for trouble in self.place.catalog.troubles:
                self.shell.tell(trouble, "error")
        self.state.listen(self._changed)
        self.jobs.begin()
        self._changed(Change(frozenset(self.state.parts())))
        self._made = True
        while self._early:
            self._soon(self._early.pop(0))

    @property
    def _watched(self) -> bool:
        """Whether a browser is connected. A page that was left or lost its line lives on for a while unseen."""
        context = self._document.session_context if self._document is not None else None
        session = getattr(context, "session", None)
        return session is None or session.connection_count > 0

    def _opened(self) -> None:
        self.place.opened = True
        self.place.watched = lambda: self._watched
        self._catch_up()
        self._changed(Change(frozenset(self.state.parts())))
        self.when_open()

    def poll(self) -> None:
        """Look whether a stage has written something since; everything in sight is then drawn again."""
        if not self._watched:
            return
        self._catch_up()
        if not self._looking:
            self._looking = True
            self.place.workspace.workers.submit(self._look)

    def _look(self) -> None:
        try:
            self.place.workspace.book.refresh()
            found = self.place.look(events=self.state.page in _LOOK_AT_EVENTS)
            self._later(lambda: self._refreshed(found))
        except (LeadlineError, OSError) as error:
            log.warning("the project cannot be read just now: %s", error)
        except Exception:
            log.exception("looking at the project failed")
        finally:
            self._looking = False

    def _refreshed(self, found: Found) -> None:
        if self.place.refresh(found):
            self._show_badge()
            self._changed(Change(frozenset(self.state.parts())))

    def _plan_changed(self) -> None:
        self._show_stale()
        page = self._pages.get(JobsPage.key)
        if isinstance(page, JobsPage):
            page.show_plan()

    def _show_stale(self) -> None:
        """Tell on every page what no longer follows from its inputs, and as soon as labels are corrected."""
        pending = self.jobs.pending
        self.shell.show_stale([{"title": TITLES[one.stage], "why": one.why or "not made yet"} for one in pending])

    def _show_badge(self) -> None:
        synthetic = self.place.catalog.synthetic
        self.shell.badge = "synthetic data" if synthetic else ""
        self.shell.badge_meaning = "Granules and scenes of this project were made by leadline twin" if synthetic else ""
        self._show_stale()

    def _changed(self, change: Change) -> None:
        """Gather changes and draw them together on the next turn of the loop, where the document may be changed."""
        fresh = not self._moved
        self._origin = change.origin if fresh or change.origin == self._origin else ""
        self._moved |= change.names
        if fresh:
            self._soon(self._flush)

    def _flush(self) -> None:
        if self._made and not self.place.opened:
            # A browser leaves out changes that overtake the document itself; once opened, the whole page is drawn.
            self._moved = set()
            return
        with self.shell.guard("finding the place"):
            self.place.settle()
            self._zones_due |= not self._moved.isdisjoint(("page", "granule"))  # both move after every new look
            if self._zones_due and self.state.page == "review":
                self._zones.follow()
                self._zones_due = False
        names, self._moved = frozenset(self._moved), set()
        if "edits" in names:
            self._show_stale()
        self.shell.show_address()
        self._dispatch(Change(names, self._origin))

    def _dispatch(self, change: Change) -> None:
        """Show a change on the page in sight; one still on its way to the browser is drawn once it is there."""
        for key in self._missed:
            self._missed[key] |= change.names
        key = self.state.page
        with self.place.workspace.steady(), self.shell.guard(f"drawing the {key} page"):
            page = self._page(key)
            self._missed[key] |= change.names
            for other, built in self._pages.items():
                built.view.visible = other == key
            if page.awaited:
                return
            with self._looked_through_once(key):
                page.update(Change(frozenset(self._missed[key]), change.origin))
            self._missed[key] = set()
        if self.place.opened:
            self.shell.ready(key)

    @contextmanager
    def _looked_through_once(self, key: str) -> Iterator[None]:
        """Where a page is drawn for the first time, look through the document's models once, at the end.

        The page itself is in the document by then: Panel needs to know whose a model is.
        """
        if self._document is None or key in self._drawn or not self.place.opened:
            yield
            return
        frozen = self._document.models.freeze()
        frozen.__enter__()
        try:
            yield
        finally:  # a failure thrown into it would leave the models frozen
            frozen.__exit__(None, None, None)
        self._drawn.add(key)

    def _page(self, key: str) -> Page:
        if key not in self._pages:
            kind = next((page for page in PAGES if page.key == key), PAGES[0])
            page = self._ahead.pop(key, None) or kind(self.place, self.state.theme, self._later)
            if isinstance(page, ComparePage):
                page.on_promote, page.on_launch = self.jobs.promote, self.jobs.launch_stage
            if self._made:
                page.wait(lambda: self._dispatch(Change(frozenset())))
            self._pages[key] = page
            self._missed[key] = set(self.state.parts())
            self.main.append(page.view)
        return self._pages[key]

    def _later(self, call: Callable[[], None]) -> None:
        """Run ``call`` soon, from whatever thread, where the document may be changed."""

        def guarded() -> None:
            with self.shell.guard("drawing"):
                call()

        self._soon(guarded)

    def _soon(self, call: Callable[[], None]) -> None:
        """Run ``call`` under the document's lock; at once while the page is still being made or was never served."""
        context = self._document.session_context if self._document is not None else None
        building = not self._made and threading.current_thread() is self._builder
        if self._document is None or building:
            call()
        elif not self._made:
            self._early.append(call)
        elif context is not None and not context.destroyed:
            document = self._document
            document.add_next_tick_callback(lambda: as_one_message(document, call))

    def _key(self, key: str, shift: bool) -> None:
        with self.shell.guard(f"key {key}"):
            press(self.place, key, shift)

    def _edit(self, entry: Entry) -> None:
        """Carry out an edit of the browser's; it is answered once it is on disk."""
        self._catch_up()
        done = carry_out(self.place.desk, entry)
        if done.told:
            self.shell.tell(done.told)
        self.shell.stored(str(entry["gesture"]), max((event.at for event in done.events), default=None))

    def _labels_changed(self, _: set[Track]) -> None:
        """Another session or program recorded events; a page that nobody sees follows when it is seen again."""
        if self.place.desk.writing:
            return
        if self._watched:
            self._later(self.place.desk.follow)
        else:
            self._behind = True

    def _catch_up(self) -> None:
        """Follow what was recorded while nobody saw the page."""
        if self._behind:
            self._behind = False
            self.place.desk.follow()

    def close(self) -> None:
        """Let go of what outlives the session."""
        self._stop_listening()
        self.jobs.close()


class Spares:
    """Sessions for a project; one is built while nobody waits for it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._spare: Application | None = None

    def take(self) -> Application:
        """A session that nobody has; the next spare one is built once its page has been drawn."""
        taken, self._spare = self._spare or Application(self.workspace), None
        taken.when_open = lambda: IOLoop.current().call_later(_REFILL, self.fill)
        return taken

    def fill(self) -> None:
        """Build a spare session where there is none."""
        if self._spare is not None:
            return
        try:
            spare = Application(self.workspace)
            spare.build_ahead()
            self._spare = spare
        except Exception:
            log.exception("no session could be built ahead; opening a page takes longer")


def _nothing() -> None:
    """There is nothing to stop before the session is opened."""

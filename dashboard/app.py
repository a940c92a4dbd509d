"""One server process: the page of every session over one project, its tiles and its static files."""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import panel as pn
from bokeh.document import Document

from dashboard import detail, palette, tiles
from dashboard.auth import Secret, provider, read_users
from dashboard.controls import STATIC
from dashboard.data import Workspace
from dashboard.editing import carry_out
from dashboard.keys import press
from dashboard.one_message import as_one_message
from dashboard.pages.agreement import AgreementPage
from dashboard.pages.base import Page
from dashboard.pages.freeboard import FreeboardPage
from dashboard.pages.overview import OverviewPage
from dashboard.pages.review import ReviewPage
from dashboard.place import Found, Place
from dashboard.shell import Entry, Shell
from dashboard.state import Change, State
from dashboard.zone_loader import ZoneLoader
from dashboard.zone_queue import Track
from processing.errors import InputError, LeadlineError

log = logging.getLogger(__name__)

PAGES: tuple[type[Page], ...] = (OverviewPage, ReviewPage, FreeboardPage, AgreementPage)
POLL = 4_000
EVERYWHERE = "0.0.0.0"  # noqa: S104
_CONNECTS_AGAIN = 7 * 86_400
"""How long after it was opened a page may take up its session again when the connection was lost, s."""


@dataclass(frozen=True)
class Address:
    """Where the server listens; ``origins`` may open the page's websocket besides the address itself."""

    host: str = "127.0.0.1"
    port: int = 5006
    origins: tuple[str, ...] = ()


class Application:
    """One analyst's session: state, shell and pages, which are built when first looked at."""

    def __init__(self, workspace: Workspace, query: dict[str, str], theme: str, user: str = "") -> None:
        self.state = State(theme=theme)
        self.shell = Shell(self.state, project=workspace.project.name, user=user)
        self.shell.pages = [{"key": page.key, "title": page.title} for page in PAGES]
        self.shell.on_key = self._key
        self.shell.on_edit = self._edit
        self.shell.on_open = self._opened
        self.place = Place(workspace, self.state, self.shell)
        self.place.drifting.later = self._later
        self._zones = ZoneLoader(self.place, self._later)
        self._stop_listening = workspace.book.listen(self._labels_changed)
        self.main = pn.Column(sizing_mode="stretch_both", margin=0)
        self._document: Document | None = pn.state.curdoc
        self._pages: dict[str, Page] = {}
        self._missed: dict[str, set[str]] = {}
        self._moved: set[str] = set()
        self._origin = ""
        self._looking = self._zones_due = False
        self._made, self._builder = False, threading.current_thread()
        self._early: list[Callable[[], None]] = []
        self._behind = False
        self._open(query)
        self._made = True
        while self._early:
            self._soon(self._early.pop(0))

    def _open(self, query: dict[str, str]) -> None:
        with self.shell.guard("opening the project"):
            for line in self.state.restore(query):
                self.shell.tell(line, "warning")
            self.place.refresh(self.place.look())
            self._show_badge()
            for trouble in self.place.catalog.troubles:
                self.shell.tell(trouble, "error")
        self.state.listen(self._changed)
        self._changed(Change(frozenset(self.state.parts())))

    @property
    def _watched(self) -> bool:
        """Whether a browser is connected. A page that was left or lost its line lives on for a while unseen."""
        context = self._document.session_context if self._document is not None else None
        session = getattr(context, "session", None)
        return session is None or session.connection_count > 0

    def _opened(self) -> None:
        self.place.opened = True
        self._catch_up()
        self._changed(Change(frozenset({"image"})))

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
            found = self.place.look(events=self.state.page == "overview")
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

    def _show_badge(self) -> None:
        synthetic = self.place.catalog.synthetic
        self.shell.badge = "synthetic data" if synthetic else ""
        self.shell.badge_meaning = "Granules and scenes of this project were made by leadline twin" if synthetic else ""

    def _changed(self, change: Change) -> None:
        """Gather changes and draw them together on the next turn of the loop, where the document may be changed."""
        fresh = not self._moved
        self._origin = change.origin if fresh or change.origin == self._origin else ""
        self._moved |= change.names
        if fresh:
            self._soon(self._flush)

    def _flush(self) -> None:
        with self.shell.guard("finding the place"):
            self.place.settle()
            self._zones_due |= not self._moved.isdisjoint(("page", "granule"))  # both move after every new look
            if self._zones_due and self.state.page == "review":
                self._zones.follow()
                self._zones_due = False
        names, self._moved = frozenset(self._moved), set()
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
            page.update(Change(frozenset(self._missed[key]), change.origin))
            self._missed[key] = set()
        self.shell.ready(key)

    def _page(self, key: str) -> Page:
        if key not in self._pages:
            kind = next((page for page in PAGES if page.key == key), PAGES[0])
            page = kind(self.place, self.state.theme, self._later)
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


def make_page(workspace: Workspace) -> Callable[[], pn.Template]:
    """A function that makes the page of one session."""
    source = (STATIC / "page.html").read_text(encoding="utf-8")

    def page() -> pn.Template:
        query = {name: values[0].decode() for name, values in pn.state.session_args.items() if values}
        wanted = pn.state.cookies.get("leadline-theme", "light")
        theme = wanted if wanted in palette.THEMES else "light"
        app = Application(workspace, query, theme, str(pn.state.user or ""))
        template = pn.Template(source)
        template.add_panel("shell", app.shell)
        template.add_panel("main", app.main)
        template.add_variable("theme", theme)
        template.add_variable("theme_css", theme_css())
        template.add_variable("project", workspace.project.name)
        template.add_variable("root_path", "")
        template.title = f"{workspace.project.name} · Leadline"
        pn.state.add_periodic_callback(app.poll, POLL)
        pn.state.on_session_destroyed(lambda _: app.close())
        return template

    return page


def theme_css() -> str:
    """The themes' colours as CSS variables."""
    rules = []
    for name in palette.THEMES:
        where = ":root" if name == "light" else ':root[data-theme="dark"]'
        body = "".join(f"--{role}:{colour};" for role, colour in palette.theme(name).items())
        rules.append(f"{where}{{color-scheme:{name};{body}}}")
    return "".join(rules)


def make_server(root: Path, address: Address, users: Mapping[str, Secret] | None = None) -> Any:
    """A server for the project, listening but not yet running; with ``users`` it asks who opens the page.

    Raises MissingError when ``root`` is no project, InputError when the port is taken.
    """
    workspace, port = Workspace(root), _chosen_port(address)
    pn.config.notifications = False
    pn.config.design = None
    options: dict[str, Any] = {}
    if users:
        options = {"auth_provider": provider(users), "cookie_secret": secrets.token_hex(32)}
    try:
        server = pn.serve(
            {"/": make_page(workspace)},
            address=address.host,
            port=port,
            websocket_origin=_origins(address, port),
            show=False,
            start=False,
            verbose=False,
            title="Leadline",
            session_token_expiration=_CONNECTS_AGAIN,
            static_dirs={"assets": str(palette.ASSETS), "static-leadline": str(STATIC)},
            extra_patterns=tiles.patterns(workspace.painter),
            **options,
        )
    except OSError as error:
        mend = "choose another --port or --address"
        raise InputError(
            f"cannot listen ({error.strerror})", where=f"{address.host}:{address.port}", mend=mend
        ) from None
    workspace.workers.submit(warm, workspace)
    return server


def _chosen_port(address: Address) -> int:
    """The port asked for, or one that is free: the websocket's origins must name it before the server has it."""
    if address.port:
        return address.port
    with socket.socket() as probe:
        probe.bind((address.host, 0))
        return int(probe.getsockname()[1])


def _origins(address: Address, port: int) -> list[str]:
    """Hosts that may open the websocket."""
    own = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", address.host) if name != EVERYWHERE}
    return sorted(own | set(address.origins))


def run(root: Path, address: Address, auth: Path | None = None, show: bool = True) -> None:
    """Serve until interrupted; says where the page is."""
    users = read_users(auth) if auth is not None else None
    server = make_server(root, address, users)
    shown = "localhost" if address.host in ("127.0.0.1", EVERYWHERE) else address.host
    where = f"http://{shown}:{server.port}/"
    click.echo(f"Leadline shows {root} at {where} (Ctrl-C ends it)")
    if users is None and address.host not in ("127.0.0.1", "localhost"):
        log.warning("anybody who reaches %s may look at the project; restrict it with --auth FILE", where)
    server.start()
    if show:
        server.io_loop.add_callback(webbrowser.open, where)
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        click.echo("stopped")
    finally:
        server.stop(wait=False)


def warm(workspace: Workspace) -> None:
    """Compile and read what the first look needs, before anybody looks."""
    try:
        from dashboard import catalog, effects

        detail.warm()
        workspace.catalog((*catalog.signature(workspace.project), workspace.book.last_id))
        workspace.painter.warm()
        effects.warm()
    except Exception:
        log.exception("warming up failed; the first look will be slower")

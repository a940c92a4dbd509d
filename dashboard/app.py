"""One server process: the page of every session over one project, its tiles and its static files."""

from __future__ import annotations

import gc
import logging
import secrets
import socket
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import panel as pn
from bokeh.settings import settings

from dashboard import detail, exporting, palette, tiles
from dashboard.application import Spares
from dashboard.auth import Secret, provider, read_users
from dashboard.controls import STATIC
from dashboard.data import Workspace
from dashboard.frame import THEME_COOKIE, Frame, chosen_theme, streamed
from dashboard.jobs import downloads
from processing.errors import InputError

log = logging.getLogger(__name__)

POLL = 4_000
EVERYWHERE = "0.0.0.0"  # noqa: S104
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NO_JOBS = "anybody who reaches this page is let in, so no job can be launched from it; serve it with --auth FILE"
_CONNECTS_AGAIN = 7 * 86_400
"""How long after it was opened a page may take up its session again when the connection was lost, s."""


@dataclass(frozen=True)
class Address:
    """Where the server listens; ``origins`` may open the page's websocket besides the address itself."""

    host: str = "127.0.0.1"
    port: int = 5006
    origins: tuple[str, ...] = ()


def make_page(spares: Spares) -> Callable[[], Frame]:
    """A function that makes the page of one session."""

    def page() -> Frame:
        query = {name: values[0].decode() for name, values in pn.state.session_args.items() if values}
        theme = chosen_theme(pn.state.cookies.get(THEME_COOKIE))
        app = spares.take()
        app.open(query, theme, str(pn.state.user or ""))
        frame = Frame(spares.workspace.project.name, theme, shell=app.shell, main=app.main)
        pn.state.add_periodic_callback(app.poll, POLL)
        pn.state.on_session_destroyed(lambda _: app.close())
        return frame

    return page


def make_server(
    root: Path, address: Address, users: Mapping[str, Secret] | None = None, own_process: bool = False
) -> Any:
    """A server for the project, listening but not yet running; with ``users`` it asks who opens the page.

    Raises MissingError when ``root`` is no project, InputError when the port is taken.
    """
    workspace, port = Workspace(root), _chosen_port(address)
    if not users and address.host not in _LOOPBACK:
        workspace.no_jobs = _NO_JOBS
    spares = Spares(workspace)
    pn.config.notifications = False
    pn.config.design = None
    options: dict[str, Any] = {}
    if users:
        options = {"auth_provider": provider(users), "cookie_secret": secrets.token_hex(32)}
    try:
        with streamed():
            server = pn.serve(
                {"/": make_page(spares)},
                address=address.host,
                port=port,
                websocket_origin=_origins(address, port),
                show=False,
                start=False,
                verbose=False,
                title="Leadline",
                session_token_expiration=_CONNECTS_AGAIN,
                static_dirs={"assets": str(palette.ASSETS), "static-leadline": str(STATIC)},
                extra_patterns=[
                    *tiles.patterns(workspace.painter),
                    *downloads.patterns(workspace.jobs),
                    *exporting.patterns(workspace),
                ],
                **options,
            )
    except OSError as error:
        mend = "choose another --port or --address"
        raise InputError(
            f"cannot listen ({error.strerror})", where=f"{address.host}:{address.port}", mend=mend
        ) from None
    workspace.workers.submit(warm, workspace, own_process)
    if own_process:
        workspace.jobs.begin()
    server.io_loop.add_callback(spares.fill)
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
    settings.perform_document_validation = False  # a check for those who write pages
    server = make_server(root, address, users, own_process=True)
    shown = "localhost" if address.host in ("127.0.0.1", EVERYWHERE) else address.host
    where = f"http://{shown}:{server.port}/"
    click.echo(f"Leadline shows {root} at {where} (Ctrl-C ends it)")
    if users is None and address.host not in _LOOPBACK:
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


def warm(workspace: Workspace, own_process: bool = False) -> None:
    """Compile and read what the first look needs, before anybody looks.

    In a process of the server's own, what is there by then stays: looking through it for garbage again and again would
    hold up an edit for a fifth of a second now and then.
    """
    try:
        from dashboard import catalog, effects

        detail.warm()
        workspace.catalog((*catalog.signature(workspace.project), workspace.book.last_id))
        workspace.painter.warm()
        effects.warm()
        if own_process:
            gc.collect()
            gc.freeze()
    except Exception as error:
        if "interpreter shutdown" not in str(error):  # somebody ended the server before it was warm
            log.exception("warming up failed; the first look will be slower")

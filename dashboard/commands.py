"""``leadline serve``, ``user``, ``jobs`` and ``screenshots``. Panel is imported when a command runs."""

from __future__ import annotations

from pathlib import Path

import click

from processing.cli import PLACE
from processing.errors import InputError
from processing.places import is_remote

_FOLDER = click.Path(path_type=Path, file_okay=False)


def register(program: click.Group) -> None:
    """Hang the commands of this package on ``program``."""
    for command in (serve, user, jobs, screenshots):
        program.add_command(command)


@click.command(short_help="Show a project in the browser.")
@click.argument("project", type=PLACE)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=5006, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for everywhere.")
@click.option("--origin", multiple=True, help="HOST:PORT that the page is reached by from elsewhere; may be repeated.")
@click.option("--auth", type=click.Path(path_type=Path, dir_okay=False), help="File of users, see leadline user.")
@click.option("--no-show", is_flag=True, help="Do not open a browser.")
def serve(project: Path, port: int, address: str, origin: tuple[str, ...], auth: Path | None, no_show: bool) -> None:
    """Serve the pages of PROJECT until interrupted.

    One process serves everybody, and nothing it shows comes from anywhere else. Jobs that are launched from the page go
    on when it ends; those that wait start when their turn comes.
    """
    from dashboard.app import Address, run

    if is_remote(project):
        raise InputError("only a project on this machine is served", where=project, mend="copy its folder here first")
    run(project, Address(address, port, origin), auth, show=not no_show)


@click.command(short_help="Add a user who may open the page.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("name")
@click.password_option(help="Password; asked for when not given.")
def user(file: Path, name: str, password: str) -> None:
    """Add user NAME to FILE, or change the password. Passwords are kept as salted hashes only."""
    from dashboard.auth import add_user

    add_user(file, name, password)
    click.echo(f"{name} may now open a page served with: leadline serve PROJECT --auth {file}")


@click.command(short_help="Jobs that were launched from the page: list, log, cancel.")
@click.argument("project", type=_FOLDER)
@click.option("--log", "said", type=int, metavar="ID", help="Print the log of a job instead.")
@click.option("--cancel", type=int, metavar="ID", help="Ask that a job ends.")
@click.option("--most", type=click.IntRange(1), default=20, show_default=True, help="Most jobs to list.")
def jobs(project: Path, said: int | None, cancel: int | None, most: int) -> None:
    """List the jobs of PROJECT that were launched from the page, the newest first, with how they stand."""
    from dashboard.jobs.listing import cancelled, listed, log_of

    if said is not None:
        click.echo(log_of(project, said), nl=False)
    elif cancel is not None:
        click.echo(cancelled(project, cancel))
    else:
        listed(project, most)


@click.command(short_help="Pictures of every page for the docs.")
@click.argument("project", type=_FOLDER)
@click.option("--out", type=_FOLDER, required=True, help="Folder of the pictures.")
@click.option("--chromium", default="/usr/bin/chromium", show_default=True, help="Browser to draw with.")
@click.option("--size", default="1366x768", show_default=True, help="Width and height of the window in pixels.")
@click.option("--scale", type=click.FloatRange(1, 3), default=1.0, show_default=True, help="Device pixels per pixel.")
def screenshots(project: Path, out: Path, chromium: str, size: str, scale: float) -> None:
    """Draw every page of PROJECT, light and dark, into PNG files."""
    from dashboard.screenshots import draw_all, window_size

    for path in draw_all(project, out, chromium, window_size(size), scale):
        click.echo(str(path))

"""``leadline freeboard`` and ``leadline export``: sea surface and freeboard, and tables for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import at_work, stage_options
from processing.project import Project
from processing.stages import Freeboard

_PATH = click.Path(path_type=Path)


@click.command("freeboard")
@click.argument("project", type=_PATH)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Freeboard)
def freeboard_command(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Compute local sea surface and freeboard of PROJECT from its classes."""
    from processing.local.freeboard import freeboard

    with at_work(project, Freeboard, options, partly=bool(granules)) as (opened, stage):
        run = freeboard(opened, stage, list(granules) or None)
    click.echo(f"freeboard {run} is up to date, {len(opened.tracks('freeboard', run))} tracks")


@click.command("export")
@click.argument("project", type=_PATH)
@click.option(
    "--what",
    type=click.Choice(["segments", "autolabels", "snapshots", "predictions", "freeboard", "truth"]),
    default="freeboard",
    show_default=True,
    help="Table to write.",
)
@click.option("--run", default="", help="Run or snapshot; the newest when not given.")
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--out", type=_PATH, required=True, help="File to write.")
def export_command(project: Path, what: str, run: str, form: str, out: Path) -> None:
    """Write one table of PROJECT, with time and place of every segment, to one file."""
    from processing.local.export import export

    rows = export(Project(project), what, run, form, out)
    click.echo(f"{out}: {rows} rows")


COMMANDS: tuple[click.Command, ...] = (freeboard_command, export_command)

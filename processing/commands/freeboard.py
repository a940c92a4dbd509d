"""``leadline freeboard`` and ``leadline export``: sea surface and freeboard, and tables for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.progress import LOOKING, tell, waiting
from processing.project import Project
from processing.stages import Freeboard


@click.command("freeboard")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Freeboard)
@engine_options()
def freeboard_command(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Compute local sea surface and freeboard of PROJECT from its classes."""
    with at_work(project, Freeboard, options, partly=bool(granules)) as (opened, stage):
        engine = chosen_engine(opened, options)
        if engine.on_spark:
            with waiting(LOOKING):
                from processing.spark import freeboard as spark

            run = spark.freeboard(opened, stage, engine, list(granules) or None)
        else:
            with waiting(LOOKING):
                from processing.local import freeboard as local

            run = local.freeboard(opened, stage, list(granules) or None)
    tell(result=run)
    click.echo(f"freeboard {run} is up to date, {len(opened.tracks('freeboard', run))} tracks")


@click.command("export")
@click.argument("project", type=PLACE)
@click.option(
    "--what",
    type=click.Choice(["segments", "autolabels", "snapshots", "predictions", "freeboard", "truth"]),
    default="freeboard",
    show_default=True,
    help="Table to write.",
)
@click.option("--run", default="", help="Run or snapshot; the newest when not given.")
@click.option("--format", "form", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--out", type=PLACE, required=True, help="File to write.")
def export_command(project: Path, what: str, run: str, form: str, out: Path) -> None:
    """Write one table of PROJECT, with time and place of every segment, to one file."""
    from processing.local.export import export

    rows = export(Project(project), what, run, form, out)
    click.echo(f"{out}: {rows} rows")


COMMANDS: tuple[click.Command, ...] = (freeboard_command, export_command)

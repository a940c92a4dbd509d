"""``leadline freeboard``: sea surface and freeboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.progress import LOOKING, tell, waiting
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


COMMANDS: tuple[click.Command, ...] = (freeboard_command,)

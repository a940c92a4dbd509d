"""``leadline autolabel``: scenes to labels of segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.progress import LOOKING, waiting
from processing.stages import Autolabel


@click.command("autolabel")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Autolabel)
@engine_options()
def autolabel_command(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Label the segments of PROJECT's granules from the scenes they cross, ice drift undone."""
    with at_work(project, Autolabel, options, partly=bool(granules)) as (opened, stage):
        engine = chosen_engine(opened, options)
        if engine.on_spark:
            with waiting(LOOKING):
                from processing.spark import autolabel as spark

            spark.autolabel(opened, stage, engine, list(granules) or None)
        else:
            with waiting(LOOKING):
                from processing.local import autolabel as local

            local.autolabel(opened, stage, list(granules) or None)
    click.echo(f"auto-labels are up to date, {len(opened.tracks('autolabels'))} tracks")


COMMANDS: tuple[click.Command, ...] = (autolabel_command,)

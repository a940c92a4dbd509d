"""``leadline resample``: photons to 2 m segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.places import place
from processing.progress import LOOKING, waiting
from processing.stages import Resample


@click.command("resample")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Resample)
@engine_options()
def resample_command(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Gather the photons of PROJECT's granules in windows of 2 m along the track."""
    if options["mean_sea_surface"]:
        options["mean_sea_surface"] = str(place(options["mean_sea_surface"]).resolve())
    with at_work(project, Resample, options, partly=bool(granules)) as (opened, stage):
        engine = chosen_engine(opened, options)
        if engine.on_spark:
            with waiting(LOOKING):
                from processing.spark import resample as spark

            spark.resample(opened, stage, engine, list(granules) or None)
        else:
            with waiting(LOOKING):
                from processing.local import resample as local

            local.resample(opened, stage, list(granules) or None)
    click.echo(f"segments are up to date, {len(opened.tracks('segments'))} tracks")


COMMANDS: tuple[click.Command, ...] = (resample_command,)

"""``leadline autolabel``: scenes to labels of segments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import at_work, stage_options
from processing.stages import Autolabel


@click.command("autolabel")
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Autolabel)
def autolabel_command(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Label the segments of PROJECT's granules from the scenes they cross, ice drift undone."""
    from processing.local.autolabel import autolabel

    with at_work(project, Autolabel, options, partly=bool(granules)) as (opened, stage):
        autolabel(opened, stage, list(granules) or None)
    click.echo(f"auto-labels are up to date, {len(opened.tracks('autolabels'))} tracks")


COMMANDS: tuple[click.Command, ...] = (autolabel_command,)

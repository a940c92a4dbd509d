"""``leadline twin``: synthetic granules, scenes, companions and truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import given, stage_options
from processing.errors import InputError
from processing.twin.parameters import Twin


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@stage_options(Twin)
def twin(folder: Path, **options: Any) -> None:
    """Write synthetic granules, scenes, ATL07 and ATL10 companions, and the truth, to FOLDER."""
    parameters = Twin()
    for name, value in given(options, Twin).items():
        try:
            setattr(parameters, name, value)
        except ValueError as error:
            raise InputError(f"twin {name} = {value!r}: {error}") from None
    from processing.twin.make import make_twin

    make_twin(folder, parameters)
    click.echo(f"{folder}: {parameters.granules} synthetic pairs of {parameters.km:g} km, seed {parameters.seed}")


COMMANDS: tuple[click.Command, ...] = (twin,)

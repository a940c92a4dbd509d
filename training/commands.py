"""``leadline train`` and ``leadline classify``. Torch is imported when a command runs, not before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.stages import Classify, Train


def register(program: click.Group) -> None:
    """Hang the commands of this package on ``program``."""
    program.add_command(train)
    program.add_command(classify)


@click.command("train", short_help="Snapshot to model.")
@click.argument("project", type=PLACE)
@stage_options(Train)
def train(project: Path, **options: Any) -> None:
    """Train a classifier on a snapshot of PROJECT, test it on whole granules held out, and write its model card."""
    with at_work(project, Train, options) as (opened, stage):
        from training.train import train as run_training

        name = run_training(opened, stage)
    click.echo(f"model {name}: {opened.root / 'models' / name / 'card.md'}")


@click.command("classify", short_help="Model to class probabilities for every segment.")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@stage_options(Classify)
@engine_options()
def classify(project: Path, granules: tuple[str, ...], **options: Any) -> None:
    """Classify every segment of PROJECT with a trained model."""
    with at_work(project, Classify, options, partly=bool(granules)) as (opened, stage):
        engine = chosen_engine(opened, options)
        if engine.on_spark:
            from training import on_spark

            name = on_spark.classify(opened, stage, engine, list(granules) or None)
        else:
            from training import classify as local

            name = local.classify(opened, stage, list(granules) or None)
    click.echo(f"predictions {name}: {opened.root / 'predictions' / name}")

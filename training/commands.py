"""``leadline train``, ``promote``, ``evaluate`` and ``classify``. Torch is imported when a command runs, not before."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, at_work, chosen_engine, engine_options, stage_options
from processing.errors import InputError
from processing.progress import tell, waiting
from processing.project import Project
from processing.stages import Classify, Evaluate, Train


def register(program: click.Group) -> None:
    """Hang the commands of this package on ``program``."""
    for command in (train, promote, evaluate, classify):
        program.add_command(command)


@click.command("train", short_help="Snapshot to model.")
@click.argument("project", type=PLACE)
@stage_options(Train)
def train(project: Path, **options: Any) -> None:
    """Train a classifier on a snapshot of PROJECT, test it on whole granules held out, and write its model card."""
    with at_work(project, Train, options) as (opened, stage):
        _end_soon()
        with waiting("reading the snapshot"):
            from training.begin import train as run_training

        name = run_training(opened, stage)
    tell(result=name)
    click.echo(f"model {name}: {opened.root / 'models' / name / 'card.md'}")


@click.command("promote", short_help="Let a model be the one in use.")
@click.argument("project", type=PLACE)
@click.argument("run")
def promote(project: Path, run: str) -> None:
    """Let the model RUN of PROJECT be the one in use: what classify takes, and the alias in-use in the registry.

    Its training parameters become those of the project, so that training again is due only for other labels.
    """
    opened = Project(project)
    from training.adopt import promote as let_be_used
    from training.adopt import take_settings

    let_be_used(opened, run, opened.stage(Train).tracking)
    take_settings(opened, run)
    click.echo(f"model {run} is in use")


@click.command("evaluate", short_help="How good models are: tables and figures.")
@click.argument("project", type=PLACE)
@stage_options(Evaluate)
def evaluate(project: Path, **options: Any) -> None:
    """Train and test models on a snapshot of PROJECT by several protocols and seeds; print tables, write figures.

    The paper's random split stands beside whole granules, regions and seasons held out. There every model is made with
    the parameters that train would take, but with its own batch and features. An interrupted evaluation goes on.
    """
    with at_work(project, Evaluate, options) as (opened, stage):
        from rich.console import Console

        with _loading():
            from training.evaluate import evaluate as run_evaluation
            from training.report import tables

        folder, rows = run_evaluation(opened, stage)
    tell(result=folder.name)
    console = Console(width=None if Console().is_terminal else 110)
    for table in tables(rows):
        console.print(table)
    click.echo(f"{folder / 'report.md'} and figures")


@click.command("classify", short_help="Model to class probabilities for every segment.")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@click.option("--model", help="Folder of a model of another project, which is taken into this one first.")
@stage_options(Classify)
@engine_options()
def classify(project: Path, granules: tuple[str, ...], model: str | None, **options: Any) -> None:
    """Classify every segment of PROJECT with a trained model."""
    if model:
        if options["run_name"]:
            raise InputError("--model and --run-name both say which model", where="classify", mend="give one of them")
        with _loading():
            from training.adopt import adopt

        options["run_name"] = adopt(Project(project), model)
    with at_work(project, Classify, options, partly=bool(granules)) as (opened, stage):
        engine = chosen_engine(opened, options)
        if engine.on_spark:
            with _loading():
                from training import on_spark

            name = on_spark.classify(opened, stage, engine, list(granules) or None)
        else:
            with _loading():
                from training import classify as local

            name = local.classify(opened, stage, list(granules) or None)
    tell(result=name)
    click.echo(f"predictions {name}: {opened.root / 'predictions' / name}")


@contextmanager
def _loading() -> Iterator[None]:
    """Tell that PyTorch is loaded while the block imports what needs it."""
    _end_soon()
    with waiting("loading PyTorch"):
        yield


def _end_soon() -> None:
    """Spare the program the last collection, 0.7 s through all that PyTorch and MLflow have loaded."""
    atexit.register(gc.freeze)

"""``leadline scaling``: how the stages' times fall with executors and cores, and what that means for a hemisphere."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processing.cli import PLACE, call, chosen_engine, engine_options
from processing.cores import available_cores
from processing.errors import InputError, MissingError
from processing.io.atomic import aside, write_text
from processing.project import Project
from processing.stages import STAGES, Engine

if TYPE_CHECKING:
    from rich.table import Table

    from processing.local.status import Standing
    from processing.spark.projection import Projection
    from processing.spark.scaling import Measured, Setup

_STAGES = ("resample", "autolabel", "classify", "freeboard")
_PAPER = {"autolabel": " (Table II of the paper)", "freeboard": " (Table V of the paper)"}
_HEADINGS = ("set-up", "load", "map", "reduce", "whole", "tasks", "load x", "whole x", "of ideal")


def _numbers(_context: click.Context, _option: click.Parameter, text: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise click.BadParameter(f"{text!r} is not of the form 1,2,4")
    return [int(word) for word in words]


@click.command("scaling")
@click.argument("project", type=PLACE)
@click.option("--stage", "keys", multiple=True, type=click.Choice(_STAGES), help="Only this stage; may be given again.")
@click.option("--executors", default="1,2,4", show_default=True, callback=_numbers, help="Numbers of executors to try.")
@click.option("--cores-each", default="1,2,4", show_default=True, callback=_numbers, help="Cores of each to try.")
@engine_options(("master", "executor_memory", "executor_python"))
@click.pass_context
def scaling(
    context: click.Context,
    project: Path,
    keys: Sequence[str],
    executors: list[int],
    cores_each: list[int],
    **options: Any,
) -> None:
    """Measure how the time of PROJECT's stages falls with executors and cores, as the paper's Tables II and V do.

    Each stage runs anew in a copy that is thrown away, on one core first, which the others are compared with. Without a
    --master a cluster is started on this machine for each set-up, and set-ups beyond its cores are left out. The table
    is kept with a plot in PROJECT/scaling, and what the rates would mean for a month of a hemisphere is told as a
    projection.
    """
    from rich.console import Console

    from processing.spark.projection import project_onto_month
    from processing.spark.scaling import PLAIN, measure
    from processing.spark.scaling_chart import draw

    opened = Project(project)
    engine = chosen_engine(opened, options)
    segments = _rows(opened)
    chosen = list(keys) or list(_STAGES)
    found: list[Measured] = []
    console = Console()
    for setup in [PLAIN, *_setups(executors, cores_each, engine)]:
        for one in measure(opened, chosen, setup, engine, lambda key: _runner(context, key)):
            click.echo(f"{one.stage}, {_words(setup)}: {one.whole:.1f} s", err=True)
            found.append(one)
    folder = project / "scaling"
    write_text(folder / "scaling.csv", _csv(found))
    with aside(folder / "scaling.png") as file:
        draw(file, found, f"{opened.name}{' (synthetic)' if opened.synthetic else ''}")
    for key in chosen:
        console.print(_table(key, [one for one in found if one.stage == key]))
    console.print(_month(project_onto_month(opened, found, segments)))
    click.echo(f"{folder / 'scaling.csv'} and scaling.png")


def _rows(project: Project) -> int:
    """Segments of the project. Raises MissingError where a stage has not run yet, which the next could not follow."""
    from processing.local.status import standing

    rows: dict[str, Standing] = {row.kind: row for row in standing(project)}
    missing = [row for row in rows.values() if not row.tracks and row.kind != "models"]
    if missing:
        raise MissingError(
            f"there are no {missing[0].kind} to measure with", where=project.root, mend=f"run: {missing[0].mend}"
        )
    return rows[STAGES["resample"].output].rows


def _setups(executors: Sequence[int], cores_each: Sequence[int], engine: Engine) -> list[Setup]:
    from processing.spark.scaling import Setup

    most = available_cores() if engine.master.startswith("local") else None
    pairs = sorted(product(executors, cores_each), key=lambda pair: (pair[0] * pair[1], pair))
    found = [Setup(*pair) for pair in pairs if most is None or pair[0] * pair[1] <= most]
    if not found:
        raise InputError(f"no set-up fits the {most} cores of this machine", where="--executors", mend="try fewer")
    one = Setup(1, 1)
    return found if one in found else [one, *found]


def _runner(context: click.Context, key: str) -> Any:
    def run(root: Path, engine: Engine) -> None:
        with redirect_stdout(io.StringIO()):  # where results lie is of no use: they are thrown away
            call(context, key, str(root), **engine.values_dict())

    return run


def _words(setup: Setup) -> str:
    return f"{setup.executors} x {setup.cores}" if setup.slots else "one process without Spark, one core"


def _table(key: str, found: Sequence[Measured]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"{key}{_PAPER.get(key, '')}: seconds; times faster than 1 x 1"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    first = next(one for one in found if one.setup.slots == 1)
    for one in found:
        table.add_row(*_cells(one, first))
    return table


def _cells(one: Measured, first: Measured) -> list[str]:
    if not one.setup.slots:
        return ["no Spark", "", "", "", f"{one.whole:.1f}"]
    times = [f"{one.load:.1f}", f"{one.map:.1f}", f"{one.reduce:.1f}" if one.reduce else "", f"{one.whole:.1f}"]
    faster = first.whole / one.whole
    return [
        _words(one.setup),
        *times,
        str(one.tasks),
        f"{first.load / one.load:.2f}",
        f"{faster:.2f}",
        f"{faster / one.setup.slots:.0%}",
    ]


def _csv(found: Sequence[Measured]) -> str:
    lines = ["stage,executors,cores_each,load_s,map_s,reduce_s,whole_s,tasks,moved_bytes"]
    for one in found:
        times = ",".join(f"{value:.3f}" for value in (one.load, one.map, one.reduce, one.whole))
        lines.append(f"{one.stage},{one.setup.executors},{one.setup.cores},{times},{one.tasks},{one.moved}")
    return "\n".join(lines) + "\n"


def _month(projections: Sequence[Projection]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        title="a month of a hemisphere, 1e10 segments: a projection, not a measurement",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("stage", "seg./s a core", "core h", "h, 16 cores", "h, 256", "TB in", "TB out"):
        table.add_column(heading, justify="left" if heading == "stage" else "right", no_wrap=True)
    for one in projections:
        cells = (f"{one.rate:,.0f}", f"{one.core_hours:,.1f}", *(f"{one.hours(cores):,.2f}" for cores in (16, 256)))
        table.add_row(one.stage, *cells, f"{one.read / 1e12:.2f}", f"{one.written / 1e12:.2f}")
    return table


COMMANDS: tuple[click.Command, ...] = (scaling,)

"""``leadline new``, ``add``, ``status`` and ``run``: a project, its inputs, its state, and all of its stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from processing.cli import PLACE, call, chosen_engine, engine_options, given
from processing.errors import LeadlineError
from processing.project import CATEGORIES, Project
from processing.stages import STAGES, Engine, Resample

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from processing.local.status import Standing

_PROJECT = click.argument("project", type=PLACE)
_ROOMY = 100
_COLOURS = {"current": "green", "stale": "yellow", "partly": "yellow", "missing": "dim"}


def _band_map(context: click.Context, option: click.Parameter, text: str | None) -> dict[str, int] | None:
    if text is None:
        return None
    pairs = [part.split("=", 1) for part in text.split(",")]
    if not all(len(pair) == 2 and pair[1].strip().isdigit() for pair in pairs):
        raise click.BadParameter(f"{text!r} is not of the form B02=1,B03=2,...", context, option)
    return {name.strip().upper(): int(number) for name, number in pairs}


@click.command("new")
@_PROJECT
@click.option("--hemisphere", type=click.Choice(["north", "south"]), default=None, help="Hemisphere of the maps.")
def new(project: Path, hemisphere: str | None) -> None:
    """Make a new, empty PROJECT folder."""
    Project.create(project, hemisphere or "")
    click.echo(f"{project}: new project; next: leadline add {project} FILE|FOLDER...")


@click.command("add")
@_PROJECT
@click.argument("paths", nargs=-1, required=True, type=PLACE)
@click.option("--copy", is_flag=True, help="Copy the files into the project instead of linking to them.")
@click.option("--beam", default="", help="Beam of photon tables that do not name theirs, such as gt2r.")
@click.option("--time", default=None, help="Time (UTC, ISO) of scenes that do not carry theirs.")
@click.option(
    "--band-map",
    default=None,
    callback=_band_map,
    metavar="B02=1,B03=2,...",
    help="Bands of GeoTIFF scenes that do not name theirs.",
)
@click.option("--offset", type=float, default=None, help="Added to the digital numbers of GeoTIFF scenes.")
@click.option("--quantification", type=float, default=None, help="What digital numbers are then divided by.")
@click.pass_context
def add(context: click.Context, project: Path, paths: tuple[Path, ...], copy: bool, beam: str, **given: object) -> None:
    """Add granules, photon tables, scenes, ATL07/ATL10 and a twin's truth to PROJECT.

    Each PATH is a file or a folder to search. What is found is recognised by its content; the rest is refused by name.
    An input in a folder that cannot be used does not keep the others from being added; the exit status then is 2.
    """
    from processing.io.recognise import take_stock
    from processing.local.inputs import take_in

    opened = Project(project)
    inventory = take_stock(paths, beam.lower(), {name: value for name, value in given.items() if value is not None})
    take_in(opened, inventory, copy=copy)
    for found in inventory.found:
        click.echo(f"{found.ident}: {found.summary}")
    if inventory.truth:
        click.echo(f"truth of {len({table.granule for table in inventory.truth})} granules")
    for line in (*inventory.refused, *inventory.unusable):
        click.echo(f"refused {line}", err=True)
    if inventory.unusable:
        context.exit(2)


@click.command("status")
@_PROJECT
def status(project: Path) -> None:
    """Show what PROJECT holds, what ran and what it took, what is stale and the command that mends it."""
    from rich.console import Console

    from processing.local.status import standing

    opened = Project(project)
    rows = standing(opened)
    console = Console()
    console.print(_inputs_table(opened))
    console.print(_stages_table(rows, roomy=console.width >= _ROOMY))
    for told in filter(None, map(_trouble, rows)):
        _say(console, told)
    unfit = [row for row in rows if row.state in {"stale", "partly"}]
    for row in unfit:
        _say(console, f"{row.kind}: {row.why}; next: {row.mend}")
    if not unfit:
        _say(console, _advice(opened, rows))


@click.command("run")
@_PROJECT
@engine_options()
@click.pass_context
def run(context: click.Context, project: Path, **options: Any) -> None:
    """Run every stage of PROJECT that is stale, in order.

    A granule that cannot be used does not keep the others from going on; the exit status then is 2.
    """
    opened = Project(project)
    engine = chosen_engine(opened, options)
    if not engine.on_spark:
        _run_all(context, opened, {})
        return
    from processing.spark.session import kept_open

    with kept_open():
        _run_all(context, opened, given(options, Engine))


def _run_all(context: click.Context, project: Project, engine: dict[str, Any]) -> None:
    """Every stage in order; those that can run elsewhere do so as ``engine`` says."""
    failure = None
    for key in STAGES:
        try:
            call(context, key, str(project.root), **engine)
        except LeadlineError as error:
            if not error.others_done or not project.tracks(Resample.output):
                raise
            failure = error
            click.echo(f"leadline: {error.line}; going on with the other granules", err=True)
    if failure is not None:
        raise failure


def _say(console: Console, line: str) -> None:
    """One line as it is, whatever brackets are in its paths."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    return Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)


def _inputs_table(project: Project) -> Table:
    table = _table(f"{project.name}: inputs")
    for heading in ("input", "kind", "identifier", "tracks"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "identifier")
    for category in CATEGORIES:
        for item in project.inputs(category):
            ident = item.ident if item.path.exists() else f"{item.ident} (its file is gone; add it again)"
            table.add_row(category[:-1], item.kind, ident, str(len(item.details.get("beams", ())) or ""))
    truth = project.tracks("inputs/truth")
    if truth:
        table.add_row("truth", "synthetic", f"{len({granule for granule, _ in truth})} granules", str(len(truth)))
    return table


def _stages_table(rows: list[Standing], roomy: bool) -> Table:
    """The stages' tables; without rows and sizes where there is no room for them."""
    table = _table("tables")
    right, extra = {"tracks", "rows", "size", "took"}, {"rows", "size"}
    headings = ("table", "run", "tracks", "rows", "size", "written (UTC)", "took", "state")
    shown = [roomy or heading not in extra for heading in headings]
    for heading in (heading for heading, keep in zip(headings, shown, strict=True) if keep):
        side: Literal["left", "right"] = "right" if heading in right else "left"
        table.add_column(heading, justify=side, no_wrap=heading != "run", overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row.state, "")
        cells = (
            row.kind,
            row.run,
            f"{row.tracks}/{row.expected}" if row.expected else "",
            f"{row.rows:,}" if row.rows else "",
            _size(row.size) if row.size else "",
            f"{row.written:%Y-%m-%d %H:%M}" if row.written else "",
            "" if row.took is None else _duration(row.took),
            f"[{colour}]{row.state}[/]" if colour else row.state,
        )
        table.add_row(*(cell for cell, keep in zip(cells, shown, strict=True) if keep))
    return table


def _trouble(row: Standing) -> str:
    """What befell the stage's last run, when it did not end well."""
    if row.trouble is None:
        return ""
    why = f": {row.trouble.why}" if row.trouble.why else ""
    return f"{row.trouble.stage} {row.trouble.outcome} at {row.trouble.began:%Y-%m-%d %H:%M}{why}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _advice(project: Project, rows: list[Standing]) -> str:
    if not project.inputs("granules"):
        return f"no granule yet; next: leadline add {project.root} FILE|FOLDER..."
    missing = [row.mend for row in rows if row.state == "missing"]
    return f"nothing is stale; next: {missing[0]}" if missing else "nothing is stale"


def _size(value: int) -> str:
    amount = float(value)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


COMMANDS: tuple[click.Command, ...] = (new, add, status, run)

"""``leadline match``: freeboard, elevation and thickness beside other measurements of sea ice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processing.cli import PLACE, given, stage_options
from processing.project import Project
from processing.stages import Match

if TYPE_CHECKING:
    from rich.table import Table

    from processing.core.matches import Matches


_ROOMY = 132
"""Width of a terminal from which every figure has its interval beside it."""


def _pairs(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG001
    for word in words:
        if "=" not in word.strip("="):
            raise click.BadParameter(f"{word!r} is not NAME=VALUE")
    return dict((part.strip() for part in word.split("=", 1)) for word in words)  # type: ignore[misc]


@click.command("match")
@click.argument("project", type=PLACE)
@click.argument("tables", metavar="TABLE...", type=PLACE, nargs=-1)
@click.option("--run", default="", help="Freeboard run; the newest when not given.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=COLUMN",
    callback=_pairs,
    help="The table's own name of a quantity, such as time=gps_time or freeboard=fb_atm; may be given more than once.",
)
@click.option(
    "--unit",
    "units",
    multiple=True,
    metavar="NAME=UNIT",
    callback=_pairs,
    help="Unit of a quantity, such as freeboard=cm or 'time=seconds since 2000-01-01'; may be given more than once.",
)
@click.option("--figures/--no-figures", default=True, help="Draw figures, as PNG and SVG.", show_default=True)
@stage_options(Match)
def match_command(
    project: Path,
    tables: tuple[Path, ...],
    run: str,
    out: Path,
    columns: dict[str, str],
    units: dict[str, str],
    figures: bool,
    **options: Any,
) -> None:
    """Compare PROJECT with TABLEs of other measurements: airborne, buoys, radar footprints.

    A TABLE is CSV, Parquet or NetCDF with a position, a time and freeboard (snow included), elevation or thickness;
    those that were added to the project when none is named. Our segments are averaged over each measurement's
    footprint. Written are matches.csv, matches.parquet, agreement.json and the figures.
    """
    from processing.io.measurements import read
    from processing.local.against_measurements import check_any, match_tables, tables_to_match
    from processing.local.match_report import written_matches

    opened = Project(project)
    stage = opened.stage(Match, given(options, Match))
    measured = [read(path, columns, units) for path in tables_to_match(opened, tables)]
    found = match_tables(opened, measured, run, stage)
    check_any(found, stage)
    for each in found:
        _say(each)
    written_matches(out, found)
    if figures:
        _draw(found, out)
    click.echo(f"{out}: matches.csv, matches.parquet, agreement.json" + (" and the figures" if figures else ""))


def _draw(found: list[Matches], out: Path) -> None:
    from processing.charts.measurements import measurement_figures
    from processing.charts.style import PRINT_DOTS, written_all

    for each in found:
        drawn = measurement_figures(each)
        written_all(out, {f"{each.table}-{each.quantity}-{name}": figure for name, figure in drawn.items()}, PRINT_DOTS)


def _say(matches: Matches) -> None:
    from rich.console import Console

    console = Console()
    console.print(_table(matches, roomy=console.width >= _ROOMY))
    lines = [f"not matched: {count:,} {reason}" for reason, count in matches.refused.items()]
    lines += [*matches.remarks, *_cautions(matches)]
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _cautions(matches: Matches) -> list[str]:
    """What a reader must know beside the figures."""
    lines = []
    score = matches.normalised
    if score.count:
        lines.append(
            f"difference over combined uncertainty: mean {score.mean:+.2f}, standard deviation {score.spread:.2f} "
            f"(0 and 1 when the uncertainties are right), {score.count:,} matches"
        )
    if matches.moved.any():
        lines.append(f"{int(matches.moved.sum()):,} footprints held no segment and were laid on the nearest one")
    if matches.shared > 1.05:
        lines.append(f"footprints overlap: a metre of track lies in {matches.shared:.1f} of them; rows share segments")
    if matches.parameters["drift"] == "none" and len(matches) and abs(matches.hours).max() > 1.0:
        lines.append("the ice drifted between the two times, which smears the comparison; see --drift")
    return lines


def _table(matches: Matches, roomy: bool) -> Table:
    """The agreement of all, each class and each beam; intervals beside the bias alone where there is no room."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from processing.charts.product_parts import told
    from processing.local.match_report import agreement_rows

    made = " (synthetic)" if matches.synthetic else ""
    title = f"{matches.quantity} of {matches.table} beside {matches.run}{made}: {len(matches):,} of {matches.read:,}"
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    headings = ("", "n", "bias [m]", "RMS [m]", "centred [m]", "r", "slope")
    for heading in headings if roomy else (name for name in headings if name != "centred [m]"):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=True)
    for name, each in agreement_rows(matches):
        bias, n = told(each.bias, sign=True), f"{each.count:,}"
        if roomy:
            lengths = told(each.rms), told(each.centred_rms)
            table.add_row(name, n, bias, *lengths, told(each.correlation, 2), told(each.slope, 2))
        else:
            rest = (each.rms, 3), (each.correlation, 2), (each.slope, 2)
            table.add_row(name, n, bias, *(told(other, digits, around=False) for other, digits in rest))
    return table


COMMANDS: tuple[click.Command, ...] = (match_command,)

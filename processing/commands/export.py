"""``leadline export``, ``figures`` and ``report``: what a project holds, for other programs and for readers."""

from __future__ import annotations

from pathlib import Path

import click

from processing.cli import PLACE
from processing.progress import LOOKING, waiting
from processing.project import Project

_FORMATS = ("parquet", "geoparquet", "csv", "netcdf")
_WHAT = (
    "Table to write: segments, autolabels, snapshots, predictions, freeboard, truth; or made from freeboard: "
    "thickness, leads, floes, ridges, roughness, along."
)


@click.command("export")
@click.argument("project", type=PLACE)
@click.option("--what", default="freeboard", show_default=True, metavar="TABLE", help=_WHAT)
@click.option("--run", default="", help="Run or snapshot; the newest when not given.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="parquet", show_default=True)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@click.option("--beam", "beams", multiple=True, help="Only this beam; may be given more than once.")
@click.option("--from", "start", type=float, default=float("-inf"), help="Least along-track distance x_atc [m].")
@click.option("--to", "stop", type=float, default=float("inf"), help="Greatest along-track distance x_atc [m].")
@click.option("--columns", default="", help="Columns beside time and place, with commas between; all by default.")
@click.option("--out", type=PLACE, required=True, help="File to write.")
def export_command(
    project: Path,
    what: str,
    run: str,
    form: str,
    granules: tuple[str, ...],
    beams: tuple[str, ...],
    start: float,
    stop: float,
    columns: str,
    out: Path,
) -> None:
    """Write one table of PROJECT, with time and place of every row, to one file; docs/exports.md tells the layouts."""
    with waiting(LOOKING):
        from processing.local.export import Choice, export

    wanted = tuple(name.strip() for name in columns.split(",") if name.strip())
    rows = export(Project(project), what, run, form, out, Choice(granules, beams, start, stop, wanted))
    click.echo(f"{out}: {rows} rows")


@click.command("figures")
@click.argument("project", type=PLACE)
@click.option("--granule", default="", help="Granule; may be left out where there is one only.")
@click.option("--beam", "beams", multiple=True, help="Only this beam; may be given more than once.")
@click.option("--run", default="", help="Freeboard run; the newest when not given.")
@click.option("--from", "start", type=float, default=float("-inf"), help="Least along-track distance x_atc [m].")
@click.option("--to", "stop", type=float, default=float("inf"), help="Greatest along-track distance x_atc [m].")
@click.option("--out", type=PLACE, required=True, help="Folder to write to.")
def figures_command(
    project: Path, granule: str, beams: tuple[str, ...], run: str, start: float, stop: float, out: Path
) -> None:
    """Draw a granule's freeboard at journal size: along the track, by class, on the map; PNG and SVG."""
    with waiting(LOOKING):
        from processing.local.granule_view import granule_view, write_figures

    written = write_figures(granule_view(Project(project), granule, run, beams, start, stop), out)
    click.echo(f"{out}: {len(written)} files")


@click.command("report")
@click.argument("project", type=PLACE)
@click.option("--granule", default="", help="Granule; may be left out where there is one only.")
@click.option("--run", default="", help="Freeboard run; the newest when not given.")
@click.option("--out", type=PLACE, required=True, help="HTML file to write.")
def report_command(project: Path, granule: str, run: str, out: Path) -> None:
    """Write what is known of a granule's freeboard, and where it comes from, to one HTML file."""
    with waiting(LOOKING):
        from processing.local.report import write_report

    write_report(Project(project), granule, run, out)
    click.echo(str(out))


COMMANDS: tuple[click.Command, ...] = (export_command, figures_command, report_command)

"""``leadline shape``, ``aggregate`` and ``grid``: what follows from freeboard, along the track and on polar maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from processing.cli import PLACE, given, stage_options
from processing.errors import InputError
from processing.progress import LOOKING, waiting
from processing.project import Project
from processing.stages import Aggregate, Shape, Thickness

_PROJECT = click.argument("project", type=PLACE)
_GRANULE = click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
_RUN = click.option("--run", default="", help="Freeboard run; the newest when not given.")
_KINDS = (Thickness, Shape, Aggregate)
_ALONG = ("length", "least", "common_length", "mode_width")
_GRID = ("cell", "least", "common_length")
_FORMATS = {".parquet": "parquet", ".csv": "csv", ".nc": "netcdf"}


@click.command("shape")
@_PROJECT
@click.option("--out", type=PLACE, required=True, help="Folder for tables, summary and figures.")
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@_RUN
@_GRANULE
@stage_options(Shape)
@stage_options(Thickness)
def shape_command(project: Path, out: Path, form: str, run: str, granules: tuple[str, ...], **options: Any) -> None:
    """Leads, floes, ridges, roughness and thickness of PROJECT: tables, laws of their sizes and figures."""
    with waiting(LOOKING):
        from processing.charts.shape import shape_figures
        from processing.charts.style import PRINT_DOTS, drawing, written_all
        from processing.local.shape_tables import THICKNESS_STEP, shapes, write_shapes

    with _with_options(project, options) as opened:
        folder = _folder(out)
        found = shapes(opened, run, granules or None)
        written = write_shapes(opened, found, folder, form)
        with drawing():
            thickness = found.thickness, THICKNESS_STEP
            about = _about(opened, found.run)
            figures = shape_figures(found.tables, found.laws, thickness, about, _snow(opened))
            written += written_all(folder, figures, PRINT_DOTS)
    click.echo(f"{out}: {len(written)} files of {len(found.tracks)} tracks, freeboard {found.run}")


@click.command("aggregate")
@_PROJECT
@click.option("--out", type=PLACE, required=True, help="File to write: .parquet, .csv or .nc.")
@_RUN
@_GRANULE
@stage_options(Aggregate, _ALONG)
@stage_options(Shape)
@stage_options(Thickness)
def aggregate_command(project: Path, out: Path, run: str, granules: tuple[str, ...], **options: Any) -> None:
    """Means of freeboard, thickness, roughness and ridges of PROJECT over lengths of track, to one file."""
    form = _FORMATS.get(out.suffix.lower())
    if form is None:
        raise InputError(f"ending {out.suffix!r} is not known", where=out, mend="name it .parquet, .csv or .nc")
    with waiting(LOOKING):
        from processing.local.export import Choice, export

    with _with_options(project, options) as opened:
        rows = export(opened, "along", run, form, out, Choice(granules))
    click.echo(f"{out}: {rows} rows")


@click.command("grid")
@_PROJECT
@click.option("--epsg", type=click.Choice(["3413", "3031"]), default="3413", show_default=True, help="North or south.")
@click.option("--out", type=PLACE, required=True, help="File to write: .tif (GeoTIFF) or .nc (NetCDF).")
@click.option("--figure", is_flag=True, help="Also draw the maps, as PNG and SVG beside the file.")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    default=("freeboard", "freeboard_sigma"),
    show_default=True,
    help="Layer to draw; may be given more than once.",
)
@_RUN
@_GRANULE
@stage_options(Aggregate, _GRID)
@stage_options(Thickness)
def grid_command(
    project: Path,
    epsg: str,
    out: Path,
    figure: bool,
    layers: tuple[str, ...],
    run: str,
    granules: tuple[str, ...],
    **options: Any,
) -> None:
    """Freeboard and thickness of PROJECT on cells of a polar grid, as a map."""
    if out.suffix.lower() not in {".tif", ".tiff", ".nc"}:
        raise InputError(f"ending {out.suffix!r} is not known", where=out, mend="name it .tif or .nc")
    with waiting(LOOKING):
        from processing.core.polar_grid import LAYERS
        from processing.local.gridding import gridded, write_grid_file
        from processing.local.measured import freeboard_run
    unknown = [name for name in layers if name not in LAYERS]
    if unknown:
        raise InputError(f"there is no layer {unknown[0]!r}", where="--layer", mend=f"one of {', '.join(LAYERS)}")
    with _with_options(project, options) as opened:
        run = freeboard_run(opened, run)
        maps = gridded(opened, int(epsg), run, granules or None)
        write_grid_file(opened, out, maps, run, granules or None)
        if figure:
            _draw(opened, out, maps, layers, run)
    filled = int((maps.maps["tracks"] > 0).sum())
    click.echo(f"{out}: {len(maps.x)} x {len(maps.y)} cells of {maps.cell:g} m, {filled} with freeboard")


def _draw(project: Project, out: Path, maps: Any, layers: tuple[str, ...], run: str) -> None:
    from processing.charts.maps import map_figure
    from processing.charts.style import PRINT_DOTS, drawing, written_all

    title = f"Sea ice on cells of {maps.cell / 1000:g} km, EPSG:{maps.epsg}"
    with drawing():
        about = _about(project, run)
        if any(name.startswith("thickness") for name in layers):
            about = f"{about}; thickness {_snow(project)}"
        figure = map_figure(maps, layers, title, about)
        written_all(out.parent, {out.stem: figure}, PRINT_DOTS)


@contextmanager
def _with_options(root: Path, options: dict[str, Any]) -> Iterator[Project]:
    """The project as if ``project.toml`` said what the options say; it does when the block ended well."""
    project = Project(root)
    chosen = [project.stage(kind, given(options, kind)) for kind in _KINDS]
    sections = {stage.key: stage.differing(stage.values_dict()) for stage in chosen}
    project.settings = {**project.settings, "stage": {**project.settings.get("stage", {}), **sections}}
    yield project
    for stage in chosen:
        project.remember(stage)


def _about(project: Project, run: str) -> str:
    """What a figure is of, for its foot."""
    return f"{'synthetic, ' if project.synthetic else ''}project {project.name}, freeboard {run}"


def _snow(project: Project) -> str:
    """What thickness rests on, for a figure's foot."""
    snow = project.stage(Thickness).snow_depth
    try:
        return f"under {float(snow):g} m of snow"
    except ValueError:
        return f"snow from {Path(snow).name}" if snow else "snow unknown"


def _folder(out: Path) -> Path:
    if out.exists() and not out.is_dir():
        raise InputError("there is a file of that name", where=out, mend="name a folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    return out


COMMANDS: tuple[click.Command, ...] = (shape_command, aggregate_command, grid_command)

"""``leadline compare`` and ``leadline product``: freeboard beside ATL07 and ATL10, and these products on their own."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processing.cli import PLACE, given, stage_options
from processing.project import Project
from processing.stages import Compare

if TYPE_CHECKING:
    from rich.table import Table

    from processing.core.product_comparison import GranuleComparison, TrackComparison
    from processing.local.against_products import ProductGranule


_dots = click.option(
    "--dots",
    type=click.IntRange(30, 1200),
    default=300,
    show_default=True,
    help="Resolution of PNG figures [dots an inch]; they are 7.2 inches wide.",
)


@click.command("compare")
@click.argument("project", type=PLACE)
@click.option("--granule", "granules", multiple=True, help="Only this granule; may be given more than once.")
@click.option("--beam", "beams", multiple=True, help="Only this beam; may be given more than once.")
@click.option("--run", default="", help="Freeboard run; the newest when not given.")
@click.option(
    "--product",
    "products",
    multiple=True,
    type=PLACE,
    help="ATL07 or ATL10 granule; may be given more than once. The project's references of the pass when not given.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the figures.")
@_dots
@stage_options(Compare)
def compare_command(
    project: Path,
    granules: tuple[str, ...],
    beams: tuple[str, ...],
    run: str,
    products: tuple[Path, ...],
    out: Path,
    figures: bool,
    dots: int,
    **options: Any,
) -> None:
    """Compare freeboard of PROJECT with ATL07 and ATL10: figures with intervals, a table of segments, pictures.

    Our segments are gathered over each segment of the product. Written are comparison.json, segments.parquet,
    segments.csv and the figures as PNG and SVG; of several granules each into a folder of its own.
    """
    from processing.local.against_products import compare_granule, products_to_compare
    from processing.local.comparison_report import written_comparison

    opened = Project(project)
    stage = opened.stage(Compare, given(options, Compare))
    chosen = products_to_compare(opened, run, granules, products)
    for granule, files in chosen.items():
        found = [compare_granule(opened, granule, file, stage, run, beams) for file in files]
        for each in found:
            _say(_comparison_table(each), each.left_out, {note for track in each.tracks for note in track.notes})
        folder = out / granule if len(chosen) > 1 else out
        written = written_comparison(opened, found, files, stage, folder)
        written += _drawn(found, folder, dots) if figures else []
        click.echo(f"{folder}: {', '.join(path.name for path in written)}")


def _drawn(found: list[GranuleComparison], folder: Path, dots: int) -> list[Path]:
    from processing.charts.products import comparison_figures
    from processing.charts.style import written_all

    return written_all(folder, comparison_figures(found), dots=dots)


def _say(table: Table, *more: Any) -> None:
    from rich.console import Console

    console = Console()
    console.print(table)
    for lines in more:
        for line in sorted(lines):
            console.print(f"  {line}", highlight=False)


def _comparison_table(comparison: GranuleComparison) -> Table:
    from rich.table import Table

    kind = comparison.product_kind.upper()
    synthetic = ", synthetic" if comparison.synthetic else ""
    title = f"{comparison.granule} against {kind} release {comparison.release}{synthetic}; ours minus product, m"
    table = Table(title=title, title_justify="left")
    quantity = "freeboard" if comparison.product_kind == "atl10" else "height"
    heads = (
        "beam",
        "segments",
        f"{quantity} bias",
        "RMS",
        "r",
        "sea surface bias",
        "leads found",
        "confirmed",
        "per km",
    )
    for head in heads:
        table.add_column(head, justify="left" if head == "beam" else "right")
    for track in comparison.tracks:
        table.add_row(track.beam, *_row([track], comparison, quantity), _density(track))
    if len(comparison.tracks) > 1:
        table.add_section()
        table.add_row("all", *_row(list(comparison.tracks), comparison, quantity), "")
    return table


def _row(tracks: list[TrackComparison], comparison: GranuleComparison, quantity: Any) -> tuple[str, ...]:
    from processing.core.product_comparison import agreement, leads

    rules = comparison.rules
    found, level = agreement(tracks, quantity, rules), agreement(tracks, "sea_surface", rules)
    matches = [leads(track, rules) for track in tracks]
    theirs, ours, both = (sum(getattr(each, name) for each in matches) for name in ("theirs", "ours", "both"))
    return (
        f"{found.count:,}",
        _told(found.bias, sign=True),
        _told(found.rms),
        _told(found.correlation, 2),
        _told(level.bias, sign=True),
        f"{both} of {theirs}",
        f"{both} of {ours}",
    )


def _density(track: TrackComparison) -> str:
    return f"{track.density.ours:.0f} / {track.density.theirs:.0f}"


def _told(found: Any, digits: int = 3, *, sign: bool = False) -> str:
    if not isfinite(found.value):
        return "–"
    shape = f"{'+' if sign else ''}.{digits}f"
    around = f" [{found.low:{shape}} {found.high:{shape}}]" if isfinite(found.low) else ""
    return f"{found.value:{shape}}{around}"


@click.command("product")
@click.argument("files", nargs=-1, required=True, type=PLACE)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to draw a figure of each granule into."
)
@_dots
def product_command(files: tuple[Path, ...], out: Path | None, dots: int) -> None:
    """Read ATL07 or ATL10 FILES, print what each beam holds, and draw it with --out."""
    from processing.local.against_products import read_product

    for path in files:
        found = read_product(path)
        _say(_product_table(found))
        if out is not None:
            from processing.charts.product_alone import product_figures
            from processing.charts.style import written_all

            for file in written_all(out, product_figures(found.info, found.beams), dots=dots):
                click.echo(file)


def _product_table(found: ProductGranule) -> Table:
    from rich.table import Table

    info = found.info
    synthetic = ", synthetic" if info.synthetic else ""
    table = Table(
        title=f"{info.ident}: {info.kind.upper()} release {info.release or '?'}{synthetic}", title_justify="left"
    )
    heads = ("beam", "segments", "with freeboard", "mean m", "median m", "mode m", "sea level", "leads")
    for head in (*heads, "cloud/ice/specular/dark", "first to last, UTC", "km"):
        table.add_column(head, justify="left" if head == "beam" else "right")
    for each in found.summaries:
        span = f"{str(each.first)[:19]} to {str(each.last)[11:19]}"
        numbers = (_number(value) for value in (each.mean, each.median, each.mode.value))
        counts = (str(each.sea_level_segments), str(each.leads) if info.kind == "atl10" else "–")
        types = "/".join(str(count) for count in each.types.values())
        row = (each.beam, str(each.segments), str(each.with_freeboard), *numbers, *counts, types, span)
        table.add_row(*row, f"{each.length / 1000:.1f}")
    return table


def _number(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "–"


COMMANDS: tuple[click.Command, ...] = (compare_command, product_command)

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
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

    from processing.core.product_comparison import GranuleComparison, TrackComparison
    from processing.local.against_products import ProductGranule

_ROOMY = 140
_LEGEND = (
    "differences are ours minus the product's, in metres, intervals 95 %; sea bias: that of the sea surface",
    "leads found: of its sea-level segments those that are mostly our open water; confirmed: of ours those it flags",
    "per km: segments a kilometre, ours and its",
)

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
    console = _console()
    for granule, files in chosen.items():
        found = [compare_granule(opened, granule, file, stage, run, beams) for file in files]
        for each in found:
            notes = {note for track in each.tracks for note in track.notes}
            table = _comparison_table(each, roomy=console.width >= _ROOMY)
            _say(console, table, [*_LEGEND, *sorted(each.left_out), *sorted(notes)])
        folder = out / granule if len(chosen) > 1 else out
        written = written_comparison(opened, found, files, stage, folder)
        written += _drawn(found, folder, dots) if figures else []
        click.echo(f"{folder}: {', '.join(path.name for path in written)}")


def _drawn(found: list[GranuleComparison], folder: Path, dots: int) -> list[Path]:
    from processing.charts.products import comparison_figures
    from processing.charts.style import written_all

    return written_all(folder, comparison_figures(found), dots=dots)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _say(console: Console, table: Table, lines: Iterable[str] = ()) -> None:
    console.print(table)
    for line in lines:
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _table(title: str, heads: Iterable[str]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for head in heads:
        table.add_column(escape(head), justify="left" if head == "beam" else "right", no_wrap=True)
    return table


def _comparison_table(comparison: GranuleComparison, *, roomy: bool) -> Table:
    """A row a beam; intervals beside the bias alone, and no densities, where there is no room."""
    kind = comparison.product_kind.upper()
    synthetic = ", synthetic" if comparison.synthetic else ""
    title = f"{comparison.granule} against {kind} release {comparison.release}{synthetic}"
    quantity = "freeboard" if comparison.product_kind == "atl10" else "height"
    heads = ["beam", "n", f"{quantity} bias [m]", "RMS", "r", "sea bias", "leads found", "confirmed", "per km"]
    table = _table(title, heads if roomy else heads[:-2])
    rows = [(track.beam, [track], _density(track)) for track in comparison.tracks]
    if len(comparison.tracks) > 1:
        rows.append(("all", list(comparison.tracks), ""))
    for name, tracks, density in rows:
        cells = (name, *_row(tracks, comparison, quantity, roomy=roomy), density)
        table.add_row(*cells[: len(table.columns)], end_section=len(tracks) == 1 and tracks[0] is comparison.tracks[-1])
    return table


def _row(
    tracks: list[TrackComparison], comparison: GranuleComparison, quantity: Any, *, roomy: bool
) -> tuple[str, ...]:
    from processing.charts.product_parts import told
    from processing.core.product_comparison import agreement, leads

    rules = comparison.rules
    found, level = agreement(tracks, quantity, rules), agreement(tracks, "sea_surface", rules)
    matches = [leads(track, rules) for track in tracks]
    theirs, ours, both = (sum(getattr(each, name) for each in matches) for name in ("theirs", "ours", "both"))
    return (
        f"{found.count:,}",
        told(found.bias, sign=True),
        told(found.rms, around=roomy),
        told(found.correlation, 2, around=roomy),
        told(level.bias, sign=True, around=roomy),
        f"{both} of {theirs}",
        f"{both} of {ours}",
    )


def _density(track: TrackComparison) -> str:
    return f"{track.density.ours:.0f} / {track.density.theirs:.0f}"


@click.command("product")
@click.argument("files", nargs=-1, required=True, type=PLACE)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to draw a figure of each granule into."
)
@_dots
def product_command(files: tuple[Path, ...], out: Path | None, dots: int) -> None:
    """Read ATL07 or ATL10 FILES, print what each beam holds, and draw it with --out."""
    from processing.local.against_products import read_product

    console = _console()
    for path in files:
        found = read_product(path)
        _say(console, _product_table(found), _spans(found))
        if out is not None:
            from processing.charts.product_alone import product_figures
            from processing.charts.style import written_all

            for file in written_all(out, product_figures(found.info, found.beams), dots=dots):
                click.echo(file)


def _product_table(found: ProductGranule) -> Table:
    info = found.info
    synthetic = ", synthetic" if info.synthetic else ""
    heads = ("beam", "n", "valid", "mean [m]", "median", "mode", "ssh", "leads", "cloud/ice/spec/dark")
    table = _table(f"{info.ident}: {info.kind.upper()} release {info.release or '?'}{synthetic}", heads)
    for each in found.summaries:
        numbers = (_number(value) for value in (each.mean, each.median, each.mode.value))
        counts = (str(each.sea_level_segments), str(each.leads) if info.kind == "atl10" else "–")
        types = "/".join(str(count) for count in each.types.values())
        table.add_row(each.beam, str(each.segments), str(each.with_freeboard), *numbers, *counts, types)
    return table


def _spans(found: ProductGranule) -> list[str]:
    """When and over what length each beam was measured."""
    return [
        f"{each.beam}: {str(each.first)[:19]} to {str(each.last)[11:19]} UTC, {each.length / 1000:.1f} km"
        for each in found.summaries
    ]


def _number(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else "–"


COMMANDS: tuple[click.Command, ...] = (compare_command, product_command)

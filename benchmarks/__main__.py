"""``python -m benchmarks``: every ``bench_*.py`` measured in turn, one table, peers and limits beside our figures."""

from __future__ import annotations

import importlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Row

PREFIX = "bench_"


def names() -> list[str]:
    """Names that ``--only`` accepts: the modules beside this one without their prefix, sorted."""
    return sorted(file.stem.removeprefix(PREFIX) for file in Path(__file__).parent.glob(f"{PREFIX}*.py"))


def measure(chosen: Sequence[str], console: Console) -> Iterator[tuple[str, Row]]:
    """Yield (benchmark, row) as each figure is ready, saying meanwhile what is being measured."""
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{PREFIX}{name}")
        with console.status(f"measuring {name}"):
            for row in module.rows():
                console.print(f"{name}: {row.name}: {figure(row.ours, row.unit)}", style="dim", highlight=False)
                yield name, row


def figure(value: float | None, unit: str) -> str:
    """Four significant digits with thousands apart; empty for no value."""
    if value is None:
        return ""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f} {unit}" if abs(rounded) >= 1000 else f"{rounded:g} {unit}"


def verdict(row: Row) -> str:
    """What became of the row's bar, in words and colour."""
    if row.met is None:
        return "" if not row.bar else "[dim]not measured[/dim]"
    return "[green]met[/green]" if row.met else "[bold red]MISSED[/bold red]"


def ratio(row: Row) -> str:
    """Our figure over the peer's, to two significant digits; empty without a peer."""
    return f"{row.ours / row.peer:.2g} x" if row.peer else ""


def render(rows: Sequence[tuple[str, Row]]) -> Table:
    """The whole table."""
    table = Table(title=f"Leadline on {platform.machine()}, {os.cpu_count()} cores", show_lines=True)
    for heading in ("benchmark", "what", "ours", "peer", "ours / peer", "bar", "", "note"):
        table.add_column(heading, overflow="fold", justify="right" if heading in {"ours", "ours / peer"} else "left")
    for name, row in rows:
        peer = f"{figure(row.peer, row.unit)} ({row.peer_name})" if row.peer is not None else row.peer_name
        ours = figure(row.ours, row.unit)
        table.add_row(name, row.name, ours, peer, ratio(row), row.bar, verdict(row), row.note)
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--only", multiple=True, type=click.Choice(names()), help="Measure only this; may be given again.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(only: tuple[str, ...], file: Path | None) -> None:
    """Measure Leadline and print one table: our figure, what a user would use instead, and the bar to meet.

    Inputs are synthetic unless a note says otherwise. What was measured is printed even when a later benchmark fails.
    """
    console = Console(width=None if Console().is_terminal else 160)
    done: list[tuple[str, Row]] = []
    try:
        done.extend(measure(only or names(), console))
    finally:
        console.print(render(done))
        if file is not None:
            file.write_text(json.dumps([{"benchmark": name, **asdict(row)} for name, row in done], indent=1) + "\n")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")

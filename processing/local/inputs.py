"""Take recognised inputs into a project, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processing.errors import InputError
from processing.io.atomic import aside, write_text
from processing.io.recognise import Inventory, TruthTable
from processing.places import fetch, is_remote, remove
from processing.project import Project
from processing.provenance import fingerprint_file


def take_in(project: Project, inventory: Inventory, *, copy: bool = False) -> None:
    """Link (or copy) every input and truth table into the project.

    On any failure, an interrupt included, what this call has brought in is taken out again. Raises InputError when an
    identifier is in the project already with other content.
    """
    with _all_or_none(_entries_of(project, inventory)):
        for found in inventory.found:
            project.add_input(found.category, found.ident, found.kind, found.path, found.details, copy=copy)
        for table in inventory.truth:
            _take_truth(project, table, copy=copy)


def _take_truth(project: Project, table: TruthTable, *, copy: bool) -> None:
    target = project.table_path("inputs/truth", table.granule, table.beam)
    source = table.path.resolve()
    if target.exists():
        if fingerprint_file(target) != fingerprint_file(source):
            raise InputError(
                f"the project has another truth of {table.granule} {table.beam}", where=source, mend=f"remove {target}"
            )
        return
    if copy or is_remote(source) or is_remote(target):
        with aside(target) as file:
            fetch(source, file)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(source, target.parent.resolve()))


def _entries_of(project: Project, inventory: Inventory) -> list[Path]:
    """What an ``add`` of the inventory can bring: links or copies, records, truth tables and their folders."""
    inputs = (project.input_paths(found.category, found.ident, found.path.resolve()) for found in inventory.found)
    tables = (project.table_path("inputs/truth", table.granule, table.beam) for table in inventory.truth)
    return [path for pair in inputs for path in pair] + [
        path for table in tables for path in (table.parent.parent, table.parent, table)
    ]


@contextmanager
def _all_or_none(entries: list[Path]) -> Iterator[None]:
    """Take out on any error those of ``entries`` that were not there before, and put records back as they were."""
    new = [entry for entry in entries if not entry.exists()]
    records = {
        entry: entry.read_text(encoding="utf-8") for entry in entries if entry.suffix == ".json" and entry.exists()
    }
    try:
        yield
    except BaseException:
        for entry in new:
            remove(entry)
        for record, text in records.items():
            write_text(record, text)
        raise

"""Take recognised inputs into a project, all of them or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processing.errors import InputError
from processing.io.recognise import Inventory, TruthTable
from processing.project import CATEGORIES, Project
from processing.provenance import fingerprint_file


def take_in(project: Project, inventory: Inventory, *, copy: bool = False) -> None:
    """Link (or copy) every input and truth table into the project.

    On any failure, an interrupt included, what this call has brought in is taken out again. Raises InputError when an
    identifier is in the project already with other content.
    """
    with _all_or_none(project):
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
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if copy:
        shutil.copyfile(source, target)
    else:
        target.symlink_to(os.path.relpath(source, target.parent.resolve()))


@contextmanager
def _all_or_none(project: Project) -> Iterator[None]:
    before = set(_entries(project))
    try:
        yield
    except BaseException:
        for entry in set(_entries(project)) - before:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        raise


def _entries(project: Project) -> Iterator[Path]:
    """Everything an ``add`` can bring: links, copies and records, and truth tables with their folders."""
    base = project.root / "inputs"
    for category in CATEGORIES:
        yield from (base / category).glob("*")
    yield from (base / "truth").glob("granule=*")
    yield from (base / "truth").glob("granule=*/beam=*")

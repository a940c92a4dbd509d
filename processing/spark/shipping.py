"""The project's code as one zip that Spark sends to its executors."""

from __future__ import annotations

import zipfile
from pathlib import Path

from processing.spark import bootstrap
from processing.spark.bootstrap import Code

ROOT = Path(bootstrap.__file__).resolve().parents[2]
"""Where the packages lie."""


def pack(folder: Path, needs: tuple[str, ...]) -> tuple[Code, Path]:
    """Write the zip of this program's own code into ``folder``; return what tells executors of it, and its path."""
    digest = bootstrap.digest_of(ROOT)
    archive = folder / f"leadline-{digest}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in bootstrap.python_files(ROOT):
            packed.write(file, file.relative_to(ROOT))
    return Code(archive.name, digest, needs), archive

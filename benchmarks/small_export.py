"""Write the NetCDF files that a checker of conventions looks at: ``python -m benchmarks.small_export FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.bench_export import RUN, made_project
from processing.io.netcdf_grid import write_grid
from processing.local.export import export
from processing.local.gridding import gridded
from processing.local.lineage import lineage

_SEGMENTS = 20_000


def write(folder: Path) -> list[Path]:
    """Freeboard, thickness and leads of three short synthetic beams, and a polar grid; returns the files."""
    project = made_project(folder / "project", _SEGMENTS)
    files = []
    for what in ("freeboard", "segments", "predictions", "thickness", "leads", "along"):
        files.append(folder / f"{what}.nc")
        export(project, what, "", "netcdf", files[-1])
    chain = lineage(project, "freeboard", RUN, project.tracks("freeboard", RUN))
    files.append(folder / "grid.nc")
    write_grid(files[-1], gridded(project, 3031), chain.to_json(), synthetic=True)
    return files


if __name__ == "__main__":
    write(Path(sys.argv[1]))

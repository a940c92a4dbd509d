"""The beams of a synthetic granule resampled, each with its truth; no scene, no labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from processing.io import tables
from processing.local.resample import resample
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SEGMENT, TRUTH
from processing.stages import Resample
from processing.twin.granule import write_granule
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.truth import write_truth
from processing.twin.world import make_world


def beams_with_truth(folder: Path, seed: int, kilometres: float) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name, segments and truth of each beam, both by window index; the truth knows windows without photons too."""
    world = make_world(Twin(seed=seed, km=kilometres, granules=1), 0)
    granule = world.place.granule_id
    project = Project.create(folder / "project")
    with progress_bar("twin", len(BEAMS) * world.place.segments, "segments") as bar:
        write_granule(folder / f"{granule}.h5", world, Companion(world), bar)
    project.add_input("granules", granule, "atl03", folder / f"{granule}.h5", {})
    resample(project, Resample())
    for beam in BEAMS:
        write_truth(folder / f"{beam}.parquet", world, beam, Stamp("twin"))
        segments = tables.read(project.table_path("segments", granule, beam), SEGMENT).to_pandas().set_index("segment")
        yield beam, segments, tables.read(folder / f"{beam}.parquet", TRUTH).to_pandas().set_index("segment")

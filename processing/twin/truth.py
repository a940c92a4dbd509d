"""The TRUTH table: what the twin made, for every window along every beam."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from processing.io import tables
from processing.provenance import Stamp
from processing.schema import TRUTH
from processing.twin.cloud import sky_codes
from processing.twin.place import beam_nodes
from processing.twin.surface import spots
from processing.twin.world import World

_WINDOWS = 100_000
_SAMPLES = 5


def write_truth(path: Path, world: World, beam: str, stamp: Stamp) -> int:
    """Write the truth of one beam and return its number of windows."""
    return tables.write(path, TRUTH, truth_batches(world, beam), stamp)


def truth_batches(world: World, beam: str) -> Iterator[pa.Table]:
    """The truth of one beam in pieces, in along-track order; only windows that lie whole on the track."""
    window = world.parameters.segment
    first = int(np.ceil(world.place.x_start / window))
    last = int(np.floor((world.place.x_start + world.place.length) / window))
    for start in range(first, last, _WINDOWS):
        yield _batch(world, beam, np.arange(start, min(start + _WINDOWS, last), dtype=np.int64))


def _batch(world: World, beam: str, segment: np.ndarray) -> pa.Table:
    window = world.parameters.segment
    nodes = beam_nodes(world.place, beam)
    inner = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    x, y = nodes.at(((segment[:, None] + inner) * window).ravel())
    found = spots(x, y, world.ice)
    label = majority(found.kind.reshape(-1, _SAMPLES))
    mean = found.freeboard.reshape(-1, _SAMPLES).mean(axis=1)
    middle = slice(_SAMPLES // 2, None, _SAMPLES)
    sea = world.ocean.sea_surface(x[middle], y[middle])
    swell = world.ocean.swell(x, y).reshape(-1, _SAMPLES).mean(axis=1)
    return TRUTH.build(
        {
            "granule_id": world.place.granule_id,
            "beam": beam,
            "segment": segment,
            "label": label,
            "height": (mean + sea + swell).astype(np.float32),
            "sea_surface": sea.astype(np.float32),
            "freeboard": mean.astype(np.float32),
            "cloud": sky_codes(x[middle] + world.drift_x, y[middle] + world.drift_y, world.cloud),
            "drift_x": np.full(segment.size, world.drift_x, np.float32),
            "drift_y": np.full(segment.size, world.drift_y, np.float32),
        }
    )


def majority(kind: np.ndarray) -> np.ndarray:
    """Most frequent class code of each row, i1; the lower code where two are as frequent."""
    votes = np.stack([(kind == code).sum(axis=1) for code in range(3)], axis=1)
    return np.argmax(votes, axis=1).astype(np.int8)

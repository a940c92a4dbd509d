"""Segments and classes to make freeboard of: two granules of two tracks each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_tables import table_of

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION, SEGMENT, SNAPSHOT

A, B = "ATL03_20191104195311_05940510_006_01", "ATL03_20191105195311_06090510_006_01"
TRACKS = ((A, "gt1l"), (A, "gt1r"), (B, "gt2l"), (B, "gt3r"))
PREDICTED, FROZEN = "lstm-v0001", "v0001"


def make_project(folder: Path) -> Project:
    """A project of the tracks, with predictions and a snapshot."""
    project = Project.create(folder)
    for track in TRACKS:
        write_track(project, track)
    return project


def made_track(track: tuple[str, str]) -> dict[str, np.ndarray]:
    """Segments and classes: three pieces with gaps, the middle one without water, leads of 20 m to 3 km; one track
    without water, one without segments, one short."""
    rng = np.random.default_rng(TRACKS.index(track))
    index = np.flatnonzero(rng.random(16_000) > 0.05)
    index = index[(index < 5000) | ((index > 6200) & (index < 7000)) | (index > 8100)]
    index = {"gt1l": index, "gt1r": index[:3000], "gt2l": index[:0], "gt3r": index[:700]}[track[1]]
    water = np.repeat(rng.random(len(index) // 10 + 1) < 0.08, 10)[: len(index)]
    long = ((index > 1400) & (index < 1640)) | ((index > 9500) & (index < 11_000))
    water |= long
    water &= (index < 6200) | (index > 7000)
    water &= track[1] != "gt1r"
    height = np.where(water, 0.1, 0.4) + 0.1 * np.sin(index / 700.0) + rng.normal(0, 0.03, len(index))
    height[rng.random(len(index)) < 0.001] = np.nan
    bank = ((index > 1000) & (index < 2500)) | (index > 12_000)
    dark = np.repeat(rng.random(len(index) // 10 + 1) < 0.5, 10)[: len(index)]
    rate = np.where(water, np.where(dark, 0.5, 8.0), 6.0) * np.where(bank, 0.3, 1.0)
    full = rng.random(len(index)) < np.where(index > 9500, 0.7, 0.1)
    return {
        "segment": index + 4_000_000,
        "height_median": height.astype(np.float32),
        "height_mean": (height + rng.normal(0, 0.01, len(index))).astype(np.float32),
        "height_std": rng.uniform(0.05, 0.2, len(index)).astype(np.float32),
        "photon_count": rng.integers(1, 20, len(index), np.int32),
        "photon_rate": rate.astype(np.float32),
        "quality": np.where(full, 2, 0).astype(np.uint32) | np.where(index < 3000, 64, 0).astype(np.uint32),
        "label": np.where(water, 2, 0).astype(np.int8),
        "p_water": np.where(long, 0.9, np.where(water, rng.uniform(0.4, 1.0, len(index)), 0.1)).astype(np.float32),
        "has_class": rng.random(len(index)) > 0.02,
    }


def write_track(project: Project, track: tuple[str, str]) -> None:
    made = made_track(track)
    names = ("segment", "height_median", "height_mean", "height_std", "photon_count", "photon_rate", "quality")
    columns = {name: made[name] for name in names} | {"x_atc": 2.0 * made["segment"] + 1.0}
    stamp = Stamp("resample", {"window": 2.0}, {"granule": track[0]})
    tables.write(project.table_path("segments", *track), SEGMENT, table_of(SEGMENT, track, columns), stamp)
    some = {name: values[made["has_class"]] for name, values in made.items()}
    classed = Stamp("classify", {}, {"segments": stamp.fingerprint})
    predicted = {"segment": some["segment"], "predicted": some["label"], "p_water": some["p_water"]}
    path = project.table_path("predictions", *track, PREDICTED)
    tables.write(path, PREDICTION, table_of(PREDICTION, track, predicted), classed)
    frozen = {"segment": some["segment"], "label": some["label"]}
    path = project.table_path("snapshots", *track, FROZEN)
    tables.write(path, SNAPSHOT, table_of(SNAPSHOT, track, frozen), classed)

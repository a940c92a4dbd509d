"""Zones of a project's track: which prediction counts, where the weights come from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from processing.errors import InputError
from processing.io import tables
from processing.local.zones import newest_prediction, track_evidence, track_zones
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, PREDICTION, SEGMENT, AutoFlag
from processing.stages import Resample, Review

G, B = "ATL03_20191104195311_05940510_006_01", "gt1r"
COUNT = 40
SEGMENT_IDS = np.arange(100, 100 + COUNT)


def put_segments(project: Project, window: float = 2.0) -> str:
    stamp = Stamp(Resample.key, {"window": window}, {})
    tables.write(project.table_path("segments", G, B), SEGMENT, SEGMENT.empty(), stamp)
    return stamp.fingerprint


def put_labels(project: Project, cloudy: slice, note: str = "") -> None:
    flags = np.zeros(COUNT, np.uint32)
    flags[cloudy] = AutoFlag.CLOUD
    bands = {name: np.zeros(COUNT, np.float32) for name in ("b02", "b03", "b04", "b08", "b11", "drift_x", "drift_y")}
    table = LABEL.build(
        {
            "granule_id": G,
            "beam": B,
            "segment": SEGMENT_IDS,
            "label_auto": np.zeros(COUNT, np.int8),
            "auto_flags": flags,
            "boundary_distance": np.full(COUNT, 1e4, np.float32),
            "scene_id": "scene",
            "time_offset": np.full(COUNT, 600.0, np.float32),
            "drift_confidence": np.ones(COUNT, np.float32),
            **bands,
        }
    )
    tables.write(project.table_path("autolabels", G, B), LABEL, table, Stamp("autolabel", {"note": note}, {}))


def put_prediction(project: Project, run: str, segments: str, opposed: slice, rows: slice = slice(None)) -> None:
    """A model that is sure of thick ice, but of water over ``opposed``."""
    water = np.zeros(COUNT, np.float32)
    water[opposed] = 1.0
    kept = water[rows]
    table = PREDICTION.build(
        {
            "granule_id": G,
            "beam": B,
            "segment": SEGMENT_IDS[rows],
            "p_thick": 1 - kept,
            "p_thin": np.zeros_like(kept),
            "p_water": kept,
            "predicted": (2 * kept).astype(np.int8),
            "model_id": run,
        }
    )
    stamp = Stamp("classify", {"run_name": run}, {"segments": segments})
    tables.write(project.table_path("predictions", G, B, run), PREDICTION, table, stamp)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "P")
    put_labels(made, slice(5, 10))
    return made


def runs(project: Project) -> list[tuple[int, int, tuple[str, ...]]]:
    found = track_zones(project, G, B, project.stage(Review, {"gap": 0.0}))
    return [(zone.first, zone.stop, zone.reasons) for zone in found]


def test_flags_alone_make_zones(project: Project) -> None:
    put_segments(project)
    assert runs(project) == [(105, 110, ("cloud",))]
    assert track_zones(project, G, "gt9x", Review()) == []


def test_a_segment_is_as_long_as_it_was_made(project: Project) -> None:
    put_segments(project, window=4.0)
    (zone,) = track_zones(project, G, B, Review())
    assert (zone.x_start, zone.x_end) == (420.0, 440.0)


def test_the_newest_prediction_of_these_segments_counts(project: Project) -> None:
    segments = put_segments(project)
    put_prediction(project, "old", segments, slice(20, 24))
    put_prediction(project, "new", segments, slice(30, 34))
    put_prediction(project, "foreign", "other segments", slice(0, 40))
    for age, run in enumerate(("foreign", "new", "old")):
        os.utime(project.root / "predictions" / run, (1e9 - age, 1e9 - age))
    found = newest_prediction(project, G, B)
    assert found is not None
    assert "new" in found.parts
    assert [(first, stop) for first, stop, why in runs(project) if "disagreement" in why] == [(130, 134)]
    assert track_evidence(project, G, B, model=False).probability is None  # type: ignore[union-attr]


def test_a_prediction_of_some_segments_is_laid_beside_them(project: Project) -> None:
    put_prediction(project, "part", put_segments(project), slice(30, 34), slice(20, 36))
    evidence = track_evidence(project, G, B)
    assert evidence is not None
    assert evidence.probability is not None
    assert np.flatnonzero(np.isfinite(evidence.probability[0])).tolist() == list(range(20, 36))
    assert evidence.probability[2, 30:34].tolist() == [1.0] * 4
    assert evidence.minutes[0] == 10.0
    assert (130, 134, ("disagreement",)) in runs(project)


def test_weights_are_kept_in_the_project(project: Project) -> None:
    put_segments(project)
    project.remember(project.stage(Review, {"cloud": 0.01}))
    again = Project(project.root)
    assert again.stage(Review).cloud == 0.01
    assert runs(again) == []
    with pytest.raises(InputError, match="clowd"):
        again.stage(Review, {"clowd": 0.5})

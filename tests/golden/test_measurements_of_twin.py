"""Measurements made of a synthetic granule's truth agree with our freeboard from true classes: no bias, true errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from processing.core.matches import Matches
from processing.io import tables
from processing.local.against_measurements import match_table
from processing.local.freeboard import freeboard
from processing.local.resample import resample
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, SEGMENT, SNAPSHOT, TRUTH
from processing.stages import Freeboard, Match, Resample
from processing.twin.granule import write_granule
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.truth import write_truth
from processing.twin.world import make_world

KM, SEED = 16.0, 5
RUN = "v0001"
SEGMENTS = 20
"""Segments under one footprint of 40 m."""

NOISE = 0.02


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A synthetic granule with freeboard from its true classes, and ``flight.parquet`` beside it."""
    root = tmp_path_factory.mktemp("measured-twin")
    world = make_world(Twin(seed=SEED, km=KM, granules=1), 0)
    granule = world.place.granule_id
    project = Project.create(root / "project")
    with progress_bar("twin", len(BEAMS) * world.place.segments, "segments") as bar:
        write_granule(root / f"{granule}.h5", world, Companion(world), bar)
    project.add_input("granules", granule, "atl03", root / f"{granule}.h5", {})
    resample(project, Resample())
    rng = np.random.default_rng(SEED)
    flights = []
    for beam in BEAMS:
        write_truth(project.table_path("inputs/truth", granule, beam), world, beam, Stamp("twin"))
        flights.append(write_labels_and_measure(project, granule, beam, rng))
    freeboard(project, Freeboard(source="labels"))
    pd.concat(flights).to_parquet(root / "flight.parquet")
    return project


@pytest.fixture(scope="module")
def found(project: Project) -> Matches:
    return match_table(project, project.root.parent / "flight.parquet", stage=Match(least_segments=10, within=10.0))


def write_labels_and_measure(project: Project, granule: str, beam: str, rng: np.random.Generator) -> pd.DataFrame:
    """Write the true classes as the labels of a beam, and measure its true freeboard in footprints of 40 m."""
    truth = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH, ["segment", "label", "freeboard"])
    names = ["segment", "lat", "lon", "time"]
    own = tables.read(project.table_path("segments", granule, beam), SEGMENT, names).to_pandas()
    both = own.merge(truth.to_pandas(), on="segment")
    zero = np.zeros(len(both), np.float32)
    columns: dict[str, object] = dict.fromkeys(SNAPSHOT.names, zero)
    columns |= dict.fromkeys(("granule_id", "beam", "scene_id", "analyst"), "")
    columns |= {"segment": both.segment, "label_auto": both.label, "label": both.label}
    columns |= {"auto_flags": zero.astype("u4"), "label_source": zero.astype("i1"), "event_id": zero.astype("i8")}
    tables.write(
        project.table_path("snapshots", granule, beam, RUN), SNAPSHOT, SNAPSHOT.build(columns), Stamp("snapshot")
    )
    spots = both.groupby(both.segment // SEGMENTS).agg(
        lat=("lat", "mean"), lon=("lon", "mean"), time=("time", "first"), total_freeboard=("freeboard", "mean")
    )
    spots["total_freeboard"] += rng.normal(0, NOISE, len(spots))
    return spots.assign(sigma=NOISE, time=spots.time + pd.Timedelta("20min"))


def test_matching_adds_no_bias_to_that_of_the_segments(project: Project, found: Matches) -> None:
    wrong = []
    for granule, beam in project.tracks("freeboard", found.run):
        own, truth = (
            tables.read(project.table_path(*where), schema, ["segment", "freeboard"]).to_pandas()
            for where, schema in (
                (("freeboard", granule, beam, found.run), FREEBOARD),
                (("inputs/truth", granule, beam), TRUTH),
            )
        )
        both = own.merge(truth, on="segment", suffixes=("", "_true"))
        wrong.append((both.freeboard - both.freeboard_true).to_numpy())
    assert found.agreement.bias.value == pytest.approx(np.nanmean(np.concatenate(wrong)), abs=0.002)


def test_no_bias_and_errors_of_the_size_that_is_quoted(found: Matches) -> None:
    assert len(found) > 1000
    assert abs(found.agreement.bias.value) < 0.03, "one sea surface serves all of so short a track"
    assert found.agreement.centred_rms.value < 0.08, found.agreement
    assert found.agreement.correlation.value > 0.9, found.agreement
    assert found.agreement.slope.value == pytest.approx(1.0, abs=0.1)
    assert 0.6 < found.normalised.spread < 1.7, found.normalised
    assert found.normalised.count == len(found)

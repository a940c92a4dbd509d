"""Five sea surfaces with true labels on a synthetic granule of an unseen seed, side by side against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from processing.core.sea_surface import ESTIMATORS
from processing.io import tables
from processing.local.freeboard import freeboard
from processing.local.resample import resample
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, SEGMENT, SNAPSHOT, TRUTH, SeaSurfaceSource
from processing.stages import Freeboard, Resample
from processing.twin.granule import write_granule
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.truth import write_truth
from processing.twin.world import make_world

SEED, KM = 77, 40.0
RUN = "v0001"


@dataclass(frozen=True)
class Errors:
    """Over segments whose window has leads, all beams together, m: of each sea surface and of freeboard over ice."""

    bias: dict[str, float]
    rms: dict[str, float]
    freeboard_bias: float
    standardised: float


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Errors:
    project = make_project(tmp_path_factory.mktemp("golden"))
    run = freeboard(project, Freeboard(source="labels"))
    surface: list[np.ndarray] = []
    above: list[np.ndarray] = []
    sigma: list[np.ndarray] = []
    for granule, beam in project.tracks("freeboard", run):
        found = tables.read(project.table_path("freeboard", granule, beam, run), FREEBOARD).to_pandas()
        truth = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH).to_pandas()
        both = found.merge(truth, on="segment", suffixes=("", "_true"))
        held = both[both.sea_surface_source == SeaSurfaceSource.LEADS]
        names = [f"sea_surface_{name}" for name in ESTIMATORS]
        surface.append(held[names].sub(held.sea_surface, axis=0).to_numpy())
        sigma.append(held.sea_surface_sigma.to_numpy())
        ice = held[held.label != 2]
        above.append((ice.freeboard - ice.freeboard_true).to_numpy())
    wrong = np.concatenate(surface)
    return Errors(
        dict(zip(ESTIMATORS, wrong.mean(axis=0).tolist(), strict=True)),
        dict(zip(ESTIMATORS, np.sqrt((wrong**2).mean(axis=0)).tolist(), strict=True)),
        float(np.concatenate(above).mean()),
        float(np.sqrt(((wrong[:, -1] / np.concatenate(sigma)) ** 2).mean())),
    )


def make_project(root: Path) -> Project:
    """A synthetic granule resampled, with the truth and, as its labels, the truth's classes."""
    world = make_world(Twin(seed=SEED, km=KM, granules=1), 0)
    granule = world.place.granule_id
    project = Project.create(root / "project")
    file = root / f"{granule}.h5"
    with progress_bar("twin", len(BEAMS) * world.place.segments, "segments") as bar:
        write_granule(file, world, Companion(world), bar)
    project.add_input("granules", granule, "atl03", file, {})
    resample(project, Resample())
    for beam in BEAMS:
        write_truth(project.table_path("inputs/truth", granule, beam), world, beam, Stamp("twin"))
        write_true_labels(project, granule, beam)
    return project


def write_true_labels(project: Project, granule: str, beam: str) -> None:
    truth = tables.read(project.table_path("inputs/truth", granule, beam), TRUTH, ["segment", "label"])
    segments = project.table_path("segments", granule, beam)
    own = tables.read(segments, SEGMENT, ["segment"])["segment"].to_numpy()
    known = np.isin(truth["segment"].to_numpy(), own)
    label = truth["label"].to_numpy()[known]
    zero = np.zeros(len(label), np.float32)
    columns: dict[str, object] = dict.fromkeys(SNAPSHOT.names, zero)
    for name in ("granule_id", "beam", "scene_id", "analyst"):
        columns[name] = ""
    columns |= {"segment": truth["segment"].to_numpy()[known], "label_auto": label, "label": label}
    columns |= {"auto_flags": zero.astype(np.uint32), "label_source": zero.astype(np.int8)}
    columns |= {"event_id": zero.astype(np.int64)}
    path = project.table_path("snapshots", granule, beam, RUN)
    tables.write(path, SNAPSHOT, SNAPSHOT.build(columns), Stamp("snapshot"))


@pytest.mark.slow
def test_the_default_sea_surface_is_within_two_centimetres_and_unbiased(errors: Errors) -> None:
    assert errors.rms["robust"] < 0.02, errors
    assert abs(errors.bias["robust"]) < 0.01, errors
    assert abs(errors.freeboard_bias) < 0.01, errors
    assert 0.2 < errors.standardised < 2.0, "the uncertainty is of the size of the error"


@pytest.mark.slow
def test_the_published_ones_are_worse_in_the_way_expected(errors: Errors) -> None:
    assert errors.bias["minimum"] < errors.bias["nearest"] < errors.bias["weighted"] < -0.005, errors
    assert errors.bias["average"] > 0.01, "ice in the footprint at the edges of leads"
    assert min(errors.rms[name] for name in ESTIMATORS[:-1]) > 1.3 * errors.rms["robust"], errors

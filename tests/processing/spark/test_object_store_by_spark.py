"""Executors read from and write to an object store, and make the tables of one machine.

The program runs as a process of its own: executors get their surroundings from Java's, which starts once a process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from processing.io import tables
from processing.io.recognise import take_stock
from processing.local.freeboard import freeboard
from processing.local.inputs import take_in
from processing.local.resample import resample
from processing.places import names_below, put
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import SEGMENT, SNAPSHOT
from processing.stages import Freeboard, Resample

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_granules import Recipe, make_granule
from made_tables import table_of

GRANULE = "ATL03_20191104195311_05940510_006_01"
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from processing import cli
from processing.spark.session import kept_open

cli.load_commands()
with kept_open():
    for line in sys.argv[1:]:
        status = cli.run([*line.split(), "--engine", "spark", "--master", "local[2]"])
        if status:
            sys.exit(status)
"""


def project_of(root: Path, inputs: Path) -> Project:
    project = Project.create(root)
    take_in(project, take_stock((inputs,)))
    return project


def freeze(project: Project) -> None:
    """A snapshot in which every tenth stretch of 10 m is water."""
    for track in project.tracks("segments"):
        path = project.table_path("segments", *track)
        stamp = tables.read_stamp(path)
        assert stamp is not None
        segment = tables.read(path, SEGMENT, ["segment"])["segment"].to_numpy()
        columns = {"segment": segment, "label": np.where(segment % 50 < 5, 2, 0).astype(np.int8)}
        made = Stamp("snapshot", {}, {"segments": stamp.fingerprint})
        tables.write(
            project.table_path("snapshots", *track, "v0001"), SNAPSHOT, table_of(SNAPSHOT, track, columns), made
        )


def by_spark(*lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *lines], cwd=ROOT, capture_output=True, text=True, check=False
    )


def contents(root: Path, kind: str) -> dict[str, bytes]:
    names = [name for name in names_below(root / kind) if name.endswith(".parquet")]
    return {name: (root / kind / name).read_bytes() for name in names}


@pytest.mark.slow
def test_tables_by_executors_in_a_store_are_those_of_one_machine(bucket: Path, tmp_path: Path) -> None:
    made = make_granule(tmp_path / f"in/{GRANULE}.h5", Recipe(beams=("gt1r", "gt2l"), pieces=((9_000_003.0, 400),)))
    put(made, bucket / "in" / made.name)
    near, far = project_of(tmp_path / "near", made.parent), project_of(bucket / "far", bucket / "in")
    resample(near, Resample())
    freeze(near)
    for name in names_below(near.root / "snapshots"):
        put(near.root / "snapshots" / name, far.root / "snapshots" / name)
    freeboard(near, Freeboard(source="labels"))
    done = by_spark(f"resample {far.root}", f"freeboard {far.root} --source labels")
    assert done.returncode == 0, done.stderr
    for kind in ("segments", "freeboard"):
        assert contents(far.root, kind) == contents(near.root, kind) != {}


@pytest.mark.slow
def test_an_executor_that_misses_an_object_says_so(bucket: Path, tmp_path: Path) -> None:
    made = make_granule(tmp_path / f"in/{GRANULE}.h5")
    put(made, bucket / "in" / made.name)
    far = project_of(bucket / "far", bucket / "in")
    (bucket / "in" / made.name).unlink()
    done = by_spark(f"resample {far.root}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{GRANULE}.h5: file is not there" in done.stderr.strip().splitlines()[-1]

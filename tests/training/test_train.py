"""From snapshot to model, card and predictions, and what is refused on the way, all through the command line."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from processing.cli import cli, run
from processing.errors import InputError
from processing.io import tables
from processing.labels import LabelStore
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, PREDICTION, SEGMENT, TRUTH, AutoFlag, LabelSource
from processing.stages import Snapshot, Train
from training import train as training
from training.begin import stamp_of
from training.commands import register
from training.source import find_source
from training.splits import UNCLEAR, Role, Split, at_random, by_block, set_aside, split, usable_labels
from training.tensors import Rows, Tensors

QUICK = ("--model", "mlp", "--epochs", 2, "--batch", 256, "--tracking", "off")


@pytest.fixture(autouse=True, scope="module")
def _commands() -> None:
    register(cli)


def leadline(*words: object) -> int:
    return run([str(word) for word in words])


def record(project: Project, name: str) -> dict:
    return json.loads((project.root / "models" / name / "model.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line said when the command ends with status 2."""
    capsys.readouterr()
    assert leadline(*words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline: ")]
    assert len(lines) == 1
    return lines[0]


def runs(project: Project, kind: str = "models") -> list[str]:
    return sorted(project.runs(kind))


def test_separable_classes_are_recovered_on_a_granule_held_out(make_project) -> None:
    project = make_project()
    assert leadline("train", project.root, "--model", "lstm", "--epochs", 12, "--batch", 64, "--held-out", "B") == 0
    assert leadline("classify", project.root) == 0
    made = record(project, "lstm-v0001")
    assert made["split"]["honest"]
    assert made["split"]["held_out"] == ["B"]
    assert made["metrics"]["labels"]["accuracy"] > 0.95
    predicted = tables.read(project.table_path("predictions", "B", "gt1l", "lstm-v0001"), PREDICTION)
    truth = tables.read(project.table_path("inputs/truth", "B", "gt1l"), TRUTH)
    hits = predicted["predicted"].to_numpy() == truth["label"].to_numpy()
    assert hits.mean() == pytest.approx(made["metrics"]["truth"]["accuracy"], abs=1e-6)
    chances = np.stack([predicted[name].to_numpy() for name in ("p_thick", "p_thin", "p_water")], axis=1)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-6)
    assert set(predicted["model_id"].to_pylist()) == {"lstm-v0001"}


def test_a_run_is_kept_renewed_or_numbered(make_project, capsys) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    first = (project.root / "models/mlp-v0001/model.json").read_text()
    assert leadline("train", project.root) == 0
    assert (project.root / "models/mlp-v0001/model.json").read_text() == first
    assert leadline("train", project.root, "--seed", 3) == 0
    assert runs(project) == ["mlp-v0001", "mlp-v0001-2"]
    said = refused(capsys, "train", project.root, "--seed", 4, "--run-name", "mlp-v0001")
    assert "run 'mlp-v0001' is there, made from other data or parameters; choose another --run-name" in said
    assert leadline("train", project.root, "--seed", 4, "--run-name", "mine", "--snapshot", "v0001") == 0
    assert Project(project.root).settings["stage"]["train"] == {
        "model": "mlp",
        "epochs": 2,
        "batch": 256,
        "seed": 4,
        "tracking": "off",
    }
    assert not list((project.root / "models").glob(".*"))
    found = {file.name for file in (project.root / "models/mine").iterdir()}
    assert found == {"model.pt", "model.json", "metrics.jsonl", "card.md"}


def test_the_number_of_ranks_makes_no_other_run(make_project) -> None:
    project = make_project(count=400)
    source = find_source(project, "")
    stamps = [stamp_of(Train(workers=workers), source).fingerprint for workers in (0, 2)]
    assert stamps[0] == stamps[1]
    assert leadline("train", project.root, *QUICK) == 0
    assert leadline("train", project.root, "--workers", 2) == 0
    assert runs(project) == ["mlp-v0001"]


def test_old_unfinished_runs_are_removed(make_project) -> None:
    project = make_project(count=400)
    ages = {"old": training.KEPT_DAYS + 1, "fresh": training.KEPT_DAYS - 1}
    for name, days in ages.items():
        folder = project.root / "models" / f"{training.UNFINISHED}{name}"
        folder.mkdir(parents=True)
        (folder / "job.pt").write_bytes(b"x")
        then = time.time() - 86_400 * days
        os.utime(folder, (then, then))
    assert leadline("train", project.root, *QUICK) == 0
    assert [folder.name for folder in (project.root / "models").glob(".*")] == [".unfinished-fresh"]


def test_one_granule_is_split_by_blocks_and_the_card_says_so(make_project) -> None:
    project = make_project(granules=("A",), beams=("gt1l", "gt1r"), truth=False)
    assert leadline("train", project.root, *QUICK) == 0
    made, card = record(project, "mlp-v0001"), (project.root / "models/mlp-v0001/card.md").read_text()
    assert not made["split"]["honest"]
    assert made["metrics"]["truth"] is None
    assert "Not an honest held-out test" in card
    assert "blocks" in card
    assert "synthetic" not in card


def test_card_of_synthetic_data_says_so(make_project) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    card = (project.root / "models/mlp-v0001/card.md").read_text()
    assert "The data are synthetic" in card
    assert "whole granules held out" in card
    assert "Against the synthetic truth" in card


def along(x: np.ndarray, granules: tuple[str, ...] = ("A",)) -> Tensors:
    """Labels of every class in turn at places ``x`` [m] of as many granules, each of one beam."""
    segment = np.floor(np.concatenate([np.sort(x)] * len(granules)) / 2.0).astype(np.int64)
    tracks = [Rows(granule, "gt1l", number * len(x), (number + 1) * len(x)) for number, granule in enumerate(granules)]
    count = len(segment)
    zeros = np.zeros(count, np.uint32)
    label = (np.arange(count) % 3).astype(np.int8)
    return Tensors(
        Path(), 2.0, tuple(tracks), np.zeros((count, 9), np.float32), segment, label, label, label * 0, zeros
    )


def rows(parted: Split, role: Role) -> np.ndarray:
    return np.flatnonzero(parted.role == role)


def every(data: Tensors) -> np.ndarray:
    return np.ones(len(data), bool)


def test_blocks_keep_their_guard() -> None:
    data = along(np.arange(0, 100_000, 50))
    parted = by_block(data, every(data), seed=1)
    x, test, learn = data.x_atc, rows(parted, Role.TEST), rows(parted, Role.LEARN)
    assert len(parted.stretches) == 2
    assert np.abs(x[learn][:, None] - x[test][None, :]).min() >= 0.1 * x.max() / 10 - 50
    assert len(test) == pytest.approx(0.2 * len(x), rel=0.02)
    assert parted.holds("A", x[test]).all()
    assert not parted.holds("A", x[learn]).any()


@pytest.mark.parametrize("seed", range(5))
def test_blocks_without_a_label_are_not_held_out(seed: int) -> None:
    data = along(2.0 * np.concatenate([np.arange(100), np.arange(900, 1000)]))
    parted = by_block(data, every(data), seed)
    assert len(rows(parted, Role.TEST)) == len(rows(parted, Role.LEARN)) == 100
    assert "1 of 10 blocks" in parted.how


def test_a_single_labelled_place_cannot_be_tested_on() -> None:
    data = along(np.full(30, 5.0))
    with pytest.raises(InputError, match="no label is left to test on; label more of the track"):
        split(data, "", 0, clear_only=True, validation=0.1)


def test_whole_blocks_of_all_beams_are_set_aside_and_never_of_what_is_held_out() -> None:
    data = along(np.arange(0, 600_000, 20.0), ("A", "B", "C"))
    parted = split(data, "B", 3, clear_only=True, validation=0.1)
    aside = parted.role == Role.CALIBRATE
    assert 0.05 * len(data) < aside.sum() < 0.1 * len(data)
    assert (parted.role[data.tracks[1].here] == Role.TEST).all()
    block = (data.x_atc // 5000).astype(int)
    for track in (data.tracks[0], data.tracks[2]):
        for number in np.unique(block[track.here]):
            mine = aside[track.here][block[track.here] == number]
            assert mine.all() or not mine.any()
    other = split(data, "B", 4, clear_only=True, validation=0.1)
    assert not np.array_equal(other.role, parted.role)


def test_nothing_is_set_aside_where_a_class_would_be_lost() -> None:
    data = along(np.arange(0, 100_000, 20.0))
    data.label[:] = 0
    data.label[data.x_atc < 5000] = 1
    for seed in range(20):
        role = np.full(len(data), Role.LEARN, np.uint8)
        set_aside(data, role, 0.5, seed)
        assert set(data.label[role == Role.LEARN]) == {0, 1}


def test_the_papers_split_draws_single_windows() -> None:
    data = along(np.arange(0, 4000, 2.0), ("A", "B"))
    parted = at_random(data, every(data), 0, most=1000)
    assert (len(rows(parted, Role.LEARN)), len(rows(parted, Role.TEST))) == (800, 200)
    assert not parted.honest
    beside = np.diff(np.flatnonzero(parted.role)) == 1
    assert 0.1 < beside.mean() < 0.5


def test_usable_labels() -> None:
    label = np.array([0, 1, 2, -1, 0, 1], np.int8)
    flags = np.array([0, AutoFlag.CLOUD, AutoFlag.SATURATED, 0, AutoFlag.SHADOW, AutoFlag.TRANSITION], np.uint32)
    source = np.array([0, 0, 0, 0, LabelSource.MANUAL, 0], np.int8)
    assert usable_labels(label, flags, source, clear_only=True).tolist() == [True, False, True, False, True, False]
    assert usable_labels(label, flags, source, clear_only=False).tolist() == [True, True, True, False, True, True]
    assert (AutoFlag.DRIFT_UNSURE | AutoFlag.OUTSIDE_SCENE) in UNCLEAR


def test_classify_keeps_what_is_current_and_renews_what_is_not(make_project) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    assert leadline("classify", project.root) == 0
    paths = {g: project.table_path("predictions", g, "gt1l", "mlp-v0001") for g in ("A", "B")}
    before = {granule: path.stat().st_mtime_ns for granule, path in paths.items()}
    rewrite(project, "B", {"height_mean": lambda values: values + 0.01})
    assert leadline("classify", project.root) == 0
    assert paths["A"].stat().st_mtime_ns == before["A"]
    assert paths["B"].stat().st_mtime_ns > before["B"]


def test_classes_of_the_model_in_use_are_the_newest_whichever_was_classified_last(make_project) -> None:
    project = make_project(count=400)
    for seed in (1, 2):
        assert leadline("train", project.root, *QUICK, "--seed", seed, "--run-name", f"m{seed}") == 0
        assert leadline("classify", project.root, "--run-name", f"m{seed}") == 0
    assert project.runs("predictions") == ["m1", "m2"]
    rewrite(project, "B", {"height_mean": lambda values: values + 0.01})
    for name in ("m2", "m1"):
        assert leadline("classify", project.root, "--run-name", name) == 0
        assert project.runs("predictions") == ["m1", "m2"]


def rewrite(project: Project, granule: str, changes: dict, window: float = 2.0) -> None:
    """Make a granule's segments anew with some columns changed."""
    path = project.table_path("segments", granule, "gt1l")
    table = tables.read(path, SEGMENT)
    for name, change in changes.items():
        column = pa.array(change(table[name].to_numpy()), table[name].type)
        table = table.set_column(table.column_names.index(name), name, column)
    tables.write(path, SEGMENT, table, Stamp("resample", {"window": window}, {"granule": f"{granule} again"}))


def test_training_refuses_what_it_cannot_learn_from(make_project, relabel, capsys) -> None:
    project = make_project(count=400)
    train = ("train", project.root, *QUICK)
    assert "granule 'C' has no usable label; those with labels: A, B" in refused(capsys, *train, "--held-out", "C")
    assert "every granule is held out" in refused(capsys, *train, "--held-out", "A, B")
    assert "no snapshot 'v0009'; there are: v0001" in refused(capsys, *train, "--snapshot", "v0009")
    assert "has characters that no folder should" in refused(capsys, *train, "--run-name", "../x")
    relabel(project, lambda granule, label: np.where(granule == "A", 0, label))
    assert "of one class only (thick ice)" in refused(capsys, *train, "--held-out", "B")
    relabel(project, lambda _, label: np.full_like(label, -1))
    assert "has no label; label some segments" in refused(capsys, *train)
    rewrite(project, "A", {"height_mean": lambda values: values + 1})
    assert "was made of other segments; run: leadline autolabel" in refused(capsys, *train)
    assert runs(project) == []


def test_missing_features_are_named(make_project, capsys) -> None:
    project = make_project(granules=("A",), count=400)
    rewrite(project, "A", {"height_std": lambda values: np.where(np.arange(400) == 9, np.nan, values)})
    for path in (project.table_path("autolabels", "A", "gt1l"),):
        made = tables.read_stamp(project.table_path("segments", "A", "gt1l")).fingerprint
        tables.write(path, LABEL, tables.read(path, LABEL), Stamp("autolabel", {}, {"segments": made}))
    snapshot(project, Snapshot())
    said = refused(capsys, "train", project.root, *QUICK)
    assert "feature height_std is missing at segment 4000009 (1 such values); run: leadline resample" in said


def test_a_project_without_snapshot_or_model_says_what_to_run(tmp_path: Path, capsys) -> None:
    project = Project.create(tmp_path / "p")
    assert "there are no snapshots yet; run: leadline snapshot" in refused(capsys, "train", project.root)
    assert "there are no models yet; run: leadline train" in refused(capsys, "classify", project.root)
    assert "not a project" in refused(capsys, "train", tmp_path / "q")


def test_stale_foreign_and_damaged_models_are_refused(make_project, capsys) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    classify, folder = ("classify", project.root), project.root / "models/mlp-v0001"
    good = (folder / "model.json").read_text()

    def tell(change: dict) -> str:
        (folder / "model.json").write_text(json.dumps(json.loads(good) | change))
        return refused(capsys, *classify)

    features = json.loads(good)["features"]
    assert "features version 0" in tell({"features": features | {"version": 0}})
    assert "schema version 99" in tell({"schema_version": 99})
    assert "segments are of 2 m, model mlp-v0001 learned on 5 m" in tell({"window": 5.0})
    assert "damaged or foreign weights" in tell({"model": "lstm"})
    (folder / "model.json").write_text(good.replace('"fingerprint"', '"finger"'))
    assert "not a model record" in refused(capsys, *classify)
    (folder / "model.json").write_text(good[:50])
    assert "damaged model record" in refused(capsys, *classify)
    (folder / "model.json").write_text("[]")
    assert "damaged model record (not a JSON object)" in refused(capsys, *classify)
    (folder / "model.json").write_text(good)
    (folder / "model.pt").write_bytes((folder / "model.pt").read_bytes()[:500])
    assert "damaged or foreign weights" in refused(capsys, *classify)
    assert "no such model" in refused(capsys, *classify, "--run-name", "other")
    assert runs(project, "predictions") == []


def test_several_ranks_without_horovod_say_how_to_get_it(make_project, capsys, monkeypatch, tmp_path) -> None:
    project = make_project(count=400)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    said = refused(capsys, "train", project.root, *QUICK, "--workers", 2)
    assert "training on several ranks needs Horovod; run: python -m training.horovod_wheel" in said


def test_corrections_change_the_snapshot_and_so_the_model(make_project) -> None:
    project = make_project(count=400)
    assert leadline("train", project.root, *QUICK) == 0
    x = 2.0 * 4_000_000
    with LabelStore(project.database_url) as store:
        store.add("A", "gt1l", x, x + 50, 2, reason="other", analyst="me")
    snapshot(project, Snapshot())
    assert leadline("train", project.root) == 0
    assert runs(project) == ["mlp-v0001", "mlp-v0002"]
    counts = [record(project, name)["split"] for name in runs(project)]
    assert counts[0] != counts[1]

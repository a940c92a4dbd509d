"""Evaluation by cases: what is held out, what is pooled, what an ablation changes, and going on after an interrupt."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from processing.errors import InputError
from processing.io import tables
from processing.labels import LabelStore
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, LabelSource
from processing.stages import Autolabel, Evaluate, Snapshot, Train
from training import ablation
from training import study as studies
from training.ablation import VARIANTS, Variant, changed_labels
from training.calibration import BINS, fitted_temperature, likelihood, reliability
from training.protocols import folds, parted, parted_likewise
from training.regions import region_of, season_of
from training.source import find_source
from training.splits import Role
from training.study import planned, study
from training.summary import Outcome, interval, summarised
from training.tensors import Tensors, tensors

QUICK = {"models": "mlp", "epochs": 1, "seeds": 2, "windows": 500}


def made(project: Project) -> Tensors:
    return tensors(project, find_source(project, ""))


def test_regions_and_seasons() -> None:
    assert region_of(-74.0, 175.0) == region_of(-74.0, -170.0) == "Ross Sea"
    assert region_of(-70.0, -60.0) == region_of(-70.0, 300.0) == "Weddell Sea"
    assert region_of(-66.0, -100.0) == "Amundsen and Bellingshausen Seas"
    assert region_of(72.0, -140.0) == "Beaufort Sea"
    assert region_of(72.0, -170.0) == region_of(72.0, 170.0) == "East Siberian and Chukchi Seas"
    assert region_of(85.0, 0.0) == "central Arctic"
    assert season_of(datetime(2019, 12, 31, tzinfo=UTC)) == season_of(datetime(2019, 2, 1, tzinfo=UTC))
    assert season_of(datetime(2019, 11, 1, tzinfo=UTC)) == "September to November"


def test_each_granule_is_held_out_once(make_project) -> None:
    project = make_project(granules=("A", "B", "C"), count=300)
    data = made(project)
    held = folds(project, data, Evaluate(protocols="granules"), Train())
    assert sorted(fold.granules for fold in held) == [("A",), ("B",), ("C",)]
    held = folds(project, data, Evaluate(protocols="granules", folds=2), Train())
    assert sorted(name for fold in held for name in fold.granules) == ["A", "B", "C"]
    for fold in held:
        split = parted(data, fold, Train(), 0, 0)
        for track in data.tracks:
            roles = set(split.role[track.here])
            assert (roles == {Role.TEST}) if track.granule in fold.granules else (Role.TEST not in roles)


def test_regions_are_left_out_where_there_is_one(make_project) -> None:
    project = make_project(count=300)
    asked = Evaluate(protocols="paper, regions, seasons")
    assert [fold.protocol for fold in folds(project, made(project), asked, Train())] == ["paper"]


def test_one_granule_is_parted_by_blocks(make_project) -> None:
    project = make_project(granules=("A",), count=900)
    (fold,) = folds(project, made(project), Evaluate(protocols="granules"), Train())
    assert fold.protocol == "blocks"
    assert not parted(made(project), fold, Train(), 0, 0).honest


def test_the_papers_models_are_taught_as_in_the_paper(make_project) -> None:
    project = make_project(count=300)
    cases = list(planned(project, made(project), Evaluate(models="lstm,context", protocols="paper,granules", seeds=1)))
    told = [(case.teaching.model, case.fold.protocol, case.teaching.batch, case.teaching.epochs) for case in cases]
    assert told[0] == ("lstm", "paper", 32, 20)
    assert {one[2] for one in told[1:]} == {0}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"models": "gru"}, "unknown model 'gru'; one of mlp, lstm, context"),
        ({"protocols": "luck"}, "unknown protocol 'luck'; some of paper, granules, regions, seasons"),
        ({"protocols": "paper", "ablation": True}, "an ablation needs granules held out"),
        ({"models": " "}, "no model is named"),
    ],
)
def test_what_is_not_known_is_told(make_project, words: dict, line: str) -> None:
    with pytest.raises(InputError, match=line):
        study(make_project(count=300), Evaluate(**words))


def test_an_interrupted_study_goes_on(make_project, monkeypatch) -> None:
    project = make_project(count=600)
    stage = Evaluate(**QUICK, protocols="paper,granules")
    trained: list[str] = []
    once = studies._outcome

    def outcome(*words: object) -> Outcome:
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append("one")
        return once(*words)

    monkeypatch.setattr(studies, "_outcome", outcome)
    with pytest.raises(KeyboardInterrupt):
        study(project, stage)
    monkeypatch.setattr(studies, "_outcome", lambda *words: trained.append("more") or once(*words))
    found = study(project, stage)
    assert len(found.outcomes) == 6
    assert trained == ["one"] * 3 + ["more"] * 3
    assert [(row.protocol, row.against) for row in found.rows[:2]] == [("paper", "labels"), ("paper", "every_label")]
    assert study(project, stage).rows == found.rows
    assert len(trained) == 6


def verdict(confusion: list[list[int]], **groups: list[list[int]]) -> dict:
    """A verdict on labels, whose model is always sure, by its ``confusion``."""
    counts = np.array(confusion)
    right = float(np.trace(counts) / counts.sum())
    none = [0] * (BINS - 1)
    sure = {"error": 1 - right, "count": [*none, int(counts.sum())]}
    sure |= {"confidence": [*none, 1.0], "accuracy": [*none, right]}
    told = {"confusion": confusion, "calibration": sure, "calibration_raw": sure}
    told["groups"] = {name: {"confusion": found} for name, found in groups.items()}
    return {"labels": told, "every_label": told, "truth": None}


def test_folds_are_pooled_and_seeds_make_the_interval() -> None:
    half = [[5, 0, 0], [0, 3, 1], [0, 1, 0]]
    full = [[6, 0, 0], [0, 2, 0], [0, 0, 2]]
    found = [
        Outcome("", "mlp", "granules", fold, seed, 10, 1.0, verdict(one, cloud=one))
        for seed, pair in enumerate(((half, full), (full, full)))
        for fold, one in zip("AB", pair, strict=True)
    ]
    labels, every = summarised(found)
    assert (labels.against, every.against, labels.folds, labels.seeds) == ("labels", "every_label", ("A", "B"), 2)
    accuracy = labels.figures["accuracy"]
    assert accuracy.mean == pytest.approx((18 / 20 + 1) / 2)
    assert accuracy.half == pytest.approx(12.7062 * 0.05, rel=1e-5)
    assert labels.figures["open water recall"].mean == pytest.approx((2 / 3 + 1) / 2)
    assert labels.figures["calibration_error"].mean == pytest.approx(0.05)
    assert labels.confusion == [[23, 0, 0], [0, 9, 1], [0, 1, 6]]
    assert labels.groups["cloud"][0].mean == accuracy.mean
    assert [labels.by_seed[seed]["accuracy"] for seed in range(2)] == pytest.approx([18 / 20, 1.0])


def test_a_class_that_is_absent_is_nothing_in_json() -> None:
    found = summarised([Outcome("", "mlp", "paper", "", 4, 10, 1.0, verdict([[5, 1, 0], [0, 3, 0], [0, 0, 0]]))])[0]
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["by_seed"]["4"]["open water recall"] is None
    assert told["by_seed"]["4"]["accuracy"] == pytest.approx(8 / 9, abs=1e-6)


def test_intervals_by_hand() -> None:
    assert interval([1.0, 2.0, 3.0]).half == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert interval([0.5, float("nan")]).to_json() == {"mean": 0.5, "half": None}
    assert interval([float("nan")]).to_json() == {"mean": None, "half": None}


def test_reliability_by_hand() -> None:
    chance = np.array([[0.9, 0.1, 0.0], [0.9, 0.05, 0.05], [0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])
    found = reliability(chance, [0, 1, 1, -1])
    assert found.count.sum() == 3
    assert found.count[13] == 2
    assert found.accuracy[13] == 0.5
    assert found.error == pytest.approx((2 * 0.4 + 0.5) / 3)
    assert np.isnan(reliability(np.zeros((0, 3)), []).error)


def test_a_temperature_mends_what_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    logits = 2.0 * rng.standard_normal((20_000, 3))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert fitted_temperature(logits, labels) == pytest.approx(1.0, abs=0.03)
    assert fitted_temperature(3.0 * logits, labels) == pytest.approx(3.0, abs=0.1)
    assert likelihood(3.0 * logits, labels, 3.0) == pytest.approx(likelihood(logits, labels, 1.0))
    assert fitted_temperature(logits[:10], labels[:10]) == 1.0


def test_variants_change_what_they_say_and_nothing_else() -> None:
    context = Train(model="context", seed=5)
    by_name = {variant.name: variant for variant in VARIANTS}
    features = by_name["without background"].taught(context).features.split(",")
    assert len(features) == 8
    assert "background_rate" not in features
    six = by_name["the paper's six features"].taught(context)
    assert len(six.features.split(",")) == 6
    assert six.seed == 5
    assert not by_name["windows of five (lstm)"].fits("lstm")
    assert not by_name["the paper's six features"].fits("lstm")
    assert by_name["without corrections"].taught(context).values_dict() == context.values_dict()


def test_without_corrections_the_automatic_labels_are_learned(make_project) -> None:
    project = make_project(count=600)
    x = 2.0 * 4_000_000
    with LabelStore(project.database_url) as store:
        store.add("A", "gt1l", x + 100, x + 300, 2, reason="other", analyst="me")
    snapshot(project, Snapshot())
    data = made(project)
    learned = changed_labels(project, data, Variant("without corrections", corrected=False))
    changed = data.label != data.auto
    assert changed.any()
    assert (data.source[changed] == LabelSource.MANUAL).all()
    np.testing.assert_array_equal(learned.label, data.auto)
    assert (learned.source == LabelSource.AUTO).all()
    assert changed_labels(project, data, Variant("")) is data


@pytest.mark.parametrize("seed", range(3))
def test_other_labels_are_not_learned_where_labels_are_held_out(make_project, relabel, seed: int) -> None:
    project = make_project(granules=("A",), count=3000)
    data = made(project)
    x = data.x_atc
    with LabelStore(project.database_url) as store:
        store.add("A", "gt1l", float(x[0] - 1), float(x[450]), 1, reason="other", analyst="me")
    relabel(project, lambda _, label: np.where(np.arange(len(label)) < 450, -1, label))
    data = made(project)
    (fold,) = folds(project, data, Evaluate(protocols="granules"), Train())
    split = parted(data, fold, Train(), seed, 0)
    learned = changed_labels(project, data, Variant("without corrections", corrected=False))
    other = parted_likewise(learned, split, Train(), seed)
    assert not (other.role[split.role == Role.TEST] != Role.NONE).any()
    assert (other.role == Role.LEARN).sum() > 1000
    assert not (other.role[learned.label < 0] != Role.NONE).any()


def test_labels_made_another_way_leave_corrections_as_they_are(make_project, monkeypatch) -> None:
    project = make_project(count=600)
    x = 2.0 * 4_000_000
    with LabelStore(project.database_url) as store:
        store.add("A", "gt1l", x + 100, x + 300, 2, reason="other", analyst="me")
    snapshot(project, Snapshot())

    def otherwise(other: Project, stage: Autolabel) -> None:
        assert not stage.drift
        assert "database" not in other.settings
        for granule, beam in project.tracks("autolabels"):
            table = tables.read(project.table_path("autolabels", granule, beam), LABEL)
            labels = np.full(table.num_rows, 1, np.int8)
            table = table.set_column(table.column_names.index("label_auto"), "label_auto", [labels])
            tables.write(other.table_path("autolabels", granule, beam), LABEL, table, Stamp("autolabel"))

    monkeypatch.setattr(ablation, "autolabel", otherwise)
    data = made(project)
    learned = changed_labels(project, data, next(one for one in VARIANTS if one.name == "without drift"))
    by_hand = data.source == LabelSource.MANUAL
    assert by_hand.any()
    np.testing.assert_array_equal(learned.label, np.where(by_hand, 2, 1))
    np.testing.assert_array_equal(learned.source, data.source)


def test_a_change_that_leaves_nothing_to_learn_is_left_out(make_project, relabel, caplog) -> None:
    project = make_project(count=400)
    relabel(project, lambda _, label: np.full_like(label, -1))
    x = 2.0 * 4_000_000
    with LabelStore(project.database_url) as store:
        for granule in "AB":
            store.add(granule, "gt1l", x, x + 200, 2, reason="other", analyst="me")
            store.add(granule, "gt1l", x + 200, x + 400, 0, reason="other", analyst="me")
    snapshot(project, Snapshot())
    kept = tuple(one for one in VARIANTS if not one.labelling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "VARIANTS", kept)
        found = study(project, Evaluate(**(QUICK | {"seeds": 1}), protocols="granules", ablation=True, ablated="mlp"))
    assert "without corrections" not in {row.variant for row in found.rows}
    assert "without corrections, granules A, seed 0: left out" in caplog.text


def test_an_ablation_tests_on_the_same_labels(make_project) -> None:
    project = make_project(count=600)
    stage = Evaluate(**(QUICK | {"seeds": 1}), protocols="granules", ablation=True, ablated="mlp")
    kept = tuple(one for one in VARIANTS if not one.labelling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "VARIANTS", kept)
        found = study(project, stage)
    variants = {row.variant for row in found.rows}
    assert {"", "without height", "without corrections", "windows of five (lstm)"} <= variants
    assert len({np.sum(row.confusion) for row in found.rows if row.against == "labels"}) == 1

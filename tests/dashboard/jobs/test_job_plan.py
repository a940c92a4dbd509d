"""What is due in projects that are made up, and the orders that put it right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.catalog import Catalog, Granule, Pair, Progress, signature
from dashboard.jobs.plan import FOLLOWS, Due, due, orders
from processing.project import Project

DONE, NONE, STALE = Progress(3, 3), Progress(0, 3), Progress(3, 3, "its segments changed")
ALL = ("resample", "autolabel", "snapshot", "train", "classify", "freeboard")


def granule(name: str = "A", **stages: Progress) -> Granule:
    every = dict.fromkeys((stage for stage in ALL if stage != "train"), DONE) | stages
    return Granule(name, "atl03", np.datetime64("2026-01-01"), (), every)


def catalog(*granules: Granule, model: str | None = "", scenes: bool = True) -> Catalog:
    pairs = tuple(Pair(each.ident, "S", 5.0) for each in granules) if scenes else ()
    return Catalog("EPSG:3031", granules, pairs=pairs, model_stale=model)


def told(found: list[Due]) -> dict[str, str]:
    return {one.stage: one.why for one in found}


def test_nothing_is_due_where_everything_follows_and_in_an_empty_project() -> None:
    assert due(catalog(granule(), granule("B"))) == []
    assert due(catalog()) == []


def test_a_new_project_needs_every_stage() -> None:
    empty = granule(**dict.fromkeys(granule().stages, NONE))
    assert due(catalog(empty, model=None)) == [Due(stage, "") for stage in ALL]


def test_what_comes_after_a_stale_stage_is_due_and_what_comes_before_is_not() -> None:
    found = due(catalog(granule(snapshot=STALE)))
    assert told(found) == {
        "snapshot": "its segments changed",
        "train": FOLLOWS,
        "classify": FOLLOWS,
        "freeboard": FOLLOWS,
    }
    assert [one.follows for one in found] == [False, True, True, True]


def test_corrected_labels_make_a_snapshot_due_before_the_project_was_looked_through() -> None:
    assert told(due(catalog(granule()), corrected=True))["snapshot"] == "labels were corrected"
    assert list(told(due(catalog(granule()), corrected=True))) == ["snapshot", "train", "classify", "freeboard"]
    assert told(due(catalog(granule(snapshot=STALE)), corrected=True))["snapshot"] == "its segments changed"


def test_a_stale_model_makes_it_and_what_follows_due() -> None:
    assert list(told(due(catalog(granule(), model="its snapshot is not the newest")))) == [
        "train",
        "classify",
        "freeboard",
    ]
    assert told(due(catalog(granule(), model=None)))["train"] == ""


def test_one_granule_that_waits_is_enough() -> None:
    assert told(due(catalog(granule(freeboard=STALE), granule("B", freeboard=NONE)))) == {"freeboard": ""}


def test_a_granule_under_no_scene_waits_for_no_labels() -> None:
    without = granule("B", autolabel=NONE, snapshot=NONE)
    both = replace(catalog(granule(), without), pairs=(Pair("A", "S", 5.0),))
    assert due(both) == []


def test_without_any_scene_or_model_only_segments_are_made() -> None:
    empty = granule(**dict.fromkeys(granule().stages, NONE))
    assert list(told(due(catalog(empty, model=None, scenes=False)))) == ["resample"]
    assert list(told(due(catalog(empty, model="", scenes=False)))) == ["resample", "classify", "freeboard"]


def test_a_granule_that_cannot_be_read_holds_nothing_up() -> None:
    unreadable = granule("B", **dict.fromkeys(granule().stages, Progress(0, 0)))
    assert due(catalog(granule(), unreadable)) == []


def test_a_training_under_way_does_not_have_the_project_looked_through_again(project: Project) -> None:
    (project.root / "models" / ".unfinished-1").mkdir(parents=True)
    before = signature(project)
    (project.root / "models" / ".unfinished-1" / "checkpoint.pt").write_bytes(b"1")
    assert signature(project) == before
    (project.root / "models" / "mlp-v0001").mkdir()
    assert signature(project) != before


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "p")


def test_each_order_takes_the_result_of_the_one_that_makes_what_it_reads(project: Project) -> None:
    made = orders(project, ALL)
    assert [order.stage for order in made] == list(ALL)
    assert [dict(order.results) for order in made] == [{}, {}, {}, {"snapshot": 2}, {"run_name": 3}, {"run_name": 4}]
    assert [dict(order.results) for order in orders(project, ["classify", "freeboard"])] == [{}, {"run_name": 0}]
    assert [dict(order.results) for order in orders(project, ["freeboard"])] == [{}]


def test_where_and_on_how_many_ranks_is_as_chosen(project: Project) -> None:
    made = {
        each.stage: each for each in orders(project, ALL, {"engine": "spark", "master": "local[2]"}, {"workers": 2})
    }
    assert {stage: each.engine.get("master") for stage, each in made.items() if each.engine} == dict.fromkeys(
        ("resample", "autolabel", "classify", "freeboard"), "local[2]"
    )
    assert made["train"].parameters["workers"] == 2
    assert {stage: each.cores for stage, each in made.items()} == dict.fromkeys(ALL, 2) | {"snapshot": 1}

"""Models as their records tell of them: which are compared, in what they differ, where they can be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import two_models
from small_project import make

from dashboard.comparison.model_records import Model, Models, differing, ground, read_models
from processing.project import Project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "two"
    make(folder)
    two_models.add(folder)
    return folder


def model(run: str, granules: str, held_out: str) -> Model:
    return Model(run, "lstm", "v0001", "", "", False, 0, {}, tuple(held_out), tuple(granules), "", {})


def test_records_are_read_and_a_damaged_one_is_passed_over(root: Path) -> None:
    (root / "models" / "bad").mkdir()
    (root / "models" / "bad" / "model.json").write_text("{", encoding="utf-8")
    (root / "models" / "bare").mkdir()
    Project(root).make_newest("models", two_models.FIRST)
    found = read_models(Project(root))
    assert [one.run for one in found.all] == [two_models.SECOND, two_models.FIRST]
    assert found.in_use == two_models.FIRST
    damaged, bare = sorted(found.troubles)
    assert "damaged model.json" in damaged
    assert "bad" in damaged
    assert "model without model.json" in bare
    (context, _) = found.all
    assert context.settings["schedule"] == "cosine"
    assert [epoch.number for epoch in context.epochs] == [1, 2, 3]
    assert context.figures["clear"].accuracy == 0.9
    assert "truth" not in context.figures


def test_the_one_in_use_and_the_newest_other_are_compared_unless_asked_otherwise() -> None:
    models = Models(tuple(model(run, "", "") for run in "dcba"), in_use="b")
    assert [one.run for one in models.chosen(())[0]] == ["b", "d"]
    assert [one.run for one in models.chosen(("c",))[0]] == ["c", "b"]
    chosen, unknown = models.chosen(("a", "x", "a", "c", "d"))
    assert ([one.run for one in chosen], unknown) == (["a", "c", "d"], ("x",))
    assert [one.run for one in Models((model("a", "", ""),), "a").chosen(())[0]] == ["a"]
    assert [one.run for one in Models(models.all, in_use="damaged").chosen(())[0]] == ["d", "c"]


def test_only_what_differs_is_told_apart(root: Path) -> None:
    models = read_models(Project(root)).all
    found = differing(models)
    rows = {name: values for name, _, values in found.rows}
    assert rows["epochs"] == ("3", "20")
    assert rows["loss"] == ("cross-entropy", "focal")
    assert "seed" in dict(found.same)
    assert not set(rows) & set(dict(found.same))
    meanings = {name: meaning for name, meaning, _ in found.rows}
    assert meanings["epochs"].startswith("Passes over")


def test_models_are_judged_where_neither_learned() -> None:
    one, other = model("A", "abc", "c"), model("B", "abc", "c")
    assert (ground(one, other, "abc").granules, ground(one, other, "abc").fair) == (("c",), True)
    assert ground(one, other, "abcd").granules == ("c", "d")
    unlike = ground(one, model("B", "abc", "bc"), "abc")
    assert (unlike.granules, unlike.fair) == (("c",), True)
    assert "held out different ones" in unlike.told


def test_it_is_said_when_one_learned_from_what_tests_the_other() -> None:
    crossed = ground(model("A", "ab", "a"), model("B", "ab", "b"), "ab")
    assert (crossed.granules, crossed.fair) == (("a", "b"), False)
    assert "A learned from b, which B held out" in crossed.told
    assert "B learned from a, which A held out" in crossed.told
    blocks = replace(model("A", "a", ""), how="2 of 10 blocks")
    found = ground(blocks, blocks, "a")
    assert (found.granules, found.fair) == (("a",), False)
    assert "only stretches" in found.told

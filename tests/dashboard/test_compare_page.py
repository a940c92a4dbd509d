"""The compare page without a browser: what it says, where a click leads, and what it asks for."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import two_models
from at_once import AtOnce
from small_project import GRANULE
from two_models import FIRST, SECOND, STRETCH

from dashboard.application import Application
from dashboard.comparison.comparing import Comparer
from dashboard.data import Workspace
from dashboard.pages.compare import ComparePage
from processing.core.agreement import Bootstrap

SOON = Bootstrap(block=100.0, draws=200)


@pytest.fixture
def root(project_root: Path, tmp_path: Path) -> Path:
    """A project of two models of its own, to be written to."""
    own = Path(shutil.copytree(project_root, tmp_path / "own"))
    two_models.add(own)
    return own


def opened(root: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> tuple[Application, ComparePage]:
    """The page, whose hooks are nobody's."""
    workspace = Workspace(root)
    comparer = Comparer(workspace, SOON, SOON)
    monkeypatch.setattr(workspace, "workers", AtOnce())
    monkeypatch.setattr(workspace, "_comparer", comparer)
    monkeypatch.setattr(comparer, "pool", AtOnce())
    app = Application(workspace)
    app.open({"page": "compare", **query})
    page = app._pages["compare"]
    assert isinstance(page, ComparePage)
    page.on_promote, page.on_launch = page._tell_promote, page._tell_launch
    return app, page


def shown(page: ComparePage, aspect: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.layout.lists[aspect].content))


def clickable(page: ComparePage, aspect: str) -> list[dict[str, Any]]:
    content = page.layout.lists[aspect].content
    return [json.loads(unescape(found)) for found in re.findall(r"data-go='([^']*)'", content)]


def toasts(app: Application) -> list[str]:
    return [message["text"] for message in app.shell._waiting if message["type"] == "toast"]


def test_it_lists_the_models_and_what_differs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = opened(root, monkeypatch)
    told = shown(page, "models")
    assert [model.run for model in page.chosen] == [FIRST, SECOND]
    assert "in use" in told
    assert "epochs 20 3" in told
    assert "cannot be compared" in page.layout.keys.object
    assert [len(source.data["x"]) for source in page.layout.curves.curves[0].sources] == [3, 3, 0, 0, 0, 0]


def test_models_change_sides_and_curves_are_laid_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    third = "mlp-v0001"
    two_models.record(root, third, "mlp", {}, made="2026-01-05T00:00:00+00:00", granule="G")
    app, page = opened(root, monkeypatch, models=f"{FIRST},{SECOND}")
    page._go({"curve": third})
    assert app.state.models == f"{FIRST},{SECOND},{third}"
    page._go({"side": 0, "run": SECOND})
    assert app.state.models == f"{SECOND},{FIRST},{third}"
    page._go({"curve": FIRST})
    page._go({"curve": third})
    assert app.state.models == f"{SECOND},{FIRST}"


def test_scores_have_intervals_and_say_what_they_are_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch, aspect="scores", ground="truth")
    told = shown(page, "scores")
    assert "Judged by truth (synthetic) on 1 granule that neither learned from: 5,820 segments" in told
    assert "Accuracy 100.0 % 100.0 – 100.0 98." in told
    assert "no clear difference" in told, "all errors lie in one block of track"
    app.state.move(ground="clear")
    assert "Judged by clear labels of v0001" in shown(page, "scores")


def test_it_warns_where_a_model_is_judged_by_what_it_learned_from(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(project_root, tmp_path / "seen"))
    two_models.add(own, elsewhere=False)
    _, page = opened(own, monkeypatch, aspect="scores")
    assert "no granule is new to both" in shown(page, "scores")
    assert "class='warn ground'" in page.layout.lists["scores"].content


def test_without_predictions_the_record_stands_and_the_command_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(root / "predictions" / SECOND)
    app, page = opened(root, monkeypatch, aspect="scores")
    told = shown(page, "scores")
    assert f"leadline classify {root} --run-name {SECOND}" in told
    assert "without intervals" in told
    launched: list[Any] = []
    (go,) = [found for found in clickable(page, "scores") if "launch" in found]
    page._go(go)
    assert f"leadline classify {root} --run-name {SECOND}" in toasts(app)[-1]
    page.on_launch = lambda stage, values: launched.append((stage, values))
    page._go(go)
    assert launched == [("classify", {"run_name": SECOND})]
    app.state.move(aspect="differences")
    assert "has no current predictions yet" in shown(page, "differences")


def test_a_click_on_a_stretch_leads_to_it_in_review(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch, aspect="differences")
    assert "of 5,820 segments differ" in shown(page, "differences")
    looks = [found for found in clickable(page, "differences") if "look" in found]
    one = next(found for found in looks if found["beam"] == "gt2l")
    page._go(one)
    state = app.state
    assert (state.page, state.granule, state.beam) == ("review", GRANULE, "gt2l")
    assert STRETCH[0] <= state.x <= STRETCH[1]
    assert state.selection is not None
    assert state.selection.beam == "gt2l"


def test_a_pair_of_classes_is_listed_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = opened(root, monkeypatch, aspect="differences")
    pairs = [found for found in clickable(page, "differences") if "second" in found]
    assert {(found["first"], found["second"]) for found in pairs} <= {(0, 2), (1, 2)}
    every = len([found for found in clickable(page, "differences") if "look" in found])
    page._go(pairs[0])
    here = [found for found in clickable(page, "differences") if "look" in found]
    page._go(pairs[0])
    assert len(here) <= every
    assert len([found for found in clickable(page, "differences") if "look" in found]) == every


def test_freeboard_of_both_is_told_with_its_difference(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, page = opened(root, monkeypatch, aspect="freeboard")
    told = shown(page, "freeboard")
    assert "A − B, mean over common segments: −0.050 m" in told
    assert "The interval leaves out zero." in told
    assert re.search(r"Leads (\d+) (\d+)", told)
    levels = page.layout.lines.levels
    assert levels is not None
    assert len(page.layout.spread.sources[1].data["x"]) > 20


def test_promoting_is_asked_for_and_what_is_stale_then_is_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, page = opened(root, monkeypatch)
    (use,) = [found for found in clickable(page, "models") if "use" in found]
    page._go(use)
    assert f"leadline promote {root} {SECOND}" in toasts(app)[-1]

    def promote(run: str) -> None:
        app.place.workspace.project.make_newest("models", run)
        app.poll()

    stale = f"predictions {SECOND}: 3 tracks: model {FIRST} is newer leadline classify {root} Make"
    assert stale in shown(page, "models")
    page.on_promote = promote
    page._go(use)
    assert f"with {SECOND} in use" in shown(page, "models")
    assert "predictions" not in shown(page, "models")


def test_unknown_models_and_damaged_ones_are_told_and_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "models" / "hurt").mkdir()
    (root / "models" / "hurt" / "model.json").write_text("{", encoding="utf-8")
    app, page = opened(root, monkeypatch, models=f"nobody,{SECOND}")
    assert "no model nobody here, passed over" in toasts(app)
    assert page.chosen[0].run == SECOND
    assert "damaged model.json" in shown(page, "models")


def test_it_says_what_to_do_with_one_model_or_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root / "models" / SECOND)
    app, page = opened(root, monkeypatch)
    assert f"leadline train {root} --model context" in shown(page, "models")
    launched: list[Any] = []
    page.on_launch = lambda stage, values: launched.append((stage, values))
    page._go(next(found for found in clickable(page, "models") if "launch" in found))
    assert launched == [("train", {"model": "context"})]
    app.state.move(aspect="scores")
    assert "Nothing to compare with yet" in shown(page, "scores")
    shutil.rmtree(root / "models")
    assert page.nothing() == (
        "No model yet",
        "Train one on a snapshot of the labels, then another one to compare it with.",
        f"leadline train {root}",
    )

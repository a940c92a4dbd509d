"""Two models compared in Chromium: what differs, where they disagree, and which one is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_project
import two_models
from analyst import DATA, Analyst
from small_project import GRANULE, START
from two_models import FIRST, SECOND, STRETCH

from dashboard.jobs_desk import JobsDesk

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A project with two models, and where it is served."""
    from dashboard.screenshots import running

    root = tmp_path_factory.mktemp("compare") / "two"
    small_project.make(root)
    two_models.add(root)
    with running(root) as address:
        yield root, address


def opened(tab: Any, address: str, aspect: str) -> Analyst:
    analyst = Analyst(tab, address, "ada")
    analyst.open("compare", aspect=aspect)
    return analyst


def test_what_differs_is_seen_and_a_model_is_promoted(
    tab: Any, two: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = two
    pressed: list[str] = []
    monkeypatch.setattr(JobsDesk, "promote", lambda _, run: pressed.append(run))
    ada = opened(tab, address, "models")
    tab.locator(".settings tr", has_text="epochs").get_by_text("20", exact=True).wait_for()
    tab.get_by_role("button", name="Use this model").click()
    ada.until(lambda: pressed == [SECOND])
    tab.get_by_role("button", name="A", exact=True).nth(0).click()
    tab.wait_for_function(f"() => location.search.includes('models={SECOND}%2C{FIRST}')")
    ada.press("o")
    ada.ready("overview")
    ada.press("x")
    ada.ready("compare")
    assert tab.complaints == []


def test_a_disagreement_leads_to_its_place_in_review(tab: Any, two: tuple[Path, str]) -> None:
    _, address = two
    ada = opened(tab, address, "differences")
    tab.locator(".stretch").first.wait_for()
    tab.wait_for_function(f"() => ({DATA})('differences').xs.length > 0")
    tab.locator(".stretch", has_text="gt1l").first.focus()
    tab.keyboard.press("Enter")
    ada.ready("review")
    assert (ada.place["granule"], ada.place["beam"]) == (GRANULE, "gt1l")
    assert STRETCH[0] <= float(ada.place["x"]) <= STRETCH[1]
    ada.panel("open water")
    assert tab.complaints == []


def test_the_profile_marks_where_they_differ_and_leads_there(tab: Any, two: tuple[Path, str]) -> None:
    _, address = two
    ada = opened(tab, address, "differences")
    tab.wait_for_function(f"() => ({DATA})('difference-heights')?.image?.length === 1")
    tab.mouse.click(*ada.at("difference-profile", STRETCH[0] - START + 25))
    ada.ready("review")
    assert STRETCH[0] <= float(ada.place["x"]) <= STRETCH[1]


def test_scores_and_freeboard_are_told(tab: Any, two: tuple[Path, str]) -> None:
    _, address = two
    opened(tab, address, "scores")
    tab.get_by_text("that neither learned from").wait_for()
    assert tab.locator("table.heat:visible").count() == 2
    tab.get_by_text("Freeboard", exact=True).last.click()
    tab.get_by_text("mean over common segments").wait_for()
    tab.wait_for_function(f"() => ({DATA})('freeboard-A').x.length > 20")
    assert tab.complaints == []

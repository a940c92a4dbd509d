"""Each page of the demo opens in Chromium, shows its content and asks nothing of any other server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("chain")]

CONTENT = {
    "overview": ("Granules", "Scenes", "L1C"),
    "review": ("Queue", "Nothing selected", "What this edit does"),
    "freeboard": ("Freeboard (m)", "sea surface, robust", "mean ± σ"),
    "products": ("A click opens", "ours − theirs", "Export"),
    "agreement": ("second opinion",),
    "jobs": ("New job", "Everything follows from its inputs", "Choose a job to see what it does"),
    "compare": ("Models",),
}


def test_every_page_of_the_demo(chain: Path, chromium: Any) -> None:
    from dashboard.application import PAGES
    from dashboard.screenshots import running

    assert {page.key for page in PAGES} == set(CONTENT)
    requested: list[str] = []
    complaints: list[str] = []
    with running(chain) as address:
        tab = chromium.new_page(viewport={"width": 1366, "height": 768})
        tab.on("request", lambda request: requested.append(request.url))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        for page, words in CONTENT.items():
            tab.goto(f"{address}?page={page}")
            tab.wait_for_function("page => document.documentElement.dataset.ready === page", arg=page)
            tab.get_by_text("synthetic data").first.wait_for()
            for word in words:
                tab.get_by_text(word).first.wait_for()
        tab.close()
    assert complaints == []
    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []

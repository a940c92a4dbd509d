"""The page's HTML: sent in two parts, the same as in one, and telling when its session cannot be made."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from bokeh.core.validation.check import check_integrity
from bokeh.document import Document
from panel.io.state import set_curdoc

from dashboard.application import Application, Spares
from dashboard.data import Workspace
from dashboard.frame import Frame, chosen_theme
from dashboard.screenshots import running

_OWN = re.compile(r'"token":"[^"]+"|[0-9a-f]{8}-[0-9a-f-]{27}|"?p\d+"?|root-\S+|<script[^>]*id=\S+')


def fetch(address: str, cookies: str = "") -> tuple[str, SimpleCookie]:
    with urlopen(Request(address, headers={"Cookie": cookies}), timeout=60) as answer:
        return answer.read().decode(), SimpleCookie(answer.headers.get("Set-Cookie", ""))


def test_what_is_sent_in_two_parts_is_what_is_sent_in_one(project_root: Path) -> None:
    with running(project_root) as address:
        whole, nothing = fetch(address)
        parts, scripts = fetch(address)
        dark, _ = fetch(address, "leadline-theme=dark")
    assert not nothing
    assert "leadline-scripts" in scripts
    assert _OWN.sub("", parts) == _OWN.sub("", whole.replace("<!-- of the session -->", ""))
    assert 'dataset.theme = "dark"' in dark
    assert 'dataset.theme = "light"' in parts


def test_a_page_that_cannot_be_made_says_so(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Spares) -> Application:
        raise RuntimeError("no session today")

    with running(project_root) as address:
        fetch(address)
        monkeypatch.setattr(Spares, "take", broken)
        page, _ = fetch(address)
    assert "could not be made" in page
    assert page.rstrip().endswith("</html>")
    assert "no session today" not in page


@pytest.mark.parametrize("page", ["overview", "review", "freeboard", "agreement", "compare"])
def test_the_models_of_every_page_fit_together(project_root: Path, page: str) -> None:
    document = Document()
    with set_curdoc(document):
        app = Application(Workspace(project_root))
        app.build_ahead()
        app.open({"page": page})
        Frame("small", "light", shell=app.shell, main=app.main).server_doc(document)
    for root in document.roots:
        issues = check_integrity(root.references())
        assert issues.error == []
        assert issues.warning == []


def test_an_unknown_theme_is_light() -> None:
    assert [chosen_theme(cookie) for cookie in ("dark", "light", "pink", None)] == ["dark", "light", "light", "light"]

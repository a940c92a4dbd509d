from __future__ import annotations

from pathlib import Path

import pytest

from dashboard import screenshots
from processing.errors import MissingError


def test_a_server_that_cannot_be_made_says_why_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="not a project"), screenshots.running(tmp_path):
        pass

    def broken(*_: object) -> None:
        raise TypeError("a server of no kind")

    monkeypatch.setattr(screenshots, "make_server", broken)
    with pytest.raises(TypeError, match="a server of no kind"), screenshots.running(tmp_path):
        pass

"""HTML whose marked parts can be clicked; what a part carries in ``data-go`` comes back to the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any

import param
from panel.custom import JSComponent

from dashboard.controls import STATIC, sheet


class Clickable(JSComponent):
    """Shows ``content``; ``on_go`` is called with the values of the part that was clicked."""

    content = param.String("", doc="HTML, escaped by whoever makes it")

    _esm = STATIC / "clickable.js"

    def __init__(self, on_go: Callable[[dict[str, Any]], None], **params: Any) -> None:
        super().__init__(stylesheets=[sheet("listing.css")], **params)
        self._on_go = on_go

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._on_go(data)


def go(**values: str | float) -> str:
    """The attribute that makes a part clickable."""
    return f"tabindex='0' role='link' data-go='{escape(json.dumps(values), quote=True)}'"

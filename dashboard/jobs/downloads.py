"""The log of a job as a file to download, for whoever may see the page."""

from __future__ import annotations

from typing import Any, cast

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.web import HTTPError, authenticated

from dashboard.jobs.board import Board

ROUTE = r"/jobs/([0-9]{1,9})/log\.txt"
_CHUNK = 1 << 16


class LogHandler(AuthRequestHandler):
    """Serves ``jobs/ID/log.txt``."""

    def initialize(self, board: Board) -> None:
        self.board = board

    @authenticated
    async def get(self, number: str) -> None:
        path = self.board.folder(int(number)).log
        try:
            stream = path.open("rb")
        except OSError:
            raise HTTPError(404) from None
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        with stream:
            while chunk := stream.read(_CHUNK):
                self.write(chunk)
                await self.flush()


def patterns(board: Board) -> list[tuple[str, Any, dict[str, Any]]]:
    """Routes of the logs for the page's own server."""
    return [(ROUTE, cast("Any", LogHandler), {"board": board})]

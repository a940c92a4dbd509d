"""An S3 store in memory on loopback, as a process of its own: GDAL holds Python's lock while it waits for answers.

Run as a program it prints its port. ``GET /sent`` tells the bytes that it has given out since it was last asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any


def serve() -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    store, sent = DomainDispatcherApplication(create_backend_app), [0]

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        def counted(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if environ["REQUEST_METHOD"] == "GET":
                sent[0] += int(dict(headers).get("Content-Length", 0))
            return start(status, headers, *more)

        if environ["PATH_INFO"] == "/sent":
            start("200 OK", [("Content-Type", "text/plain")])
            told, sent[0] = str(sent[0]).encode(), 0
            return [told]
        return store(environ, counted)

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve()

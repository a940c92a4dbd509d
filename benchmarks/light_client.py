"""What a browser does to the server when a page is loaded, without drawing it: page, document, sizes, greeting, leave.

Five hundred loads in a browser would take half an hour of drawing; the server's part of each is the same here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

_TOKEN = re.compile(r'"token":"([^"]+)"')
_LARGEST = 64 << 20
_QUIET = 0.3
_PATIENCE = 30.0


def load_page(url: str, analyst: str = "ada") -> int:
    """Load the page at ``url``, wait until the server has sent what belongs on it and leave; bytes received."""
    with ThreadPoolExecutor(1) as thread:  # the driver of a browser may have a loop running on this one
        return thread.submit(lambda: asyncio.run(_load(url, analyst))).result(_PATIENCE)


async def _load(url: str, analyst: str) -> int:
    page = await AsyncHTTPClient().fetch(HTTPRequest(url, request_timeout=_PATIENCE))
    token = _TOKEN.search(page.body.decode())
    if token is None:
        raise ValueError(f"{url} has no session token")
    socket = await websocket_connect(
        HTTPRequest(url.partition("?")[0].rstrip("/").replace("http", "ws", 1) + "/ws"),
        subprotocols=["bokeh", token[1]],
        max_message_size=_LARGEST,
    )
    try:
        received = len(await _frame(socket))
        await _send(socket, "PULL-DOC-REQ", {})
        document = await _document(socket)
        received += len(document)
        for event in _greeting(json.loads(document)["doc"], analyst):
            await _send(socket, "PATCH-DOC", {"events": [event]})
        return received + await _rest(socket)
    finally:
        socket.close()


async def _document(socket: WebSocketClientConnection) -> str:
    """The document's frame among those that come."""
    while True:
        frame = await _frame(socket)
        if isinstance(frame, str) and frame.startswith('{"doc"'):
            return frame


async def _rest(socket: WebSocketClientConnection) -> int:
    """Bytes that come until the server is quiet."""
    received = 0
    while True:
        try:
            received += len(await asyncio.wait_for(_frame(socket), _QUIET))
        except TimeoutError:
            return received


async def _frame(socket: WebSocketClientConnection) -> str | bytes:
    frame = await socket.read_message()
    if frame is None:
        raise ConnectionError("the server closed the connection")
    return frame


async def _send(socket: WebSocketClientConnection, kind: str, content: dict[str, Any]) -> None:
    header = {"msgid": uuid4().hex.upper(), "msgtype": kind}
    for part in (header, {}, content):
        await socket.write_message(json.dumps(part))


def _greeting(document: dict[str, Any], analyst: str) -> Iterator[dict[str, Any]]:
    """What the browser tells once it has laid the page out: the figures' sizes, that it is ready, the greeting."""
    found = list(_models(document))
    for model in found:
        if model["name"] == "Figure":
            for attribute, size in (("inner_width", 760), ("inner_height", 180)):
                yield {"kind": "ModelChanged", "model": {"id": model["id"]}, "attr": attribute, "new": size}
    yield _event("document_ready", {"type": "map"})
    shell = next(model for model in found if "birth" in str(model.get("attributes", {}).get("data", "")))
    words = {"type": "map", "entries": [["type", "hello"], ["analyst", analyst]]}
    values = {"type": "map", "entries": [["model", {"id": shell["id"]}], ["data", words]]}
    yield _event("data_event", values)


def _event(name: str, values: dict[str, Any]) -> dict[str, Any]:
    told = {"type": "event", "name": name, "values": values}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}


def _models(value: Any) -> Iterator[dict[str, Any]]:
    """Every model of a document, however deep."""
    if isinstance(value, dict):
        if value.get("type") == "object" and "id" in value:
            yield value
        for inner in value.values():
            yield from _models(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _models(inner)

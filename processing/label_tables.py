"""The tables of label events in a database: how they are opened, brought up to date, read and appended to.

It uses no SQL of one database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from processing import database
from processing.database import IDENT, Utc
from processing.errors import StaleError
from processing.label_log import Event

VERSION: Final = 2
"""Version of the tables below; a database of a later one is refused, one of version 1 is brought up to date."""


_METADATA = sa.MetaData()

EVENT = sa.Table(
    "label_event",
    _METADATA,
    sa.Column("id", IDENT, primary_key=True, autoincrement=True),
    sa.Column("granule_id", sa.String(200), nullable=False),
    sa.Column("beam", sa.String(16), nullable=False),
    sa.Column("x_start", sa.Double(), nullable=False),
    sa.Column("x_end", sa.Double(), nullable=False),
    sa.Column("label", sa.SmallInteger(), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("analyst", sa.String(200), nullable=False),
    sa.Column("at", Utc(), nullable=False),
    sa.Column("supersedes", IDENT, sa.ForeignKey("label_event.id"), nullable=True),
    sa.Column("gesture", sa.String(64), nullable=False, server_default=""),
    sa.Column("layer", sa.String(16), nullable=False, server_default=""),
    sa.Column("scene_id", sa.String(200), nullable=False, server_default=""),
    sa.Column("shift_x", sa.Double(), nullable=True),
    sa.Column("shift_y", sa.Double(), nullable=True),
    sa.Index("label_event_track", "granule_id", "beam", "id"),
    sa.Index("label_event_gesture", "gesture", "id"),
)
"""Columns in the order of Event's fields; those from ``gesture`` on came with version 2."""

_SINCE_TWO = ("gesture", "layer", "scene_id", "shift_x", "shift_y")

_VERSION = sa.Table(
    "label_schema",
    _METADATA,
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
)


def lock(connection: Connection) -> None:
    """Wait for other writers: what is read from here on still stands at the end, and ids follow the order of commit."""
    database.lock(connection, _VERSION)


def prepare(connection: Connection) -> None:
    """Make the tables, or bring those of version 1 up to date. Raises StaleError for a later version."""
    found = version(connection)
    check_version(found)
    if found == 1:
        lock(connection)
        if version(connection) == 1:  # no other program was faster
            _migrate(connection)
    elif found is None:
        _METADATA.create_all(connection)
        connection.execute(sa.insert(_VERSION).values(version=VERSION))


def version(connection: Connection) -> int | None:
    """Version of the tables; None when they are not there."""
    return database.version(connection, _VERSION)


def check_version(found: int | None) -> None:
    if found is not None and found > VERSION:
        raise StaleError(f"label events have version {found}, this is {VERSION}", mend="use a newer leadline")


def select(connection: Connection, found: int | None, *conditions: sa.ColumnElement[bool]) -> list[Event]:
    """Events of tables of version ``found`` in order. Each event of version 1 is a gesture of its own."""
    if found is None:
        return []
    columns = [column for column in EVENT.c if found > 1 or column.name not in _SINCE_TWO]
    rows = connection.execute(sa.select(*columns).where(*conditions).order_by(EVENT.c.id))
    return [Event(*row) if found > 1 and row.gesture else _ungestured(row) for row in rows]


def insert(connection: Connection, rows: Sequence[Mapping[str, Any]], gesture: str) -> list[Event]:
    """Append the rows of one gesture in their order and return the events as they are recorded."""
    connection.execute(sa.insert(EVENT), [{**row, "gesture": gesture} for row in rows])
    return select(connection, VERSION, EVENT.c.gesture == gesture)


def _ungestured(row: sa.Row[Any]) -> Event:
    """An event that knows no gestures: of version 1, or from a program of then that was running during the change."""
    known = {name: value for name, value in row._mapping.items() if name not in _SINCE_TWO}
    return Event(**known, gesture=f"event-{row.id}")


def _migrate(connection: Connection) -> None:
    """Version 1 to 2 in place. What is there already, where a database commits each step by itself, is kept."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(EVENT.name)}
    for name in _SINCE_TWO:
        if name not in there:
            column = sa.schema.CreateColumn(EVENT.c[name]).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {EVENT.name} ADD COLUMN {column}")
    gesture = sa.literal("event-") + sa.cast(EVENT.c.id, sa.String(20))
    connection.execute(sa.update(EVENT).where(EVENT.c.gesture == "").values(gesture=gesture))
    for index in EVENT.indexes:
        index.create(connection, checkfirst=True)
    connection.execute(sa.update(_VERSION).values(version=VERSION))

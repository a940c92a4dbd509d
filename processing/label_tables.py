"""The tables of label events in a database: how they are opened, brought up to date, read and appended to.

It uses no SQL of one database but for SQLite's durability settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from processing.errors import InputError, StaleError
from processing.label_log import Event

VERSION: Final = 2
"""Version of the tables below; a database of a later one is refused, one of version 1 is brought up to date."""


class _Utc(sa.types.TypeDecorator[datetime]):
    """Instants in UTC, also where the database keeps no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_METADATA = sa.MetaData()
_IDENT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

EVENT = sa.Table(
    "label_event",
    _METADATA,
    sa.Column("id", _IDENT, primary_key=True, autoincrement=True),
    sa.Column("granule_id", sa.String(200), nullable=False),
    sa.Column("beam", sa.String(16), nullable=False),
    sa.Column("x_start", sa.Double(), nullable=False),
    sa.Column("x_end", sa.Double(), nullable=False),
    sa.Column("label", sa.SmallInteger(), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),
    sa.Column("analyst", sa.String(200), nullable=False),
    sa.Column("at", _Utc(), nullable=False),
    sa.Column("supersedes", _IDENT, sa.ForeignKey("label_event.id"), nullable=True),
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


def is_there(url: str) -> bool:
    """Whether there can be events at ``url``: not without one, nor where a SQLite file is still to be made."""
    if not url:
        return False
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError:
        return True
    return not (parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists())


def open_engine(url: str) -> tuple[str, Engine]:
    """The URL as it may be shown, and the engine. Raises InputError."""
    if not url:
        raise InputError(
            "a project at a URL keeps its label events in a database elsewhere, and none is named",
            where="database.url",
            mend="name one in its project.toml, such as postgresql+psycopg://user@host/name",
        )
    try:
        parsed = sa.engine.make_url(url)
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        # The URL may hold a password: it is not repeated.
        raise InputError(
            f"not a database URL this installation can use ({reason(error)})",
            where="database.url",
            mend="such as sqlite:///labels.db or postgresql+psycopg://user@host/name",
        ) from None
    if engine.dialect.name == "sqlite":
        if parsed.database and not Path(parsed.database).parent.is_dir():
            raise InputError("folder of the label database is not there", where=parsed.database)
        sa.event.listen(engine, "connect", _tune_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return parsed.render_as_string(hide_password=True), engine


def writing(engine: Engine) -> Engine:
    """The engine for transactions that no other writer can come between, once they called :func:`lock`."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(leadline_write=True)
    return engine.execution_options(isolation_level="READ COMMITTED")


def lock(connection: Connection) -> None:
    """Wait for other writers: what is read from here on still stands at the end, and ids are taken in order of commit.

    SQLite's writers wait where they begin. Elsewhere an update in place holds a row that every writer needs, which,
    unlike SELECT FOR UPDATE, every database knows.
    """
    if connection.engine.dialect.name != "sqlite":
        connection.execute(sa.update(_VERSION).values(version=_VERSION.c.version))


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
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    found = connection.execute(sa.select(sa.func.max(_VERSION.c.version))).scalar()
    return None if found is None else int(found)


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


def is_conflict(error: sa.exc.DBAPIError) -> bool:
    """Whether another writer came between: a serialization failure, deadlock or lock, worth another try.

    Two that make the tables at once are such: one finds them made when it tries again.
    """
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return state in ("40001", "40P01", "42P07", "23505") or "already exists" in str(error.orig)


def reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:160]


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


def _tune_sqlite(connection: Any, _: object) -> None:
    """Readers beside a writer, and every commit on disk before it returns."""
    connection.isolation_level = None
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read still stands when it writes.
    writes = connection.get_execution_options().get("leadline_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

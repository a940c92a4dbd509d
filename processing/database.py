"""The project's database, SQLite in its folder or what SQLAlchemy reaches by URL: opening it, and writing safely."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from processing.errors import InputError

_ATTEMPTS: Final = 20
_Result = TypeVar("_Result")

IDENT: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Type of a table's counting identifiers."""


class Utc(sa.types.TypeDecorator[datetime]):
    """Instants in UTC, also where the database keeps no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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


def written(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    """What ``work`` gives in a transaction that no other writer comes between; tried again when one did."""
    chosen = writing(engine)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with chosen.begin() as connection:
                return work(connection)
        except sa.exc.DBAPIError as error:
            if attempt == _ATTEMPTS or not is_conflict(error):
                raise
    raise AssertionError("unreachable")


def version(connection: Connection, kept: sa.Table) -> int | None:
    """The version of some tables as the table ``kept`` has it; None when they are not there."""
    if not sa.inspect(connection).has_table(kept.name):
        return None
    found = connection.execute(sa.select(sa.func.max(kept.c.version))).scalar()
    return None if found is None else int(found)


def lock(connection: Connection, kept: sa.Table) -> None:
    """Wait for others who write tables of which ``kept`` has the version.

    SQLite's writers wait where they begin. Elsewhere an update in place holds a row that every writer needs, which,
    unlike SELECT FOR UPDATE, every database knows.
    """
    if connection.engine.dialect.name != "sqlite":
        connection.execute(sa.update(kept).values(version=kept.c.version))


@contextmanager
def told(shown: str, what: str) -> Iterator[None]:
    """Tell in one line what the database at ``shown`` refuses; ``what`` names it. Raises InputError."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise InputError(f"{what} cannot be used ({reason(error)})", where=shown) from error


def is_conflict(error: sa.exc.DBAPIError) -> bool:
    """Whether another writer came between: a serialization failure, deadlock or lock, worth another try.

    Two that make the tables at once are such: one finds them made when it tries again.
    """
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return state in ("40001", "40P01", "42P07", "23505") or "already exists" in str(error.orig)


def reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:160]


def _tune_sqlite(connection: Any, _: object) -> None:
    """Readers beside a writer, and every commit on disk before it returns."""
    connection.isolation_level = None
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read still stands when it writes.
    writes = connection.get_execution_options().get("leadline_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

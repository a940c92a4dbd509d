"""Label events: an append-only record of every correction, from which the current labels follow.

An event says that an analyst gave an interval of a track a class, or undid or redid an earlier event. Nothing is ever
changed or removed. An event is *active* unless an active event supersedes it, so undoing an undo brings the first
back. Current labels are the auto-labels with the active painting events painted over in the order of their ids.

The store is SQLite in the project by default and anything SQLAlchemy reaches by URL; it uses no SQL of one database
but for SQLite's durability settings. An event is on disk when the call that adds it returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from processing.core.painting import Strokes
from processing.errors import InputError, MissingError, StaleError
from processing.provenance import digest

VERSION: Final = 1
"""Version of the tables below; a database of a later one is refused."""

PAINTING: Final = ("cloud", "shadow", "transition", "drift", "other", "accept")
"""Why an analyst set a label; ``accept`` confirms the label that stood."""

UNDO: Final = "undo"
REDO: Final = "redo"
LABELS: Final = (-1, 0, 1, 2)

_ATTEMPTS = 20
_Result = TypeVar("_Result")


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

_EVENT = sa.Table(
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
    sa.Index("label_event_track", "granule_id", "beam", "id"),
)

_VERSION = sa.Table(
    "label_schema",
    _METADATA,
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
)


@dataclass(frozen=True)
class Stroke:
    """A correction to be recorded: ``x_start <= x_atc < x_end`` (m) of a track is of class ``label``."""

    granule_id: str
    beam: str
    x_start: float
    x_end: float
    label: int
    reason: str


@dataclass(frozen=True)
class Event:
    """One recorded event.

    Attributes
    ----------
    id : grows with time.
    granule_id, beam, x_start, x_end, label, reason : as Stroke; ``undo`` and ``redo`` repeat those of the painting
        event they concern and paint nothing.
    analyst : who.
    at : when, UTC.
    supersedes : id of the event that this one replaces, undoes or redoes.
    """

    id: int
    granule_id: str
    beam: str
    x_start: float
    x_end: float
    label: int
    reason: str
    analyst: str
    at: datetime
    supersedes: int | None = None

    @property
    def paints(self) -> bool:
        return self.reason in PAINTING


class LabelStore:
    """The label events of a project. Safe to share between threads, and between processes on one database.

    Parameters
    ----------
    url : SQLAlchemy URL, such as ``Project.database_url``.
    reading : the store is there and is only read; nothing is made or brought up to date.

    Raises InputError when the database cannot be opened, StaleError when a later version made it.
    """

    def __init__(self, url: str, *, reading: bool = False) -> None:
        self._shown, self._engine = _open(url)
        try:
            if reading:
                self._check()
            else:
                self._write(_prepare)
        except sa.exc.SQLAlchemyError as error:
            self._engine.dispose()
            raise InputError(f"label database cannot be used ({_reason(error)})", where=self._shown) from error
        except StaleError:
            self._engine.dispose()
            raise

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> LabelStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(
        self,
        granule_id: str,
        beam: str,
        x_start: float,
        x_end: float,
        label: int,
        reason: str,
        analyst: str,
        at: datetime | None = None,
        supersedes: int | None = None,
    ) -> Event:
        """Record one correction and return it with its id; it is on disk when this returns.

        ``supersedes`` names an event of the same track that this one replaces, such as an interval whose end moved.
        Raises InputError on an empty or infinite interval, an unknown label or reason, an empty name, a time without
        zone, or a superseded event that is not there or on another track.
        """
        stroke = Stroke(granule_id, beam, x_start, x_end, label, reason)
        return self.add_all([stroke], analyst, at, supersedes)[0]

    def add_all(
        self, strokes: Sequence[Stroke], analyst: str, at: datetime | None = None, supersedes: int | None = None
    ) -> list[Event]:
        """Record several corrections of one gesture, all or none. Checks and errors as :meth:`add`."""
        for stroke in strokes:
            _check_stroke(stroke)
        if not analyst.strip():
            raise InputError("analyst is empty", mend="say who corrects the labels")
        when = _check_time(at)

        def work(connection: Connection) -> list[Event]:
            for stroke in strokes if supersedes is not None else ():
                _check_superseded(connection, stroke, supersedes)
            return [_insert(connection, stroke, analyst, when, supersedes) for stroke in strokes]

        return self._write(work)

    def undo(self, analyst: str, granule_id: str | None = None, beam: str | None = None) -> Event | None:
        """Undo the analyst's newest active painting event, of all or of one track; None when there is none."""

        def work(connection: Connection) -> Event | None:
            events = _select(connection, granule_id, beam)
            target = _newest(event for event in active(events) if event.paints and event.analyst == analyst)
            return target and _insert(connection, _as_stroke(target, UNDO), analyst, _now(), target.id)

        return self._write(work)

    def redo(self, analyst: str, granule_id: str | None = None, beam: str | None = None) -> Event | None:
        """Bring back the painting event that the analyst undid last; None when there is none.

        As in an editor, painting anew (on the tracks in question) forgets what was undone before it.
        """

        def work(connection: Connection) -> Event | None:
            events = _select(connection, granule_id, beam)
            own = [event for event in events if event.analyst == analyst]
            painted = max((event.id for event in own if event.paints), default=0)
            undone = (event for event in active(events) if event.reason == UNDO and event.analyst == analyst)
            target = _newest(event for event in undone if event.id > painted)
            return target and _insert(connection, _as_stroke(target, REDO), analyst, _now(), target.id)

        return self._write(work)

    def events(self, granule_id: str | None = None, beam: str | None = None) -> list[Event]:
        """Every event ever recorded, of all or of one track, in order."""
        with self._engine.connect() as connection:
            return _select(connection, granule_id, beam)

    def current(self, granule_id: str | None = None, beam: str | None = None) -> list[Event]:
        """The active painting events, in the order they are painted."""
        return [event for event in active(self.events(granule_id, beam)) if event.paints]

    def current_by_track(self) -> dict[tuple[str, str], list[Event]]:
        """The active painting events of each (granule, beam) that has any, in the order they are painted."""
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.current():
            found.setdefault((event.granule_id, event.beam), []).append(event)
        return found

    def strokes(self, granule_id: str, beam: str) -> Strokes:
        """The active painting events of a track as arrays for ``core.painting.paint``."""
        return as_strokes(self.current(granule_id, beam))

    def _check(self) -> None:
        with self._engine.connect() as connection:
            _check_version(connection.execute(sa.select(sa.func.max(_VERSION.c.version))).scalar())

    def _write(self, work: Callable[[Connection], _Result]) -> _Result:
        """Run ``work`` in one transaction that no other writer can come between; again after a conflict."""
        options: dict[str, Any] = {"leadline_write": True}
        if self._engine.dialect.name != "sqlite":  # there BEGIN IMMEDIATE makes writers wait for one another
            options["isolation_level"] = "SERIALIZABLE"
        engine = self._engine.execution_options(**options)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except sa.exc.OperationalError as error:
                if attempt == _ATTEMPTS or not _is_conflict(error):
                    raise
        raise AssertionError("unreachable")


def is_there(url: str) -> bool:
    """Whether there can be events at ``url``: not where a SQLite file is still to be made."""
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError:
        return True
    return not (parsed.get_backend_name() == "sqlite" and parsed.database and not Path(parsed.database).exists())


def active(events: Sequence[Event]) -> list[Event]:
    """The events, in order, that no active event supersedes. ``events`` ascend by id."""
    superseded: set[int] = set()
    kept = []
    for event in reversed(events):
        if event.id in superseded:
            continue
        kept.append(event)
        if event.supersedes is not None:
            superseded.add(event.supersedes)
    return kept[::-1]


def events_fingerprint(events: Iterable[Event]) -> str:
    """Fingerprint of the events that a track's labels follow from; events never change, so their ids say it all."""
    return digest([event.id for event in events])


def as_strokes(events: Sequence[Event]) -> Strokes:
    """Painting events of one track as arrays, in the order given."""
    names = tuple(sorted({event.analyst for event in events}))
    return Strokes(
        event_id=np.array([event.id for event in events], np.int64),
        x_start=np.array([event.x_start for event in events], np.float64),
        x_end=np.array([event.x_end for event in events], np.float64),
        label=np.array([event.label for event in events], np.int8),
        analyst=np.array([names.index(event.analyst) for event in events], np.int32),
        analysts=names,
    )


def _open(url: str) -> tuple[str, Engine]:
    try:
        parsed = sa.engine.make_url(url)
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        # The URL may hold a password: it is not repeated.
        raise InputError(
            f"not a database URL this installation can use ({_reason(error)})",
            where="database.url",
            mend="such as sqlite:///labels.db or postgresql+psycopg://user@host/name",
        ) from None
    if engine.dialect.name == "sqlite":
        if parsed.database and not Path(parsed.database).parent.is_dir():
            raise InputError("folder of the label database is not there", where=parsed.database)
        sa.event.listen(engine, "connect", _tune_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return parsed.render_as_string(hide_password=True), engine


def _tune_sqlite(connection: Any, _: object) -> None:
    """Readers beside a writer, and every commit on disk before it returns."""
    connection.isolation_level = None
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock before it reads, so that what it read still stands when it writes.
    writes = connection.get_execution_options().get("leadline_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare(connection: Connection) -> None:
    _METADATA.create_all(connection)
    found = connection.execute(sa.select(sa.func.max(_VERSION.c.version))).scalar()
    if found is None:
        connection.execute(sa.insert(_VERSION).values(version=VERSION))
    _check_version(found)


def _check_version(found: int | None) -> None:
    if found is not None and found > VERSION:
        raise StaleError(f"label events have version {found}, this is {VERSION}", mend="use a newer leadline")


def _is_conflict(error: sa.exc.OperationalError) -> bool:
    """Whether another writer came between: a serialization failure, deadlock or lock, worth another try."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return state in ("40001", "40P01") or "already exists" in str(error.orig)


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0][:160]


def _select(connection: Connection, granule_id: str | None, beam: str | None) -> list[Event]:
    query = sa.select(_EVENT).order_by(_EVENT.c.id)
    if granule_id is not None:
        query = query.where(_EVENT.c.granule_id == granule_id)
    if beam is not None:
        query = query.where(_EVENT.c.beam == beam)
    return [Event(**row._mapping) for row in connection.execute(query)]


def _insert(connection: Connection, stroke: Stroke, analyst: str, at: datetime, supersedes: int | None) -> Event:
    values = {
        "granule_id": stroke.granule_id,
        "beam": stroke.beam,
        "x_start": float(stroke.x_start),
        "x_end": float(stroke.x_end),
        "label": int(stroke.label),
        "reason": stroke.reason,
        "analyst": analyst,
        "at": at,
        "supersedes": supersedes,
    }
    done = connection.execute(sa.insert(_EVENT).values(**values))
    assert done.inserted_primary_key is not None
    return Event(id=int(done.inserted_primary_key[0]), **values)  # type: ignore[arg-type]


def _as_stroke(event: Event, reason: str) -> Stroke:
    return Stroke(event.granule_id, event.beam, event.x_start, event.x_end, event.label, reason)


def _newest(events: Iterable[Event]) -> Event | None:
    return max(events, key=lambda event: event.id, default=None)


def _now() -> datetime:
    return datetime.now(UTC)


def _check_stroke(stroke: Stroke) -> None:
    where = f"label event on {stroke.granule_id or '?'} {stroke.beam or '?'}"
    if not stroke.granule_id or not stroke.beam:
        raise InputError("granule or beam is empty", where=where)
    if not (math.isfinite(stroke.x_start) and math.isfinite(stroke.x_end) and stroke.x_start < stroke.x_end):
        raise InputError(
            f"interval {stroke.x_start} to {stroke.x_end} m is empty or not finite",
            where=where,
            mend="give a start below the end",
        )
    if stroke.label not in LABELS:
        raise InputError(f"label {stroke.label!r} is none of {', '.join(map(str, LABELS))}", where=where)
    if stroke.reason not in PAINTING:
        raise InputError(f"reason {stroke.reason!r} is none of {', '.join(PAINTING)}", where=where)


def _check_time(at: datetime | None) -> datetime:
    if at is None:
        return _now()
    if at.tzinfo is None:
        raise InputError(f"time {at.isoformat()} has no time zone", where="label event", mend="give it in UTC")
    return at.astimezone(UTC)


def _check_superseded(connection: Connection, stroke: Stroke, supersedes: int | None) -> None:
    row = connection.execute(sa.select(_EVENT).where(_EVENT.c.id == supersedes)).one_or_none()
    if row is None:
        raise MissingError(f"there is no label event {supersedes} to supersede")
    if (row.granule_id, row.beam) != (stroke.granule_id, stroke.beam) or row.reason not in PAINTING:
        raise InputError(f"label event {supersedes} does not paint {stroke.granule_id} {stroke.beam}")

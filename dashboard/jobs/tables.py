"""The table of jobs in the project's database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dashboard.jobs.model import Job, JobState
from processing import database
from processing.database import IDENT, Utc
from processing.errors import StaleError

VERSION: Final = 1
"""Version of the tables below; a database of a later one is refused."""

_METADATA = sa.MetaData()

JOB = sa.Table(
    "job",
    _METADATA,
    sa.Column("id", IDENT, primary_key=True, autoincrement=True),
    sa.Column("stage", sa.String(32), nullable=False),
    sa.Column("parameters", sa.Text(), nullable=False),
    sa.Column("engine", sa.Text(), nullable=False),
    sa.Column("granules", sa.Text(), nullable=False),
    sa.Column("results", sa.Text(), nullable=False),
    sa.Column("cores", sa.Integer(), nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("chain", IDENT, nullable=False),
    sa.Column("needs", sa.Text(), nullable=False),
    sa.Column("after", sa.Text(), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("queued_at", Utc(), nullable=False),
    sa.Column("token", sa.String(64), nullable=False),
    sa.Column("started_at", Utc(), nullable=True),
    sa.Column("ended_at", Utc(), nullable=True),
    sa.Column("reason", sa.Text(), nullable=False, server_default=""),
    sa.Column("result", sa.String(200), nullable=False, server_default=""),
    sa.Column("snapshot", sa.String(200), nullable=False, server_default=""),
    sa.Column("model", sa.String(200), nullable=False, server_default=""),
    sa.Column("commit", sa.String(200), nullable=False, server_default=""),
    sa.Column("pid", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("began", sa.Double(), nullable=False, server_default="0"),
    sa.Column("beat", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("beat_at", Utc(), nullable=True),
    sa.Column("stop_by", sa.String(200), nullable=False, server_default=""),
    sa.Column("stop_at", Utc(), nullable=True),
    sa.Column("status", sa.Integer(), nullable=True),
    sa.Index("job_state", "state", "id"),
)
"""Columns in the order of Job's fields."""

_VERSION = sa.Table("job_schema", _METADATA, sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False))
_AS_JSON = ("parameters", "engine", "granules", "results", "needs", "after")


def prepare(connection: Connection) -> None:
    """Make the tables where they are not there. Raises StaleError for a later version."""
    found = database.version(connection, _VERSION)
    if found is not None and found > VERSION:
        raise StaleError(f"jobs have version {found}, this is {VERSION}", mend="use a newer leadline")
    if found is None:
        _METADATA.create_all(connection)
        connection.execute(sa.insert(_VERSION).values(version=VERSION))


def lock(connection: Connection) -> None:
    """Wait for other writers: what is read from here on still stands at the end."""
    database.lock(connection, _VERSION)


def select(connection: Connection, *conditions: sa.ColumnElement[bool], newest: int | None = None) -> list[Job]:
    """Jobs in the order of their numbers; of many the ``newest``."""
    wanted = sa.select(JOB).where(*conditions)
    if newest is not None:
        wanted = wanted.order_by(JOB.c.id.desc()).limit(newest)
    return sorted((as_job(row._mapping) for row in connection.execute(wanted)), key=lambda job: job.id)


def as_job(row: Mapping[Any, Any]) -> Job:
    """A row of the table."""
    values = {field.name: row[field.name] for field in fields(Job)}
    values |= {name: json.loads(values[name]) for name in _AS_JSON}
    values |= {name: tuple(values[name]) for name in ("granules", "needs", "after")}
    return Job(**values | {"state": JobState(values["state"])})


def as_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a job as the table keeps them."""
    return {name: json.dumps(_plain(value)) if name in _AS_JSON else value for name, value in values.items()}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)

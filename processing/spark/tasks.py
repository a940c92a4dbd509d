"""What Spark tasks do with record batches: work on pieces, and put what the pieces gave together again, by track.

A value on its way between tasks is one row: the track it belongs to, its place in it, and the value itself as bytes, a
few megabytes of Arrow mostly. So Spark moves few, large rows, and never looks at a segment.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

import pyarrow as pa

from processing.cores import at_most
from processing.errors import LeadlineError
from processing.io.atomic import marked

SCHEMA = "track int, number long, value binary"
"""Of the rows that pass between tasks."""

_ARROW = pa.schema([("track", pa.int32()), ("number", pa.int64()), ("value", pa.binary())])
_VALUES_A_PIECE = 1 << 20

Batches = Iterator[pa.RecordBatch]
Content = TypeVar("Content")


@dataclass(frozen=True)
class Piece(Generic[Content]):
    """Work for one task: ``content`` says what; ``track`` is the number of the track that its result belongs to.

    Attributes
    ----------
    weight : units of work in it, as the progress bar counts them.
    """

    track: int
    content: Content
    weight: float = 1.0


@dataclass(frozen=True)
class Row:
    """One value between tasks."""

    track: int
    number: int
    value: Any


def work_on(
    call: Callable[[Any], Iterable[Any]], pieces: dict[int, Piece[Any]], mark: str, batches: Batches
) -> Batches:
    """Values of ``call`` for the pieces whose numbers come in, in order.

    An error that tells of bad input becomes a value itself: trying again would not mend it. A piece that gives nothing
    gives None, so that its track is heard of.
    """
    with at_most(1), marked(mark):
        for number in _numbers(batches):
            piece = pieces[number]
            for count, value in enumerate(_told(call, piece.content)):
                yield _batch(Row(piece.track, number * _VALUES_A_PIECE + count, value))


def work_again(call: Callable[[Any], Iterable[Any]], mark: str, batches: Batches) -> Batches:
    """As ``work_on``, of rows that carry what ``call`` is given themselves; an error among them is handed on."""
    with at_most(1), marked(mark):
        for row in _rows(batches):
            found = [row.value] if isinstance(row.value, LeadlineError) else _told(call, row.value)
            for count, value in enumerate(found):
                yield _batch(Row(row.track, row.number * _VALUES_A_PIECE + count, value))


def work_alone(steps: Callable[[int, Any], Any], pieces: dict[int, Piece[Any]], mark: str, batches: Batches) -> Batches:
    """Rows that tell what ``steps`` made of tracks that are one piece each, from reading to writing in one task."""
    with at_most(1), marked(mark):
        for number in _numbers(batches):
            piece = pieces[number]
            try:
                yield _batch(Row(piece.track, 0, steps(piece.track, piece.content)))
            except LeadlineError as error:
                yield _batch(Row(piece.track, 0, error))


def join_tracks(call: Callable[[int, Iterator[Any]], Iterable[Row]], mark: str, batches: Batches) -> Batches:
    """Rows of ``call`` for each track, which gets the track's values in order; an error among them ends the track."""
    with at_most(1), marked(mark):
        for track, rows in groupby(_rows(batches), key=lambda row: row.track):
            values = _values(rows)
            try:
                for row in call(track, values):
                    yield _batch(row)
            except LeadlineError as error:
                yield _batch(Row(track, 0, error))


def _told(call: Callable[[Any], Iterable[Any]], content: Any) -> Iterator[Any]:
    """Values of ``call``, an error as one of them; None where there is none, so that the track is heard of."""
    nothing = True
    try:
        for value in call(content):
            nothing = False
            yield value
    except LeadlineError as error:
        yield error
    else:
        if nothing:
            yield None


def _values(rows: Iterable[Row]) -> Iterator[Any]:
    last = -1
    for row in rows:
        assert row.number > last, "rows of a track must come in order"
        last = row.number
        if isinstance(row.value, LeadlineError):
            raise row.value
        if row.value is not None:
            yield row.value


def _numbers(batches: Batches) -> Iterator[int]:
    for batch in batches:
        yield from batch.column(0).to_pylist()


def _rows(batches: Batches) -> Iterator[Row]:
    for batch in batches:
        columns = (batch.column(name) for name in ("track", "number", "value"))
        for track, number, value in zip(*columns, strict=True):
            yield Row(track.as_py(), number.as_py(), loaded(value.as_buffer()))


def loaded(value: Any) -> Any:
    """The value that a row carries as bytes."""
    return pickle.loads(value)  # noqa: S301 - our own tasks made it


def _batch(row: Row) -> pa.RecordBatch:
    value = pickle.dumps(row.value, protocol=5)
    return pa.record_batch([[row.track], [row.number], [value]], schema=_ARROW)


def written(write: Callable[[int, Iterator[Any]], Any], track: int, values: Iterator[Any]) -> Iterator[Row]:
    """The one row that tells what ``write`` made of a track."""
    yield Row(track, 0, write(track, values))


def straight(
    call: Callable[[Any], Iterable[Any]], write: Callable[[int, Iterator[Any]], Any], track: int, content: Any
) -> Any:
    """What ``write`` makes of a track of which all is in one piece."""
    return write(track, iter(call(content)))

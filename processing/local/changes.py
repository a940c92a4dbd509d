"""What the labels in force are other than in a snapshot: by class, reason, analyst and track."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core.painting import NO_EVENT, paint
from processing.errors import StaleError
from processing.io import tables
from processing.labels import IN_FORCE, UNDO, Event, LabelLog, active, as_strokes, events_fingerprint, read_log
from processing.local.snapshot import Sources, gather, manifest
from processing.project import Project
from processing.schema import LABEL, SEGMENT, SNAPSHOT, SurfaceClass
from processing.stages import Resample

AUTO = "auto-label"
"""Reason of a label that changed because the scene was labelled again."""

_CODES = 4


@dataclass(frozen=True)
class Amount:
    """Number of segments, and metres of track that they stand for."""

    segments: int
    metres: float


@dataclass(frozen=True)
class Change:
    """Segments of one track that went from class ``before`` to ``after`` for the same reason.

    ``reason`` and ``analyst`` are those of the event that set the label, or took back the one before (``undo``);
    ``auto-label`` and nobody where the auto-label itself is another.
    """

    granule: str
    beam: str
    before: int
    after: int
    reason: str
    analyst: str
    segments: int
    metres: float


@dataclass(frozen=True)
class Changes:
    """Differences of the labels in force from a snapshot.

    Attributes
    ----------
    since : name of the snapshot; empty for the auto-labels as they are, when there is no snapshot.
    note, created : what it is for in words, and when it was made, ISO 8601 in UTC.
    events : events on the labels in force that were recorded since.
    rows : what changed.
    """

    since: str
    note: str
    created: str
    events: int
    rows: tuple[Change, ...]

    def by(self, *names: str) -> dict[tuple[Any, ...], Amount]:
        """Amounts by fields of Change, such as ``by("before", "after")`` or ``by("analyst")``, largest first."""
        found: defaultdict[tuple[Any, ...], list[Change]] = defaultdict(list)
        for row in self.rows:
            found[tuple(getattr(row, name) for name in names)].append(row)
        amounts = {key: _amount(rows) for key, rows in found.items()}
        return dict(sorted(amounts.items(), key=lambda item: -item[1].segments))

    @property
    def total(self) -> Amount:
        return _amount(self.rows)


def changes_since(project: Project, name: str | None = None, events: Sequence[Event] | None = None) -> Changes:
    """What the labels in force are other than in snapshot ``name``, or the newest when it is left out.

    ``events`` are all of the project's when they are at hand; they are read otherwise. Tracks that are not in the
    snapshot, or all when there is none, are compared with their auto-labels; segments that are not, with nothing.

    Raises MissingError when there is no such snapshot, or there are no labels; StaleError when the auto-labels are not
    those of the segments.
    """
    log = read_log(project.database_url) if events is None else LabelLog(events)
    runs = project.runs("snapshots")
    since = name if name is not None else (runs[-1] if runs else "")
    told = manifest(project, since) if since else {}
    known = told.get("last_event", told.get("events", {}).get("last")) or 0
    cause = _Causes(log)
    rows = [row for source in gather(project, log) for row in _of_track(project, since, source, cause)]
    return Changes(
        since,
        str(told.get("note", "")),
        str(told.get("created", "")),
        sum(event.layer == IN_FORCE for event in log.events(after=known)),
        tuple(rows),
    )


@dataclass(frozen=True)
class _Labels:
    """Labels of segments by their numbers, and the event that set each, -1 where none did."""

    segment: NDArray[np.int64] | None
    label: NDArray[np.int8]
    event_id: NDArray[np.int64]


class _Causes:
    """Who made a label other than it was, and why."""

    def __init__(self, log: LabelLog) -> None:
        self._events = {event.id: event for event in log.events()}
        self._replaced = {event.supersedes: event for event in active(log.events()) if event.supersedes is not None}

    def __call__(self, before: int, now: int) -> tuple[str, str]:
        """Reason and analyst, from the events that set the labels; events are painted in order of their ids."""
        if before == now:
            return AUTO, ""
        found = self._events.get(now) if now > before else self._replaced.get(before)
        return (found.reason, found.analyst) if found is not None else (UNDO, "")


def _of_track(project: Project, since: str, source: Sources, cause: _Causes) -> Iterator[Change]:
    frozen = project.table_path("snapshots", *source.track, since) if since else None
    stamp = tables.read_stamp(frozen) if frozen is not None else None
    if stamp is None and not source.events:
        return
    inputs = {**source.stamps, "events": events_fingerprint(source.events)}
    if stamp is not None and stamp.inputs == inputs:
        return
    same_rows = stamp is None or stamp.inputs.get("segments") == source.stamps["segments"]
    now, auto = _now(source, f"leadline autolabel {project.root}", numbered=not same_rows)
    if frozen is None or stamp is None:
        before = _Labels(None, auto, np.full(len(auto), NO_EVENT, np.int64))
    else:
        before = _frozen(frozen, numbered=not same_rows)
    if not same_rows:
        before, now = _shared(before, now)
    window = _window(project, source)
    for (left, right, old, new), count in _differences(before, now):
        reason, analyst = cause(old, new)
        yield Change(*source.track, left, right, reason, analyst, count, count * window)


def _now(source: Sources, command: str, *, numbered: bool) -> tuple[_Labels, NDArray[np.int8]]:
    """Labels in force of a track and its auto-labels."""
    names = [*(["segment"] if numbered else []), *(["x_atc"] if source.events else [])]
    rows = tables.count_rows(source.segments)
    segments = tables.read(source.segments, SEGMENT, names) if names else None
    auto = np.full(rows, SurfaceClass.UNLABELLED, np.int8)
    if source.autolabels is not None:
        auto = tables.read(source.autolabels, LABEL, ["label_auto"], command=command)["label_auto"].to_numpy()
    if len(auto) != rows:
        raise StaleError(
            "auto-labels are not those of the track's segments", where=source.autolabels or "", mend=f"run: {command}"
        )
    number = segments["segment"].to_numpy() if segments is not None and numbered else None
    if segments is None or not source.events:
        return _Labels(number, auto, np.full(rows, NO_EVENT, np.int64)), auto
    painted = paint(segments["x_atc"].to_numpy(), auto, as_strokes(source.events))
    return _Labels(number, painted.label, painted.event_id), auto


def _frozen(path: Path, *, numbered: bool) -> _Labels:
    names = [*(["segment"] if numbered else []), "label", "event_id"]
    found = tables.read(path, SNAPSHOT, names)
    return _Labels(
        found["segment"].to_numpy() if numbered else None, found["label"].to_numpy(), found["event_id"].to_numpy()
    )


def _shared(before: _Labels, now: _Labels) -> tuple[_Labels, _Labels]:
    """Either reduced to the segments that both have."""
    assert before.segment is not None
    assert now.segment is not None
    both, left, right = np.intersect1d(before.segment, now.segment, assume_unique=True, return_indices=True)
    return (
        _Labels(both, before.label[left], before.event_id[left]),
        _Labels(both, now.label[right], now.event_id[right]),
    )


def _differences(before: _Labels, now: _Labels) -> Iterator[tuple[tuple[int, int, int, int], int]]:
    """Classes before and now, events that set them, and the number of segments for which they are that."""
    rows = np.flatnonzero(before.label != now.label)
    left, right = before.label[rows].astype(np.int64) + 1, now.label[rows].astype(np.int64) + 1
    ids, places = np.unique(np.concatenate([before.event_id[rows], now.event_id[rows]]), return_inverse=True)
    old, new = places[: len(rows)], places[len(rows) :]
    codes, counts = np.unique(((old * len(ids) + new) * _CODES + left) * _CODES + right, return_counts=True)
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        events, classes = divmod(code, _CODES * _CODES)
        first, second = divmod(events, len(ids))
        kind, other = divmod(classes, _CODES)
        yield (kind - 1, other - 1, int(ids[first]), int(ids[second])), count


def _window(project: Project, source: Sources) -> float:
    """Length of track that a segment stands for, m."""
    stamp = tables.read_stamp(source.segments)
    window = stamp.parameters.get("window") if stamp is not None else None
    return float(window if window is not None else project.stage(Resample).window)


def _amount(rows: Sequence[Change]) -> Amount:
    return Amount(sum(row.segments for row in rows), float(sum(row.metres for row in rows)))

"""What giving segments another class does to sea surface and freeboard, without computing the whole track again.

A :class:`Survey` holds what sea level of a track rests on; :func:`revise` follows a change of classes through it and
computes only what can change:

- leads: those that meet a segment which becomes open water or ceases to be it. A lead ends at the first segment that
  is no open water, however long it is, so the reach is found by walking to its ends;
- trust: of the leads within reach of these, by the ice around and by waves along their neighbours (``lead_trust``);
- windows: those within half a window of such a lead (``sea_surface.Rules``);
- the surface of the published estimators: from the held window before those to the held window behind them;
- the surface of ``robust``: all leads of a piece of track are weighed against one another in repeated passes, so there
  is no distance beyond which a lead surely has no influence. The passes over the leads are repeated for the piece; they
  cost little. The surface at the segments is read only where it has moved.

What results equals :func:`processing.core.freeboard.freeboard_of_track` of the changed classes over the whole track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.freeboard import freeboard, sea_level_mask
from processing.core.lead_trust import BLOCK, REACH, Signal, judge_leads, signal_of, under_cloud
from processing.core.leads import FOOTPRINT, Floats, Leads, find_leads, height_sigma
from processing.core.sea_surface import (
    Evidence,
    Line,
    Rules,
    find_pieces,
    join_evidence,
    outside,
    read_line,
    sea_level_evidence,
    surface_line,
)
from processing.core.waves import REACH as SWELL_REACH
from processing.core.waves import swell_along
from processing.schema import SurfaceClass

Classes = npt.NDArray[np.int8]

LABELS = (0, 1, 2, -1)

NOTICED = 0.001
"""Shift of sea surface or freeboard, m, above which a segment counts as moved."""

_SAFE = 0.5 * NOTICED
"""Shift, m, of double-precision lines above which segments are read one by one: leaves room for single precision."""

_WATER = int(SurfaceClass.OPEN_WATER)


@dataclass(frozen=True)
class Shift:
    """How far a height moves, over the segments where it moves by more than NOTICED.

    Attributes
    ----------
    mean, largest : m, signed, positive upwards; the largest by size. 0 where nothing moves.
    metres : m of track that the moved segments make.
    """

    mean: float = 0.0
    largest: float = 0.0
    metres: float = 0.0


@dataclass(frozen=True)
class Effect:
    """What a change of classes does.

    Attributes
    ----------
    segments, metres : segments that change class, and the m of track they make.
    sea_surface, freeboard : shift of the estimator in force, where there is a sea surface before and after.
    leads_lost, leads_won : leads before that hold no segment of a lead after, and the other way round. A lead that
        becomes wider, narrower or two is neither.
    bare_windows : from and to, m, of the windows that held a lead and hold none any more.
    metres_lost, metres_won : m of track that lose, or come to have, a sea surface at all.
    valid : whether the track has a sea surface before and after; without one nothing can shift.
    """

    segments: int
    metres: float
    sea_surface: Shift = Shift()
    freeboard: Shift = Shift()
    leads_lost: int = 0
    leads_won: int = 0
    bare_windows: tuple[tuple[float, float], ...] = ()
    metres_lost: float = 0.0
    metres_won: float = 0.0
    valid: bool = True


@dataclass(frozen=True)
class Segments:
    """The segments of one track: position (f8 m), height and spread of its photons (m) and their number.

    ``median`` says whether the heights are medians; ``signal`` is None where nothing is known against any lead.
    """

    x: Floats
    height: npt.NDArray[Any]
    height_std: npt.NDArray[Any]
    photon_count: npt.NDArray[Any]
    median: bool = True
    signal: Signal | None = None

    def part(self, rows: slice, water: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
        """Position, height and standard error of the height of some rows, f8 m; ``water`` says which are sea level."""
        sigma = height_sigma(self.height_std[rows], self.photon_count[rows], median=self.median, water=water)
        return self.x[rows], np.ascontiguousarray(self.height[rows], np.float64), sigma


@dataclass(frozen=True)
class Survey:
    """What sea level of one track rests on, for one state of its classes.

    Attributes
    ----------
    segments : shared between the surveys of a track.
    label : i1, class of each segment.
    leads, evidence : of the whole track.
    pieces : f8 (pieces, 2) m, from ``sea_surface.find_pieces``.
    lines : the surface of ``estimator`` on each piece; None where there is none.
    """

    segments: Segments
    label: Classes
    rules: Rules
    estimator: str
    leads: Leads
    evidence: Evidence
    pieces: Floats
    lines: tuple[Line | None, ...]


def survey(
    x: npt.ArrayLike,
    height: npt.ArrayLike,
    height_std: npt.ArrayLike,
    photon_count: npt.ArrayLike,
    label: npt.ArrayLike,
    rules: Rules,
    estimator: str,
    photon_rate: npt.ArrayLike | None = None,
    quality: npt.ArrayLike | None = None,
) -> Survey:
    """Survey a whole track; arguments as ``freeboard_of_track``, with the class (i1) of each segment.

    Raises ValueError when ``x`` does not ascend.
    """
    place = np.ascontiguousarray(x, np.float64)
    if not bool(np.all(np.diff(place) > 0.0)):
        raise ValueError("segments must ascend along the track")
    columns = np.asarray(height), np.asarray(height_std), np.asarray(photon_count)
    segments = Segments(place, *columns, rules.median, signal_of(photon_rate, quality))
    codes = np.array(label, np.int8)
    water = _water(segments, codes, slice(None))
    leads = find_leads(place, water, rules.minimum_lead_segments, rules.segment_length)
    leads = _judged(segments, codes, leads, rules, slice(0, len(place)))
    evidence = sea_level_evidence(*segments.part(slice(None), water), leads, rules)
    pieces = find_pieces(place, rules.window)
    lines = tuple(surface_line(evidence, begin, end, rules, estimator) for begin, end in pieces)
    return Survey(segments, codes, rules, estimator, leads, evidence, pieces, lines)


def revise(before: Survey, label: npt.ArrayLike) -> Survey:
    """The survey of the same track with other classes (i1, every segment); equal to surveying it anew."""
    codes = np.array(label, np.int8)
    changed = np.flatnonzero(codes != before.label)
    if len(changed) == 0:
        return before
    reach = _reach(before, codes, slice(int(changed[0]), int(changed[-1]) + 1))
    if reach is None:
        return replace(before, label=codes)
    leads, found = _leads_after(before, codes, reach)
    if found is None:
        return replace(before, label=codes)
    evidence = _evidence_after(before, codes, leads, found)
    lines = _lines_after(before, evidence, before.segments.x[reach.start], before.segments.x[reach.stop - 1])
    return replace(before, label=codes, leads=leads, evidence=evidence, lines=lines)


def effect_between(before: Survey, after: Survey) -> Effect:
    """What changes from one survey to another that was revised from it."""
    count = int(np.count_nonzero(before.label != after.label))
    length = before.rules.segment_length
    told = Effect(count, count * length, valid=_has_surface(before) and _has_surface(after))
    if before.evidence is after.evidence:
        return told
    sea, above, lost, won = _shifts(before, after)
    return replace(
        told,
        sea_surface=_shift(sea, length),
        freeboard=_shift(above, length),
        leads_lost=_without_overlap(before.leads, after.leads),
        leads_won=_without_overlap(after.leads, before.leads),
        bare_windows=_bare(before, after),
        metres_lost=lost * length,
        metres_won=won * length,
    )


def effects_of(before: Survey, rows: npt.ArrayLike, labels: Sequence[int] = LABELS) -> dict[int, Effect]:
    """What giving the segments ``rows`` (mask or row numbers) each of ``labels`` would do, by label.

    Sea level asks only whether a segment is open water, so all other classes share one revision.
    """
    dry: Survey | None = None
    effects = {}
    for label in labels:
        codes = before.label.copy()
        codes[np.asarray(rows)] = label
        if label == _WATER:
            effects[label] = effect_between(before, revise(before, codes))
            continue
        dry = revise(before, codes) if dry is None else replace(dry, label=codes)
        effects[label] = effect_between(before, dry)
    return effects


def effect_of(
    x: npt.ArrayLike,
    height: npt.ArrayLike,
    height_std: npt.ArrayLike,
    photon_count: npt.ArrayLike,
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    rules: Rules,
    estimator: str,
    photon_rate: npt.ArrayLike | None = None,
    quality: npt.ArrayLike | None = None,
) -> Effect:
    """What a change of the classes ``before`` to ``after`` (i1) does; other arguments as :func:`survey`.

    Whoever asks more than once keeps the survey and calls :func:`effects_of`.
    """
    known = survey(x, height, height_std, photon_count, before, rules, estimator, photon_rate, quality)
    return effect_between(known, revise(known, after))


def _water(segments: Segments, label: Classes, rows: slice) -> npt.NDArray[np.bool_]:
    return sea_level_mask(label[rows], segments.height[rows])


def _reach(before: Survey, label: Classes, changed: slice) -> slice | None:
    """Rows of the leads, before or after, that hold a segment which becomes or ceases to be sea level."""
    flips = np.flatnonzero(_water(before.segments, before.label, changed) != _water(before.segments, label, changed))
    if len(flips) == 0:
        return None
    joined = FOOTPRINT + before.rules.segment_length
    columns = (before.segments.x, before.segments.height, label, joined)
    first, last = changed.start + int(flips[0]), changed.start + int(flips[-1])
    return slice(_walk(*columns, first, -1), _walk(*columns, last, 1) + 1)


@njit(cache=True)
def _walk(x: Floats, height: Any, label: Classes, joined: float, row: int, step: int) -> int:
    """The outermost row of the open water that reaches from beside ``row`` on in one direction."""
    while 0 <= row + step < len(x):
        beyond = row + step
        if label[beyond] != _WATER or not np.isfinite(height[beyond]) or abs(x[beyond] - x[row]) > joined:
            break
        row = beyond
    return row


def _leads_after(before: Survey, label: Classes, reach: slice) -> tuple[Leads, tuple[float, float] | None]:
    """The leads with those in ``reach`` found anew and those near it judged anew, and the lowest and highest middle
    among those that were found, went or are judged otherwise; None where there are none."""
    rules, old = before.rules, before.leads
    x, water = before.segments.x[reach], _water(before.segments, label, reach)
    found = find_leads(x, water, rules.minimum_lead_segments, rules.segment_length)
    begin, end = np.searchsorted(old.first, [reach.start, reach.stop]).tolist()
    moved = replace(found, first=found.first + reach.start, stop=found.stop + reach.start)
    leads = _joined(old.rows(slice(None, begin)), moved, old.rows(slice(end, None)))
    leads, near = _judged_near(before.segments, label, leads, rules, reach)
    shift = len(moved) - (end - begin)
    # Of those judged anew the ones that are neither found nor gone: where they stand now, and where they stood.
    beside = slice(near.start, max(near.start, begin)), slice(min(begin + len(moved), near.stop), near.stop)
    stood = beside[0], slice(beside[1].start - shift, beside[1].stop - shift)
    differing = [_otherwise(old.rows(was), leads.rows(now)) for was, now in zip(stood, beside, strict=True)]
    middles = np.concatenate([old.middle[begin:end], moved.middle, *differing])
    return leads, (float(middles.min()), float(middles.max())) if len(middles) else None


def _joined(*parts: Leads) -> Leads:
    return Leads(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Leads)))


def _otherwise(was: Leads, now: Leads) -> Floats:
    """Middles of the leads whose judgement differs between two states of the same leads."""
    return now.middle[(was.trusted != now.trusted) | (was.extra != now.extra) | (was.flags != now.flags)]


def _judged_near(segments: Segments, label: Classes, leads: Leads, rules: Rules, reach: slice) -> tuple[Leads, slice]:
    """The leads, those that the rows of ``reach`` may bear on judged; which leads these are."""
    spread = REACH + BLOCK
    low, high = segments.x[reach.start] - spread, segments.x[reach.stop - 1] + spread
    near = slice(*np.searchsorted(leads.middle, [low, np.nextafter(high, np.inf)]).tolist())
    # What these are judged by: leads whose middle is within REACH of theirs, whole, and ice as far around.
    around = slice(*np.searchsorted(leads.middle, [low - spread, high + spread]).tolist())
    far = spread + max(spread, SWELL_REACH)
    first, stop = np.searchsorted(segments.x, [low - far, high + far]).tolist()
    if near.start == near.stop or segments.signal is None:
        return leads, slice(0, 0)
    rows = slice(min(first, int(leads.first[around.start])), max(stop, int(leads.stop[around.stop - 1])))
    judged = _judged(segments, label, leads.rows(around), rules, rows)
    own = judged.rows(slice(near.start - around.start, near.stop - around.start))
    return _joined(leads.rows(slice(None, near.start)), own, leads.rows(slice(near.stop, None))), near


def _judged(segments: Segments, label: Classes, leads: Leads, rules: Rules, rows: slice) -> Leads:
    """Leads of the track judged by what is in ``rows``."""
    if segments.signal is None:
        return leads
    water = _water(segments, label, rows)
    x, height, sigma = segments.part(rows, water)
    signal = segments.signal.rows(rows)
    cloudy = under_cloud(x, water, signal, rules.trust)
    inside = replace(leads, first=leads.first - rows.start, stop=leads.stop - rows.start)
    swell = swell_along(x, height)
    judged = judge_leads(x, height, sigma, inside, cloudy, swell, signal, rules.trust, rules.segment_length)
    return replace(judged, first=leads.first, stop=leads.stop)


def _evidence_after(before: Survey, label: Classes, leads: Leads, middles: tuple[float, float]) -> Evidence:
    """The evidence with the leads between ``middles`` and every window that one of them may be in computed anew."""
    margin = 0.5 * before.rules.window + 1.0
    core = (middles[0] - margin, middles[1] + margin)
    begin, end = np.searchsorted(leads.middle, [core[0] - margin, core[1] + margin])
    near = leads.rows(slice(begin, end))
    ahead, behind = outside(before.evidence, core, before.rules)
    if len(near) == 0:
        return join_evidence([ahead, behind])
    rows = slice(int(near.first[0]), int(near.stop[-1]))
    own = replace(near, first=near.first - rows.start, stop=near.stop - rows.start)
    water = _water(before.segments, label, rows)
    fresh = sea_level_evidence(*before.segments.part(rows, water), own, before.rules, core)
    return join_evidence([ahead, fresh, behind])


def _lines_after(before: Survey, evidence: Evidence, first: float, last: float) -> tuple[Line | None, ...]:
    return tuple(
        line if end < first or begin > last else surface_line(evidence, begin, end, before.rules, before.estimator)
        for line, (begin, end) in zip(before.lines, before.pieces, strict=True)
    )


def _has_surface(found: Survey) -> bool:
    return any(line is not None for line in found.lines)


def _shifts(before: Survey, after: Survey) -> tuple[Floats, Floats, int, int]:
    """Shift (f8 m) of sea surface and of freeboard where they may be NOTICED; segments that lose and win a surface."""
    sea, above, lost, won = [np.empty(0)], [np.empty(0)], 0, 0
    for old, new, (begin, end) in zip(before.lines, after.lines, before.pieces, strict=True):
        if old is new:
            continue
        low, high = (begin, end) if old is None or new is None else _moved_between(old, new, begin, end)
        rows = slice(*np.searchsorted(before.segments.x, [low, np.nextafter(high, np.inf)]).tolist())
        if old is not None and new is not None:
            x, height, sigma = before.segments.part(rows, _water(before.segments, after.label, rows))
            was, now = read_line(x, old), read_line(x, new)
            sea.append(now.astype(np.float64) - was)
            above.append(_above(height, sigma, now) - _above(height, sigma, was))
        lost += (rows.stop - rows.start) * (new is None)
        won += (rows.stop - rows.start) * (old is None)
    return np.concatenate(sea), np.concatenate(above), lost, won


def _above(height: Floats, sigma: Floats, surface: npt.NDArray[np.float32]) -> Floats:
    """Freeboard as a track's table holds it (single precision), m."""
    return freeboard(height, sigma, surface, np.zeros(len(height), np.float32))[0].astype(np.float64)


def _moved_between(old: Line, new: Line, begin: float, end: float) -> tuple[float, float]:
    """From and to, m, within a piece beyond which two lines are not apart by _SAFE; from above to where they are not.

    Between the places of both lines together their difference is linear, so no segment between two places differs by
    more than at these.
    """
    moved = np.concatenate([_apart(old, new), _apart(new, old)])
    if len(moved) == 0:
        return end, begin
    low, high = moved.min(), moved.max()
    below = np.concatenate([place[: np.searchsorted(place, low, "left")][-1:] for place in (old.place, new.place)])
    beyond = np.concatenate([place[np.searchsorted(place, high, "right") :][:1] for place in (old.place, new.place)])
    return float(np.max(below, initial=begin)), float(np.min(beyond, initial=end))


def _apart(line: Line, other: Line) -> Floats:
    """Places of one line where another is apart from it by more than _SAFE."""
    return line.place[np.abs(line.height[0] - np.interp(line.place, other.place, other.height[0])) > _SAFE]


def _shift(apart: Floats, length: float) -> Shift:
    moved = apart[np.abs(apart) > NOTICED]
    if len(moved) == 0:
        return Shift()
    return Shift(float(moved.mean()), float(moved[np.argmax(np.abs(moved))]), len(moved) * length)


def _without_overlap(these: Leads, others: Leads) -> int:
    """How many of these leads hold no segment of the others; the sections of a long lead are one."""
    first, stop = these.first[~these.open_left], these.stop[~these.open_right]
    ended = np.searchsorted(others.stop, first, "right")
    begun = np.searchsorted(others.first, stop, "left")
    return int(np.count_nonzero(begun <= ended))


def _bare(before: Survey, after: Survey) -> tuple[tuple[float, float], ...]:
    rules = before.rules
    gone = np.setdiff1d(before.evidence.windows.index, after.evidence.windows.index)
    half = 0.5 * rules.window
    return tuple((float(k * rules.stride - half), float(k * rules.stride + half)) for k in gone)

"""What the panel tells about the selection, as plain values: why it is there, its labels, its history, its effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard import palette, words
from processing.schema import AutoFlag, SurfaceClass

if TYPE_CHECKING:
    from dashboard.place import Place
    from dashboard.selection import Selection
    from processing.core.effect import Effect, Shift
    from processing.labels import Event

FLAGS = {
    "cloud": AutoFlag.CLOUD,
    "shadow": AutoFlag.SHADOW,
    "transition": AutoFlag.TRANSITION,
    "drift": AutoFlag.DRIFT_UNSURE,
    "saturated": AutoFlag.SATURATED,
}
HISTORY = 60
"""Events of a stretch that are told; older ones are counted."""

CANDIDATES = (0, 1, 2, -1)


def zone_facts(place: Place) -> dict[str, Any]:
    """What is selected: title, why it is in the queue, place, length and the labels it has now."""
    selection, state = place.state.selection, place.state
    entry = place.desk.zone()
    if entry is not None and selection is not None and _ends(selection) != (entry.zone.first, entry.zone.stop):
        entry = None
    if selection is None:
        return {"title": "Nothing selected", "zone": False}
    track = place.workspace.track(selection.granule, selection.beam)
    rows = selection.rows(track.segment)
    start, end = selection.bounds(track.window)
    here = selection.granule == state.granule
    labels = place.desk.labels(selection.beam).label[rows] if here else np.zeros(0, np.int8)
    return {
        "title": "Zone" if entry is not None else "Selection",
        "zone": entry is not None,
        "done": entry is not None and entry.done,
        "why": _shares(place, selection, rows, entry.zone.reasons if entry is not None else ()),
        "where": f"{selection.beam} · {(start - place.origin) / 1000:,.3f} to {(end - place.origin) / 1000:,.3f} km",
        "position": _position(track, rows),
        "length": words.metres(selection.metres(track.window)),
        "segments": f"{len(rows):,} segment{'s' if len(rows) != 1 else ''}",
        "parts": int((np.diff(rows) > 1).sum()) + 1,
        "labels": [[code, float(np.mean(labels == code))] for code in palette.CLASS_CODES if (labels == code).any()],
    }


def _ends(selection: Selection) -> tuple[int, int]:
    """The first segment of a selection and the one after its last."""
    return selection.runs[0][0], selection.runs[-1][1]


def _position(track: Any, rows: NDArray[np.int64]) -> str:
    if len(rows) == 0:
        return ""
    row = rows[len(rows) // 2]
    return ", ".join(words.position(float(track.lat[row]), float(track.lon[row])))


def _shares(
    place: Place, selection: Selection, rows: NDArray[np.int64], reasons: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Each reason with how much of the selection it concerns; without given reasons, those that are found."""
    if len(rows) == 0:
        return [{"why": reason, "share": None} for reason in reasons]
    found = dict(_found(place, selection, rows))
    if not reasons:
        some = ((share, why) for why, share in found.items() if share >= 0.005 and why != "entropy")
        return [{"why": why, "share": share} for share, why in sorted(some, reverse=True)]
    return [{"why": reason, "share": found.get(reason)} for reason in reasons]


def _found(place: Place, selection: Selection, rows: NDArray[np.int64]) -> Iterator[tuple[str, float]]:
    workspace, track = place.workspace, (selection.granule, selection.beam)
    facts = workspace.label_facts(*track)
    if facts:
        flags = facts["auto_flags"][rows]
        for name, flag in FLAGS.items():
            yield name, float(np.mean((flags & flag) != 0))
    auto = workspace.current.auto(*track)[rows]
    yield "unlabelled", float(np.mean(auto == SurfaceClass.UNLABELLED))
    run = workspace.prediction(*track)
    if run:
        model = workspace.model_facts(*track, run)
        predicted, entropy = model["predicted"][rows], model["entropy"][rows]
        yield "disagreement", float(np.mean((predicted != auto) & (predicted >= 0) & (auto >= 0)))
        yield "entropy", float(np.nanmean(entropy)) if np.isfinite(entropy).any() else 0.0


def effect_rows(effects: dict[int, Effect]) -> list[dict[str, Any]]:
    """For each class that may be given: what it changes, in centimetres and over how much of the track."""
    return [_effect(label, effects[label]) for label in CANDIDATES if label in effects]


def _effect(label: int, effect: Effect) -> dict[str, Any]:
    return {
        "label": label,
        "segments": effect.segments,
        "surface": _shift(effect.sea_surface) if effect.valid else None,
        "freeboard": _shift(effect.freeboard) if effect.valid else None,
        "leads": [effect.leads_lost, effect.leads_won],
        "bare": len(effect.bare_windows),
        "lost": words.metres(effect.metres_lost) if effect.metres_lost else "",
    }


def _shift(shift: Shift) -> dict[str, str]:
    if not shift.metres:
        return {"by": "0", "over": "", "most": ""}
    return {
        "by": _centimetres(shift.mean),
        "over": words.metres(shift.metres),
        "most": f"mean {_centimetres(shift.mean)}, at most {_centimetres(shift.largest)}",
    }


def _centimetres(metres: float) -> str:
    return f"{100 * metres:+.1f} cm".replace("-", "−")


def history_rows(history: list[tuple[Event, bool]]) -> dict[str, Any]:
    """Events newest first: who, when, what and whether each still holds; the runs of one gesture are one row."""
    told = list({_told_as(event, holds): (event, holds) for event, holds in history}.values())
    rows = [
        {
            "who": event.analyst,
            "when": event.at.strftime("%d %b %H:%M").lstrip("0"),
            "full": event.at.isoformat(sep=" ", timespec="seconds"),
            "label": event.label,
            "reason": event.reason,
            "holds": holds,
        }
        for event, holds in told[:HISTORY]
    ]
    return {"rows": rows, "more": max(len(told) - HISTORY, 0)}


def _told_as(event: Event, holds: bool) -> tuple[object, ...]:
    return event.gesture or event.id, event.label, event.reason, holds


def drift_facts(place: Place) -> dict[str, Any] | None:
    """The drift of the present beam; None before there are auto-labels."""
    state = place.state
    found = place.drift(state.beam)
    if found is None:
        return None
    tried = state.drifting and state.shift is not None
    x, y = state.shift if tried and state.shift is not None else (found.x, found.y)
    return {
        "text": f"{x:+.0f}, {y:+.0f} m".replace("-", "−"),
        "tried": tried and (round(x), round(y)) != (round(found.x), round(found.y)),
        "confidence": f"{found.confidence:.2f}" if np.isfinite(found.confidence) else "–",
        "minutes": words.minutes_apart(found.minutes).replace("-", "−"),
        "manual": _manual(place),
        "drifting": state.drifting,
    }


def _manual(place: Place) -> str:
    """Who set the drift by hand; empty where it is the estimate."""
    pair = place.pair
    event = place.workspace.book.shifts().get((place.state.granule, pair.scene)) if pair else None
    return event.analyst if event is not None else ""

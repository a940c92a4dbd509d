"""The drift of the ice set by hand: tried out over the scene, recorded as an event, and the granule labelled for it.

It has no display. The shift that is tried out is ``State.shift``; None stands for the one that is applied.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from dashboard import overlays
from dashboard.detail import rows_in
from dashboard.relabel import DONE, FAILED, Run
from dashboard.state import Change, Later
from processing.errors import InputError, LeadlineError
from processing.labels import Event
from processing.local.drift import drift_path

if TYPE_CHECKING:
    from dashboard.place import Place

log = logging.getLogger(__name__)

LONGEST = 20_000.0
"""Longest stretch that is previewed, m."""

FARTHEST = 10_000.0
"""Largest shift along each axis, m."""

Shift = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What the estimate rests on.

    Attributes
    ----------
    correlation : (m, m) f4 of brightness with the track at every shift; row 0 is the largest motion along +y.
    shift_x, shift_y : (m,) f4 m, the motion that each column and each row of it stands for.
    estimate : m. sigma : m, standard uncertainty of it. confidence : 0 to 1. applied : whether it was sure enough.
    minutes : scene time minus track time.
    """

    correlation: NDArray[np.float32]
    shift_x: NDArray[np.float32]
    shift_y: NDArray[np.float32]
    estimate: Shift
    sigma: Shift
    confidence: float
    applied: bool
    minutes: float


@dataclass(frozen=True)
class _Stretch:
    """Segments of a beam on a scene, at track time, m in the scene's CRS."""

    key: tuple[object, ...]
    x: Floats
    y: Floats


class Drifting:
    """Setting the drift by hand at a ``Place``.

    Attributes
    ----------
    later : runs a call on the page's own thread, soon; the page sets it.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.state = place.state
        self.later: Later = lambda call: call()
        self._stretch: _Stretch | None = None
        self._warming: tuple[object, Future[None]] | None = None
        self.state.listen(self._let_go)

    def _let_go(self, change: Change) -> None:
        """A shift that is tried out is of one granule in one scene; elsewhere it must not be applied."""
        if self.state.shift is not None and change.touches("granule", "scene") and not change.touches("shift"):
            self.leave()

    @property
    def pair(self) -> tuple[str, str]:
        """Granule and scene whose drift is set; raises InputError where there is no scene."""
        pair = self.place.pair
        if pair is None:
            raise InputError("there is no scene under this granule", mend="choose another granule")
        return self.state.granule, pair.scene

    @property
    def present(self) -> Shift:
        """The shift in force: set by hand, else the one that the labels were carried over with."""
        pair = self.place.pair
        event = self.place.workspace.book.shifts().get((self.state.granule, pair.scene)) if pair else None
        if event is not None and event.shift_x is not None and event.shift_y is not None:
            return event.shift_x, event.shift_y
        drift = self.place.drift(self.state.beam)
        return (drift.x, drift.y) if drift is not None else (0.0, 0.0)

    @property
    def shift(self) -> Shift:
        """The shift that is tried out, else the one in force."""
        return self.present if self.state.shift is None else (self.state.shift[0], self.state.shift[1])

    @property
    def by_hand(self) -> Event | None:
        """The event that set the shift in force; None where it is the estimate."""
        pair = self.place.pair
        return self.place.workspace.book.shifts().get((self.state.granule, pair.scene)) if pair else None

    @property
    def evidence(self) -> Evidence | None:
        """What the estimate rests on; None where nothing was estimated."""
        pair, workspace = self.place.pair, self.place.workspace
        if pair is None:
            return None
        path = drift_path(workspace.project, self.state.granule, pair.scene)
        facts = path.with_suffix(".json")  # written last
        if not facts.exists():
            return None
        found: Evidence = workspace.kept("drift", facts, lambda: _read(path))
        return found

    def begin(self) -> None:
        """Begin to set the drift, from the one in force."""
        self.state.move(drifting=True, shift=self.present)

    def leave(self) -> None:
        """Leave the drift as it is."""
        self.state.move(drifting=False, shift=None)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the shift that is tried out, m along the scene's axes."""
        x, y = self.shift
        self.set(x + dx, y + dy)

    def set(self, x: float, y: float, origin: str = "") -> None:
        """Try out a shift, m."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        x, y = (min(max(float(value), -FARTHEST), FARTHEST) for value in (x, y))
        self.state.move(origin=origin, drifting=True, shift=(x, y))

    def preview(self, beam: str, x0: float, x1: float) -> NDArray[np.int8] | None:
        """What the auto-labels of a stretch would be with the shift that is tried out.

        Returns
        -------
        i1 class codes row for row with the beam's segments in [x0, x1], -1 where the scene shows nothing; None for a
        stretch longer than ``LONGEST``, where the scene has no mask, and until the mask is worked out, which then grows
        ``State.edits``. Labels are worked out with the figures of the present labels; those of the new corridor may
        differ from them by a hair.
        """
        pair, workspace = self.place.pair, self.place.workspace
        if pair is None or x1 - x0 > LONGEST or not workspace.has_track(self.state.granule, beam):
            return None
        codes = workspace.painter.codes
        rows, cols = self._pixels(beam, x0, x1)
        try:
            found = codes.at(self.state.granule, pair.scene, 1, rows, cols, now=True)
        except LeadlineError:
            return None
        if found is None:
            self._warm(self.state.granule, pair.scene, rows, cols)
            return None
        return overlays.classes_of(found)

    @property
    def previewing(self) -> bool:
        """Whether the mask that a preview waits for is being worked out."""
        return self._warming is not None and not self._warming[1].done()

    def apply(self, gesture: str = "") -> list[Event]:
        """Record the shift that is tried out and label the granule for it in the background; see ``Desk.apply_shift``.

        The event is on disk when this returns.
        """
        return self.place.desk.apply_shift(gesture or uuid4().hex)

    def revert(self, gesture: str = "") -> list[Event]:
        """Go back to the estimate, as an event too."""
        return self.place.desk.apply_shift(gesture or uuid4().hex, estimate=True)

    @property
    def run(self) -> Run | None:
        """How far labelling the present granule anew has come; None when that was not asked for."""
        return self.place.workspace.relabeller.of(self.state.granule)

    def relabel(self, granules: Collection[str]) -> None:
        """Label granules anew in the background; the page shows the labels when they are there."""
        for granule in sorted(granules):
            run, shift = self.place.workspace.relabeller.start(granule), self.state.shift
            run.listen(lambda run=run, shift=shift: self._heard(run, shift))  # type: ignore[misc]

    def _heard(self, run: Run, shift: Shift | None) -> None:
        """On the run's own thread: take the end of it over on the page's."""
        if run.over:
            self.later(lambda: self._finished(run, shift))

    def _finished(self, run: Run, shift: Shift | None) -> None:
        if run.state == FAILED:
            self.place.tell(f"the labels could not be made anew: {run.text}", "error")
        if run.state != DONE:
            return
        self.place.forget_drifts()
        values: dict[str, Any] = {"edits": self.state.edits + 1}
        if self.state.granule == run.granule and self.state.drifting and self.state.shift == shift:
            values |= {"drifting": False, "shift": None}
        self.state.move(**values)

    def _pixels(self, beam: str, x0: float, x1: float) -> tuple[Floats, Floats]:
        """Rows and columns of the scene that a beam's segments of a stretch lie at with the shift that is tried out."""
        scene, track = self.place.scene, self.place.workspace.track(self.state.granule, beam)
        assert scene is not None
        rows = rows_in(track.x_atc, x0, x1)
        key = (self.pair, beam, rows.start, rows.stop, self.place.workspace.labels_version(self.state.granule, beam)[0])
        if self._stretch is None or self._stretch.key != key:
            self._stretch = _Stretch(key, *scene.project(track.lon[rows], track.lat[rows]))
        x, y = self.shift
        return scene.index(self._stretch.x + x, self._stretch.y + y)

    def _warm(self, granule: str, scene: str, rows: Floats, cols: Floats) -> None:
        """Have the mask along some pixels worked out; only one stretch at a time, and none twice in vain."""
        codes = self.place.workspace.painter.codes
        key = (granule, scene, codes.version(granule, scene), codes_around(rows, cols))
        if self._warming is not None and (not self._warming[1].done() or self._warming[0] == key):
            return

        def work() -> None:
            try:
                codes.at(granule, scene, 1, rows, cols, now=False)
            except (LeadlineError, OSError) as error:
                log.warning("previewing labels of %s: %s", granule, error)
                return
            self.later(lambda: self.state.move(edits=self.state.edits + 1))

        self._warming = (key, codes.previews.submit(work))


def codes_around(rows: Floats, cols: Floats) -> frozenset[tuple[int, int]]:
    """Chunks of the mask that pixels lie in."""
    pairs = np.unique(np.stack([rows // overlays.EDGE, cols // overlays.EDGE]), axis=1).T
    return frozenset((int(row), int(col)) for row, col in pairs)


def _read(path: Path) -> Evidence:
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with np.load(path) as kept:
        surface, axis_x, axis_y = (kept[name] for name in ("correlation", "shift_x", "shift_y"))

    def number(name: str) -> float:
        value = facts.get(name)
        return math.nan if value is None else float(value)

    return Evidence(
        surface,
        axis_x,
        axis_y,
        (number("estimate_x"), number("estimate_y")),
        (number("sigma_x"), number("sigma_y")),
        number("confidence"),
        bool(facts.get("applied")),
        number("time_offset") / 60.0,
    )

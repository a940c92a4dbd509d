"""What a correction would do to sea surface and freeboard, for the tracks that are being worked on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from processing.core.effect import Effect, Survey, effects_of, revise, survey
from processing.core.freeboard import rules_of
from processing.core.sea_surface import Rules
from processing.stages import Freeboard

if TYPE_CHECKING:
    from dashboard.current import View
    from dashboard.data import Workspace
    from dashboard.selection import Selection

KEPT = 6
"""Tracks whose survey is kept."""


class Effects:
    """Surveys of the tracks asked for last, revised as labels change. Shared by every session of a server.

    Classes are those of the labels, whatever model the project's freeboard runs use; estimator, windows and height are
    the freeboard stage's in this project.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = Lock()
        self._kept: OrderedDict[Any, Survey] = OrderedDict()

    def of(self, view: View, selection: Selection, labels: Sequence[int]) -> dict[int, Effect]:
        """What giving the selection each of ``labels`` would do, by label."""
        rows = selection.rows(self.workspace.track(view.granule, view.beam).segment)
        with self._lock:
            return effects_of(self._survey(view), rows, labels)

    def _survey(self, view: View) -> Survey:
        stage = self.workspace.project.stage(Freeboard)
        key = (view, self.workspace.labels_version(view.granule, view.beam), tuple(stage.values_dict().items()))
        label = self.workspace.current.get(view).label
        found = self._kept.pop(key, None)
        found = self._look(view, stage) if found is None else revise(found, label)
        self._kept[key] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def _look(self, view: View, stage: Freeboard) -> Survey:
        track = self.workspace.track(view.granule, view.beam)
        columns = self.workspace.sea_inputs(view.granule, view.beam, str(stage.height))
        return survey(
            track.x_atc,
            columns["height"],
            columns["height_std"],
            columns["photon_count"],
            self.workspace.current.get(view).label,
            rules_of(stage, track.window),
            str(stage.estimator),
            columns["photon_rate"],
            columns["quality"],
        )


def warm() -> None:
    """Have everything compiled that the effects of an edit need."""
    x = 1.0 + 2.0 * np.arange(2_000)
    label = np.where(np.arange(len(x)) % 400 < 20, 2, 0).astype(np.int8)
    height, spread, count = (
        np.zeros(len(x), np.float32),
        np.full(len(x), 0.02, np.float32),
        np.full(len(x), 9, np.int32),
    )
    rate, quality = np.full(len(x), 3, np.float32), np.zeros(len(x), np.uint32)
    before = survey(x, height, spread, count, label, Rules(1_000.0, 500.0, 1, 2.0), "robust", rate, quality)
    effects_of(before, np.arange(30))

"""The panel beside the pictures: why a stretch is looked at, giving it a label, and what that does."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import param
from panel.custom import JSComponent

from dashboard import palette, zone_facts
from dashboard.controls import STATIC, colours_sheet, sheet
from dashboard.keys import LABEL_KEYS, REASON_KEYS
from dashboard.state import Change, Later
from dashboard.views.snapshot_panel import SnapshotPanel

if TYPE_CHECKING:
    from dashboard.place import Place

log = logging.getLogger(__name__)


class ZonePanel(JSComponent):
    """Tells about the selection and offers what can be done. Each part is sent when it changed, as JSON."""

    fixed = param.String("{}", doc="keys of labels and reasons")
    zone = param.String("{}", doc="what is selected")
    mode = param.String("{}", doc="reason, opinion and analyst")
    effects = param.String("{}", doc="what each class would do")
    drift = param.String("null", doc="the drift of the beam")
    history = param.String("{}", doc="events of the stretch")
    snapshot = param.String("{}", doc="the snapshot dialogue")

    _esm = STATIC / "zone_panel.js"

    def __init__(self, place: Place, later: Later, **params: Any) -> None:
        sheets = [colours_sheet(), *(sheet(name) for name in ("panel.css", "zone_panel.css", "snapshot.css"))]
        super().__init__(**params, fixed=json.dumps(_fixed()), margin=0, stylesheets=sheets)
        self.place = place
        self.later = later
        self._asked = 0
        self._snapshots = SnapshotPanel(place, later, self._show_snapshot)

    def update(self, change: Change) -> None:
        """Follow the state."""
        place, state = self.place, self.place.state
        values: dict[str, Any] = {
            "mode": {"reason": state.reason, "opinion": state.opinion, "analyst": state.analyst},
            "drift": zone_facts.drift_facts(place),
        }
        if change.touches("selection", "zone", "edits", "zones", "granule", "beam", "opinion", "analyst"):
            chosen = state.selection is not None
            values["zone"] = zone_facts.zone_facts(place)
            values["history"] = zone_facts.history_rows(place.desk.history()) if chosen else {}
            self._ask_effects()
        self.param.update(**{name: json.dumps(value) for name, value in values.items()})

    def _ask_effects(self) -> None:
        """Work the effects out beside the page, and say so; what is no longer asked for is not shown."""
        self._asked += 1
        asked = self._asked
        if self.place.state.selection is None:
            self.effects = "{}"
            return
        self.effects = '{"waiting": true}'
        self.place.workspace.workers.submit(self._find_effects, asked)

    def _find_effects(self, asked: int) -> None:
        if asked != self._asked:
            return
        try:
            told: dict[str, Any] = {"rows": zone_facts.effect_rows(self.place.desk.effects())}
        except Exception as error:
            log.exception("the effect of an edit cannot be worked out")
            told = {"trouble": f"{type(error).__name__}: {error}"}
        self.later(lambda: self._show_effects(asked, told))

    def _show_effects(self, asked: int, told: dict[str, Any]) -> None:
        if asked == self._asked:
            self.effects = json.dumps(told)

    def _show_snapshot(self, told: dict[str, Any]) -> None:
        self.snapshot = json.dumps(told)

    def _handle_msg(self, data: dict[str, Any]) -> None:
        with self.place.guard("using the panel"):
            if data["type"] == "set":
                self.place.state.move(**{str(name): value for name, value in data["values"].items()})
            else:
                self._snapshots.answer(data)


def _fixed() -> dict[str, Any]:
    labels = [{"key": key, "label": code, "name": palette.class_name(code)} for key, code in LABEL_KEYS.items()]
    reasons = [{"key": key.upper(), "reason": reason} for key, reason in REASON_KEYS.items()]
    names = {str(code): palette.class_name(code) for code in palette.CLASS_CODES}
    return {"labels": labels, "reasons": reasons, "names": names}

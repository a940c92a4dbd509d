"""The panel that sets the drift: what it shows and what a click does. Labelling anew is tested elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import small_project
from small_project import GRANULE, SCENE, START

from dashboard.data import Workspace
from dashboard.place import Place
from dashboard.relabel import DONE, FAILED, Run
from dashboard.state import Change, State
from dashboard.views.drift_panel import DriftPanel, facts_html, run_html
from processing.labels import LabelStore
from processing.local.drift import Drift, drift_path, keep
from processing.progress import Step

ALL = Change(frozenset(State.parts()))


class _Messages:
    def tell(self, text: str, level: str = "info") -> None:
        raise AssertionError(level, text)

    @contextmanager
    def guard(self, _: str) -> Iterator[None]:
        yield


@pytest.fixture
def panel(tmp_path_factory: pytest.TempPathFactory) -> DriftPanel:
    """The panel over a project with a surface that has its peak at (100, -50) m."""
    project = small_project.make(tmp_path_factory.mktemp("panel") / "own")
    axis = np.arange(-200.0, 201.0, 50.0, dtype=np.float32)
    surface = np.zeros((9, 9), np.float32)
    surface[5, 6] = 0.9
    facts = {"estimate_x": 100.0, "estimate_y": -50.0, "sigma_x": 4.0, "sigma_y": 6.0, "confidence": 0.93}
    drift = Drift(100.0, -50.0, 0.93, False, surface, axis, -axis, facts | {"applied": True})
    keep(drift_path(project, GRANULE, SCENE), drift, {"time_offset": 719.0})
    state = State(granule=GRANULE, beam="gt1l", x=START + 1000.0, span=800.0, analyst="ana")
    place = Place(Workspace(project.root), state, _Messages())
    place.refresh(place.look())
    return DriftPanel(place, "light", lambda call: call())


def test_the_peak_lies_under_the_ring_and_the_cross_at_the_shift(panel: DriftPanel) -> None:
    panel.place.drifting.begin()
    panel.update(ALL)
    data = {name: values[0] for name, values in panel._surface.data.items()}
    row, col = np.unravel_index(np.argmax(data["image"]), (9, 9))
    pixel = data["dw"] / 9
    peak = data["x"] + (col + 0.5) * pixel, data["y"] + (row + 0.5) * pixel
    assert peak == (100.0, -50.0)
    assert dict(panel._ring.data) == {"x": [100.0], "y": [-50.0]}
    assert dict(panel._cross.data) == {"x": [60.0], "y": [-40.0]}
    assert (panel._x.start, panel._x.end) == (-200.0, 200.0)
    text = facts_html(panel.place, panel.place.drifting.evidence)
    assert "+60, −40 m" in text
    assert "+100, −50 m" in text
    assert "0.93" in text


def test_a_click_sets_the_shift_and_is_answered_when_it_is_drawn(panel: DriftPanel) -> None:
    panel.place.drifting.begin()
    panel.update(ALL)
    panel._wire.data = {"x": [-240.4], "y": [31.6]}
    assert panel.place.state.shift == (-240.0, 32.0)
    assert panel._answer.data == {"n": [0]}
    panel.update(Change(frozenset({"shift"})))
    assert panel._answer.data == {"n": [1]}
    assert dict(panel._cross.data) == {"x": [-240.0], "y": [32.0]}
    assert panel._x.end == pytest.approx(276.0)


def test_who_set_the_drift_is_told_and_the_estimate_is_offered(panel: DriftPanel) -> None:
    panel.update(ALL)
    assert panel._back.disabled
    with LabelStore(panel.place.workspace.project.database_url) as store:
        store.shift(GRANULE, SCENE, 10.0, 20.0, "ben <b>")
    panel.place.workspace.book.refresh()
    panel.update(ALL)
    assert not panel._back.disabled
    text = facts_html(panel.place, panel.place.drifting.evidence)
    assert "ben &lt;b&gt;" in text
    assert "+10, +20 m" in text


def test_a_run_is_told_until_it_is_over() -> None:
    run = Run(GRANULE)
    assert "waits" in run_html(run)
    run.step(Step("autolabel", 25.0, 100.0, "segments", 9.0, "labels from S"))
    assert "25 %" in run_html(run)
    assert "labels from S" in run_html(run)
    run.end(FAILED, "no <scene>")
    assert run_html(run) == "<div class='warn'>no &lt;scene&gt;</div>"
    done = Run(GRANULE)
    done.end(DONE, "labels made anew")
    assert "labels made anew" in run_html(done)
    assert run_html(None) == ""

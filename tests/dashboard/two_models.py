"""A second model's tables for the small project, and records for both: what comparing models is tested on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from small_project import BEAMS, GRANULE, START

from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT
from processing.stages import Freeboard, Train

FIRST, SECOND = "lstm-v0001", "context-v0001"
STRETCH = (START + 1000.0, START + 1060.0)
"""Where the second model calls everything open water, m."""


def add(root: Path, elsewhere: bool = True) -> None:
    """Write records of both models, the second the newest, and the second's predictions and freeboard.

    ``elsewhere`` says that both learned from another granule, so that this one is new to them.
    """
    project = Project(root)
    learned = "ATL03_20191101000000_00010512_006_01" if elsewhere else GRANULE
    record(root, FIRST, "lstm", {"epochs": 20}, made="2026-01-06T10:00:00+00:00", granule=learned)
    record(root, SECOND, "context", {"epochs": 3}, made="2026-01-07T10:00:00+00:00", granule=learned)
    project.make_newest("models", FIRST)
    for beam in BEAMS:
        _tables(project, beam)


def record(root: Path, run: str, design: str, parameters: Mapping[str, Any], made: str, granule: str) -> None:
    """A model without weights: what a page reads of it."""
    folder = root / "models" / run
    folder.mkdir(parents=True)
    scores = {"windows": 100, "accuracy": 0.9, "macro_f1": 0.8, "confusion": [[80, 4, 0], [4, 6, 1], [0, 1, 4]]}
    told = {
        "model": design,
        "made": made,
        "parameters": Train().values_dict() | {"model": design, "snapshot": "v0001"} | parameters,
        "plan": {"batch": 2048, "falls": design == "context", "focal": design == "lstm", "features": ["height_std"]},
        "weights": 1000,
        "fingerprint": f"fingerprint of {run}",
        "snapshot": "v0001",
        "synthetic": True,
        "split": {"how": "by granule", "held_out": [], "granules": [granule]},
        "metrics": {"labels": scores, "every_label": scores, "truth": None},
    }
    (folder / "model.json").write_text(json.dumps(told), encoding="utf-8")
    lines = [
        {"epoch": n, "loss": 1.0 / (n + 1), "watched": {"accuracy": 0.8 + n / 100, "macro_f1": None}} for n in range(3)
    ]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\nbroken\n", encoding="utf-8")


def _tables(project: Project, beam: str) -> None:
    key = ("granule_id", "beam", "segment")
    x = tables.read(project.table_path("segments", GRANULE, beam), SEGMENT, ("x_atc",))["x_atc"].to_numpy()
    path = project.table_path("predictions", GRANULE, beam, FIRST)
    found = tables.read(path, PREDICTION).to_pydict()
    there = (x >= STRETCH[0]) & (x < STRETCH[1])
    label = np.where(there, 2, np.array(found["predicted"]))
    chances = np.full((3, len(x)), 0.02)
    chances[label, np.arange(len(x))] = 0.96
    guess = dict(zip(("p_thick", "p_thin", "p_water"), chances, strict=True))
    columns = {name: found[name] for name in key} | guess | {"predicted": label, "model_id": SECOND}
    stamp = tables.read_stamp(path)
    assert stamp is not None
    made = Stamp("classify", {"run_name": SECOND}, stamp.inputs | {"model": f"fingerprint of {SECOND}"})
    tables.write(project.table_path("predictions", GRANULE, beam, SECOND), PREDICTION, PREDICTION.build(columns), made)
    level = tables.read(project.table_path("freeboard", GRANULE, beam, FIRST), FREEBOARD).to_pydict()
    level["freeboard"] = np.array(level["freeboard"]) + 0.05
    level["lead_id"] = np.where(there, 99, level["lead_id"])
    follows = Stamp(
        "freeboard",
        Freeboard().values_dict() | {"run_name": SECOND},
        {"segments": stamp.inputs["segments"], "predictions": made.fingerprint},
    )
    tables.write(project.table_path("freeboard", GRANULE, beam, SECOND), FREEBOARD, FREEBOARD.build(level), follows)

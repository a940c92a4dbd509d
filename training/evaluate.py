"""``leadline evaluate``: a study, and its tables, figures and report in ``PROJECT/evaluations/SNAPSHOT``."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processing.io.atomic import aside_folder
from processing.places import is_remote
from processing.project import Project
from processing.stages import Evaluate
from training.ablation import LABELS
from training.charts import draw_all
from training.report import markdown
from training.study import Studied, study
from training.summary import Row

FOLDER = "evaluations"
RESULTS = "results.json"
REPORT = "report.md"


def evaluate(project: Project, stage: Evaluate) -> tuple[Path, list[Row]]:
    """Study the models that ``stage`` asks for; returns the folder with the report, and its rows.

    The folder is replaced whole; single outcomes are kept and not made again. Raises as :func:`training.study.study`.
    """
    found = study(project, stage)
    folder = project.root / FOLDER / found.snapshot
    about = (
        f"{project.name}{' (synthetic)' if project.synthetic else ''}, snapshot {found.snapshot}, {stage.seeds} seeds"
    )
    with aside_folder(folder) as aside:
        figures = draw_all(aside / "figures", found.rows, about)
        names = [str(file.relative_to(aside)) for file in figures if file.suffix == ".png"]
        told = json.dumps(results(project, stage, found), indent=1)
        (aside / RESULTS).write_text(told + "\n", encoding="utf-8")
        report = markdown(found.rows, about, project.synthetic, names)
        (aside / REPORT).write_text(report, encoding="utf-8")
    if not is_remote(project.root):
        shutil.rmtree(project.root / LABELS, ignore_errors=True)
    return folder, found.rows


def results(project: Project, stage: Evaluate, found: Studied) -> dict[str, Any]:
    """All that was found, for programs."""
    return {
        "project": project.name,
        "synthetic": project.synthetic,
        "snapshot": found.snapshot,
        "fingerprint": found.fingerprint,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": stage.values_dict(),
        "rows": [row.to_json() for row in found.rows],
        "outcomes": [asdict(outcome) for outcome in found.outcomes],
    }

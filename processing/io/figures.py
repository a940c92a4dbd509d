"""The few whole-corridor figures that a scene's auto-labels rest on, kept so that any window can be labelled alike."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from processing.core.cloud import Thresholds
from processing.core.colour import FilterStatistics
from processing.core.tiles import Window
from processing.errors import MissingError, StaleError
from processing.io.atomic import aside
from processing.io.scene_labels import Figures, Shade
from processing.places import readable
from processing.project import Project
from processing.stages import Autolabel

VERSION = 1


def figures_path(project: Project, granule: str, scene: str) -> Path:
    """Where the figures of a granule's labels from a scene lie."""
    return project.root / "autolabels" / "figures" / f"granule={granule}" / f"scene={scene}.npz"


def keep_figures(path: Path, figures: Figures | None, stage: Autolabel) -> None:
    """Write the figures and the parameters they were found with, whole or not at all.

    ``figures`` is None where the scene gave the granule no label.
    """
    content = {"version": np.array(VERSION), "stage": np.array(json.dumps(stage.values_dict()))}
    if figures is not None:
        limits, shade = figures.limits, figures.shade
        content |= {
            "threshold": np.array(figures.filter.threshold),
            "levels": figures.filter.levels,
            "limits": np.array([limits.ndsi, limits.cirrus, limits.reference]),
            "shade_window": np.array([shade.window.row, shade.window.col, shade.window.height, shade.window.width]),
            "shade_zone": shade.zone,
        }
    with aside(path) as temporary:
        np.savez_compressed(temporary, **content)  # type: ignore[arg-type]


def read_figures(path: Path, command: str) -> tuple[Figures, Autolabel]:
    """The figures of a granule's labels from a scene, and the parameters they were found with.

    Raises MissingError when the labels were made before figures were kept or the scene gave the granule none,
    StaleError when another version wrote them; ``command`` is what mends that.
    """
    try:
        with readable(path) as source, np.load(source) as content:
            kept = {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise MissingError(
            "the label mask is not there: the auto-labels are of an earlier version or not made yet",
            where=path.stem.removeprefix("scene="),
            mend=f"run: {command}",
        ) from None
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise StaleError(f"figures cannot be read ({error})", where=path, mend=f"run: {command}") from None
    if int(kept.get("version", 0)) != VERSION:
        raise StaleError("figures are of another version", where=path, mend=f"run: {command}")
    if "levels" not in kept:
        scene = path.stem.removeprefix("scene=")
        raise MissingError(f"scene {scene} gave this granule no label", mend="choose another scene")
    known, made_with = set(Autolabel.own_parameters()), json.loads(str(kept["stage"]))
    return _figures(kept), Autolabel(**{name: value for name, value in made_with.items() if name in known})


def _figures(kept: dict[str, np.ndarray]) -> Figures:
    ndsi, cirrus, reference = (float(value) for value in kept["limits"])
    row, col, height, width = (int(value) for value in kept["shade_window"])
    return Figures(
        FilterStatistics(int(kept["threshold"]), kept["levels"]),
        Thresholds(ndsi, cirrus, reference),
        Shade(Window(row, col, height, width), kept["shade_zone"]),
    )

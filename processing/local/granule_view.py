"""Everything that figures and the report of one granule show, read in one go; and the figures as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.charts import style
from processing.charts.granule import granule_figures
from processing.core.sea_surface import ESTIMATORS
from processing.errors import InputError
from processing.io import tables
from processing.local.measured import MeasuredTrack, chosen_tracks, freeboard_run, measured_track
from processing.project import Project
from processing.schema import FREEBOARD

F4 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GranuleView:
    """The beams of one granule, or a stretch of them.

    Attributes
    ----------
    granule, run : which. tracks : its beams in order.
    surfaces : by beam and estimator, (n,) f4 m, sea surfaces row for row.
    synthetic : whether any input of the project is.
    """

    granule: str
    run: str
    tracks: tuple[MeasuredTrack, ...]
    surfaces: Mapping[str, Mapping[str, F4]]
    synthetic: bool


def granule_view(
    project: Project,
    granule: str = "",
    run: str = "",
    beams: Sequence[str] = (),
    start: float = -np.inf,
    stop: float = np.inf,
) -> GranuleView:
    """The beams of a granule (the only one, where it is empty) within ``start`` to ``stop`` (m of ``x_atc``).

    Raises MissingError without such a freeboard, InputError where a granule must be named or nothing lies in between.
    """
    run = freeboard_run(project, run)
    granule = granule or _only(project, run)
    tracks, surfaces = [], {}
    for name, beam in chosen_tracks(project, run, [granule], list(beams) or None):
        track = measured_track(project, name, beam, run)
        part = slice(*np.searchsorted(track.x_atc, [start, np.nextafter(stop, np.inf)]).tolist())
        own = tables.read(project.table_path("freeboard", name, beam, run), FREEBOARD, _SURFACES)
        surfaces[beam] = {each: own[f"sea_surface_{each}"].to_numpy()[part] for each in ESTIMATORS}
        tracks.append(track.rows(part))
    if not any(len(track) for track in tracks):
        raise InputError(f"no segment of {granule} lies between {start:g} and {stop:g} m", where=project.root)
    return GranuleView(granule, run, tuple(tracks), surfaces, project.synthetic)


_SURFACES = tuple(f"sea_surface_{name}" for name in ESTIMATORS)


def write_figures(view: GranuleView, out: Path) -> list[Path]:
    """Write each figure as PNG (300 dots an inch) and SVG to the folder ``out``; returns the paths.

    Raises InputError when ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError("there is a file of that name", where=out, mend="name a folder with --out")
    figures = granule_figures(view.tracks, view.synthetic, view.surfaces)
    with style.drawing():
        return style.written_all(out, figures, style.PRINT_DOTS)


def _only(project: Project, run: str) -> str:
    granules = sorted({granule for granule, _ in project.tracks("freeboard", run)})
    if len(granules) > 1:
        raise InputError("there are several granules", where=project.root, mend=f"--granule {' or '.join(granules)}")
    return granules[0]

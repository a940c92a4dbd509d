"""How fast the ice moved under a granule, from the shifts between its tracks and the scenes it meets."""

from __future__ import annotations

import numpy as np
from pyproj import Transformer

from processing.errors import LeadlineError
from processing.io import tables
from processing.io.sentinel2 import open_scene
from processing.local.meetings import frame
from processing.local.polar_plane import PolarPlane
from processing.project import Project
from processing.schema import LABEL
from processing.stages import Autolabel

_LEAST_SECONDS = 300.0
"""A shift over less time than this tells no speed: an error of 10 m would be one of 3 cm/s."""

_COLUMNS = ("scene_id", "time_offset", "drift_x", "drift_y", "drift_confidence")


def drift_velocity(project: Project, granule: str, beam: str, plane: PolarPlane) -> tuple[float, float] | None:
    """Motion of the ice in a polar plane, m/s along x and y, as the labels of a beam took it; None where unknown.

    The mean over the scenes whose drift is sure and which lie at least five minutes from the track.
    """
    path = project.table_path("autolabels", granule, beam)
    if not path.exists():
        return None
    table = tables.read(path, LABEL, _COLUMNS).to_pandas()
    sure = table["drift_confidence"] >= project.stage(Autolabel).drift_confidence
    known = table[sure & (table["time_offset"].abs() >= _LEAST_SECONDS) & (table["scene_id"].astype(str) != "")]
    found = [
        _velocity(project, str(scene), rows[list(_COLUMNS[1:4])].median().to_numpy(), plane)
        for scene, rows in known.groupby("scene_id", observed=True)
    ]
    velocities = [velocity for velocity in found if velocity is not None]
    if not velocities:
        return None
    x, y = np.mean(velocities, axis=0)
    return float(x), float(y)


def _velocity(project: Project, scene: str, row: np.ndarray, plane: PolarPlane) -> tuple[float, float] | None:
    """A shift in the scene's own plane, told as seconds and m along its x and y, as m/s in the polar plane."""
    try:
        item = project.input("scenes", scene)
        place = frame(item)
        with open_scene(item) as opened:
            there = Transformer.from_crs("EPSG:4326", opened.crs, always_xy=True)
    except LeadlineError:
        return None
    begin = np.array(there.transform(place.lon, place.lat))
    across, up = np.stack([begin, begin + row[1:]], axis=1)
    lon, lat = there.transform(across, up, direction="INVERSE")
    x, y = plane.places(lon, lat)
    return float((x[1] - x[0]) / row[0]), float((y[1] - y[0]) / row[0])

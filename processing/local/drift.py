"""Ice drift between a granule and a scene: estimated, and kept with its correlation surface for the page."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from processing.core import drift as core
from processing.core.correlation import Piece, Products
from processing.core.proxies import PROXIES, brightness_proxies
from processing.core.tiles import Window
from processing.io.atomic import aside, write_text
from processing.io.sentinel2 import Scene
from processing.places import readable
from processing.project import Project
from processing.stages import Autolabel

Floats = npt.NDArray[np.float64]

BY_HAND = 1.0
"""Confidence in a drift that an analyst set."""

ESTIMATED = (
    *("estimate_x", "estimate_y", "sigma_x", "sigma_y", "confidence", "applied", "correlation"),
    *("second_correlation", "weights", "pixels", "pixel", "band"),
)
"""Names of the facts that tell of the estimate."""

_BAND = "B03"
_BRIGHTEST = 1.2
_LEAST_PHOTONS = 3
_AHEAD = 4


@dataclass(frozen=True)
class BeamSignals:
    """One beam's segments on a scene: places in the scene's CRS at track time, and what brightness shows in.

    Attributes
    ----------
    x_atc : (n,) f8 m, ascending. x, y : (n,) f8 m in the scene's CRS.
    background_rate : Hz. height, height_std : m. photon_rate : photons a shot. photon_count. All (n,) f8, NaN unknown.
    """

    beam: str
    x_atc: Floats
    x: Floats
    y: Floats
    background_rate: Floats
    height: Floats
    height_std: Floats
    photon_rate: Floats
    photon_count: Floats


@dataclass(frozen=True)
class Drift:
    """Drift of the ice from track time to scene time in the scene's CRS.

    Attributes
    ----------
    x, y : m applied to the labels: what an analyst set, else the estimate, or 0 when that is unsure.
    confidence : 0 to 1, probability that the estimate is within 15 m; 1 when set by hand, NaN when none was asked for.
    unsure : whether the confidence is below the stage's.
    correlation : (m, m) f4, row 0 being the largest motion along +y; None when none was asked for.
    shift_x, shift_y : (m,) f4 m, the motion that each column and row of it stands for.
    facts : JSON values about the estimate.
    """

    x: float = 0.0
    y: float = 0.0
    confidence: float = math.nan
    unsure: bool = False
    correlation: npt.NDArray[np.float32] | None = None
    shift_x: npt.NDArray[np.float32] | None = None
    shift_y: npt.NDArray[np.float32] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def find_drift(scene: Scene, beams: Sequence[BeamSignals], stage: Autolabel) -> Drift:
    """Estimate the drift from all beams on the scene; nothing is estimated when ``stage.drift`` is off."""
    reach = reach_of(scene, stage)
    if reach == 0:
        return Drift()
    pieces = core.cut(on_pixels(scene, beams))
    products = core.add_up(with_brightness(scene, pieces, reach), reach)
    return settled(products, sum(piece.pixels for piece in pieces), scene.pixel, stage)


def reach_of(scene: Scene, stage: Autolabel) -> int:
    """Pixels along each axis within which the drift is looked for; 0 when it is not."""
    return math.ceil(stage.drift_reach / scene.pixel) if stage.drift else 0


def on_pixels(scene: Scene, beams: Sequence[BeamSignals]) -> list[core.Beam]:
    """The beams on the scene's pixels, with what grows with brightness along them."""
    return [_on_pixels(scene, beam) for beam in beams]


def _on_pixels(scene: Scene, beam: BeamSignals) -> core.Beam:
    row, col = scene.index(beam.x, beam.y)
    spread = np.where(beam.photon_count >= _LEAST_PHOTONS, beam.height_std, np.nan)
    proxies = brightness_proxies(beam.x_atc, beam.background_rate, beam.height, beam.photon_rate, spread)
    return core.Beam(beam.beam[:3], beam.x_atc, row, col, proxies)


def with_brightness(
    scene: Scene, pieces: Sequence[Piece], reach: int
) -> Iterator[tuple[Piece, npt.NDArray[np.float32]]]:
    """Each piece with the brightness about it, decoded in another thread while the last one is worked on."""

    def read(piece: Piece) -> npt.NDArray[np.float32]:
        return np.minimum(scene.read((_BAND,), Window(*piece.box(reach)))[0], np.float32(_BRIGHTEST))

    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(read, piece) for piece in pieces[:_AHEAD])
        try:
            for number, piece in enumerate(pieces):
                brightness = coming.popleft().result()
                if number + _AHEAD < len(pieces):
                    coming.append(reader.submit(read, pieces[number + _AHEAD]))
                yield piece, brightness
        finally:
            for future in coming:
                future.cancel()


def settled(products: Products | None, pixels: int, pixel: float, stage: Autolabel) -> Drift:
    """The drift that the sum of all pieces' products tells, of ``pixels`` scene pixels with an edge of ``pixel`` m."""
    reach = math.ceil(stage.drift_reach / pixel)
    shift = core.locate(products, reach, pixel, pixels)
    estimate_x, estimate_y = shift.col * pixel, -shift.row * pixel
    unsure = shift.confidence < stage.drift_confidence
    axis = (np.arange(-reach, reach + 1) * pixel).astype(np.float32)
    facts = {
        "estimate_x": estimate_x,
        "estimate_y": estimate_y,
        "sigma_x": shift.sigma_col * pixel,
        "sigma_y": shift.sigma_row * pixel,
        "confidence": shift.confidence,
        "applied": not unsure,
        "correlation": shift.first,
        "second_correlation": shift.second,
        "weights": dict(zip(PROXIES, shift.weights, strict=False)),
        "pixels": pixels,
        "pixel": pixel,
        "band": _BAND,
    }
    return Drift(
        0.0 if unsure else estimate_x,
        0.0 if unsure else estimate_y,
        shift.confidence,
        unsure,
        shift.correlation,
        axis,
        -axis,
        facts,
    )


def set_by_hand(drift: Drift, shift: tuple[float, float]) -> Drift:
    """The drift that an analyst set, m, with what was estimated kept in the facts; it is not unsure."""
    facts = drift.facts | {"applied": False, "by_hand": True, "hand_x": shift[0], "hand_y": shift[1]}
    return replace(drift, x=shift[0], y=shift[1], confidence=BY_HAND, unsure=False, facts=facts)


def kept_drift(path: Path, basis: str, stage: Autolabel) -> Drift | None:
    """The estimate kept at ``path`` if it was made of what ``basis`` stands for; None when there is none."""
    if not stage.drift or stage.drift_reach == 0:
        return None
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        with readable(path) as source, np.load(source) as kept:
            surface, axis_x, axis_y = (kept[name] for name in ("correlation", "shift_x", "shift_y"))
        if facts["basis"] != basis:
            return None
        estimate = {name: facts[name] for name in ESTIMATED}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
    known = {name: math.nan if value is None else value for name, value in estimate.items()}
    x, y, confidence = (float(known[name]) for name in ("estimate_x", "estimate_y", "confidence"))
    unsure = confidence < stage.drift_confidence
    known["applied"] = not unsure
    return Drift(0.0 if unsure else x, 0.0 if unsure else y, confidence, unsure, surface, axis_x, axis_y, known)


def drift_path(project: Project, granule: str, scene: str) -> Path:
    """Where the correlation surface of a granule and a scene lies; the facts lie beside it as ``.json``."""
    return project.root / "autolabels" / "drift" / f"granule={granule}" / f"scene={scene}.npz"


def keep(path: Path, drift: Drift, facts: dict[str, Any]) -> None:
    """Write the surface (``correlation``, ``shift_x``, ``shift_y``) and the facts, each whole or not at all."""
    if drift.correlation is None or drift.shift_x is None or drift.shift_y is None:
        return
    with aside(path) as temporary:
        np.savez_compressed(temporary, correlation=drift.correlation, shift_x=drift.shift_x, shift_y=drift.shift_y)
    known = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in drift.facts.items()
    }
    write_text(path.with_suffix(".json"), json.dumps({**facts, **known}, indent=1, allow_nan=False) + "\n")

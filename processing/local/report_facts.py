"""Figures that the report of a granule tells: freeboard by beam and class, sea surface, flags, products, shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.core.agreement import block_numbers
from processing.core.block_means import NOTHING, block_sum
from processing.core.product_agreement import mode
from processing.core.product_comparison import GranuleComparison
from processing.local.against_products import agreement
from processing.local.granule_view import GranuleView
from processing.local.measured import MeasuredTrack
from processing.local.shapes import track_thickness
from processing.project import Project
from processing.schema import FreeboardFlag, Quality, SeaSurfaceSource, SurfaceClass
from processing.stages import Aggregate

Mask = npt.NDArray[np.bool_]

ICE = (SurfaceClass.THICK_ICE, SurfaceClass.THIN_ICE)


@dataclass(frozen=True)
class Row:
    """Freeboard of some segments; m, NaN where there is none.

    Attributes
    ----------
    name : what they are. count : segments with freeboard. share : of all segments with freeboard.
    mean, sigma : with the standard uncertainty of the mean. median, mode, spread : spread is the standard deviation.
    mode_low, mode_high : 95 % interval of the mode.
    """

    name: str
    count: int
    share: float
    mean: float
    sigma: float
    median: float
    mode: float
    mode_low: float
    mode_high: float
    spread: float


@dataclass(frozen=True)
class Level:
    """Sea surface along one beam: m; shares of segments.

    ``sigma`` is the root mean square uncertainty, ``low`` and ``high`` the least and greatest level.
    """

    beam: str
    leads: int
    kilometres: float
    water: float
    from_leads: float
    interpolated: float
    none: float
    low: float
    high: float
    sigma: float


@dataclass(frozen=True)
class Beside:
    """A product beside ours: agreement of one quantity over all beams; and what could not be compared, and why."""

    product: str
    kind: str
    quantity: str
    agreement: object
    left_out: tuple[str, ...]


def by_class(view: GranuleView, common_length: float) -> list[Row]:
    """All ice, each class, and what has no class, over all beams."""
    return [row_of("all ice", view.tracks, [np.isin(track.label, ICE) for track in view.tracks], common_length)] + [
        row_of(class_name(code), view.tracks, [track.label == code for track in view.tracks], common_length)
        for code in sorted(SurfaceClass, key=lambda code: code % len(SurfaceClass))
        if any((track.label == code).any() for track in view.tracks)
    ]


def by_beam(view: GranuleView, common_length: float) -> list[Row]:
    """Ice of each beam."""
    return [row_of(track.beam, [track], [np.isin(track.label, ICE)], common_length) for track in view.tracks]


def row_of(name: str, tracks: Sequence[MeasuredTrack], chosen: Sequence[Mask], common_length: float) -> Row:
    """Freeboard of the chosen segments of some tracks.

    Errors of the sea surface are common within ``common_length`` m of a beam and independent beyond.
    """
    parts = [track.rows(some) for track, some in zip(tracks, chosen, strict=True)]
    values = np.concatenate([np.zeros(0), *(part.freeboard.astype(np.float64) for part in parts)])
    known = values[np.isfinite(values)]
    total = sum(int(np.isfinite(track.freeboard).sum()) for track in tracks)
    if not len(known):
        return Row(name, 0, 0.0, *(float("nan"),) * 7)
    total_sum = NOTHING
    for part in parts:
        sigmas = part.height_sigma, part.sea_surface_sigma
        total_sum = total_sum.plus(block_sum(part.x_atc, part.freeboard, *sigmas, common_length))
    numbers = [block_numbers(part.x_atc, common_length) + 1_000_000 * beam for beam, part in enumerate(parts)]
    top = mode(values, np.concatenate(numbers))
    shares = len(known) / max(total, 1)
    return Row(
        *(name, len(known), shares, float(known.mean()), total_sum.sigma, float(np.median(known))),
        *(top.value, top.low, top.high, float(known.std())),
    )


def levels(view: GranuleView) -> list[Level]:
    """The sea surface of each beam."""
    return [_level(track) for track in view.tracks]


def _level(track: MeasuredTrack) -> Level:
    number = max(len(track), 1)
    kinds = (SeaSurfaceSource.LEADS, SeaSurfaceSource.INTERPOLATED, SeaSurfaceSource.NONE)
    leads, interpolated, none = (float((track.sea_surface_source == kind).sum()) / number for kind in kinds)
    known = track.sea_surface[np.isfinite(track.sea_surface)]
    sigma = track.sea_surface_sigma[np.isfinite(track.sea_surface_sigma)].astype(np.float64)
    length = (track.x_atc[-1] - track.x_atc[0]) / 1000.0 if len(track) else 0.0
    return Level(
        track.beam,
        len(np.unique(track.lead_id[track.lead_id >= 0])),
        float(length),
        float((track.label == SurfaceClass.OPEN_WATER).sum()) / number,
        leads,
        interpolated,
        none,
        float(known.min()) if len(known) else float("nan"),
        float(known.max()) if len(known) else float("nan"),
        float(np.sqrt(np.mean(sigma**2))) if len(sigma) else float("nan"),
    )


def flag_counts(view: GranuleView) -> list[tuple[str, str, int, float]]:
    """Of freeboard and segment flags: which table, name, segments and their share; none that nothing carries."""
    total = max(sum(map(len, view.tracks)), 1)
    found = []
    for table, column, kind in (("freeboard", "flags", FreeboardFlag), ("segments", "quality", Quality)):
        for flag in kind:
            number = sum(int((getattr(track, column) & flag.value > 0).sum()) for track in view.tracks)
            if number:
                found.append((table, str(flag.name).lower().replace("_", " "), number, number / total))
    return found


def beside(found: Sequence[GranuleComparison]) -> Iterator[Beside]:
    """Agreement with each product in freeboard and sea surface, where it has them."""
    for each in found:
        for quantity in ("freeboard", "sea_surface"):
            told = agreement(each.tracks, quantity)
            if told.count:
                yield Beside(each.product, each.product_kind.upper(), quantity.replace("_", " "), told, each.left_out)


def thickness(project: Project, view: GranuleView) -> dict[str, float]:
    """Thickness of ice over all beams: count, mean, median, spread, and sigma, the common part of its uncertainty.

    m; empty where no segment has one.
    """
    found = [track_thickness(project, track) for track in view.tracks]
    values = np.concatenate([np.asarray(each.thickness, np.float64) for each in found])
    common = np.concatenate([np.asarray(each.sigma_common, np.float64) for each in found])
    known = np.isfinite(values)
    if not known.any():
        return {}
    values, common = values[known], common[known]
    return {
        "count": float(len(values)),
        "mean": float(values.mean()),
        "sigma": float(common.mean()),
        "median": float(np.median(values)),
        "spread": float(values.std()),
    }


def class_name(code: int) -> str:
    """A class in words."""
    return SurfaceClass(code).name.lower().replace("_", " ")


def common_length(project: Project) -> float:
    """m, along which sea-surface errors are taken to be common."""
    return float(project.stage(Aggregate).common_length)

"""A beam of ours beside the same beam of ATL07 or ATL10, segment by segment of the product, and how they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from processing.core.agreement import block_numbers
from processing.core.colocation import Aggregated, Offset
from processing.core.paired import Agreement, Interval, paired_agreement
from processing.core.product_agreement import (
    TYPES,
    Density,
    LeadMatch,
    class_table,
    lead_match,
    mode,
    type_group,
)

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Quantity = Literal["freeboard", "sea_surface", "height"]


@dataclass(frozen=True)
class Rules:
    """What counts and how intervals are found.

    ``covered`` least share (0 to 1) of a product's segment that ours must cover; ``block`` m of track, ``draws`` and
    ``seed`` of the bootstrap.
    """

    covered: float = 0.5
    block: float = 5000.0
    draws: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class FineTrack:
    """Our 2 m segments of the beam: ``x`` f8 m, ``label`` i1, ``height`` ``freeboard`` f4 m, ``surfaces`` f4 m by
    estimator, ``estimator`` the one that freeboard was measured from, ``lead_id`` i4, -1 outside leads."""

    x: F8
    label: npt.NDArray[np.int8]
    height: F4
    freeboard: F4
    surfaces: Mapping[str, F4]
    estimator: str
    lead_id: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sections:
    """Reference surfaces of ATL10's sections that our track reaches: f8 m each.

    ``x`` along the track, ``theirs`` and ``sigma`` the product's height, ``ours`` the mean of our sea surface over the
    product's segments that refer to it, on the product's reference; NaN where there is none.
    """

    x: F8
    theirs: F8
    sigma: F8
    ours: F8


@dataclass(frozen=True)
class TrackComparison:
    """One beam of a product with ours beside it: the product's segments that lie on our track, row for row.

    Attributes
    ----------
    granule, beam, run : ours. product : identifier of the product. product_kind : atl07 or atl10. release : of it.
    offset : how the product was found to lie to our track, by distance, place and time.
    corrected : whether ``x_atc`` had the offset added.
    notes : what is odd about the product's distances or clock, in words.
    x_atc, length : f8 m, middle and length of the product's segments, on our along-track distance.
    time : datetime64[ns] UTC. lat, lon : f8 degree.
    product_freeboard, product_freeboard_sigma : f8 m (ATL10); NaN where there is none.
    product_sea_surface, product_sea_surface_sigma : f8 m: reference surface (ATL10), height of sea-level segments
        (ATL07).
    product_height, product_reference : f8 m, height above the product's reference, and that reference above the
        ellipsoid with the tides and the dynamic atmosphere that were subtracted; NaN where the granule has none.
    product_type : i8, surface type. product_ssh : bool, carries sea level.
    ours : our segments gathered over each.
    sections : reference surfaces of ATL10's sections.
    density : segments a kilometre. our_leads, our_leads_in_theirs : leads of ours on the product's stretch, and those
        that share ground with a segment that carries the product's sea level.
    fine : our 2 m segments.
    """

    granule: str
    beam: str
    run: str
    product: str
    product_kind: str
    release: str
    offset: Offset
    corrected: bool
    notes: tuple[str, ...]
    x_atc: F8
    length: F8
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    product_freeboard: F8
    product_freeboard_sigma: F8
    product_sea_surface: F8
    product_sea_surface_sigma: F8
    product_height: F8
    product_reference: F8
    product_type: Ints
    product_ssh: Bools
    ours: Aggregated
    sections: Sections
    density: Density
    our_leads: int
    our_leads_in_theirs: int
    fine: FineTrack

    def __len__(self) -> int:
        return len(self.x_atc)

    @property
    def offset_m(self) -> float:
        """m, what the product's along-track distance lacked of ours at the same place."""
        return self.offset.along

    @property
    def clock_offset(self) -> float:
        """s, the product's time less ours at the same place."""
        return self.offset.clock


@dataclass(frozen=True)
class GranuleComparison:
    """Every beam of a granule beside one product; ``synthetic`` where any of the inputs is. ``left_out`` says why beams
    are not among ``tracks``."""

    granule: str
    run: str
    product: str
    product_kind: str
    release: str
    synthetic: bool
    tracks: tuple[TrackComparison, ...]
    left_out: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)


def pairs(comparison: TrackComparison, quantity: Quantity) -> tuple[F8, F8]:
    """Ours and theirs (f8 m), row for row; NaN where unknown.

    Heights and sea surfaces of ours are put on the product's reference: our reference, tides and dynamic atmosphere
    are added back and the product's subtracted, where it carries its mean sea surface. Freeboard needs none of it.
    """
    ours = comparison.ours
    if quantity == "freeboard":
        return ours.freeboard, comparison.product_freeboard
    moved = np.nan_to_num(ours.reference - comparison.product_reference)
    if quantity == "sea_surface":
        return ours.sea_surface + moved, comparison.product_sea_surface
    return ours.height + moved, comparison.product_height


def counted(comparison: TrackComparison, rules: Rules = Rules()) -> Bools:
    """The product's segments that ours cover well enough to compare."""
    return comparison.ours.covered >= max(rules.covered, np.finfo(float).tiny)


def agreement(
    comparison: TrackComparison | Sequence[TrackComparison],
    quantity: Quantity = "freeboard",
    rules: Rules = Rules(),
    where: Bools | Sequence[Bools] | None = None,
) -> Agreement:
    """Agreement of one beam, or of several together, ours minus the product's.

    Beams of a granule that lie side by side share a block: much of what errs in one sea surface errs in all.

    Parameters
    ----------
    where : bool, further segments to leave out, one array for each comparison.
    """
    tracks = [comparison] if isinstance(comparison, TrackComparison) else list(comparison)
    chosen = _masks(tracks, where)
    parts = []
    for track, mask in zip(tracks, chosen, strict=True):
        use = counted(track, rules) & mask
        ours, theirs = pairs(track, quantity)
        parts.append((ours[use], theirs[use], block_numbers(track.x_atc[use], rules.block)))
    ours, theirs, block = _joined(parts)
    return paired_agreement(ours, theirs, block, rules.seed, rules.draws)


def _masks(tracks: Sequence[TrackComparison], where: Bools | Sequence[Bools] | None) -> Sequence[Bools]:
    if where is None:
        return [np.ones(len(track), np.bool_) for track in tracks]
    return [where] if isinstance(where, np.ndarray) else where


def _joined(parts: Sequence[tuple[F8, F8, Ints]]) -> tuple[F8, F8, Ints]:
    none = np.zeros(0)
    ours = np.concatenate([none, *(part[0] for part in parts)])
    theirs = np.concatenate([none, *(part[1] for part in parts)])
    return ours, theirs, np.concatenate([none.astype(np.int64), *(part[2] for part in parts)])


def agreement_by_type(
    comparison: TrackComparison | Sequence[TrackComparison], quantity: Quantity = "freeboard", rules: Rules = Rules()
) -> dict[str, Agreement]:
    """Agreement over the product's segments of each group of surface types, by name in TYPES; empty groups too."""
    tracks = [comparison] if isinstance(comparison, TrackComparison) else list(comparison)
    groups = [type_group(track.product_type) for track in tracks]
    return {
        name: agreement(tracks, quantity, rules, [group == number for group in groups])
        for number, name in enumerate(TYPES)
    }


def classes(comparison: TrackComparison, rules: Rules = Rules()) -> Ints:
    """Segments (i8, (4, 4)) by our class (LABELS) and the product's surface type (TYPES)."""
    return class_table(comparison.ours.label, comparison.product_type, counted(comparison, rules))


def leads(comparison: TrackComparison, rules: Rules = Rules(), *, all_types: bool = False) -> LeadMatch:
    """Match of our leads and the product's: segments that carry its sea level, or with ``all_types`` any lead's."""
    theirs = type_group(comparison.product_type) >= 2 if all_types else comparison.product_ssh
    return lead_match(comparison.ours.label, comparison.ours.shares[:, 2], theirs, counted(comparison, rules))


@dataclass(frozen=True)
class Modes:
    """Modal freeboard [m]: of the product's segments, of ours gathered over the same ones, and of our 2 m segments."""

    theirs: Interval
    ours: Interval
    fine: Interval


def modes(tracks: Sequence[TrackComparison], rules: Rules = Rules()) -> Modes:
    """Modal freeboards over the segments in which both are known; of 2 m segments, over the stretch of these."""
    parts, fine, where = [], [np.zeros(0)], [np.zeros(0, np.int64)]
    for track in tracks:
        ours, theirs = pairs(track, "freeboard")
        use = counted(track, rules) & np.isfinite(ours) & np.isfinite(theirs)
        parts.append((ours[use], theirs[use], block_numbers(track.x_atc[use], rules.block)))
        if use.any():
            reach = slice(*np.searchsorted(track.fine.x, [track.x_atc[use].min(), track.x_atc[use].max()]))
            fine.append(track.fine.freeboard[reach].astype(np.float64))
            where.append(block_numbers(track.fine.x[reach], rules.block))
    ours, theirs, block = _joined(parts)
    return Modes(
        mode(theirs, block, rules.seed, rules.draws),
        mode(ours, block, rules.seed, rules.draws),
        mode(np.concatenate(fine), np.concatenate(where), rules.seed, rules.draws),
    )


def touched_runs(run: npt.ArrayLike, x: npt.ArrayLike, begin: F8, end: F8) -> tuple[int, int]:
    """How many runs of segments there are, and how many of them have a segment within any of some stretches.

    ``run`` whole numbers, -1 outside runs, and ``x`` f8 m of each segment; ``begin``, ``end`` f8 m of the stretches,
    which may overlap.
    """
    numbers, at = np.asarray(run), np.asarray(x, np.float64)
    inside = np.searchsorted(np.sort(begin), at, "right") > np.searchsorted(np.sort(end), at, "right")
    member = numbers >= 0
    return len(np.unique(numbers[member])), len(np.unique(numbers[member & inside]))

"""A project's freeboard beside NASA's sea-ice products ATL07 and ATL10, and these products on their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from processing.core.agreement import block_numbers
from processing.core.colocation import Aggregated, Line, Offset, Segments, aggregate, find_offset
from processing.core.paired import Agreement, Interval
from processing.core.product_agreement import TYPES, density, mode, type_group
from processing.core.product_comparison import (
    Bools,
    FineTrack,
    GranuleComparison,
    Quantity,
    Rules,
    Sections,
    TrackComparison,
    touched_runs,
)
from processing.core.product_comparison import agreement as _agreement
from processing.core.sea_surface import ESTIMATORS
from processing.errors import InputError, LeadlineError, MissingError
from processing.io import tables
from processing.io.sea_ice_products import ProductBeam, ProductInfo, empty_beam, product_info, read_beam
from processing.local.measured import MeasuredTrack, chosen_tracks, freeboard_run, measured_track
from processing.local.passes import pass_of, references_of, same_pass
from processing.progress import progress_bar
from processing.project import Input, Project
from processing.schema import FREEBOARD
from processing.stages import Compare

__all__ = ["Agreement", "Interval", "ProductGranule", "TrackComparison", "agreement", "compare_track", "products_of"]

_SLACK = 20_000.0
"""Beyond our track, m: what a product says to lie there may lie on it, where its distances are off."""

_COMMON = 1000.0
"""Length of track, m, over which equal distances in different places tell another pass."""

_TOLD_CLOCK = 0.01
"""Offset of a clock that is worth telling, s: 70 m of track."""


@dataclass(frozen=True)
class BeamSummary:
    """One beam of a product. Means, median and mode of freeboard in m; NaN where there is none.

    ``types`` segments by group of surface type; ``first`` and ``last`` UTC; ``length`` m from first to last segment.
    """

    beam: str
    segments: int
    with_freeboard: int
    mean: float
    median: float
    mode: Interval
    sea_level_segments: int
    leads: int
    types: Mapping[str, int]
    first: np.datetime64
    last: np.datetime64
    length: float


@dataclass(frozen=True)
class ProductGranule:
    """A granule of a product on its own: what it is, its beams and a summary of each."""

    info: ProductInfo
    beams: Mapping[str, ProductBeam]
    summaries: tuple[BeamSummary, ...]


def rules_of(stage: Compare) -> Rules:
    """What the pure part needs of the stage's parameters."""
    return Rules(stage.covered, stage.block, stage.draws, stage.seed)


def products_of(project: Project, granule: str) -> list[Input]:
    """ATL07 and ATL10 among the project's references that are of the granule's pass (ground track and cycle)."""
    return references_of(project, granule)


def products_to_compare(
    project: Project, run: str, granules: Sequence[str] = (), files: Sequence[Path] = ()
) -> dict[str, list[Path]]:
    """Product files by granule of a freeboard run: the references of its pass, or of ``files`` those that may be of it.

    A file whose name tells no pass goes with every granule. Raises MissingError when a granule that is named has no
    freeboard, or nothing is left to compare.
    """
    run = freeboard_run(project, run)
    known = list(dict.fromkeys(granule for granule, _ in chosen_tracks(project, run, granules)))
    found: dict[str, list[Path]] = {}
    for granule in known:
        own = [item.path for item in products_of(project, granule)]
        if files:
            own = [path for path in files if not pass_of(path.name) or same_pass(granule, path.name)]
            own = own or (list(files) if granules else [])
        if own:
            found[granule] = own
    if not found:
        what = "none of the products is of" if files else "no ATL07 or ATL10 among the references is of"
        mend = f"run: leadline add {project.root} FILE, or name one with --product"
        raise MissingError(f"{what} the pass of {', '.join(known)}", where=project.root, mend=mend)
    return found


def read_product(path: Path) -> ProductGranule:
    """Every beam of an ATL07 or ATL10 granule with summaries; errors as ``product_info`` and the readers raise."""
    info = product_info(path)
    beams = {beam: read_beam(path, info.kind, beam) for beam in info.beams}
    return ProductGranule(info, beams, tuple(_summary(beam, found) for beam, found in beams.items()))


def _summary(beam: str, found: ProductBeam) -> BeamSummary:
    freeboard = found.freeboard[np.isfinite(found.freeboard)]
    group = type_group(found.surface_type)
    times = found.time[~np.isnat(found.time)]
    none = np.datetime64("NaT", "ns")
    x = found.x_atc[np.isfinite(found.x_atc)]
    return BeamSummary(
        beam,
        len(found),
        len(freeboard),
        float(freeboard.mean()) if len(freeboard) else np.nan,
        float(np.median(freeboard)) if len(freeboard) else np.nan,
        mode(found.freeboard, block_numbers(np.nan_to_num(found.x_atc), Rules().block)),
        int(found.is_sea_level.sum()),
        len(found.leads),
        {name: int((group == number).sum()) for number, name in enumerate(TYPES)},
        times.min() if len(times) else none,
        times.max() if len(times) else none,
        float(x.max() - x.min()) if len(x) else 0.0,
    )


def agreement(
    comparison: TrackComparison | Sequence[TrackComparison],
    quantity: Quantity = "freeboard",
    stage: Compare | None = None,
    where: Bools | Sequence[Bools] | None = None,
) -> Agreement:
    """Agreement of ours with the product (bias, rms, centred_rms, correlation, slope, each an ``Interval``).

    Parameters
    ----------
    comparison : one beam, or several taken together.
    quantity : freeboard, sea_surface or height; the latter two on the product's reference.
    where : bool, the product's segments to look at alone, such as a selection; one array for each comparison.
    """
    return _agreement(comparison, quantity, rules_of(stage) if stage else Rules(), where)


def compare_granule(
    project: Project,
    granule: str,
    product: Input | Path,
    stage: Compare,
    run: str = "",
    beams: Sequence[str] = (),
) -> GranuleComparison:
    """Every beam of a granule's freeboard beside a product; beams that cannot be compared are named, with the reason.

    Raises InputError when no beam can be compared because the product is of another pass, MissingError without a
    freeboard of the granule.
    """
    run = freeboard_run(project, run)
    info = product_info(product.path if isinstance(product, Input) else product)
    own = [beam for name, beam in project.tracks("freeboard", run) if name == granule]
    own = [beam for beam in own if not beams or beam in beams]
    if not own:
        raise MissingError(
            f"no freeboard of {granule} in {run}", where=project.root, mend="leadline status tells which"
        )
    tracks, left_out, refusals = [], [], []
    with progress_bar("compare", len(own), "beams") as bar:
        for beam in own:
            if beam in info.beams:
                try:
                    tracks.append(_compared(measured_track(project, granule, beam, run), project, info, stage))
                except LeadlineError as error:
                    refusals.append(error)
                    left_out.append(f"{beam}: {error.what}")
            else:
                left_out.append(f"{beam}: the product has no segments of it")
            bar.advance(1, beam)
    if refusals and not tracks:
        raise refusals[0]
    synthetic = project.synthetic or info.synthetic
    return GranuleComparison(
        granule, run, info.ident, info.kind, info.release, synthetic, tuple(tracks), tuple(left_out), rules_of(stage)
    )


def compare_track(
    project: Project, granule: str, beam: str, run: str, product: Input | Path, stage: Compare
) -> TrackComparison:
    """One beam of a freeboard run (the newest when ``run`` is empty) beside one product.

    A beam that the product lacks, and one without common ground, give a comparison without rows. Raises InputError when
    the product is of another pass or beam, MissingError and StaleError as ``measured_track``. Holds nothing between
    calls, so threads may call it.
    """
    info = product_info(product.path if isinstance(product, Input) else product)
    return _compared(measured_track(project, granule, beam, run), project, info, stage)


def _compared(track: MeasuredTrack, project: Project, info: ProductInfo, stage: Compare) -> TrackComparison:
    if pass_of(track.granule) and pass_of(info.ident) and pass_of(track.granule) != pass_of(info.ident):
        raise InputError(
            f"of another pass (ground track and cycle {pass_of(info.ident)}) than {track.granule}",
            where=info.path,
            mend=f"name one whose name has {pass_of(track.granule)}",
        )
    fine = _fine(project, track)
    if track.beam not in info.beams:
        return _side_by_side(track, info, empty_beam(info.kind), Offset(0, 0, 0, *(np.nan,) * 5, 0.0), stage, fine)
    found = read_beam(info.path, info.kind, track.beam)
    ours = Line(track.x_atc, track.time.astype("datetime64[ns]"), track.lat, track.lon)
    offset = find_offset(ours, _near(found, track.x_atc))
    _check(offset, track, info, stage)
    return _side_by_side(track, info, found, offset, stage, fine)


def _near(found: ProductBeam, x: np.ndarray) -> Line:
    """The product's segments that may lie on our track; all of them where none says so."""
    line = Line(found.x_atc, found.time, found.lat, found.lon)
    if not len(x):
        return line
    close = (found.x_atc >= x[0] - _SLACK) & (found.x_atc <= x[-1] + _SLACK)
    return Line(*(values[close] for values in (line.x, line.time, line.lat, line.lon))) if close.any() else line


def _check(offset: Offset, track: MeasuredTrack, info: ProductInfo, stage: Compare) -> None:
    mend = f"name a product of the pass and beam of {track.granule} {track.beam}"
    if offset.placed and offset.across > stage.across:
        what = f"{track.beam} lies {offset.across:.0f} m beside our {track.beam}: of another beam or pass"
        raise InputError(what, where=info.path, mend=mend)
    if abs(offset.clock) > stage.clock:
        what = f"{track.beam} was measured {offset.clock:.0f} s after ours at the same place: of another pass"
        raise InputError(what, where=info.path, mend=mend)
    if offset.places and not offset.placed and offset.overlap > _COMMON:
        what = f"{track.beam} has the along-track distances of our {track.beam} in another place: of another pass"
        raise InputError(what, where=info.path, mend=mend)


def _notes(offset: Offset, *, corrected: bool) -> tuple[str, ...]:
    found = []
    if offset.tried and not np.isfinite(offset.along) and not offset.places:
        found.append("the product tells neither place nor time to check its along-track distance with")
    if corrected:
        found.append(f"the product's along-track distance lacked {offset.along:.1f} m of ours; matched by place")
    if abs(offset.clock) > _TOLD_CLOCK:
        metres = abs(offset.clock) * offset.speed
        side = "ahead of" if offset.clock > 0 else "behind"
        found.append(
            f"the product's clock is {abs(offset.clock):.3f} s {side} ours, {metres / 1000:.2f} km of track; "
            "matched by place"
        )
    return tuple(found)


def _side_by_side(
    track: MeasuredTrack, info: ProductInfo, found: ProductBeam, offset: Offset, stage: Compare, fine: FineTrack
) -> TrackComparison:
    corrected = abs(offset.along) > stage.shift
    x = found.x_atc + (offset.along if corrected else 0.0)
    rows = _rows_on(track, x, found.length)
    ours = aggregate(_segments(track), x[rows], found.length[rows])
    begin, end = x[rows] - found.length[rows] / 2, x[rows] + found.length[rows] / 2
    ssh = found.is_sea_level[rows]
    on = slice(*np.searchsorted(track.x_atc, [begin.min(), end.max()])) if len(rows) else slice(0, 0)
    runs = touched_runs(track.lead_id[on], track.x_atc[on], begin[ssh], end[ssh])
    return TrackComparison(
        track.granule,
        track.beam,
        track.run,
        info.ident,
        info.kind,
        info.release,
        offset,
        corrected,
        _notes(offset, corrected=corrected),
        x[rows],
        found.length[rows],
        found.time[rows],
        found.lat[rows],
        found.lon[rows],
        found.freeboard[rows],
        found.freeboard_sigma[rows],
        found.sea_surface[rows],
        found.sea_surface_sigma[rows],
        found.height[rows],
        found.reference[rows],
        found.surface_type[rows],
        ssh,
        ours,
        _sections(found, rows, ours, offset.along if corrected else 0.0),
        density(track.x_atc, x[rows]),
        *runs,
        fine,
    )


def _rows_on(track: MeasuredTrack, x: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Rows of the product's segments that reach our track, along it."""
    if not len(track):
        return np.zeros(0, np.int64)
    rows = np.flatnonzero((x + length / 2 > track.x_atc[0]) & (x - length / 2 < track.x_atc[-1]))
    return rows[np.argsort(x[rows], kind="stable")]


def _segments(track: MeasuredTrack) -> Segments:
    return Segments(
        track.x_atc,
        track.freeboard,
        track.height,
        track.sea_surface,
        track.height_sigma,
        track.sea_surface_sigma,
        np.nan_to_num(track.reference_height) + np.nan_to_num(track.tide) + np.nan_to_num(track.dac),
        track.label,
        track.segment_length,
    )


def _sections(found: ProductBeam, rows: np.ndarray, ours: Aggregated, shift: float) -> Sections:
    section = found.section[rows]
    moved = ours.sea_surface + np.nan_to_num(ours.reference - found.reference[rows])
    known = (section >= 0) & np.isfinite(moved)
    count = np.bincount(section[known], minlength=len(found.sections))
    total = np.bincount(section[known], moved[known], minlength=len(found.sections))
    reached = np.flatnonzero(np.bincount(section[section >= 0], minlength=len(found.sections)))
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    own = found.sections
    return Sections(own.x_atc[reached] + shift, own.height[reached], own.sigma[reached], mean[reached])


def _fine(project: Project, track: MeasuredTrack) -> FineTrack:
    path = project.table_path("freeboard", track.granule, track.beam, track.run)
    names = tuple(f"sea_surface_{name}" for name in ESTIMATORS)
    table = tables.read(path, FREEBOARD, names, command=f"leadline freeboard {project.root}")
    surfaces = {name: table[f"sea_surface_{name}"].to_numpy() for name in ESTIMATORS}
    return FineTrack(track.x_atc, track.label, track.height, track.freeboard, surfaces, track.estimator, track.lead_id)

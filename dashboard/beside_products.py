"""Our freeboard beside what others measured: which products a granule has, and one of them compared. No display.

Reading happens on a worker thread; what was compared is kept in the workspace until a table or the product changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.data import Workspace
from processing.core.matches import Matches, blocks_of
from processing.core.paired import Agreement, paired_agreement
from processing.core.product_agreement import LeadMatch, type_group
from processing.core.product_comparison import (
    FineTrack,
    Modes,
    Quantity,
    Rules,
    TrackComparison,
    agreement,
    agreement_by_type,
    classes,
    counted,
    leads,
    modes,
    pairs,
)
from processing.errors import LeadlineError, MissingError
from processing.local.against_measurements import match_table
from processing.local.against_products import ProductGranule, compare_track, read_product, rules_of
from processing.local.passes import same_pass
from processing.progress import watched
from processing.project import Input, Project
from processing.stages import Compare, Match

PRODUCTS = ("atl10", "atl07")
MEASUREMENTS = "measurements"

Bools = NDArray[np.bool_]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """Something to compare with. ``role``: of the granule's pass, alone, or independent measurements."""

    item: Input
    role: Literal["pass", "alone", "measured"]

    @property
    def ident(self) -> str:
        return self.item.ident

    @property
    def name(self) -> str:
        """What it is called in figures: ATL07, ATL10 or its own name."""
        return self.item.kind.upper() if self.item.kind in PRODUCTS else self.item.ident

    @property
    def title(self) -> str:
        """What lists call it."""
        if self.role == "measured":
            return self.item.ident
        return f"{self.name} of this pass" if self.role == "pass" else f"{self.item.ident} on its own"


def choices(project: Project, granule: str) -> tuple[Choice, ...]:
    """What a granule can be compared with, ATL10 of its pass first, then products of no granule here on their own."""
    granules = [item.ident for item in project.inputs("granules")]
    found = []
    for item in project.inputs("references"):
        if item.kind == MEASUREMENTS:
            found.append(Choice(item, "measured"))
        elif item.kind in PRODUCTS and same_pass(granule, item.ident):
            found.append(Choice(item, "pass"))
        elif item.kind in PRODUCTS and not any(same_pass(other, item.ident) for other in granules):
            found.append(Choice(item, "alone"))
    order = ("pass", "measured", "alone")
    return tuple(sorted(found, key=lambda one: (order.index(one.role), one.item.kind != "atl10", one.ident)))


@dataclass(frozen=True)
class Compared:
    """Beams of a granule beside a product, with the figures over all of them.

    Attributes
    ----------
    agreements : of each quantity that the product has. by_type : of freeboard (ATL10) or height (ATL07), by type.
    table : (4, 4) segments by our class and the product's surface type. match : of leads.
    left_out : why beams are not among ``tracks``. synthetic : whether any of the inputs is.
    """

    choice: Choice
    tracks: tuple[TrackComparison, ...]
    agreements: dict[str, Agreement]
    by_type: dict[str, Agreement]
    table: NDArray[np.int64]
    match: tuple[LeadMatch, ...]
    modes: Modes
    left_out: tuple[str, ...]
    synthetic: bool
    rules: Rules

    @property
    def release(self) -> str:
        return next((track.release for track in self.tracks), "")

    def pairs(self, quantity: str) -> Pairs:
        """Ours and the product's, the segments of all beams one after the other."""
        return Pairs.of(self.tracks, quantity, self.rules)


@dataclass(frozen=True)
class Pairs:
    """Segments of a product with ours gathered over them, in which both are known; rows of all beams.

    ``track`` i8, row of ``Compared.tracks``; ``row`` i8, of the segment in it; ``x`` f8 m; ``ours``, ``theirs`` f8 m;
    ``label`` i1, our class; ``group`` i8, of the product's surface type.
    """

    track: NDArray[np.int64]
    row: NDArray[np.int64]
    x: NDArray[np.float64]
    ours: NDArray[np.float64]
    theirs: NDArray[np.float64]
    label: NDArray[np.int8]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, tracks: Sequence[TrackComparison], quantity: str, rules: Rules) -> Pairs:
        """Pairs of a quantity of the product comparison: freeboard, sea_surface or height."""
        parts: list[tuple[Any, ...]] = []
        for number, track in enumerate(tracks):
            ours, theirs = pairs(track, quantity_of(quantity))
            row = np.flatnonzero(counted(track, rules) & np.isfinite(ours) & np.isfinite(theirs))
            label, group = track.ours.label[row], type_group(track.product_type[row])
            parts.append((np.full(len(row), number), row, track.x_atc[row], ours[row], theirs[row], label, group))
        none: tuple[Any, ...] = (
            *(np.zeros(0, np.int64),) * 2,
            *(np.zeros(0),) * 3,
            np.zeros(0, np.int8),
            np.zeros(0, np.int64),
        )
        return cls(*(np.concatenate(columns) for columns in zip(none, *parts, strict=True)))

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, some: NDArray[Any]) -> Pairs:
        """The same of some of the rows."""
        return Pairs(*(getattr(self, name)[some] for name in self.__dataclass_fields__))

    def masks(self, chosen: Bools, tracks: Sequence[TrackComparison]) -> list[Bools]:
        """Chosen pairs as one array over the segments of each beam."""
        found = [np.zeros(len(track), np.bool_) for track in tracks]
        for number, mask in enumerate(found):
            mask[self.row[chosen & (self.track == number)]] = True
        return found


def quantity_of(name: str) -> Quantity:
    """The quantity of pairs that stands for a quantity of the page."""
    return "sea_surface" if name == "sea_surface" else ("height" if name == "height" else "freeboard")


def main_quantity(kind: str) -> Quantity:
    """What a product is compared by where nothing else is asked: ATL07 has heights, ATL10 freeboard."""
    return "height" if kind == "atl07" else "freeboard"


def compare(
    workspace: Workspace, choice: Choice, granule: str, beams: Sequence[str], run: str, progress: Progress
) -> Compared:
    """Compare beams of a granule with a product of its pass.

    Raises MissingError when none of the beams has a freeboard in ``run``, and what ``compare_track`` raises where no
    beam at all can be compared.
    """
    project = workspace.refresh()
    stage = project.stage(Compare)
    own = [beam for beam in beams if project.table_path("freeboard", granule, beam, run).exists()]
    if not own:
        raise MissingError(f"no freeboard of {granule} in {run}", mend=f"run: {workspace.command('freeboard')}")
    tracks, refusals, left_out = [], [], []
    for beam in own:
        progress(f"comparing {beam} with {choice.name}")
        try:
            tracks.append(_track(workspace, choice, granule, beam, run, stage))
        except LeadlineError as error:
            refusals.append(error)
            left_out.append(f"{beam}: {error.what}")
    if refusals and not tracks:
        raise refusals[0]
    progress("drawing blocks of track")
    found = _figures(choice, tuple(tracks), rules_of(stage))
    synthetic = project.synthetic or bool(choice.item.details.get("synthetic"))
    return replace(found, left_out=tuple(left_out), synthetic=synthetic)


def _track(workspace: Workspace, choice: Choice, granule: str, beam: str, run: str, stage: Compare) -> TrackComparison:
    project = workspace.project
    paths = [project.table_path("segments", granule, beam), choice.item.path]
    key = ("beside", choice.ident, beam, str(stage.values_dict()), *(workspace.modified(path) for path in paths))

    def make() -> TrackComparison:
        return _slim(compare_track(project, granule, beam, run, choice.item, stage))

    found: TrackComparison = workspace.kept(key, project.table_path("freeboard", granule, beam, run), make)
    return found


def _slim(track: TrackComparison) -> TrackComparison:
    """Without the sea surfaces that no figure here shows."""
    fine: FineTrack = track.fine
    return replace(track, fine=replace(fine, surfaces={fine.estimator: fine.surfaces[fine.estimator]}))


def _figures(choice: Choice, tracks: tuple[TrackComparison, ...], rules: Rules) -> Compared:
    names: tuple[Quantity, ...] = ("freeboard", "sea_surface", "height")
    agreements: dict[str, Agreement] = {name: agreement(tracks, name, rules) for name in names}
    table = sum((classes(track, rules) for track in tracks), np.zeros((4, 4), np.int64))
    by_type = agreement_by_type(tracks, main_quantity(choice.item.kind), rules)
    match = tuple(leads(track, rules) for track in tracks)
    return Compared(choice, tracks, agreements, by_type, table, match, modes(tracks, rules), (), False, rules)


def chosen_agreement(found: Compared, quantity: str, all_pairs: Pairs, chosen: Bools) -> Agreement:
    """Agreement over chosen pairs alone."""
    return agreement(found.tracks, quantity_of(quantity), found.rules, all_pairs.masks(chosen, found.tracks))


@dataclass(frozen=True)
class Matched:
    """Independent measurements beside means of ours over their footprints, of every granule of a run."""

    choice: Choice
    matches: Matches
    stage: Match

    @property
    def pairs(self) -> Pairs:
        """Rows of the table that ours meet; their type is not defined."""
        one, count = self.matches, len(self.matches.row)
        none = np.zeros(count, np.int64)
        return Pairs(none, np.arange(count), one.x_atc, one.ours, one.theirs, one.label, none - 1)

    def agreement(self, chosen: Bools) -> Agreement:
        """Agreement over chosen rows alone."""
        one, stage = self.matches, self.stage
        block = blocks_of(one.granule[chosen], one.x_atc[chosen], stage.block)
        return paired_agreement(one.ours[chosen], one.theirs[chosen], block, stage.seed, stage.draws)


def match(workspace: Workspace, choice: Choice, run: str, progress: Progress) -> Matched:
    """Match a table of measurements with a run; errors as ``match_table``."""
    project = workspace.refresh()
    stage = project.stage(Match)
    with watched(lambda step: progress(f"matching {step.detail}")):
        return Matched(choice, match_table(project, choice.item, run, stage), stage)


@dataclass(frozen=True)
class Alone:
    """A product on its own."""

    choice: Choice
    product: ProductGranule


def alone(workspace: Workspace, choice: Choice) -> Alone:
    """Read a product of no granule here; errors as ``read_product``."""
    found: Alone = workspace.kept("alone", choice.item.path, lambda: Alone(choice, read_product(choice.item.path)))
    return found

"""Agreement of freeboard with products of the same pass, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from processing.core.paired import Agreement
from processing.core.product_comparison import GranuleComparison
from processing.errors import LeadlineError
from processing.local.against_products import agreement, compare_granule, products_of
from processing.project import Project
from processing.stages import Compare

_NAMES = ("bias", "rms", "centred_rms", "correlation", "slope")
COLUMNS = (
    *("granule_id", "product", "kind", "beam", "quantity", "count", "mean_ours", "mean_theirs"),
    *(f"{name}{end}" for name in _NAMES for end in ("", "_low", "_high")),
)


def comparisons(project: Project, granule: str, run: str) -> tuple[list[GranuleComparison], list[str]]:
    """The granule beside each product of its pass, and in words what could not be compared."""
    found, refused = [], []
    for product in products_of(project, granule):
        try:
            found.append(compare_granule(project, granule, product, project.stage(Compare), run))
        except LeadlineError as error:
            refused.append(error.line)
    return found, refused


def agreement_rows(project: Project, granules: Sequence[str], run: str = "") -> pd.DataFrame:
    """A row for each product, quantity and beam, and for all beams together (beam ``all``); m, 95 % intervals.

    Products that cannot be compared are left out.
    """
    rows = [row for granule in granules for each in comparisons(project, granule, run)[0] for row in _rows(each)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(found: GranuleComparison) -> Iterator[dict[str, object]]:
    for quantity in ("freeboard", "sea_surface"):
        for beam, tracks in [(track.beam, [track]) for track in found.tracks] + [("all", list(found.tracks))]:
            told = agreement(tracks, quantity)
            if told.count:
                yield {
                    "granule_id": found.granule,
                    "product": found.product,
                    "kind": found.product_kind,
                    "beam": beam,
                    "quantity": quantity,
                    **_values(told),
                }


def _values(told: Agreement) -> dict[str, float]:
    values: dict[str, float] = {
        "count": told.count,
        "mean_ours": told.mean_ours,
        "mean_theirs": told.mean_theirs,
    }
    for name in _NAMES:
        interval = getattr(told, name)
        values |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return values

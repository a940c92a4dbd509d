"""Figures of a granule beside ATL07 and ATL10, in the order of the paper's Figures 6 to 11 as far as that is known.

The paper: Iqrah et al. 2025, arXiv 2502.02700. Its figures show one beam; these show one beam along the track and the
statistics of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from matplotlib.figure import Figure

from processing.charts import product_figures as draw
from processing.charts.style import drawing
from processing.core.product_comparison import GranuleComparison, Rules, TrackComparison

FIGURES: Mapping[str, tuple[Callable[[GranuleComparison], Figure], tuple[str, ...]]] = MappingProxyType(
    {
        "figure_06_classes": (draw.class_figure, ("atl07", "atl10")),
        "figure_07_sea_surfaces": (draw.surface_figure, ("atl07", "atl10")),
        "figure_08_sea_surface_difference": (draw.sea_level_figure, ("atl10", "atl07")),
        "figure_09_freeboard": (draw.freeboard_figure, ("atl10",)),
        "figure_10_freeboard_distributions": (draw.distribution_figure, ("atl10",)),
        "figure_11_density": (draw.density_figure, ("atl07", "atl10")),
    }
)
"""Each figure by its name, and the products it may show, the paper's first."""

Compared = GranuleComparison | TrackComparison


def comparison_figures(
    comparison: Compared | Sequence[Compared], *, synthetic: bool = False, rules: Rules | None = None
) -> dict[str, Figure]:
    """Every figure that the comparisons of one granule allow, by name; the sea surface with both products where given.

    Parameters
    ----------
    comparison : a granule or one beam beside a product, or several of these, such as one for ATL07 and one for ATL10.
        Those without common segments give no figure; freeboard needs ATL10.
    synthetic, rules : of a single beam, whether its inputs are, and what counts; a granule's comparison knows both.
    """
    given = [comparison] if isinstance(comparison, GranuleComparison | TrackComparison) else list(comparison)
    usable = [each for each in (_whole(one, rules or Rules(), synthetic=synthetic) for one in given) if each.tracks]
    found: dict[str, Figure] = {}
    with drawing():
        for name, (figure, kinds) in FIGURES.items():
            chosen = sorted(
                (each for each in usable if each.product_kind in kinds), key=lambda e: kinds.index(e.product_kind)
            )
            for number, each in enumerate(chosen if draw.sea_level_figure is figure else chosen[:1]):
                found[f"{name}_{each.product_kind}" if number else name] = figure(each)
    return found


def _whole(one: Compared, rules: Rules, *, synthetic: bool) -> GranuleComparison:
    """A comparison of beams that have segments of the product on our track."""
    if isinstance(one, TrackComparison):
        one = GranuleComparison(
            one.granule, one.run, one.product, one.product_kind, one.release, synthetic, (one,), (), rules
        )
    tracks = tuple(track for track in one.tracks if (track.ours.count > 0).any())
    return GranuleComparison(
        *(one.granule, one.run, one.product, one.product_kind, one.release),
        one.synthetic,
        tracks,
        one.left_out,
        one.rules,
    )

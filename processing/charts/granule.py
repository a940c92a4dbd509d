"""Figures of a granule's freeboard at journal size: along the track, distributions, polar map, beams side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from processing.charts import style
from processing.charts.along import Steps, runs, steps_of
from processing.charts.granule_map import track_map
from processing.charts.panels import (
    class_name,
    dash,
    dot_key,
    legend,
    lettered,
    limit,
    limits,
    line_key,
    patch_key,
    surface_colour,
)
from processing.core.agreement import block_numbers
from processing.core.block_means import block_sum
from processing.core.mean_freeboard import group_means
from processing.core.product_agreement import mode
from processing.schema import SeaSurfaceSource, SurfaceClass

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]

CLASSES = (SurfaceClass.THICK_ICE, SurfaceClass.THIN_ICE, SurfaceClass.OPEN_WATER)
BLOCK = 10_000.0
"""Length of track, m, whose sea-surface errors count as one."""

_FEW = 3000
"""Segments few enough to be drawn as larger dots."""


class Profile(Protocol):
    """What a figure needs of a measured track; ``processing.local.measured.MeasuredTrack`` is one."""

    @property
    def granule(self) -> str: ...
    @property
    def beam(self) -> str: ...
    @property
    def run(self) -> str: ...
    @property
    def estimator(self) -> str: ...
    @property
    def segment_length(self) -> float: ...
    @property
    def x_atc(self) -> F8: ...
    @property
    def lat(self) -> F8: ...
    @property
    def lon(self) -> F8: ...
    @property
    def height(self) -> F4: ...
    @property
    def height_sigma(self) -> F4: ...
    @property
    def sea_surface(self) -> F4: ...
    @property
    def sea_surface_sigma(self) -> F4: ...
    @property
    def sea_surface_source(self) -> npt.NDArray[np.int8]: ...
    @property
    def freeboard(self) -> F4: ...
    @property
    def lead_id(self) -> npt.NDArray[np.int32]: ...
    @property
    def label(self) -> npt.NDArray[np.int8]: ...


Surfaces = Mapping[str, Mapping[str, F4]]
"""By beam and estimator, (n,) f4 m."""


def granule_figures(tracks: Sequence[Profile], synthetic: bool, surfaces: Surfaces | None = None) -> dict[str, Figure]:
    """Figures of the beams of one granule by name; beams without segments are left out.

    ``profile_BEAM``: freeboard with its uncertainty, surface and sea surfaces with leads, classes and source.
    ``distribution``: freeboard by class and by beam. ``map``: the tracks coloured by freeboard. ``beams``: all beams
    one above the other. ``surfaces`` are all estimators' sea surfaces; without them the chosen one alone is drawn.
    """
    some = [track for track in tracks if len(track.x_atc)]
    if not some:
        return {}
    foot = _foot(some[0], synthetic)
    with style.drawing():
        found = {f"profile_{track.beam}": profile(track, foot, (surfaces or {}).get(track.beam, {})) for track in some}
        found["distribution"] = distribution(some, foot)
        found["map"] = track_map(some, foot)
        found["beams"] = beams_together(some, foot)
    return found


def _foot(track: Profile, synthetic: bool) -> str:
    said = "SYNTHETIC inputs: no value is a measurement. " if synthetic else ""
    length = f"{track.segment_length:g} m"
    return f"{said}{track.granule}, run {track.run}, segments of {length}, sea surface: {track.estimator}."


def profile(track: Profile, foot: str, surfaces: Mapping[str, F4]) -> Figure:
    """Freeboard, surface heights and classes along one beam."""
    figure = style.sheet(5.6, f"Freeboard along {track.beam}", foot)
    top, middle, strip = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 0.75))
    steps = steps_of(track.x_atc, track.segment_length)
    start = steps.edges[0]
    _draw_freeboard(top, track, steps)
    _draw_heights(middle, track, steps, surfaces)
    _draw_strips(strip, track, steps)
    strip.set_xlim(0.0, max((steps.edges[-1] - start) / 1000.0, 1e-3))
    strip.set_xlabel(f"distance along the track from x_atc = {start / 1000.0:,.3f} km (km)")
    for letter, axes in zip("abc", (top, middle, strip), strict=True):
        lettered(axes, letter)
    figure.align_ylabels([top, middle])
    return figure


def _draw_freeboard(axes: Axes, track: Profile, steps: Steps) -> None:
    km = (track.x_atc - steps.edges[0]) / 1000.0
    size, above = (3.0, 3) if len(km) < _FEW else (1.4, 1)
    for code in CLASSES:
        its = track.label == code
        axes.plot(
            km[its],
            track.freeboard[its],
            ".",
            ms=size,
            mew=0,
            alpha=0.5,
            zorder=above,
            color=style.class_colour(code),
            rasterized=True,
        )
    mean, sigma, count = group_means(
        track.freeboard, track.height_sigma, track.sea_surface_sigma, steps.index, len(steps.middle)
    )
    there = np.where(count > 0, mean, np.nan)
    at = (steps.middle - steps.edges[0]) / 1000.0
    axes.fill_between(at, there - 2 * sigma, there + 2 * sigma, color=style.colour("accent"), alpha=0.25, lw=0)
    axes.plot(at, there, color=style.colour("ink"), lw=0.7)
    limit(axes, track.freeboard)
    axes.axhline(0.0, color=style.colour("soft"), lw=0.6)
    axes.set_ylabel("freeboard (m)")
    step = steps.edges[1] - steps.edges[0]
    keys = [dot_key(style.class_colour(code), class_name(code)) for code in CLASSES]
    keys.append(line_key(style.colour("ink"), f"mean over {step:.3g} m"))
    keys.append(patch_key(style.colour("accent"), "its uncertainty, 95 %", alpha=0.25))
    legend(axes, keys, 5)


def _draw_heights(axes: Axes, track: Profile, steps: Steps, surfaces: Mapping[str, F4]) -> None:
    at = (steps.middle - steps.edges[0]) / 1000.0
    axes.plot(at, steps.mean(track.height), color=style.colour("soft"), alpha=0.55, lw=0.7, zorder=1)
    shown = dict(surfaces) or {track.estimator: track.sea_surface}
    keys = [line_key(style.colour("soft"), "surface", alpha=0.55)]
    for name, values in shown.items():
        chosen = name == track.estimator
        look: dict[str, Any] = {
            "color": surface_colour(name),
            "ls": dash(name),
            "lw": 1.4 if chosen else 0.8,
            "zorder": 4 if chosen else 3,
        }
        axes.plot(at, steps.mean(values), **look)
        keys.append(line_key(look["color"], name, ls=look["ls"], lw=look["lw"]))
    level, sigma = steps.mean(track.sea_surface), steps.mean(track.sea_surface_sigma)
    axes.fill_between(at, level - 2 * sigma, level + 2 * sigma, color=surface_colour(track.estimator), alpha=0.2, lw=0)
    x, height = leads_of(track)
    axes.plot(
        (x - steps.edges[0]) / 1000.0, height, "v", ms=3, mfc="white", mew=0.6, mec=style.class_colour(2), zorder=5
    )
    keys.append(dot_key(style.class_colour(2), "lead", marker="v"))
    for first, stop in runs(steps.any(track.sea_surface_source == SeaSurfaceSource.INTERPOLATED)):
        span = (steps.edges[[first, stop]] - steps.edges[0]) / 1000.0
        axes.axvspan(*span, color=style.colour("warn"), alpha=0.1, lw=0, zorder=0)
    keys.append(patch_key(style.colour("warn"), "interpolated", alpha=0.1))
    low = np.concatenate([np.asarray(values, np.float64) for values in (*shown.values(), height)])
    limit(axes, np.concatenate([low, steps.mean(track.height)]), (0.0, 100.0))
    axes.set_ylabel("height (m)")
    legend(axes, keys, 8)


def _draw_strips(axes: Axes, track: Profile, steps: Steps) -> None:
    km = (steps.edges - steps.edges[0]) / 1000.0
    _strip(
        axes,
        km,
        1.0,
        steps.most(track.label, tuple(CLASSES)),
        {int(code): style.class_colour(code) for code in CLASSES},
    )
    sources = {
        int(SeaSurfaceSource.LEADS): surface_colour(track.estimator),
        int(SeaSurfaceSource.INTERPOLATED): style.colour("warn"),
        int(SeaSurfaceSource.NONE): style.colour("line"),
    }
    _strip(axes, km, 0.0, steps.most(track.sea_surface_source, tuple(sources)), sources)
    axes.set_ylim(-0.05, 1.95)
    axes.set_yticks([0.4, 1.4], ["source", "class"])
    axes.spines[["left"]].set_visible(False)
    names = ("from leads", "interpolated", "none")
    legend(axes, [patch_key(tint, name) for tint, name in zip(sources.values(), names, strict=True)], 3)


def _strip(axes: Axes, edges: F8, low: float, codes: npt.NDArray[np.int64], colours: Mapping[int, str]) -> None:
    for code, tint in colours.items():
        found = runs(codes == code)
        spans = [(edges[first], edges[stop] - edges[first]) for first, stop in found]
        if spans:
            axes.broken_barh(spans, (low, 0.8), facecolors=tint, lw=0, rasterized=True)


def leads_of(track: Profile) -> tuple[F8, F8]:
    """Middle (m) and mean height (m) of each lead, in order."""
    its = track.lead_id >= 0
    names, place = np.unique(track.lead_id[its], return_inverse=True)
    count = np.maximum(np.bincount(place, minlength=len(names)), 1)
    height = np.nan_to_num(track.height[its].astype(np.float64))
    return tuple(np.bincount(place, values, minlength=len(names)) / count for values in (track.x_atc[its], height))  # type: ignore[return-value]


def distribution(tracks: Sequence[Profile], foot: str) -> Figure:
    """Freeboard by class with modes and means, and the beams' means and modes."""
    figure = style.sheet(3.0, "Distribution of freeboard", foot)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    freeboard = np.concatenate([track.freeboard for track in tracks]).astype(np.float64)
    label = np.concatenate([track.label for track in tracks])
    blocks = np.concatenate([block_numbers(track.x_atc, BLOCK) for track in tracks])
    low, high = limits(freeboard, (0.2, 99.0))
    edges = np.arange(np.floor(low * 50) / 50, high + 0.02, 0.02)
    for code in CLASSES:
        its = (label == code) & np.isfinite(freeboard)
        if its.any():
            _draw_class(left, code, freeboard[its], blocks[its], edges, int(np.isfinite(freeboard).sum()))
    left.set_xlim(low, high)
    left.set_ylim(bottom=0.0)
    left.set_xlabel("freeboard (m)")
    left.set_ylabel("share of segments in 2 cm (%)")
    if left.get_legend_handles_labels()[0]:
        left.legend(loc="lower left", bbox_to_anchor=(0.03, 1.0), borderaxespad=0.2)
    _draw_beams(right, tracks)
    for letter, axes in zip("ab", (left, right), strict=True):
        lettered(axes, letter)
    return figure


def _draw_class(axes: Axes, code: int, values: F8, blocks: Any, edges: F8, total: int) -> None:
    tint = style.class_colour(code)
    counts = np.histogram(values, edges)[0] * 100.0 / total
    top, average = mode(values, blocks).value, float(values.mean())
    axes.stairs(counts, edges, color=tint, lw=1.0, fill=False, zorder=3)
    axes.stairs(counts, edges, color=tint, alpha=0.2, fill=True, zorder=2)
    reach = float(counts.max())
    axes.plot([average, average], [0.0, reach], color=tint, lw=0.9, ls=(0, (4, 2)))
    axes.plot([top], [reach * 1.03], "v", ms=4, color=tint)
    axes.plot([], [], color=tint, lw=1.2, label=_told(code, average, top, len(values)))


def _told(code: int, average: float, top: float, number: int) -> str:
    return f"{class_name(code)}: mean {average:.3f}, mode {top:.2f} m, n = {number:,}".replace("-", "\N{MINUS SIGN}")


def _draw_beams(axes: Axes, tracks: Sequence[Profile]) -> None:
    names = [track.beam for track in tracks]
    for row, track in enumerate(tracks):
        ice = np.isfinite(track.freeboard) & (track.label != SurfaceClass.OPEN_WATER)
        values = track.freeboard[ice].astype(np.float64)
        if not len(values):
            continue
        quarter = np.percentile(values, [25, 50, 75])
        axes.plot(quarter[[0, 2]], [row, row], color=style.colour("line"), lw=5, solid_capstyle="butt", zorder=1)
        axes.plot(quarter[1], row, "|", ms=8, mew=1.2, color=style.colour("soft"))
        sigmas = track.height_sigma[ice], track.sea_surface_sigma[ice]
        spread = 2 * block_sum(track.x_atc[ice], track.freeboard[ice], *sigmas, BLOCK).sigma
        axes.errorbar(values.mean(), row, xerr=spread, fmt="o", ms=3.5, lw=0.9, color=style.colour("accent"))
        axes.plot(
            mode(values, block_numbers(track.x_atc[ice], BLOCK)).value, row, "v", ms=4, color=style.class_colour(1)
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("freeboard of ice (m)")
    axes.grid(axis="x")
    keys = [
        dot_key(style.colour("accent"), "mean, 95 %"),
        dot_key(style.class_colour(1), "mode", marker="v"),
        dot_key(style.colour("soft"), "median", marker="|"),
        patch_key(style.colour("line"), "quartiles"),
    ]
    legend(axes, keys, 2)


def beams_together(tracks: Sequence[Profile], foot: str) -> Figure:
    """Means of freeboard along every beam, one above the other, over the same places."""
    figure = style.sheet(0.8 + 0.85 * len(tracks), "Freeboard of the beams", foot)
    rows = np.atleast_1d(figure.subplots(len(tracks), 1, sharex=True, sharey=True))
    start = min(track.x_atc[0] for track in tracks)
    end = max(track.x_atc[-1] for track in tracks)
    for letter, axes, track in zip("abcdef", rows, tracks, strict=False):
        steps = steps_of(track.x_atc, track.segment_length, 360)
        at = (steps.middle - start) / 1000.0
        mean, sigma, _ = group_means(
            track.freeboard, track.height_sigma, track.sea_surface_sigma, steps.index, len(steps.middle)
        )
        axes.fill_between(at, mean - 2 * sigma, mean + 2 * sigma, color=style.colour("accent"), alpha=0.25, lw=0)
        axes.plot(at, mean, color=style.colour("accent"), lw=0.8)
        water = steps.any(track.label == SurfaceClass.OPEN_WATER)
        axes.plot(at[water], np.full(water.sum(), -0.09), "|", ms=3, mew=0.6, color=style.class_colour(2))
        axes.axhline(0.0, color=style.colour("soft"), lw=0.5)
        axes.set_ylabel(track.beam)
        lettered(axes, letter)
    every = np.concatenate([steps_of(track.x_atc, track.segment_length, 360).mean(track.freeboard) for track in tracks])
    rows[0].set_ylim(-0.15, limits(every, (0.0, 99.5))[1])
    rows[-1].set_xlim(0.0, max((end - start) / 1000.0, 1e-3))
    rows[-1].set_xlabel(f"distance along the track from x_atc = {start / 1000.0:,.3f} km (km)")
    figure.supylabel("freeboard (m)", fontsize=7.5, color=style.colour("soft"))
    keys = [
        line_key(style.colour("accent"), "mean and its uncertainty, 95 %"),
        dot_key(style.class_colour(2), "open water", marker="|"),
    ]
    legend(rows[0], keys, 2)
    return figure

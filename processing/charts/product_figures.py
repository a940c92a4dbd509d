"""The six figures of a granule beside a product: classes, sea surfaces, their difference, freeboard, modes, density."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from processing.charts import product_parts as part
from processing.charts import style as paper
from processing.core.product_agreement import LABELS, TYPES, density_profile, type_group
from processing.core.product_comparison import (
    GranuleComparison,
    TrackComparison,
    agreement,
    classes,
    leads,
    modes,
    pairs,
)

_ZOOM = 4000.0
_BLOCK = 500.0
_DASHES = {"dotted": ":", "dashed": "--", "dotdash": (0, (5, 1.5, 1, 1.5)), "dashdot": "-.", "solid": "-"}


def class_figure(comparison: GranuleComparison) -> Figure:
    """Our classes at 2 m beside the product's surface types: a stretch, the whole beam, and a table of all beams."""
    track = part.shown_beam(comparison.tracks)
    name = part.name_of(comparison.product_kind)
    figure = paper.sheet(5.6, f"Classes at 2 m and surface types of {name}", part.foot_of(comparison))
    grid = figure.add_gridspec(3, 2, height_ratios=(1.5, 0.42, 1.25), width_ratios=(1.25, 1))
    start = part.origin(track)
    _class_profile(figure.add_subplot(grid[0, :]), track, name, start)
    _class_strips(figure.add_subplot(grid[1, :]), track, name, start)
    _class_table(figure.add_subplot(grid[2, 0]), comparison, name)
    part.words(figure.add_subplot(grid[2, 1]), _lead_words(comparison, name))
    return figure


def _class_profile(axes: Axes, track: TrackComparison, name: str, start: float) -> None:
    begin, end = part.busiest(track, _ZOOM)
    fine = track.fine
    inside = (fine.x >= begin) & (fine.x <= end)
    low, high = _levels(fine.height[inside], 0.45)
    low -= 0.12
    for code in (-1, 0, 1, 2):
        mine = inside & (fine.label == code)
        at = (fine.x[mine] - start) / 1000.0
        axes.plot(
            at, fine.height[mine], ".", color=paper.class_colour(code), markersize=2.2, zorder=3 if code == 2 else 2
        )
    near = _reaches(track, begin, end)
    heights = np.where(near, track.product_height - _moved(track), np.nan)
    part.draw_steps(axes, start, track, heights, colors=paper.colour("ink"), linewidths=1.3, zorder=4)
    group = type_group(track.product_type)
    for number, colour in enumerate(part.TYPE_COLOURS):
        rail = np.where((group == number) & near, low + 0.06, np.nan)
        part.draw_steps(axes, start, track, rail, colors=colour, linewidths=6, capstyle="butt", zorder=4)
    axes.set(xlim=((begin - start) / 1000.0, (end - start) / 1000.0), ylim=(low, high), ylabel="height [m]")
    axes.set_title(f"{track.beam}, the 4 km with most leads: points ours at 2 m, strip and dark bars {name}")
    part.along(axes, start)
    handles = [_dot(code) for code in (0, 1, 2)]
    handles += [Line2D([], [], color=paper.colour("ink"), linewidth=1.3)]
    handles += [Line2D([], [], color=colour, linewidth=5, solid_capstyle="butt") for colour in part.TYPE_COLOURS]
    labels = [*(_class_name(code) for code in (0, 1, 2)), f"height of {name}", *TYPES]
    axes.legend(
        handles, labels, ncols=4, loc="upper right", fontsize=6, framealpha=0.85, frameon=True, edgecolor="none"
    )


def _class_strips(axes: Axes, track: TrackComparison, name: str, start: float) -> None:
    group = type_group(track.product_type)
    rows = (
        [(track.ours.label == code, paper.class_colour(code)) for code in (-1, 0, 1, 2)],
        [(group == number, colour) for number, colour in enumerate(part.TYPE_COLOURS)],
    )
    for level, row in enumerate(rows):
        for mask, colour in row:
            # Leads are drawn last and no thinner than can be seen.
            values = np.where(mask & (track.ours.count > 0), 1.0 - level, np.nan)
            part.draw_steps(axes, start, track, values, colors=colour, linewidths=11, capstyle="butt")
    axes.set(yticks=[1, 0], yticklabels=["ours, most frequent", name], ylim=(-0.55, 1.55))
    axes.set_title(f"{track.beam}, whole")
    part.along(axes, start)
    axes.grid(visible=False)


def _class_table(axes: Axes, comparison: GranuleComparison, name: str) -> None:
    total = sum((classes(track, comparison.rules) for track in comparison.tracks), np.zeros((4, 4), np.int64))
    used = [row for row in range(len(LABELS)) if LABELS[row] >= 0 or total[row].any()]
    counts = total[used]
    share = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    shades = ListedColormap([_mixed(part.OURS, weight) for weight in np.linspace(0, 1, 64)])
    axes.imshow(share, cmap=shades, vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            ink = paper.ink_on(shades(share[row, column])[:3])
            text = f"{count:,}\n{100 * share[row, column]:.0f} %" if counts[:, column].any() else "–"
            axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=ink)
    axes.set(xticks=range(4), xticklabels=TYPES, yticks=range(len(used)))
    axes.set_yticklabels([_class_name(LABELS[row]) for row in used])
    axes.set(xlabel=f"surface type of {name}", ylabel="our most frequent class")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("segments of all beams, % of each type")


def _lead_words(comparison: GranuleComparison, name: str) -> str:
    found = [leads(track, comparison.rules) for track in comparison.tracks]
    theirs, ours, both = (sum(getattr(each, key) for each in found) for key in ("theirs", "ours", "both"))
    touched = sum(each.touched for each in found)
    runs = sum(track.our_leads for track in comparison.tracks)
    inside = sum(track.our_leads_in_theirs for track in comparison.tracks)
    return "\n".join(
        (
            f"Segments that carry {name}'s sea level: {theirs:,}",
            f"  of them mostly our open water: {both:,} ({_percent(both, theirs)})",
            f"  with any of our open water: {touched:,} ({_percent(touched, theirs)})",
            f"Segments that are mostly our open water: {ours:,}",
            f"  of them with {name}'s sea level: {both:,} ({_percent(both, ours)})",
            f"Leads of ours on the same stretch: {runs:,}",
            f"  sharing ground with its sea level: {inside:,} ({_percent(inside, runs)})",
        )
    )


def surface_figure(comparison: GranuleComparison) -> Figure:
    """Sea surfaces by every estimator along one beam, over the open water they come from."""
    track = part.shown_beam(comparison.tracks)
    fine, start = track.fine, part.origin(track)
    count = len(fine.surfaces)
    figure = paper.sheet(4.4, f"Sea surface by {count} estimators, {track.beam}", part.foot_of(comparison))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    water = fine.label == 2
    shown = np.flatnonzero(water)[:: max(1, int(water.sum()) // 6000)]
    at = (fine.x[shown] - start) / 1000.0
    upper.plot(at, fine.height[shown], ".", color="#9db4cc", markersize=1.6, label="open water, 2 m", rasterized=True)
    base = fine.surfaces[fine.estimator]
    for name, surface in fine.surfaces.items():
        look = _surface_look(name, chosen=name == fine.estimator)
        part.draw_line(upper, start, fine.x, surface, label=look.pop("label"), **look)
        if name != fine.estimator:
            part.draw_line(lower, start, fine.x, 100.0 * (surface - base), **look)
    known = np.concatenate([surface[np.isfinite(surface)] for surface in fine.surfaces.values()])
    if len(known):
        upper.set_ylim(float(known.min()) - 0.06, float(known.max()) + 0.1)
    upper.set(ylabel="height above our reference [m]")
    upper.grid(axis="y")
    upper.legend(ncols=3, loc="upper right", fontsize=6.2, frameon=True, framealpha=0.85, edgecolor="none")
    lower.axhline(0.0, color=_surface_look(fine.estimator)["color"], linewidth=1.4)
    lower.set(ylabel=f"minus {fine.estimator} [cm]", ylim=_closely(fine.surfaces, fine.estimator))
    lower.set_title(_surface_words(fine.surfaces, fine.estimator), fontsize=6.8, fontweight="normal")
    part.along(lower, start)
    return figure


def _closely(surfaces: Any, estimator: str) -> tuple[float, float]:
    """Limits in cm that hold the estimators nearest to the chosen one; the others may leave the panel."""
    reach = [
        100.0 * float(np.nanpercentile(np.abs(surface - surfaces[estimator]), 99))
        for name, surface in surfaces.items()
        if name != estimator and np.isfinite(surface - surfaces[estimator]).any()
    ]
    limit = 1.3 * sorted(reach)[(len(reach) - 1) // 2] + 2.0 if reach else 5.0
    return -limit, limit


def _surface_words(surfaces: Any, estimator: str) -> str:
    base = surfaces[estimator]
    told = [
        f"{name} {100 * float(np.nanmean(surface - base)):+.1f} cm".replace("-", "−")
        for name, surface in surfaces.items()
        if name != estimator and np.isfinite(surface - base).any()
    ]
    return f"mean difference from {estimator}: " + ", ".join(told) if told else "no sea surface"


def sea_level_figure(comparison: GranuleComparison) -> Figure:
    """Our sea surface beside the product's: along one beam, against each other, and the difference."""
    track = part.shown_beam(comparison.tracks)
    name = part.name_of(comparison.product_kind)
    of_product = f"Sea surface, ours and {name}'s, on the product's reference"
    figure = paper.sheet(5.0, of_product, part.foot_of(comparison))
    grid = figure.add_gridspec(2, 2, height_ratios=(1.05, 1))
    start = part.origin(track)
    axes = figure.add_subplot(grid[0, :])
    ours, theirs = pairs(track, "sea_surface")
    label = f"ours ({track.fine.estimator}), ±1σ"
    part.draw_band(axes, start, track.x_atc, ours, track.ours.sea_surface_sigma, color=part.OURS, alpha=0.18)
    part.draw_line(axes, start, track.x_atc, ours, color=part.OURS, linewidth=1.5, label=label)
    sampled = comparison.product_kind == "atl07"
    if sampled:
        at, sigma = (track.x_atc - start) / 1000.0, np.nan_to_num(track.product_sea_surface_sigma)
        look: dict[str, Any] = {"color": part.THEIRS, "markersize": 3, "elinewidth": 0.6}
        look["rasterized"] = len(at) > 3000
        axes.errorbar(at, theirs, sigma, fmt="o", label=f"{name} segments that carry sea level", **look)
    else:
        part.draw_steps(axes, start, track, theirs, colors=part.THEIRS, linewidths=1.6)
        at, sections = (track.sections.x - start) / 1000.0, track.sections
        axes.errorbar(
            at, sections.theirs, sections.sigma, fmt="D", color=part.THEIRS, markersize=4, label=f"{name} sections, ±1σ"
        )
    axes.set(ylabel="height [m]")
    axes.set_title(f"{track.beam}: " + part.numbers(agreement(track, "sea_surface", comparison.rules)).split("\n")[1])
    axes.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
    part.along(axes, start)
    _pair_panels(figure, grid, comparison, "sea_surface", "sea surface")
    return figure


def freeboard_figure(comparison: GranuleComparison) -> Figure:
    """Our freeboard beside the product's: along a beam and a stretch of it, against each other, and the difference."""
    track = part.shown_beam(comparison.tracks)
    name, start = part.name_of(comparison.product_kind), part.origin(track)
    figure = paper.sheet(6.6, f"Freeboard, ours and {name}'s", part.foot_of(comparison))
    grid = figure.add_gridspec(3, 2, height_ratios=(0.9, 0.9, 1.1))
    whole, zoom = figure.add_subplot(grid[0, :]), figure.add_subplot(grid[1, :])
    ours, theirs = pairs(track, "freeboard")
    step = part.step_for(track.x_atc, _BLOCK)
    for values, colour, label in ((theirs, part.THEIRS, name), (ours, part.OURS, "ours over its segments")):
        x, mean = part.block_means(track.x_atc, np.where(np.isfinite(ours + theirs), values, np.nan), step)
        whole.plot((x - start) / 1000.0, mean, color=colour, linewidth=1.2, label=label)
    low, high = whole.get_ylim()
    whole.set(ylabel="freeboard [m]", ylim=(low, high + 0.2 * (high - low)))
    whole.set_title(f"{track.beam}, means over {step / 1000:g} km of what both measured")
    whole.legend(loc="upper right", ncols=2, frameon=True, framealpha=0.85, edgecolor="none")
    whole.grid(axis="y")
    _freeboard_stretch(zoom, track, name, start)
    _pair_panels(figure, grid, comparison, "freeboard", "freeboard", row=2)
    return figure


def _freeboard_stretch(axes: Axes, track: TrackComparison, name: str, start: float) -> None:
    begin, end = part.busiest(track, _ZOOM)
    fine = track.fine
    inside = (fine.x >= begin) & (fine.x <= end)
    at = (fine.x[inside] - start) / 1000.0
    axes.plot(at, fine.freeboard[inside], ".", color="#8fbfc5", markersize=1.8, label="ours, 2 m", rasterized=True)
    near = _reaches(track, begin, end)
    for values, colour in ((track.product_freeboard, part.THEIRS), (track.ours.freeboard, part.OURS)):
        part.draw_steps(axes, start, track, np.where(near, values, np.nan), colors=colour, linewidths=1.8)
    axes.axhline(0.0, color=paper.colour("soft"), linewidth=0.6)
    axes.set(xlim=((begin - start) / 1000.0, (end - start) / 1000.0), ylim=_levels(fine.freeboard[inside]))
    axes.set(ylabel="freeboard [m]")
    axes.set_title("the 4 km with most leads; bars: segments of the product")
    part.along(axes, start)
    handles = [Line2D([], [], color=colour, linewidth=1.8) for colour in (part.THEIRS, part.OURS)]
    points = Line2D([], [], linestyle="", marker=".", color="#8fbfc5")
    labels = [name, "ours over its segments", "ours at 2 m"]
    axes.legend([*handles, points], labels, loc="upper right", ncols=3, frameon=True, framealpha=0.85, edgecolor="none")


def _pair_panels(
    figure: Figure, grid: Any, comparison: GranuleComparison, quantity: Any, word: str, row: int = 1
) -> None:
    """Scatter and histogram of all beams side by side, with the statistics."""
    name = part.name_of(comparison.product_kind)
    ours, theirs = part.all_pairs(comparison, quantity)
    left, right = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
    part.scatter(left, theirs, ours)
    left.set(xlabel=f"{name} {word} [m]", ylabel=f"our {word} [m]")
    left.set_title("all beams")
    part.differences(right, ours - theirs)
    right.set_title("difference, all beams; bar: mean")
    part.note(right, part.numbers(agreement(comparison.tracks, quantity, comparison.rules)))


def distribution_figure(comparison: GranuleComparison) -> Figure:
    """Distributions of freeboard with their modes, and the bias of each beam with its interval."""
    name = part.name_of(comparison.product_kind)
    figure = paper.sheet(3.4, f"Distributions of freeboard, ours and {name}'s", part.foot_of(comparison))
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    ours, theirs = part.all_pairs(comparison, "freeboard")
    both = np.isfinite(ours) & np.isfinite(theirs)
    fine = np.concatenate([np.zeros(0), *(_fine_on(track) for track in comparison.tracks)])
    found = modes(comparison.tracks, comparison.rules)
    entries: tuple[tuple[npt.NDArray[np.float64], Any, str, Any, str], ...] = (
        (theirs[both], found.theirs, part.THEIRS, "-", name),
        (ours[both], found.ours, part.OURS, "-", "ours over its segments"),
        (fine, found.fine, "#3f4752", "--", "ours at 2 m"),
    )
    edges = _edges(np.concatenate([entry[0] for entry in entries]))
    handles: list[Line2D] = []
    for values, peak, colour, dash, label in entries:
        if not len(values):
            continue
        text = f"{label}: mode {part.told(peak, 2)} m, mean {values.mean():.2f} m"
        left.hist(
            values,
            edges.tolist(),
            density=True,
            histtype="step",
            color=colour,
            linestyle=dash,
            linewidth=1.3,
        )
        handles.append(Line2D([], [], color=colour, linestyle=dash, linewidth=1.3, label=text))
        left.axvline(peak.value, ymax=0.74, color=colour, linestyle=dash, linewidth=0.7)
        if np.isfinite(peak.low):
            left.axvspan(peak.low, peak.high, ymax=0.74, color=colour, alpha=0.1, linewidth=0)
    left.set(xlabel="freeboard [m]", ylabel="density [1/m]", xlim=(edges[0], edges[-1]))
    left.set_title(f"{both.sum():,} segments of the product that both measured")
    left.set_ylim(0.0, 1.3 * left.get_ylim()[1])
    left.legend(handles=handles, loc="upper right", fontsize=6.2)
    _biases(right, comparison)
    return figure


def _biases(axes: Axes, comparison: GranuleComparison) -> None:
    for row, track in enumerate(comparison.tracks):
        found = agreement(track, "freeboard", comparison.rules).bias
        axes.plot(found.value, row, "o", color=part.OURS, markersize=4)
        if np.isfinite(found.low):
            axes.plot([found.low, found.high], [row, row], color=part.OURS, linewidth=1.2)
    axes.axvline(0.0, color=paper.colour("soft"), linewidth=0.7, linestyle=":")
    axes.set(yticks=range(len(comparison.tracks)), yticklabels=[track.beam for track in comparison.tracks])
    axes.set(ylim=(len(comparison.tracks) - 0.5, -0.5), xlabel="bias, ours minus product [m]")
    axes.set_title("by beam, with 95 % interval")
    axes.grid(axis="x")


def density_figure(comparison: GranuleComparison) -> Figure:
    """Segments a kilometre: of every beam, along one, and the product's lengths beside ours."""
    track = part.shown_beam(comparison.tracks)
    name, start = part.name_of(comparison.product_kind), part.origin(track)
    figure = paper.sheet(4.3, f"Density of segments, ours and {name}'s", part.foot_of(comparison))
    grid = figure.add_gridspec(2, 2)
    _density_bars(figure.add_subplot(grid[0, 0]), comparison, name)
    _lengths(figure.add_subplot(grid[0, 1]), comparison, name)
    axes = figure.add_subplot(grid[1, :])
    axes.set(yscale="log", ylim=(1, 1000))
    if len(track):
        step = part.step_for(track.x_atc, 1000.0)
        edges = np.arange(np.ceil(track.x_atc[0] / step), np.floor(track.x_atc[-1] / step) + 1) * step
        middle = (edges[:-1] + edges[1:] - 2 * start) / 2000.0
        for x, colour, label in ((track.fine.x, part.OURS, "ours, 2 m"), (track.x_atc, part.THEIRS, name)):
            axes.plot(
                middle, density_profile(x, edges), color=colour, drawstyle="steps-mid", linewidth=1.1, label=label
            )
        axes.set_title(f"{track.beam}, over each {step / 1000:g} km")
    axes.set(ylabel="segments a km")
    axes.legend(loc="lower left", ncols=2, frameon=True, framealpha=0.85, edgecolor="none")
    part.along(axes, start)
    return figure


def _density_bars(axes: Axes, comparison: GranuleComparison, name: str) -> None:
    place = np.arange(len(comparison.tracks))
    axes.set(xticks=place, xticklabels=[track.beam for track in comparison.tracks], yscale="log", ylim=(1, 3000))
    pairs_of = [(track.density.ours, track.density.theirs) for track in comparison.tracks]
    for side, (colour, label) in enumerate(((part.OURS, "ours, 2 m"), (part.THEIRS, name))):
        values = [each[side] for each in pairs_of]
        bars = axes.bar(place + (side - 0.5) * 0.4, values, 0.38, color=colour, label=label)
        axes.bar_label(bars, [f"{value:.0f}" if np.isfinite(value) else "–" for value in values], fontsize=6, padding=1)
    axes.set(ylabel="segments a km")
    axes.set_title("by beam, over the common stretch")
    axes.legend(loc="upper right", ncols=2, borderpad=0.1)


def _lengths(axes: Axes, comparison: GranuleComparison, name: str) -> None:
    lengths = np.concatenate([np.zeros(0), *(track.length for track in comparison.tracks)])
    lengths = lengths[np.isfinite(lengths)]
    if len(lengths):
        axes.hist(lengths, np.geomspace(2.0, max(250.0, lengths.max()), 50).tolist(), color=part.THEIRS, alpha=0.9)
        middle = float(np.median(lengths))
        axes.axvline(middle, color=paper.colour("ink"), linewidth=0.8)
        part.note(axes, f"{name}: median {middle:.0f} m,\n{lengths.min():.0f} to {lengths.max():.0f} m", "upper right")
    axes.axvline(2.0, color=part.OURS, linewidth=2)
    axes.set(xscale="log", xlabel="length of a segment [m]", ylabel="segments", xlim=(1.6, None))
    axes.set_title("lengths; left line: ours")


def _fine_on(track: TrackComparison) -> npt.NDArray[np.float64]:
    """Freeboards of our 2 m segments on the stretch that the product reaches."""
    if not len(track):
        return np.zeros(0)
    reach = slice(*np.searchsorted(track.fine.x, [track.x_atc[0], track.x_atc[-1]]))
    values = track.fine.freeboard[reach].astype(np.float64)
    return values[np.isfinite(values)]


def _edges(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    low, high = np.percentile(values, [0.2, 99.5]) if len(values) else (0.0, 1.0)
    return np.arange(np.floor(low / 0.02) * 0.02, high + 0.02, 0.02)


def _moved(track: TrackComparison) -> npt.NDArray[np.float64]:
    """m that the product's heights are lowered by to lie on our reference."""
    return np.nan_to_num(track.ours.reference - track.product_reference)


def _reaches(track: TrackComparison, begin: float, end: float) -> npt.NDArray[np.bool_]:
    return (track.x_atc + track.length / 2 >= begin) & (track.x_atc - track.length / 2 <= end)


def _levels(values: npt.NDArray[np.floating], room: float = 0.3) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return (-0.5, 1.5)
    low, high = np.percentile(known, [0.3, 99.7])
    return float(low) - 0.08, float(high) + room * float(high - low) + 0.08


def _surface_look(name: str, *, chosen: bool = False) -> dict[str, Any]:
    entry = paper.palette()["sea_surfaces"][name]
    return {
        "label": entry["name"],
        "color": entry["light"],
        "linestyle": _DASHES.get(entry["dash"], "-"),
        "linewidth": 1.7 if chosen else 1.1,
    }


def _class_name(code: int) -> str:
    return str(paper.palette()["classes"][str(code)]["name"])


def _dot(code: int) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", markersize=3.5, color=paper.class_colour(code))


def _mixed(colour: str, weight: float) -> tuple[float, float, float]:
    """A colour mixed with white."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (1.0 + weight * (each - 1.0) for each in parts)
    return red, green, blue


def _percent(some: int, of: int) -> str:
    return f"{100 * some / of:.0f} %" if of else "–"

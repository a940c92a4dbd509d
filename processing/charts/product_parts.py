"""What figures of a comparison are put together from: lines along the track, scatter, differences, numbers in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from processing.charts import style as paper
from processing.core.paired import Agreement, Interval
from processing.core.product_comparison import GranuleComparison, TrackComparison, pairs

F8 = npt.NDArray[np.float64]

OURS, THEIRS = "#007f8c", "#c2410c"
"""Teal and rust: apart for every kind of colour sight, and in grey by their lightness."""

TYPE_COLOURS = ("#b4bac3", "#6fa3cf", "#0b2f8a", "#d6006e")
"""Of cloud, ice, specular lead and dark lead; ice and specular leads as our thick ice and open water."""

GAP = 1000.0
"""Distance without segments over which no line is drawn, m."""

_MOST = 3000
"""Points beyond which a line is thinned and a scatter counted in cells."""


def name_of(kind: str) -> str:
    return kind.upper()


def shown_beam(tracks: Sequence[TrackComparison]) -> TrackComparison:
    """The beam with most segments of the product that ours cover; profiles show one."""
    return max(tracks, key=lambda track: int((track.ours.covered > 0).sum()))


def foot_of(comparison: GranuleComparison) -> str:
    """Where the figures come from, synthetic or not."""
    release = f" release {comparison.release}" if comparison.release else ""
    product = f"{comparison.product} ({name_of(comparison.product_kind)}{release})"
    what = f"{comparison.granule}, run {comparison.run}, against {product}"
    return ("SYNTHETIC inputs: " if comparison.synthetic else "") + what


def origin(track: TrackComparison) -> float:
    """m along the track that the axis counts from: whole kilometres, where the first segment of either lies."""
    firsts = [x[0] for x in (track.fine.x, track.x_atc) if len(x)]
    return float(np.floor(min(firsts) / 1000.0) * 1000.0) if firsts else 0.0


def along(axes: Axes, start: float) -> None:
    """Name the axis of distances that ``start`` (m) was taken off."""
    axes.set_xlabel(f"along-track distance beyond {start / 1000:,.0f} km from the equator [km]")
    axes.grid(axis="y")


def parted(x: F8, *columns: npt.NDArray[np.floating], gap: float = GAP) -> tuple[F8, ...]:
    """Columns with NaN put in where segments lie more than ``gap`` m apart, so that lines break there."""
    breaks = np.flatnonzero(np.diff(x) > gap) + 1
    return tuple(np.insert(np.asarray(column, np.float64), breaks, np.nan) for column in (x, *columns))


def thinned(x: F8, values: npt.NDArray[np.floating], most: int = _MOST) -> tuple[F8, F8]:
    """Means over equal steps of track, where there are more than ``most`` values; NaN where there is none."""
    if len(x) <= most:
        return x, np.asarray(values, np.float64)
    edges = np.linspace(x[0], x[-1] + 1e-6, most // 2 + 1)
    known = np.isfinite(values)
    cell = np.searchsorted(edges, x[known], side="right") - 1
    count = np.bincount(cell, minlength=most // 2)
    total = np.bincount(cell, values[known].astype(np.float64), minlength=most // 2)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return (edges[:-1] + edges[1:]) / 2, mean


def block_means(x: F8, values: F8, length: float) -> tuple[F8, F8]:
    """Means over blocks of ``length`` m and the blocks' middles; NaN where nothing is known."""
    if not len(x):
        return x, values
    first = np.floor(x[0] / length)
    cell = (np.floor(x / length) - first).astype(np.int64)
    known = np.isfinite(values)
    size = int(cell.max()) + 1
    count = np.bincount(cell[known], minlength=size)
    total = np.bincount(cell[known], values[known], minlength=size)
    mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return (first + np.arange(size) + 0.5) * length, mean


def step_for(x: F8, least: float) -> float:
    """A round distance (1, 2 or 5 times a power of ten, m), at least ``least``, that cuts a track into some 200."""
    span = float(x[-1] - x[0]) if len(x) else 0.0
    rough = max(span / 200.0, least)
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(each * power for each in (1.0, 2.0, 5.0, 10.0) if each * power >= rough * (1 - 1e-9)))


def draw_line(axes: Axes, start: float, x: F8, values: npt.NDArray[np.floating], **look: object) -> None:
    """A line along the track in km from ``start``, thinned and broken where segments are missing."""
    if len(x):
        at, height = _drawn(x, values)
        axes.plot((at - start) / 1000.0, height, **look)  # type: ignore[arg-type]


def draw_band(axes: Axes, start: float, x: F8, middle: F8, sigma: F8, **look: object) -> None:
    """A band of one ``sigma`` either side of a line along the track, as ``draw_line`` draws it."""
    if len(x):
        at, centre = _drawn(x, middle)
        _, half = _drawn(x, sigma)
        axes.fill_between((at - start) / 1000.0, centre - half, centre + half, linewidth=0, **look)  # type: ignore[arg-type]


def _drawn(x: F8, values: npt.NDArray[np.floating]) -> tuple[F8, F8]:
    at, means = thinned(x, values)
    # Means of a thinned line lie evenly apart and are NaN in gaps.
    at, means = parted(at, means, gap=GAP if len(at) == len(x) else np.inf)
    return at, means


def draw_steps(axes: Axes, start: float, track: TrackComparison, values: F8, **look: object) -> None:
    """The product's segments as bars of their length at their value."""
    known = np.isfinite(values)
    x, half = track.x_atc[known], track.length[known] / 2
    ends = np.stack([(x - half - start) / 1000.0, (x + half - start) / 1000.0], axis=1)
    lines = np.stack([ends, np.repeat(values[known, None], 2, axis=1)], axis=2)
    look.setdefault("rasterized", len(x) > _MOST)
    axes.add_collection(LineCollection(list(lines), **look))  # type: ignore[arg-type]
    axes.autoscale_view()


def busiest(track: TrackComparison, length: float) -> tuple[float, float]:
    """The stretch of ``length`` m with most leads of either, ends in m, within what both measured."""
    if not len(track):
        return (0.0, length)
    water = track.fine.x[track.fine.label == 2]
    leads = np.concatenate([np.repeat(track.x_atc[track.product_ssh], 20), water])
    low, high = track.x_atc[0], max(track.x_atc[-1] - length, track.x_atc[0])
    starts = np.arange(low, high + 1.0, length / 8)
    leads.sort()
    counts = np.searchsorted(leads, starts + length) - np.searchsorted(leads, starts)
    begin = float(starts[counts.argmax()])
    return begin, begin + length


def scatter(axes: Axes, theirs: F8, ours: F8, unit_range: tuple[float, float] | None = None) -> None:
    """Ours over theirs with the line of equality; counted in cells where there are many."""
    known = np.isfinite(ours) & np.isfinite(theirs)
    one, other = theirs[known], ours[known]
    low, high = unit_range or _range(np.concatenate([one, other]))
    axes.plot([low, high], [low, high], color=paper.colour("soft"), linewidth=0.7, zorder=3)
    if len(one) > 400:
        shades = LinearSegmentedColormap.from_list("counts", ["#d5e9eb", OURS, "#01262b"])
        axes.hexbin(
            one, other, gridsize=44, extent=(low, high, low, high), bins="log", cmap=shades, mincnt=1, linewidths=0
        )
    else:
        axes.plot(one, other, ".", color=OURS, markersize=2.5, alpha=0.7)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def _range(values: F8) -> tuple[float, float]:
    if not len(values):
        return (0.0, 1.0)
    low, high = np.percentile(values, [0.2, 99.8])
    room = 0.06 * (high - low) + 0.01
    return float(low - room), float(high + room)


def differences(axes: Axes, difference: F8, unit: str = "m") -> None:
    """A histogram of differences with zero and their mean marked."""
    known = difference[np.isfinite(difference)]
    if len(known):
        low, high = np.percentile(known, [0.5, 99.5])
        reach = max(abs(low), abs(high), 0.01)
        axes.hist(known, bins=np.linspace(-reach, reach, 61).tolist(), color=OURS, alpha=0.85)
        axes.axvline(float(known.mean()), ymax=0.6, color=paper.colour("ink"), linewidth=0.9)
        axes.set_ylim(0.0, 1.75 * axes.get_ylim()[1])
    axes.axvline(0.0, ymax=0.6, color=paper.colour("soft"), linewidth=0.7, linestyle=":")
    axes.set(xlabel=f"ours minus product [{unit}]", ylabel="segments")


def all_pairs(comparison: GranuleComparison, quantity: str) -> tuple[F8, F8]:
    """Ours and theirs of all beams, of the segments that ours cover well enough."""
    least = max(comparison.rules.covered, 1e-9)
    found = [
        tuple(values[track.ours.covered >= least] for values in pairs(track, quantity))  # type: ignore[arg-type]
        for track in comparison.tracks
    ]
    none = np.zeros(0)
    return np.concatenate([none, *(each[0] for each in found)]), np.concatenate([none, *(each[1] for each in found)])


def told(interval: Interval, digits: int = 3, *, sign: bool = False, around: bool = True) -> str:
    """A value, and its 95 % interval ``around`` it, such as ``+0.012 [0.004, 0.020]``."""
    if not np.isfinite(interval.value):
        return "–"
    shape = f"{'+' if sign else ''}.{digits}f"
    text = format(interval.value, shape)
    if around and np.isfinite(interval.low):
        text += f" [{interval.low:{shape}}, {interval.high:{shape}}]"
    return text.replace("-", "−")


def numbers(found: Agreement) -> str:
    """An agreement as lines of text: number, bias, RMS, correlation, slope, with 95 % intervals."""
    lines = (
        f"n = {found.count:,} in {found.blocks} blocks",
        f"bias {told(found.bias, sign=True)} m",
        f"RMS {told(found.rms)} m",
        f"centred RMS {told(found.centred_rms)} m",
        f"r = {told(found.correlation, 2)}",
        f"slope {told(found.slope, 2)}",
    )
    return "\n".join(lines)


def note(axes: Axes, text: str, where: str = "upper left") -> None:
    """Words inside a panel, on a ground that keeps them legible."""
    up, left = where.startswith("upper"), where.endswith("left")
    axes.text(
        0.02 if left else 0.98,
        0.98 if up else 0.02,
        text,
        transform=axes.transAxes,
        ha="left" if left else "right",
        va="top" if up else "bottom",
        fontsize=6.2,
        linespacing=1.35,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def words(axes: Axes, text: str) -> None:
    """Words in place of a panel."""
    axes.axis("off")
    axes.text(0.0, 1.0, text, transform=axes.transAxes, ha="left", va="top", fontsize=7, linespacing=1.5)

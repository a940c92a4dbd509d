"""Segments of tracks averaged over the footprints of other measurements.

Places are metres in a polar plane, so that neither dateline nor pole is a special place. A track is a line, so that the
segments within reach of a footprint are a stretch of it: the nearest segment comes from a k-d tree, the stretch around
it from the distance along the track, and no list of pairs is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

F8 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLASSES = 4
"""Classes -1 to 2 of ``schema.SurfaceClass``."""

_SLACK = 1.1
"""Along-track distance over distance in the plane, at most: scale of the projection and bend of the track."""

_SEGMENT = 2.0
_LEAF = 64


@dataclass(frozen=True)
class Footprints:
    """Where n other measurements looked; (n,) f8 each.

    Attributes
    ----------
    x, y : m in the plane. time : s, of the same zero as the tracks'.
    length, width : m on the ground, axes of an ellipse from edge to edge; 0 for a point.
    angle : rad, of the long axis from the plane's x axis, counter-clockwise.
    scale : metres of the plane a metre on the ground, there.
    drift_x, drift_y : m/s in the plane, motion of the ice that was measured.
    """

    x: F8
    y: F8
    time: F8
    length: F8
    width: F8
    angle: F8
    scale: F8
    drift_x: F8
    drift_y: F8

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, some: Ints) -> Footprints:
        """Those of some rows."""
        return Footprints(*(getattr(self, field.name)[some] for field in fields(self)))


@dataclass(frozen=True)
class TrackPoints:
    """Segments of one track that have a value, in along-track order; (k,) each.

    Attributes
    ----------
    x, y : f8 m in the plane. x_atc : f8 m along the track. time : f8 s.
    value : f8, what is averaged. noise : f8, the part of its standard error that is each segment's own.
    common : f8, the part that neighbouring segments share. label : i1, ``schema.SurfaceClass``.
    """

    x: F8
    y: F8
    x_atc: F8
    time: F8
    value: F8
    noise: F8
    common: F8
    label: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Near:
    """Measurements that a track passes; (m,) each.

    Attributes
    ----------
    index : i8, which measurements. row : i8, the nearest segment.
    distance : f8 m on the ground from the measurement to that segment. seconds : f8, segment's time minus theirs.
    x, y : f8 m in the plane, the measurement's place drifted to the time of the track.
    """

    index: Ints
    row: Ints
    distance: F8
    seconds: F8
    x: F8
    y: F8

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Sums:
    """Weighted sums over the segments of one track in each footprint that it passes; (m,) each.

    Attributes
    ----------
    near : the footprints. moved : bool, whether a footprint without a segment was laid on the nearest one.
    count : i8, segments. weight, value, square, noise, common, seconds : f8, sums of the weights, the weighted values,
        their squares, the squares of the weighted noise, the weighted common error and difference of the times.
    labels : (m, 4) f8, weight of each class from -1 on. first, last : f8 m along the track, of the segments counted.
    """

    near: Near
    moved: npt.NDArray[np.bool_]
    count: Ints
    weight: F8
    value: F8
    square: F8
    noise: F8
    common: F8
    seconds: F8
    labels: F8
    first: F8
    last: F8


def near_track(track: TrackPoints, prints: Footprints, within: float, seconds: float) -> Near:
    """Measurements whose nearest segment lies at most ``within`` metres and ``seconds`` away.

    Each is moved with the ice from its own time to the track's before the distance is taken.
    """
    speed: F8 = np.hypot(prints.drift_x, prints.drift_y)
    reach = within * prints.scale
    index = _about(track, prints, reach + speed * seconds)
    if not len(index):
        nothing = np.zeros(0)
        return Near(index, index, nothing, nothing, nothing, nothing)
    tree = cKDTree(np.column_stack([track.x, track.y]), _LEAF, compact_nodes=False, balanced_tree=False)
    x, y = prints.x[index].copy(), prints.y[index].copy()
    if speed.any():
        _, row = _nearest(tree, x, y)
        elapsed = track.time[row] - prints.time[index]
        x, y = x + prints.drift_x[index] * elapsed, y + prints.drift_y[index] * elapsed
    # The bound is exclusive, and what lies at exactly ``within`` counts.
    distance, row = _nearest(tree, x, y, float(np.nextafter(reach[index].max(), np.inf)))
    kept = np.flatnonzero(row < len(track))
    index, row, distance, x, y = index[kept], row[kept], distance[kept], x[kept], y[kept]
    elapsed = track.time[row] - prints.time[index]
    good = (distance <= reach[index]) & (np.abs(elapsed) <= seconds)
    return Near(index[good], row[good], (distance / prints.scale[index])[good], elapsed[good], x[good], y[good])


def average_track(track: TrackPoints, prints: Footprints, near: Near, gaussian: bool = False) -> Sums:
    """Sums over each footprint that ``near`` tells of.

    A footprint that holds no segment, such as the metre of an airborne laser beside the track, is laid on the nearest
    one. Weights are all 1, or ``exp(-2 r^2)`` where r is 1 at the footprint's edge, as the light of a laser has it.
    """
    scale = prints.scale[near.index]
    axes = np.maximum(np.stack([prints.length, prints.width])[:, near.index] * scale / 2.0, 1e-9)
    middle = track.x_atc[near.row]
    reach = _SLACK * (axes.max(axis=0) + near.distance * scale) + _SEGMENT
    start, stop = (
        np.searchsorted(track.x_atc, middle - reach),
        np.searchsorted(track.x_atc, middle + reach, side="right"),
    )
    m = len(near)
    sums, labels = np.zeros((8, m)), np.zeros((m, CLASSES))
    count, moved = np.zeros(m, np.int64), np.zeros(m, np.bool_)
    points = (track.x, track.y, track.x_atc, track.time, track.value, track.noise, track.common)
    theirs = (near.x, near.y, prints.angle[near.index], prints.time[near.index])
    _add(points, track.label, theirs, axes, np.stack([start, stop, near.row]), gaussian, moved, count, sums, labels)
    weight, value, square, noise, common, seconds, first, last = sums
    return Sums(near, moved, count, weight, value, square, noise, common, seconds, labels, first, last)


def _nearest(tree: cKDTree, x: F8, y: F8, bound: float = np.inf) -> tuple[F8, Ints]:
    """Distance and row of what is nearest to each place; the number of points where it lies at ``bound`` or beyond."""
    distance, row = tree.query(np.column_stack([x, y]), distance_upper_bound=bound)
    return np.asarray(distance, np.float64), np.asarray(row, np.int64)


def _about(track: TrackPoints, prints: Footprints, reach: F8) -> Ints:
    """Measurements within ``reach`` of the box around the track."""
    if not len(track):
        return np.zeros(0, np.int64)
    inside = np.ones(len(prints), np.bool_)
    for own, theirs in ((track.x, prints.x), (track.y, prints.y)):
        inside &= (theirs >= own.min() - reach) & (theirs <= own.max() + reach)
    return np.flatnonzero(inside)


@njit(cache=True)
def _add(
    points: tuple[F8, ...],
    label: npt.NDArray[np.int8],
    theirs: tuple[F8, ...],
    axes: F8,
    rows: Ints,
    gaussian: bool,
    moved: npt.NDArray[np.bool_],
    count: Ints,
    sums: F8,
    labels: F8,
) -> None:
    """Add what each footprint holds to ``count``, ``sums`` and ``labels``; set ``moved`` where it held nothing."""
    x, y, x_atc, time, value, noise, common = points
    for k in range(len(count)):
        cos, sin = np.cos(theirs[2][k]), np.sin(theirs[2][k])
        centre_x, centre_y = theirs[0][k], theirs[1][k]
        sums[6, k], sums[7, k] = np.inf, -np.inf
        for attempt in range(2):
            for i in range(rows[0, k], rows[1, k]):
                right, up = x[i] - centre_x, y[i] - centre_y
                along = (right * cos + up * sin) / axes[0, k]
                across = (up * cos - right * sin) / axes[1, k]
                square = along * along + across * across
                if square > 1.0:
                    continue
                weight = np.exp(-2.0 * square) if gaussian else 1.0
                count[k] += 1
                sums[0, k] += weight
                sums[1, k] += weight * value[i]
                sums[2, k] += weight * value[i] * value[i]
                sums[3, k] += (weight * noise[i]) ** 2
                sums[4, k] += weight * common[i]
                sums[5, k] += weight * (time[i] - theirs[3][k])
                sums[6, k] = min(sums[6, k], x_atc[i])
                sums[7, k] = max(sums[7, k], x_atc[i])
                labels[k, label[i] + 1] += weight
            if count[k] > 0 or attempt == 1:
                break
            moved[k] = True
            centre_x, centre_y = x[rows[2, k]], y[rows[2, k]]

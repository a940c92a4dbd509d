"""Photons to statistics of short windows along the track (2 m by default).

A granule is worked through in chunks. Each chunk brings a halo of photons on either side of the stretch whose windows
it owns, so that a chunk's result depends on nothing but the chunk, and chunks of any size give the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from processing.core.along_track import PIECE_GAP, bracket, to_datetime
from processing.core.background import Background
from processing.core.corrections import Corrections
from processing.core.first_photon import FirstPhotonTable
from processing.schema import Quality

F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
I1 = NDArray[np.int8]
I8 = NDArray[np.int64]
U4 = NDArray[np.uint32]

SHOTS_PER_FRAME = 200
"""Laser shots in a major frame: 10 kHz over 50 Hz."""
SHOT_SPACING = 0.71
"""Nominal distance between shots along the track, m; used only where a piece holds a single geolocation segment."""
HIGH_CONFIDENCE = 4
LONGEST_REACH = 50.0
"""Photons further than this outside their 20 m geolocation segment (m) carry no usable distance."""
_SEGMENT_LENGTH = 20.0
_EXCHANGE_SORT = 32


def halo(window: float) -> float:
    """Metres of photons a chunk needs either side of the windows it owns."""
    return window + LONGEST_REACH + 2.0 * (PIECE_GAP + _SEGMENT_LENGTH)


@dataclass(frozen=True)
class Geolocation:
    """Geolocation segments (~20 m) that hold photons, in ascending ``start_x``.

    Attributes
    ----------
    start_x : f8 m, along-track distance of the segment's start.
    begin, count : i8, its photons are ``begin .. begin + count`` of the photon arrays.
    piece : i8, contiguous piece of track it belongs to.
    corrections : what is subtracted from its photons' heights.
    solar_elevation : f8 degree, NaN where unknown.
    usable : bool, False where pointing or position are degraded (``podppd_flag``).
    flags : u4, Quality bits of its photons.
    """

    start_x: F8
    begin: I8
    count: I8
    piece: I8
    corrections: Corrections
    solar_elevation: F8
    usable: NDArray[np.bool_]
    flags: U4


@dataclass(frozen=True)
class Anchors:
    """Points of the track whose position and time are known: f8 m, degree, degree, s after the chunk's epoch; piece."""

    x: F8
    lat: F8
    lon: F8
    time: F8
    piece: I8


@dataclass(frozen=True)
class PhotonChunk:
    """Photons of one beam in file order with their halo.

    Attributes
    ----------
    height : f4 (N,) m above the ellipsoid. distance : f4 (N,) m from the start of the photon's segment.
    confidence : i1 (N,) sea-ice signal confidence. quality : i1 (N,), 0 nominal.
    frame, pulse : u4, u1 (N,), together the laser shot.
    segments, anchors : the segments that hold these photons, halo included, and the known positions along them.
    extent : m, windows whose centre lies in this half-open range are this chunk's.
    accept : least confidence of a signal photon.
    epoch : datetime64[ns] UTC, origin of every time in seconds.
    photons : photons to count as done once this chunk is (no halo).
    """

    height: F4
    distance: F4
    confidence: I1
    quality: I1
    frame: U4
    pulse: NDArray[np.uint8]
    segments: Geolocation
    anchors: Anchors
    extent: tuple[float, float]
    accept: int
    epoch: np.datetime64
    photons: int


@dataclass(frozen=True)
class Beam:
    """What the statistics need to know of the whole beam."""

    background: Background
    first_photon: FirstPhotonTable | None = None
    flags: int = 0


@dataclass(frozen=True)
class Windows:
    """Statistics of the windows that hold signal, in ascending order.

    ``height`` f8 (W, 5): mean, median, population standard deviation, minimum, maximum. ``segment`` f8 (W, 5): means of
    correction, reference, tide, dac and solar elevation. ``flags`` u4: union over the segments that contributed.
    """

    index: I8
    count: I8
    high: I8
    height: F8
    segment: F8
    flags: U4


def segment_columns(chunk: PhotonChunk, window: float, limit: float, beam: Beam) -> dict[str, Any]:
    """Columns of SEGMENT, but for ``granule_id`` and ``beam``, of the windows this chunk owns.

    Heights: mean, median, population standard deviation, minimum and maximum of the corrected heights of the signal
    photons, those of at least the accepted confidence, nominal quality and |corrected height| < ``limit`` (m). Where no
    reference height is known the limit is measured from the median signal height of the photon's 20 m segment instead.
    A first-photon bias is subtracted from mean and median; the extremes are single photons and stay as measured.
    ``height_ellipsoid``, ``reference_height``, ``tide``, ``dac`` and ``solar_elevation`` are means over the signal
    photons of their segment's value; NaN where nothing was known (and then nothing was subtracted).

    ``pulse_count`` is the number of shots fired whose footprint lies in the window, silent ones included: shots are
    numbered, their number is linear in distance, and each geolocation segment gives one point of that line (the means
    over all its photons, noise included). ``photon_rate`` is the signal photons over these shots.

    ``lat``, ``lon`` and ``time`` are those of the track at the window's centre.
    """
    windows, shots = window_statistics(chunk, window, limit)
    centre = _centres(windows.index, window)
    place = bracket(chunk.anchors.x, chunk.anchors.piece, centre)
    time = place.read(chunk.anchors.time)
    pulses = _pulse_count(windows.index, window, shots)
    rate = windows.count / pulses
    background = beam.background.at(time)
    mean, median, std, low, high = windows.height.T
    correction, reference, tide, dac, sun = windows.segment.T
    bias, corrected = _first_photon_bias(beam.first_photon, rate, std, windows.count)
    flags = windows.flags | np.uint32(beam.flags) | corrected
    flags |= np.isnan(background) * np.uint32(Quality.NO_BACKGROUND)
    return {
        "segment": windows.index,
        "x_atc": centre,
        "time": to_datetime(chunk.epoch, time),
        "lat": place.read(chunk.anchors.lat),
        "lon": place.read_longitude(chunk.anchors.lon),
        "photon_count": windows.count.astype(np.int32),
        "photon_count_high": windows.high.astype(np.int32),
        "pulse_count": pulses.astype(np.int32),
        "photon_rate": rate.astype(np.float32),
        "background_rate": background.astype(np.float32),
        "height_mean": (mean - bias).astype(np.float32),
        "height_median": (median - bias).astype(np.float32),
        "height_std": std.astype(np.float32),
        "height_min": low.astype(np.float32),
        "height_max": high.astype(np.float32),
        "height_ellipsoid": (mean + correction).astype(np.float32),
        "reference_height": reference.astype(np.float32),
        "tide": tide.astype(np.float32),
        "dac": dac.astype(np.float32),
        "solar_elevation": sun.astype(np.float32),
        "quality": flags.astype(np.uint32),
    }


def photon_heights(chunk: PhotonChunk) -> tuple[F8, F8, I1]:
    """Along-track distance, corrected height (f8, m) and confidence of the chunk's photons in geolocation segments."""
    geo = chunk.segments
    photon = np.concatenate([np.arange(b, b + n) for b, n in zip(geo.begin, geo.count, strict=True)] or [np.zeros(0)])
    photon = photon.astype(np.int64)
    owner = np.repeat(np.arange(len(geo.begin)), geo.count)
    x = geo.start_x[owner] + chunk.distance[photon]
    height = chunk.height[photon].astype(np.float64) - geo.corrections.total[owner]
    return x, height, chunk.confidence[photon]


def window_statistics(chunk: PhotonChunk, window: float, limit: float) -> tuple[Windows, Shots]:
    """Statistics of every window the chunk owns, and the line its shots lie on: all that looks at single photons."""
    geo = chunk.segments
    first, slots = _owned(chunk.extent, geo.start_x, window)
    correction = geo.corrections.total
    slot = np.empty(len(chunk.height), np.int32)
    counts = np.zeros(slots, np.int64)
    high = np.zeros(slots, np.int64)
    shots = np.zeros((len(geo.start_x), 5))
    arrays = (geo.start_x, geo.begin, geo.count)
    signal = (chunk.height, chunk.distance, chunk.confidence, chunk.quality)
    centre = np.zeros(len(correction))
    adrift = np.isnan(geo.corrections.reference)
    if adrift.any():
        _local_surface(adrift, geo.begin, geo.count, correction, *signal, chunk.accept, centre)
    rules = (window, limit, chunk.accept, first)
    found = (slot, counts, high, shots)
    _assign(*arrays, correction, centre, geo.usable, *signal, chunk.frame, chunk.pulse, *rules, *found)
    sources = _per_segment(geo, correction)
    index, height, segment, flags = _summarise(*arrays[1:], correction, chunk.height, slot, counts, sources, geo.flags)
    index, count, high = index + first, counts[index], high[index]
    return Windows(index, count, high, height, segment, flags), Shots.of(geo, shots)


def _centres(index: I8, window: float) -> F8:
    return np.asarray((index + 0.5) * window, np.float64)


def _owned(extent: tuple[float, float], start_x: F8, window: float) -> tuple[int, int]:
    """First window whose centre lies in ``extent`` and can hold photons, and how many follow."""
    low = max(extent[0], start_x[0] - LONGEST_REACH - window)
    high = min(extent[1], start_x[-1] + _SEGMENT_LENGTH + LONGEST_REACH + window)
    first = int(np.ceil(low / window - 0.5))
    return first, max(int(np.ceil(high / window - 0.5)) - first, 0)


def _per_segment(geo: Geolocation, correction: F8) -> F8:
    known = geo.corrections
    return np.column_stack([correction, known.reference, known.tide, known.dac, geo.solar_elevation])


def _first_photon_bias(table: FirstPhotonTable | None, rate: F8, std: F8, count: I8) -> tuple[F8, np.uint32]:
    if table is None:
        return np.zeros(len(rate)), np.uint32(0)
    return table.height_bias(rate, std, count.astype(np.float64)), np.uint32(Quality.FIRST_PHOTON_CORRECTED)


@dataclass(frozen=True)
class Shots:
    """Line of shot number over distance: one point a segment, and the first and last shot seen in each."""

    x: F8
    number: F8
    first: F8
    last: F8
    piece: I8

    @classmethod
    def of(cls, geo: Geolocation, sums: F8) -> Shots:
        """From ``sums``: photons, mean distance, mean, lowest and highest shot number of each segment."""
        seen = sums[:, 0] > 0
        values = sums[seen]
        return cls(geo.start_x[seen] + values[:, 1], values[:, 2], values[:, 3], values[:, 4], geo.piece[seen])


def _pulse_count(index: I8, window: float, shots: Shots) -> I8:
    """Shots with a whole number between the line's values at the window's two edges, of those the piece has seen."""
    if len(index) == 0:
        return np.zeros(0, np.int64)
    place = bracket(shots.x, shots.piece, _centres(index, window))
    bounds = np.flatnonzero(np.diff(shots.piece, prepend=-1))
    first = np.minimum.reduceat(shots.first, bounds)
    last = np.maximum.reduceat(shots.last, bounds)
    own = np.cumsum(np.diff(shots.piece, prepend=shots.piece[0]) != 0)
    return _shots_between(index, window, place.left, place.right, shots.x, shots.number, first[own], last[own])


@njit(cache=True, nogil=True)
def _shots_between(index: I8, window: float, left: I8, right: I8, x: F8, number: F8, first: F8, last: F8) -> I8:
    result = np.empty(len(index), np.int64)
    for k in range(len(index)):
        a, b = left[k], right[k]
        slope = (number[b] - number[a]) / (x[b] - x[a]) if x[b] > x[a] else 1.0 / SHOT_SPACING
        low = np.floor(number[a] + (index[k] * window - x[a]) * slope)
        high = np.floor(number[a] + ((index[k] + 1) * window - x[a]) * slope)
        result[k] = max(min(high, last[a]) - max(low, first[a] - 1.0), 1.0)
    return result


@njit(cache=True, nogil=True)
def _local_surface(
    adrift: Any,
    begin: I8,
    count: I8,
    correction: F8,
    height: F4,
    distance: F4,
    confidence: I1,
    quality: I1,
    accept: int,
    centre: F8,
) -> None:
    """Median signal height of each segment without a reference height, from which the limit then counts."""
    for j in range(len(begin)):
        if not adrift[j]:
            continue
        kept = np.empty(count[j])
        n = 0
        for i in range(begin[j], begin[j] + count[j]):
            if confidence[i] >= accept and quality[i] == 0 and abs(height[i]) < 1e30 and abs(distance[i]) < 1e30:
                kept[n] = height[i] - correction[j]
                n += 1
        if n > 0:
            centre[j] = np.median(kept[:n])


@njit(cache=True, nogil=True)
def _assign(
    start_x: F8,
    begin: I8,
    count: I8,
    correction: F8,
    centre: F8,
    usable: Any,
    height: F4,
    distance: F4,
    confidence: I1,
    quality: I1,
    frame: U4,
    pulse: Any,
    window: float,
    limit: float,
    accept: int,
    first: int,
    slot: Any,
    counts: I8,
    high: I8,
    shots: F8,
) -> None:
    """Give each signal photon its window's slot and the others -1, count them, and sum each segment's shots."""
    slots = np.uint64(len(counts))
    for j in range(len(start_x)):
        # Slices: an index that is known not to be negative costs nothing to check.
        own = slice(begin[j], begin[j] + count[j])
        h, along, sure, nominal = height[own], distance[own], confidence[own], quality[own]
        frames, pulses, place = frame[own], pulse[own], slot[own]
        shift = correction[j] + centre[j]
        good = usable[j]
        n = 0
        sum_d = 0.0
        sum_shot = np.int64(0)
        low_shot = np.int64(2**62)
        high_shot = np.int64(-1)
        for i in range(len(h)):
            place[i] = -1
            d = np.float64(along[i])
            if not -LONGEST_REACH <= d <= _SEGMENT_LENGTH + LONGEST_REACH:
                continue
            shot = np.int64(np.int64(frames[i]) * SHOTS_PER_FRAME + pulses[i])
            n += 1
            sum_d += d
            sum_shot += shot
            low_shot = min(low_shot, shot)
            high_shot = max(high_shot, shot)
            if good and sure[i] >= accept and nominal[i] == 0 and abs(h[i] - shift) < limit:
                # Below the first slot the difference wraps round to beyond the last.
                k = np.uint64(np.int64(np.floor((start_x[j] + d) / window)) - first)
                if k < slots:
                    place[i] = np.int32(k)
                    counts[k] += 1
                    high[k] += sure[i] == HIGH_CONFIDENCE
        if n > 0:
            shots[j, 0] = n
            shots[j, 1] = sum_d / n
            shots[j, 2] = sum_shot / n
            shots[j, 3] = low_shot
            shots[j, 4] = high_shot


@njit(cache=True, nogil=True)
def _gather(
    begin: I8, count: I8, correction: F8, height: F4, slot: Any, counts: I8
) -> tuple[F8, I8, NDArray[np.int32], NDArray[np.int32]]:
    """Corrected heights slot by slot, where each slot ends, and the first and last segment that gave it photons."""
    slots = len(counts)
    stop = np.zeros(slots + 1, np.int64)
    for k in range(1, slots):
        stop[k] = stop[k - 1] + counts[k - 1]
    values = np.empty(counts.sum())
    lowest = np.full(slots, -1, np.int32)
    highest = np.empty(slots, np.int32)
    for j in range(len(begin)):
        own = slice(begin[j], begin[j] + count[j])
        h, place = height[own], slot[own]
        held, cursor = slots, np.int64(0)
        for i in range(len(h)):
            k = place[i]
            if k < 0:
                continue
            if k != held:
                # Neighbours share their slot: its cursor stays in a register until it changes.
                stop[held] = cursor
                held, cursor = k, stop[k]
                highest[k] = j
                if lowest[k] < 0:
                    lowest[k] = j
            values[cursor] = h[i] - correction[j]
            cursor += 1
        stop[held] = cursor
    return values, stop, lowest, highest


@njit(cache=True, nogil=True)
def _summarise(
    begin: I8, count: I8, correction: F8, height: F4, slot: Any, counts: I8, sources: F8, flags: U4
) -> tuple[I8, F8, F8, U4]:
    """Statistics of each slot that holds photons.

    Returns the slots (i8), heights (W, 5: mean, median, standard deviation, minimum, maximum), means of ``sources``
    over the photons' segments (W, 5; NaN left out) and flags of the segments that contributed.
    """
    slots = len(counts)
    values, stop, lowest, highest = _gather(begin, count, correction, height, slot, counts)
    filled = np.count_nonzero(counts)
    index = np.empty(filled, np.int64)
    heights = np.empty((filled, 5))
    means = np.empty((filled, sources.shape[1]))
    bits = np.empty(filled, np.uint32)
    row = 0
    for k in range(slots):
        if counts[k] == 0:
            continue
        index[row] = k
        _describe(values, stop[k] - counts[k], stop[k], heights, row)
        if lowest[k] == highest[k]:
            bits[row] = flags[lowest[k]]
            for c in range(sources.shape[1]):
                means[row, c] = sources[lowest[k], c]
        else:
            bits[row] = _average(k, lowest[k], highest[k], begin, count, slot, sources, flags, means[row])
        row += 1
    return index, heights, means, bits


@njit(cache=True, nogil=True)
def _describe(values: F8, start: int, stop: int, out: F8, row: int) -> None:
    """Mean, median, population standard deviation, minimum and maximum of a slice, which is sorted in place."""
    n = stop - start
    if n <= _EXCHANGE_SORT:
        # Exchanges without branches: a few unordered values cost more in mispredicted branches than in comparisons.
        for a in range(start + 1, stop):
            carried = values[a]
            for b in range(start, a):
                other = values[b]
                values[b] = min(carried, other)
                carried = max(carried, other)
            values[a] = carried
    else:
        values[start:stop].sort()
    total = 0.0
    for a in range(start, stop):
        total += values[a]
    mean = total / n
    square = 0.0
    for a in range(start, stop):
        square += (values[a] - mean) * (values[a] - mean)
    out[row, 0] = mean
    out[row, 1] = 0.5 * (values[start + (n - 1) // 2] + values[start + n // 2])
    out[row, 2] = np.sqrt(square / n)
    out[row, 3] = values[start]
    out[row, 4] = values[stop - 1]


@njit(cache=True, nogil=True)
def _average(
    k: int, lowest: int, highest: int, begin: I8, count: I8, slot: Any, sources: F8, flags: U4, out: F8
) -> np.uint32:
    """Mean of the segments' ``sources`` over the photons of slot ``k`` (NaN left out), and the union of their flags."""
    bits = np.uint32(0)
    known = np.zeros(len(out), np.int64)
    out[:] = 0.0
    for j in range(lowest, highest + 1):
        n = 0
        for i in range(begin[j], begin[j] + count[j]):
            n += slot[i] == k
        if n == 0:
            continue
        bits |= flags[j]
        for c in range(len(out)):
            if not np.isnan(sources[j, c]):
                out[c] += n * sources[j, c]
                known[c] += n
    for c in range(len(out)):
        out[c] = out[c] / known[c] if known[c] > 0 else np.nan
    return bits

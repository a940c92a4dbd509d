"""Zones of a track that deserve a look: how likely each auto-label is wrong, and where looking pays.

Doubt is a probability. Causes that make labels wrong on their own (cloud, shadow, a class boundary nearer than the
alignment is sure) combine as independent ones do, the chance that none of them struck being the product of the chances
that each did not; what the model says then moves the odds, as evidence does by Bayes' rule. Zones are runs of doubtful
segments; their score is the metres expected to be wrong over the metres that looking costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.schema import AutoFlag, SurfaceClass
from processing.stages import Review

Singles = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

REASONS = ("cloud", "shadow", "transition", "drift", "entropy", "disagreement", "unlabelled", "saturated")
LEAST_SHARE = 0.1
"""Share of a zone's doubt below which a cause is not named, unless it is the strongest."""

SURE = 6.0
"""Logarithm of the odds beyond which a model is not believed: it was not tested on that many."""

_BLOCK = 1 << 16
"""Segments worked on at a time, so that what is in between stays in the processor's cache."""

_CLASSES = np.array([SurfaceClass.UNLABELLED, SurfaceClass.THICK_ICE, SurfaceClass.THIN_ICE, SurfaceClass.OPEN_WATER])
_TINY = np.float32(1e-9)
_ONE = np.float32(1.0)


@dataclass(frozen=True)
class Evidence:
    """What there is to judge n segments of one track by, ascending.

    Attributes
    ----------
    segment : (n,) i8 window indices. window : m, length of a segment.
    label : (n,) i1 auto-label. flags : (n,) u4 AutoFlag bits.
    boundary_distance : (n,) f4 m, NaN where unknown.
    minutes : (n,) f4 between scene and track, of either sign. drift_confidence : (n,) f4, NaN where none was estimated.
    probability : (3, n) f4 of the classes by the model, NaN where it said nothing; None without a model.
    """

    segment: Rows
    window: float
    label: npt.NDArray[np.int8]
    flags: npt.NDArray[np.uint32]
    boundary_distance: Singles
    minutes: Singles
    drift_confidence: Singles
    probability: Singles | None = None

    def __len__(self) -> int:
        return len(self.segment)

    def flagged(self, flag: AutoFlag) -> Mask:
        """Which segments carry ``flag``: (n,) bool."""
        return np.asarray((self.flags & np.uint32(flag)) != 0)

    def take(self, rows: npt.NDArray[np.intp] | slice) -> Evidence:
        """The evidence of some rows."""
        return Evidence(
            self.segment[rows],
            self.window,
            self.label[rows],
            self.flags[rows],
            self.boundary_distance[rows],
            self.minutes[rows],
            self.drift_confidence[rows],
            None if self.probability is None else self.probability[:, rows],
        )


@dataclass(frozen=True, slots=True)
class Zone:
    """A stretch of one track that deserves a look.

    Attributes
    ----------
    first, stop : half-open run of segment ids. x_start, x_end : m along the track, its edges.
    reasons : names out of REASONS, the strongest first. shares : of the zone's doubt, of each of them.
    score : metres expected to be wrong for each metre that looking costs.
    label : most frequent auto-label.
    wrong : m, expected to be wrong.
    """

    first: int
    stop: int
    x_start: float
    x_end: float
    reasons: tuple[str, ...]
    score: float
    label: int
    wrong: float = 0.0
    shares: tuple[float, ...] = ()

    @property
    def length(self) -> float:
        """Along the track, m."""
        return self.x_end - self.x_start


def doubt(evidence: Evidence, review: Review) -> Singles:
    """Probability that each auto-label is wrong: (n,) f4, 0 outside the scene."""
    found = np.empty(len(evidence), np.float32)
    rarity = _rarity(evidence.label)
    for start in range(0, len(found), _BLOCK):
        rows = slice(start, start + _BLOCK)
        found[rows] = _chance_wrong(evidence.take(rows), review, rarity)
    unlabelled = evidence.label == SurfaceClass.UNLABELLED
    if unlabelled.any():
        found[unlabelled] = 0.0
        found[holes(evidence, review.unlabelled_longest)] = review.unlabelled
    return found


def causes(evidence: Evidence, review: Review, rows: npt.NDArray[np.intp] | slice = slice(None)) -> Singles:
    """How strongly each of REASONS alone speaks against the labels of some rows: (len(REASONS), rows) f4, 0 to 1."""
    part = evidence.take(rows)
    near, moved = _boundary_causes(part, review, _rarity(evidence.label))
    strength = {
        **_flag_causes(part, review),
        "transition": near,
        "drift": moved,
        "unlabelled": (part.label == SurfaceClass.UNLABELLED).astype(np.float32),
    }
    if part.probability is not None:
        agrees, odds, _ = _model(part.label, part.probability)
        strength["entropy"] = np.where(agrees, _chance(odds), 0.0)
        strength["disagreement"] = np.where(agrees, 0.0, _chance(np.float32(review.disagreement) * odds))
    nothing = np.zeros(len(part), np.float32)
    return np.stack([strength.get(name, nothing) for name in REASONS]).astype(np.float32)


def holes(evidence: Evidence, longest: float) -> Mask:
    """Unlabelled segments in runs no longer than ``longest`` (m): (n,) bool. Longer ones lie outside every scene."""
    marked = np.concatenate([[0], evidence.label == SurfaceClass.UNLABELLED, [0]]).astype(np.int8)
    steps = np.diff(marked)
    start, stop = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    length = (evidence.segment[stop - 1] + 1 - evidence.segment[start]) * evidence.window
    short = length <= longest
    steps = np.zeros(len(evidence) + 1, np.int8)
    steps[start[short]] = 1
    steps[stop[short]] = -1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)


def find_zones(evidence: Evidence, review: Review) -> list[Zone]:
    """Zones of one track in along-track order.

    Runs of segments with doubt at or above ``review.threshold``, bridged where no more than ``review.gap`` lies between
    them and split evenly where longer than ``review.longest``. Every doubtful segment lies in exactly one; each begins
    and ends with one.
    """
    chance = doubt(evidence, review)
    start, stop = _bounds(evidence, np.flatnonzero(chance >= np.float32(review.threshold)), review)
    if not len(start):
        return []
    first, end = evidence.segment[start], evidence.segment[stop - 1] + 1
    rows, offsets = _within(start, stop)
    chances = chance[rows].astype(np.float64)
    metres = np.add.reduceat(chances, offsets) * evidence.window
    score = metres / ((end - first) * evidence.window + review.overhead)
    reasons = _named(_shares(causes(evidence, review, rows), chances, offsets))
    label = _most_frequent(evidence.label[rows], offsets)
    ends = zip(first.tolist(), end.tolist(), reasons, score.tolist(), label.tolist(), metres.tolist(), strict=True)
    w = evidence.window
    return [Zone(a, b, a * w, b * w, names, s, k, m, each) for a, b, (names, each), s, k, m in ends]


def _chance_wrong(part: Evidence, review: Review, rarity: Singles) -> Singles:
    """Probability that each label is wrong, as if all were labelled: (n,) f4."""
    sound = np.full(len(part), 1.0 - review.base, np.float32)
    for cause in _flag_causes(part, review).values():
        sound *= _ONE - cause
    near, moved = _boundary_causes(part, review, rarity)
    odds = _ONE / (sound * (_ONE - near)) - _ONE
    odds[part.label == SurfaceClass.THIN_ICE] *= np.float32(review.thin)
    odds = (_ONE + odds) / (_ONE - moved) - _ONE
    if part.probability is not None:
        odds *= np.exp(_model_evidence(part.label, part.probability, review))
    return np.asarray(odds / (_ONE + odds), np.float32)


def _flag_causes(evidence: Evidence, review: Review) -> dict[str, Singles]:
    chances = {
        "cloud": (AutoFlag.CLOUD, review.cloud),
        "shadow": (AutoFlag.SHADOW, review.shadow),
        "saturated": (AutoFlag.SATURATED, review.saturated),
    }
    return {name: evidence.flagged(flag) * np.float32(chance) for name, (flag, chance) in chances.items()}


def _alignment(evidence: Evidence, review: Review) -> Singles:
    """Error to expect of the alignment of scene and track, (n,) f4 m."""
    unsure = evidence.flagged(AutoFlag.DRIFT_UNSURE) | np.isnan(evidence.drift_confidence)
    open_share = np.where(unsure, _ONE, _ONE - evidence.drift_confidence)
    moved = np.nan_to_num(np.abs(evidence.minutes)) * open_share * np.float32(review.drift_speed)
    return np.asarray(np.sqrt(moved * moved + np.float32(review.alignment**2)), np.float32)


def _boundary_causes(evidence: Evidence, review: Review, rarity: Singles) -> tuple[Singles, Singles]:
    """Share of labels that a class boundary at their distance makes wrong, and share that drift does: (n,) f4 each.

    Where the alignment errs by more than the boundary is away, the label is that of another place. It is wrong then as
    often as another place is of another class, which is seldom for the class that most of the track has.
    """
    distance = np.nan_to_num(evidence.boundary_distance, nan=np.inf)
    fall = np.float32(-review.transition_fall)
    beside = np.maximum(distance / np.float32(review.alignment), _ONE) ** fall
    reached = np.maximum(distance / _alignment(evidence, review), _ONE) ** fall
    moved = np.float32(review.drift) * (reached - beside) * rarity[evidence.label]
    return np.float32(review.transition) * beside, moved


def _rarity(label: npt.NDArray[np.int8]) -> Singles:
    """Share of the labelled segments that are of another class than each: (4,) f4, the last of unlabelled 0."""
    counts = np.bincount(label[label >= 0], minlength=len(_CLASSES) - 1)
    return np.append(1.0 - counts / max(counts.sum(), 1), 0.0).astype(np.float32)


def _model(label: npt.NDArray[np.int8], probability: Singles) -> tuple[Mask, Singles, Singles]:
    """Whether the model agrees, its logarithm of the odds against the label, and its entropy from 0 to 1; each (n,).

    Where it said nothing the last two are NaN.
    """
    thick, thin, water = np.clip(probability, _TINY, _ONE)
    mine = np.where(label == 1, thin, np.where(label == 2, water, thick))
    agrees = mine >= np.maximum(np.maximum(thick, thin), water)
    odds = np.log(np.maximum(_ONE - mine, _TINY) / mine)
    entropy = -(thick * np.log(thick) + thin * np.log(thin) + water * np.log(water)) / np.float32(np.log(3.0))
    return agrees, np.clip(odds, -SURE, SURE), entropy


def _model_evidence(label: npt.NDArray[np.int8], probability: Singles, review: Review) -> Singles:
    """What the model adds to the logarithm of the odds: (n,) f4, 0 where it said nothing."""
    agrees, odds, entropy = _model(label, probability)
    calmed = np.minimum(np.float32(review.entropy) * entropy - np.float32(review.agreement), np.float32(0.0))
    return np.nan_to_num(np.where(agrees, calmed, np.float32(review.disagreement) * odds))


def _chance(odds: Singles) -> Singles:
    """Probability of these logarithms of odds; 0 where they are NaN."""
    return np.nan_to_num(_ONE / (_ONE + np.exp(-odds)))


def _bounds(evidence: Evidence, hits: npt.NDArray[np.intp], review: Review) -> tuple[Rows, Rows]:
    """First row and row after the last of each zone, from the rows of doubtful segments."""
    if not len(hits):
        return hits, hits
    segment = evidence.segment[hits]
    apart = (np.diff(segment) - 1) * evidence.window > review.gap
    start = np.flatnonzero(np.concatenate([[True], apart]))
    stop = np.append(start[1:], len(hits))
    length = segment[stop - 1] + 1 - segment[start]
    pieces = np.ceil(length * evidence.window / review.longest).astype(np.int64)
    run = np.repeat(np.arange(len(start)), stop - start)
    piece = (segment - segment[start][run]) * pieces[run] // length[run]
    cut = np.concatenate([[True], apart | (np.diff(piece) != 0)])
    begin = np.flatnonzero(cut)
    return hits[begin], hits[np.append(begin[1:], len(hits)) - 1] + 1


def _within(start: Rows, stop: Rows) -> tuple[Rows, Rows]:
    """All rows from ``start`` to ``stop`` of disjoint runs, and where each run begins among them."""
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    shift = np.repeat(start - offsets[:-1], stop - start)
    return np.arange(offsets[-1]) + shift, offsets[:-1]


def _shares(strength: Singles, chances: npt.NDArray[np.float64], offsets: Rows) -> npt.NDArray[np.float64]:
    """Share of each zone's doubt that each reason has: (zones, reasons) f8."""
    weight = chances / np.maximum(strength.sum(0), _TINY)
    parts = np.stack([np.add.reduceat(each * weight, offsets) for each in strength], axis=1)
    return np.asarray(parts / np.maximum(parts.sum(1, keepdims=True), 1e-12))


def _named(shares: npt.NDArray[np.float64]) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    """The reasons of each zone with their shares, the strongest first."""
    order = np.argsort(-shares, axis=1, kind="stable")
    ranked = np.take_along_axis(shares, order, axis=1)
    counts = np.maximum((ranked >= LEAST_SHARE).sum(1), 1).tolist()
    each = zip(order.tolist(), ranked.round(3).tolist(), counts, strict=True)
    return [(tuple(REASONS[k] for k in names[:count]), tuple(values[:count])) for names, values, count in each]


def _most_frequent(label: npt.NDArray[np.int8], offsets: Rows) -> npt.NDArray[np.int64]:
    counts = np.stack([np.add.reduceat((label == code).astype(np.int64), offsets) for code in _CLASSES], axis=1)
    return np.asarray(_CLASSES[np.argmax(counts, axis=1)], np.int64)

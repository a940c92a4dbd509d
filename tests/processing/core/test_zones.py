"""Doubt and zones: tiny cases by hand, and what must hold of any track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from processing.core.zones import LEAST_SHARE, REASONS, Evidence, causes, doubt, find_zones, holes
from processing.schema import AutoFlag
from processing.stages import STAGES, Review

FAR = 1e6
NEVER = Review(base=1e-6, threshold=0.05)


def evidence(
    count: int,
    label: ArrayLike = 0,
    flags: ArrayLike = 0,
    distance: ArrayLike = FAR,
    *,
    segment: ArrayLike | None = None,
    minutes: float = 0.0,
    confidence: float = 1.0,
    probability: ArrayLike | None = None,
) -> Evidence:
    """A clear, sure track of thick ice far from any boundary, but for what is given."""
    return Evidence(
        segment=np.arange(count) if segment is None else np.asarray(segment, np.int64),
        window=2.0,
        label=np.broadcast_to(np.asarray(label, np.int8), count).copy(),
        flags=np.broadcast_to(np.asarray(flags, np.uint32), count).copy(),
        boundary_distance=np.broadcast_to(np.asarray(distance, np.float32), count).copy(),
        minutes=np.full(count, minutes, np.float32),
        drift_confidence=np.full(count, confidence, np.float32),
        probability=None if probability is None else np.asarray(probability, np.float32).reshape(3, count),
    )


def one(**given: object) -> float:
    return float(doubt(evidence(1, **given), NEVER)[0])  # type: ignore[arg-type]


def flagged(count: int, *runs: tuple[int, int], flag: AutoFlag = AutoFlag.CLOUD) -> np.ndarray:
    flags = np.zeros(count, np.uint32)
    for start, stop in runs:
        flags[start:stop] |= np.uint32(flag)
    return flags


def test_review_is_no_stage_that_runs() -> None:
    assert Review.key not in STAGES
    assert not Review.output


def test_a_flag_alone_is_its_weight_and_independent_ones_combine() -> None:
    assert one() == pytest.approx(1e-6, abs=1e-6)
    assert one(flags=AutoFlag.CLOUD) == pytest.approx(NEVER.cloud, abs=1e-5)
    assert one(flags=AutoFlag.SATURATED) == pytest.approx(NEVER.saturated, abs=1e-5)
    both = 1 - (1 - NEVER.cloud) * (1 - NEVER.shadow)
    assert one(flags=AutoFlag.CLOUD | AutoFlag.SHADOW) == pytest.approx(both, abs=1e-5)


def test_thin_ice_multiplies_the_odds() -> None:
    odds = NEVER.thin * NEVER.shadow / (1 - NEVER.shadow)
    assert one(label=1, flags=AutoFlag.SHADOW) == pytest.approx(odds / (1 + odds), abs=1e-5)


def test_a_boundary_falls_off_in_units_of_the_alignment() -> None:
    assert one(distance=10.0) == pytest.approx(NEVER.transition, abs=1e-5)
    assert one(distance=0.0) == pytest.approx(NEVER.transition, abs=1e-5)
    assert one(distance=40.0) == pytest.approx(NEVER.transition / 16, abs=1e-5)
    assert one(distance=np.nan) == pytest.approx(0.0, abs=2e-6)


def test_minutes_count_as_far_as_the_drift_is_unsure_and_the_class_is_rare() -> None:
    review = Review(base=1e-6, transition=0.0, drift=0.5, drift_speed=10.0, thin=1.0)
    label = np.array([0, 0, 0, 2])
    sure = evidence(4, label, distance=100.0, minutes=-30.0)
    assert doubt(sure, review) == pytest.approx(np.zeros(4), abs=2e-6)
    flagged_unsure = evidence(4, label, AutoFlag.DRIFT_UNSURE, 100.0, minutes=-30.0)
    wanted = 0.5 * 0.99 * np.array([0.25, 0.25, 0.25, 0.75])  # 300 m reach 100 m; 10 m reach it by (10/100)^2
    assert doubt(flagged_unsure, review) == pytest.approx(wanted, rel=1e-4)
    never_asked = evidence(4, label, 0, 100.0, minutes=30.0, confidence=np.nan)
    assert doubt(never_asked, review) == pytest.approx(wanted, rel=1e-4)


def test_the_model_moves_the_odds() -> None:
    shadow = NEVER.shadow / (1 - NEVER.shadow)

    def after(probability: list[float]) -> float:
        chance = one(flags=AutoFlag.SHADOW, probability=probability)
        return float(np.log(chance / (1 - chance) / shadow))

    assert after([1.0, 0.0, 0.0]) == pytest.approx(-NEVER.agreement, abs=1e-3)
    third = 1 / 3
    assert after([third, third, third]) == pytest.approx(min(0.0, NEVER.entropy - NEVER.agreement), abs=1e-3)
    assert after([0.1, 0.9, 0.0]) == pytest.approx(NEVER.disagreement * np.log(9), abs=1e-3)
    assert after([0.0, 1.0, 0.0]) == pytest.approx(NEVER.disagreement * 6, abs=1e-3)
    assert after([np.nan] * 3) == pytest.approx(0.0, abs=1e-4)


def test_short_holes_are_doubtful_and_long_ones_lie_outside_the_scene() -> None:
    label = np.zeros(30, np.int8)
    label[2:4] = label[10:20] = label[29] = -1
    given = evidence(30, label)
    found = holes(given, 10.0)
    assert np.flatnonzero(found).tolist() == [2, 3, 29]
    review = Review(unlabelled_longest=10.0, gap=0.0)
    assert doubt(given, review)[found] == pytest.approx(review.unlabelled)
    assert (doubt(given, review)[10:20] == 0.0).all()
    assert [(zone.first, zone.stop, zone.reasons, zone.label) for zone in find_zones(given, review)] == [
        (2, 4, ("unlabelled",), -1),
        (29, 30, ("unlabelled",), -1),
    ]


def test_runs_are_bridged_split_and_scored() -> None:
    given = evidence(100, flags=flagged(100, (10, 20), (25, 30), (50, 90)))
    review = Review(gap=10.0, longest=40.0, overhead=20.0, base=1e-6)
    found = find_zones(given, review)
    assert [(zone.first, zone.stop) for zone in found] == [(10, 30), (50, 70), (70, 90)]
    bridged = found[0]
    assert (bridged.x_start, bridged.x_end, bridged.length) == (20.0, 60.0, 40.0)
    assert bridged.wrong == pytest.approx(15 * 2.0 * review.cloud, rel=1e-3)
    assert bridged.score == pytest.approx(bridged.wrong / 60.0)
    assert [zone.reasons for zone in found] == [("cloud",)] * 3
    assert bridged.shares == (1.0,)


def test_a_gap_one_window_longer_is_not_bridged() -> None:
    given = evidence(100, flags=flagged(100, (10, 20), (26, 30)))
    assert len(find_zones(given, Review(gap=12.0))) == 1
    assert len(find_zones(given, Review(gap=11.9))) == 2


def test_no_zone_reaches_over_a_hole_of_the_track() -> None:
    segment = np.concatenate([np.arange(20), np.arange(1000, 1020)])
    given = evidence(40, flags=AutoFlag.CLOUD, segment=segment)
    found = find_zones(given, Review())
    assert [(zone.first, zone.stop) for zone in found] == [(0, 20), (1000, 1020)]
    assert found[1].x_start == 2000.0


def test_reasons_come_strongest_first_with_their_shares() -> None:
    flags = flagged(20, (0, 20)) | flagged(20, (0, 20), flag=AutoFlag.SHADOW)
    (zone,) = find_zones(evidence(20, flags=flags), NEVER)
    total = NEVER.cloud + NEVER.shadow
    assert zone.reasons == ("shadow", "cloud")
    assert zone.shares == pytest.approx((NEVER.shadow / total, NEVER.cloud / total), abs=2e-3)
    opposed = np.tile(np.array([[0.02], [0.9], [0.08]]), 20)
    (zone,) = find_zones(evidence(20, flags=AutoFlag.SATURATED, probability=opposed), NEVER)
    assert zone.reasons == ("disagreement",)
    torn = np.tile(np.array([[0.5], [0.45], [0.05]]), 20)
    (zone,) = find_zones(evidence(20, flags=flags, probability=torn), NEVER)
    assert set(zone.reasons) == {"entropy", "shadow", "cloud"}


def test_the_most_frequent_label_stands_for_a_zone() -> None:
    label = np.array([0, 2, 2, 2, 1, 1])
    (zone,) = find_zones(evidence(6, label, AutoFlag.SHADOW), Review())
    assert zone.label == 2


def test_a_track_without_segments_has_no_zones() -> None:
    empty = evidence(0, probability=np.empty((3, 0)))
    assert doubt(empty, Review()).shape == (0,)
    assert find_zones(empty, Review()) == []


@st.composite
def tracks(draw: st.DrawFn) -> Evidence:
    """Any track of up to 120 segments with holes, flags, boundaries and perhaps a model."""
    count = draw(st.integers(1, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probability = rng.dirichlet([0.6, 0.4, 0.3], count).T
    probability[:, rng.random(count) < 0.1] = np.nan
    return Evidence(
        segment=np.cumsum(rng.choice([1, 1, 1, 1, 2, 5, 40], count)),
        window=2.0,
        label=np.repeat(rng.integers(-1, 3, count), rng.integers(1, 6, count))[:count].astype(np.int8),
        flags=np.where(rng.random(count) < 0.3, rng.integers(0, 64, count), 0).astype(np.uint32),
        boundary_distance=np.where(rng.random(count) < 0.1, np.nan, 10.0 * rng.integers(0, 40, count)).astype("f4"),
        minutes=np.full(count, rng.normal(0, 30), np.float32),
        drift_confidence=np.full(count, rng.choice([np.nan, 0.0, 0.7, 1.0]), np.float32),
        probability=probability.astype(np.float32) if draw(st.booleans()) else None,
    )


reviews = st.builds(
    Review,
    threshold=st.sampled_from([0.01, 0.05, 0.3]),
    gap=st.sampled_from([0.0, 4.0, 30.0]),
    longest=st.sampled_from([10.0, 64.0, 2000.0]),
    overhead=st.sampled_from([0.0, 100.0]),
)


@given(tracks(), reviews)
def test_zones_are_disjoint_ordered_and_hold_every_doubtful_segment(track: Evidence, review: Review) -> None:
    chance, found = doubt(track, review), find_zones(track, review)
    assert ((chance >= 0) & (chance <= 1)).all()
    edges = [edge for zone in found for edge in (zone.first, zone.stop)]
    assert edges == sorted(edges)
    assert all(zone.first < zone.stop for zone in found)
    inside = np.zeros(len(track), bool)
    doubtful = set(track.segment[chance >= np.float32(review.threshold)].tolist())
    for zone in found:
        inside |= (track.segment >= zone.first) & (track.segment < zone.stop)
        assert {zone.first, zone.stop - 1} <= doubtful
        assert zone.length <= review.longest + track.window
        mine = track.segment[(track.segment >= zone.first) & (track.segment < zone.stop)]
        assert ((np.diff(mine) - 1) * track.window <= review.gap).all()
    assert doubtful <= set(track.segment[inside].tolist())


@given(tracks(), reviews)
def test_scores_shares_and_reasons_fit_the_doubt(track: Evidence, review: Review) -> None:
    chance = doubt(track, review).astype(float)
    for zone in find_zones(track, review):
        rows = slice(*np.searchsorted(track.segment, (zone.first, zone.stop)))
        assert zone.wrong == pytest.approx(chance[rows].sum() * track.window, rel=1e-6)
        assert zone.score == pytest.approx(zone.wrong / (zone.length + review.overhead))
        assert list(zone.shares) == sorted(zone.shares, reverse=True)
        assert sum(zone.shares) <= 1.0 + 0.0005 * len(REASONS)
        assert all(share >= LEAST_SHARE for share in zone.shares[1:])
        assert set(zone.reasons) <= set(REASONS)
        assert zone.label in track.label[rows]


@given(tracks(), reviews, st.integers(-(10**6), 10**9))
def test_zones_move_with_the_track(track: Evidence, review: Review, shift: int) -> None:
    moved = find_zones(replace(track, segment=track.segment + shift), review)
    assert [(zone.first - shift, zone.stop - shift, zone.score) for zone in moved] == [
        (zone.first, zone.stop, zone.score) for zone in find_zones(track, review)
    ]


@given(tracks(), reviews)
def test_another_unit_of_length_changes_no_zone(track: Evidence, review: Review) -> None:
    scaled = Review(**review.values_dict())
    for name in ("gap", "longest", "overhead", "alignment", "drift_speed", "unlabelled_longest"):
        setattr(scaled, name, 4.0 * getattr(review, name))
    wide = replace(track, window=8.0, boundary_distance=track.boundary_distance * np.float32(4.0))
    kept = [(zone.first, zone.stop, zone.reasons) for zone in find_zones(track, review)]
    assert [(zone.first, zone.stop, zone.reasons) for zone in find_zones(wide, scaled)] == kept


@given(tracks(), reviews, st.sampled_from([AutoFlag.CLOUD, AutoFlag.SHADOW, AutoFlag.SATURATED, AutoFlag.DRIFT_UNSURE]))
def test_one_more_flag_never_takes_doubt_away(track: Evidence, review: Review, flag: AutoFlag) -> None:
    more = replace(track, flags=track.flags | np.uint32(flag))
    assert (doubt(more, review) >= doubt(track, review) - 1e-6).all()
    assert (causes(more, review) >= causes(track, review) - 1e-6).all()


def test_a_track_longer_than_a_block_is_judged_as_its_parts_are() -> None:
    count = 150_000
    flags = flagged(count, (65_000, 66_000), (131_000, 131_100))
    whole = doubt(evidence(count, flags=flags), Review())
    clear, cloudy = doubt(evidence(2, flags=flagged(2, (1, 2))), Review())
    assert np.array_equal(whole, np.where(flags > 0, cloudy, clear))
    assert [(zone.first, zone.stop) for zone in find_zones(evidence(count, flags=flags), Review())] == [
        (65_000, 66_000),
        (131_000, 131_100),
    ]

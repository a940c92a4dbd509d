"""What an edit does: equal to computing the whole track twice, whatever is edited and whichever estimator holds."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.effect import NOTICED, Effect, Shift, Survey, effect_of, effects_of, revise, survey
from processing.core.freeboard import TrackFreeboard, freeboard_of_track, sea_level_mask
from processing.core.sea_surface import ESTIMATORS, Rules
from processing.schema import Quality

RULES = Rules(window=1000.0, stride=500.0)


def made_track(seed: int, segments: int = 3000) -> tuple[np.ndarray, ...]:
    """A short synthetic track, windows missing, with a gap beyond the window: x, height, spread, count, label."""
    rng = np.random.default_rng(seed)
    index = np.flatnonzero(rng.random(segments) > 0.05)
    index = index[(index < segments // 2) | (index > segments // 2 + 700)]
    x = 50_000.0 + 2.0 * index + 1.0
    share = rng.choice([0.01, 0.05, 0.3, 0.9])
    label = np.where(np.repeat(rng.random(len(x) // 12 + 1) < share, 12)[: len(x)], 2, rng.integers(-1, 2, len(x)))
    height = np.where(label == 2, 0.0, 0.3) + 0.1 * np.sin(x / 300.0) + rng.normal(0, 0.04, len(x))
    height[rng.random(len(x)) < 0.01] = np.nan
    count = rng.poisson(6.0, len(x)) + 1
    return x, height.astype(np.float32), rng.uniform(0.02, 0.15, len(x)).astype(np.float32), count, label.astype("i1")


def returns_of(track: tuple[np.ndarray, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photons a shot and quality beside a track's columns: a bank of cloud, dark and bright leads, saturation."""
    rng, x = np.random.default_rng(seed), track[0]
    bank = np.abs(x - rng.uniform(x[0], x[-1])) < rng.uniform(500.0, 2000.0)
    lead = np.repeat(rng.choice([0.5, 2.0, 9.0], len(x) // 40 + 1), 40)[: len(x)]
    rate = np.where(track[4] == 2, lead, rng.uniform(4.0, 8.0, len(x))) * np.where(bank, 0.3, 1.0)
    quality = np.full(len(x), int(Quality.FIRST_PHOTON_CORRECTED), np.uint32)
    quality[np.repeat(rng.random(len(x) // 60 + 1) < 0.2, 60)[: len(x)]] |= np.uint32(Quality.FULLY_SATURATED)
    return rate.astype(np.float32), quality


def whole(
    track: tuple[np.ndarray, ...], label: np.ndarray, rules: Rules, estimator: str, returns: tuple[np.ndarray, ...] = ()
) -> TrackFreeboard:
    x, height, spread, count, _ = track
    return freeboard_of_track(x, height, spread, count, sea_level_mask(label, height), rules, estimator, *returns)


def shift_of(before: np.ndarray, after: np.ndarray, length: float) -> Shift:
    both = np.isfinite(before) & np.isfinite(after)
    apart = after[both].astype(float) - before[both]
    moved = apart[np.abs(apart) > NOTICED]
    return (
        Shift(float(moved.mean()), float(moved[np.abs(moved).argmax()]), len(moved) * length) if len(moved) else Shift()
    )


def runs(lead_id: np.ndarray) -> list[set[int]]:
    """Rows of each lead, from the numbers that freeboard gives its segments; parts of a long lead stay parts."""
    return [set(np.flatnonzero(lead_id == ident)) for ident in np.unique(lead_id[lead_id >= 0])]


def whole_effect(
    track: tuple[np.ndarray, ...], label: np.ndarray, rules: Rules, estimator: str, returns: tuple[np.ndarray, ...] = ()
) -> Effect:
    """By definition: the whole track before and after, side by side."""
    row, length = ESTIMATORS.index(estimator), rules.segment_length
    old, new = (whole(track, each, rules, estimator, returns) for each in (track[4], label))
    was, now = old.sea.surface[row], new.sea.surface[row]
    before, after = runs(old.lead_id), runs(new.lead_id)
    kept, there = set().union(*after), set().union(*before)
    return Effect(
        int(np.sum(label != track[4])),
        float(np.sum(label != track[4])) * length,
        shift_of(was, now, length),
        shift_of(old.freeboard, new.freeboard, length),
        sum(not lead & kept for lead in before),
        sum(not lead & there for lead in after),
        (),
        length * float(np.sum(np.isfinite(was) & ~np.isfinite(now))),
        length * float(np.sum(~np.isfinite(was) & np.isfinite(now))),
        bool(np.isfinite(was).any() and np.isfinite(now).any()),
    )


def assert_equal_effects(found: Effect, expected: Effect) -> None:
    for name in ("segments", "metres", "leads_lost", "leads_won", "metres_lost", "metres_won", "valid"):
        assert getattr(found, name) == getattr(expected, name), name
    for name in ("sea_surface", "freeboard"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.metres == other.metres, name
        assert (one.mean, one.largest) == pytest.approx((other.mean, other.largest), abs=1e-9), name


def assert_equal_surveys(found: Survey, expected: Survey) -> None:
    for one, other in (
        (found.leads, expected.leads),
        (found.evidence.leads, expected.evidence.leads),
        (found.evidence.windows, expected.evidence.windows),
    ):
        for field in fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), str(field.name))
    for line, wanted in zip(found.lines, expected.lines, strict=True):
        assert (line is None) == (wanted is None)
        if line is not None and wanted is not None:
            np.testing.assert_array_equal(line.place, wanted.place)
            np.testing.assert_array_equal(line.height, wanted.height)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.0, 1.0),
    st.sampled_from([1, 5, 60, 700]),
    st.booleans(),
    st.sampled_from([-1, 0, 2]),
    st.sampled_from([1, 4]),
    st.sampled_from(ESTIMATORS),
    st.booleans(),
)
def test_an_effect_equals_the_whole_track_computed_twice(
    seed: int, place: float, count: int, scattered: bool, given_label: int, minimum: int, estimator: str, told: bool
) -> None:
    track = made_track(seed)
    returns = returns_of(track, seed) if told else ()
    rules = Rules(1000.0, 500.0, minimum)
    rows = int(place * (len(track[0]) - 1)) + np.arange(count) * (3 if scattered else 1)
    rows = rows[rows < len(track[0])]
    known = survey(*track, rules, estimator, *returns)
    label = track[4].copy()
    label[rows] = given_label
    revised = revise(known, label)
    assert_equal_surveys(revised, survey(*track[:4], label, rules, estimator, *returns))
    assert_equal_effects(effects_of(known, rows)[given_label], whole_effect(track, label, rules, estimator, returns))
    back = revise(revised, track[4])
    assert_equal_surveys(back, known)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_long_lead_is_one_lead_although_it_is_computed_in_sections(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = 2.0 * np.arange(4000) + 1.0
    label = np.where((x > 1000) & (x < 5300), 2, 0).astype(np.int8)
    height = (0.3 * (label != 2) + rng.normal(0, 0.03, len(x))).astype(np.float32)
    track = (x, height, np.full(len(x), 0.1, "f4"), np.full(len(x), 8), label)
    cut = label.copy()
    at = rng.integers(520, 2600)
    cut[at : at + 20] = 0
    found = effect_of(*track, cut, RULES, "robust")
    assert (found.leads_lost, found.leads_won) == (0, 0), "cut in two, or shorter"
    assert_equal_surveys(revise(survey(*track, RULES, "robust"), cut), survey(*track[:4], cut, RULES, "robust"))
    gone = effect_of(*track, np.zeros(len(x), "i1"), RULES, "robust")
    assert (gone.leads_lost, gone.metres_lost, gone.valid) == (1, 8000.0, False)
    won = effect_of(*track[:4], np.zeros(len(x), "i1"), label, RULES, "robust")
    assert (won.leads_won, won.metres_won, won.valid) == (1, 8000.0, False)


def test_two_leads_by_hand() -> None:
    # Leads of 40 m at 2 km (height 0) and 8 km (height 0.2); windows of 1 km every 500 m.
    x = 2.0 * np.arange(5000) + 1.0
    second = np.abs(x - 8000) < 20
    label = np.where((np.abs(x - 2000) < 20) | second, 2, 0).astype(np.int8)
    height = np.where(label == 2, np.where(second, 0.2, 0.0), 0.5).astype(np.float32)
    track = (x, height, np.full(5000, 0.05, "f4"), np.full(5000, 9), label)
    found = effects_of(survey(*track, RULES, "average"), second)
    assert found[2] == Effect(0, 0.0)
    for gone in (found[0], found[1], found[-1]):
        assert (gone.segments, gone.metres, gone.leads_lost, gone.leads_won) == (20, 40.0, 1, 0)
        assert gone.bare_windows == ((7500.0, 8500.0), (8000.0, 9000.0))
        # It was 0 to the centre of the first lead's last window, 2.5 km, 0.2 from 8 km on, linear between.
        expected = -np.interp(x, [2500, 8000], [0.0, 0.2])
        moved = expected[expected < -NOTICED]
        assert gone.sea_surface.metres == pytest.approx(2.0 * len(moved), abs=2.0)
        assert gone.sea_surface.mean == pytest.approx(moved.mean(), abs=1e-4)
        assert gone.sea_surface.largest == pytest.approx(-0.2, abs=1e-6)
        assert gone.freeboard.largest == pytest.approx(0.2, abs=1e-6)
        assert gone.valid
    narrower = effects_of(survey(*track, RULES, "average"), np.abs(x - 8000) < 8, (0,))[0]
    assert (narrower.leads_lost, narrower.leads_won, narrower.bare_windows) == (0, 0, ())


def test_a_change_between_kinds_of_ice_moves_no_sea_level() -> None:
    track = made_track(3)
    known = survey(*track, RULES, "robust")
    rows = np.flatnonzero(track[4] == 0)[:50]
    found = effects_of(known, rows)[1]
    assert found == Effect(50, 100.0)
    label = track[4].copy()
    label[rows] = 1
    assert revise(known, label).evidence is known.evidence


def test_segments_out_of_order_are_refused() -> None:
    x = np.array([1.0, 5.0, 3.0])
    with pytest.raises(ValueError, match="ascend"):
        survey(x, x, x, x, np.zeros(3), RULES, "robust")

"""Freeboard of a track: differences, uncertainty, what happens to bad values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.freeboard import (
    Stretch,
    freeboard,
    freeboard_of_stretch,
    freeboard_of_track,
    sea_level_mask,
    sea_level_of,
    stretch_of,
    track_lines,
)
from processing.core.sea_surface import ESTIMATORS, Rules, lines_near
from processing.schema import Quality


@pytest.mark.kernel
def test_freeboard_and_its_uncertainty_by_hand() -> None:
    above, sigma = freeboard(
        np.array([0.5, 0.1, 0.2]),
        np.array([0.03, 0.03, 0.03]),
        np.array([0.2, 0.15, np.nan], np.float32),
        np.array([0.04, 0.0, np.nan], np.float32),
    )
    assert above[:2] == pytest.approx([0.3, -0.05], abs=1e-7), "negative values are kept"
    assert sigma[:2] == pytest.approx([0.05, 0.03])
    assert np.isnan(above[2])
    assert np.isnan(sigma[2])


def test_sea_level_mask_needs_water_a_height_and_enough_probability() -> None:
    label = np.array([2, 2, 1, -1, 2])
    height = np.array([0.0, np.nan, 0.0, 0.0, 0.0])
    p_water = np.array([0.9, 0.9, 0.9, 0.9, 0.4])
    assert sea_level_mask(label, height).tolist() == [True, False, False, False, True]
    assert sea_level_mask(label, height, p_water, 0.5).tolist() == [True, False, False, False, False]


def test_a_height_that_is_missing_spoils_only_its_own_segment() -> None:
    x = 2.0 * np.arange(1000) + 1.0
    height = np.full(1000, 0.3)
    height[500:520] = 0.0
    height[100] = np.nan
    water = sea_level_mask(np.where(height == 0.0, 2, 0), height)
    found = freeboard_of_track(x, height, np.full(1000, 0.1), np.full(1000, 10), water, Rules(), "robust")
    assert np.flatnonzero(np.isnan(found.freeboard)).tolist() == [100]
    assert np.delete(found.freeboard, 100)[:400] == pytest.approx(0.3, abs=1e-6)
    assert found.lead_id[500:520].tolist() == [500] * 20
    part = found.part(slice(495, 505))
    assert part.lead_id.tolist() == [-1] * 5 + [500] * 5
    assert part.sea.surface.shape == (5, 10)
    assert part.freeboard.tolist() == found.freeboard[495:505].tolist()
    assert part.sea.sigma.tolist() == found.sea.sigma[495:505].tolist()


def test_an_empty_track_gives_empty_arrays() -> None:
    nothing = np.empty(0)
    found = freeboard_of_track(nothing, nothing, nothing, nothing, np.empty(0, bool), Rules(), "weighted")
    assert found.freeboard.shape == (0,)
    assert found.sea.surface.shape == (5, 0)


def test_segments_out_of_order_are_refused() -> None:
    x = np.array([1.0, 5.0, 3.0])
    with pytest.raises(ValueError, match="ascend"):
        freeboard_of_track(x, x, x, x, np.ones(3, bool), Rules(), "robust")


Columns = tuple[np.ndarray, ...]
Result = tuple[np.ndarray, ...]


def made_track(seed: int, spacing: int) -> Columns:
    """Columns of a track of four pieces, one of them without a lead, with short, long and sparse leads and their gaps;
    ``spacing`` is that of the segments of the sparse ones."""
    rng = np.random.default_rng(seed)
    index = np.flatnonzero(rng.random(9000) > 0.05)
    index = index[(index < 2500) | ((index > 3400) & (index < 6000)) | (index > 7000)]
    x = 30_000.0 + 2.0 * index + 1.0
    water = np.repeat(rng.random(len(x) // 10 + 1) < 0.1, 10)[: len(x)]
    water |= (x > 37_300.0) & (x < 37_300.0 + rng.uniform(100.0, 3500.0))
    sparse = (x > 40_000.0) & (x < 41_500.0)
    water[sparse] = True
    keep = ~sparse | (index % spacing == 0)
    water &= (x < 44_000.0) | (x > 46_000.0)
    height = np.where(water, 0.0, 0.3) + 0.1 * np.sin(x / 900.0) + rng.normal(0, 0.03, len(x))
    columns = (x, height.astype(np.float32), rng.uniform(0.05, 0.2, len(x)).astype(np.float32))
    return tuple(each[keep] for each in (*columns, rng.integers(1, 20, len(x), np.int32), water))


def returns_of(track: Columns, seed: int) -> Columns:
    """Photons a shot and quality beside a track's columns: a bank of cloud, dark and bright leads, saturation."""
    rng, x = np.random.default_rng(seed), track[0]
    bank = np.abs(x - rng.uniform(x[0], x[-1])) < rng.uniform(500.0, 4000.0)
    lead = np.repeat(rng.choice([0.5, 2.0, 9.0], len(x) // 40 + 1), 40)[: len(x)]
    rate = np.where(track[4], lead, rng.uniform(4.0, 8.0, len(x))) * np.where(bank, 0.3, 1.0)
    quality = np.full(len(x), int(Quality.FIRST_PHOTON_CORRECTED), np.uint32)
    quality[np.repeat(rng.random(len(x) // 60 + 1) < 0.2, 60)[: len(x)]] |= np.uint32(Quality.FULLY_SATURATED)
    quality[np.repeat(rng.random(len(x) // 60 + 1) < 0.1, 60)[: len(x)]] = 0
    return rate.astype(np.float32), quality


def stretch_from(columns: Columns, rules: Rules) -> Stretch:
    """A stretch of columns that end with photon rate and quality, or do not."""
    return stretch_of(*columns[:5], rules, *columns[5:])


def by_stretches(track: Columns, edges: list[float], rules: Rules, estimator: str) -> Result:
    """What the track's stretches between ``edges`` give one after another, each seeing no more than its halo."""

    def stretch(core: tuple[float, float], halo: float) -> Columns:
        near = (track[0] >= core[0] - halo) & (track[0] <= core[1] + halo)
        return tuple(each[near] for each in track)

    cores = list(pairwise([-np.inf, *edges, np.inf]))
    levels = [sea_level_of(stretch_from(stretch(core, rules.halo), rules), rules, core) for core in cores]
    lines = track_lines(levels, rules, estimator)
    parts = [
        freeboard_of_stretch(
            stretch_from(stretch(core, rules.lead_halo), rules), lines_near(lines, core, rules), rules, estimator, core
        )
        for core in cores
    ]
    return (
        np.concatenate([part.sea.surface for part in parts], axis=1),
        *(np.concatenate([getattr(part.sea, name) for part in parts]) for name in ("sigma", "source")),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS),
    )


_COLUMNS = ("freeboard", "freeboard_sigma", "lead_id", "flags")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 4, 6]),
    st.lists(st.floats(29_000.0, 49_000.0), max_size=6, unique=True),
    st.sampled_from([Rules(1000.0, 500.0), Rules(400.0, 300.0, 3), Rules(1500.0, 100.0, 40), Rules(6000.0, 6000.0)]),
    st.sampled_from(ESTIMATORS),
    st.booleans(),
)
def test_a_track_stretch_by_stretch_is_the_whole_track_bit_for_bit(
    seed: int, spacing: int, edges: list[float], rules: Rules, estimator: str, told: bool
) -> None:
    track = made_track(seed, spacing)
    track = (*track, *returns_of(track, seed)) if told else track
    whole = freeboard_of_track(*track[:5], rules, estimator, *track[5:])
    expected = (whole.sea.surface, whole.sea.sigma, whole.sea.source, *(getattr(whole, name) for name in _COLUMNS))
    for one, other in zip(expected, by_stretches(track, sorted(edges), rules, estimator), strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == np.ascontiguousarray(other).tobytes()


def test_a_lead_of_sparse_segments_counts_on_either_side_of_a_border() -> None:
    # 200 segments of open water 12 m apart, just as many as make a lead, cut at 3 km and at 4 km.
    x = np.concatenate([2.0 * np.arange(1000) + 1.0, 2007.0 + 12.0 * np.arange(200), 4401.0 + 2.0 * np.arange(1000)])
    water = (x >= 2007.0) & (x < 4400.0)
    track = (x, np.where(water, 0.0, 0.3), np.full(len(x), 0.1), np.full(len(x), 5), water)
    rules = Rules(200.0, 200.0, 200)
    whole = freeboard_of_track(*track, rules, "average")
    assert set(whole.lead_id.tolist()) == {-1, 1003, 1501, 2005}
    for edge in (2007.0, 2100.0, 3003.0, 4400.0):
        *_, number, _ = by_stretches(track, [edge], rules, "average")
        assert number.tolist() == whole.lead_id.tolist(), f"a border at {edge} m"

"""The scripted reviewer's arithmetic, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench_queue import synthetic_evidence, unranked
from benchmarks.scripted_reviewer import Beam, from_start_to_end, ideal, in_track_order, outside, ranked
from processing.core.zones import Zone, find_zones
from processing.stages import Review


def zone(first: int, stop: int, score: float) -> Zone:
    return Zone(first, stop, 2.0 * first, 2.0 * stop, ("cloud",), score, 0)


def beam(*wrong: int, zones: tuple[Zone, ...] = ()) -> Beam:
    """Ten segments of 2 m of which those named are wrong."""
    return Beam(np.arange(10), np.isin(np.arange(10), wrong), zones, 2.0)


def test_each_order_mends_what_it_passes() -> None:
    shown = [beam(1, 2, 7, 8, zones=(zone(0, 4, 0.1), zone(6, 8, 0.5))), beam(zones=(zone(5, 9, 0.3),))]
    assert from_start_to_end(shown).metres_to(0.5) == 6.0
    assert from_start_to_end(shown).metres[-1] == 40.0
    assert unranked(shown) == 6.0
    assert ranked(shown).wrong[[0, -1]].tolist() == [4.0, 1.0]
    assert ranked(shown).metres[-1] == 20.0
    assert ranked(shown).metres_to(0.25) == 4.0
    assert ranked(shown).metres_to(0.5) == 16.0
    assert in_track_order(shown).metres_to(0.5) == 6.0
    assert ideal(shown).metres_to(0.75) == 12.0
    assert ranked(shown).metres_to(0.9) == np.inf
    assert outside(shown) == pytest.approx(0.25)


def test_unranked_review_may_begin_at_the_better_end() -> None:
    assert unranked([beam(8, 9)]) == 2.0


def test_the_timed_track_has_zones_of_every_kind() -> None:
    found = find_zones(synthetic_evidence(20_000), Review())
    assert {"cloud", "shadow", "disagreement"} <= {reason for one in found for reason in one.reasons}

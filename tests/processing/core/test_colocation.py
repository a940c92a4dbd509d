"""Our segments gathered over a product's: by hand, against plain loops, and where the product really lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.core.colocation import Aggregated, Line, Segments, aggregate, find_offset
from processing.core.mean_freeboard import COMMON_HEIGHT

SPEED = 7000.0
EPOCH = np.datetime64("2019-11-04T20:00:00", "ns")


def segments(x: list[float], label: list[int], freeboard: list[float]) -> Segments:
    given = np.array(freeboard, np.float32)
    size = len(x)
    return Segments(
        np.array(x),
        given,
        given + np.float32(0.1),
        np.where(np.isfinite(given), np.float32(0.1), np.float32(np.nan)),
        np.full(size, 0.04, np.float32),
        np.full(size, 0.03, np.float32),
        np.full(size, 20.0, np.float32),
        np.array(label, np.int8),
        2.0,
    )


def test_four_segments_by_hand() -> None:
    ours = segments([1.0, 3.0, 5.0, 9.0], [0, 2, 2, -1], [0.2, 0.4, np.nan, 0.6])
    found = aggregate(ours, [4.0, 3.0, 9.5, 30.0, np.nan], [8.0, 2.0, 2.0, 10.0, 5.0])
    assert found.count.tolist() == [3, 1, 1, 0, 0]
    np.testing.assert_allclose(found.covered, [6 / 8, 1.0, 0.75, 0.0, 0.0])
    np.testing.assert_allclose(found.freeboard, [0.3, 0.4, 0.6, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.freeboard_sigma[0], np.sqrt(0.04**2 / 2 + 0.03**2 + COMMON_HEIGHT**2), rtol=1e-6)
    np.testing.assert_allclose(found.sea_surface, [0.1, 0.1, 0.1, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_allclose(found.sea_surface_sigma, [0.03, 0.03, 0.03, np.nan, np.nan], rtol=1e-6)
    assert found.label.tolist() == [2, 2, -1, -1, -1]
    np.testing.assert_allclose(found.shares[0], [1 / 3, 0.0, 2 / 3])
    assert np.isnan(found.shares[2]).all(), "no class, no shares"


def brute(ours: Segments, middle: float, length: float) -> tuple[int, float, float, float]:
    """Count, cover, freeboard and its sigma of one segment, the plain way."""
    begin, end = middle - length / 2, middle + length / 2
    inside = (ours.x >= begin) & (ours.x < end)
    known = inside & np.isfinite(ours.freeboard)
    shared = np.minimum(end, ours.x + ours.length / 2) - np.maximum(begin, ours.x - ours.length / 2)
    covered = np.maximum(shared, 0.0).sum() / length
    if not known.any():
        return int(inside.sum()), covered, np.nan, np.nan
    noise = np.hypot(np.sqrt((ours.height_sigma[known].astype(np.float64) ** 2).sum()) / known.sum(), COMMON_HEIGHT)
    return (
        int(inside.sum()),
        covered,
        float(ours.freeboard[known].astype(np.float64).mean()),
        float(np.hypot(noise, ours.sea_surface_sigma[known].astype(np.float64).mean())),
    )


@pytest.mark.kernel
@given(st.integers(0, 10_000))
def test_what_is_gathered_is_what_lies_within(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = 8e6 + 2.0 * np.flatnonzero(rng.random(300) > rng.random() * 0.6) + 1.0
    size = len(x)
    freeboard = np.where(rng.random(size) < 0.1, np.nan, rng.normal(0.3, 0.2, size)).astype(np.float32)
    ours = Segments(
        x,
        freeboard,
        freeboard,
        freeboard,
        rng.uniform(0.01, 0.1, size).astype(np.float32),
        rng.uniform(0.01, 0.1, size).astype(np.float32),
        freeboard,
        rng.integers(-1, 3, size).astype(np.int8),
        2.0,
    )
    middle = 8e6 + rng.uniform(-50, 650, 20)
    length = rng.uniform(0.5, 150, 20)
    found = aggregate(ours, middle, length)
    expected = [brute(ours, *each) for each in zip(middle, length, strict=True)]
    for name, values in zip(
        ("count", "covered", "freeboard", "freeboard_sigma"), zip(*expected, strict=True), strict=True
    ):
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-7, err_msg=name)


def test_a_track_without_segments_gathers_nothing() -> None:
    found = aggregate(segments([], [], []), [1.0, 2.0], [4.0, 4.0])
    assert isinstance(found, Aggregated)
    assert found.count.tolist() == [0, 0]
    assert np.isnan(found.freeboard).all()
    assert len(aggregate(segments([1.0], [0], [0.3]), [], [])) == 0


def over_the_pole(x: np.ndarray, east: float = 0.0) -> dict[str, np.ndarray]:
    """A line along meridians, over the north pole where x is 0; ``east`` m beside it. Spherical enough for a test."""
    from pyproj import Transformer

    place = Transformer.from_crs("EPSG:3413", "EPSG:4326", always_xy=True)
    lon, lat = place.transform(np.full(len(x), east), x)
    return {"lat": lat, "lon": lon}


def line(x: np.ndarray, *, clock: float = 0.0, shift: float = 0.0, east: float = 0.0) -> Line:
    time = EPOCH + np.round((x / SPEED + clock) * 1e9).astype("timedelta64[ns]")
    return Line(x - shift, time, **over_the_pole(x, east))


OURS = line(np.arange(-20_000.0, 20_000.0, 2.0))
THEIRS = np.arange(-25_000.0, 25_000.0, 37.0)


@pytest.mark.parametrize(("clock", "shift"), [(0.0, 0.0), (1.0, 0.0), (-0.004, 0.0), (0.0, 7000.0), (1.0, -120.0)])
def test_a_shifted_clock_and_shifted_distances_are_told_apart(clock: float, shift: float) -> None:
    found = find_offset(OURS, line(THEIRS, clock=clock, shift=shift))
    assert found.placed > 500
    assert found.clock == pytest.approx(clock, abs=2e-5)
    assert found.along == pytest.approx(shift, abs=0.1)
    assert found.across == pytest.approx(0.0, abs=0.1)
    assert found.speed == pytest.approx(SPEED, rel=1e-6)


def test_another_beam_lies_beside_ours() -> None:
    found = find_offset(OURS, line(THEIRS, east=90.0))
    assert found.across == pytest.approx(92.0, abs=4.0), "90 m on the map, whose scale at the pole is 0.97"
    assert found.along == pytest.approx(0.0, abs=0.1)


def test_without_places_time_tells_the_offset() -> None:
    nowhere = np.full(len(THEIRS), np.nan)
    shifted = line(THEIRS, shift=350.0)
    found = find_offset(OURS, Line(shifted.x, shifted.time, nowhere, nowhere))
    assert found.placed == 0
    assert found.along == pytest.approx(350.0, abs=0.1)


def test_what_does_not_meet_has_no_offset() -> None:
    far = find_offset(OURS, line(np.arange(500_000.0, 510_000.0, 40.0)))
    assert (far.placed, far.overlap) == (0, 0.0)
    assert np.isnan(far.along)
    none = line(np.zeros(0))
    assert find_offset(OURS, none).tried == 0
    assert find_offset(none, line(THEIRS)).placed == 0

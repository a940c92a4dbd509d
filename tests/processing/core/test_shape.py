"""Leads, floes, ridges and roughness of tracks drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.floes import floes
from processing.core.leads import SECTION
from processing.core.openings import Openings, OverOpenings, lengths_stood_for, openings
from processing.core.ridges import level_ice, mode_of, ridges, smoothed
from processing.core.roughness import roughness
from processing.core.stretches import over_runs, runs
from processing.schema import FreeboardFlag

LENGTH, GAP = 2.0, 50.0


def drawn(picture: str) -> OverOpenings:
    """A track of one window a letter: ``I`` thick ice, ``i`` thin, ``~`` lead; other letters hold no photons."""
    letters = np.array(list(picture))
    index = np.arange(len(letters))
    keep = np.isin(letters, list("Ii~"))
    letters, index = letters[keep], index[keep]
    water = letters == "~"
    label = np.where(water, 2, np.where(letters == "i", 1, 0)).astype(np.int8)
    height = np.where(water, 0.05, 0.4)
    return OverOpenings(
        x=LENGTH * index + 1.0,
        lead_id=np.where(water, 7, -1).astype(np.int32),
        label=label,
        height=height,
        height_sigma=np.full(len(label), 0.02),
        photon_rate=np.where(water, 9.0, 5.0),
        flags=np.where(np.arange(len(label)) % 2, FreeboardFlag.WAVES, FreeboardFlag.DARK_LEAD).astype(np.uint32),
    )


def test_leads_have_widths_neighbours_and_spacing() -> None:
    #                      0    5    10   15   20
    found = openings(drawn("III~~~~~iiiI~.~~IIII"), LENGTH, GAP)
    assert found.width.tolist() == [10.0, 8.0]  # the second holds an empty window
    assert found.sampled.tolist() == [10.0, 6.0]
    assert found.before.tolist() == [0, 0]
    assert found.after.tolist() == [1, 0]
    assert found.x.tolist() == [11.0, 28.0]
    assert found.spacing[0] == 17.0
    assert np.isnan(found.spacing[1])
    assert not found.cut.any()
    assert len(openings(drawn("III~~~~~iiiI~.~~IIII"), LENGTH, GAP, least=9.0)) == 1
    assert found.photon_rate == pytest.approx(9.0)
    assert found.height == pytest.approx(0.05)
    assert found.flags.tolist() == [FreeboardFlag.WAVES | FreeboardFlag.DARK_LEAD] * 2


def test_leads_that_the_sea_surface_takes_in_sections_are_whole() -> None:
    track = drawn("II" + 700 * "~" + "II")
    track = replace(track, lead_id=np.where(track.lead_id >= 0, np.floor(track.x / SECTION), -1).astype(np.int32))
    assert openings(track, LENGTH, GAP).width.tolist() == [1400.0]


def test_empty_windows_in_leads_are_water() -> None:
    track = drawn("II~..~~II..II~" + 20 * "." + "~I")
    length = lengths_stood_for(track.x, track.lead_id >= 0, LENGTH)
    assert length[2:5] == pytest.approx(10.0 / 3.0)
    assert np.delete(length, [2, 3, 4]).tolist() == [2.0] * 9


def test_a_lead_at_the_end_of_the_data_may_be_wider() -> None:
    found = openings(drawn("~~~III~~~" + 30 * "." + "III~~III"), LENGTH, GAP)
    assert found.cut.tolist() == [True, True, False]
    assert found.before.tolist() == [-1, 0, 0]
    assert found.after.tolist() == [0, -1, 0]
    assert np.isfinite(found.spacing).tolist() == [True, False, False]


def test_floes_lie_between_wide_leads_and_gaps_censor_them() -> None:
    #               0    5    10   15   20   25   30
    track = drawn("IIII~~~IIIII~IIII~~~~III" + 40 * "." + "IIIII~~~II")
    leads = openings(track, LENGTH, GAP)
    found = floes(track.x, leads, LENGTH, 6.0, GAP)
    assert found.chord.tolist() == [8.0, 20.0, 6.0, 10.0, 4.0]
    assert found.censored.tolist() == [True, False, True, True, True]
    assert found.x.tolist() == [4.0, 24.0, 45.0, 133.0, 146.0]
    assert floes(track.x, leads, LENGTH, 100.0, GAP).censored.tolist() == [True, True]


@settings(max_examples=40, deadline=None)
@given(st.text("Ii~", min_size=1, max_size=120), st.sampled_from([0.0, 4.0, 10.0]))
def test_floes_and_the_leads_between_them_are_the_whole_track(picture: str, least: float) -> None:
    track = drawn(picture)
    leads = openings(track, LENGTH, GAP)
    found = floes(track.x, leads, LENGTH, least, GAP)
    assert found.chord.sum() + leads.width[leads.width >= least].sum() == pytest.approx(LENGTH * len(picture))
    assert np.nansum(leads.spacing) == pytest.approx(np.ptp(leads.x) if len(leads) else 0.0)
    assert (~found.censored).sum() == max((leads.width >= least).sum() - 1, 0)


def test_nothing_has_no_shape() -> None:
    for picture in ("", "~~", "IIII"):
        track = drawn(picture)
        leads = openings(track, LENGTH, GAP)
        assert len(leads) == (picture == "~~")
        assert len(floes(track.x, leads, LENGTH, 1.0, GAP)) == (picture == "IIII")
        assert len(ridges(track.x, track.height, 0.6, GAP)) == 0
        assert len(roughness(track.x, track.height, track.height_sigma, track.label == 0, 100.0, 5, LENGTH)) == 0


def test_runs_end_at_others_and_at_distances() -> None:
    first, stop = runs(np.array([0.0, 2, 4, 30, 32, 34]), np.array([1, 1, 0, 1, 1, 1], bool), 10.0)
    assert (first.tolist(), stop.tolist()) == ([0, 3], [2, 6])
    assert over_runs(np.add, np.arange(6.0), first, stop).tolist() == [1.0, 12.0]


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("above", "crests", "widths"),
    [
        ([0, 0.1, 0.9, 0.1, 0], [2], [2.0]),
        ([0, 0.5, 1.0, 0.8, 0.2, 0], [2], [4.0]),
        ([0, 1.0, 0.7, 1.2, 0], [3], [6.0]),  # the dip is not half-way down: one sail
        ([0, 1.0, 0.4, 1.2, 0], [1, 3], [2.0, 2.0]),  # it is: two
        ([0, 0.59, 0], [], []),
        ([0.6, 0.9, 0.1], [], []),  # the trough before is not seen
        ([0, 0.9, 0.6], [], []),  # the one behind neither
        ([0, np.nan, 0.9, np.nan, 0], [2], [4.0]),
    ],
)
def test_sails_by_the_rayleigh_criterion(above: list[float], crests: list[int], widths: list[float]) -> None:
    x = LENGTH * np.arange(len(above)) + 1.0
    found = ridges(x, np.array(above, float), 0.6, GAP)
    assert found.row.tolist() == crests
    assert found.width.tolist() == widths
    assert found.height.tolist() == [above[row] for row in crests]


@pytest.mark.kernel
def test_heights_are_averaged_by_their_precision() -> None:
    x = np.array([1.0, 3.0, 5.0, 9.0])
    mean, sigma = smoothed(x, np.array([1.0, 2.0, np.nan, 4.0]), np.array([0.1, 0.2, 0.1, 0.3]), 6.0)
    assert mean.tolist() == pytest.approx([1.2, 1.2, 2.0, 4.0])
    assert sigma.tolist() == pytest.approx([0.2 / np.sqrt(5), 0.2 / np.sqrt(5), 0.2, 0.3])


@pytest.mark.kernel
def test_ridges_begin_anew_behind_a_gap() -> None:
    x = np.array([0.0, 2, 4, 6, 8, 200, 202, 204])
    found = ridges(x, np.array([0, 0.8, 0, 0.9, 0, 0, 1.0, 0]), 0.6, GAP)
    assert found.row.tolist() == [1, 3, 6]
    assert found.spacing[0] == 4.0
    assert np.isnan(found.spacing[1:]).all()


@pytest.mark.kernel
def test_level_ice_is_the_most_common_height() -> None:
    rng = np.random.default_rng(1)
    x = LENGTH * np.arange(6000) + 1.0
    height = (
        0.3 + x / 50_000 + rng.normal(0, 0.02, len(x)) + np.where(rng.random(len(x)) < 0.3, rng.exponential(0.8), 0)
    )
    height[::7] = np.nan
    found = level_ice(x, height, np.ones(len(x), bool), 2000.0)
    np.testing.assert_allclose(found, 0.3 + x / 50_000, atol=0.03)
    assert np.isnan(level_ice(x, height, np.zeros(len(x), bool), 2000.0)).all()
    assert mode_of(np.array([0.0, 0.5, 0.52, 0.55, 2.0]), 0.1) == pytest.approx(np.mean([0.5, 0.52, 0.55]))


@pytest.mark.kernel
def test_roughness_is_relief_about_a_line_without_noise() -> None:
    rng = np.random.default_rng(2)
    x = LENGTH * np.arange(50_000) + 1.0
    bell = np.exp(-0.5 * (LENGTH * np.arange(-9, 10) / 5.0) ** 2)
    relief = np.convolve(rng.normal(0, 0.12, len(x)), bell / np.sqrt((bell**2).sum()), "same")
    ice, wrong = np.ones(len(x), bool), np.full(len(x), 9.0)  # what the standard errors say does not matter
    found = roughness(x, 0.001 * x + relief + rng.normal(0, 0.05, len(x)), wrong, ice, 100.0, 25, LENGTH)
    assert len(found) == 1000
    assert found.x[:2].tolist() == [50.0, 150.0]
    lines = [
        np.polyfit(x[a:b], relief[a:b], 1, full=True)[1][0] / 48 for a, b in zip(found.first, found.stop, strict=True)
    ]
    bias = found.roughness - np.sqrt(lines)
    assert abs(bias.mean()) < 0.002
    assert np.mean(np.abs(bias) < found.sigma) == pytest.approx(0.68, abs=0.05)
    assert found.noise.mean() == pytest.approx(0.05, abs=0.003)
    assert found.slope.mean() == pytest.approx(0.001, rel=0.1)


@pytest.mark.kernel
def test_roughness_by_hand() -> None:
    x = LENGTH * np.arange(50) + 1.0
    ice = np.ones(50, bool)
    flat = roughness(x, 0.002 * x, np.full(50, 0.05), ice, 100.0, 25, LENGTH)
    assert flat.slope == pytest.approx(0.002)
    assert flat.roughness == pytest.approx(0.0, abs=1e-6)
    apart = np.arange(50) % 3 > 0  # no three neighbours of ice: the standard errors tell the noise
    steps = roughness(x, np.where(x < 50, 0.0, 0.4), np.full(50, 0.05), apart, 100.0, 25, LENGTH)
    assert steps.noise == pytest.approx(0.05)
    squares = np.polyfit(x[apart], np.where(x < 50, 0.0, 0.4)[apart], 1, full=True)[1][0]
    assert steps.roughness == pytest.approx(np.sqrt(squares / (apart.sum() - 2) - 0.05**2))


def test_only_ice_is_rough() -> None:
    track = drawn("I" * 20 + "~" * 10 + "I" * 20)
    found = roughness(track.x, track.height, track.height_sigma, track.label == 0, 100.0, 5, LENGTH)
    assert found.count.tolist() == [40]
    assert found.roughness == pytest.approx(0.0, abs=1e-9)
    assert isinstance(openings(track, LENGTH, GAP), Openings)

"""Swell in heights of floes and leads: found with its height and length, in stretches as in the whole, lived with."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.effect import Survey, revise, survey
from processing.core.freeboard import TrackFreeboard, freeboard_of_track
from processing.core.sea_surface import Rules
from processing.core.waves import REACH, STEP, WINDOW, Swell, swell_along
from processing.schema import FreeboardFlag, Quality


class Sea:
    """24 km of floes of several heights with leads between them, on calm water or on swell of 25 cm and 200 m."""

    def __init__(self, amplitude: float, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.x = 2.0 * np.arange(12_000) + 1.0
        lengths = rng.integers(15, 90, 400)
        floe = np.repeat(np.arange(400), lengths)[:12_000]
        level = rng.uniform(0.2, 0.5, 400)[floe]
        self.water = rng.random(400)[floe] < 0.12
        self.mean = np.where(self.water, 0.0, level) + rng.normal(0.0, 0.05, len(self.x))
        self.height = self.mean + amplitude * np.sin(2.0 * np.pi * self.x / 200.0 + 1.0)

    def swell(self, rows: slice = slice(None)) -> Swell:
        return swell_along(self.x[rows].copy(), self.height[rows].copy())

    def freeboard(self) -> TrackFreeboard:
        size = len(self.x)
        quality = np.full(size, int(Quality.FIRST_PHOTON_CORRECTED), np.uint32)
        rest = np.full(size, 0.1), np.full(size, 8), self.water, Rules(), "robust", np.full(size, 6.0), quality
        return freeboard_of_track(self.x, self.height, *rest)


@pytest.mark.kernel
def test_swell_has_its_height_and_length() -> None:
    found = Sea(0.25).swell()
    inner = slice(3, -3)
    assert found.spread[inner] == pytest.approx(0.25 / np.sqrt(2.0), rel=0.15)
    assert found.length[inner] == pytest.approx(200.0, rel=0.05)


@pytest.mark.kernel
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_floes_alone_are_no_swell(seed: int) -> None:
    found = Sea(0.0, seed).swell()
    assert (found.spread < 0.02).all()
    assert np.isfinite(found.length).mean() <= 0.05


def test_a_stretch_knows_what_the_whole_does_of_its_inner_part() -> None:
    sea = Sea(0.08)
    whole, rows = sea.swell(), slice(2000, 9000)
    part = sea.swell(rows)
    inner = (sea.x > sea.x[rows.start] + REACH) & (sea.x < sea.x[rows.stop - 1] - REACH)
    assert inner.sum() > WINDOW / 2.0
    np.testing.assert_array_equal(part.at(sea.x[inner]), whole.at(sea.x[inner]))


def test_gaps_and_unknown_heights_tell_of_no_swell() -> None:
    sea = Sea(0.25)
    sea.height[3000:6000] = np.nan
    found = sea.swell()
    assert found.at(np.array([9000.0])) == [0.0]
    assert (found.at(sea.x[-2000:-1500]) > 0.1).all()
    assert len(swell_along(np.empty(0), np.empty(0)).spread) == 0
    lone = swell_along(np.array([5.0 * STEP]), np.array([0.1]))
    assert (lone.first, lone.spread.tolist()) == (5, [0.0])


def test_swell_neither_bends_the_sea_surface_nor_passes_for_sureness() -> None:
    """Leads of 30 to 180 m show less than a wave each."""
    calm, rough = Sea(0.0), Sea(0.25)
    found = rough.freeboard()
    surface, sigma = found.sea.surface[4], found.sea.sigma
    assert abs(surface.mean()) < 0.03
    assert (np.abs(surface) < 2.0 * sigma).mean() > 0.9
    flagged = (found.flags & np.uint32(FreeboardFlag.WAVES)) > 0
    assert flagged[2000:-2000].all()
    inner = found.freeboard_sigma[2000:-2000].mean()
    assert inner > 0.25 / np.sqrt(2.0)
    assert calm.freeboard().freeboard_sigma.mean() < 0.5 * inner


def test_an_edit_at_the_end_of_swell_judges_leads_as_the_whole_track_does() -> None:
    """A lead takes what leads near it show, and each of these what the heights around it show."""
    sea = Sea(0.0, seed=2)
    swell = (sea.x > 8000.0) & (sea.x < 16_000.0)
    height = sea.mean + np.where(swell, 0.12 * np.sin(2.0 * np.pi * sea.x / 200.0), 0.0)
    size = len(sea.x)
    quality = np.full(size, int(Quality.FIRST_PHOTON_CORRECTED), np.uint32)

    def surveyed(label: np.ndarray) -> Survey:
        spread, count, rate = np.full(size, 0.1), np.full(size, 8), np.full(size, 6.0)
        return survey(sea.x, height, spread, count, label, Rules(), "robust", rate, quality)

    before = np.where(sea.water, 2, 0).astype(np.int8)
    known = surveyed(before)
    for row in (2600, 4000, 9049):
        for label in (0, 2):
            after = before.copy()
            after[row : row + 60] = label
            revised, anew = revise(known, after), surveyed(after)
            np.testing.assert_array_equal(revised.leads.extra, anew.leads.extra)
            np.testing.assert_array_equal(revised.leads.flags, anew.leads.flags)

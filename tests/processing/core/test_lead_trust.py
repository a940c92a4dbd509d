"""Which leads carry sea level: cloud, darkness, waves, saturation drawn by hand, and what freeboard makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.freeboard import TrackFreeboard, freeboard_of_track
from processing.core.lead_trust import (
    HIGHER_OF_TWO,
    Signal,
    TrustRules,
    judge_leads,
    segment_flags,
    signal_of,
    under_cloud,
)
from processing.core.leads import PULSE_SPREAD, Leads, find_leads
from processing.core.sea_surface import ESTIMATORS, Rules
from processing.core.waves import Swell
from processing.schema import FreeboardFlag as Flag
from processing.schema import Quality, SeaSurfaceSource

USUAL = Rules()
CORRECTED, WEAK = int(Quality.FIRST_PHOTON_CORRECTED), int(Quality.WEAK_BEAM)
LEADS = ((5000.0, 100.0), (15_000.0, 100.0))
"""Middle and width, m, of the leads of the tracks here, 20 km long, ice at 0.3 m and water at 0."""


class Drawn:
    """A track to draw on: 2 m segments, bright ice, calm leads, no noise."""

    def __init__(self, leads: tuple[tuple[float, float], ...] = LEADS, length: float = 20_000.0) -> None:
        self.x = np.arange(1.0, length, 2.0)
        self.water = np.zeros(len(self.x), bool)
        for middle, width in leads:
            self.water |= np.abs(self.x - middle) < 0.5 * width
        self.height = np.where(self.water, 0.0, 0.3)
        self.rate = np.where(self.water, 8.0, 6.0)
        self.quality = np.full(len(self.x), CORRECTED, np.uint32)
        self.swell = Swell(0, np.zeros(100), np.full(100, np.nan))

    def near(self, place: float, reach: float) -> np.ndarray:
        return np.abs(self.x - place) < reach

    def judged(self, rules: TrustRules = USUAL.trust) -> Leads:
        signal = Signal(self.rate, self.quality)
        leads = find_leads(self.x, self.water, 1, 2.0)
        cloudy = under_cloud(self.x, self.water, signal, rules)
        found = judge_leads(
            self.x, self.height, np.full(len(self.x), 0.03), leads, cloudy, self.swell, signal, rules, 2.0
        )
        assert found.first.tolist() == leads.first.tolist()
        return found

    def freeboard(self, estimator: str = "robust", rules: Rules = USUAL) -> TrackFreeboard:
        rest = np.full(len(self.x), 0.1), np.full(len(self.x), 12), self.water
        return freeboard_of_track(self.x, self.height, *rest, rules, estimator, self.rate, self.quality)


@pytest.mark.kernel
def test_nothing_is_held_against_bright_leads_in_bright_ice() -> None:
    found = Drawn().judged()
    assert (found.flags.tolist(), found.trusted.tolist(), found.extra.tolist()) == ([0, 0], [True, True], [0.0, 0.0])


@pytest.mark.kernel
def test_dark_leads_are_doubted_only_under_cloud() -> None:
    drawn = Drawn()
    drawn.rate[drawn.water] = 0.5
    drawn.rate[drawn.near(15_000, 2000)] *= 0.3
    found = drawn.judged()
    assert found.flags.tolist() == [Flag.DARK_LEAD, Flag.DARK_LEAD | Flag.UNDER_CLOUD | Flag.NOT_TRUSTED]
    assert found.trusted.tolist() == [True, False]
    asked = drawn.judged(TrustRules(dark_leads=True))
    assert asked.flags.tolist() == [Flag.DARK_LEAD, Flag.DARK_LEAD | Flag.UNDER_CLOUD]
    assert asked.trusted.all()
    drawn.rate[drawn.water] = 5.0
    assert drawn.judged().flags.tolist() == [0, Flag.UNDER_CLOUD], "only calm water is bright under cloud"


@pytest.mark.kernel
def test_a_weak_beam_is_measured_by_its_own_energy() -> None:
    drawn = Drawn()
    drawn.rate *= 0.25
    assert drawn.judged().flags.tolist() == [Flag.UNDER_CLOUD] * 2, "as of a strong beam"
    drawn.quality |= np.uint32(WEAK)
    assert drawn.judged().flags.tolist() == [0, 0]


@pytest.mark.kernel
def test_dark_thin_ice_beside_bright_ice_is_no_cloud_and_no_ice_tells_of_none() -> None:
    drawn = Drawn()
    drawn.rate[drawn.near(5000, 650) & ~drawn.water] = 0.8  # 12 of the 21 blocks around
    assert drawn.judged().flags[0] == 0
    sea = Drawn(((5000.0, 10_000.0),))
    sea.rate[sea.water] = 0.4
    assert not under_cloud(sea.x, sea.water, Signal(sea.rate, sea.quality), TrustRules())[20:80].any()
    sea.rate[:] = 0.0
    assert sea.judged().flags.tolist() == [0] * 10, "a rate that is not known says nothing"


@pytest.mark.kernel
def test_waves_along_a_lead_are_told_from_noise_and_from_ice_in_it() -> None:
    drawn = Drawn(((5000.0, 600.0), (5500.0, 20.0), (15_000.0, 600.0)))
    noise = np.random.default_rng(1).normal(0.0, 0.03, len(drawn.x))
    calm = drawn.height.copy()
    drawn.height = calm + noise
    assert drawn.judged().flags.tolist() == [0, 0, 0]
    drawn.height = calm + noise + np.where(drawn.near(5000, 1000), 0.1 * np.sin(2 * np.pi * drawn.x / 200.0), 0.0)
    found = drawn.judged()
    assert found.flags.tolist() == [Flag.WAVES, Flag.WAVES, 0], "a short lead takes what the long one near it shows"
    assert found.extra[1] == pytest.approx(0.1 / np.sqrt(2.0), rel=0.1)
    assert found.extra[0] == pytest.approx(found.extra[1] * np.sqrt(0.5), rel=0.02), "two wave lengths"
    assert drawn.judged(TrustRules(wave_most=0.05)).trusted.tolist() == [False, False, True]
    drawn.height = calm + noise + np.where(drawn.near(5100, 15), 0.3, 0.0)
    assert drawn.judged().flags.tolist() == [0, 0, 0], "a floe in a lead"


@pytest.mark.kernel
def test_saturation_and_a_missing_correction_become_uncertainty() -> None:
    drawn = Drawn()
    drawn.quality[drawn.near(5000, 500)] |= np.uint32(Quality.FULLY_SATURATED)
    drawn.quality[drawn.near(15_000, 500)] = 0
    found = drawn.judged()
    assert found.flags.tolist() == [Flag.SATURATED, Flag.NO_FIRST_PHOTON]
    assert found.extra == pytest.approx(HIGHER_OF_TWO * PULSE_SPREAD * 8.0 / 16.0 * np.array([0.5, 1.0]))
    assert found.trusted.all()
    marked = segment_flags(
        drawn.x, found, np.zeros(201, bool), np.zeros(len(drawn.x)), Signal(drawn.rate, drawn.quality), USUAL.trust
    )
    assert marked[drawn.near(5000, 400)].tolist() == [Flag.SATURATED] * 400
    assert marked[drawn.near(15_000, 10)].tolist() == [Flag.NO_FIRST_PHOTON] * 10
    assert marked[0] == 0


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_lead_that_is_not_trusted_takes_no_part_in_any_sea_surface(estimator: str) -> None:
    drawn = Drawn()
    drawn.height[drawn.near(15_000, 50)] = 0.08
    both = drawn.freeboard(estimator)
    drawn.rate[drawn.near(15_000, 2000)] *= 0.15
    found = drawn.freeboard(estimator)
    for row, name in enumerate(ESTIMATORS):
        assert np.abs(both.sea.surface[row]).max() > 0.03, name
        assert np.abs(found.sea.surface[row]).max() < 1e-6, name
    assert found.sea.source[drawn.near(15_000, 50)].tolist() == [SeaSurfaceSource.INTERPOLATED] * 50
    assert found.lead_id[drawn.near(15_000, 50)].min() > 0, "it is a lead all the same"
    assert (found.flags[drawn.near(15_000, 50)] & Flag.NOT_TRUSTED).all()
    trusting = Rules(trust=TrustRules(dark_leads=True))
    assert drawn.freeboard(estimator, trusting).sea.surface.tobytes() == both.sea.surface.tobytes()
    drawn.rate[:] = 0.5
    assert np.isnan(drawn.freeboard(estimator).freeboard).all(), "no lead is left"


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_where_nothing_speaks_against_leads_evidence_changes_nothing(estimator: str) -> None:
    drawn = Drawn()
    drawn.height += np.random.default_rng(2).normal(0.0, 0.03, len(drawn.x))
    rest = np.full(len(drawn.x), 0.1), np.full(len(drawn.x), 12), drawn.water
    plain = freeboard_of_track(drawn.x, drawn.height, *rest, Rules(), estimator)
    found = drawn.freeboard(estimator)
    assert found.sea.surface.tobytes() == plain.sea.surface.tobytes()
    assert found.freeboard_sigma.tobytes() == plain.freeboard_sigma.tobytes()
    assert signal_of(drawn.rate, None) is None


def test_what_a_lead_may_be_wrong_by_widens_every_uncertainty_and_moves_no_single_lead() -> None:
    drawn = Drawn(LEADS[:1])
    drawn.quality[:] = 0
    for estimator in ESTIMATORS:
        unsure = drawn.freeboard(estimator)
        sure = replace_quality(drawn).freeboard(estimator)
        added = unsure.sea.sigma**2 - sure.sea.sigma**2
        assert added == pytest.approx(np.full(len(drawn.x), (HIGHER_OF_TWO * PULSE_SPREAD * 0.5) ** 2), rel=1e-2), (
            estimator
        )
        assert unsure.sea.surface == pytest.approx(sure.sea.surface, abs=1e-6)


def replace_quality(drawn: Drawn) -> Drawn:
    other = Drawn(LEADS[:1])
    other.height, other.rate = drawn.height, drawn.rate
    return other

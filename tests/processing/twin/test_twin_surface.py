"""The ice: calibrated fractions, heights by class, one surface whatever the batch."""

from __future__ import annotations

import numpy as np
import pytest

from processing.twin.parameters import Twin
from processing.twin.place import beam_nodes
from processing.twin.surface import THICK, THIN, WATER, spots
from processing.twin.world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(Twin(km=30.0, seed=4), 0)


def along(world: World, beam: str, step: float) -> tuple[np.ndarray, np.ndarray]:
    return beam_nodes(world.place, beam).at(world.place.x_start + np.arange(0.0, world.place.length, step))


def test_fractions_are_those_asked_for(world: World) -> None:
    kinds = np.concatenate([spots(*along(world, beam, 5.0), world.ice).kind for beam in ("gt1l", "gt2r", "gt3l")])
    assert np.mean(kinds == THIN) == pytest.approx(world.parameters.thin_fraction, abs=0.035)
    assert np.mean(kinds == WATER) == pytest.approx(world.parameters.water_fraction, abs=0.02)


@pytest.mark.parametrize(("thin", "water"), [(0.02, 0.01), (0.25, 0.2)])
def test_other_fractions_can_be_had(thin: float, water: float) -> None:
    world = make_world(Twin(km=40.0, seed=9, thin_fraction=thin, water_fraction=water), 0)
    kinds = np.concatenate([spots(*along(world, f"gt{pair}l", 20.0), world.ice).kind for pair in (1, 2, 3)])
    assert np.mean(kinds == THIN) == pytest.approx(thin, rel=0.4)
    assert np.mean(kinds == WATER) == pytest.approx(water, rel=0.5)


def test_heights_by_class(world: World) -> None:
    at = spots(*along(world, "gt1r", 3.0), world.ice)
    thick, thin, water = (at.freeboard[at.kind == kind] for kind in (THICK, THIN, WATER))
    assert np.all(water == 0.0)
    assert thin.min() > 0.0
    assert thin.max() < 0.16
    assert thick.min() > 0.12
    assert 0.2 < np.median(thick) < 0.5
    assert 1.0 < thick.max() < 6.0
    assert np.percentile(thick, 99) < 2.5


def test_a_place_has_one_surface_in_any_batch(world: World) -> None:
    x, y = along(world, "gt2l", 7.0)
    whole = spots(x, y, world.ice)
    order = np.random.default_rng(0).permutation(x.size)[:50]
    part = spots(x[order], y[order], world.ice)
    np.testing.assert_array_equal(part.freeboard, whole.freeboard[order])
    np.testing.assert_array_equal(part.kind, whole.kind[order])


def test_floes_have_a_heavy_tail_of_chords(world: World) -> None:
    """Chords between leads span from tens of metres to kilometres, mean of hundreds of metres or more."""
    chords = []
    for beam in ("gt1l", "gt1r", "gt2l", "gt2r", "gt3l", "gt3r"):
        solid = spots(*along(world, beam, 2.0), world.ice).kind == THICK
        edges = np.flatnonzero(np.diff(np.concatenate([[False], solid, [False]]).astype(int)))
        chords.append(2.0 * np.diff(edges)[::2])
    lengths = np.concatenate(chords)
    assert 60 < lengths.mean() < 3000
    assert np.median(lengths) < 0.7 * lengths.mean()
    assert lengths.max() > 1500


def test_other_seeds_are_other_ice() -> None:
    first, second = (make_world(Twin(km=5.0, seed=seed), 0) for seed in (1, 2))
    assert first.drift_x != second.drift_x
    x, y = along(first, "gt1l", 5.0)
    assert not np.array_equal(spots(x, y, first.ice).freeboard, spots(x, y, second.ice).freeboard)

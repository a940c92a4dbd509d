"""Where a track is found in a scene: hand-drawn scenes, brute force, random textures, nothing to find."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from processing.core.correlation import Piece, Products, correlate, lay
from processing.core.drift import Beam, Shift, add_up, cut, fit, locate

Array = npt.NDArray[np.float64]

PIXEL = 10.0


def find(scene: Array, beams: list[Beam], reach: int) -> Shift:
    pieces = cut(beams)
    pairs = ((piece, window(scene, piece, reach)) for piece in pieces)
    return locate(add_up(pairs, reach), reach, PIXEL, sum(piece.pixels for piece in pieces))


def window(scene: Array, piece: Piece, reach: int) -> npt.NDArray[np.float32]:
    row, col, height, width = piece.box(reach)
    room = max(height, width)
    padded = np.pad(scene, room, constant_values=np.nan)
    return padded[row + room : row + room + height, col + room : col + room + width].astype(np.float32)


def sampled(scene: Array, row: Array, col: Array, shift: tuple[float, float]) -> Array:
    """What a track at these pixels sees of a scene in which the ice has moved on by ``shift``."""
    return ndimage.map_coordinates(scene, [row + shift[0] - 0.5, col + shift[1] - 0.5], order=1, mode="nearest")


def straight(scene: Array, shift: tuple[float, float], start: tuple[float, float], lean: float, pixels: int) -> Beam:
    along = (np.arange(5 * pixels) + 0.5) / 5
    row, col = start[0] + along, start[1] + lean * along
    return Beam("gt1", along * PIXEL, row, col, sampled(scene, row, col, shift)[None].astype(np.float32))


def texture(seed: int, shape: tuple[int, int] = (240, 120), blur: float = 2.0) -> Array:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), blur)


def brute(piece: Piece, box: npt.NDArray[np.float32], reach: int, offset: float) -> Products:
    """The same sums by visiting every shift."""
    size, count = 2 * reach + 1, len(piece.sums)
    height, width = piece.weight.shape
    n, y, yy = (np.zeros((size, size)) for _ in range(3))
    x, xy, xx = np.zeros((count, size, size)), np.zeros((count, size, size)), np.zeros((count, count, size, size))
    means = piece.sums / np.maximum(piece.weight, 1e-3)
    for i, j in np.ndindex(size, size):
        part = box[i : i + height, j : j + width]
        known = np.isfinite(part)
        bright, weight = np.where(known, part - offset, 0), np.where(known, piece.weight, 0)
        n[i, j], y[i, j], yy[i, j] = weight.sum(), (weight * bright).sum(), (weight * bright**2).sum()
        x[:, i, j] = (piece.sums * known).sum((1, 2))
        xy[:, i, j] = (piece.sums * bright).sum((1, 2))
        xx[:, :, i, j] = np.einsum("ahw,bhw->ab", piece.sums * known, means)
    return Products(n, x, y, xx, xy, yy)


def assert_same(found: Products, wanted: Products) -> None:
    for name in ("n", "x", "y", "xx", "xy", "yy"):
        np.testing.assert_allclose(
            np.broadcast_to(getattr(found, name), np.shape(getattr(wanted, name))),
            getattr(wanted, name),
            rtol=1e-4,
            atol=2e-4,
            err_msg=name,
        )


def some_piece(seed: int, segments: int = 60) -> Piece:
    rng = np.random.default_rng(seed)
    along = np.sort(rng.uniform(0, 12, segments))
    return lay(20 + along, 15 + 0.4 * along, rng.normal(size=(2, segments)).astype(np.float32))


@pytest.mark.parametrize("hole", [False, True])
def test_products_are_those_of_a_loop_over_shifts(hole: bool) -> None:
    piece, scene = some_piece(1), texture(2, (60, 50), 1.0)
    if hole:
        scene[22:27, 10:30] = np.nan
    box = window(scene, piece, 4)
    assert_same(correlate(piece, box, 4, 0.3), brute(piece, box, 4, 0.3))


@pytest.mark.parametrize("hole", [False, True])
def test_pieces_add_up_to_the_whole(hole: bool) -> None:
    rng = np.random.default_rng(3)
    scene = texture(4, (80, 60), 1.0)
    if hole:
        scene[30:33, :] = np.nan
    row, col, proxies = 20.2 + np.arange(40) / 2, 20.0 + np.arange(40) / 5, rng.normal(size=(2, 40)).astype(np.float32)
    cuts = slice(0, 16), slice(20, 40)
    parts = [lay(row[one], col[one], proxies[:, one]) for one in cuts]
    both = np.r_[cuts]
    whole = lay(row[both], col[both], proxies[:, both])
    first, second = (correlate(part, window(scene, part, 5), 5, 0.0) for part in parts)
    assert_same(first + second, correlate(whole, window(scene, whole, 5), 5, 0.0))


def test_lay_shares_segments_between_pixels() -> None:
    piece = lay(np.array([3.5, 3.5, 4.0]), np.array([7.5, 7.5, 6.75]), np.array([[1.0, 2.0, 8.0]], np.float32))
    assert (piece.row, piece.col, piece.pixels) == (3, 6, 2)
    np.testing.assert_allclose(piece.weight[:2], [[0.375, 2.125, 0], [0.375, 0.125, 0]])
    np.testing.assert_allclose(piece.sums[0, :2], [[3, 4, 0], [3, 1, 0]])
    assert piece.weight[2:].sum() == 0


def hand_drawn() -> Array:
    """White ice with a few dark openings, each aslant in its own way."""
    scene = np.full((160, 80), 0.9)
    row, col = np.mgrid[:160, :80]
    for middle, slope, width in ((35, 0.7, 3), (52, -0.5, 6), (75, 0.2, 2), (88, -0.9, 8), (110, 0.4, 4)):
        scene[np.abs(row - middle - slope * (col - 36)) < width / 2] = 0.1
    return scene


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-7, 6)])
def test_whole_shift_of_a_hand_drawn_scene(shift: tuple[int, int]) -> None:
    found = find(hand_drawn(), [straight(hand_drawn(), shift, (20, 36), 0.03, 110)], 10)
    assert (found.row, found.col) == pytest.approx(shift, abs=0.1)
    assert found.correlation[10 + shift[0], 10 + shift[1]] == found.correlation.max() > 0.95


def test_half_a_pixel() -> None:
    scene = texture(5)
    found = find(scene, [straight(scene, (2.5, -1.5), (30, 40), 0.2, 180)], 8)
    assert (found.row, found.col) == pytest.approx((2.5, -1.5), abs=0.1)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    row=st.floats(-9, 9),
    col=st.floats(-9, 9),
    scale=st.floats(0.01, 100),
    lean=st.floats(-0.2, 0.2),
)
def test_shift_of_any_texture_to_a_fifth_of_a_pixel(
    seed: int, row: float, col: float, scale: float, lean: float
) -> None:
    scene = texture(seed)
    beam = straight(scene, (row, col), (30, 60), lean, 180)
    noise = np.random.default_rng(seed + 1).normal(scale=0.3 * beam.proxies.std(), size=beam.proxies.shape)
    noisy = Beam(beam.pair, beam.x_atc, beam.row, beam.col, (scale * (beam.proxies + noise)).astype(np.float32))
    found = find(scene, [noisy], 12)
    assert np.hypot(found.row - row, found.col - col) < 0.2


def test_cloud_over_half_of_the_track_does_not_move_it() -> None:
    scene = texture(6)
    beam = straight(scene, (4.0, -3.0), (30, 40), 0.2, 180)
    scene[100:180] = np.nan
    found = find(scene, [beam], 8)
    assert (found.row, found.col) == pytest.approx((4.0, -3.0), abs=0.2)


def test_outliers_and_a_beam_of_noise_do_not_move_it() -> None:
    scene, rng = texture(7, (700, 160)), np.random.default_rng(8)
    good = straight(scene, (-5.0, 2.0), (30, 40), 0.05, 600)
    proxies = good.proxies.copy()
    proxies[0, rng.integers(0, 3000, 30)] = 1.0
    noise = Beam("gt2", good.x_atc, good.row, good.col + 40, rng.normal(size=proxies.shape).astype(np.float32) * 0.3)
    found = find(scene, [Beam("gt1", good.x_atc, good.row, good.col, proxies), noise], 8)
    assert (found.row, found.col) == pytest.approx((-5.0, 2.0), abs=0.6)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_believed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    beam = straight(texture(seed), (0.0, 0.0), (30, 50), 0.1, 180)
    beam = Beam("gt1", beam.x_atc, beam.row, beam.col, rng.normal(size=(5, 900)).astype(np.float32))
    assert find(texture(seed), [beam], 30).confidence < 0.3


def test_stripes_are_not_believed() -> None:
    scene = np.tile(np.sin(np.arange(240) * 2 * np.pi / 12)[:, None], (1, 120))
    assert find(scene, [straight(scene, (3.0, 2.0), (40, 50), 0.1, 150)], 20).confidence < 0.2


def test_a_clear_match_is_believed_and_its_border_is_not() -> None:
    scene = texture(9, (1400, 160))
    beam = straight(scene, (6.0, -4.0), (30, 60), 0.02, 1300)
    assert find(scene, [beam], 20).confidence > 0.95
    assert find(scene, [beam], 6).confidence == 0.0


def test_no_known_pixel_gives_no_shift() -> None:
    scene = np.full((60, 60), np.nan)
    found = find(scene, [straight(np.zeros((60, 60)), (0.0, 0.0), (10, 30), 0.0, 40)], 5)
    assert (found.row, found.col, found.confidence) == (0.0, 0.0, 0.0)
    assert found.correlation.shape == (11, 11)


def test_a_box_known_only_where_the_track_is_not_gives_no_shift() -> None:
    """Brightness that no shift brings under the track says nothing: not the shift of the box's first corner."""
    (piece,) = cut([straight(texture(2), (0.0, 0.0), (10, 30), 1.0, 40)])
    height, width = piece.box(5)[2:]
    box = np.full((height, width), np.nan, np.float32)
    box[:4, -4:] = texture(1, (4, 4))
    products = add_up([(piece, box)], 5)
    assert products is not None
    found = locate(products, 5, PIXEL, piece.pixels)
    assert (found.row, found.col, found.confidence, found.first) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("reach", range(6))
def test_a_reach_of_a_few_pixels(reach: int) -> None:
    scene = texture(3, (600, 120))
    shift = (0.5, -1.0) if reach > 2 else (0.0, 0.0)
    found = find(scene, [straight(scene, shift, (30, 60), 0.02, 500)], reach)
    assert (found.row, found.col) == pytest.approx(shift, abs=0.3)
    assert found.correlation.shape == (2 * reach + 1, 2 * reach + 1)


def test_weights_are_least_squares_and_never_negative() -> None:
    rng = np.random.default_rng(10)
    x = rng.normal(size=(3, 500))
    for truth in ((0.8, 0.3, 0.1), (0.8, 0.3, -0.5)):
        y = np.array(truth) @ x + rng.normal(scale=0.1, size=500)
        one = np.ones((1, 1))
        sums = Products(
            500 * one, np.zeros((3, 1, 1)), one, (x @ x.T)[:, :, None, None], (x @ y)[:, None, None], y @ y * one
        )
        share, weights = fit(sums)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights[:, 0, 0], np.maximum(truth, 0), atol=0.04)
        assert share[0, 0] == pytest.approx(0.98 if min(truth) > 0 else 0.74, abs=0.05)


def test_beams_of_a_pair_share_pieces_and_long_tracks_stay_bounded() -> None:
    x = np.arange(0.0, 12_000.0, 20.0)
    proxies = np.zeros((1, len(x)), np.float32)
    beams = [
        Beam(pair, x, x / 10, 50.0 + shift + 0 * x, proxies) for pair, shift in (("gt1", 0), ("gt1", 9), ("gt2", 300))
    ]
    pieces = cut(beams)
    assert len(pieces) == 16
    assert sum(piece.weight.sum() for piece in pieces) > 0.99 * 3 * len(x)
    assert max(piece.weight.shape[1] for piece in pieces) == 11
    far = np.arange(0.0, 2_000_000.0, 20.0)
    long = Beam("gt1", far, far / 10, 0 * far, np.zeros((1, len(far)), np.float32))
    assert len(cut([long])) == 160
    assert cut([Beam("gt1", x[:0], x[:0], x[:0], proxies[:, :0])]) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_scene_hardly_longer_than_its_track(seed: int) -> None:
    scene = 0.2 + 0.6 * (texture(seed, (34, 14)) > 0)
    beam = straight(scene, (0.0, 0.0), (2.0, 4.0), 0.1, 30)
    noisy = np.concatenate([beam.proxies, np.random.default_rng(seed).normal(0, 1e3, beam.proxies.shape)])
    both = Beam(beam.pair, beam.x_atc, beam.row, beam.col, noisy.astype(np.float32))
    shift = find(scene, [both], 40)
    assert np.isfinite([shift.row, shift.col, shift.confidence]).all()
    assert np.isfinite(shift.correlation).all()

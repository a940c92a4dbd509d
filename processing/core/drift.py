"""The shift of a scene that best explains a track: the drift of the ice in pixels.

All beams count at once, in pieces along the track. Each piece has its own mean, so that thin cloud, haze and the sun's
height do not matter; what the pieces say adds up (see processing.core.correlation).

Shifts are in pixels, rows down and columns right: a segment at pixel (row, col) at track time is seen at
(row + shift_row, col + shift_col) in the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.core.correlation import Piece, Products, correlate, lay

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

_PIECE = 2500.0
_LEAST_PIECE = 1000.0
_PIECES_A_TRACK = 8
_MOST_PIECES = 160
_LEAST_SEGMENTS = 25
_RIDGE = 0.01
_SWEEPS = 30
_LEAST_OVERLAP = 0.3
_LEAST_COMMON = 1.0
_LOBE = 8
_AROUND = 6
_STEP = 0.05
_TINY = 1e-9

ALIKE = 200.0
"""Metres along the track over which the brightness that the proxies leave unexplained is alike: one independent value.

Found on synthetic pairs, where it makes the confidence the share of drifts that are within NEAR of the truth."""

NEAR = 15.0
"""Distance in metres within which a drift counts as found."""


@dataclass(frozen=True)
class Beam:
    """One beam's segments on a scene.

    Attributes
    ----------
    pair : beams of one name run side by side and share pieces, such as ``gt1``.
    x_atc : (n,) m, ascending. row, col : (n,) scene pixels, centres at .5.
    proxies : (k, n) f4 signals that grow with brightness.
    """

    pair: str
    x_atc: Floats
    row: Floats
    col: Floats
    proxies: Singles


@dataclass(frozen=True)
class Shift:
    """Where the track is found in the scene.

    Attributes
    ----------
    row, col : shift in pixels. sigma_row, sigma_col : its standard uncertainty in pixels, every likely place counted.
    confidence : probability that it is within NEAR of the truth.
    correlation : (m, m) f4 multiple correlation of brightness with the proxies at every shift, row -reach first.
    weights : of each proxy in the regression. first : correlation at the shift. second : at the likeliest elsewhere.
    """

    row: float
    col: float
    sigma_row: float
    sigma_col: float
    confidence: float
    correlation: Singles
    weights: tuple[float, ...]
    first: float
    second: float


def cut(beams: Sequence[Beam]) -> list[Piece]:
    """Cut the beams, those of a pair together, into pieces of 2.5 km along the track, shorter ones for a short track.

    At most 160 pieces, evenly taken, so that time and memory are bounded however long the track.
    """
    return [lay(*stretch) for stretch in stretches(beams)]


def stretches(beams: Sequence[Beam]) -> list[tuple[Floats, Floats, Singles]]:
    """The segments of each piece that ``cut`` makes: row and col (n,) f8 scene pixels, proxies (k, n) f4."""
    parts = list(_parts(beams))
    if len(parts) > _MOST_PIECES:
        chosen = np.linspace(0, len(parts) - 1, _MOST_PIECES).round().astype(int)
        parts = [parts[index] for index in chosen]
    return [_joined(part) for part in parts]


def _parts(beams: Sequence[Beam]) -> Iterator[list[tuple[Beam, slice]]]:
    filled = [beam for beam in beams if len(beam.x_atc)]
    if not filled:
        return
    start = min(float(beam.x_atc[0]) for beam in filled)
    length = max(float(beam.x_atc[-1]) for beam in filled) - start
    step = min(_PIECE, max(_LEAST_PIECE, length / _PIECES_A_TRACK))
    for pair in sorted({beam.pair for beam in filled}):
        members = [beam for beam in filled if beam.pair == pair]
        for number in range(int(length // step) + 1):
            edges = start + step * number, start + step * (number + 1)
            parts = [(beam, slice(*np.searchsorted(beam.x_atc, edges))) for beam in members]
            if sum(part.stop - part.start for _, part in parts) >= _LEAST_SEGMENTS:
                yield parts


def _joined(parts: list[tuple[Beam, slice]]) -> tuple[Floats, Floats, Singles]:
    rows = np.concatenate([beam.row[part] for beam, part in parts])
    cols = np.concatenate([beam.col[part] for beam, part in parts])
    return rows, cols, np.concatenate([beam.proxies[:, part] for beam, part in parts], axis=1)


def add_up(pieces: Iterable[tuple[Piece, Singles]], reach: int) -> Products | None:
    """Sum of the centred products of pieces, each with the scene's brightness in its box; None without any."""
    return total(centred(piece, brightness, reach) for piece, brightness in pieces)


def centred(piece: Piece, brightness: Singles, reach: int) -> Products | None:
    """Centred products of a piece with the scene's brightness in its box; None where none of that is known."""
    return correlate(piece, brightness, reach).centred() if np.isfinite(brightness).any() else None


def total(products: Iterable[Products | None]) -> Products | None:
    """Sum of those that are there, from the first to the last; None without any. The order tells in the last digits."""
    found: Products | None = None
    for one in products:
        if one is not None:
            found = one if found is None else found + one
    return found


def fit(products: Products) -> tuple[Floats, Floats]:
    """Regress brightness on the proxies at every shift, no weight below zero: a proxy cannot count against itself.

    Coordinate descent with a small ridge (1 % of each proxy's variance) on centred products.

    Returns
    -------
    (m, m) f8 share of the brightness variance explained, 0 where too few pixels are common, and (k, m, m) f8 weights.
    """
    # Where hardly a pixel is common, what is left of centred sums is rounding, of either sign.
    enough = products.n >= _LEAST_OVERLAP * products.n.max()
    xx, xy = np.where(enough, products.xx, 0.0), np.where(enough, products.xy, 0.0)
    count = len(xy)
    variance = np.array([np.maximum(xx[a, a], 0.0) for a in range(count)]) * (1.0 + _RIDGE) + _TINY
    weights = np.zeros(xy.shape)
    for _ in range(_SWEEPS):
        for a in range(count):
            rest = sum((xx[a, b] * weights[b] for b in range(count) if b != a), np.zeros(xy.shape[1:]))
            weights[a] = np.maximum(0.0, (xy[a] - rest) / variance[a])
    share = np.clip((weights * xy).sum(0) / np.maximum(products.yy, _TINY), 0.0, 1.0 - _TINY)
    return share, weights


def locate(products: Products | None, reach: int, pixel: float, pixels: int) -> Shift:
    """The shift with the largest share of brightness explained, to a fraction of a pixel, and how sure it is.

    Parameters
    ----------
    products : centred sums over all pieces; None when no pixel is known. Where no shift brings a segment onto a known
        pixel, the shift is 0 and has no confidence.
    pixel : edge of a scene pixel, m.
    pixels : scene pixels that the track crosses.

    The confidence is the probability that the shift is within NEAR of the truth: with Gaussian residuals the
    likelihood of a shift is (1 - share) ** (-n / 2), n being the independent pixels.
    """
    size = 2 * reach + 1
    # Transforms leave some rounding where no segment at all lies on a known pixel.
    if products is None or products.n.max() < _LEAST_COMMON:
        return Shift(0.0, 0.0, np.inf, np.inf, 0.0, np.zeros((size, size), np.float32), (), 0.0, 0.0)
    share, weights = fit(products)
    evidence = _evidence(share, products.n, pixel, pixels)
    best = divmod(int(np.argmax(evidence)), size)
    row, col = _refined(products, best)
    probability = np.exp(evidence - evidence[best])
    probability /= probability.sum()
    down, right = np.arange(size)[:, None] - row, np.arange(size) - col
    near = np.hypot(down, right) * pixel <= NEAR
    on_edge = min(best) == 0 or max(best) == size - 1
    return Shift(
        row=row - reach,
        col=col - reach,
        sigma_row=float(np.sqrt((probability * down**2).sum())),
        sigma_col=float(np.sqrt((probability * right**2).sum())),
        confidence=0.0 if on_edge else min(1.0, float(probability[near].sum())),
        correlation=np.sqrt(share).astype(np.float32),
        weights=tuple(float(weight) for weight in weights[:, best[0], best[1]]),
        first=float(np.sqrt(share[best])),
        second=_second(share, evidence, best),
    )


def _evidence(share: Floats, n: Singles, pixel: float, pixels: int) -> Floats:
    """Log likelihood of every shift, of Gaussian residuals."""
    independent = min(1.0, pixel / ALIKE) * pixels * n / max(float(n.max()), 1.0)
    return np.asarray(-0.5 * independent * np.log1p(-share), np.float64)


def _refined(products: Products, best: tuple[int, int]) -> tuple[float, float]:
    """Row and column of the largest share about a maximum, to a twentieth of a pixel.

    The products are correlations with the scene, so that a cubic spline through them is the correlation with the scene
    moved by a part of a pixel.
    """
    size = products.n.shape[0]
    top, left = (int(np.clip(at - _AROUND, 0, max(size - 2 * _AROUND - 1, 0))) for at in best)
    steps = np.arange(-1.0, 1.001, _STEP).round(6)
    rows, cols = best[0] - top + steps, best[1] - left + steps
    last = min(size, 2 * _AROUND + 1) - 1
    grid = np.meshgrid(rows[(rows >= 0) & (rows <= last)], cols[(cols >= 0) & (cols <= last)], indexing="ij")

    def finer(surfaces: Singles) -> Singles:
        whole = np.broadcast_to(surfaces, (*surfaces.shape[:-2], size, size))
        crop = whole[..., top : top + last + 1, left : left + last + 1]
        flat = [ndimage.map_coordinates(one, grid, mode="nearest") for one in crop.reshape(-1, last + 1, last + 1)]
        return np.reshape(flat, (*surfaces.shape[:-2], *grid[0].shape)).astype(np.float32)

    names = products.n, products.x, products.y, products.xx, products.xy, products.yy
    share, _ = fit(Products(*(finer(surfaces) for surfaces in names)))
    i, j = divmod(int(np.argmax(share)), share.shape[1])
    return float(grid[0][i, j] + top), float(grid[1][i, j] + left)


def _second(share: Floats, evidence: Floats, best: tuple[int, int]) -> float:
    """Correlation at the likeliest shift outside the main lobe, that is more than 8 pixels from the best."""
    row, col = best
    away = np.hypot(np.arange(share.shape[0])[:, None] - row, np.arange(share.shape[1]) - col) > _LOBE
    other = np.unravel_index(int(np.argmax(np.where(away, evidence, -1.0))), share.shape)
    return float(np.sqrt(share[other])) if away.any() else 0.0

"""The shift of a scene that best explains a track: masked correlation, summed over pieces of the track.

The brightness proxies of all beams are laid on the scene's grid in pieces along the track. For every shift within
reach, each piece gives the sums of a regression of scene brightness on the proxies over the pixels that both know, by
Fourier transforms (masked correlation: Padfield 2012, IEEE Trans. Image Process. 21(5), doi 10.1109/TIP.2011.2181402).
Each piece has its own mean, so that thin cloud, haze and sun angle do not matter; the sums add up over pieces.

Shifts are in pixels, rows down and columns right: a segment at pixel (row, col) at track time is seen at
(row + shift_row, col + shift_col) in the scene.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

_PIECE = 2500.0
_LEAST_PIECE = 250.0
_PIECES_A_TRACK = 8
_MOST_PIECES = 160
_LEAST_SEGMENTS = 25
_RIDGE = 0.01
_SWEEPS = 30
_LEAST_OVERLAP = 0.3
_LOBE = 8
_TINY = 1e-9

INDEPENDENT = 0.06
"""Share of the track's pixels that count as independent: what is left of the brightness is alike over some 16 pixels.

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
    weights : of each proxy in the regression. second : largest correlation outside the main lobe.
    """

    row: float
    col: float
    sigma_row: float
    sigma_col: float
    confidence: float
    correlation: Singles
    weights: tuple[float, ...]
    second: float


@dataclass(frozen=True)
class Piece:
    """Proxies of a stretch of track on the scene's pixels.

    Attributes
    ----------
    row, col : scene pixel of the box's upper left corner.
    weight : (h, w) f4 segments in each pixel.
    sums : (k, h, w) f4 sums of each proxy over them.
    """

    row: int
    col: int
    weight: Singles
    sums: Singles

    @property
    def pixels(self) -> int:
        """Pixels that the track crosses."""
        return int(np.count_nonzero(self.weight))

    def box(self, reach: int) -> tuple[int, int, int, int]:
        """Scene window (row, col, height, width) that shifts up to ``reach`` pixels can ask for."""
        height, width = self.weight.shape
        return self.row - reach, self.col - reach, height + 2 * reach, width + 2 * reach


@dataclass(frozen=True)
class Products:
    """Sums over the pixels known to track and scene, for every shift; m = 2 reach + 1.

    Attributes
    ----------
    n : (m, m) segments. x : (k, m, m) sums of the proxies. y, yy : (m, m) sums of brightness and its square.
    xx : (k, k, m, m) and xy : (k, m, m) sums of products; xx is (k, k, 1, 1) where the scene has no hole.
    """

    n: Singles
    x: Singles
    y: Singles
    xx: Singles
    xy: Singles
    yy: Singles

    def __add__(self, other: Products) -> Products:
        return Products(*(a + b for a, b in zip(_fields(self), _fields(other), strict=True)))

    def centred(self) -> Products:
        """The same with the means over the common pixels taken out: x and y become 0."""
        inverse = np.float32(1.0) / np.maximum(self.n, np.float32(1.0))
        return Products(
            self.n,
            np.zeros_like(self.x),
            np.zeros_like(self.y),
            (self.xx - self.x[:, None] * self.x[None] * inverse).astype(np.float32),
            (self.xy - self.x * self.y * inverse).astype(np.float32),
            np.maximum(self.yy - self.y * self.y * inverse, np.float32(0.0)),
        )


def _fields(products: Products) -> tuple[Singles, ...]:
    return products.n, products.x, products.y, products.xx, products.xy, products.yy


def lay(row: Floats, col: Floats, proxies: Singles) -> Piece:
    """Sum proxies (k, n) of segments at scene pixels ``row``, ``col`` (n,), pixel centres at .5, into a Piece."""
    rows, cols = np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)
    top, left = int(rows.min()), int(cols.min())
    shape = int(rows.max()) - top + 1, int(cols.max()) - left + 1
    flat = (rows - top) * shape[1] + cols - left
    size = shape[0] * shape[1]
    weight = np.bincount(flat, minlength=size).reshape(shape)
    sums = [np.bincount(flat, values, minlength=size).reshape(shape) for values in proxies]
    return Piece(top, left, weight.astype(np.float32), np.array(sums, np.float32))


def correlate(piece: Piece, brightness: Singles, reach: int, offset: float | None = None) -> Products:
    """Products of a piece with the scene's brightness in ``piece.box(reach)``, NaN where unknown.

    ``offset`` is taken off the brightness first (its mean by default), for the precision of the sums; products that
    are to be added before they are centred need the same one.
    """
    known = np.isfinite(brightness)
    if offset is None:
        offset = float(brightness[known].mean()) if known.any() else 0.0
    bright = np.where(known, brightness - np.float32(offset), np.float32(0)).astype(np.float32)
    transform = _Transform(brightness.shape, 2 * reach + 1)
    weight = transform.track(piece.weight)
    sums = [transform.track(proxy) for proxy in piece.sums]
    scene = transform.scene(bright)
    y = transform.back(weight, scene)
    yy = transform.back(weight, transform.scene(bright * bright))
    xy = np.array([transform.back(proxy, scene) for proxy in sums])
    n, x, xx = _track_products(piece, known, transform, weight, sums)
    return Products(n, x, y, xx, xy, yy)


def _track_products(
    piece: Piece, known: npt.NDArray[np.bool_], transform: _Transform, weight: Spectrum, sums: list[Spectrum]
) -> tuple[Singles, Singles, Singles]:
    """n, x and xx: the same for every shift where the scene has no hole, so that no transform is needed."""
    means = piece.sums / np.maximum(piece.weight, 1.0)
    if known.all():
        m = transform.size
        n = np.full((m, m), piece.weight.sum(dtype=np.float64), np.float32)
        x = piece.sums.sum((1, 2), dtype=np.float64)[:, None, None] * np.ones((m, m))
        xx = np.einsum("ahw,bhw->ab", piece.sums, means, dtype=np.float64)[:, :, None, None]
        return n, x.astype(np.float32), xx.astype(np.float32)
    mask = transform.scene(known.astype(np.float32))
    n = np.maximum(np.rint(transform.back(weight, mask)), 0.0)
    x = np.array([transform.back(proxy, mask) for proxy in sums])
    count = len(sums)
    xx = np.empty((count, count, *n.shape), np.float32)
    for a in range(count):
        for b in range(a, count):
            xx[a, b] = xx[b, a] = transform.back(transform.track(piece.sums[a] * means[b]), mask)
    return n, x, xx


class _Transform:
    """Real Fourier transforms of one box; ``back`` gives the correlation at the shifts within reach."""

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self.size = size
        self._shape = tuple(fft.next_fast_len(length, real=True) for length in shape)

    def scene(self, values: Singles) -> Spectrum:
        return fft.rfft2(values, s=self._shape)

    def track(self, values: Singles) -> Spectrum:
        return fft.rfft2(values, s=self._shape).conj()

    def back(self, track: Spectrum, scene: Spectrum) -> Singles:
        return fft.irfft2(track * scene, s=self._shape)[: self.size, : self.size]


def cut(beams: Sequence[Beam]) -> list[Piece]:
    """Cut the beams, those of a pair together, into pieces of 2.5 km along the track, shorter ones for a short track.

    At most 160 pieces, evenly taken, so that time and memory are bounded however long the track.
    """
    stretches = list(_stretches(beams))
    if len(stretches) > _MOST_PIECES:
        chosen = np.linspace(0, len(stretches) - 1, _MOST_PIECES).round().astype(int)
        stretches = [stretches[index] for index in chosen]
    return [lay(*_joined(stretch)) for stretch in stretches]


def _stretches(beams: Sequence[Beam]) -> Iterator[list[tuple[Beam, slice]]]:
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


def _joined(stretch: list[tuple[Beam, slice]]) -> tuple[Floats, Floats, Singles]:
    rows = np.concatenate([beam.row[part] for beam, part in stretch])
    cols = np.concatenate([beam.col[part] for beam, part in stretch])
    return rows, cols, np.concatenate([beam.proxies[:, part] for beam, part in stretch], axis=1)


def add_up(pieces: Iterable[tuple[Piece, Singles]], reach: int) -> Products | None:
    """Sum of the centred products of pieces, each with the scene's brightness in its box; None without any."""
    total: Products | None = None
    for piece, brightness in pieces:
        if np.isfinite(brightness).any():
            one = correlate(piece, brightness, reach).centred()
            total = one if total is None else total + one
    return total


def fit(products: Products) -> tuple[Floats, Floats]:
    """Regress brightness on the proxies at every shift, no weight below zero: a proxy cannot count against itself.

    Coordinate descent with a small ridge (1 % of each proxy's variance) on centred products.

    Returns
    -------
    (m, m) f8 share of the brightness variance explained, 0 where too few pixels are common, and (k, m, m) f8 weights.
    """
    xx, xy = products.xx.astype(np.float64), products.xy.astype(np.float64)
    count = len(xy)
    variance = np.array([xx[a, a] for a in range(count)]) * (1.0 + _RIDGE) + _TINY
    weights = np.zeros(xy.shape)
    for _ in range(_SWEEPS):
        for a in range(count):
            rest = sum((xx[a, b] * weights[b] for b in range(count) if b != a), np.zeros(xy.shape[1:]))
            weights[a] = np.maximum(0.0, (xy[a] - rest) / variance[a])
    share = np.clip((weights * xy).sum(0) / np.maximum(products.yy, _TINY), 0.0, 1.0 - _TINY)
    enough = products.n >= _LEAST_OVERLAP * products.n.max()
    return np.where(enough, share, 0.0), weights


def locate(products: Products | None, reach: int, pixel: float, pixels: int) -> Shift:
    """The shift with the largest share of brightness explained, to a fraction of a pixel, and how sure it is.

    Parameters
    ----------
    products : centred sums over all pieces; None when nothing was common, which gives a shift of 0 without confidence.
    pixel : edge of a scene pixel, m.
    pixels : scene pixels that the track crosses.

    The confidence is the probability that the shift is within NEAR of the truth: with Gaussian residuals the
    likelihood of a shift is (1 - share) ** (-n / 2), n being the independent pixels.
    """
    size = 2 * reach + 1
    if products is None:
        return Shift(0.0, 0.0, np.inf, np.inf, 0.0, np.zeros((size, size), np.float32), (), 0.0)
    share, weights = fit(products)
    best = divmod(int(np.argmax(share)), size)
    independent = INDEPENDENT * pixels * products.n / max(float(products.n.max()), 1.0)
    evidence = -0.5 * independent * np.log1p(-share)
    probability = np.exp(evidence - evidence[best])
    probability /= probability.sum()
    row, col = (float(at - reach) + part for at, part in zip(best, _vertex(share, best), strict=True))
    distance_row, distance_col = np.arange(size)[:, None] - reach - row, np.arange(size) - reach - col
    near = np.hypot(distance_row, distance_col) * pixel <= NEAR
    on_edge = min(best) == 0 or max(best) == size - 1
    return Shift(
        row,
        col,
        float(np.sqrt((probability * distance_row**2).sum())),
        float(np.sqrt((probability * distance_col**2).sum())),
        0.0 if on_edge else float(probability[near].sum()),
        np.sqrt(share).astype(np.float32),
        tuple(float(weight) for weight in weights[:, best[0], best[1]]),
        _second(share, best),
    )


def _vertex(surface: Floats, best: tuple[int, int]) -> tuple[float, float]:
    """Row and column from a maximum to the summit of the quadratic fitted to the 3 x 3 about it; at most half."""
    row, col = best
    if not (0 < row < surface.shape[0] - 1 and 0 < col < surface.shape[1] - 1):
        return 0.0, 0.0
    values = surface[row - 1 : row + 2, col - 1 : col + 2]
    rows, cols = values.sum(1), values.sum(0)
    gradient = np.array([rows[2] - rows[0], cols[2] - cols[0]]) / 6
    bend_row, bend_col = ((side[0] - 2 * side[1] + side[2]) / 3 for side in (rows, cols))
    twist = (values[0, 0] + values[2, 2] - values[0, 2] - values[2, 0]) / 4
    hessian = np.array([[bend_row, twist], [twist, bend_col]])
    if bend_row >= 0 or np.linalg.det(hessian) <= 0:
        return 0.0, 0.0
    offset = np.clip(-np.linalg.solve(hessian, gradient), -0.5, 0.5)
    return float(offset[0]), float(offset[1])


def _second(share: Floats, best: tuple[int, int]) -> float:
    """Largest correlation outside the main lobe, that is more than 8 pixels from the best."""
    row, col = best
    away = np.hypot(np.arange(share.shape[0])[:, None] - row, np.arange(share.shape[1]) - col) > _LOBE
    return float(np.sqrt(share[away].max())) if away.any() else 0.0

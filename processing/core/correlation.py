"""Masked correlation of what a track shows with a scene's brightness, at every shift within reach.

The proxies of a stretch of track are laid on the scene's grid; for every shift, Fourier transforms give the sums of a
regression of brightness on the proxies over the pixels that both know (masked correlation: Padfield 2012, IEEE Trans.
Image Process. 21(5), doi 10.1109/TIP.2011.2181402). The sums of several stretches add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class Piece:
    """Proxies of a stretch of track on the scene's pixels.

    Attributes
    ----------
    row, col : scene pixel of the box's upper left corner.
    weight : (h, w) f4 segments in each pixel.
    sums : (k, h, w) f4 sums of each proxy over them.
    pixels : scene pixels that the track crosses.
    """

    row: int
    col: int
    weight: Singles
    sums: Singles
    pixels: int

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
    """Share proxies (k, n) of segments at scene pixels ``row``, ``col`` (n,), pixel centres at .5, into a Piece.

    Each segment is shared between the four pixels about it as bilinear interpolation would read them: a track that
    follows a column of pixels would be moved by up to half of one otherwise.
    """
    top, left = np.floor(row - 0.5).astype(np.int64), np.floor(col - 0.5).astype(np.int64)
    down, right = row - 0.5 - top, col - 0.5 - left
    corner = int(top.min()), int(left.min())
    shape = int(top.max()) - corner[0] + 2, int(left.max()) - corner[1] + 2
    first = (top - corner[0]) * shape[1] + left - corner[1]
    at = np.concatenate([first, first + 1, first + shape[1], first + shape[1] + 1])
    share = np.concatenate([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])
    weight = np.bincount(at, share, minlength=shape[0] * shape[1])
    sums = [np.bincount(at, share * np.tile(values, 4), minlength=weight.size) for values in proxies]
    return Piece(
        *corner,
        weight.reshape(shape).astype(np.float32),
        np.reshape(sums, (-1, *shape)).astype(np.float32),
        len(np.unique(np.floor(row) * (shape[1] + 2) + np.floor(col))),
    )


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
    means = piece.sums / np.maximum(piece.weight, _LEAST_WEIGHT)
    if known.all():
        m = transform.size
        n = np.full((m, m), piece.weight.sum(dtype=np.float64), np.float32)
        x = piece.sums.sum((1, 2), dtype=np.float64)[:, None, None] * np.ones((m, m))
        xx = np.einsum("ahw,bhw->ab", piece.sums, means, dtype=np.float64)[:, :, None, None]
        return n, x.astype(np.float32), xx.astype(np.float32)
    mask = transform.scene(known.astype(np.float32))
    n = np.maximum(transform.back(weight, mask), 0.0)
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

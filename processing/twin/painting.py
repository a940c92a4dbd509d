"""What the scene sees: reflectance of ice, water and cloud in the bands that are written."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from processing.twin.cloud import sky
from processing.twin.noise import derived, fractal, lattice_hash, noise, unit
from processing.twin.surface import THICK, THIN, WATER, spot

BANDS = ("B02", "B03", "B04", "B08", "B11", "B10")
"""Bands that are painted, in this order along the first axis."""

SKY_STEP = 4
"""Pixels between the places where the sky is worked out; it is interpolated between."""


class Light(NamedTuple):
    """Sun and sensor: ``shade_x`` ``shade_y`` brightening by slope towards the sun; ``glint`` and ``noise`` of
    reflectance."""

    shade_x: float
    shade_y: float
    glint: float
    noise: float


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")
def _colour(at, x, y, law, light, result):
    """Top-of-atmosphere reflectance of a Spot under a clear sky into ``result`` (bands,)."""
    if at.kind == THICK:
        floe = 0.80 + 0.13 * derived(at.hash, 51) - 0.05 * (derived(at.hash, 52) < 0.12)
        drifts = 0.018 * noise(x / 520.0, y / 520.0, law.seed + 51) + 0.016 * noise(x / 75.0, y / 28.0, law.seed + 52)
        white = floe + drifts + 0.02 * at.deformed
        result[0], result[1], result[2], result[3] = white + 0.02, white, white - 0.012, white - 0.075
        result[4], result[5] = 0.085 + 0.03 * derived(at.hash, 53), 0.0012
    elif at.kind == THIN:
        patch = 0.02 * at.age * noise(x / 55.0, y / 55.0, law.seed + 53)
        grey = 0.103 + 0.13 * at.age + 0.23 * at.age * at.age + patch + 0.012 * (unit(at.hash) - 0.5)
        result[0], result[1], result[2], result[3] = 1.07 * grey + 0.008, 1.01 * grey, 0.95 * grey, 0.74 * grey
        result[4], result[5] = 0.02 + 0.03 * at.age, 0.0012
    else:
        glint = light.glint * (0.5 * fractal(x / 210.0, y / 210.0, 2, law.seed + 54) + 0.5 * (unit(at.hash) - 0.5))
        result[0], result[1], result[2], result[3] = 0.073 + glint, 0.054 + glint, 0.043 + glint, 0.03 + glint
        result[4], result[5] = 0.01 + 0.5 * glint, 0.0012


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def paint_ice(left, top, step, rows, cols, wanted, law, light):
    """Reflectance (bands, rows, cols) f4 of the ice and (rows, cols) i1 class at pixel centres, clear sky.

    ``left`` and ``top`` m of the upper left corner, in the place of the ice at track time. Pixels that are not
    ``wanted`` (bool) stay zero. Pixels beside another class are the mean of five places, so edges are mixed.
    """
    kind, height = np.full((rows, cols), np.int8(-1)), np.zeros((rows, cols), np.float32)
    image, colour = np.zeros((len(BANDS), rows, cols), np.float32), np.zeros(len(BANDS))
    for i in range(rows):
        for j in range(cols):
            if wanted[i, j]:
                x, y = left + (j + 0.5) * step, top - (i + 0.5) * step
                at = spot(x, y, law)
                kind[i, j], height[i, j] = at.kind, at.freeboard
                _colour(at, x, y, law, light, colour)
                image[:, i, j] = colour
    for i in range(rows):
        for j in range(cols):
            if not wanted[i, j]:
                continue
            if _beside_another(kind, i, j):
                x, y = left + (j + 0.5) * step, top - (i + 0.5) * step
                for quarter in range(4):
                    px = x + step * (0.27 if quarter % 2 else -0.27)
                    py = y + step * (0.27 if quarter // 2 else -0.27)
                    _colour(spot(px, py, law), px, py, law, light, colour)
                    for band in range(len(BANDS)):
                        image[band, i, j] += colour[band]
                image[:, i, j] /= 5.0
            elif kind[i, j] == THICK and 0 < i < rows - 1 and 0 < j < cols - 1:
                east = (height[i, j + 1] - height[i, j - 1]) / (2.0 * step)
                north = (height[i - 1, j] - height[i + 1, j]) / (2.0 * step)
                slope = light.shade_x * east + light.shade_y * north
                image[:, i, j] *= 1.0 - min(max(slope, -0.16), 0.22)
    return image, kind


@njit(cache=True, nogil=True, error_model="numpy")
def _beside_another(kind, i, j):
    for a in range(max(i - 1, 0), min(i + 2, kind.shape[0])):
        for b in range(max(j - 1, 0), min(j + 2, kind.shape[1])):
            if kind[a, b] != kind[i, j] and kind[a, b] >= 0:
                return True
    return False


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sky_nodes(left, top, step, rows, cols, law):
    """Depth, opacity, shadow and texture (4, rows, cols) of the sky at nodes ``step`` apart, from (left, top)."""
    nodes = np.empty((4, rows, cols))
    for i in range(rows):
        for j in range(cols):
            x, y = left + j * step, top - i * step
            nodes[0, i, j], nodes[1, i, j], nodes[2, i, j] = sky(x, y, law)
            nodes[3, i, j] = fractal(x / 900.0, y / 900.0, 4, law.seed + 4)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_sky(image, nodes, row, col):
    """Put cloud and shadow on ``image`` (bands, rows, cols) in place; its first pixel is (row, col) from node (0, 0).

    Thin cloud veils: it adds its own light and takes from the contrast below. Thick cloud hides. Shadow takes the sun
    and leaves the blue of the sky.
    """
    for i in range(image.shape[1]):
        for j in range(image.shape[2]):
            u, v = (i + row + 0.5) / SKY_STEP, (j + col + 0.5) / SKY_STEP
            a, b = int(u), int(v)
            s, t = u - a, v - b
            w00, w01, w10, w11 = (1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t
            depth = _mix(nodes[0], a, b, w00, w01, w10, w11)
            opaque = _mix(nodes[1], a, b, w00, w01, w10, w11)
            shade = _mix(nodes[2], a, b, w00, w01, w10, w11)
            bumps = _mix(nodes[3], a, b, w00, w01, w10, w11)
            if shade > 0.0:
                for band in range(image.shape[0]):
                    image[band, i, j] *= 1.0 - shade * (0.50 if band == 0 else (0.54 if band == 1 else 0.57))
            if depth > 0.0:
                passed = np.exp(-0.8 * depth)
                for band in range(4):
                    image[band, i, j] = image[band, i, j] * passed + (0.74 + 0.02 * bumps) * (1.0 - passed)
                image[4, i, j] = image[4, i, j] * passed + 0.22 * (1.0 - passed)
                image[5, i, j] += 0.016 * (1.0 - passed)
            if opaque > 0.0:
                cover = opaque * opaque * (3.0 - 2.0 * opaque)
                for band in range(4):
                    image[band, i, j] += cover * (0.86 + 0.045 * bumps - image[band, i, j])
                image[4, i, j] += cover * (0.46 + 0.04 * bumps - image[4, i, j])


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True, inline="always")
def _mix(values, a, b, w00, w01, w10, w11):
    return w00 * values[a, b] + w01 * values[a, b + 1] + w10 * values[a + 1, b] + w11 * values[a + 1, b + 1]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_noise(image, wanted, row, seed, sigma):
    """Sensor noise on ``image`` in place, the same for a pixel however the scene is cut; unwanted pixels to zero."""
    for band in range(image.shape[0]):
        for i in range(image.shape[1]):
            for j in range(image.shape[2]):
                if not wanted[i, j]:
                    image[band, i, j] = 0.0
                    continue
                state = lattice_hash(i + row, j, seed + band)
                draw = unit(state) + derived(state, 1) + derived(state, 2) - 1.5
                value = image[band, i, j]
                image[band, i, j] = max(value + 2.0 * sigma * draw * (0.25 + 0.75 * value), 0.0002)


__all__ = ["BANDS", "SKY_STEP", "THIN", "WATER", "Light", "add_noise", "add_sky", "paint_ice", "sky_nodes"]

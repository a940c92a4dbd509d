"""What the scene sees: reflectance of ice, water and cloud in the bands that are written."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from processing.twin.cloud import CloudLaw, sky
from processing.twin.floes import IceLaw
from processing.twin.noise import derived, fractal, lattice_hash, noise, unit
from processing.twin.surface import THICK, THIN, Spots, spots

F8 = NDArray[np.float64]
F4 = NDArray[np.float32]

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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _colours(
    x: NDArray[Any],
    y: NDArray[Any],
    law: IceLaw,
    light: Light,
    kind: NDArray[Any],
    state: NDArray[Any],
    age: NDArray[Any],
    deformed: NDArray[Any],
    contact: NDArray[Any],
    result: NDArray[Any],
) -> None:
    """Top-of-atmosphere reflectance under a clear sky at places into ``result`` (bands, places)."""
    for k in range(x.size):
        u = unit(state[k])
        if kind[k] == THICK:
            tone = 0.055 * (u + derived(state[k], 51) - 1.0) - 0.06 * (derived(state[k], 52) < 0.08)
            tone *= min(0.2 + contact[k] / 90.0, 1.0)
            a, b = 0.8 * x[k] + 0.6 * y[k], 0.8 * y[k] - 0.6 * x[k]
            drifts = 0.011 * fractal(a / 1700.0, b / 800.0, 4, law.seed + 51)
            drifts += 0.013 * noise(a / 70.0, b / 26.0, law.seed + 52)
            rubble = (deformed[k] - 0.4) * (0.012 + 0.022 * noise(x[k] / 21.0, y[k] / 21.0, law.seed + 55))
            white = 0.855 + tone + drifts + rubble
            result[0, k], result[1, k], result[2, k], result[3, k] = white + 0.02, white, white - 0.012, white - 0.075
            result[4, k], result[5, k] = 0.085 + 0.03 * u, 0.0012
        elif kind[k] == THIN:
            patch = 0.02 * age[k] * noise(x[k] / 55.0, y[k] / 55.0, law.seed + 53)
            grey = 0.103 + 0.13 * age[k] + 0.23 * age[k] * age[k] + patch + 0.012 * (u - 0.5)
            result[0, k], result[1, k], result[2, k] = 1.07 * grey + 0.008, 1.01 * grey, 0.95 * grey
            result[3, k], result[4, k], result[5, k] = 0.74 * grey, 0.02 + 0.03 * age[k], 0.0012
        else:
            glint = light.glint * (0.5 * fractal(x[k] / 210.0, y[k] / 210.0, 2, law.seed + 54) + 0.5 * (u - 0.5))
            result[0, k], result[1, k], result[2, k] = 0.073 + glint, 0.054 + glint, 0.043 + glint
            result[3, k], result[4, k], result[5, k] = 0.03 + glint, 0.01 + 0.5 * glint, 0.0012


def colours(x: F8, y: F8, law: IceLaw, light: Light) -> tuple[Spots, F4]:
    """The surface at places (f8, m) and its reflectance (bands, places) f4 under a clear sky."""
    at, result = spots(x, y, law), np.empty((len(BANDS), x.size), np.float32)
    _colours(x, y, law, light, at.kind, at.state, at.age, at.deformed, at.contact, result)
    return at, result


def paint_ice(
    left: float, top: float, step: float, wanted: NDArray[np.bool_], law: IceLaw, light: Light
) -> tuple[F4, NDArray[np.int8]]:
    """Reflectance (bands, rows, cols) f4 of the ice and its class i1 (rows, cols) at pixel centres, clear sky.

    ``left`` and ``top`` m of the upper left corner, in the place of the ice at track time; ``wanted`` (rows, cols)
    pixels, others stay 0 and -1. Pixels beside another class are the mean of five places, so edges are mixed.
    """
    cols, rows = np.meshgrid(np.arange(wanted.shape[1]) + 0.5, np.arange(wanted.shape[0]) + 0.5)
    x, y = left + cols[wanted] * step, top - rows[wanted] * step
    at, seen = colours(x, y, law, light)
    kind, height = np.full(wanted.shape, -1, np.int8), np.zeros(wanted.shape, np.float32)
    kind[wanted], height[wanted] = at.kind, at.freeboard
    mixed = beside_another(kind)
    edge = np.flatnonzero(mixed[wanted])
    for east, north in ((-0.27, -0.27), (0.27, -0.27), (-0.27, 0.27), (0.27, 0.27)):
        seen[:, edge] += colours(x[edge] + east * step, y[edge] + north * step, law, light)[1]
    seen[:, edge] /= 5.0
    image, shading = (
        np.zeros((len(BANDS), *wanted.shape), np.float32),
        _shading(height, (kind == THICK) & ~mixed, step, light),
    )
    for band in range(len(BANDS)):
        image[band][wanted] = seen[band]
        image[band] *= shading
    return image, kind


def beside_another(kind: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Pixels (rows, cols) with a neighbour of another class, the unwanted (-1) aside."""
    known = kind >= 0
    highest = cv2.dilate(kind.astype(np.uint8) * known, np.ones((3, 3), np.uint8))
    lowest = cv2.erode(np.where(known, kind, 9).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(known & (highest != lowest))


def _shading(height: F4, level: NDArray[np.bool_], step: float, light: Light) -> F4:
    """How slopes brighten towards the sun and darken away from it, where ``level`` says so; 1 elsewhere."""
    across = np.array([[-1.0, 0.0, 1.0]]) / (2.0 * step)
    kernel = np.zeros((3, 3))
    kernel[1] += light.shade_x * across[0]
    kernel[:, 1] -= light.shade_y * across[0]
    slope = cv2.filter2D(height, cv2.CV_32F, kernel)
    return np.where(level, 1.0 - np.clip(slope, -0.16, 0.22), np.float32(1.0)).astype(np.float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def sky_nodes(left: float, top: NDArray[Any], step: float, rows: int, cols: int, law: CloudLaw) -> NDArray[Any]:
    """Depth, opacity, shadow and texture (4, rows, cols) of the sky at nodes ``step`` apart, from (left, top)."""
    nodes = np.empty((4, rows, cols))
    for i in range(rows):
        for j in range(cols):
            x, y = left + j * step, top - i * step
            nodes[0, i, j], nodes[1, i, j], nodes[2, i, j] = sky(x, y, law)
            nodes[3, i, j] = fractal(x / 900.0, y / 900.0, 4, law.seed + 4)
    return nodes


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_sky(image: NDArray[Any], nodes: NDArray[Any], row: int, col: int) -> None:
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _mix(values: NDArray[Any], a: int, b: int, w00: float, w01: float, w10: float, w11: float) -> float:
    return w00 * values[a, b] + w01 * values[a, b + 1] + w10 * values[a + 1, b] + w11 * values[a + 1, b + 1]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def add_noise(image: NDArray[Any], wanted: NDArray[Any], row: int, seed: int, sigma: float) -> None:
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

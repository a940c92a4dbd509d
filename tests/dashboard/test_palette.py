"""Classes must be told apart by everybody, on both themes and over ice and water alike."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboard import palette

# Machado, Oliveira and Fernandes 2009, severity 1.0, applied to linear RGB.
_USUAL = "1 0 0  0 1 0  0 0 1"
_PROTAN = "0.152286 1.052583 -0.204868  0.114503 0.786281 0.099216  -0.003882 -0.048116 1.051998"
_DEUTAN = "0.367322 0.860646 -0.227968  0.280085 0.672501 0.047413  -0.011820 0.042940 0.968881"
_TRITAN = "1.255528 -0.076749 -0.178779  -0.078411 0.930809 0.147602  0.004733 0.691367 0.303900"
VISION = {
    name: np.array(text.split(), float).reshape(3, 3)
    for name, text in (("usual", _USUAL), ("protan", _PROTAN), ("deutan", _DEUTAN), ("tritan", _TRITAN))
}


def _linear(colour: str) -> NDArray[np.float64]:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    ratio = to_xyz @ np.clip(linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def _difference(first: str, second: str, vision: str) -> float:
    seen = [_lab(VISION[vision] @ _linear(colour)) for colour in (first, second)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def _contrast(first: str, second: str) -> float:
    light = sorted(float(np.array([0.2126, 0.7152, 0.0722]) @ _linear(colour)) for colour in (first, second))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("variant", ["light", "dark", "scene"])
def test_no_two_classes_look_alike(variant: str, vision: str) -> None:
    colours = palette.class_colours(variant)
    for first, second in combinations((0, 1, 2), 2):
        assert _difference(colours[first], colours[second], vision) > 25, (first, second)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("variant", ["light", "dark", "scene"])
def test_no_two_analysts_or_flags_look_alike(variant: str, vision: str) -> None:
    auto, hands, others = palette.analyst_colours(variant)
    for colours in ([auto, *hands, others], list(palette.flag_colours(variant).values())):
        for first, second in combinations(colours, 2):
            assert _difference(first, second, vision) > 20, (first, second)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", palette.THEMES)
def test_no_two_models_look_alike(theme: str, vision: str) -> None:
    for first, second in combinations(palette.model_colours(theme), 2):
        assert _difference(first, second, vision) > 25, (first, second)
    for colour in palette.model_colours(theme):
        assert _contrast(colour, palette.theme(theme)["card"]) > 3


@pytest.mark.parametrize("theme", palette.THEMES)
def test_classes_and_text_stand_out_from_the_page(theme: str) -> None:
    card = palette.theme(theme)["card"]
    for code, colour in palette.class_colours(theme).items():
        assert _contrast(colour, card) > 2.5, code
    assert _contrast(palette.theme(theme)["ink"], card) > 7
    assert _contrast(palette.theme(theme)["soft"], card) > 4.5
    assert _contrast(palette.theme(theme)["accent"], card) > 4.5


def test_pixels_are_little_endian_rgba() -> None:
    assert palette.rgba("#102030").to_bytes(4, "little") == bytes([0x10, 0x20, 0x30, 0xFF])

"""Ranks, colours and legends of segments."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dashboard import palette
from dashboard.views import colouring
from processing.schema import AutoFlag

VARIANTS = ("light", "dark", "scene")


def test_a_class_has_the_colour_of_its_code() -> None:
    scheme = colouring.scheme("label", "scene")
    ranks = colouring.label_ranks(np.array([-1, 0, 1, 2], np.int8))
    assert ranks.tolist() == [1, 2, 3, 4]
    assert [scheme.colours[rank - 1] for rank in ranks] == [palette.class_colour(c, "scene") for c in (-1, 0, 1, 2)]
    assert [entry.name for entry in scheme.legend] == ["thick ice", "thin ice", "open water", "unlabelled"]


def test_an_analyst_has_one_rank_whatever_a_beam_calls_first() -> None:
    order = ["ada", "bo", "cy"]
    assert colouring.source_ranks(np.array([-1, 0, 1], np.int32), ["bo", "ada"], order).tolist() == [1, 3, 2]
    assert colouring.source_ranks(np.array([-1, -1], np.int32), [], order).tolist() == [1, 1]
    assert [entry.name for entry in colouring.scheme("source", "dark", order).entries] == ["auto-label", *order]


def test_analysts_beyond_the_colours_share_one() -> None:
    order = [f"analyst {number}" for number in range(7)]
    ranks = colouring.source_ranks(np.arange(-1, 7, dtype=np.int32), order, order)
    scheme = colouring.scheme("source", "light", order)
    assert ranks.tolist() == [1, 2, 3, 4, 5, 6, 6, 6]
    assert len(scheme.entries) == 6
    assert scheme.entries[-1].name == "other analysts"


def test_the_gravest_flag_shows() -> None:
    flags = [0, AutoFlag.TRANSITION, AutoFlag.DRIFT_UNSURE | AutoFlag.TRANSITION, AutoFlag.SHADOW, AutoFlag.SATURATED]
    flags += [AutoFlag.CLOUD | AutoFlag.SHADOW | AutoFlag.TRANSITION, AutoFlag.OUTSIDE_SCENE]
    ranks = colouring.flag_ranks(np.array(flags, np.uint32))
    names = [entry.name for entry in colouring.scheme("flag", "scene").entries]
    assert [names[rank - 1] for rank in ranks] == [
        "no flag", "transition", "drift unsure", "shadow", "no flag", "cloud", "no flag"
    ]  # fmt: skip


def test_doubt_ranks_over_sureness_and_no_model_below_both() -> None:
    sureness = np.array([np.nan, 1.0, 0.95, 0.9, 0.65, 0.6, 0.5, 0.35, 0.0], np.float32)
    ranks = colouring.confidence_ranks(sureness)
    assert ranks.tolist() == [1, 2, 2, 3, 4, 5, 5, 6, 7]
    assert len(colouring.scheme("confidence", "light").entries) == 7


@pytest.mark.parametrize("mode", ["label", "source", "flag", "confidence"])
def test_pixels_are_the_colours_by_rank_and_rank_0_is_clear(mode: str) -> None:
    scheme = colouring.scheme(mode, "dark", ["ada"])
    assert scheme.pixels[0] == 0
    assert [int(pixel) for pixel in scheme.pixels[1:]] == [palette.rgba(colour) for colour in scheme.colours]
    assert sorted(scheme.legend, key=str) == sorted(scheme.entries, key=str)


@pytest.mark.parametrize("variant", VARIANTS)
def test_sources_and_flags_differ_in_every_colour(variant: str) -> None:
    for mode in ("source", "flag", "confidence"):
        colours = colouring.scheme(mode, variant, [f"analyst {number}" for number in range(7)]).colours
        assert all(first != second for first, second in combinations(colours, 2))

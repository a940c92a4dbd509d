"""Figures of an evaluation: written whole, the same each time, only what there is, all of their text legible."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from processing.charts.style import drawing, ink_on
from training import charts_panels
from training.charts import FIGURES, draw_all
from training.summary import Interval, Row

ABOUT = "proving (synthetic), snapshot v0001, 3 seeds"
FLAGS = ("clear", "transition", "cloud", "shadow", "drift unsure")
CHANGES = ("without shape of the heights", "without drift", "windows of five (lstm)")
NAN = float("nan")


def made(value: float, half: float | None, **fields: Any) -> Row:
    """A row whose scores all lie about ``value``; open water is absent."""
    one = Interval(value, half)
    figures = {
        f"{name} {figure}": one for name in ("thick ice", "thin ice") for figure in ("precision", "recall", "F1")
    }
    figures |= {f"open water {figure}": Interval(NAN, None) for figure in ("precision", "recall", "F1")}
    overall = dict.fromkeys(("accuracy", "macro_f1", "calibration_error", "calibration_error_raw"), one)
    filled = [0] * 6 + [20, *range(100, 900, 100)]
    known: list[float | None] = [None] * 6
    bins = {"count": filled, "confidence": [*known, *np.linspace(0.43, 0.97, 9)], "accuracy": [*known, *[value] * 9]}
    fields = {"variant": "", "against": "labels", "seeds": 1 if half is None else 3, "folds": ("A", "B", "C")} | fields
    usable = fields["against"] == "labels" and fields["protocol"] != "paper"
    return Row(
        **fields,
        figures=overall | figures,
        by_seed={
            seed: {name: one.mean for name, one in (overall | figures).items()} for seed in range(fields["seeds"])
        },
        confusion=[[1_000_000 if usable else 2_000_000, 1234, 0], [777, 300_000, 5], [0, 0, 0]],
        reliability=bins,
        reliability_raw=bins,
        groups=dict.fromkeys((*FLAGS, "automatic", "corrected"), (one, 1000000))
        if fields["against"] != "labels"
        else {},
    )


def evaluation(half: float | None, models: Sequence[str] = ("mlp", "lstm", "context")) -> list[Row]:
    kinds = ("labels", "every_label", "truth")
    plain = [
        made(0.9 + 0.03 * number - 0.02 * place, half, model=model, protocol=protocol, against=against)
        for number, model in enumerate(models)
        for place, protocol in enumerate(("paper", "granules", "regions", "seasons"))
        for against in kinds
    ]
    changed = [
        made(0.92 - 0.01 * place, half, variant=name, model=models[-1], protocol="granules", against=against)
        for place, name in enumerate(CHANGES)
        for against in kinds
    ]
    return [*plain, *changed]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    files = draw_all(folder, evaluation(0.01), ABOUT)
    assert files == [folder / f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")]
    return folder


def test_every_figure_is_whole_in_both_formats(drawn: Path) -> None:
    assert sorted(file.name for file in drawn.iterdir()) == sorted(
        f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")
    )
    for name in FIGURES:
        with Image.open(drawn / f"{name}.png") as image:
            image.load()
            assert image.width >= 600
            assert image.info["dpi"][0] == pytest.approx(160, abs=0.5)
        assert ET.parse(drawn / f"{name}.svg").getroot().tag.endswith("svg")


def test_an_svg_drawn_again_is_the_same(drawn: Path, tmp_path: Path) -> None:
    for file in draw_all(tmp_path, evaluation(0.01), ABOUT):
        if file.suffix == ".svg":
            assert file.read_bytes() == (drawn / file.name).read_bytes()


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([], set()),
        ([made(0.9, 0.01, model="mlp", protocol="blocks")], {"protocols", "classes", "confusion", "reliability"}),
        ([made(0.9, None, model="mlp", protocol="granules", against="every_label")], {"groups"}),
    ],
)
def test_only_what_there_is_is_drawn(tmp_path: Path, rows: list[Row], names: set[str]) -> None:
    assert {file.stem for file in draw_all(tmp_path, rows, ABOUT)} == names


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "rows", [evaluation(0.01), evaluation(0.2), evaluation(None, ("lstm",))], ids=["narrow", "wide", "one"]
)
def test_no_text_overlaps_or_leaves_the_figure(name: str, rows: list[Row]) -> None:
    with drawing():
        figure = FIGURES[name](rows, ABOUT)
        assert figure is not None
        figure.draw_without_rendering()
        boxes = [(text.get_text(), text.get_window_extent()) for text in words(figure)]
    for text, box in boxes:
        assert figure.bbox.padded(1).contains(box.x0, box.y0), text
        assert figure.bbox.padded(1).contains(box.x1, box.y1), text
    clashes = [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.padded(-1).overlaps(other.padded(-1))]
    assert clashes == []


def words(figure: Figure) -> list[Text]:
    """The texts of a figure that are seen."""
    hidden = [text for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for text in outside(axis)]
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in found if not any(text is one for one in hidden)]


def outside(axis: Any) -> list[Text]:
    """Labels of an axis that are not drawn: of ticks beyond its limits."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    beyond = [tick for tick in ticks if not low - 1e-9 <= tick.get_loc() <= high + 1e-9]
    return [label for tick in beyond for label in (tick.label1, tick.label2)]


def test_text_reads_on_every_shade() -> None:
    def light(colour: Sequence[float]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    from matplotlib.colors import to_rgb

    for shade in charts_panels.shades()(np.linspace(0, 1, 101)):
        lights = sorted((light(shade), light(to_rgb(ink_on(shade)))))
        assert (lights[1] + 0.05) / (lights[0] + 0.05) > 3.9

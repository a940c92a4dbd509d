"""Tables and report of an evaluation: figures by hand, what is left out, what is warned of."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from training.report import markdown, tables
from training.summary import Interval, Row

NAN = Interval(float("nan"), None)
BINS: Mapping[str, Any] = {"count": [0] * 15, "confidence": [None] * 15, "accuracy": [None] * 15}


def spread(figures: Mapping[str, Interval], seeds: int) -> dict[int, dict[str, float]]:
    """Figures of one or three seeds that have these intervals: mean - d, mean, mean + d have half 4.3027 d / root 3."""
    step = 3**0.5 / 4.3027
    places = (0,) if seeds == 1 else (-1, 0, 1)
    return {
        place + 1: {name: one.mean + place * step * (one.half or 0.0) for name, one in figures.items()}
        for place in places
    }


def row(
    accuracy: tuple[float, float | None],
    macro: tuple[float, float | None] = (0.9, 0.01),
    *,
    variant: str = "",
    model: str = "lstm",
    protocol: str = "granules",
    against: str = "labels",
    seeds: int = 3,
    folds: Sequence[str] = ("A", "B", "C"),
    groups: Mapping[str, tuple[Interval, int]] | None = None,
) -> Row:
    """A row of 12 windows a seed, without any open water."""
    half = None if seeds == 1 else 0.002
    classes = {
        f"{name} {figure}": Interval(0.875, half)
        for name in ("thick ice", "thin ice")
        for figure in ("precision", "recall", "F1")
    }
    water = {
        "open water precision": Interval(0.0, half),
        "open water recall": NAN,
        "open water F1": Interval(0.0, half),
    }
    figures = {
        "accuracy": Interval(*accuracy),
        "macro_f1": Interval(*macro),
        "calibration_error": Interval(0.0123, half),
        "calibration_error_raw": Interval(0.0456, half),
        **classes,
        **water,
    }
    return Row(
        variant=variant,
        model=model,
        protocol=protocol,
        against=against,
        seeds=seeds,
        folds=tuple(folds),
        figures=figures,
        by_seed=spread(figures, seeds),
        confusion=[[7 * seeds, seeds, 0], [0, 3 * seeds, seeds], [0, 0, 0]],
        reliability=dict(BINS),
        reliability_raw=dict(BINS),
        groups=dict(groups or {}),
    )


GROUPS = {"cloud": (Interval(0.625, 0.05), 8), "corrected": (Interval(0.5, 0.0004), 4)}
ROWS = [
    row((0.97864, 0.00301), protocol="paper"),
    row((0.97864, 0.00301), protocol="paper", against="every_label"),
    row((0.95, 0.0012)),
    row((0.92, 0.004), against="every_label", groups=GROUPS),
    row((0.93, 0.004), against="truth"),
    row((0.949996, 0.0), (0.9, 0.01), variant="without drift"),
    row((0.91, 0.0016), (0.86, 0.0), variant="without height"),
    row((0.96, 0.0016), (0.88, 0.0), variant="windows of five (mlp)", model="mlp"),
]


def shown(rows: Sequence[Row]) -> str:
    console = Console(file=io.StringIO(), width=100)
    for table in tables(rows):
        console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def report(rows: Sequence[Row], *, synthetic: bool = False, figures: Sequence[str] = ()) -> str:
    return markdown(rows, "fram, snapshot v0001", synthetic, figures)


def test_terminal_tells_scores_with_intervals() -> None:
    text = shown(ROWS)
    assert re.search(r"random windows +LSTM +97.86 ± 0.30 % +90.00 ± 1.00 % +1.23 ± 0.20 % +12 ", text)
    assert re.search(r"whole granules +LSTM +95.00 ± 0.12 %", text)
    assert re.search(r"cloud +8 +62.50 ± 5.00 %", text)
    assert re.search(r"LSTM +thin ice +87.50 ± 0.20 % +87.50 ± 0.20 % +87.50 ± 0.20 % +4 ", text)
    assert (
        text.index("as it is") < text.index("without height") < text.index("windows of five") < text.index("without dr")
    )
    assert max(map(len, text.splitlines())) <= 100


def test_changes_by_hand() -> None:
    """Seeds run alike, so halves differ: 0.16 less 0.12; a change too small to be seen is no minus zero."""
    text = report(ROWS)
    assert "| as it is | 90.00 ± 1.00 % |  | 95.00 ± 0.12 % |  |" in text
    assert "| without height | 86.00 ± 0.00 % | −4.00 ± 1.00 | 91.00 ± 0.16 % | −4.00 ± 0.04 |" in text
    assert "| windows of five (mlp) | 88.00 ± 0.00 % | −2.00 ± 1.00 | 96.00 ± 0.16 % | +1.00 ± 0.04 |" in text
    assert "| without drift | 90.00 ± 1.00 % | +0.00 ± 0.00 | 95.00 ± 0.00 % | +0.00 ± 0.12 |" in text


def test_random_windows_stand_beside_whole_granules() -> None:
    text = report(ROWS)
    assert "| LSTM | 97.86 ± 0.30 % | 92.00 ± 0.40 % | −5.86 ± 0.50 |" in text
    assert "96.56 % for its LSTM and 91.80 % for its MLP" in text
    assert "nearly every test window has its like among those learned from" in text


def test_no_figure_without_its_interval() -> None:
    told = re.sub(r"reports an accuracy of .*", "", report(ROWS))
    assert re.findall(r"(?<![\d.])(?<!± )\d[\d.]* %", told) == ["95 %"]


def test_a_class_that_is_absent_has_no_figures() -> None:
    assert "| LSTM | open water | – | – | – | 0 |" in report(ROWS)
    assert "| LSTM | open water | 0 | 0 | 0 |" in report(ROWS)
    assert "nan" not in report(ROWS) + shown(ROWS)


def test_what_there_is_nothing_of_is_left_out() -> None:
    text = report([row((0.95, 0.0012))])
    assert [
        word for word in ("truth:", "Ablation", "flag and by", "random windows", "all labels:", "paper") if word in text
    ] == []
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## What was compared", "## Scores", "## What the protocols mean", "## By class", "## Confusion"),
        "## Calibration",
    ]
    assert report([]) == "# Evaluation\n\nOf fram, snapshot v0001.\n"
    assert tables([]) == []


@pytest.mark.parametrize(
    ("rows", "synthetic", "warned"),
    [
        (ROWS, False, []),
        (ROWS, True, ["The data are synthetic."]),
        ([row((0.95, None), seeds=1)], False, ["One seed only"]),
        (
            [row((0.95, 0.01), protocol="blocks", folds=["blocks along the track"])],
            False,
            ["Only one granule has labels"],
        ),
        ([row((0.95, 0.01), folds=["A", "B"])], False, ["Only two granules have labels"]),
        ([row((0.95, 0.01), folds=["2 granules, part 1", "2 granules, part 2"])], False, []),
        ([row((0.95, 0.01), protocol="paper")], False, ["Nothing was held out honestly"]),
    ],
)
def test_warnings(rows: Sequence[Row], synthetic: bool, warned: Sequence[str]) -> None:
    head = report(rows, synthetic=synthetic).partition("\n## ")[0]
    assert re.findall(r"\*\*(.*?)\*\*", head) == warned


def test_one_seed_has_no_intervals() -> None:
    rows = [row((0.95, None), (0.9, None), seeds=1), row((0.94, None), (0.88, None), seeds=1, variant="without drift")]
    text = report(rows) + shown(rows)
    assert "±" not in text
    assert "Student" not in text
    assert "| without drift | 88.00 % | −2.00 | 94.00 % | −1.00 |" in text


def test_figures_stand_where_they_belong() -> None:
    text = report(ROWS, figures=["figures/confusion.png", "figures/other.png"])
    assert text.index("## Confusion") < text.index("![Confusion](figures/confusion.png)") < text.index("## Calibration")
    assert text.endswith("![other](figures/other.png)\n")


def test_what_flags_leave_out_is_told_only_where_they_do() -> None:
    more = [replace(one, confusion=[[30, 0, 0], [0, 9, 0], [0, 0, 0]]) for one in ROWS if one.against != "labels"]
    assert "Scores against all labels" not in report(ROWS)
    assert "Scores against all labels" in report([*(one for one in ROWS if one.against == "labels"), *more])

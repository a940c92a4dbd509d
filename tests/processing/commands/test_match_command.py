"""``leadline match`` from an added table to rows, agreement and figures; bad input in one line."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_measured import BEGIN, line_of, write_csv, write_measured

from processing import cli
from processing.project import Project

N = 30_000


@pytest.fixture
def match(leadline: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    for command in importlib.import_module("processing.commands.match").COMMANDS:
        monkeypatch.setitem(cli.cli.commands, command.name, command)
    return leadline


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    x = 2.0 * np.arange(N) + 1.0
    write_measured(made, *line_of(3031, x, np.full(N, -1.9e6)), 0.3 + 0.1 * np.sin(x / 3000))
    return made


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """SYNTHETIC measurements every 100 m, 0.02 m above ours but for noise of 0.03 m; two of them far off."""
    rng = np.random.default_rng(3)
    x = np.arange(50.0, 60_000.0, 100.0)
    lon, lat = line_of(3031, x, np.full(len(x), -1.9e6))
    lat[:2] -= 1.0
    value = 0.32 + 0.1 * np.sin(x / 3000) + rng.normal(0, 0.03, len(x))
    return write_csv(
        tmp_path / "flight.csv",
        {"time": BEGIN + np.arange(len(x)) * np.timedelta64(1, "s"), "lat": lat, "lon": lon}
        | {"freeboard": value, "freeboard_sigma": 0.03},
    )


def test_from_an_added_table_to_figures(
    match: Callable[..., int], project: Project, flight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert match("add", project.root, flight) == 0
    assert match("match", project.root, "--out", out, "--block", "2000") == 0
    told = capsys.readouterr().out
    assert "flight: measurements of freeboard: 600 of 600 rows" in told
    assert "598 of 600" in told
    [record] = json.loads((out / "agreement.json").read_text())
    bias = record["all"]["bias"]
    assert bias["low"] < -0.02 < bias["high"]
    assert bias["value"] == pytest.approx(-0.02, abs=0.004)
    assert record["all"]["centred_rms"]["value"] == pytest.approx(0.03, abs=0.003)
    assert record["normalised_difference"]["spread"] == pytest.approx(0.83, abs=0.1)
    assert record["refused"] == {"with no segment within 100 m and 2 h": 2}
    rows = pq.read_table(out / "matches.parquet")
    assert rows.schema.field("ours").metadata == {b"unit": b"m"}
    frame = pd.read_csv(out / "matches.csv")
    assert len(frame) == rows.num_rows == record["matched"] == 598
    np.testing.assert_allclose(frame["ours"], rows["ours"].to_numpy(), atol=6e-5)
    names = {
        f"flight-freeboard-{name}.{kind}"
        for name in ("scatter", "differences", "map", "time")
        for kind in ("png", "svg")
    }
    assert {path.name for path in out.iterdir()} == names | {"agreement.json", "matches.csv", "matches.parquet"}


def test_bad_input_is_one_line(
    match: Callable[..., int], project: Project, flight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for words, told in (
        ((), "no table of measurements was named"),
        ((tmp_path / "nothing.csv",), "there is no such file"),
        ((flight, "--hours", "0.0001", "--within", "1"), "no measurement is matched"),
        ((flight, "--quantity", "thickness"), "table has no thickness"),
        ((flight, "--unit", "freeboard=acre"), "no length"),
        ((flight, "--column", "freeboard"), "is not NAME=VALUE"),
        ((flight, "--run", "other"), "there is no freeboard other"),
    ):
        capsys.readouterr()
        assert match("match", project.root, *words, "--out", out) == 2
        assert told in capsys.readouterr().err
    assert not out.exists()

"""However often a task is tried, and by how many at once, its table is there once and whole."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from processing.io import tables
from processing.io.atomic import aside
from processing.provenance import Stamp
from processing.schema import PREDICTION
from processing.spark import tasks
from processing.spark.session import cluster
from processing.spark.standalone import Standalone
from processing.spark.tasks import Piece
from processing.stages import Engine

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_tables import table_of

TRACK = ("ATL03_20191104195311_05940510_006_01", "gt1l")


def part(first: int) -> pa.Table:
    return table_of(PREDICTION, TRACK, {"segment": np.arange(first, first + 100)})


def test_a_task_whose_process_died_while_it_wrote_is_tried_again(two_workers: Standalone, tmp_path: Path) -> None:
    died = tmp_path / "died"

    def words(piece: str) -> Iterator[str]:
        yield from piece.split()

    def write(track: int, values: Iterator[str]) -> int:
        found = list(values)
        with aside(tmp_path / f"track-{track}") as file:
            file.write_text(" ".join(found[:2]))
            if track == 1 and not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            file.write_text(" ".join(found))
        return len(found)

    pieces = [Piece(0, "a b"), Piece(0, "c d"), Piece(1, "e f"), Piece(1, "g h"), Piece(1, "")]
    with cluster(Engine(engine="spark", master=two_workers.url), "attempts") as spark, spark.tidy(tmp_path):
        told = spark.write(words, pieces, write, "attempts")
    assert died.exists()
    assert told == {0: 4, 1: 4}
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "died": "",
        "track-0": "a b c d",
        "track-1": "e f g h",
    }


def test_two_attempts_that_write_at_once_leave_one_table(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)

    def parts(_piece: str) -> Iterator[pa.Table]:
        yield part(0)
        both.wait()  # each has its own file half written
        yield part(100)

    def write(_track: int, values: Iterator[pa.Table]) -> int:
        rows = tables.write(tmp_path / "table.parquet", PREDICTION, values, Stamp("classify", {}, {}))
        both.wait()
        return rows

    def attempt(_number: int) -> list[int]:
        numbers = pa.record_batch({"id": [0]})
        done = tasks.work_alone(partial(tasks.straight, parts, write), {0: Piece(0, "all")}, "mark", iter([numbers]))
        return [row.value for row in tasks._rows(done)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(attempt, range(2))) == [[200], [200]]
    assert [file.name for file in tmp_path.iterdir()] == ["table.parquet"]
    assert pq.read_table(tmp_path / "table.parquet")["segment"].to_pylist() == list(range(200))

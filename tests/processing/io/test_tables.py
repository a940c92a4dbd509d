"""Tables on disk: whole or not at all, stamped, and read no more than asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.provenance import Stamp
from processing.schema import PREDICTION

STAMP = Stamp("classify", {"batch": 7}, {"model": "abc"})


def _table(first: int, rows: int) -> pa.Table:
    third = np.full(rows, 1 / 3)
    return PREDICTION.build(
        {
            "granule_id": "G",
            "beam": "gt1r",
            "segment": np.arange(first, first + rows),
            "p_thick": third,
            "p_thin": third,
            "p_water": third,
            "predicted": np.zeros(rows),
            "model_id": "m",
        }
    )


def test_round_trip_of_batches_with_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a" / "part-0.parquet"
    assert tables.write(path, PREDICTION, iter([_table(0, 10), _table(10, 5)]), STAMP) == 15
    assert tables.read(path, PREDICTION)["segment"].to_pylist() == list(range(15))
    assert tables.read_stamp(path) == STAMP
    assert tables.is_current(path, STAMP)
    assert not tables.is_current(path, Stamp("classify", {"batch": 8}, {"model": "abc"}))
    assert tables.count_rows(path) == 15


def test_a_range_reads_only_its_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, PREDICTION, _table(0, 4 * tables.ROW_GROUP), STAMP)
    groups: list[list[int]] = []
    original = pq.ParquetFile.read_row_groups

    def spy(self: pq.ParquetFile, wanted: list[int], *args: object) -> pa.Table:
        groups.append(list(wanted))
        return original(self, wanted, *args)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    low = tables.ROW_GROUP + 5
    found = tables.read(path, PREDICTION, ["p_thin"], between=("segment", low, low + 2))
    assert found.num_rows == 3
    assert found.column_names == ["p_thin"]
    assert groups == [[1]]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(0, 3, [0]), (8190, 8194, [0, 1]), (16_384, 30_000, [2, 3]), (8192, 8192, []), (30_000, 30_001, [])],
)
def test_rows_are_read_by_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, stop: int, expected: list[int]
) -> None:
    path = tmp_path / "t.parquet"
    assert tables.write(path, PREDICTION, _table(100, 3 * tables.ROW_GROUP + 7), STAMP) == 24_583
    groups: list[int] = []
    original = pq.ParquetFile.read_row_groups

    def spy(self: pq.ParquetFile, wanted: list[int], *args: object) -> pa.Table:
        groups.extend(wanted)
        return original(self, wanted, *args)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    found = tables.read_rows(path, PREDICTION, ["segment", "p_thin"], start, stop)
    assert found.column_names == ["segment", "p_thin"]
    assert found["segment"].to_pylist() == [100 + row for row in range(start, min(stop, 24_583))]
    assert groups == expected


def test_an_error_leaves_the_old_table_and_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, PREDICTION, _table(0, 3), STAMP)

    def failing() -> Iterator[pa.Table]:
        yield _table(0, 9)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tables.write(path, PREDICTION, failing(), STAMP)
    assert tables.count_rows(path) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_missing_damaged_foreign_and_old_tables_are_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(MissingError, match="run: leadline classify P"):
        tables.read(path, PREDICTION, command="leadline classify P")
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="damaged"):
        tables.read(path, PREDICTION)
    pq.write_table(_table(0, 1), path)
    with pytest.raises(StaleError, match="no provenance"):
        tables.read(path, PREDICTION)
    tables.write(path, PREDICTION, _table(0, 1), Stamp("classify", schema_version=0))
    with pytest.raises(StaleError, match="schema version 0"):
        tables.read(path, PREDICTION)


def test_damage_of_every_kind_is_one_line_and_a_refusal_of_the_system_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    tables.write(path, PREDICTION, _table(0, 20_000), STAMP)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 4000 + whole[4004:])
    with pytest.raises(InputError, match=r"damaged table.*run: leadline classify P"):
        tables.read(path, PREDICTION, command="leadline classify P")
    with pytest.raises(InputError, match="damaged table"):
        tables.read(path, PREDICTION, between=("segment", 0, 5))
    path.write_bytes(whole[:-4])
    for call in (tables.count_rows, lambda it: tables.read(it, PREDICTION)):
        for damaged in (path, tmp_path):
            with pytest.raises(InputError, match="damaged table"):
                call(damaged)
        with pytest.raises(MissingError):
            call(tmp_path / "none.parquet")
    pq.write_table(_table(0, 1).replace_schema_metadata({"leadline": "{}"}), path)
    with pytest.raises(InputError, match="provenance cannot be read"):
        tables.read(path, PREDICTION)

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pq, "read_metadata", forbidden)
    with pytest.raises(PermissionError):
        tables.count_rows(path)

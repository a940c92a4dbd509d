"""The table contract: what is built is valid, what is off is named."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from processing.errors import InputError
from processing.schema import LABEL, PREDICTION, SNAPSHOT, TABLES


def _prediction(rows: int) -> dict[str, object]:
    return {
        "granule_id": "G",
        "beam": "gt1r",
        "segment": np.arange(rows),
        "p_thick": np.ones(rows),
        "p_thin": np.zeros(rows),
        "p_water": np.zeros(rows),
        "predicted": np.zeros(rows),
        "model_id": "m",
    }


@pytest.mark.parametrize("rows", [0, 3])
def test_build_gives_exact_types(rows: int) -> None:
    table = PREDICTION.build(_prediction(rows))
    assert table.schema == PREDICTION.arrow
    assert table.num_rows == rows
    assert table["beam"].to_pylist() == ["gt1r"] * rows


def test_missing_and_unknown_columns_are_named() -> None:
    arrays = _prediction(2)
    with pytest.raises(InputError, match="unknown column 'extra'"):
        PREDICTION.build(arrays | {"extra": np.zeros(2)})
    arrays.pop("p_thin")
    with pytest.raises(InputError, match="lacks column 'p_thin'"):
        PREDICTION.build(arrays)


def test_validate_orders_columns_and_refuses_other_types() -> None:
    table = PREDICTION.build(_prediction(2))
    assert PREDICTION.validate(table.select(table.column_names[::-1])) == table
    wrong = table.set_column(3, "p_thick", pa.array([1.0, 0.0], pa.float64()))
    with pytest.raises(InputError, match=r"'p_thick' is double, the contract says float"):
        PREDICTION.validate(wrong, "here")


def test_snapshot_is_label_and_four_more() -> None:
    assert SNAPSHOT.names[: len(LABEL.names)] == LABEL.names
    assert SNAPSHOT.names[len(LABEL.names) :] == ("label", "label_source", "analyst", "event_id")


def test_every_column_says_what_it_means() -> None:
    for table in TABLES.values():
        assert len(set(table.names)) == len(table.names)
        assert all(column.meaning for column in table.columns)
        assert set(table.key) <= set(table.names)

"""Tables of which a test gives the columns that matter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from processing.schema import Table


def table_of(schema: Table, track: tuple[str, str], columns: Mapping[str, np.ndarray]) -> pa.Table:
    """A table of one track, (granule, beam), with zeros and empty text in the columns that are not given."""
    length = max(map(len, columns.values()))
    made: dict[str, object] = {"granule_id": track[0], "beam": track[1], **columns}
    for column in schema.columns:
        if pa.types.is_dictionary(column.type):
            made.setdefault(column.name, "")
        else:
            kind = "datetime64[ns]" if pa.types.is_timestamp(column.type) else column.type.to_pandas_dtype()
            made.setdefault(column.name, np.zeros(length, kind))
    return schema.build(made)

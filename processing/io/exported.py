"""What is exported to one file, as every format takes it; Parquet and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from processing.io.atomic import aside

PROVENANCE = "leadline_provenance"
"""Key of the provenance, JSON, in the metadata of Parquet files."""

Parts = Iterator[pa.Table]


@dataclass(frozen=True)
class Exported:
    """What is in a file, besides its rows.

    Attributes
    ----------
    title : one line. fields : columns with ``unit`` and ``meaning`` as metadata; ``granule_id``, ``beam``, ``time``,
        ``lat`` and ``lon`` are among them.
    tracks : (granule, beam) of each part that comes, in order.
    provenance : JSON. synthetic : whether any input is.
    institution : who made it. mean_sea_level : whether heights are above a mean sea surface, else above the geoid.
    """

    title: str
    fields: pa.Schema
    tracks: tuple[tuple[str, str], ...]
    provenance: str = "{}"
    synthetic: bool = False
    institution: str = ""
    mean_sea_level: bool = False

    @property
    def described(self) -> pa.Schema:
        """The fields with title and provenance as metadata."""
        facts = {"title": self.title, "synthetic": str(self.synthetic).lower(), PROVENANCE: self.provenance}
        return self.fields.with_metadata(facts)


def write_parquet(out: Path, what: Exported, parts: Parts) -> int:
    """Write Parquet (zstd), whole or not at all, and return the rows; a part is a track.

    Units and meanings are metadata of the fields; title and provenance metadata of the file.
    """
    rows = 0
    with aside(out) as temporary, pq.ParquetWriter(temporary, what.described, **layout(what.fields)) as writer:
        for part in parts:
            writer.write_table(part.cast(what.described))
            rows += part.num_rows
    return rows


def layout(fields: pa.Schema) -> dict[str, Any]:
    """How Parquet stores the columns: zstd, and dictionaries but for measured values, where they would save nothing."""
    plain = (each.name for each in fields if not (pa.types.is_floating(each.type) or pa.types.is_timestamp(each.type)))
    return {"compression": "zstd", "use_dictionary": list(plain)}


def write_csv(out: Path, what: Exported, parts: Parts) -> int:
    """Write CSV with a header, times in UTC, whole or not at all, and return the rows; what is missing is empty."""
    rows = 0
    with aside(out) as temporary, pyarrow.csv.CSVWriter(temporary, what.fields) as writer:
        for part in parts:
            writer.write_table(part)
            rows += part.num_rows
    return rows

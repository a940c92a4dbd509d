"""Matches written for other programs and for a reader: the rows, the agreement as JSON, a table of figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from processing.core.matches import Matches, class_names
from processing.core.paired import Agreement
from processing.io.atomic import aside, write_text

_LENGTHS = ("theirs", "theirs_sigma", "ours", "ours_sigma", "difference", "spread", "distance")
_UNITS = {**dict.fromkeys((*_LENGTHS, "x_atc"), "m"), "hours": "h", "lat": "degree", "lon": "degree"}


def match_rows(found: Sequence[Matches]) -> pa.Table:
    """One row for each measurement that was matched, of every quantity of every table; lengths in m, times UTC."""
    return pa.concat_tables([_rows(each) for each in found]) if found else pa.table({})


def written_matches(folder: Path, found: Sequence[Matches]) -> None:
    """Write ``matches.csv``, ``matches.parquet`` and ``agreement.json``, each whole or not at all."""
    rows = match_rows(found)
    with aside(folder / "matches.parquet") as file:
        pq.write_table(rows, file, compression="zstd")
    with aside(folder / "matches.csv") as file:
        pacsv.write_csv(_rounded(rows), file)
    text = json.dumps([agreement_record(each) for each in found], indent=1, allow_nan=False)
    write_text(folder / "agreement.json", text + "\n")


def agreement_record(matches: Matches) -> dict[str, Any]:
    """How one quantity of one table agrees with ours, as plain JSON values; null where there is no number."""
    return dict(
        _plain(
            {
                "table": matches.table,
                "quantity": matches.quantity,
                "run": matches.run,
                "synthetic": matches.synthetic,
                "unit": "m",
                "matched": len(matches),
                "read": matches.read,
                "refused": dict(matches.refused),
                "remarks": list(matches.remarks),
                "all": asdict(matches.agreement),
                "by_class": {name: asdict(each) for name, each in matches.by_class.items()},
                "by_beam": {name: asdict(each) for name, each in matches.by_beam.items()},
                "normalised_difference": asdict(matches.normalised),
                "footprints_a_metre_of_track": matches.shared,
                "moved_to_the_track": int(matches.moved.sum()),
                "drift_in_polar_plane": {name: list(each) for name, each in matches.drifts.items()},
                "parameters": dict(matches.parameters),
            }
        )
    )


def agreement_rows(matches: Matches) -> Iterator[tuple[str, Agreement]]:
    """What is told of the agreement, with its name: all, each class, each beam."""
    yield "all", matches.agreement
    yield from matches.by_class.items()
    yield from matches.by_beam.items()


def _rows(matches: Matches) -> pa.Table:
    n = len(matches)
    columns: dict[str, Any] = {
        "table": np.full(n, matches.table, object),
        "quantity": np.full(n, matches.quantity, object),
        "row": matches.row,
        "time": pa.array(matches.time.astype("datetime64[ns]"), pa.timestamp("ns", tz="UTC")),
        "lat": matches.lat,
        "lon": matches.lon,
        **{name: getattr(matches, name) for name in _LENGTHS},
        "normalised_difference": matches.normalised_difference,
        "segments": matches.segments,
        "tracks": matches.tracks,
        "hours": matches.hours,
        "moved": matches.moved,
        "granule": matches.granule,
        "beam": matches.beam,
        "x_atc": matches.x_atc,
        "class": class_names(matches.label),
    }
    texts = {"table", "quantity", "granule", "beam", "class"}
    arrays = {name: pa.array(each, pa.string()) if name in texts else pa.array(each) for name, each in columns.items()}
    made = pa.table(arrays)
    fields = [
        field.with_metadata({"unit": _UNITS[field.name]}) if field.name in _UNITS else field for field in made.schema
    ]
    return made.cast(pa.schema(fields))


def _rounded(rows: pa.Table) -> pa.Table:
    """The rows with as many digits as a reader needs: centimetres of place, tenths of a millimetre, seconds."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            digits = 7 if field.name in {"lat", "lon"} else 4
            rows = rows.set_column(place, field, pc.round(rows[field.name], digits))
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

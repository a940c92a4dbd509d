"""What is written of a comparison with ATL07 and ATL10: every figure with its interval, and a table of segments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from processing.core.paired import Agreement, Interval
from processing.core.product_agreement import LABELS, TYPES
from processing.core.product_comparison import (
    GranuleComparison,
    Quantity,
    TrackComparison,
    agreement,
    agreement_by_type,
    classes,
    counted,
    leads,
    modes,
)
from processing.io import tables
from processing.io.atomic import aside, write_text
from processing.project import Project
from processing.provenance import fingerprint_file
from processing.stages import Compare

QUANTITIES: tuple[Quantity, ...] = ("freeboard", "sea_surface", "height")
_NAMES = {0: "thick_ice", 1: "thin_ice", 2: "open_water", -1: "unlabelled"}

_PRODUCT = (
    ("time", "", "UTC"),
    ("lat", "degree", "latitude, WGS84"),
    ("lon", "degree", "longitude, WGS84"),
    ("x_atc", "m", "middle of the product's segment on our along-track distance"),
    ("length", "m", "length of the product's segment"),
    ("product_freeboard", "m", "freeboard of the product"),
    ("product_freeboard_sigma", "m", "its standard uncertainty"),
    ("product_sea_surface", "m", "sea surface of the product above its reference"),
    ("product_sea_surface_sigma", "m", "its standard uncertainty"),
    ("product_height", "m", "height of the product above its reference"),
    ("product_reference", "m", "that reference above the ellipsoid, tides and dynamic atmosphere included"),
    ("product_type", "1", "surface type: 0 cloud, 1 ice, 2-5 specular lead, 6-9 dark lead"),
    ("product_ssh", "1", "whether it carries the product's sea level"),
)
_OURS = (
    ("count", "1", "our segments in it"),
    ("covered", "1", "share of it that our segments cover"),
    ("freeboard", "m", "mean of our freeboard"),
    ("freeboard_sigma", "m", "standard uncertainty of that mean"),
    ("sea_surface", "m", "mean of our sea surface above our reference"),
    ("sea_surface_sigma", "m", "mean of its standard uncertainty"),
    ("height", "m", "mean of our heights above our reference"),
    ("reference", "m", "our reference above the ellipsoid, tides and dynamic atmosphere included"),
    ("label", "1", "class that most of our segments have: 0 thick ice, 1 thin ice, 2 open water, -1 none"),
)


def written_comparison(
    project: Project, comparisons: Sequence[GranuleComparison], sources: Sequence[Path], stage: Compare, out: Path
) -> list[Path]:
    """Write ``comparison.json``, ``segments.parquet`` and ``segments.csv`` of one granule's comparisons to a folder.

    ``sources`` are the products' files, one for each comparison. Each file appears whole or not at all.
    """
    report = json.dumps(_plain(report_of(project, comparisons, sources, stage)), indent=1)
    table = segment_table(comparisons)
    parquet, text = out / "segments.parquet", out / "segments.csv"
    with aside(parquet) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    with aside(text) as temporary:
        pyarrow.csv.write_csv(table, temporary)
    write_text(out / "comparison.json", report + "\n")
    return [out / "comparison.json", parquet, text]


def report_of(
    project: Project, comparisons: Sequence[GranuleComparison], sources: Sequence[Path], stage: Compare
) -> dict[str, Any]:
    """Every figure of one granule's comparisons, and what they were made from."""
    first = comparisons[0]
    stamps = {track.beam: _stamp(project, track) for each in comparisons for track in each.tracks}
    return {
        "granule": first.granule,
        "run": first.run,
        "synthetic": any(each.synthetic for each in comparisons),
        "made_by": f"leadline {version('leadline')}",
        "parameters": stage.values_dict(),
        "interval": f"95 %, bootstrap over {stage.block:g} m of track, {stage.draws} draws, seed {stage.seed}",
        "freeboard": stamps,
        "products": [product_report(each, source) for each, source in zip(comparisons, sources, strict=True)],
    }


def _stamp(project: Project, track: TrackComparison) -> Any:
    found = tables.read_stamp(project.table_path("freeboard", track.granule, track.beam, track.run))
    return asdict(found) if found else None


def product_report(comparison: GranuleComparison, source: Path) -> dict[str, Any]:
    """Every figure of one product's comparison, by beam and of all beams together."""
    tracks = list(comparison.tracks)
    return {
        "product": comparison.product,
        "kind": comparison.product_kind,
        "release": comparison.release,
        "fingerprint": fingerprint_file(source),
        "left_out": list(comparison.left_out),
        "all": _figures(tracks, comparison),
        "beams": {track.beam: _alignment(track) | _figures([track], comparison) for track in tracks},
    }


def _alignment(track: TrackComparison) -> dict[str, Any]:
    offset = track.offset
    return {
        "offset_m": offset.along,
        "offset_corrected": track.corrected,
        "across_m": offset.across,
        "clock_offset_s": offset.clock,
        "ground_speed_m_s": offset.speed,
        "notes": list(track.notes),
        "density_per_km": asdict(track.density),
        "sections": [
            {"x_atc": x, "theirs": theirs, "sigma": sigma, "ours": ours}
            for x, theirs, sigma, ours in zip(*asdict(track.sections).values(), strict=True)
        ],
    }


def _figures(tracks: list[TrackComparison], comparison: GranuleComparison) -> dict[str, Any]:
    rules = comparison.rules
    table = sum((classes(track, rules) for track in tracks), np.zeros((len(LABELS), len(TYPES)), np.int64))
    has_freeboard = comparison.product_kind == "atl10"
    quantities = [name for name in QUANTITIES if has_freeboard or name != "freeboard"]
    by_type: Quantity = "freeboard" if has_freeboard else "height"
    return {
        "segments": sum(len(track) for track in tracks),
        "compared": int(sum(counted(track, rules).sum() for track in tracks)),
        "agreement": {name: _agreement(agreement(tracks, name, rules)) for name in quantities},
        f"agreement_of_{by_type}_by_type": {
            name: _agreement(found) for name, found in agreement_by_type(tracks, by_type, rules).items()
        },
        "classes": {
            _NAMES[code]: dict(zip(TYPES, row.tolist(), strict=True)) for code, row in zip(LABELS, table, strict=True)
        },
        "leads": {
            "sea_level": [asdict(leads(track, rules)) | {"beam": track.beam} for track in tracks],
            "any_type": [asdict(leads(track, rules, all_types=True)) | {"beam": track.beam} for track in tracks],
            "ours_of_2_m": sum(track.our_leads for track in tracks),
            "of_these_on_their_sea_level": sum(track.our_leads_in_theirs for track in tracks),
        },
    } | ({"modal_freeboard": {k: _interval(v) for k, v in vars(modes(tracks, rules)).items()}} if has_freeboard else {})


def _agreement(found: Agreement) -> dict[str, Any]:
    return {name: _interval(value) if isinstance(value, Interval) else value for name, value in vars(found).items()}


def _interval(found: Interval) -> list[float]:
    """Value, low and high."""
    return [found.value, found.low, found.high]


def _plain(value: Any) -> Any:
    """JSON values: no NaN, no numpy."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def segment_table(comparisons: Sequence[GranuleComparison]) -> pa.Table:
    """One row for each segment of the products with ours beside it; units and meanings in the fields' metadata."""
    tracks = [track for each in comparisons for track in each.tracks]
    fields = [pa.field(name, pa.string()) for name in ("granule_id", "beam", "product", "product_kind")]
    columns: list[Any] = [
        pa.array([value for track in tracks for value in [getattr(track, name)] * len(track)], pa.string())
        for name in ("granule", "beam", "product", "product_kind")
    ]
    for group, prefix in ((_PRODUCT, ""), (_OURS, "our_")):
        for name, unit, meaning in group:
            values = [getattr(track.ours if prefix else track, name) for track in tracks]
            column = _column(name, values)
            columns.append(column)
            fields.append(pa.field(prefix + name, column.type, metadata={"unit": unit, "meaning": meaning}))
    for place, code in enumerate(("thick", "thin", "water")):
        column = _column("share", [track.ours.shares[:, place] for track in tracks])
        columns.append(column)
        meaning = f"share of our segments with a class that are {code}"
        fields.append(pa.field(f"our_share_{code}", column.type, metadata={"unit": "1", "meaning": meaning}))
    return pa.table(columns, schema=pa.schema(fields))


def _column(name: str, values: Sequence[np.ndarray]) -> pa.Array:
    if name == "time":
        joined = np.concatenate([np.zeros(0, "datetime64[ns]"), *values])
        return pa.array(joined, pa.timestamp("ns")).cast(pa.timestamp("ns", tz="UTC"))
    return pa.array(np.concatenate(values) if values else np.zeros(0))

"""Every table that passes between stages: columns, dtypes, units, meaning, key.

This module is the one contract between stages. The documentation page of the formats is generated from it, and each
table is validated against it where it is written and where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from processing.errors import InputError

SCHEMA_VERSION = 2


class SurfaceClass(IntEnum):
    """Class codes used everywhere."""

    UNLABELLED = -1
    THICK_ICE = 0
    THIN_ICE = 1
    OPEN_WATER = 2


class AutoFlag(IntFlag):
    """Bits of LABEL ``auto_flags``: why an auto-label deserves a look. Flags mark, they do not drop."""

    CLOUD = 1
    SHADOW = 2
    TRANSITION = 4
    OUTSIDE_SCENE = 8
    SATURATED = 16
    DRIFT_UNSURE = 32


class Quality(IntFlag):
    """Bits of SEGMENT ``quality``."""

    NEAR_SATURATED = 1
    FULLY_SATURATED = 2
    NO_BACKGROUND = 4
    NO_OCEAN_TIDE = 8
    NO_DAC = 16
    NO_REFERENCE_HEIGHT = 32
    FIRST_PHOTON_CORRECTED = 64
    SIGNAL_FROM_WEIGHT = 128
    WEAK_BEAM = 256


class Cloud(IntEnum):
    """TRUTH ``cloud`` codes (twin only)."""

    CLEAR = 0
    THIN = 1
    THICK = 2
    SHADOW = 3


class LabelSource(IntEnum):
    """SNAPSHOT ``label_source`` codes."""

    AUTO = 0
    MANUAL = 1


class SeaSurfaceSource(IntEnum):
    """FREEBOARD ``sea_surface_source`` codes."""

    NONE = 0
    LEADS = 1
    INTERPOLATED = 2


class FreeboardFlag(IntFlag):
    """Bits of FREEBOARD ``flags``: why a figure deserves a second look. Flags mark, they do not drop.

    Those of a lead stand on every segment of it.
    """

    NEGATIVE = 1
    """Freeboard below zero; kept as measured."""
    UNDER_CLOUD = 2
    """The ice around returns so few photons that the laser must have passed through cloud."""
    DARK_LEAD = 4
    """A lead that returns few photons: rough water, or cloud taken for it."""
    WAVES = 8
    """Swell in the heights around, or a lead whose heights scatter along the track beyond photon noise."""
    SATURATED = 16
    """Detector saturated over the lead, or photons too many for the first-photon table to correct."""
    NO_FIRST_PHOTON = 32
    """Measured without the first-photon correction."""
    NOT_TRUSTED = 64
    """A lead that was kept out of the sea surface by one of the above."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``unit`` is an SI unit, ``degree``, ``1`` for a pure number or an empty string for text.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """A table of the contract: its columns in order and the columns that identify a row."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("granule_id", "beam", "segment")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called ``name``; raises KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def arrow(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def validate(self, table: pa.Table, where: str = "") -> pa.Table:
        """Return ``table`` with this table's columns in order and exact types.

        Raises InputError naming the first column that is missing, superfluous or of another type.
        """
        missing = [name for name in self.names if name not in table.column_names]
        if missing:
            raise InputError(f"table {self.name} lacks column {missing[0]!r}", where=where)
        extra = [name for name in table.column_names if name not in self.names]
        if extra:
            raise InputError(f"table {self.name} has unknown column {extra[0]!r}", where=where)
        table = table.select(list(self.names))
        for column in self.columns:
            found = table.schema.field(column.name).type
            if found != column.type:
                raise InputError(
                    f"table {self.name} column {column.name!r} is {found}, the contract says {column.type}", where=where
                )
        return table

    def build(self, arrays: Mapping[str, object]) -> pa.Table:
        """Make an Arrow table from arrays by column name, cast safely to the contract's types.

        A scalar string stands for a constant column. Raises InputError when a column is missing or superfluous.
        """
        length = max((len(a) for a in arrays.values() if not isinstance(a, str)), default=0)  # type: ignore[arg-type]
        missing = [name for name in self.names if name not in arrays]
        if missing:
            raise InputError(f"table {self.name} lacks column {missing[0]!r}")
        extra = [name for name in arrays if name not in self.names]
        if extra:
            raise InputError(f"table {self.name} has unknown column {extra[0]!r}")
        return pa.table(
            [_arrow_array(arrays[column.name], column.type, length) for column in self.columns], schema=self.arrow
        )

    def empty(self) -> pa.Table:
        return self.arrow.empty_table()


def _arrow_array(values: object, kind: pa.DataType, length: int) -> pa.Array:
    if isinstance(values, str):
        codes = pa.array(np.zeros(length, np.int32))
        constant = pa.DictionaryArray.from_arrays(codes, pa.array([values], pa.string()))
        return constant.cast(kind)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        return flat.cast(kind)
    if pa.types.is_dictionary(kind):
        return pa.array(np.asarray(values, object), pa.string()).dictionary_encode().cast(kind)
    array = np.asarray(values)
    if pa.types.is_timestamp(kind):
        return pa.array(array.astype("datetime64[ns]"), pa.timestamp("ns")).cast(kind)
    return pa.array(array).cast(kind)


_I1, _I4, _I8, _U1, _U4 = pa.int8(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32()
_F4, _F8 = pa.float32(), pa.float64()
_TEXT = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ns", tz="UTC")

KEY = (
    Column("granule_id", _TEXT, "", "granule identifier: product, start time, RGT, cycle, region, release, revision"),
    Column("beam", _TEXT, "", "ground track: gt1l gt1r gt2l gt2r gt3l gt3r"),
    Column("segment", _I8, "1", "window index, floor(x_atc / window length)"),
)

SEGMENT = Table(
    "SEGMENT",
    "Photons of one beam gathered in windows of 2 m along the track; empty windows are absent.",
    (
        *KEY,
        Column("x_atc", _F8, "m", "along-track distance of the window centre from the equator crossing"),
        Column("time", _TIME, "", "when the track passes the window centre, UTC"),
        Column("lat", _F8, "degree", "geodetic latitude of the window centre, WGS84"),
        Column("lon", _F8, "degree", "longitude east of the window centre, -180 to 180, WGS84"),
        Column("photon_count", _I4, "1", "signal photons"),
        Column("photon_count_high", _I4, "1", "signal photons of high confidence"),
        Column("pulse_count", _I4, "1", "laser shots whose footprint centre lies in the window"),
        Column("photon_rate", _F4, "1", "signal photons per laser shot"),
        Column("background_rate", _F4, "Hz", "solar and detector background photon rate"),
        Column("height_mean", _F4, "m", "mean corrected height above the reference surface"),
        Column("height_median", _F4, "m", "median corrected height"),
        Column("height_std", _F4, "m", "population standard deviation of corrected height"),
        Column("height_min", _F4, "m", "lowest corrected height"),
        Column("height_max", _F4, "m", "highest corrected height"),
        Column("height_ellipsoid", _F4, "m", "mean photon height above the WGS84 ellipsoid, as in the granule"),
        Column("reference_height", _F4, "m", "mean sea surface or geoid that was subtracted"),
        Column("tide", _F4, "m", "ocean plus long-period equilibrium tide that was subtracted"),
        Column("dac", _F4, "m", "dynamic atmosphere correction that was subtracted"),
        Column("solar_elevation", _F4, "degree", "sun above the horizon at the window"),
        Column("quality", _U4, "1", "bit flags, see Quality"),
    ),
)

_LABEL_COLUMNS = (
    *KEY,
    Column("label_auto", _I1, "1", "class from the scene: 0 thick ice, 1 thin ice, 2 open water, -1 unlabelled"),
    Column("auto_flags", _U4, "1", "bit flags, see AutoFlag"),
    Column("b02", _F4, "1", "blue reflectance (490 nm)"),
    Column("b03", _F4, "1", "green reflectance (560 nm)"),
    Column("b04", _F4, "1", "red reflectance (665 nm)"),
    Column("b08", _F4, "1", "near-infrared reflectance (842 nm)"),
    Column("b11", _F4, "1", "short-wave infrared reflectance (1610 nm); NaN when the scene has no such band"),
    Column("boundary_distance", _F4, "m", "distance in the scene to the nearest pixel of another class"),
    Column("scene_id", _TEXT, "", "scene the label was read from; empty outside every scene"),
    Column("time_offset", _F4, "s", "scene time minus track time"),
    Column("drift_x", _F4, "m", "motion of the ice from track time to scene time along the scene's x axis"),
    Column("drift_y", _F4, "m", "motion of the ice from track time to scene time along the scene's y axis"),
    Column("drift_confidence", _F4, "1", "confidence in the drift, 0 to 1; 1 when set by hand"),
)

LABEL = Table("LABEL", "Auto-label of each segment, carried over from the drift-aligned scene.", _LABEL_COLUMNS)

SNAPSHOT = Table(
    "SNAPSHOT",
    "A frozen state of the labels: auto-labels with the analysts' events painted over.",
    (
        *_LABEL_COLUMNS,
        Column("label", _I1, "1", "current class, codes as label_auto"),
        Column("label_source", _I1, "1", "0 auto, 1 manual"),
        Column("analyst", _TEXT, "", "who set the label; empty for auto"),
        Column("event_id", _I8, "1", "label event that set the label; -1 for auto"),
    ),
)

PREDICTION = Table(
    "PREDICTION",
    "Class probabilities of each segment from a trained model.",
    (
        *KEY,
        Column("p_thick", _F4, "1", "probability of thick ice"),
        Column("p_thin", _F4, "1", "probability of thin ice"),
        Column("p_water", _F4, "1", "probability of open water"),
        Column("predicted", _I1, "1", "most probable class"),
        Column("model_id", _TEXT, "", "model run that predicted"),
    ),
)

FREEBOARD = Table(
    "FREEBOARD",
    "Local sea surface by five estimators and freeboard above the chosen one.",
    (
        *KEY,
        Column("sea_surface_minimum", _F4, "m", "sea surface: lowest open-water height in the window"),
        Column("sea_surface_average", _F4, "m", "sea surface: mean open-water height"),
        Column("sea_surface_nearest", _F4, "m", "sea surface: nearest of the ten lowest open-water heights"),
        Column("sea_surface_weighted", _F4, "m", "sea surface: weighted leads, ATL07/ATL10 ATBD"),
        Column("sea_surface_robust", _F4, "m", "sea surface: precision-weighted, outlier-resistant, unbiased"),
        Column("sea_surface_sigma", _F4, "m", "standard uncertainty of the chosen sea surface"),
        Column("sea_surface_source", _I1, "1", "0 none, 1 leads, 2 interpolated"),
        Column("freeboard", _F4, "m", "surface height minus the chosen sea surface; negative values are kept"),
        Column("freeboard_sigma", _F4, "m", "standard uncertainty of the freeboard"),
        Column("lead_id", _I4, "1", "run of open-water segments this segment belongs to; -1 when none"),
        Column("flags", _U4, "1", "bit flags, see FreeboardFlag"),
    ),
)

TRUTH = Table(
    "TRUTH",
    "What the twin made, by segment; only for synthetic inputs.",
    (
        *KEY,
        Column("label", _I1, "1", "true class"),
        Column("height", _F4, "m", "true mean surface height above the reference surface"),
        Column("sea_surface", _F4, "m", "true sea surface height above the reference surface"),
        Column("freeboard", _F4, "m", "true freeboard"),
        Column("cloud", _U1, "1", "0 clear, 1 thin cloud, 2 thick cloud, 3 cloud shadow"),
        Column("drift_x", _F4, "m", "motion of the ice from track time to scene time along the scene's x axis"),
        Column("drift_y", _F4, "m", "motion of the ice from track time to scene time along the scene's y axis"),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (SEGMENT, LABEL, SNAPSHOT, PREDICTION, FREEBOARD, TRUTH)}
)

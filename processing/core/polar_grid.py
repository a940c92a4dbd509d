"""Means on cells of a polar grid, gathered track by track from sums that can be added in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.along_means import OverIce
from processing.core.stretches import Floats, Ints, Mask, over_runs

F4 = npt.NDArray[np.float32]

_ICE = ("count", "total", "squares", "noise", "surface", "common")
COLUMNS = ("classed", "length", "water", "tracks", *(f"f_{name}" for name in _ICE), *(f"t_{name}" for name in _ICE))
"""What is summed in a cell: segments that have a class, track of them (m) and open water of it (m), tracks; of
freeboard and thickness the segments, their sum and squares, variances of random errors, variance of the sums' surface
errors, common errors."""

_SHIFT = 1 << 30


@dataclass(frozen=True)
class Layer:
    """What a map shows: ``unit`` as in the schema, and its meaning."""

    unit: str
    meaning: str


LAYERS: Mapping[str, Layer] = MappingProxyType(
    {
        "freeboard": Layer("m", "mean total freeboard of ice"),
        "freeboard_sigma": Layer("m", "standard uncertainty of the mean freeboard"),
        "freeboard_spread": Layer("m", "standard deviation of the segments' freeboard, noise included"),
        "segments": Layer("1", "segments of ice with freeboard"),
        "tracks": Layer("1", "tracks that brought freeboard"),
        "lead_fraction": Layer("1", "share of open water in the track that has a class"),
        "thickness": Layer("m", "mean thickness of ice"),
        "thickness_sigma": Layer("m", "standard uncertainty of the mean thickness"),
        "thickness_sigma_common": Layer("m", "the part of it from snow and densities, alike everywhere"),
    }
)


@dataclass(frozen=True)
class GridMaps:
    """Maps on a polar grid.

    Attributes
    ----------
    epsg : 3413 or 3031. cell : m, edge of a cell.
    x : (nx,) f8 m, ascending centres. y : (ny,) f8 m, descending centres.
    maps : by name (ny, nx) f4, NaN where there is nothing. layers : unit and meaning of each.
    """

    epsg: int
    cell: float
    x: Floats
    y: Floats
    maps: dict[str, F4]
    layers: Mapping[str, Layer] = field(default_factory=lambda: LAYERS)


@dataclass(frozen=True)
class GridSums:
    """Sums of the cells that hold anything.

    Attributes
    ----------
    column, row : (n,) i8, a cell covers ``column * cell`` to ``(column + 1) * cell`` in x, likewise in y; each once.
    sums : (n, len(COLUMNS)) f8.
    """

    column: Ints
    row: Ints
    sums: Floats

    def __len__(self) -> int:
        return len(self.column)

    @classmethod
    def empty(cls) -> GridSums:
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, np.zeros((0, len(COLUMNS))))

    def __add__(self, other: GridSums) -> GridSums:
        key = np.concatenate([_key(self.column, self.row), _key(other.column, other.row)])
        return _gathered(key, np.concatenate([self.sums, other.sums]))


def track_sums(
    x: Floats,
    y: Floats,
    x_atc: Floats,
    cell: float,
    freeboard: OverIce,
    thickness: OverIce,
    length: Floats,
    water: Mask,
    classed: Mask,
    common_length: float,
) -> GridSums:
    """Sums of one track.

    The error of the sea surface is common over ``common_length`` m of a track and independent from track to track.

    Parameters
    ----------
    x, y : (n,) f8 m, in the grid's projection; not finite where the place is unknown. x_atc : f8 m, ascending.
    cell : m. length : f8 m, of track that each segment stands for.
    water : bool, open water. classed : bool, has a class.
    """
    placed = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(placed) == 0:
        return GridSums.empty()
    key = _key(np.floor(x[placed] / cell).astype(np.int64), np.floor(y[placed] / cell).astype(np.int64))
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    stop = np.append(first[1:], len(key))
    apart = np.maximum(1.0, (x_atc[placed][stop - 1] - x_atc[placed][first]) / common_length)
    known, wet = np.where(classed, length, 0.0), np.where(classed & water, length, 0.0)
    columns = [over_runs(np.add, each[placed], first, stop) for each in (known, wet)]
    columns = [_count(classed[placed], first, stop), *columns, np.zeros(len(first))]
    for each in (freeboard, thickness):
        columns += _of_ice(each, placed, first, stop, apart)
    found = _gathered(key[first], np.column_stack(columns))
    found.sums[:, COLUMNS.index("tracks")] = found.sums[:, COLUMNS.index("f_count")] > 0
    return found


def grid_maps(sums: GridSums, epsg: int, cell: float, least: int) -> GridMaps:
    """Maps over the box of all cells; cells with fewer than ``least`` segments of ice have no means.

    A cell's ``sigma^2`` is the variance of its sum by the errors of heights and sea surfaces, over the squared count,
    plus the square of its mean common error.
    """
    if len(sums) == 0:
        return GridMaps(epsg, cell, np.zeros(0), np.zeros(0), {name: np.zeros((0, 0), np.float32) for name in LAYERS})
    left, top = sums.column.min(), sums.row.max()
    shape = int(top - sums.row.min() + 1), int(sums.column.max() - left + 1)
    values = _values(dict(zip(COLUMNS, sums.sums.T, strict=True)), least)
    place = top - sums.row, sums.column - left
    maps = {}
    for name in LAYERS:
        maps[name] = np.full(shape, np.nan, np.float32)
        maps[name][place] = values[name]
    x = (left + np.arange(shape[1]) + 0.5) * cell
    y = (top - np.arange(shape[0]) + 0.5) * cell
    return GridMaps(epsg, cell, x, y, maps)


def _values(of: dict[str, Floats], least: int) -> dict[str, Floats]:
    mean, sigma, spread, _ = _figures(of, "f", least)
    thickness, thickness_sigma, _, common = _figures(of, "t", least)
    none = np.full(len(mean), np.nan)
    return {
        "freeboard": mean,
        "freeboard_sigma": sigma,
        "freeboard_spread": spread,
        "segments": of["f_count"],
        "tracks": of["tracks"],
        "lead_fraction": np.divide(of["water"], of["length"], out=none, where=of["classed"] >= max(least, 1)),
        "thickness": thickness,
        "thickness_sigma": thickness_sigma,
        "thickness_sigma_common": common,
    }


def _figures(of: dict[str, Floats], which: str, least: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean, its uncertainty, spread, and the common part of the uncertainty."""
    count, total, squares, noise, surface, common = (of[f"{which}_{name}"] for name in _ICE)
    n = np.where(count >= max(least, 1), count, np.nan)
    mean, alike = total / n, common / n
    sigma = np.sqrt((noise + surface) / n**2 + alike**2)
    return mean, sigma, np.sqrt(np.maximum(squares / n - mean**2, 0.0)), alike


def _of_ice(what: OverIce, placed: Ints, first: Ints, stop: Ints, apart: Floats) -> list[Floats]:
    out = np.zeros((len(_ICE), len(first)))
    _add_up(what.value, what.random, what.surface, what.common, what.known, placed, first, stop, out)
    out[4] = out[4] ** 2 / apart
    return list(out)


@njit(cache=True)
def _add_up(
    value: Floats,
    random: Floats,
    surface: Floats,
    common: Floats,
    known: Mask,
    placed: Ints,
    first: Ints,
    stop: Ints,
    out: Floats,
) -> None:
    """Count, sum, squares, variances, surface errors and common errors of the known values of each run."""
    for run in range(len(first)):
        for i in placed[first[run] : stop[run]]:
            if known[i]:
                out[0, run] += 1.0
                out[1, run] += value[i]
                out[2, run] += value[i] ** 2
                out[3, run] += random[i] ** 2
                out[4, run] += surface[i]
                out[5, run] += common[i]


def _count(which: Mask, first: Ints, stop: Ints) -> Floats:
    return over_runs(np.add, which.astype(np.float64), first, stop)


def _key(column: Ints, row: Ints) -> Ints:
    return (column + _SHIFT) * (2 * _SHIFT) + row + _SHIFT


def _gathered(key: Ints, sums: Floats) -> GridSums:
    """Sums of equal keys added up."""
    cells, place = np.unique(key, return_inverse=True)
    total = np.zeros((len(cells), sums.shape[1]))
    np.add.at(total, place, sums)
    return GridSums(cells // (2 * _SHIFT) - _SHIFT, cells % (2 * _SHIFT) - _SHIFT, total)

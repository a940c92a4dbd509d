"""Calibration tables that a full ATL03 granule carries."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core.corrections import without_fill
from processing.core.first_photon import FirstPhotonTable

log = logging.getLogger(__name__)

F8 = NDArray[np.float64]

_ROOT = "ancillary_data/calibrations"
_STRONG_CHANNELS = slice(0, 16)
_WEAK_CHANNELS = slice(16, 20)
_PICOSECONDS = {"ps": 1.0, "picosecond": 1.0, "ns": 1e3, "nanosecond": 1e3, "s": 1e12, "second": 1e12}
_METRES = {"m", "meter", "metre"}
_LIGHT_PS = 299_792_458.0 * 1e-12


def first_photon_table(file: Any, beam: str, strong: bool | None) -> FirstPhotonTable | None:
    """CAL-19 of a beam with the mean dead time of its channels (CAL-42); None where the granule lacks either.

    Axes are found by their length, so that any order of dead time, strength and width is read; axes may be given once
    or for each dead time. Units are read from the attributes: ps for the correction and ns for the axes by default, s
    for the channels' dead times.
    """
    group, dead = file.get(f"{_ROOT}/first_photon_bias/{beam}"), file.get(f"{_ROOT}/dead_time/{beam}/dead_time")
    if group is None or dead is None:
        return None
    columns = {name: group.get(name, group.get(f"ffb_{name}")) for name in ("dead_time", "strength", "width")}
    if "ffb_corr" not in group or None in columns.values():
        log.warning("%s: the first-photon table lacks an axis and is not used", beam)
        return None
    dead_time = _picoseconds(columns["dead_time"], 1e3).ravel() / 1e3
    strength, width = without_fill(columns["strength"][()]), _picoseconds(columns["width"], 1e3) / 1e3
    correction = _picoseconds(group["ffb_corr"], 1.0)
    return _ordered(dead_time, strength, width, correction, _beam_dead_time(dead, strong))


def _beam_dead_time(dataset: Any, strong: bool | None) -> float:
    """Mean dead time in ns of the beam's channels: 16 of a strong beam, then 4 of a weak one (ATL03 dictionary)."""
    values = _picoseconds(dataset, 1e12).ravel() / 1e3
    if len(values) == 20 and strong is not None:
        values = values[_STRONG_CHANNELS if strong else _WEAK_CHANNELS]
    return float(np.nanmean(values))


def _picoseconds(dataset: Any, default: float) -> F8:
    values = without_fill(dataset[()])
    unit = dataset.attrs.get("units", b"")
    name = (unit.decode() if isinstance(unit, bytes) else str(unit)).strip().lower()
    if name.rstrip("s") in _METRES or name in _METRES:
        return values * 2.0 / _LIGHT_PS
    return values * _PICOSECONDS.get(name, _PICOSECONDS.get(name.rstrip("s"), default))


def _ordered(dead_time: F8, strength: F8, width: F8, correction: F8, beam: float) -> FirstPhotonTable | None:
    """The table with axes (dead time, strength, width), each ascending."""
    sizes = [len(dead_time), _axis_length(strength, len(dead_time)), _axis_length(width, len(dead_time))]
    if correction.ndim != 3 or sorted(correction.shape) != sorted(sizes) or not np.isfinite(beam):
        log.warning("the first-photon table of shape %s does not fit its axes and is not used", correction.shape)
        return None
    if list(correction.shape) != sizes:
        remaining = [0, 1, 2]
        axes = [remaining.pop([correction.shape[axis] for axis in remaining].index(size)) for size in sizes]
        correction = correction.transpose(axes)
    strength, width = _per_dead_time(strength, len(dead_time)), _per_dead_time(width, len(dead_time))
    order = np.argsort(dead_time)
    strength, width, correction = strength[order], width[order], correction[order]
    for k in range(len(order)):
        by_strength, by_width = np.argsort(strength[k]), np.argsort(width[k])
        correction[k] = correction[k][np.ix_(by_strength, by_width)]
        strength[k], width[k] = strength[k][by_strength], width[k][by_width]
    return FirstPhotonTable(dead_time[order], strength, width, np.nan_to_num(correction), beam)


def _axis_length(axis: F8, slices: int) -> int:
    if axis.ndim == 1:
        return len(axis)
    return axis.shape[1] if axis.shape[0] == slices else axis.shape[0]


def _per_dead_time(axis: F8, slices: int) -> F8:
    if axis.ndim == 1:
        return np.tile(axis, (slices, 1))
    return np.ascontiguousarray(axis if axis.shape[0] == slices else axis.T).copy()

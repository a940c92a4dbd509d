"""Means of freeboard over groups of segments, with the uncertainty of the mean.

The errors of the segments' own heights are independent but for a small part; that of the sea surface below them is one
and the same for all that lie near each other, because it comes from the same leads. A mean over n segments so has

``sigma^2 = sum (w_i s_i)^2 + (sum w_i t_i)^2 + c^2``, with ``sum w_i = 1``,

of height errors s_i, sea-surface errors t_i and COMMON_HEIGHT c: the first part falls with ``1 / n``, the others stay
(JCGM 100:2008, *Guide to the expression of uncertainty in measurement*, 5.1.2 and 5.2.2 with correlations of 0 and 1).

The second part holds over kilometres to some tens of them. Who averages over more (beams of other passes, other
days) groups within each first and combines the groups as independent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

F8 = npt.NDArray[np.float64]
I8 = npt.NDArray[np.int64]

COMMON_HEIGHT = 0.004
"""Error, m, that heights of ice share against those of water and no mean takes away.

Photons scattered within the snow come late (Smith et al. 2018, Remote Sens. Environ. 215, 352-366), and what the
first-photon table leaves is alike where the ice returns alike. On synthetic granules means over 1 km are 3 mm too low
by the former and scatter by about as much again.
"""


def group_means(
    values: npt.ArrayLike,
    height_sigma: npt.ArrayLike,
    surface_sigma: npt.ArrayLike,
    group_index: npt.ArrayLike,
    groups: int,
    weights: npt.ArrayLike | None = None,
    common: float = COMMON_HEIGHT,
) -> tuple[F8, F8, I8]:
    """Mean, its standard uncertainty (both f8, in the unit of ``values``) and segments (i8) of each group.

    Parameters
    ----------
    values : freeboard of each segment, m; or anything that shares its errors, such as height above a sea surface.
    height_sigma : m, standard error of a segment's height, independent between segments.
    surface_sigma : m, standard uncertainty of the sea surface at a segment, common to a group.
    group_index : i8, from 0 to before ``groups``; any other number belongs to no group. In any order.
    weights : what a segment counts, positive; 1 where not given. Zero, negative and NaN leave a segment out.
    common : error that all segments share, in the unit of ``values``; 0 for who adds it to a mean of groups.

    Segments with a NaN in any of value and uncertainties are left out; a group without segments has NaN, NaN and 0.
    Raises ValueError when the arrays differ in length.
    """
    columns = [np.require(each, np.float64, ["C", "W"]) for each in (values, height_sigma, surface_sigma)]
    index = np.require(group_index, np.int64, ["C", "W"])
    weight = np.ones(len(index)) if weights is None else np.require(weights, np.float64, ["C", "W"])
    if {len(each) for each in (*columns, weight)} != {len(index)}:
        raise ValueError(f"columns differ in length: {[len(each) for each in (*columns, weight, index)]}")
    sums, count = np.zeros((4, groups)), np.zeros(groups, np.int64)
    _add(*columns, weight, index, sums, count)
    total = np.where(count > 0, sums[0], np.nan)
    return sums[1] / total, np.hypot(np.sqrt(sums[2] + sums[3] ** 2) / total, common), count


@njit(cache=True)
def _add(values: F8, height: F8, surface: F8, weight: F8, index: I8, sums: F8, count: I8) -> None:
    """Into ``sums``: weights, weighted values, squares of weighted height errors, weighted surface errors."""
    for i in range(len(index)):
        group, w = index[i], weight[i]
        known = np.isfinite(values[i]) and np.isfinite(height[i]) and np.isfinite(surface[i])
        if group < 0 or group >= len(count) or not known or not w > 0.0:
            continue
        count[group] += 1
        sums[0, group] += w
        sums[1, group] += w * values[i]
        sums[2, group] += (w * height[i]) ** 2
        sums[3, group] += w * surface[i]

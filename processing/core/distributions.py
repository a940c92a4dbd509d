"""Laws of sizes fitted by maximum likelihood, with standard uncertainties: power law, exponential, log-normal.

Sources: Clauset, Shalizi and Newman 2009, Power-law distributions in empirical data, SIAM Review 51, 661-703; for
sizes of which only the least is known (censored), Kalbfleisch and Prentice 2002, The Statistical Analysis of Failure
Time Data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_ndtr

Floats = npt.NDArray[np.float64]

LEAST = 10
"""Fewest known sizes that a law is fitted to."""


@dataclass(frozen=True)
class Fit:
    """A law fitted to sizes.

    Attributes
    ----------
    law : ``power law``, ``exponential`` or ``log-normal``.
    values, sigmas : its parameters by name and their standard uncertainties.
    start : least size that the law is of, in the unit of the sizes. count : sizes that it was fitted to, of which
    censored : so many tell only how large they are at least.
    distance : largest distance between the shares below each size of law and sizes (Kolmogorov and Smirnov), where some
        are censored by the product-limit estimate.
    """

    law: str
    values: dict[str, float]
    sigmas: dict[str, float]
    start: float
    count: int
    censored: int
    distance: float


def power_law(sizes: npt.ArrayLike, start: float, censored: npt.ArrayLike | None = None) -> Fit | None:
    """Density ``(a - 1) / s (w / s)^-a`` of sizes from ``start`` (s) up; parameter ``exponent`` (a).

    ``a = 1 + k / sum log(w_i / s)`` with k sizes that are known, standard uncertainty ``(a - 1) / sqrt(k)`` (Clauset et
    al. 2009, 3.1 and 3.2); censored sizes count in the sum. For sizes that are multiples of a step, s is best half a
    step below the least of them. None where fewer than LEAST are known, or all are equal to ``start``.
    """
    known, least = _parted(sizes, start, censored)
    total = float(np.log(known / start).sum() + np.log(least / start).sum())
    if len(known) < LEAST or total <= 0:
        return None
    exponent = 1.0 + len(known) / total
    sigma = float((exponent - 1.0) / np.sqrt(len(known)))
    distance = _distance(known, least, lambda w: (w / start) ** (1.0 - exponent))
    many = len(known) + len(least)
    return Fit("power law", {"exponent": exponent}, {"exponent": sigma}, start, many, len(least), distance)


def power_law_start(
    sizes: npt.ArrayLike, candidates: npt.ArrayLike, censored: npt.ArrayLike | None = None
) -> Fit | None:
    """The power law whose start, of ``candidates``, has the least ``distance`` (Clauset et al. 2009, 3.3)."""
    starts = np.asarray(candidates, np.float64)
    fits = [fit for each in starts if (fit := power_law(sizes, float(each), censored)) is not None]
    return min(fits, key=lambda fit: fit.distance, default=None)


def exponential(sizes: npt.ArrayLike, start: float = 0.0, censored: npt.ArrayLike | None = None) -> Fit | None:
    """Density ``exp(-(w - s) / m) / m`` of sizes from ``start`` (s) up; parameter ``mean`` (m), above the start.

    ``m = sum (w_i - s) / k`` with k sizes that are known, standard uncertainty ``m / sqrt(k)``; censored sizes count in
    the sum. None where fewer than LEAST are known.
    """
    known, least = _parted(sizes, start, censored)
    if len(known) < LEAST:
        return None
    mean = float(((known - start).sum() + (least - start).sum()) / len(known))
    if mean <= 0:
        return None
    distance = _distance(known, least, lambda w: np.exp(-(w - start) / mean))
    sigma = float(mean / np.sqrt(len(known)))
    return Fit("exponential", {"mean": mean}, {"mean": sigma}, start, len(known) + len(least), len(least), distance)


def log_normal(sizes: npt.ArrayLike, censored: npt.ArrayLike | None = None) -> Fit | None:
    """Normal distribution of log sizes; parameters ``median`` (unit of the sizes) and ``log_spread``.

    Standard uncertainties are those of the curvature of the likelihood at its maximum. None where fewer than LEAST are
    known, or all are equal.
    """
    known, least = _parted(sizes, np.finfo(float).tiny, censored)
    if len(known) < LEAST or known[0] == known[-1]:
        return None
    log_known, log_least = np.log(known), np.log(least)

    def cost(point: Floats) -> float:
        z, beyond = (log_known - point[0]) * np.exp(-point[1]), (log_least - point[0]) * np.exp(-point[1])
        return float(0.5 * z @ z + len(z) * point[1] - log_ndtr(-beyond).sum())

    first = np.array([log_known.mean(), np.log(log_known.std())])
    best = minimize(cost, first, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
    spread, errors = float(np.exp(best[1])), np.sqrt(np.diag(np.linalg.inv(_curvature(cost, best))))
    median = float(np.exp(best[0]))
    distance = _distance(known, least, lambda w: np.exp(log_ndtr((best[0] - np.log(w)) / spread)))
    return Fit(
        "log-normal",
        {"median": median, "log_spread": spread},
        {"median": median * float(errors[0]), "log_spread": spread * float(errors[1])},
        0.0,
        len(known) + len(least),
        len(least),
        distance,
    )


def _sorted(sizes: npt.ArrayLike, start: float) -> Floats:
    known = np.asarray(sizes, np.float64)
    return np.sort(known[np.isfinite(known) & (known >= start)])


def _parted(sizes: npt.ArrayLike, start: float, censored: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Sizes that are known and those of which the least is, both ascending."""
    values = np.asarray(sizes, np.float64)
    only_least = np.zeros(len(values), np.bool_) if censored is None else np.asarray(censored, np.bool_)
    return _sorted(values[~only_least], start), _sorted(values[only_least], start)


def _distance(known: Floats, least: Floats, larger: Callable[[Floats], Floats]) -> float:
    """Largest distance between the share larger than each known size and that of the law."""
    size, share = _survival(known, least)
    law = larger(size)
    before = np.concatenate([[1.0], share[:-1]])
    return float(max(np.abs(share - law).max(), np.abs(before - law).max()))


def _curvature(cost: object, at: Floats, step: float = 1e-3) -> Floats:
    """Second derivatives of a function of two numbers, by differences."""
    assert callable(cost)
    e = step * np.eye(2)
    return np.array(
        [
            [
                (cost(at + e[i] + e[j]) - cost(at + e[i] - e[j]) - cost(at - e[i] + e[j]) + cost(at - e[i] - e[j]))
                / (4 * step**2)
                for j in range(2)
            ]
            for i in range(2)
        ]
    )


def survival(sizes: npt.ArrayLike, censored: npt.ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Sizes that are known, ascending, and the share of all that is larger than each (Kaplan and Meier 1958).

    With censored sizes the product-limit estimate; without, the plain share. Equal sizes stand once.
    """
    return _survival(*_parted(sizes, 0.0, censored))


def _survival(known: Floats, least: Floats) -> tuple[Floats, Floats]:
    values, times = np.unique(known, return_counts=True)
    at_risk = len(known) - np.searchsorted(known, values) + len(least) - np.searchsorted(least, values)
    return values, np.asarray(np.cumprod(1.0 - times / at_risk), np.float64)

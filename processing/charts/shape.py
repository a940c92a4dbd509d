"""Distributions of lead widths, floe chords, ridge heights, roughness and thickness, one column of a journal wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr

from processing.charts.style import COLUMN, class_colour, colour, sheet
from processing.core.distributions import Fit, survival

F8 = npt.NDArray[np.float64]

_HEIGHT = 2.9
_POINTS = 300
_DOTS: dict[str, Any] = {"marker": "o", "markersize": 2.2, "linestyle": "none", "markeredgewidth": 0.0}


def shape_figures(
    tables: Mapping[str, pa.Table],
    laws: Mapping[str, Fit],
    thickness: tuple[npt.NDArray[np.int64], float],
    about: str,
    snow: str = "",
) -> dict[str, Figure]:
    """Figures by name; a distribution of which there is nothing has none.

    Parameters
    ----------
    tables : ``leads``, ``floes``, ``ridges`` and ``roughness`` with the columns of ``processing.local.derived``.
    laws : fitted laws by ``table.column law``, such as ``leads.width power law``.
    thickness : segments in classes of thickness, the last of which is open, and the width of a class in m.
    about : for the foot: what the figures are of, and whether it is synthetic. snow : what thickness rests on.
    """
    leads, floes, ridges = tables["leads"], tables["floes"], tables["ridges"]
    found = {
        "lead_widths": _tail(
            "Lead widths along the track", "width [m]", _column(leads, "width"), _mask(leads, "cut"), 2,
            [_law(laws, "leads.width power law")], about, log_x=True,
        ),
        "floe_chords": _tail(
            "Floe chords", "chord [m]", _column(floes, "chord"), _mask(floes, "censored"), 0,
            [_law(laws, "floes.chord log-normal"), _law(laws, "floes.chord exponential")], about, log_x=True,
        ),
        "ridge_heights": _tail(
            "Ridge sails", "height above level ice [m]", _column(ridges, "height"), None, 1,
            [_law(laws, "ridges.height exponential")], about, log_x=False,
        ),
        "roughness": _roughness(_column(tables["roughness"], "roughness"), laws, about),
        "thickness": _thickness(*thickness, f"{snow}; {about}" if snow else about),
    }  # fmt: skip
    return {name: figure for name, figure in found.items() if figure is not None}


def _tail(
    title: str,
    label: str,
    sizes: F8,
    censored: npt.NDArray[np.bool_] | None,
    hue: int,
    fits: list[Fit | None],
    about: str,
    *,
    log_x: bool,
) -> Figure | None:
    """Share of sizes larger than each, with the laws fitted to them."""
    if len(sizes) == 0 or (censored is not None and censored.all()):
        return None
    cut = 0 if censored is None else int(censored.sum())
    partial = f", {cut} of them cut short by gaps in the data" if cut else ""
    figure = sheet(_HEIGHT, title, f"{len(sizes)} along the tracks{partial}; {about}", COLUMN)
    axes = figure.subplots()
    size, share = survival(sizes, censored)
    seen = np.flatnonzero(share > 0)
    seen = seen[_thinned(share[seen])]
    axes.plot(size[seen], share[seen], color=class_colour(hue), label="measured", **_DOTS)
    for fit, dash in zip([fit for fit in fits if fit is not None], ("-", (0, (4, 2))), strict=False):
        _draw_law(axes, fit, size, share, dash)
    axes.set(xlabel=label, ylabel="share larger", yscale="log", xscale="log" if log_x else "linear")
    axes.set_ylim(0.7 * max(float(share[seen].min(initial=0.5)), 1e-5), 1.3)
    axes.grid(visible=True, axis="both")
    axes.legend(loc="lower left" if log_x else "upper right")
    return figure


def _thinned(share: F8) -> npt.NDArray[np.int64]:
    """Rows of some hundred points, even in number and in the logarithm of their falling shares; all of few."""
    if len(share) <= 2 * _POINTS:
        return np.arange(len(share))
    by_share = np.searchsorted(-share, -np.geomspace(share[0], share[-1], _POINTS))
    by_row = np.linspace(0, len(share) - 1, _POINTS).astype(np.int64)
    return np.unique(np.concatenate([np.minimum(by_share, len(share) - 1), by_row]))


def _draw_law(axes: Axes, fit: Fit, size: F8, share: F8, dash: object) -> None:
    at = np.geomspace(max(fit.start, float(size[0])), float(size[-1]), 200)
    begin = 1.0
    if fit.law == "power law":
        before = size < fit.start
        begin = float(share[before][-1]) if before.any() else 1.0
    axes.plot(
        at, begin * _LARGER[fit.law](fit, at), color=colour("ink"), linewidth=0.9, linestyle=dash, label=_named(fit)
    )


def _log_normal_larger(fit: Fit, at: F8) -> F8:
    return np.asarray(ndtr(-np.log(at / fit.values["median"]) / fit.values["log_spread"]))


_LARGER: dict[str, Callable[[Fit, F8], F8]] = {
    "power law": lambda fit, at: (at / fit.start) ** (1.0 - fit.values["exponent"]),
    "exponential": lambda fit, at: np.exp(-(at - fit.start) / fit.values["mean"]),
    "log-normal": _log_normal_larger,
}


def _named(fit: Fit) -> str:
    """The law with its first parameter and uncertainty."""
    name = next(iter(fit.values))
    value, sigma = fit.values[name], fit.sigmas[name]
    places = max(0, 1 - int(np.floor(np.log10(sigma)))) if sigma > 0 else 2
    unit = "" if name == "exponent" else " m"
    return f"{fit.law}, {name} {value:.{places}f} ± {sigma:.{places}f}{unit}"


def _roughness(values: F8, laws: Mapping[str, Fit], about: str) -> Figure | None:
    known = values[values > 0]
    if len(known) == 0:
        return None
    flat = len(values) - len(known)
    foot = f"{len(values)} lengths of track, {flat} of them as flat as photon noise; {about}"
    figure = sheet(_HEIGHT, "Surface roughness", foot, COLUMN)
    axes = figure.subplots()
    edges = np.geomspace(max(known.min(), 0.005), known.max() * 1.001, 31)
    axes.hist(known, edges.tolist(), color=class_colour(0), edgecolor="white", linewidth=0.3, label="measured")
    fit = _law(laws, "roughness.roughness log-normal")
    if fit is not None:
        below = ndtr(np.log(edges / fit.values["median"]) / fit.values["log_spread"])
        middle = np.sqrt(edges[1:] * edges[:-1])
        axes.plot(middle, len(known) * np.diff(below), color=colour("ink"), linewidth=0.9, label=_named(fit))
    axes.set(xlabel="standard deviation of heights [m]", ylabel="lengths of track", xscale="log")
    _headroom(axes)
    return figure


def _thickness(counts: npt.NDArray[np.int64], step: float, about: str) -> Figure | None:
    total = int(counts.sum())
    if total == 0:
        return None
    last = int(np.searchsorted(np.cumsum(counts), 0.995 * total)) + 1
    last = min(last, len(counts) - 1)
    edges = step * np.arange(last + 1)
    beyond = f", {100 * counts[last:].sum() / total:.1f} % thicker than shown" if counts[last:].any() else ""
    figure = sheet(_HEIGHT, "Thickness of ice", f"{total} segments{beyond}; {about}", COLUMN)
    axes = figure.subplots()
    share = 100.0 * counts[:last] / total
    axes.stairs(share, edges, fill=True, color=class_colour(0))
    middle = float(np.interp(0.5 * total, np.cumsum(counts), step * np.arange(1, len(counts) + 1)))
    axes.axvline(middle, color=colour("ink"), linewidth=0.9, label=f"median {middle:.2f} m")
    axes.set(xlabel="thickness [m]", ylabel=f"segments [% in {step:g} m]", xlim=(0, edges[-1]))
    _headroom(axes)
    return figure


def _headroom(axes: Axes) -> None:
    """Room for the legend above what is drawn."""
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper right")
    axes.grid(visible=True, axis="y")


def _column(table: pa.Table, name: str) -> F8:
    values = table[name].to_numpy().astype(np.float64)
    return values[np.isfinite(values)]


def _mask(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    return np.asarray(table[name].to_numpy(), np.bool_)


def _law(laws: Mapping[str, Fit], name: str) -> Fit | None:
    return laws.get(name)

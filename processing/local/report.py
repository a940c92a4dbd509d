"""A granule's freeboard on one HTML page that needs nothing else: figures, tables and where every number comes from."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from processing.charts import style
from processing.charts.granule import granule_figures
from processing.charts.products import comparison_figures
from processing.charts.shape import shape_figures
from processing.errors import InputError
from processing.history import history
from processing.io.atomic import write_text
from processing.local import report_facts as facts
from processing.local.agreement_rows import comparisons
from processing.local.granule_view import GranuleView, granule_view
from processing.local.lineage import Lineage, Link, lineage
from processing.local.shape_tables import THICKNESS_STEP, Shapes, shapes, summary
from processing.progress import progress_bar
from processing.project import Project

_FOLDER = files("processing.local") / "templates"
_NONE, _EMPTY = "\N{EN DASH}", "(empty)"
_MOST_SVG = 300_000
_DOTS = 220
_MEANINGS = {
    "segments": "photons gathered in segments",
    "autolabels": "classes from the scene",
    "snapshots": "classes frozen",
    "predictions": "classes from the model",
    "freeboard": "sea surface and freeboard",
}


@dataclass(frozen=True)
class Picture:
    """A figure of the page: its data as a URL, what it shows, and its size in points."""

    url: str
    caption: str
    width: int
    height: int


@dataclass(frozen=True)
class Step:
    """A link of the chain, as the page tells it."""

    link: Link
    meaning: str
    at: str
    seconds: float | None


def write_report(project: Project, granule: str, run: str, out: Path) -> None:
    """Write the report of a granule (the only one, where it is empty) and a freeboard run, whole or not at all.

    The page holds its figures as SVG and its style, follows light and dark, prints, and runs no script. Raises
    InputError when ``out`` is a folder, MissingError without such a freeboard.
    """
    if out.is_dir():
        raise InputError("there is a folder of that name", where=out, mend="name a file with --out")
    with progress_bar("report", 4, "parts") as bar:
        bar.advance(0, "tables")
        view = granule_view(project, granule, run)
        content = _numbers(project, view)
        bar.advance(1, "figures")
        content |= _own_figures(view)
        bar.advance(1, "products")
        content |= _products(project, view)
        bar.advance(1, "shapes")
        content |= _shapes(project, view)
        write_text(out, _environment().get_template("report.html").render(**content))
        bar.advance(1)


def _numbers(project: Project, view: GranuleView) -> dict[str, Any]:
    length = facts.common_length(project)
    levels = facts.levels(view)
    chain = lineage(project, "freeboard", view.run, [(track.granule, track.beam) for track in view.tracks])
    some = view.tracks[0]
    times = [track.time[[0, -1]] for track in view.tracks if len(track)]
    return {
        "view": view,
        "project": project.name,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "begin": min(each[0] for each in times),
        "end": max(each[1] for each in times),
        "some": some,
        "common_length": length,
        "classes": facts.by_class(view, length),
        "beams": facts.by_beam(view, length),
        "levels": levels,
        "total": _all_levels(view, levels),
        "flags": facts.flag_counts(view),
        "chain": chain,
        "steps": _steps(project, chain),
        "centre": _centre(view),
    }


def _all_levels(view: GranuleView, levels: Sequence[facts.Level]) -> dict[str, float]:
    """Sums and means over all beams, weighted by their segments."""
    weight = np.array([len(track) for track in view.tracks], np.float64)
    share = {name: float(np.average([getattr(each, name) for each in levels], weights=weight)) for name in _SHARES}
    total = {"leads": sum(each.leads for each in levels), "kilometres": sum(each.kilometres for each in levels)}
    return {**share, **total, "segments": float(weight.sum())}


_SHARES = ("water", "from_leads", "interpolated", "none")


def _centre(view: GranuleView) -> tuple[float, float]:
    """Latitude and longitude, degree, in the middle of the longest beam."""
    track = max(view.tracks, key=len)
    return float(track.lat[len(track) // 2]), float(track.lon[len(track) // 2])


def _steps(project: Project, chain: Lineage) -> list[Step]:
    done = [run for run in history(project.root) if run.outcome == "done" and run.wrote]
    found = []
    for link in chain.links:
        last = next((run for run in reversed(done) if run.stage == link.stage), None)
        meaning = _MEANINGS.get(link.table, link.table)
        at = last.began.strftime("%Y-%m-%d %H:%M UTC") if last else ""
        found.append(Step(link, meaning, at, last.seconds if last else None))
    return found


def _own_figures(view: GranuleView) -> dict[str, Any]:
    figures = granule_figures(view.tracks, view.synthetic, view.surfaces)
    profiles = {name: figure for name, figure in figures.items() if name.startswith("profile_")}
    return {
        "map": picture(figures["map"], "Means of some hundred metres of ice, polar stereographic."),
        "distribution": picture(
            figures["distribution"],
            "a: freeboard by class; triangles are modes, dashed lines means. b: ice of each beam.",
        ),
        "beams_figure": picture(
            figures["beams"], "Means along each beam with their 95 % uncertainty; ticks below zero are open water."
        ),
        "profiles": [
            picture(
                figure,
                f"{name.removeprefix('profile_')}. a: segments by class and their mean with its 95 % uncertainty. "
                "b: surface, sea surfaces by every estimator, leads, and where the sea surface is interpolated. "
                "c: classes, and what the sea surface rests on.",
            )
            for name, figure in profiles.items()
        ],
    }


def _products(project: Project, view: GranuleView) -> dict[str, Any]:
    found, refused = comparisons(project, view.granule, view.run)
    drawn = comparison_figures(found, synthetic=view.synthetic) if found else {}
    return {
        "products": list(facts.beside(found)),
        "refused": [*refused, *(f"{each.product}: {why}" for each in found for why in each.left_out)],
        "product_figures": [picture(figure, _words(name)) for name, figure in drawn.items()],
    }


def _shapes(project: Project, view: GranuleView) -> dict[str, Any]:
    found = shapes(project, view.run, [view.granule])
    rows = summary(found).to_pylist()
    return {
        "thickness": facts.thickness(project, view),
        "shapes": _by_quantity(rows),
        "laws": [row for row in rows if ":" in row["figure"]],
        "densities": [row for row in rows if row["figure"] == "number a kilometre"],
        "shape_figures": [picture(figure, _words(name)) for name, figure in _shape_figures(view, found).items()],
    }


def _by_quantity(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Mean, median and standard deviation by what they are of."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["figure"] in ("mean", "median", "standard deviation"):
            found.setdefault(row["of"], {})[row["figure"]] = row
    return found


def _shape_figures(view: GranuleView, found: Shapes) -> Mapping[str, Figure]:
    about = f"{'SYNTHETIC inputs. ' if found.synthetic else ''}{view.granule}, run {view.run}."
    with style.drawing():
        return shape_figures(found.tables, found.laws, (found.thickness, THICKNESS_STEP), about)


def picture(figure: Figure, caption: str) -> Picture:
    """A figure in a data URL: as SVG, or as PNG where lines and dots are too many for that."""
    kind, data = "svg+xml", _drawn(figure, "svg")
    if len(data) > _MOST_SVG:
        kind, data = "png", _drawn(figure, "png")
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    width, height = figure.get_size_inches()
    return Picture(url, caption, round(96 * width), round(96 * height))


def _drawn(figure: Figure, form: str) -> bytes:
    file = io.BytesIO()
    with style.drawing():
        figure.savefig(file, format=form, dpi=_DOTS, metadata={"Date": None} if form == "svg" else None)
    return file.getvalue()


def _words(name: str) -> str:
    """``figure_06_classes_atl07`` as words."""
    told = re.sub(r"^figure_\d+_", "", name).replace("_", " ").replace("atl07", "with ATL07")
    return told[:1].upper() + told[1:]


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (_FOLDER / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "metres": metres,
        "share": share,
        "number": number,
        "moment": moment,
        "plain": plain,
        "short": short,
    }
    made.globals |= {"light": style.palette()["themes"]["light"], "dark": style.palette()["themes"]["dark"]}
    return made


def metres(value: float, digits: int = 3) -> str:
    """A length or height with a fixed number of digits; a dash where there is none."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if value is not None and np.isfinite(value) else _NONE


def short(value: float) -> str:
    """A number to three digits; a dash where there is none."""
    if value is None or not np.isfinite(value):
        return _NONE
    return (f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "\N{MINUS SIGN}")


def share(value: float) -> str:
    """A share in percent."""
    return f"{100.0 * value:.1f} %" if np.isfinite(value) else _NONE


def number(value: float) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def moment(value: np.datetime64) -> str:
    """A time, UTC, to the second."""
    return str(value.astype("datetime64[s]")).replace("T", " ") + " UTC"


def plain(values: Mapping[str, Any] | Iterable[Any]) -> str:
    """Parameters or other values in one line."""
    if isinstance(values, Mapping):
        return ", ".join(f"{name} = {_EMPTY if value == '' else value}" for name, value in values.items()) or _NONE
    return ", ".join(str(value) for value in values) or _NONE

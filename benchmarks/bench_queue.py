"""The review queue: how fast zones are found, and how soon a scripted reviewer has mended half of all label errors.

``python -m benchmarks.bench_queue --plot FILE`` draws the reviewer's progress for the docs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from benchmarks.harness import Row, best_of
from benchmarks.scripted_reviewer import (
    Beam,
    Curve,
    beams,
    from_start_to_end,
    ideal,
    in_track_order,
    learn,
    make_project,
    outside,
    ranked,
)
from processing.core.zones import Evidence, find_zones
from processing.project import Project
from processing.schema import AutoFlag
from processing.stages import Review
from processing.twin.parameters import Twin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KILOMETRES, GRANULES = 12.0, 2
SEGMENTS = 1_000_000
LIMIT = 150.0
BAR = 1.0 / 3.0


@dataclass(frozen=True)
class Sky:
    """Synthetic pairs under one kind of sky: their seeds, which no default was fitted to, and the twin's parameters.

    ``held`` to the bar or not: under much cloud flags alone cannot meet it, whatever the order of the zones.
    """

    name: str
    seeds: tuple[int, ...]
    parameters: dict[str, float]
    held: bool = True


SKIES = (
    Sky("usual sky", (27_182, 16_180), {}),
    Sky("much cloud", (14_142, 17_320), {"cloud_thick": 0.5, "cloud_thin": 0.3}, held=False),
)


def rows() -> Iterator[Row]:
    """Time to find zones, then the scripted reviewer under both skies with and without the model."""
    yield speed()
    with _workshop(None) as folder:
        for sky in SKIES:
            projects = _projects(sky, folder)
            yield from (_review_row(sky, projects, model=model) for model in (True, False))


def speed() -> Row:
    """Milliseconds to find the zones of one beam."""
    evidence, review = synthetic_evidence(SEGMENTS), Review()
    found = len(find_zones(evidence, review))
    taken = best_of(lambda: find_zones(evidence, review), 5) * 1e3
    note = f"synthetic evidence, with a model; {found} zones"
    return Row(
        f"zones of a beam of {SEGMENTS / 1e6:g} M segments", taken, "ms", f"<= {LIMIT:g} ms", taken <= LIMIT, note=note
    )


def synthetic_evidence(count: int) -> Evidence:
    """A track of ``count`` segments with clouds, shadows, boundaries and a model that mostly agrees."""
    rng = np.random.default_rng(0)
    label = np.repeat(rng.choice(3, count // 500 + 1, p=[0.8, 0.14, 0.06]), 500)[:count].astype(np.int8)
    flags = np.zeros(count, np.uint32)
    for flag, length in ((AutoFlag.CLOUD, 500), (AutoFlag.SHADOW, 400)):
        for start in rng.integers(0, count, count // 3500):
            flags[start : start + length] |= np.uint32(flag)
    away = np.abs(np.arange(count) % 500 - 250.0)
    opposed = np.repeat(rng.random(count // 200 + 1) < 0.06, 200)[:count]
    probability = np.full((3, count), 0.01)
    probability[(label + opposed) % 3, np.arange(count)] = 0.98
    probability *= np.exp(rng.normal(0.0, 0.7, probability.shape))
    return Evidence(
        segment=np.arange(count) + np.cumsum(rng.random(count) < 0.01),
        window=2.0,
        label=label,
        flags=flags,
        boundary_distance=(510.0 - 2.0 * away).astype(np.float32),
        minutes=np.full(count, 20.0, np.float32),
        drift_confidence=np.full(count, 0.95, np.float32),
        probability=(probability / probability.sum(0)).astype(np.float32),
    )


def unranked(shown: Sequence[Beam]) -> float:
    """Metres to half of the errors from start to end, in the better of the two directions."""
    forward = from_start_to_end(shown)
    return min(forward.metres_to(0.5), forward.backwards.metres_to(0.5))


def _review_row(sky: Sky, projects: Sequence[Project], *, model: bool) -> Row:
    each = [beams(project, Review(), model=model) for project in projects]
    shown = [beam for part in each for beam in part]
    share = _against_unranked(ranked(shown), shown)
    what = "with a model" if model else "flags alone"
    name = f"review queue, {sky.name}, {what}: track to mend half of all label errors, against unranked review"
    apart = [
        f"seed {seed} {_against_unranked(ranked(part), part):.2f}" for seed, part in zip(sky.seeds, each, strict=True)
    ]
    note = "; ".join(["synthetic", *apart, *_facts(shown)])
    bar, met = ("<= 1/3", share <= BAR) if sky.held else ("", None)
    return Row(name, share, "of unranked", bar, met, note=note)


def _against_unranked(curve: Curve, shown: Sequence[Beam]) -> float:
    return curve.metres_to(0.5) / unranked(shown)


def _facts(shown: Sequence[Beam]) -> Iterator[str]:
    """What the share alone does not say."""
    length = sum(beam.length for beam in shown)
    zones = [zone for beam in shown for zone in beam.zones]
    yield f"{length / 1e3:.0f} km of track, unranked half at {unranked(shown) / 1e3:.1f} km in its better direction"
    yield f"same zones in track order {_against_unranked(in_track_order(shown), shown):.2f}"
    yield f"in the order of the truth {_against_unranked(ideal(shown), shown):.2f}"
    yield f"{len(zones)} zones over {sum(zone.length for zone in zones) / length:.0%} of the track"
    yield f"{outside(shown):.1%} of the errors in none"


@contextmanager
def _workshop(folder: Path | None) -> Iterator[Path]:
    """The folder that projects are made in: ``folder``, which keeps them, or one that is removed afterwards."""
    with ExitStack() as stack:
        yield folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="leadline-bench-")))


def _projects(sky: Sky, folder: Path) -> list[Project]:
    """The projects of a sky's seeds in ``folder``, made where they are not there."""
    taught = folder / "teacher"
    teacher = Project(taught / "project") if (taught / "project" / "models").is_dir() else learn(taught, KILOMETRES)
    made = []
    for seed in sky.seeds:
        root = folder / f"{sky.name.replace(' ', '-')}-{seed}"
        twin = Twin(seed=seed, granules=GRANULES, km=KILOMETRES, **sky.parameters)
        ready = (root / "project" / "predictions").is_dir()
        made.append(Project(root / "project") if ready else make_project(root, teacher, twin))
    return made


_GREY, _BLUE, _ORANGE, _GREEN = "#6b6b6b", "#0072b2", "#d55e00", "#009e73"


def draw(file: Path, folder: Path | None) -> None:
    """Draw the labels left wrong against the track looked at, a panel a sky; colours after Okabe and Ito."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9, "svg.hashsalt": "leadline", "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9.2, 4.4), layout="constrained", facecolor="white")
        panels = figure.subplots(1, len(SKIES))
        with _workshop(folder) as place:
            for axes, sky in zip(panels, SKIES, strict=True):
                _panel(axes, sky, _projects(sky, place))
        panels[0].set_ylabel("labels that are wrong (% of segments)")
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=144)


def _panel(axes: Axes, sky: Sky, projects: Sequence[Project]) -> None:
    judged, flagged = (
        [beam for project in projects for beam in beams(project, Review(), model=model)] for model in (True, False)
    )
    segments = sum(len(beam.segment) for beam in judged)
    curves = (
        ("unranked: every track from start to end", from_start_to_end(judged), _GREY, "-"),
        ("zones of flags alone, in track order", in_track_order(flagged), _ORANGE, ":"),
        ("zones of flags alone, ranked", ranked(flagged), _ORANGE, "-"),
        ("zones with a model, in track order", in_track_order(judged), _BLUE, ":"),
        ("zones with a model, ranked", ranked(judged), _BLUE, "-"),
        ("zones with a model, as the truth ranks them", ideal(judged), _GREEN, "--"),
    )
    for name, curve, colour, style in curves:
        _line(axes, name, curve, segments, colour, style)
    half = 50.0 * curves[0][1].wrong[0] / segments
    axes.axhline(half, color="#b0b0b0", linewidth=0.8)
    halves = (("unranked", 0), ("with flags alone, ranked", 2), ("with a model, ranked", 4))
    _tell_halves(axes, [(how, curves[at][1], curves[at][2]) for how, at in halves])
    axes.set_title(f"{sky.name}, synthetic pairs ({len(projects) * GRANULES} granules)", loc="left", fontsize=9.5)
    axes.set_xlabel("track looked at (km)")
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)


def _line(axes: Axes, name: str, curve: Curve, segments: int, colour: str, style: str) -> None:
    """One curve at a few hundred places, its half marked by a dot."""
    metres = np.linspace(0.0, curve.metres[-1], 400)
    wrong = np.interp(metres, curve.metres, curve.wrong)
    axes.plot(metres / 1e3, 100.0 * wrong / segments, style, color=colour, label=name, linewidth=1.6)
    half = curve.metres_to(0.5)
    if np.isfinite(half) and style == "-":
        axes.plot(half / 1e3, 50.0 * curve.wrong[0] / segments, "o", color=colour, markersize=5)


def _tell_halves(axes: Axes, halves: Sequence[tuple[str, Curve, str]]) -> None:
    """Say in the panel's corner after how much track half of the errors are mended."""
    lines = [("half of the errors mended after", _GREY)]
    lines += [(f"{curve.metres_to(0.5) / 1e3:.0f} km {how}", colour) for how, curve, colour in halves]
    for number, (text, colour) in enumerate(lines):
        axes.annotate(
            text,
            (0.99, 0.97),
            (0, -13 * number),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            color=colour,
        )


@click.command()
@click.option(
    "--plot", "file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Picture to write."
)
@click.option(
    "--projects", type=click.Path(file_okay=False, path_type=Path), help="Keep the projects here, or use them."
)
def main(file: Path, projects: Path | None) -> None:
    """Draw how soon a scripted reviewer mends the labels of synthetic pairs."""
    draw(file, projects)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.bench_queue")

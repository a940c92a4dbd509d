"""Freeboard of a granule's beams as a map draws it: read once, then binned to the pixels in sight. No display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bokeh.palettes import Viridis256
from numpy.typing import NDArray

from dashboard import detail, palette
from dashboard.data import Workspace
from dashboard.views.beam_lines import Runs
from dashboard.views.map_frame import Sight
from processing.errors import LeadlineError, StaleError
from processing.io import tables
from processing.schema import FREEBOARD, SEGMENT

LEVELS = 32
"""Steps of colour between the limits."""

COLOURS = (palette.class_colour(-1, "scene"), *(Viridis256[round(at)] for at in np.linspace(0, 255, LEVELS)))
"""Colours by rank, counted from 1: no freeboard, then the levels. Viridis is perceptually uniform and safe for the
colour-blind."""

_PIXELS = 1.5
_LEAST, _MOST = 40, 2_400
_SAMPLE = 50_000
_TAIL = 2.0


@dataclass(frozen=True)
class BeamFreeboard:
    """Freeboard of one beam and where its leads are, ready for means over any stretches.

    Attributes
    ----------
    run : it is of. x_atc : (n,) f8 m, ascending.
    total : (n + 1,) f8 m, running sum of the freeboard of the segments before. known : (n + 1,) i8, how many have one.
    sample : f4 m, some of the freeboards. leads : (k, 2) f8 m, along-track ends of the leads.
    window : m, length of a segment.
    """

    run: str
    x_atc: NDArray[np.float64]
    total: NDArray[np.float64]
    known: NDArray[np.int64]
    sample: NDArray[np.float32]
    leads: NDArray[np.float64]
    window: float

    @classmethod
    def of(
        cls, run: str, x: NDArray[np.float64], freeboard: NDArray[np.float32], leads: NDArray[np.float64], window: float
    ) -> BeamFreeboard:
        """From ``freeboard`` f4 m of each segment, NaN where it has none."""
        good = np.isfinite(freeboard)
        total = np.cumsum(np.where(good, freeboard, 0.0), dtype=np.float64)
        known = np.cumsum(good, dtype=np.int64)
        sample = freeboard[good][:: max(1, len(freeboard) // _SAMPLE)].copy()
        return cls(run, x, np.r_[0.0, total], np.r_[0, known], sample, leads, window)


def read_beam(workspace: Workspace, granule: str, beam: str, run: str) -> BeamFreeboard:
    """Read a beam of a run; kept until its tables change. Raises StaleError where they are of different segments."""
    project = workspace.project
    path, owner = project.table_path("freeboard", granule, beam, run), project.table_path("segments", granule, beam)

    def read() -> BeamFreeboard:
        again = workspace.command("freeboard")
        level = tables.read(path, FREEBOARD, ("segment", "freeboard", "lead_id"), command=again)
        segments = tables.read(owner, SEGMENT, ("segment", "x_atc"), command=workspace.command("resample"))
        segment, x = level["segment"].to_numpy(), segments["x_atc"].to_numpy()
        if not np.array_equal(segment, segments["segment"].to_numpy()):
            raise StaleError("freeboard is not of the track's present segments", where=path, mend=f"run: {again}")
        window = float(x[-1] / (segment[-1] + 0.5)) if len(x) else 2.0
        leads = lead_ends(x, level["lead_id"].to_numpy(), window)
        return BeamFreeboard.of(run, x, level["freeboard"].to_numpy(), leads, window)

    found: BeamFreeboard = workspace.kept(("map freeboard", workspace.modified(owner)), path, read)
    return found


def lead_ends(x: NDArray[np.float64], lead: NDArray[np.int32], window: float) -> NDArray[np.float64]:
    """Along-track ends (n, 2), m, of runs of one ``lead`` of at least 0."""
    if len(lead) == 0:
        return np.zeros((0, 2))
    cuts = np.flatnonzero(np.diff(lead)) + 1
    first, last = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(lead)]]) - 1
    known = lead[first] >= 0
    return np.column_stack([x[first[known]] - window / 2, x[last[known]] + window / 2])


def limits(beams: Sequence[BeamFreeboard]) -> tuple[float, float]:
    """Ends of the colours, m: the 2nd and the 98th percentile of all beams, on a round number."""
    values = np.concatenate([np.zeros(0, np.float32), *(beam.sample for beam in beams)])
    if len(values) == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (_TAIL, 100.0 - _TAIL)))
    step = float(detail.nice_step(max(high - low, 0.05) / 10))
    bottom, top = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    return bottom, max(top, bottom + step)


def ticks(ends: tuple[float, float], most: int = 5) -> list[float]:
    """Round numbers between two ends, at most ``most``."""
    step = float(detail.nice_step((ends[1] - ends[0]) / (most - 1)))
    first, last = int(np.ceil(ends[0] / step - 1e-6)), int(np.floor(ends[1] / step + 1e-6))
    return [round(number * step, 6) for number in range(first, last + 1)]


def runs_in_sight(beam: BeamFreeboard, sight: Sight, ends: tuple[float, float]) -> Runs:
    """Stretches of one colour: mean freeboard in bins of a pixel or two; rank 1 where segments have none."""
    bins = int(np.clip((sight.end - sight.start) / sight.scale / _PIXELS, _LEAST, _MOST))
    start, end, number = detail.cells(sight.start, sight.end, beam.window, bins)
    bounds = np.searchsorted(beam.x_atc, np.linspace(start, end, number + 1))
    there = (bounds[1:] > bounds[:-1]).astype(np.int64)
    count, total = np.diff(beam.known[bounds]), np.diff(beam.total[bounds])
    share = (total / np.maximum(count, 1) - ends[0]) / (ends[1] - ends[0])
    level = 2 + np.clip((share * LEVELS).astype(np.int64), 0, LEVELS - 1)
    rank = np.where(count > 0, level, there)
    cuts = np.flatnonzero(np.diff(rank)) + 1
    first, stop = np.concatenate([[0], cuts]), np.concatenate([cuts, [number]])
    known = rank[first] > 0
    width = (end - start) / number
    return Runs(np.column_stack([start + first * width, start + stop * width])[known], rank[first][known])


def read_beams(
    workspace: Workspace, granule: str, runs: Mapping[str, str]
) -> tuple[dict[str, BeamFreeboard], tuple[str, ...]]:
    """Every beam that can be read, by name, and one line for each that cannot."""
    found: dict[str, BeamFreeboard] = {}
    troubles = []
    for beam, run in runs.items():
        try:
            found[beam] = read_beam(workspace, granule, beam, run)
        except (LeadlineError, OSError) as error:
            troubles.append(f"{beam}: {getattr(error, 'line', error)}")
    return found, tuple(troubles)

"""What the analyst has selected: segments of one beam by their ids, whatever the screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.labels import Stroke

Runs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Selection:
    """Segments of one beam.

    Attributes
    ----------
    granule, beam : the track.
    runs : half-open intervals of segment ids, ascending and apart. Segment ``i`` spans ``[i, i + 1)`` windows of
        along-track distance.
    """

    granule: str
    beam: str
    runs: Runs

    @classmethod
    def of(cls, granule: str, beam: str, segments: ArrayLike) -> Selection | None:
        """The selection of these segment ids, in any order; None of no segments."""
        ids = np.unique(np.asarray(segments, np.int64))
        if len(ids) == 0:
            return None
        breaks = np.flatnonzero(np.diff(ids) > 1)
        first, last = ids[np.r_[0, breaks + 1]], ids[np.r_[breaks, len(ids) - 1]]
        return cls(granule, beam, tuple(zip(first.tolist(), (last + 1).tolist(), strict=True)))

    @property
    def segments(self) -> int:
        """Number of segment ids, whether the track has photons there or not."""
        return sum(stop - start for start, stop in self.runs)

    def metres(self, window: float) -> float:
        """Length of track selected, m."""
        return self.segments * window

    def bounds(self, window: float) -> tuple[float, float]:
        """Along-track start and end, m."""
        return self.runs[0][0] * window, self.runs[-1][1] * window

    def intervals(self, window: float) -> list[tuple[float, float]]:
        """Along-track start and end of each run, m."""
        return [(start * window, stop * window) for start, stop in self.runs]

    def contains(self, segment: ArrayLike) -> NDArray[np.bool_]:
        """Whether each segment id is selected."""
        ids = np.asarray(segment, np.int64)
        edges = np.array(self.runs, np.int64).ravel()
        return np.asarray(np.searchsorted(edges, ids, "right") % 2 == 1)

    def rows(self, segment: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of a track, whose segment ids ascend, that are selected."""
        parts = [np.arange(*np.searchsorted(segment, run)) for run in self.runs]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def united(self, other: Selection) -> Selection:
        """Both selections together; ``other`` alone when it is of another track."""
        if (self.granule, self.beam) != (other.granule, other.beam):
            return other
        joined: list[tuple[int, int]] = []
        for start, stop in sorted((*self.runs, *other.runs)):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
            else:
                joined.append((start, stop))
        return Selection(self.granule, self.beam, tuple(joined))

    def strokes(self, label: int, reason: str, window: float) -> list[Stroke]:
        """The label events that give every selected segment a class."""
        return [Stroke(self.granule, self.beam, start, end, label, reason) for start, end in self.intervals(window)]

    def descriptor(self) -> dict[str, object]:
        """The selection as JSON values."""
        return {"granule": self.granule, "beam": self.beam, "runs": [list(run) for run in self.runs]}

    @classmethod
    def from_descriptor(cls, value: object) -> Selection:
        """The selection of a descriptor; raises ValueError when it is none."""
        try:
            runs = tuple((int(start), int(stop)) for start, stop in value["runs"])  # type: ignore[index]
            granule, beam = str(value["granule"]), str(value["beam"])  # type: ignore[index]
        except (TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"no selection: {value!r}") from error
        edges = [edge for run in runs for edge in run]
        if not runs or any(edge >= after for edge, after in pairwise(edges)):
            raise ValueError(f"no selection: {value!r}")
        return cls(granule, beam, runs)

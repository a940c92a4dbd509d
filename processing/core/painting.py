"""Current labels: the auto-labels with the analysts' label events painted over in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.schema import LabelSource

NOBODY = -1
NO_EVENT = -1


@dataclass(frozen=True)
class Strokes:
    """Painting events of one track in the order they are painted, a later one over an earlier one.

    Attributes
    ----------
    event_id : i8, identifier of each event.
    x_start, x_end : f8 m, the half-open interval ``x_start <= x_atc < x_end``.
    label : i1, class the interval is given.
    analyst : i4, index into ``analysts``.
    analysts : names.
    """

    event_id: npt.NDArray[np.int64]
    x_start: npt.NDArray[np.float64]
    x_end: npt.NDArray[np.float64]
    label: npt.NDArray[np.int8]
    analyst: npt.NDArray[np.int32]
    analysts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.event_id)


@dataclass(frozen=True)
class Painted:
    """Current labels of one track's segments.

    Attributes
    ----------
    label : i1, current class.
    source : i1, schema.LabelSource.
    analyst : i4, index into the strokes' analysts, -1 where the auto-label stands.
    event_id : i8, event that set the label, -1 where the auto-label stands.
    """

    label: npt.NDArray[np.int8]
    source: npt.NDArray[np.int8]
    analyst: npt.NDArray[np.int32]
    event_id: npt.NDArray[np.int64]


def paint(x_atc: npt.ArrayLike, label_auto: npt.ArrayLike, strokes: Strokes) -> Painted:
    """Paint ``strokes`` over the auto-labels of segments.

    Parameters
    ----------
    x_atc : (n,) m, ascending window centres; a segment belongs to an interval when its centre does.
    label_auto : (n,) i1, class from the scene.
    """
    auto = np.asarray(label_auto, np.int8)
    top, length = _runs(np.asarray(x_atc, np.float64), strokes)
    manual = top >= 0
    if not length[manual].any():
        return Painted(auto.copy(), *_nobody(len(auto)))
    label = np.repeat(strokes.label[top], length)
    np.copyto(label, auto, where=np.repeat(~manual, length))
    return Painted(
        label,
        np.repeat(np.where(manual, np.int8(LabelSource.MANUAL), np.int8(LabelSource.AUTO)), length),
        np.repeat(np.where(manual, strokes.analyst[top], np.int32(NOBODY)), length),
        np.repeat(np.where(manual, strokes.event_id[top], np.int64(NO_EVENT)), length),
    )


def _runs(x: npt.NDArray[np.float64], strokes: Strokes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Runs of segments that the same stroke covers last: its position among ``strokes`` (-1: none), and their number.

    The strokes are painted on the intervals between all their ends, at most twice as many as there are strokes, so
    the cost does not grow with strokes times segments; strokes that no segment can be in cost next to nothing.
    """
    near = np.flatnonzero((strokes.x_start <= x[-1]) & (strokes.x_end > x[0])) if len(x) else np.empty(0, np.int64)
    start, end = strokes.x_start[near], strokes.x_end[near]
    ends = np.unique(np.concatenate([start, end]))
    canvas = np.full(len(ends) + 1, -1, np.int64)
    begin, stop = np.searchsorted(ends, start) + 1, np.searchsorted(ends, end) + 1
    for position, first, last in zip(near.tolist(), begin.tolist(), stop.tolist(), strict=True):
        canvas[first:last] = position
    return canvas, np.diff(np.searchsorted(x, ends, "left"), prepend=0, append=len(x))


def _nobody(
    length: int,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    return (
        np.full(length, LabelSource.AUTO, np.int8),
        np.full(length, NOBODY, np.int32),
        np.full(length, NO_EVENT, np.int64),
    )

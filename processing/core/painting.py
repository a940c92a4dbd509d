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
    top = topmost(x_atc, strokes)
    manual = top >= 0
    if not manual.any():
        return Painted(auto.copy(), *_nobody(len(auto)))
    return Painted(
        np.where(manual, strokes.label[top], auto),
        np.where(manual, np.int8(LabelSource.MANUAL), np.int8(LabelSource.AUTO)),
        np.where(manual, strokes.analyst[top], np.int32(NOBODY)),
        np.where(manual, strokes.event_id[top], np.int64(NO_EVENT)),
    )


def topmost(x_atc: npt.ArrayLike, strokes: Strokes) -> npt.NDArray[np.int64]:
    """Position among ``strokes`` (i8) of the last one that covers each segment; -1 where none does.

    The strokes are painted on the intervals between all their ends, at most twice as many as there are strokes, so
    the cost does not grow with strokes times segments.
    """
    x = np.asarray(x_atc, np.float64)
    if len(strokes) == 0:
        return np.full(len(x), -1, np.int64)
    ends = np.unique(np.concatenate([strokes.x_start, strokes.x_end]))
    canvas = np.full(len(ends) + 1, -1, np.int64)
    begin = np.searchsorted(ends, strokes.x_start) + 1
    stop = np.searchsorted(ends, strokes.x_end) + 1
    for position in range(len(strokes)):
        canvas[begin[position] : stop[position]] = position
    borders = np.searchsorted(x, ends, "left")
    return np.repeat(canvas, np.diff(borders, prepend=0, append=len(x)))


def _nobody(
    length: int,
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    return (
        np.full(length, LabelSource.AUTO, np.int8),
        np.full(length, NOBODY, np.int32),
        np.full(length, NO_EVENT, np.int64),
    )

"""What comparing two models finds: scores, differences, freeboard; and who watches while it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from dashboard.comparison.compared_tables import TrackName
from dashboard.comparison.disagreement import Classes, Stretch, TrackDifference
from dashboard.comparison.freeboard_sums import FreeboardSums
from dashboard.comparison.model_records import Ground, Model
from dashboard.comparison.scoring import Estimate, ModelScores, Scored
from processing.errors import LeadlineError

Progress = Callable[[str], None]
"""Told what is being done; raises ``DroppedError`` when nobody waits for it any more."""

Pair = tuple[Model, Model]

FoundT = TypeVar("FoundT")


class DroppedError(Exception):
    """Nobody waits for the comparison any more."""


class Watch:
    """Goes over tracks, tells how far it has come, and keeps a line for each track that could not be read."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.troubles: list[str] = []

    def over(
        self, tracks: Sequence[TrackName], make: Callable[[TrackName], FoundT], doing: str
    ) -> Iterator[tuple[TrackName, FoundT]]:
        """What ``make`` gives for each track that can be read."""
        for number, track in enumerate(tracks):
            self.progress(f"{doing}: {track[1]}, {number + 1} of {len(tracks)} tracks")
            try:
                found = make(track)
            except (LeadlineError, OSError) as error:
                self.troubles.append(str(getattr(error, "line", error)))
                continue
            yield track, found

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.troubles))


@dataclass(frozen=True)
class Lack:
    """Tracks of so many for which a model's table is not there, or is of something older."""

    run: str
    tracks: int
    of: int


@dataclass(frozen=True)
class ScoresFound:
    """Two models against one reference.

    Attributes
    ----------
    reference : ``clear``, ``labels`` or ``truth``. snapshot : whose labels. both : where both have predictions.
    alone : the scores of the one that has, where the other has none. lacking : what is missing of predictions.
    troubles : tracks that could not be read.
    """

    reference: str
    snapshot: str
    ground: Ground
    both: Scored | None = None
    alone: tuple[ModelScores | None, ModelScores | None] = (None, None)
    lacking: tuple[Lack, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True)
class DifferencesFound:
    """Where two models differ, by track, and the ``foremost`` stretches as ``disagreement.rankings`` has them."""

    tracks: tuple[TrackDifference, ...] = ()
    foremost: Mapping[tuple[bool, Classes], Sequence[Stretch]] = field(default_factory=dict)
    lacking: tuple[Lack, ...] = ()
    troubles: tuple[str, ...] = ()

    def find(self, granule: str, beam: str) -> TrackDifference | None:
        return next((one for one in self.tracks if (one.granule, one.beam) == (granule, beam)), None)


@dataclass(frozen=True)
class FreeboardFound:
    """The freeboard that each of two models leads to, over the tracks where both have one.

    Attributes
    ----------
    runs : freeboard runs, empty where there is none. sums : of each. tracks : how many.
    mean : first minus second, m. moved : share of segments whose freeboard differs by more than 1 cm.
    settings : of the freeboard stage in which the runs differ. old : runs made from older predictions.
    """

    runs: tuple[str, str] = ("", "")
    sums: tuple[FreeboardSums | None, FreeboardSums | None] = (None, None)
    tracks: int = 0
    mean: Estimate | None = None
    moved: float = float("nan")
    settings: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    lacking: tuple[Lack, ...] = ()
    troubles: tuple[str, ...] = ()


def lacks(pair: Pair, able: Sequence[Sequence[TrackName]], of: int) -> tuple[Lack, ...]:
    """What each model lacks, of so many tracks."""
    found = (Lack(model.run, of - len(mine), of) for model, mine in zip(pair, able, strict=True))
    return tuple(lack for lack in found if lack.tracks)

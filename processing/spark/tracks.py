"""Tables of segments as Spark jobs: a granule's tracks in one, each track cut into ranges of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Protocol, TypeVar

from processing.errors import LeadlineError
from processing.progress import announce, progress_bar
from processing.project import Project
from processing.spark.granules import GranuleJob, least_pieces, run_granules
from processing.spark.session import Cluster, cluster
from processing.stages import Engine, Stage


class Track(Protocol):
    """What is asked of a track: its granule and how many segments it has."""

    @property
    def granule(self) -> str: ...

    @property
    def rows(self) -> int: ...


TrackT = TypeVar("TrackT", bound=Track)


def run_tracks(
    project: Project,
    stage: Stage,
    engine: Engine,
    todo: Sequence[TrackT],
    work: Callable[[Cluster, Sequence[TrackT], int, str], None],
) -> list[LeadlineError]:
    """Work on tracks, those of a granule together and in order, on the cluster that ``engine`` names.

    Returns the errors of granules that cannot be used. Without tracks no cluster is started.

    Parameters
    ----------
    work : is called with the cluster, the tracks of a granule, the number of granules and the group to run jobs in.
    """
    granules = {name: list(tracks) for name, tracks in groupby(todo, key=lambda track: track.granule)}
    parts = {name: float(sum(track.rows for track in tracks)) for name, tracks in granules.items()}
    if not todo:
        return []
    bar = stage.key, sum(parts.values()), "segments", parts
    announce(*bar)
    with cluster(engine, stage.key, stage.needs) as spark:
        jobs = [
            GranuleJob(name, parts[name], partial(work, spark, tracks, len(granules)))
            for name, tracks in granules.items()
        ]
        with spark.tidy(project.root / stage.output), progress_bar(*bar) as shown:
            return run_granules(spark, shown, jobs)


def rows_a_piece(spark: Cluster, tracks: Sequence[Track], granules: int, fewest: float, most: float) -> float:
    """Rows that keep all cores busy while ``granules`` are worked on, no fewer and no more than told."""
    rows = sum(track.rows for track in tracks)
    return min(max(rows / least_pieces(spark, granules), fewest), most)


def ranges(rows: int, target: float, unit: int) -> Iterator[tuple[int, int]]:
    """First row of each range and the one behind it; every range begins at a multiple of ``unit``.

    Ranges have about ``target`` rows, the last what is left; a track of hardly more, or without any, is one range.
    """
    step = max(1, round(target / unit)) * unit if rows > 1.5 * target else max(rows, 1)
    for start in range(0, max(rows, 1), step):
        yield start, min(start + step, rows)

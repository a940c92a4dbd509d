"""The autolabel stage as Spark jobs: a task a granule, but tasks that share one that would keep the others waiting.

Shared, a granule's scenes still come one after the other, because a later one labels only what is left. For each scene
the tasks correlate stretches of the tracks with it, look over its tiles a first time, and label those tiles; at last
one task writes each beam's table. The second look decodes again what the first has decoded: machines have no memory in
common, and digital numbers are more to move than to decode.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from processing.core import drift as core
from processing.core.correlation import Products, lay
from processing.core.tiles import Window
from processing.core.transfer import Carried, carry
from processing.errors import LeadlineError
from processing.io.atomic import sweep
from processing.io.scene_labels import (
    Corridor,
    Counts,
    Figures,
    Shade,
    count,
    find_corridor,
    find_shade,
    label_window,
    sum_up,
)
from processing.io.sentinel2 import Scene, open_scene
from processing.local import autolabel as local
from processing.local.drift import BeamSignals, Drift, find_drift, on_pixels, reach_of, settled, with_brightness
from processing.local.failures import raise_first
from processing.local.label_plan import Granule, plan
from processing.progress import LOOKING, announce, progress_bar, tell, waiting
from processing.project import Input, Project
from processing.spark.granules import GranuleJob, least_pieces, run_granules
from processing.spark.session import Cluster, cluster, demanded
from processing.spark.tasks import Piece
from processing.stages import Autolabel, Engine

log = logging.getLogger(__name__)

_EVEN_SHARE = 1.0
"""Of what each core would have to label if all had the same: a granule of more than this is shared."""

_MOST_JOBS = 16
"""Jobs that whole granules are dealt to: each ends alone when an executor dies over it, time and again."""

_JOBS_A_SCENE = 3

_WIDEST = 150
"""Pixels of reach up to which tasks share a drift: the products of a stretch grow as its square, to 15 MB by then."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Stretch = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Tile:
    """A tile to label for the segments on it, by the number of their batch: their place there, and scene pixels.

    Attributes
    ----------
    points : (n,) i8 place, (n,) f8 row and (n,) f8 col of each batch's segments.
    """

    window: Window
    points: Mapping[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]]


@dataclass(frozen=True)
class Found:
    """Labels of some segments of a batch: its number, (n,) i8 their places in it, and what they have."""

    batch: int
    at: npt.NDArray[np.int64]
    carried: Carried


def autolabel(project: Project, stage: Autolabel, engine: Engine, granules: Sequence[str] | None = None) -> None:
    """As :func:`processing.local.autolabel.autolabel`, on the cluster that ``engine`` names, to the same tables."""
    failures: list[LeadlineError] = []
    with waiting(LOOKING):
        sweep(project.root / "autolabels")
        todo = plan(project, stage, granules, failures)
    if todo:
        bar = "autolabel", sum(granule.count for granule in todo), "segments", local.parts_of(todo)
        announce(*bar)
        with cluster(engine, "autolabel") as spark:
            shared, alone = _apart(todo, spark.cores)
            jobs = _shared_jobs(spark, project, stage, shared, todo) + _whole_jobs(
                spark, project, stage, alone, failures
            )
            with spark.tidy(project.root / "autolabels"), progress_bar(*bar) as shown:
                failures += run_granules(spark, shown, jobs)
    elif not failures:
        log.info("auto-labels are current")
    raise_first(failures)


def _apart(todo: Sequence[Granule], cores: int) -> tuple[list[Granule], list[Granule]]:
    """The granules to share and those that are a task each, those with the most to label first."""
    largest_first = sorted(todo, key=_to_label, reverse=True)
    most = _EVEN_SHARE * sum(map(_to_label, todo)) / cores
    shared = [granule for granule in largest_first if _to_label(granule) > most]
    return shared, largest_first[len(shared) :]


def _to_label(granule: Granule) -> int:
    return sum(meeting.count for meeting in granule.meetings)


def _whole_jobs(
    spark: Cluster, project: Project, stage: Autolabel, todo: Sequence[Granule], failures: list[LeadlineError]
) -> list[GranuleJob]:
    """The granules, in their order, dealt to a few jobs in which each is a task."""
    hands = [todo[start::_MOST_JOBS] for start in range(min(_MOST_JOBS, len(todo)))]
    return [
        GranuleJob(
            hand[0].ident if len(hand) == 1 else f"{hand[0].ident} and {len(hand) - 1} more",
            sum(granule.count for granule in hand),
            partial(_label_each, spark, project, stage, hand, failures),
            several=local.parts_of(hand),
        )
        for hand in hands
    ]


def _label_each(
    spark: Cluster,
    project: Project,
    stage: Autolabel,
    granules: Sequence[Granule],
    failures: list[LeadlineError],
    group: str,
) -> None:
    found = spark.collect(partial(_label_one, project, stage), granules, group)
    for granule, told in zip(granules, chain.from_iterable(found), strict=True):
        if isinstance(told, LeadlineError):
            log.warning("granule %s: %s", granule.ident, told.line)
            tell(failed={granule.ident: told.line})
            failures.append(told)
        else:
            local.tell_silent(granule, told)


def _label_one(project: Project, stage: Autolabel, granule: Granule) -> Iterator[list[str]]:
    steps = local.OneProcess(project, stage, granule, lambda _count, _what: None)
    yield local.label_granule(project, stage, granule, steps)


def _shared_jobs(
    spark: Cluster, project: Project, stage: Autolabel, shared: Sequence[Granule], todo: Sequence[Granule]
) -> list[GranuleJob]:
    """A job for each of the granules to share, cut finer the more of all there is to do it has."""
    jobs_a_scene = _JOBS_A_SCENE if stage.drift else _JOBS_A_SCENE - 1
    whole = sum(map(_to_label, todo))
    return [
        GranuleJob(
            granule.ident,
            granule.count,
            partial(_label_shared, spark, project, stage, granule, whole / max(_to_label(granule), 1)),
            jobs_a_scene * len(granule.meetings) + 1,
        )
        for granule in shared
    ]


def _label_shared(
    spark: Cluster, project: Project, stage: Autolabel, granule: Granule, granules: float, group: str
) -> None:
    steps = _Shared(spark, project, stage, granule, least_pieces(spark, granules), group)
    local.tell_silent(granule, local.label_granule(project, stage, granule, steps))


class _Shared:
    """Steps of labelling a granule, each spread over the cores in about ``pieces`` tasks."""

    def __init__(
        self, spark: Cluster, project: Project, stage: Autolabel, granule: Granule, pieces: int, group: str
    ) -> None:
        self.spark, self.project, self.stage, self.granule = spark, project, stage, granule
        self.pieces, self.group = pieces, group

    def find_drift(self, item: Input, scene: Scene, beams: Sequence[BeamSignals]) -> Drift:
        reach = reach_of(scene, self.stage)
        stretches = core.stretches(on_pixels(scene, beams)) if reach else []
        if not stretches:
            return find_drift(scene, beams, self.stage)
        if reach > _WIDEST:
            return self._collect(partial(_find_drift, item, self.stage), [beams])[0]
        pieces = [Piece(0, part) for part in _dealt(stretches, self.pieces)]
        write = partial(_settle, scene.pixel, self.stage)
        return self.spark.write(partial(_correlate, item, reach), pieces, write, self.group)[0]

    def carry(self, item: Input, scene: Scene, placed: Sequence[local.Placed]) -> Figures | None:
        x, y = (np.concatenate([getattr(each, axis) for each in placed]) for axis in ("x", "y"))
        around = find_corridor(scene, x, y, self.stage)
        if not around.tiles:
            return None
        figures = self._figures(item, around)
        tiles = list(_with_points(around.tiles, [scene.index(each.x, each.y) for each in placed]))
        label = partial(_label_tiles, item, figures, self.stage)
        for found in self._collect(label, _dealt(tiles, self.pieces)):
            placed[found.batch].batch.carried.put(found.at, found.carried)
        return figures

    def write(self, batches: Mapping[str, Sequence[local.Batch]]) -> None:
        self._collect(partial(_write, self.project, self.granule), list(batches.items()))

    def _figures(self, item: Input, around: Corridor) -> Figures:
        """The first look; where cloud throws its shadow is the work of a task of its own."""
        look = partial(_look, item, around.cells, self.stage)
        found = self._collect(look, [None, *_dealt(around.tiles, self.pieces)])
        (shade,) = (one for one in found if isinstance(one, Shade))
        return sum_up((one for one in found if isinstance(one, Counts)), shade, self.stage)

    def _collect(self, call: Callable[[Item], Iterable[Result]], contents: Sequence[Item]) -> list[Result]:
        """What ``call`` gives for the contents, each in a task of its own. Raises the first error among it."""
        return demanded(self.spark.collect(call, contents, self.group)) if contents else []


def _dealt(items: Sequence[Item], hands: int) -> list[Sequence[Item]]:
    """The items in order, in at most ``hands`` parts of about one size."""
    parts = min(hands, len(items))
    return [items[len(items) * part // parts : len(items) * (part + 1) // parts] for part in range(parts)]


def _find_drift(item: Input, stage: Autolabel, beams: Sequence[BeamSignals]) -> Iterator[Drift]:
    with open_scene(item) as scene:
        yield find_drift(scene, beams, stage)


def _correlate(item: Input, reach: int, stretches: Sequence[Stretch]) -> Iterator[tuple[int, Products | None]]:
    """Of each stretch the scene pixels that it crosses, and its products with the scene."""
    pieces = [lay(*stretch) for stretch in stretches]
    with open_scene(item) as scene:
        for piece, brightness in with_brightness(scene, pieces, reach):
            yield piece.pixels, core.centred(piece, brightness, reach)


def _settle(pixel: float, stage: Autolabel, _track: int, values: Iterator[tuple[int, Products | None]]) -> Drift:
    """The products are summed one by one in the order of the stretches, to the same digits as anywhere."""
    products, pixels = None, 0
    for crossed, one in values:
        products, pixels = core.total((products, one)), pixels + crossed
    return settled(products, pixels, pixel, stage)


def _look(
    item: Input, cells: npt.NDArray[np.bool_], stage: Autolabel, tiles: Sequence[Window] | None
) -> Iterator[Counts | Shade]:
    """Counts of tiles; without any, where cloud can throw its shadow."""
    with open_scene(item) as scene:
        if tiles is None:
            yield find_shade(scene, cells, stage)
        for tile in tiles or ():
            yield count(scene, cells, tile, stage)


def _with_points(
    tiles: Sequence[Window], places: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
) -> Iterator[Tile]:
    """The tiles that segments lie on, given the row and col of each batch's."""
    for window in tiles:
        points = {}
        for number, (row, col) in enumerate(places):
            inside = (row >= window.row) & (row < window.row_stop) & (col >= window.col) & (col < window.col_stop)
            at = np.flatnonzero(inside)
            if len(at):
                points[number] = at, row[at], col[at]
        if points:
            yield Tile(window, points)


def _label_tiles(item: Input, figures: Figures, stage: Autolabel, tiles: Sequence[Tile]) -> Iterator[Found]:
    with open_scene(item) as scene:
        for tile in tiles:
            pixels = local.pixels_of(label_window(scene, figures, tile.window, stage))
            for number, (at, row, col) in tile.points.items():
                carried = Carried.outside(len(at))
                carry(carried, row, col, pixels, stage.transition)
                yield Found(number, at, carried)


def _write(project: Project, granule: Granule, given: tuple[str, Sequence[local.Batch]]) -> Iterator[int]:
    beam, batches = given
    yield local.write_table(project, granule, beam, batches)

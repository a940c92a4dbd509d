"""A Spark session for one command: started when first needed, checked, cancelled by its tag, stopped at the end."""

from __future__ import annotations

import importlib
import logging
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pyspark import SparkContext, cloudpickle
from pyspark.sql import DataFrame, SparkSession

from processing.errors import InputError, LeadlineError
from processing.interrupt import stop_if_asked
from processing.io.atomic import sweep
from processing.local.failures import raise_first
from processing.progress import tell, waiting
from processing.spark import bootstrap, processes, shipping, tasks
from processing.spark.bootstrap import Code
from processing.spark.settings import settings_for
from processing.spark.tasks import SCHEMA, Batches, Piece, Row
from processing.spark.trouble import gone_or_not, translated
from processing.stages import Engine

log = logging.getLogger(__name__)

NEEDS = ("numpy", "numba", "pyarrow", "h5py", "scipy", "pyproj", "rasterio", "cv2", "param", "rich")
"""Modules that every executor's Python must bring."""

WORKER_SECONDS = 60.0
"""How long to wait for a first executor, or for another when all are lost."""

_NEXT_SECONDS, _LAST_SECONDS, _LOOK_SECONDS = 0.5, 10.0, 0.1
"""How long to wait for another executor where any number will do, and for those asked for; between two looks."""

_STOP_SECONDS, _FORCE_SECONDS, _END_SECONDS = 2.0, 2.7, 1.0
"""When an interrupted command asks Java itself to end, and when it makes it; how long it waits for executors then."""

Content = TypeVar("Content")
Result = TypeVar("Result")

_KEPT: ContextVar[_Kept | None] = ContextVar("_KEPT", default=None)

cloudpickle.register_pickle_by_value(bootstrap)


@dataclass(frozen=True)
class Progress:
    """Tasks done of those begun or waiting, and the jobs that they are of."""

    done: int
    tasks: int
    jobs: int


class Cluster:
    """A running Spark application and what Leadline asks of it.

    Attributes
    ----------
    tag : on every job, to cancel them by.
    """

    def __init__(self, session: SparkSession, code: Code, tag: str) -> None:
        self._session, self._code = session, code
        self._context = session.sparkContext
        self.tag = tag
        self.is_local = self._context.master.startswith("local")
        self._untidy: list[tuple[Path, str]] = []

    @property
    def cores(self) -> int:
        """Tasks that run at once with the executors that are there now."""
        return int(self._context.defaultParallelism)

    @property
    def mark(self) -> str:
        """On every file that a task writes aside."""
        return re.sub(r"\W", "_", self.tag)

    def collect(
        self, call: Callable[[Content], Iterable[Result]], contents: Iterable[Content], group: str
    ) -> list[list[Result | LeadlineError]]:
        """What ``call`` gives for each content, in order, each in a task of its own; meant for small results.

        An error that tells of bad input stands among the results.
        """
        pieces = [Piece(number, content) for number, content in enumerate(contents)]
        found: list[list[Result | LeadlineError]] = [[] for _ in pieces]
        for row in sorted(self._rows(self._worked(call, pieces), group), key=lambda row: row.number):
            if row.value is not None:
                found[row.track].append(row.value)
        return found

    def write(
        self,
        call: Callable[[Content], Iterable[Any]],
        pieces: Iterable[Piece[Content]],
        write: Callable[[int, Iterator[Any]], Result],
        group: str,
    ) -> dict[int, Result]:
        """Values of ``call`` for the pieces, in order, to ``write`` of the track they belong to: its result, by track.

        ``write`` runs once a track that counts, however often Spark tries; it must put its output in place whole.
        An error that tells of bad input in a piece ends its track alone; it is raised once the others are done.
        """
        chosen = list(pieces)
        if _is_whole(chosen):
            return self._alone(partial(tasks.straight, call, write), chosen, group)
        frame = self._gathered(self._worked(call, chosen), 1 + max(piece.track for piece in chosen))
        return self._results(self._joined(frame, partial(tasks.written, write)), group)

    def chain(
        self,
        first: Callable[[Content], Iterable[Any]],
        join: Callable[[int, Iterator[Any]], Iterable[Row]],
        second: Callable[[Any], Iterable[Any]],
        pieces: Iterable[Piece[Content]],
        write: Callable[[int, Iterator[Any]], Result],
        whole: Callable[[int, Content], Result],
        group: str,
    ) -> dict[int, Result]:
        """As ``write``, of work in two steps that needs to know the whole track in between.

        ``join`` gets the values of ``first`` for a track and gives one row for each of its pieces: the track, the
        piece's number among ``pieces`` and what ``second`` is called with. Where every track is one piece, ``whole``
        does all of it from reading to writing.
        """
        chosen = list(pieces)
        if _is_whole(chosen):
            return self._alone(whole, chosen, group)
        tracks = 1 + max(piece.track for piece in chosen)
        joined = self._joined(self._gathered(self._worked(first, chosen), tracks), join)
        spread = joined.repartitionById(len(chosen), (joined.number % len(chosen)).cast("int"))
        again = self._mapped(spread, partial(tasks.work_again, second, self.mark))
        return self._results(self._joined(self._gathered(again, tracks), partial(tasks.written, write)), group)

    def ask_for(self, needs: tuple[str, ...]) -> None:
        """Have every executor that works from now on bring the modules ``needs``, besides NEEDS.

        Raises InputError when one does not.
        """
        if self._code.needs == (*NEEDS, *needs):
            return
        self._code = replace(self._code, needs=(*NEEDS, *needs))
        if needs:
            self.look()

    def look(self) -> None:
        """See that executors can work, and have their processes begun. Raises InputError when one cannot."""
        ready = partial(_ready, self._code.needs[len(NEEDS) :])
        with waiting("starting Python on the executors"):
            demanded(self.collect(ready, range(self.cores), f"{self.tag}: first look at the executors"))

    def progress(self, group: str) -> Progress:
        """Tasks of the group's jobs so far."""
        tracker = self._context.statusTracker()
        done = total = jobs = 0
        for job in tracker.getJobIdsForGroup(group):
            jobs += 1
            info = tracker.getJobInfo(job)
            for stage in (tracker.getStageInfo(number) for number in (info.stageIds if info else ())):
                done += min(stage.numCompletedTasks, stage.numTasks) if stage else 0
                total += stage.numTasks if stage else 0
        return Progress(done, total, jobs)

    @property
    def page(self) -> str:
        """Address of Spark's own page; empty where it has none."""
        return str(self._context.uiWebUrl or "")

    def running(self) -> int:
        """Tasks at work now."""
        tracker = self._context.statusTracker()
        stages = (tracker.getStageInfo(number) for number in tracker.getActiveStageIds())
        return sum(stage.numActiveTasks for stage in stages if stage)

    @property
    def has_executors(self) -> bool:
        """Whether anybody is there to work."""
        return self.is_local or _executors(self._session) > 0

    def cancel(self) -> None:
        """End every job of this cluster's tag."""
        with gone_or_not():
            self._context.cancelJobsWithTag(self.tag)

    @contextmanager
    def tidy(self, folder: Path) -> Iterator[None]:
        """Remove after the block what tasks that were lost left aside below ``folder``.

        Where the block was cut short, tasks may still be at work: what they leave goes with ``tidy_up``.
        """
        try:
            yield
        except BaseException:
            self._untidy.append((folder, self.mark))
            raise
        finally:
            sweep(folder, self.mark)

    def tidy_up(self) -> None:
        """Remove what tasks of blocks that were cut short left aside, once all have ended."""
        for folder, mark in self._untidy:
            sweep(folder, mark)

    def _worked(self, call: Callable[[Content], Iterable[Any]], pieces: list[Piece[Content]]) -> DataFrame:
        return self._each(pieces, partial(tasks.work_on, call))

    def _alone(self, steps: Callable[[int, Any], Any], pieces: list[Piece[Any]], group: str) -> dict[int, Any]:
        """Tracks of one piece each: what a task finds it writes, and nothing moves."""
        return self._results(self._each(pieces, partial(tasks.work_alone, steps)), group)

    def _each(
        self, pieces: list[Piece[Any]], work: Callable[[dict[int, Piece[Any]], str, Batches], Batches]
    ) -> DataFrame:
        """A task for each piece."""
        numbers = self._session.range(0, len(pieces), 1, len(pieces))
        return self._mapped(numbers, partial(work, dict(enumerate(pieces)), self.mark))

    def _gathered(self, frame: DataFrame, tracks: int) -> DataFrame:
        return frame.repartitionById(tracks, frame.track).sortWithinPartitions("track", "number")

    def _joined(self, frame: DataFrame, join: Callable[[int, Iterator[Any]], Iterable[Row]]) -> DataFrame:
        return self._mapped(frame, partial(tasks.join_tracks, join, self.mark))

    def _mapped(self, frame: DataFrame, function: Callable[[Batches], Batches]) -> DataFrame:
        return frame.mapInArrow(bootstrap.on_executor(self._code, cloudpickle.dumps(function)), SCHEMA)

    def _results(self, frame: DataFrame, group: str) -> dict[int, Any]:
        rows = self._rows(frame, group)
        raise_first([row.value for row in rows if isinstance(row.value, LeadlineError)])
        return {row.track: row.value for row in rows}

    def _rows(self, frame: DataFrame, group: str) -> list[Row]:
        with translated(group):
            self._context.setJobGroup(group, group)
            self._context.addJobTag(self.tag)
            return [Row(row.track, row.number, tasks.loaded(row.value)) for row in frame.collect()]


def demanded(found: Iterable[Iterable[Result | LeadlineError]]) -> list[Result]:
    """What ``Cluster.collect`` gave, in one list. Raises the first error among it."""
    values: list[Result] = []
    for value in chain.from_iterable(found):
        if isinstance(value, LeadlineError):
            raise value
        values.append(value)
    return values


def _is_whole(pieces: list[Piece[Any]]) -> bool:
    """Whether every track is one piece."""
    return len({piece.track for piece in pieces}) == len(pieces)


@contextmanager
def cluster(engine: Engine, tag: str, needs: tuple[str, ...] = ()) -> Iterator[Cluster]:
    """A cluster as ``engine`` says, its jobs tagged with ``tag`` and this process; it is stopped after the block.

    ``needs`` are modules that the work in the block imports besides NEEDS. Within ``kept_open`` one cluster serves all
    blocks. Raises InputError when no master answers, no worker comes or an executor cannot work, and whatever Spark
    raises in the block as LeadlineError.
    """
    kept = _KEPT.get()
    with translated(engine.master):
        if kept is None:
            with _running(engine, _tag(tag), needs) as made:
                yield made
            return
        if kept.cluster is None:
            kept.cluster = kept.stack.enter_context(_running(engine, _tag(tag), needs))
        kept.cluster.tag = _tag(tag)
        kept.cluster.ask_for(needs)
        yield kept.cluster


@contextmanager
def kept_open() -> Iterator[None]:
    """Let the stages in the block share one cluster, started when the first of them asks for it."""
    with ExitStack() as stack:
        token = _KEPT.set(_Kept(stack))
        try:
            yield
        finally:
            _KEPT.reset(token)


@dataclass
class _Kept:
    stack: ExitStack
    cluster: Cluster | None = None


def _tag(word: str) -> str:
    return f"leadline-{word}-{os.getpid()}"


@contextmanager
def _running(engine: Engine, tag: str, needs: tuple[str, ...]) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="leadline-spark-") as folder:
        with waiting("starting Spark"), processes.ended_with(_STOP_SECONDS):
            code, archive = shipping.pack(Path(folder), (*NEEDS, *needs))
            settings = settings_for(engine, Path(folder), tag)
            session = _started(engine, settings, Path(folder))
        made = Cluster(session, code, tag)
        try:
            if made.page:
                tell(link={"name": "Spark", "url": made.page})
            session.sparkContext.addFile(str(archive))
            if not made.is_local:
                with waiting(f"asking {engine.master} for executors"):
                    _wait_for_executors(session, engine)
            log.debug("Spark application %s", session.sparkContext.applicationId)
            made.look()
            yield made
        except BaseException:
            with _in_time():
                _stop(session, settings)
            processes.wait_for_end(tag, _END_SECONDS)
            made.tidy_up()
            raise
        _stop(session, settings)


def _stop(session: SparkSession, settings: Iterable[str]) -> None:
    with gone_or_not():
        session.stop()
        _forget(settings)


@contextmanager
def _in_time() -> Iterator[None]:
    """End Java where the block takes too long; what is asked of it then fails at once."""
    java = SparkContext._gateway.proc
    timers = [threading.Timer(_STOP_SECONDS, java.terminate), threading.Timer(_FORCE_SECONDS, java.kill)]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def _ready(needs: Sequence[str], _number: int) -> Iterator[str]:
    """Name of the machine, once the modules ``needs`` are imported there."""
    here = socket.gethostname()
    for name in needs:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            what = f"the Python of executor {here} cannot import {name} ({error})"
            raise InputError(
                what, where="Spark", mend="mend it there, or name another with --executor-python"
            ) from None
    yield here


def _started(engine: Engine, settings: Mapping[str, str], folder: Path) -> SparkSession:
    builder = SparkSession.builder.master(engine.master).appName("Leadline")
    for name, value in settings.items():
        builder = builder.config(name, value)
    if not log.isEnabledFor(logging.DEBUG):
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # what it logs it raises too, to be told in one line
        logging.getLogger().addFilter(_is_not_of_py4j)
    # Java says a few lines before it can be told how much to say.
    with _quiet(folder / "spark.log"):
        session = builder.getOrCreate()
    # Where Java ends first, the thread that listens to it would print a trace of what is told in one line already.
    session.sparkContext._accumulatorServer.handle_error = lambda *_: None
    # Functions run in what the environment called Python when the context was made, whatever the settings say.
    session.sparkContext.pythonExec = engine.executor_python or sys.executable
    return session


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    """Whether a record in nobody's name is of something else than py4j, which tells of interrupts in that way."""
    return "py4j" not in Path(record.pathname).parts


def _forget(settings: Iterable[str]) -> None:
    """Java outlives the session, and would give the next one the settings that it was itself begun with."""
    system = SparkContext._jvm.java.lang.System
    for name in settings:
        system.clearProperty(name)


def _wait_for_executors(session: SparkSession, engine: Engine) -> None:
    """Wait for the executors asked for or, where any number will do, until no other has come for a moment.

    Raises InputError when none comes.
    """
    asked_for = engine.cores // engine.executor_cores if engine.executor_cores else 0
    patience = _LAST_SECONDS if asked_for else _NEXT_SECONDS
    began = last = time.monotonic()
    came = 0
    while not asked_for or came < asked_for:
        stop_if_asked()
        now = time.monotonic()
        if _executors(session) > came:
            came, last = _executors(session), now
        if came and now - last > patience:
            return
        if not came and now - began > WORKER_SECONDS:
            what = f"no worker offered an executor of {engine.executor_cores or 'any'} cores and "
            mend = "start workers, ask for less, or wait until other applications have ended"
            raise InputError(f"{what}{engine.executor_memory} MiB", where=f"--master {engine.master}", mend=mend)
        time.sleep(_LOOK_SECONDS)


def _executors(session: SparkSession) -> int:
    """Executors that are registered; the driver counts as one where Spark counts."""
    tracker = session.sparkContext._jsc.sc().statusTracker()
    return len(tracker.getExecutorInfos()) - 1


@contextmanager
def _quiet(log_file: Path) -> Iterator[None]:
    """Let a process that is started in the block write to ``log_file`` what it would say on standard error."""
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log_file.open("wb") as file:
            os.dup2(file.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

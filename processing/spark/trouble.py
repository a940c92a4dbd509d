"""What Spark says when a job fails, in one line that a user can act on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import walk_tb

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from processing.errors import InputError, LeadlineError, MissingError
from processing.spark.bootstrap import TROUBLE

log = logging.getLogger(__name__)


class CancelledError(LeadlineError):
    """A job that was cancelled."""


class ClusterLostError(InputError):
    """Spark itself has ended, so that no granule can be worked on any more."""


_KNOWN = (
    (rf"{TROUBLE}: (?P<what>[^\n]+)", InputError, "{what}", "install it there, or name another with --executor-python"),
    (
        r"JAVA_GATEWAY_EXITED",
        MissingError,
        "Java did not start",
        "install a Java 17 and put it on the PATH, or name it in JAVA_HOME",
    ),
    (r"JOB_CANCELLED", CancelledError, "the job was cancelled", ""),
    (
        r"No space left on device|Disk quota exceeded",
        InputError,
        "the disk of a worker is full",
        "free some of it, or point spark.local.dir to another disk; a rerun does what is left",
    ),
    (
        r'Cannot run program "(?P<what>[^"]+)"',
        InputError,
        "an executor has no Python at {what}",
        "name the one it has with --executor-python",
    ),
    (
        r"Python in worker has different version[^\d]*(?P<what>[\d.]+)|PYTHON_VERSION_MISMATCH",
        InputError,
        "the executors' Python is not of the version of this one",
        "name one that is with --executor-python",
    ),
    (
        r"No module named '(?P<what>[^']+)'",
        InputError,
        "the Python of an executor lacks the module {what}",
        "install it there, or name another with --executor-python",
    ),
    (
        r"Python worker (?:exited unexpectedly|failed to connect)|ExecutorLostFailure|OutOfMemoryError",
        InputError,
        "an executor died over it, time and again (out of memory?)",
        "give --executor-memory more, or --executor-cores fewer, so that fewer tasks share an executor's memory",
    ),
    (
        r"All masters are unresponsive|InvalidClassException|SparkContext (?:was|has been) (?:shut down|stopped)",
        ClusterLostError,
        "Spark's master or driver gave up",
        "look at the master's log; its Spark must be of the version that pyspark has here",
    ),
)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn Spark's errors in the block into LeadlineError about ``where``; the whole is logged for ``--verbose``."""
    try:
        yield
    except (Py4JError, PySparkException, ConnectionError) as error:
        lost = _is_lost(error)
        if isinstance(error, ConnectionError) and not lost:
            raise
        log.debug("%s: %s", where, error)
        raise (_lost(where) if lost else in_one_line(str(error), where)) from error


def _is_lost(error: Exception) -> bool:
    """Whether Java does not answer any more: py4j has an error of its own for that, one of no kind and no trace, and
    lets those of the line to Java pass."""
    if isinstance(error, ConnectionError):
        modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__))
        return any(module.startswith("py4j.") for module in modules)
    silent = type(error) is Py4JError and "Trace:" not in str(error)
    return silent or isinstance(error, Py4JNetworkError)


def _lost(where: str) -> ClusterLostError:
    what = "the Java process of this command has ended"
    mend = "see whether its machine ran out of memory; the same command goes on from there"
    return ClusterLostError(what, where=where, mend=mend)


@contextmanager
def gone_or_not() -> Iterator[None]:
    """Let what the block asks of Spark be in vain where Java has ended, as it does when both are asked to."""
    with suppress(Py4JError, ConnectionError):
        yield


def in_one_line(text: str, where: str) -> LeadlineError:
    """The error of which Spark's ``text`` tells."""
    for pattern, kind, what, mend in _KNOWN:
        if found := re.search(pattern, text):
            return kind(what.format(**found.groupdict()), where=where, mend=mend)
    told = re.findall(r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)\w*: [^\n]+)", text, re.MULTILINE)
    why = told[-1] if told else text.strip().splitlines()[0] if text.strip() else "no reason given"
    return LeadlineError(f"the Spark job failed: {why}", where=where, mend="say --verbose to see it all")

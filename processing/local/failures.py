"""Granules that cannot be used do not keep the others from being done: their errors are told at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from processing.errors import LeadlineError
from processing.progress import tell

log = logging.getLogger(__name__)


@contextmanager
def collected(failures: list[LeadlineError], granule: str = "") -> Iterator[None]:
    """Keep an error of the block in ``failures``; where it is about one granule, that cannot be used, tell so."""
    try:
        yield
    except LeadlineError as error:
        failures.append(error)
        if granule:
            tell(failed={granule: error.line})


def raise_first(failures: Sequence[LeadlineError]) -> None:
    """Raise the first failure, which then says how many more there are; the others are logged."""
    if not failures:
        return
    first, *others = failures
    for error in others:
        log.warning("%s", error.line)
    told = f"{first.what} (and {len(others)} more of the granules cannot be used)" if others else first.what
    error = type(first)(told, where=first.where, mend=first.mend)
    error.others_done = True
    raise error from first

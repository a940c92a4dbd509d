"""The one error a user sees: what is wrong, where, and how to mend it."""

from __future__ import annotations

from pathlib import Path


class LeadlineError(Exception):
    """Bad input, told in one line; the command line exits with status 2 on it.

    Parameters
    ----------
    what : what is wrong, with the offending value.
    where : the file, table or option at fault.
    mend : what the user can do about it.

    Attributes
    ----------
    others_done : whether it concerns some granules alone, and the others were done.
    """

    others_done = False

    def __init__(self, what: str, *, where: str | Path = "", mend: str = "") -> None:
        self.what = " ".join(what.split())
        self.where = str(where)
        self.mend = " ".join(mend.split())
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message on one line: ``where: what; mend``."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}; {self.mend}" if self.mend else head

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.mend))


def _rebuild(kind: type[LeadlineError], what: str, where: str, mend: str) -> LeadlineError:
    return kind(what, where=where, mend=mend)


class InputError(LeadlineError):
    """A file or value that was given cannot be used."""


class StaleError(LeadlineError):
    """A table no longer follows from its inputs, or was made by another schema version."""


class MissingError(LeadlineError):
    """A table or file that a stage needs is not there yet."""

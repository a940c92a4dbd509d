"""What ``leadline add`` recognised in a file or folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processing.errors import InputError


class UnreadableError(InputError):
    """A file that cannot be opened or is of no use by itself; in a folder it is passed over and told."""


@dataclass(frozen=True)
class Found:
    """One recognised input.

    Attributes
    ----------
    category : ``granules``, ``scenes`` or ``references``.
    ident : identifier the project will know it by.
    kind : ``atl03``, ``photon_table``, ``safe``, ``geotiff``, ``atl07``, ``atl10`` or ``measurements``.
    path : the file or folder.
    details : JSON values the reader needs besides the file.
    summary : one line for a person: beams, photons, bands, size, times, place.
    """

    category: str
    ident: str
    kind: str
    path: Path
    details: dict[str, Any] = field(default_factory=dict)
    summary: str = ""

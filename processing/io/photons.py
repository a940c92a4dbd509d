"""Photons of a project's granules, whatever file they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from processing.core.resample import Beam, PhotonChunk
from processing.errors import InputError
from processing.io.photon_stream import PhotonWindow, Stretch, TrackLine
from processing.project import Input
from processing.stages import Resample

__all__ = ["PhotonSource", "PhotonWindow", "Stretch", "TrackLine", "open_photons"]


class PhotonSource(Protocol):
    """One granule's photons, beam by beam, never more than a chunk at a time."""

    granule_id: str
    beams: tuple[str, ...]

    def is_strong(self, beam: str) -> bool | None:
        """Whether the beam is a strong one; None where the file does not tell."""

    def photon_count(self, beam: str) -> int:
        """Photons in the beam."""

    def track(self, beam: str, points: int = 2000) -> TrackLine:
        """Decimated course of the beam for maps and extents."""

    def facts(self, beam: str, stage: Resample) -> Beam:
        """Background rate, first-photon table and quality bits of the beam."""

    def stretches(self, beam: str, stage: Resample) -> list[Stretch]:
        """How the beam is cut into chunks."""

    def chunks(self, beam: str, stage: Resample, part: slice = slice(None)) -> Iterator[PhotonChunk]:
        """The photons of the beam, or of ``part`` of its stretches, in along-track order."""

    def window(
        self, beam: str, x_start: float, x_end: float, stage: Resample, limit: int | None = None
    ) -> PhotonWindow:
        """Photons of a stretch of track, for display."""

    def check(self, stage: Resample) -> None:
        """Raise InputError when the granule cannot be used with these parameters."""

    def close(self) -> None:
        """Let go of the file."""


def open_photons(item: Input) -> PhotonSource:
    """Open a granule of a project; the caller closes it.

    Raises InputError when the file is damaged, holds no photons over sea ice or is of an unknown kind.
    """
    if item.kind == "atl03":
        from processing.io.atl03 import Atl03Source

        return Atl03Source(item.path, item.ident)
    if item.kind == "photon_table":
        from processing.io.photon_table import PhotonTableSource

        return PhotonTableSource(item.path, item.ident, str(item.details.get("beam", "")))
    raise InputError(f"granule of unknown kind {item.kind!r}", where=item.path, mend="one of atl03, photon_table")

"""Where a training run's labels and segments come from, and whether they still fit together."""

from __future__ import annotations

from dataclasses import dataclass

from processing.errors import MissingError, StaleError
from processing.io import tables
from processing.local.snapshot import manifest
from processing.project import Project
from processing.provenance import Stamp, digest


@dataclass(frozen=True)
class Source:
    """What a training run learns from.

    Attributes
    ----------
    fingerprints : of the ``snapshot`` and of all ``segments`` under it. window : length of the segments [m].
    """

    snapshot: str
    tracks: tuple[tuple[str, str], ...]
    fingerprints: dict[str, str]
    window: float


def find_source(project: Project, snapshot: str) -> Source:
    """The snapshot called ``snapshot``, or the newest.

    Raises MissingError when there is none, StaleError when the segments under it were made anew.
    """
    name = snapshot or project.newest_run("snapshots", "snapshot")
    known = project.runs("snapshots")
    if name not in known:
        raise MissingError(f"no snapshot {name!r}", where=project.root, mend=f"there are: {', '.join(known) or 'none'}")
    tracks = project.tracks("snapshots", name)
    stamps = [segment_stamp(project, *track) for track in tracks]
    for track, stamp in zip(tracks, stamps, strict=True):
        path = project.table_path("snapshots", *track, name)
        frozen = tables.read_stamp(path)
        if frozen is None or frozen.inputs.get("segments") != stamp.fingerprint:
            mend = f"{_command('autolabel', project)}, then {_command('snapshot', project)}"
            raise StaleError(f"snapshot {name} was made of other segments", where=path, mend=mend)
    windows = sorted({window_of(stamp) for stamp in stamps})
    if len(windows) != 1:
        what = f"segments of several lengths ({', '.join(f'{length:g} m' for length in windows)})"
        raise StaleError(what, where=project.root, mend=_command("resample", project))
    segments = digest([[*track, stamp.fingerprint] for track, stamp in zip(tracks, stamps, strict=True)])
    frozen_state = str(manifest(project, name)["fingerprint"])
    return Source(name, tuple(tracks), {"snapshot": frozen_state, "segments": segments}, windows[0])


def segment_stamp(project: Project, granule: str, beam: str) -> Stamp:
    """Provenance of a track's segments; raises MissingError when there are none."""
    path = project.table_path("segments", granule, beam)
    stamp = tables.read_stamp(path)
    if stamp is None:
        mend = _command("resample", project)
        raise MissingError("segments are not there or carry no provenance", where=path, mend=mend)
    return stamp


def window_of(stamp: Stamp) -> float:
    """Length [m] of the segments that ``stamp`` belongs to."""
    return float(stamp.parameters["window"])


def _command(stage: str, project: Project) -> str:
    return f"run: leadline {stage} {project.root}"

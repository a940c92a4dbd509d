"""What there is to label: which granules meet which scenes, and whose labels no longer follow from their inputs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processing.errors import InputError, LeadlineError, MissingError
from processing.io import tables
from processing.io.figures import figures_path
from processing.local.failures import collected, raise_first
from processing.local.meetings import Course, Frame, Meeting, courses, frame, meet, miss, nearest_miss
from processing.local.shifts import Shift, shift_inputs, shifts_by_hand
from processing.project import Project
from processing.provenance import Stamp
from processing.stages import Autolabel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Granule:
    """A granule to label; a few kilobytes, so that it can travel.

    Attributes
    ----------
    segments : number of segments by beam. meetings : the scenes it meets, nearest in time first.
    stamps : provenance of each beam's table. shifts : drifts set by hand, by scene.
    """

    ident: str
    segments: Mapping[str, int]
    meetings: Sequence[Meeting]
    stamps: Mapping[str, Stamp]
    shifts: Mapping[str, Shift]

    @property
    def count(self) -> int:
        """Segments of all beams."""
        return sum(self.segments.values())


def plan(
    project: Project, stage: Autolabel, granules: Sequence[str] | None, failures: list[LeadlineError]
) -> list[Granule]:
    """The granules, of those named or of all, whose labels are missing or no longer follow from their inputs.

    Says which scenes and granules stay alone. The error of a scene or a granule that cannot be used goes to
    ``failures``; what may need such a scene is left as it is. Raises MissingError without segments or scenes,
    InputError when no track meets any scene.
    """
    beams = _beams(project, granules)
    frames = _frames(project, failures)
    lost = {item.ident for item in project.inputs("scenes")} - {found.item.ident for found in frames}
    met = _meet_all(project, stage, beams, frames, failures, alone=granules is not None)
    todo = [granule for granule in met if not _is_current(project, granule)]
    left = [granule.ident for granule in todo if _may_need(project, granule, lost)]
    for ident in left:
        log.warning("granule %s is left as it is: it may need scene %s, which cannot be used", ident, min(lost))
    return [granule for granule in todo if granule.ident not in left]


def _beams(project: Project, granules: Sequence[str] | None) -> dict[str, list[str]]:
    """Beams that have segments, by granule."""
    found: dict[str, list[str]] = {}
    for granule, beam in project.tracks("segments"):
        if not granules or granule in granules:
            found.setdefault(granule, []).append(beam)
    lacking = sorted(set(granules or ()) - set(found))
    if lacking or not found:
        what = f"granule {lacking[0]} has no segments" if lacking else "there are no segments yet"
        raise MissingError(what, where=project.root, mend=f"run: leadline resample {project.root}")
    return found


def _frames(project: Project, failures: list[LeadlineError]) -> list[Frame]:
    """Where and when the scenes are. Raises MissingError without any, and what the first says when none can be used."""
    items = project.inputs("scenes")
    if not items:
        raise MissingError(
            "the project has no scene yet", where=project.root, mend=f"run: leadline add {project.root} SCENE"
        )
    found = []
    for item in items:
        with collected(failures):
            found.append(frame(item))
    if not found:
        raise_first(failures)
    return found


def _meet_all(
    project: Project,
    stage: Autolabel,
    beams: Mapping[str, list[str]],
    frames: Sequence[Frame],
    failures: list[LeadlineError],
    *,
    alone: bool,
) -> list[Granule]:
    """Every granule with the scenes it meets; says which scenes and granules stay alone."""
    by_hand = shifts_by_hand(project)
    found, lines = [], {}
    for ident, names in beams.items():
        with collected(failures, ident):
            lines[ident] = courses(project, ident, names)
            found.append(_met(project, stage, ident, lines[ident], frames, by_hand))
    if not any(granule.meetings for granule in found):
        raise_first(failures)
        what = f"no track meets a scene: {_nearest(lines, frames, stage)}"
        mend = "add a scene of the same place within max_time_offset of the track"
        raise InputError(what, where=project.root, mend=mend)
    if not alone:
        _tell_alone(found, lines, frames, stage, failures)
    return found


def _met(
    project: Project,
    stage: Autolabel,
    ident: str,
    lines: Sequence[Course],
    frames: Sequence[Frame],
    by_hand: Mapping[tuple[str, str], Shift],
) -> Granule:
    """A granule with the scenes it meets."""
    meetings = meet(lines, frames, stage.max_time_offset * 3600.0)
    scenes = [meeting.scene.ident for meeting in meetings]
    shifts = {scene: by_hand[ident, scene] for scene in scenes if (ident, scene) in by_hand}
    beams = [line.beam for line in lines]
    stamps = _stamps(project, stage, ident, beams, meetings, shift_inputs(by_hand, ident, scenes))
    return Granule(ident, {line.beam: line.rows for line in lines}, meetings, stamps, shifts)


def _tell_alone(
    found: Sequence[Granule],
    lines: Mapping[str, Sequence[Course]],
    frames: Sequence[Frame],
    stage: Autolabel,
    failures: list[LeadlineError],
) -> None:
    met = {meeting.scene.ident for granule in found for meeting in granule.meetings}
    for candidate in frames:
        if candidate.item.ident not in met:
            with collected(failures):
                nearest = _nearest(lines, [candidate], stage)
                log.warning("scene %s misses every track: %s", candidate.item.ident, nearest)
    for granule in found:
        if not granule.meetings:
            with collected(failures):
                nearest = _nearest({granule.ident: lines[granule.ident]}, frames, stage)
                log.warning("granule %s stays unlabelled: %s", granule.ident, nearest)


def _nearest(lines: Mapping[str, Sequence[Course]], frames: Sequence[Frame], stage: Autolabel) -> str:
    """The nearest that any of the granules comes to any of the scenes, none of which it meets, in words."""
    misses = (miss(granule, courses, candidate) for granule, courses in lines.items() for candidate in frames)
    return nearest_miss(misses, stage.max_time_offset * 3600.0)


def _stamps(
    project: Project,
    stage: Autolabel,
    granule: str,
    beams: Sequence[str],
    meetings: Sequence[Meeting],
    shifts: Mapping[str, str],
) -> dict[str, Stamp]:
    """Provenance of each beam's labels: its own segments, the others' (they share the drift), scenes and shifts."""
    tracks = {beam: tables.read_stamp(project.table_path("segments", granule, beam)) for beam in beams}
    prints = {beam: stamp.fingerprint if stamp else "" for beam, stamp in tracks.items()}
    scenes = {f"scene:{meeting.scene.ident}": meeting.scene.fingerprint for meeting in meetings}
    found = {}
    for beam in beams:
        others = {f"segments:{other}": prints[other] for other in beams if other != beam}
        found[beam] = Stamp(stage.key, stage.values_dict(), {"segments": prints[beam]} | others | scenes | dict(shifts))
    return found


def _is_current(project: Project, granule: Granule) -> bool:
    paths = {beam: project.table_path("autolabels", granule.ident, beam) for beam in granule.segments}
    figures = [figures_path(project, granule.ident, meeting.scene.ident) for meeting in granule.meetings]
    current = (tables.is_current(path, granule.stamps[beam]) for beam, path in paths.items())
    return all(path.exists() for path in figures) and all(current)


def _may_need(project: Project, granule: Granule, lost: set[str]) -> bool:
    """Whether the labels that a granule has rest on a scene that cannot be used, or it meets none that can."""
    if not lost or not granule.meetings:
        return bool(lost)
    known = (tables.read_stamp(project.table_path("autolabels", granule.ident, beam)) for beam in granule.segments)
    rests_on = {name for stamp in known if stamp is not None for name in stamp.inputs}
    return any(f"scene:{scene}" in rests_on for scene in lost)

"""Whether a table still follows from the project's parameters and inputs: the one rule, for every surface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from processing.history import history
from processing.io import tables
from processing.labels import LabelStore, events_fingerprint, is_there
from processing.local.shifts import Shift, shift_inputs, shifts_by_hand
from processing.places import place
from processing.project import CATEGORIES, Project
from processing.provenance import Stamp, fingerprint_file
from processing.schema import SCHEMA_VERSION
from processing.stages import STAGES, Autolabel, Resample, Snapshot, Stage, Train

IN_RUNS = ("snapshots", "models", "predictions", "freeboard")
_OUTPUTS = {stage.output for stage in STAGES.values()}
_NOT_OF_THE_RESULT = {"run_name", "snapshot", "note", "workers"}
"""Parameters that say which run, what it is for or how many did it; a table made with others is no less current."""

Track = tuple[str, str]
"""Granule and beam."""


class Staleness:
    """What of a project no longer follows from its inputs, and why.

    The project is read once, when first asked; make another object to look again.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def of_table(self, kind: type[Stage], path: Path, track: Track) -> str:
        """Why the table at ``path``, which stage ``kind`` made of ``track``, is stale; empty when it is current."""
        stamp = tables.read_stamp(path)
        if stamp is None:
            return "no provenance"
        if stamp.schema_version != SCHEMA_VERSION:
            return f"schema version {stamp.schema_version}"
        return next((why for why in self._reasons(kind, stamp, track) if why), "")

    def of_model(self, run: str) -> str:
        """Why model ``run`` is stale; empty when it is current."""
        record = model_record(self._project, run)
        learned, newest = record.get("snapshot"), self.newest("snapshots")
        wanted = self._parameters[Train.key]["snapshot"] or newest
        why = self._changed_parameter(Train, record.get("parameters", {})) or _other_features(record)
        return why or (f"it learned from snapshot {learned}, {wanted} is newer" if learned != wanted else "")

    def newest(self, kind: str) -> str:
        """The newest run of ``kind``; empty when there is none."""
        return self._newest.get(kind, "")

    def _reasons(self, kind: type[Stage], stamp: Stamp, track: Track) -> Iterator[str]:
        yield self._changed_parameter(kind, stamp.parameters)
        yield from self._additions(kind, stamp, track)
        for name, fingerprint in stamp.inputs.items():
            what, _, ident = name.partition(":")
            if what == "events":
                yield "" if self._events.get(track, events_fingerprint(())) == fingerprint else "labels were corrected"
            elif what == "shift":
                yield self._other_shift(track[0], ident, fingerprint)
            elif what == "model":
                yield self._other_model(fingerprint)
            elif f"{what}s" in CATEGORIES:
                yield self._other_input(f"{what}s", ident, fingerprint)
            elif what == "mean_sea_surface":
                grid = place(self._parameters[Resample.key]["mean_sea_surface"])
                yield "" if grid.is_file() and fingerprint_file(grid) == fingerprint else f"{grid} changed"
            elif what in _OUTPUTS:
                yield self._other_table(what, stamp, (track[0], ident or track[1]), fingerprint)

    def _additions(self, kind: type[Stage], stamp: Stamp, track: Track) -> Iterator[str]:
        """What would be taken in now and was not there when the table was made."""
        if kind is Snapshot and "autolabels" not in stamp.inputs:
            made = self._project.table_path("autolabels", *track).exists()
            yield "auto-labels were made since" if made else ""
        if kind is Autolabel:
            unseen = (name for name in self._new_scenes if f"scene:{name}" not in stamp.inputs)
            yield next((f"scene {name} was added" for name in unseen), "")
            scenes = [name.partition(":")[2] for name in stamp.inputs if name.startswith("scene:")]
            now = shift_inputs(self._shifts, track[0], scenes)
            fresh = (name.partition(":")[2] for name in now if name not in stamp.inputs)
            yield next((f"the drift in scene {scene} was set by hand" for scene in fresh), "")

    def _changed_parameter(self, kind: type[Stage], made_with: dict[str, Any]) -> str:
        now = self._parameters[kind.key]
        for name, value in made_with.items():
            if name not in _NOT_OF_THE_RESULT and name in now and now[name] != value:
                return f"{name} is now {now[name]!r}"
        return ""

    def _other_input(self, category: str, ident: str, fingerprint: str) -> str:
        known = self._inputs[category]
        if known.get(ident) == fingerprint:
            return ""
        return f"{category[:-1]} {ident} {'changed' if ident in known else 'is gone'}"

    def _other_shift(self, granule: str, scene: str, fingerprint: str) -> str:
        now = shift_inputs(self._shifts, granule, [scene]).get(f"shift:{scene}")
        if now is None:
            return f"the drift in scene {scene} is the estimate again"
        return "" if now == fingerprint else f"the drift in scene {scene} was set anew"

    def _other_model(self, fingerprint: str) -> str:
        wanted = self._parameters["classify"]["run_name"] or self.newest("models")
        return f"model {wanted} is newer" if self._models.get(wanted) != fingerprint else ""

    def _other_table(self, kind: str, stamp: Stamp, track: Track, fingerprint: str) -> str:
        """Whether a table was made from another table of ``kind`` than the one that would be taken now."""
        run = ""
        if kind in IN_RUNS:
            run = str(stamp.parameters.get("run_name", ""))
            wanted = self._parameters[stamp.stage]["run_name"] or self.newest(kind)
            if run != wanted:
                return f"{kind} {wanted} are newer"
        found = tables.read_stamp(self._project.table_path(kind, *track, run))
        return "" if found is not None and found.fingerprint == fingerprint else f"{kind} changed"

    @cached_property
    def _parameters(self) -> dict[str, dict[str, Any]]:
        return {key: self._project.stage(kind).values_dict() for key, kind in STAGES.items()}

    @cached_property
    def _inputs(self) -> dict[str, dict[str, str]]:
        return {name: {item.ident: item.fingerprint for item in self._project.inputs(name)} for name in CATEGORIES}

    @cached_property
    def _new_scenes(self) -> list[str]:
        """Scenes added since every granule was last auto-labelled, whether or not they meet a track."""
        runs = [run for run in history(self._project.root) if run.stage == Autolabel.key]
        whole = [run.began.timestamp() for run in runs if run.outcome == "done" and not run.partly]
        scenes = self._project.inputs("scenes") if whole else []
        return [item.ident for item in scenes if item.added > whole[-1]]

    @cached_property
    def _newest(self) -> dict[str, str]:
        return {kind: runs[-1] for kind in IN_RUNS if (runs := self._project.runs(kind))}

    @cached_property
    def _models(self) -> dict[str, str]:
        return {run: model_record(self._project, run).get("fingerprint", "") for run in self._project.runs("models")}

    @cached_property
    def _shifts(self) -> dict[tuple[str, str], Shift]:
        return shifts_by_hand(self._project)

    @cached_property
    def _events(self) -> dict[Track, str]:
        """Fingerprint of the active events of each track that has any."""
        url = self._project.database_url
        if not is_there(url):
            return {}
        with LabelStore(url, reading=True) as store:
            return {track: events_fingerprint(events) for track, events in store.current_by_track().items()}


def _other_features(record: dict[str, Any]) -> str:
    from processing.core.features import FEATURES_VERSION  # brings the compiler, which no other question needs

    version = record.get("features", {}).get("version")
    return f"features are now of version {FEATURES_VERSION}" if version != FEATURES_VERSION else ""


def model_record(project: Project, run: str) -> dict[str, Any]:
    """What a model says of itself; empty when it is not there or cannot be read."""
    try:
        record = json.loads((project.root / "models" / run / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}

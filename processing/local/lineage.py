"""The chain of tables from photons to a table: each with its stage, parameters and the fingerprints of its inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from processing.errors import MissingError
from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp, digest
from processing.schema import SCHEMA_VERSION
from processing.stages import SECTIONS

Track = tuple[str, str]


@dataclass(frozen=True)
class Link:
    """Tables of one kind that were made with the same parameters: one link of the chain.

    Attributes
    ----------
    table, run : kind of table, and its run or snapshot where it has one.
    stage : key of the stage that wrote them.
    parameters, differing : the stage's parameters, and those of them that differ from the defaults.
    inputs : fingerprint of each input by its name; of inputs that differ from track to track, of all together.
    tracks : (granule, beam) of each table. fingerprint : of their provenance together.
    """

    table: str
    run: str
    stage: str
    parameters: dict[str, Any]
    differing: dict[str, Any]
    inputs: dict[str, str]
    tracks: tuple[Track, ...]
    fingerprint: str


@dataclass(frozen=True)
class Lineage:
    """Where a table comes from, from photons on.

    Attributes
    ----------
    table, run : the table itself.
    links : tables in the order they were made; the table itself is last.
    granules, scenes : fingerprint and kind of file of each input by its identifier; scenes are those that any label
        came from, a model's too.
    snapshot, model : what their records say; empty where neither took part.
    derived : parameters, by stage, of what was made from the last table for this occasion.
    synthetic : whether any input is. software : name and version of what wrote the tables.
    """

    table: str
    run: str
    links: tuple[Link, ...]
    granules: dict[str, dict[str, str]]
    scenes: dict[str, dict[str, str]]
    snapshot: dict[str, Any]
    model: dict[str, Any]
    synthetic: bool
    software: str
    derived: dict[str, dict[str, Any]] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """As JSON; links name the number of tables in place of each table."""
        value = asdict(self)
        for link in value["links"]:
            link["tables"] = len(link.pop("tracks"))
            del link["differing"]
        return json.dumps(value, sort_keys=True)


@cache
def software() -> str:
    """Name and version of this program."""
    try:
        return f"leadline {version('leadline')}"
    except PackageNotFoundError:
        return "leadline"


def lineage(project: Project, table: str, run: str, tracks: Sequence[Track]) -> Lineage:
    """Where the tables of some ``tracks`` come from; what is not there any more is left out.

    ``table`` is a folder of tables (``segments``, ``freeboard``, ...), ``run`` its run or snapshot if it has one.
    """
    kinds = _kinds(project, table, run, tracks)
    links = tuple(link for kind, of in kinds for link in _links(project, kind, of, tracks))
    named = dict(kinds)
    model = _record(project.root / "models" / named["predictions"] / "model.json") if "predictions" in named else {}
    frozen = named.get("snapshots") or str(model.get("snapshot", ""))
    return Lineage(
        table,
        run,
        links,
        _inputs(project, "granules", {granule for granule, _ in tracks}),
        _inputs(project, "scenes", {*_scenes(links), *_labelled_from(project, frozen)}),
        _snapshot(_record(project.root / "snapshots" / frozen / "manifest.json")) if frozen else {},
        _model(model),
        project.synthetic,
        software(),
    )


def _kinds(project: Project, table: str, run: str, tracks: Sequence[Track]) -> list[tuple[str, str]]:
    """(kind, run) of each table that took part, in the order they are made."""
    before: list[tuple[str, str]] = []
    if table == "freeboard":
        stamp = next((found for track in tracks if (found := _stamp(project, table, run, track))), None)
        of_labels = stamp is not None and stamp.parameters.get("source") == "labels"
        classes = str(stamp.parameters.get("run_name", "")) if stamp else ""
        before = _kinds(project, "snapshots" if of_labels else "predictions", classes, tracks)
    elif table == "snapshots":
        before = [("segments", ""), ("autolabels", "")]
    elif table in ("autolabels", "predictions"):
        before = [("segments", "")]
    return [*before, (table, run)]


def _links(project: Project, table: str, run: str, tracks: Sequence[Track]) -> Iterator[Link]:
    groups: dict[str, list[tuple[Track, Stamp]]] = {}
    for track in tracks:
        stamp = _stamp(project, table, run, track)
        if stamp is not None:
            groups.setdefault(f"{stamp.stage} {json.dumps(stamp.parameters, sort_keys=True)}", []).append(
                (track, stamp)
            )
    for found in groups.values():
        stamp = found[0][1]
        yield Link(
            table,
            run,
            stamp.stage,
            stamp.parameters,
            _differing(stamp),
            _joined([each for _, each in found]),
            tuple(track for track, _ in found),
            digest(sorted(each.fingerprint for _, each in found)),
        )


def _stamp(project: Project, table: str, run: str, track: Track) -> Stamp | None:
    return tables.read_stamp(project.table_path(table, *track, run))


def _differing(stamp: Stamp) -> dict[str, Any]:
    stage = SECTIONS.get(stamp.stage)
    if stage is None:
        return dict(stamp.parameters)
    known = {name: value for name, value in stamp.parameters.items() if name in stage.own_parameters()}
    return {name: value for name, value in stage.differing(known).items() if name != "run_name"}


def _joined(stamps: Sequence[Stamp]) -> dict[str, str]:
    values: dict[str, set[str]] = {}
    for stamp in stamps:
        for name, fingerprint in stamp.inputs.items():
            values.setdefault(name, set()).add(fingerprint)
    return {name: min(found) if len(found) == 1 else digest(sorted(found)) for name, found in sorted(values.items())}


def _scenes(links: Sequence[Link]) -> Iterator[str]:
    for link in links:
        yield from (name.removeprefix("scene:") for name in link.inputs if name.startswith("scene:"))


def _labelled_from(project: Project, snapshot: str) -> Iterator[str]:
    """Scenes that the labels of a snapshot were carried over from; none without a snapshot."""
    tracks = project.tracks("snapshots", snapshot) if snapshot else []
    for track in {track[0]: track for track in tracks}.values():
        stamp = _stamp(project, "autolabels", "", track)
        named = stamp.inputs if stamp else {}
        yield from (name.removeprefix("scene:") for name in named if name.startswith("scene:"))


def _inputs(project: Project, category: str, idents: set[str]) -> dict[str, dict[str, str]]:
    found = {}
    for ident in sorted(idents):
        try:
            item = project.input(category, ident)
        except MissingError:
            continue
        found[ident] = {"fingerprint": item.fingerprint, "kind": item.kind}
    return found


def _record(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _snapshot(manifest: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "fingerprint", "created", "note", "rows", "events", "counts")
    return {name: manifest[name] for name in names if name in manifest}


def _model(record: dict[str, Any]) -> dict[str, Any]:
    names = ("run", "model", "fingerprint", "made", "snapshot", "weights", "parameters", "split", "inputs", "synthetic")
    return {name: record[name] for name in names if name in record}

"""A project in a folder or at a URL: where each input and table lies, and what is there."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from processing.errors import InputError, LeadlineError, MissingError
from processing.io.atomic import aside, aside_folder, write_text
from processing.places import children, fetch, is_remote, listing, names_below, place, told
from processing.provenance import fingerprint_file, glance
from processing.stages import SECTIONS, Stage

StageT = TypeVar("StageT", bound=Stage)

_LOG = logging.getLogger(__name__)

CATEGORIES = ("granules", "scenes", "references")
_PART = "part-0.parquet"
_NEWEST = ".newest"
"""File that tells when a run in a store became the newest: folders have no time there."""

_APART = 1_000
"""Nanoseconds between two runs that became the newest at once."""

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TRACK = re.compile(rf"granule=([^/]+)/beam=([^/]+)/{re.escape(_PART)}")


@dataclass(frozen=True)
class Input:
    """One input file or folder of a project, as recorded in ``inputs/CATEGORY/ID.json``.

    Attributes
    ----------
    ident : granule, scene or reference identifier, unique in its category.
    kind : ``atl03``, ``photon_table``, ``safe``, ``geotiff``, ``atl07`` or ``atl10``.
    path : link or copy inside the project, or the URL where it lies.
    fingerprint : of the content when it was added.
    details : what the reader needs besides the file (scene time, band map, beam...).
    added : when it was added, seconds since 1970.
    """

    ident: str
    kind: str
    path: Path
    fingerprint: str
    details: dict[str, Any] = field(default_factory=dict)
    added: float = 0.0


class Project:
    """A project. Opening reads ``project.toml``; nothing else is touched.

    ``root`` is a folder, or the place of a URL as :func:`processing.places.place` gives it; a URL itself will do.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = place(root)
        self.settings = self._load()

    @classmethod
    def create(cls, root: Path | str, hemisphere: str = "") -> Project:
        """Make a new project; raises InputError when there is one already."""
        root = place(root)
        with told(root):
            _check_free(root)
        for category in CATEGORIES if not is_remote(root) else ():
            (root / "inputs" / category).mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {"name": root.resolve().name}
        if hemisphere:
            settings["hemisphere"] = hemisphere
        write_text(root / "project.toml", tomli_w.dumps(settings))
        return cls(root)

    @property
    def name(self) -> str:
        return str(self.settings.get("name", self.root.name))

    @property
    def synthetic(self) -> bool:
        """Whether any input was made by ``leadline twin``, or came with a truth."""
        found = (item.details.get("synthetic") for category in CATEGORIES for item in self.inputs(category))
        return any(found) or bool(self.tracks("inputs/truth"))

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of label events and jobs: SQLite in the project unless ``database.url`` says otherwise.

        Empty for a project at a URL that says nothing: no SQLite file can be there.
        """
        configured = self.settings.get("database", {}).get("url")
        if configured or is_remote(self.root):
            return str(configured or "")
        return f"sqlite:///{(self.root / 'leadline.db').resolve()}"

    def stage(self, kind: type[StageT], overrides: Mapping[str, Any] | None = None) -> StageT:
        """The stage's parameters: defaults, then ``project.toml``, then ``overrides``.

        Raises InputError naming the parameter whose value is unknown or out of bounds.
        """
        section = self.settings.get("stage", {}).get(kind.key, {})
        chosen = {**section, **(overrides or {})}
        stage = kind()
        for name, value in chosen.items():
            if name not in kind.own_parameters():
                raise InputError(f"stage {kind.key} has no parameter {name!r}", where=self.root / "project.toml")
            try:
                setattr(stage, name, value)
            except ValueError as error:
                raise InputError(f"{kind.key} {name} = {value!r}: {error}", where=self.root / "project.toml") from None
        return stage

    def remember(self, stage: Stage) -> None:
        """Keep the stage's parameters that differ from the defaults, beside what ``project.toml`` says by now."""
        self.settings = self._load()
        stages = dict(self.settings.get("stage", {}))
        differing = stage.differing(stage.values_dict())
        if stages.get(stage.key, {}) == differing:
            return
        stages[stage.key] = differing
        self.settings = {**self.settings, "stage": {key: values for key, values in stages.items() if values}}
        write_text(self.root / "project.toml", tomli_w.dumps(self.settings))

    def inputs(self, category: str) -> list[Input]:
        """The inputs of ``granules``, ``scenes`` or ``references``, by identifier."""
        folder = self.root / "inputs" / category
        return [self._read_input(record) for record in sorted(folder.glob("*.json"))]

    def input(self, category: str, ident: str) -> Input:
        """One input; raises MissingError when there is none of that identifier."""
        record = self.root / "inputs" / category / f"{ident}.json"
        if not _SAFE_ID.fullmatch(ident) or not record.exists():
            raise MissingError(f"no such input {ident!r} among {category}", where=self.root, mend="add it first")
        return self._read_input(record)

    def input_paths(self, category: str, ident: str, source: Path) -> tuple[Path, Path]:
        """Where the record of an input lies, and the link to ``source`` or its copy."""
        suffix = "".join(source.suffixes[-2:]) if source.suffix == ".gz" else source.suffix
        base = self.root / "inputs" / category
        return base / f"{ident}.json", base / f"{ident}{suffix}"

    def add_input(
        self, category: str, ident: str, kind: str, source: Path, details: Mapping[str, Any], *, copy: bool = False
    ) -> Input:
        """Link (or copy) ``source`` into the project and record it; without ``copy`` a URL is recorded as it is.

        A project at a URL takes copies of what lies on this machine, since it cannot hold links. The same content again
        is accepted quietly; other content under the same identifier raises InputError.
        """
        if not _SAFE_ID.fullmatch(ident):
            raise InputError(f"identifier {ident!r} has characters that no file name should", where=source)
        source = source.resolve()
        record, target = self.input_paths(category, ident, source)
        copy = copy or (is_remote(self.root) and not is_remote(source))
        target = source if is_remote(source) and not copy else target
        entry = Input(ident, kind, target, fingerprint_file(source), dict(details), time.time())
        previous = self._read_input(record) if record.exists() else None
        if previous is not None and previous.fingerprint != entry.fingerprint:
            raise InputError(
                f"{ident} is in the project already with other content", where=source, mend=f"remove {record} first"
            )
        if target != source and (not target.exists() or (previous is None and target.resolve() != source)):
            _place(source, target, copy=copy)
        elif previous is not None and (previous.path, previous.details) == (target, entry.details):
            return previous
        _write_input(record, entry)
        return entry

    def table_path(self, kind: str, granule: str, beam: str, run: str = "") -> Path:
        """Where a table of ``kind`` (a stage's output, or ``inputs/truth``) lies for one track."""
        base = self.root / kind / run if run else self.root / kind
        return base / f"granule={granule}" / f"beam={beam}" / _PART

    def tracks(self, kind: str, run: str = "") -> list[tuple[str, str]]:
        """(granule, beam) of every table of ``kind``, sorted."""
        base = self.root / kind / run if run else self.root / kind
        if is_remote(base):
            with told(base):
                names = names_below(base)
            return sorted((match[1], match[2]) for match in map(_TRACK.fullmatch, names) if match)
        found = base.glob(f"granule=*/beam=*/{_PART}")
        return sorted((p.parent.parent.name.split("=", 1)[1], p.parent.name.split("=", 1)[1]) for p in found)

    def runs(self, kind: str) -> list[str]:
        """Runs below ``models``, ``predictions``, ``freeboard`` or ``snapshots``, oldest first."""
        folder = self.root / kind
        if not folder.is_dir():
            return []
        found = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        return [entry.name for entry in sorted(found, key=lambda entry: (_time_of(entry), entry.name))]

    def make_newest(self, kind: str, run: str) -> None:
        """Let a run that is there be the newest of its kind."""
        folder = self.root / kind / run
        if is_remote(folder):
            write_text(folder / _NEWEST, f"{time.time()}\n")
        else:
            # The system's clock ticks too slowly to part two runs that are touched one after the other.
            others = (entry.stat().st_mtime_ns for entry in folder.parent.iterdir() if entry != folder)
            now = max([time.time_ns(), *(at + _APART for at in others)])
            os.utime(folder, ns=(now, now))

    def add_run(self, kind: str, run: str, usual: str) -> None:
        """Let a run that was just made be the newest of its kind, but for the ``usual`` one where that is there.

        What is made from a model or snapshot that is not in use, to compare, does not come into use by that.
        """
        self.make_newest(kind, run)
        if usual != run and usual in self.runs(kind):
            self.make_newest(kind, usual)

    def newest_run(self, kind: str, command: str) -> str:
        """The newest run of ``kind``; raises MissingError that names the command which makes one."""
        runs = self.runs(kind)
        if not runs:
            raise MissingError(f"there are no {kind} yet", where=self.root, mend=f"run: leadline {command} {self.root}")
        return runs[-1]

    def _load(self) -> dict[str, Any]:
        file = self.root / "project.toml"
        try:
            with told(self.root):
                settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except NotADirectoryError:
            raise InputError("not a project but a file", where=self.root, mend="name the project's folder") from None
        except FileNotFoundError:
            raise MissingError("not a project", where=self.root, mend=f"run: leadline new {self.root}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"not valid TOML ({error})", where=file) from None
        _check_settings(settings, file)
        return settings

    def _read_input(self, record: Path) -> Input:
        """An input as recorded; where its file was changed since, with the fingerprint it has now."""
        try:
            value = json.loads(record.read_text(encoding="utf-8"))
            seen = value.pop("seen", "")
            found = Input(**(value | {"path": _recorded(record, value["path"])}))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"damaged input record ({error})", where=record, mend="remove it and add again") from None
        with told(found.path):
            now = glance(found.path)
        if now in {"", seen}:
            return found
        found = replace(found, fingerprint=fingerprint_file(found.path))
        try:
            _write_input(record, found)
        except (OSError, LeadlineError):
            _LOG.debug("%s cannot be renewed, so its file is read again each time", record)
        return found


def _check_settings(settings: dict[str, Any], file: Path) -> None:
    stages = settings.get("stage", {})
    sections = {"stage": stages, "database": settings.get("database", {})}
    sections |= {f"stage.{key}": value for key, value in stages.items()} if isinstance(stages, dict) else {}
    wrong = [name for name, value in sections.items() if not isinstance(value, dict)]
    if wrong:
        raise InputError(f"{wrong[0]} is not a table", where=file, mend=f"write [{wrong[0]}] and its values below")
    unknown = set(stages) - set(SECTIONS)
    if unknown:
        raise InputError(f"unknown stage {min(unknown)!r}", where=file, mend=f"one of {', '.join(SECTIONS)}")


def _check_free(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError("there is a file of that name", where=root, mend="choose another folder")
    if (root / "project.toml").exists():
        raise InputError("a project is already there", where=root, mend="choose another folder")
    if root.exists() and children(root):
        raise InputError("the folder is not empty", where=root, mend="choose a new or an empty folder")


def _time_of(run: Path) -> float:
    """When a run became the newest, s since 1970."""
    if not is_remote(run):
        return run.stat().st_mtime
    try:
        return float((run / _NEWEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return max((entry.modified for entry in listing(run).values()), default=0.0)


def _recorded(record: Path, path: str) -> Path:
    """The place that a record names: in its folder, or a URL."""
    return place(path) if "://" in path else record.parent / path


def _write_input(record: Path, entry: Input) -> None:
    name = entry.path.name if entry.path.parent == record.parent else str(entry.path)
    value = asdict(replace(entry, path=Path())) | {"path": name, "seen": glance(entry.path)}
    write_text(record, json.dumps(value, indent=1, sort_keys=True) + "\n")


def _place(source: Path, target: Path, *, copy: bool) -> None:
    """Put a link to ``source``, or a whole copy, at ``target`` in place of what is there."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    if not copy:
        target.symlink_to(os.path.relpath(source, target.parent.resolve()), target_is_directory=source.is_dir())
        return
    with aside_folder(target) if source.is_dir() else aside(target) as temporary:
        fetch(source, temporary)

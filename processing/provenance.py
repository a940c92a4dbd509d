"""What a table was made from, and whether it still follows from its inputs."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from processing.places import is_remote, listing, names_below, opened
from processing.schema import SCHEMA_VERSION

_SAMPLE = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """Provenance of one table.

    Attributes
    ----------
    stage : key of the stage that wrote it.
    parameters : the stage's parameters as plain JSON values.
    inputs : fingerprint of each input by a name such as ``granule:ATL03_...``.
    schema_version : version of the table contract.
    """

    stage: str
    parameters: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes whenever any part of the provenance does."""
        return digest(asdict(self))

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Stamp:
        return cls(**json.loads(text))


def digest(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def glance(path: Path) -> str:
    """What tells at a glance whether a file, or any in a folder, was changed: sizes and times, not the content.

    In a store it is sizes and what the store tells contents apart by. Empty when there is nothing.
    """
    if is_remote(path):
        return _glance_there(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [(str(file.relative_to(path)), file.stat()) for file in files if file.is_file()]
    if not found and not path.exists():
        return ""
    return digest([[name, state.st_size, state.st_mtime_ns] for name, state in found])


def _glance_there(path: Path) -> str:
    try:
        return digest([[name, entry.size, entry.mark] for name, entry in listing(path).items()])
    except FileNotFoundError:
        return ""


def fingerprint_file(path: Path) -> str:
    """Fingerprint of a file's size, head and tail (1 MiB each), or of every file in a folder."""
    if path.is_dir():
        return digest([[name, fingerprint_file(path / name)] for name in names_below(path)])
    with opened(path) as stream:
        size = stream.seek(0, io.SEEK_END)
        hasher = hashlib.sha256(str(size).encode())
        stream.seek(0)
        hasher.update(stream.read(_SAMPLE))
        if size > _SAMPLE:
            stream.seek(max(_SAMPLE, size - _SAMPLE))
            hasher.update(stream.read(_SAMPLE))
    return hasher.hexdigest()[:16]

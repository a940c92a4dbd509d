"""What people and checks read of a trained model, ``model.json``, and what its run may be called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from processing.errors import InputError, MissingError
from processing.io.atomic import write_text

RECORD = "model.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_name(name: str, where: str | Path) -> None:
    """Raise InputError when a run's ``name`` would make no good folder."""
    if not _NAME.fullmatch(name):
        what = f"run name {name!r} has characters that no folder should"
        raise InputError(what, where=where, mend="use letters, digits, dots, dashes and underscores")


def save_record(folder: Path, record: dict[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """The content of ``model.json``; raises MissingError or InputError when it is not there or damaged."""
    file = folder / RECORD
    try:
        record = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingError("no such model", where=folder, mend="run: leadline train PROJECT") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"damaged model record ({error})", where=file, mend="train again") from None
    if not isinstance(record, dict):
        raise InputError("damaged model record (not a JSON object)", where=file, mend="train again")
    return record

"""Tensors on disk: written whole, read without running code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from processing.io.atomic import aside
from processing.places import readable

DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError)
"""What reading a damaged or foreign file, and using what it holds, may raise."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors and plain values) to ``path``, whole or not at all.

    It goes through memory, because torch's own writer hides why the disk refused it.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with aside(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """What ``save`` wrote; nothing but tensors and plain values is unpickled."""
    with readable(path) as source:
        state: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    return state

"""Fixtures of the readers' tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """The maker of small scenes, ``made_scenes.py`` beside this file."""
    file = Path(__file__).with_name("made_scenes.py")
    spec = importlib.util.spec_from_file_location("made_scenes", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module

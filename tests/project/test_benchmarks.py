"""Figures of the benchmarks can be written, and memory is that of the program that measures it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import Row

ROOT = Path(__file__).resolve().parents[2]


def test_rows_hold_plain_values() -> None:
    row = Row("x", np.float32(1.5), "s", "<= 2 s", np.float32(1.5) <= 2, np.float32(3.0))
    assert json.loads(json.dumps(asdict(row))) == asdict(Row("x", 1.5, "s", "<= 2 s", True, 3.0))
    assert Row("x", 1.0, "s").met is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory since the start is told on Linux only")
def test_peak_memory_is_not_that_of_the_parent() -> None:
    held = np.ones(25_000_000)
    program = "from benchmarks.harness import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 2**20 < int(done.stdout) < held.nbytes

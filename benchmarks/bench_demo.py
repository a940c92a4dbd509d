"""The demo from nothing to a served page, and again when everything is there. Inputs are synthetic."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row

PIPELINE_LIMIT = 180.0
AGAIN_LIMIT = 30.0
_LEADLINE = str(Path(sys.executable).with_name("leadline"))
_NOTE = "synthetic, 2 granules x 60 km x 6 beams"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder:
        project = Path(folder) / "demo"
        started = time.time()
        subprocess.run([_LEADLINE, "demo", "--project", str(project), "--no-serve"], check=True, capture_output=True)
        ended = time.time()
        written = (project / "twin" / "twin.json").stat().st_mtime
        yield Row("demo: granules, scenes and references written", written - started, "s", note=_NOTE)
        pipeline = ended - written
        bar = f"<= {PIPELINE_LIMIT:g} s"
        yield Row(
            "demo: added, every stage, training included", pipeline, "s", bar, pipeline <= PIPELINE_LIMIT, note=_NOTE
        )
        again = time_to_page(project)
        bar = f"<= {AGAIN_LIMIT:g} s"
        yield Row("demo again: nothing stale, to a served page", again, "s", bar, again <= AGAIN_LIMIT, note=_NOTE)


def time_to_page(project: Path) -> float:
    """Seconds from ``leadline demo`` to the first page answered."""
    port = free_port()
    started = time.perf_counter()
    command = [_LEADLINE, "demo", "--project", str(project), "--port", str(port), "--no-show"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_page(f"http://127.0.0.1:{port}/", server)
            return time.perf_counter() - started
        finally:
            server.terminate()


def wait_for_page(address: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"the server ended with status {server.returncode} before it answered")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

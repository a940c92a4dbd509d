"""Fixtures for granules, the command line and an object store."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from processing import cli
from processing.places import place

# Tests are imported without their folders on the path; their helper modules are found here.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def leadline(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command line of the project and resample commands and return the exit status."""
    for module in ("project", "resample"):
        for command in importlib.import_module(f"processing.commands.{module}").COMMANDS:
            monkeypatch.setitem(cli.cli.commands, command.name, command)

    def call(*words: str | Path) -> int:
        return cli.run([str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an S3 server, which the environment names."""
    nowhere = str(tmp_path_factory.mktemp("aws") / "nothing")
    program = [sys.executable, str(Path(__file__).with_name("store_server.py"))]
    with (
        subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        known = {"AWS_ACCESS_KEY_ID": "made", "AWS_SECRET_ACCESS_KEY": "made", "AWS_DEFAULT_REGION": "us-east-1"}
        files = {
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in {**known, **files, "AWS_ENDPOINT_URL": url}.items():
            environment.setenv(name, value)
        yield url
        server.kill()


_BUCKETS = count()


@pytest.fixture
def bucket(object_store: str) -> Path:
    """A new, empty bucket, as a path."""
    made = place(f"s3://bucket-{next(_BUCKETS)}")
    made.mkdir()
    return made

"""A job sees of the server's environment what is named, and no credential."""

from __future__ import annotations

from dashboard.jobs.environment import allowed


def test_only_what_is_named_passes() -> None:
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "s",
        "PGPASSWORD": "p",
        "MLFLOW_TRACKING_PASSWORD": "m",
        "XPATH": "x",
        "path": "",
    }
    secrets |= {"LEADLINE_JOB": "of another", "LEADLINE_CORES": "9", "LD_PRELOAD": "/x.so", "PYTHONSTARTUP": "/x.py"}
    known = {"PATH": "/bin", "HOME": "/root", "OMP_NUM_THREADS": "1", "HOROVOD_CYCLE_TIME": "2", "LC_ALL": "C"}
    assert allowed(secrets | known) == known
    assert allowed(secrets | known, ["PGPASSWORD", "MISSING"]) == known | {"PGPASSWORD": "p"}

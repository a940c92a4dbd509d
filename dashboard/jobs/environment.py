"""What of the server's environment a job may see: a list of names, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

_NAMES = frozenset(
    {
        *("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "XDG_CACHE_HOME"),
        *("CUDA_VISIBLE_DEVICES", "JAVA_HOME", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "PYTHONPATH", "SPARK_LOCAL_DIRS"),
        *("SPARK_LOCAL_IP", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "VIRTUAL_ENV"),
    }
)
_BEGINNINGS = ("GLOO_", "HOROVOD_", "LC_", "NCCL_", "OMP_")


def allowed(environment: Mapping[str, str] = os.environ, more: Sequence[str] = ()) -> dict[str, str]:
    """The variables that jobs get: where programs and languages are found, and those that ``more`` names.

    Credentials are not among them unless a project's ``jobs.environment`` names them.
    """
    wanted = _NAMES | set(more)
    return {name: value for name, value in environment.items() if name in wanted or name.startswith(_BEGINNINGS)}

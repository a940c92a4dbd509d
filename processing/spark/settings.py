"""What Spark is told to be like for the work of Leadline."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from processing.errors import InputError
from processing.spark import processes
from processing.stages import Engine

_SPARK_URL = re.compile(r"spark://(.+)")
_ANSWER_SECONDS = 5.0

_MORE_PORTS = 100
"""How many more ports are tried where one is taken, such as that of the page, of which each application has one."""

_VALUES_A_BATCH = 4
_LIGHT_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Java hands tasks out and moves bytes; optimising and collecting in the background would take cores from Python."""

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GDAL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
"""What libraries are told how many threads to use by: one, because each core has a task of its own."""


def settings_for(engine: Engine, folder: Path, tag: str) -> Mapping[str, str]:
    """Spark's settings for the cluster ``tag``; ``folder`` takes the file that says what Java is to log.

    Raises InputError when no master answers.
    """
    logging_file = folder / "log4j2.properties"
    logging_file.write_text(files("processing.spark").joinpath("log4j2.properties").read_text("utf-8"), "utf-8")
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(_VALUES_A_BATCH),
        "spark.ui.showConsoleProgress": "false",
        "spark.port.maxRetries": str(_MORE_PORTS),
        "spark.shuffle.io.retryWait": "1s",  # what a lost executor held is soon made again
        "spark.python.unix.domain.socket.enabled": "true",  # loopback waits tens of milliseconds a task for nothing
        "spark.executor.memory": f"{engine.executor_memory}m",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{logging_file} {_LIGHT_JAVA}",
        "spark.executor.extraJavaOptions": _LIGHT_JAVA,
        **{f"spark.executorEnv.{name}": "1" for name in _THREADS},
        **{f"spark.executorEnv.{name}": value for name, value in processes.environment(tag).items()},
    }
    if engine.cores:
        settings["spark.cores.max"] = str(engine.cores)
    if engine.executor_cores:
        settings["spark.executor.cores"] = str(engine.executor_cores)
    if engine.master.startswith("local"):
        address = "127.0.0.1"
        settings |= {"spark.ui.enabled": "false", "spark.driver.bindAddress": address}
    else:
        address = _own_address(engine.master)
    if address and "SPARK_LOCAL_IP" not in os.environ:
        settings["spark.driver.host"] = address
    return settings


def _own_address(master: str) -> str:
    """This machine's address on the way to a standalone master. Raises InputError when none answers."""
    found = _SPARK_URL.fullmatch(master)
    if found is None:
        return ""
    refused: list[str] = []
    for place in found[1].split(","):
        host, _, port = place.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS) as line:
                return str(line.getsockname()[0])
        except (OSError, ValueError, OverflowError) as error:
            refused.append(f"{place} ({error})")
    raise InputError(
        f"no Spark master answers at {', '.join(refused)}",
        where=f"--master {master}",
        mend="start one, give the URL that its page shows, or leave --master out to use this machine",
    )

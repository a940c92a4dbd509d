"""Training runs told to MLflow: to the project's own records, or to a tracking server.

The project's own are ``PROJECT/mlflow.db`` (SQLite) and, for files, ``PROJECT/mlartifacts``. MLflow is imported when a
run is tracked, not before.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import subprocess
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from processing.errors import InputError, LeadlineError, MissingError
from processing.places import is_remote
from processing.progress import tell as record
from processing.project import Project
from processing.stages import Train

OFF = "off"
IN_USE = "in-use"
"""Alias of the model version that was promoted."""

DATABASE = "mlflow.db"
ARTEFACTS = "mlartifacts"

_KEPT = ("model.pt", "model.json", "card.md", "metrics.jsonl")
_UNTOLD = {"run_name", "workers", "tracking"}
"""Parameters of the stage that are told by another name, or may hold a password."""

_LONGEST = 5000
"""Characters of a value; MLflow allows a parameter 6000 and a tag 8000, of older servers 5000."""

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
}
"""Seconds and tries; MLflow's own would keep a training waiting for minutes. What the user set prevails."""

_HURRY = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""Of a run that the user has stopped and waits for, whatever else is set."""

_LOUD = ("mlflow", "alembic", "urllib3.connectionpool")
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that name files by their whole path."""

_RUN_NAME = re.compile(r"[A-Za-z0-9._-]+")
_log = logging.getLogger(__name__)


class Tracker(ABC):
    """What a training run tells of itself; metrics that are None are left out.

    No method raises when the records cannot be reached.
    """

    @abstractmethod
    def epoch(self, epoch: int, metrics: Mapping[str, float | None]) -> None:
        """Tell the metrics of an epoch; one that was told before is not told again."""

    @abstractmethod
    def finished(self, folder: Path, metrics: Mapping[str, float | None]) -> None:
        """Tell the final metrics, keep the files of the run in ``folder`` of this machine, register its model."""

    @abstractmethod
    def ended(self, status: str) -> None:
        """Tell how the run ended: ``FINISHED``, ``FAILED`` or ``KILLED``."""


class Null(Tracker):
    """Tells nobody."""

    def epoch(self, epoch: int, metrics: Mapping[str, float | None]) -> None:
        pass

    def finished(self, folder: Path, metrics: Mapping[str, float | None]) -> None:
        pass

    def ended(self, status: str) -> None:
        pass


class _Run(Tracker):
    """A run in MLflow. It falls silent once its records cannot be reached: trying would hold up every epoch."""

    def __init__(self, client: Any, run: Any, name: str, model: str, where: str) -> None:
        self._client = client
        self._run = run.info
        self._name = name
        self._model = model
        self._where = where
        histories = (client.get_metric_history(run.info.run_id, key) for key in run.data.metrics)
        self._told = {point.step for history in histories for point in history}
        self._lost = False

    def epoch(self, epoch: int, metrics: Mapping[str, float | None]) -> None:
        if epoch not in self._told:
            self._told.add(epoch)
            self._tell(lambda: self._measure(metrics, epoch))

    def finished(self, folder: Path, metrics: Mapping[str, float | None]) -> None:
        def tell() -> None:
            self._measure(metrics, max(self._told, default=0))
            for path in (folder / name for name in _KEPT):
                if path.exists():
                    self._client.log_artifact(self._run.run_id, str(path))
            self._register()

        self._tell(tell)

    def ended(self, status: str) -> None:
        patience = _HURRY if status == "KILLED" else {}
        self._tell(lambda: self._client.set_terminated(self._run.run_id, status), patience)

    def _measure(self, metrics: Mapping[str, float | None], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = [Metric(key, float(value), now, step) for key, value in metrics.items() if value is not None]
        self._client.log_batch(self._run.run_id, values, synchronous=True)

    def _register(self) -> None:
        """Make a version of the model, unless the run had done so when it was interrupted."""
        if any(known.run_id == self._run.run_id for known in _versions(self._client, self._model, self._name)):
            return
        if _found(lambda: self._client.get_registered_model(self._model)) is None:
            self._client.create_registered_model(self._model)
        source, run, tags = self._run.artifact_uri, self._run.run_id, {"run": self._name}
        self._client.create_model_version(self._model, source, run, tags=tags, await_creation_for=0)

    def _tell(self, tell: Callable[[], object], patience: Mapping[str, str] = MappingProxyType({})) -> None:
        if self._lost:
            return
        try:
            with _quiet(patience):
                tell()
        except Exception as error:  # noqa: BLE001 - a training is worth more than its records
            self._lost = True
            _warn(self._where, error)


@contextmanager
def tracked(
    project: Project, stage: Train, name: str, parameters: Mapping[str, Any], tags: Mapping[str, str]
) -> Iterator[Tracker]:
    """Track what the block trains as the run ``name``, in an experiment of the project's name.

    A run of the same tag ``fingerprint`` that has not finished goes on. Afterwards the run is ``FINISHED``, or
    ``KILLED`` where an interrupt and ``FAILED`` where another error left the block. When the records cannot be reached,
    one warning says so and the block goes on untracked.

    Parameters
    ----------
    parameters : what decides the model; they are told with those of ``stage`` and prevail over them.
    tags : ``fingerprint``, and what else there is to know of the run.

    Raises InputError when ``stage.tracking`` is neither empty, ``off`` nor the URL of a server.
    """
    tracker = _open(project, stage, name, parameters, tags)
    status = "FAILED"
    try:
        yield tracker
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        tracker.ended(status)


def promote(project: Project, run: str, url: str = "") -> None:
    """Let the alias ``in-use`` of the project's model stand for the version of ``run``, the newest if there are more.

    Raises MissingError when there is none, and InputError when the records, the project's own or those of the server at
    ``url``, cannot be reached.
    """
    with _records(project, url) as client:
        found = _versions(client, _model(project), run) if client else []
        if not found:
            mend = f"run: leadline train {project.root}, with tracking on"
            raise MissingError(f"no version of run {run!r} is registered", where=_where(project, url), mend=mend)
        newest = max(found, key=lambda known: int(known.version))
        client.set_registered_model_alias(_model(project), IN_USE, newest.version)


def in_use(project: Project, url: str = "") -> str | None:
    """The run that was promoted last, None where none was.

    Raises InputError when the records, the project's own or those of the server at ``url``, cannot be reached.
    """
    with _records(project, url) as client:
        found = client and _found(lambda: client.get_model_version_by_alias(_model(project), IN_USE))
        return str(found.tags.get("run", "")) or None if found else None


def _open(project: Project, stage: Train, name: str, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> Tracker:
    address = _address(project, stage.tracking)
    if not address:
        if stage.tracking != OFF:
            _log.info("%s cannot hold records of runs; not tracked, unless --tracking names a server", project.root)
        return Null()
    where = _where(project, stage.tracking)
    try:
        with _quiet():
            client = _connect(project, address)
            run = _begin(client, _experiment(client, project, address), name, tags)
            _describe(client, run, stage, parameters, tags)
            if stage.tracking:
                record(link={"name": "MLflow", "url": _page(address, run)})
            return _Run(client, run, name, _model(project), where)
    except Exception as error:  # noqa: BLE001 - a training is worth more than its records
        _warn(where, error)
        return Null()


def _page(address: str, run: Any) -> str:
    """Where a tracking server shows the run."""
    return f"{address.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _begin(client: Any, experiment: str, name: str, tags: Mapping[str, str]) -> Any:
    """The run of the same fingerprint that has not finished, running again, or a new one."""
    unfinished = f"tags.fingerprint = '{tags['fingerprint']}' and attributes.status != 'FINISHED'"
    for run in client.search_runs([experiment], unfinished, max_results=1):
        client.update_run(run.info.run_id, status="RUNNING", name=name)
        return run
    return client.create_run(experiment, run_name=name)


def _describe(client: Any, run: Any, stage: Train, parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Tell what the run is made from; MLflow lets tags change when a run goes on, parameters not."""
    from mlflow.entities import Param, RunTag

    from processing.core.features import FEATURES_VERSION

    values = stage.values_dict()
    apart = {key: values.pop(key) for key in stage.apart}
    deciding = values | {"features_version": FEATURES_VERSION} | dict(parameters)
    others = {key: value for key, value in apart.items() if key not in _UNTOLD}
    params = [Param(key, _short(value)) for key, value in deciding.items() if key not in run.data.params]
    labels = [RunTag(key, _short(value)) for key, value in (others | _code() | dict(tags)).items()]
    client.log_batch(run.info.run_id, params=params, tags=labels, synchronous=True)


def _code() -> dict[str, str]:
    """Commit of the code where it is a checkout, ``-dirty`` where it was changed since; else its version."""
    root = Path(__file__).resolve().parents[1]
    words = ["git", "--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        if (root / ".git").exists():
            told = subprocess.run(
                words, cwd=root, capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            return {"code": told, "mlflow.source.git.commit": told.removesuffix("-dirty")}
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("no commit to be had: %s", error)
    return {"code": f"leadline {version('leadline')}"}


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _model(project: Project) -> str:
    """What the project's model is called in the registry, whose names have neither of two characters."""
    return re.sub(r"[/:]", "-", project.name)


def _versions(client: Any, model: str, run: str) -> list[Any]:
    """The versions of the model that the run made."""
    if not _RUN_NAME.fullmatch(run):
        return []
    return [known for known in client.search_model_versions(f"tags.run = '{run}'") if known.name == model]


def _found(look: Callable[[], Any]) -> Any:
    """What ``look`` finds, None where MLflow says that there is no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return look()
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def _experiment(client: Any, project: Project, address: str) -> str:
    found = client.get_experiment_by_name(project.name)
    if found:
        return str(found.experiment_id)
    is_own = address == _own(project)
    return str(client.create_experiment(project.name, artifact_location=_artefacts(project) if is_own else None))


@contextmanager
def _records(project: Project, url: str) -> Iterator[Any]:
    """A client of the records, None where there are none yet; raises InputError when they cannot be reached."""
    address = _address(project, url)
    if not address or (address == _own(project) and not (project.root / DATABASE).exists()):
        yield None
        return
    try:
        with _quiet():
            yield _connect(project, address)
    except LeadlineError:
        raise
    except Exception as error:
        raise InputError(_reason(error), where=_where(project, url)) from error


def check(project: Project, tracking: str) -> None:
    """Raise InputError when ``tracking`` is neither empty, ``off`` nor the URL of a server without a password."""
    _address(project, tracking)


def _address(project: Project, tracking: str) -> str:
    """What MLflow calls the records; empty where nothing is tracked. Raises InputError for what is no server."""
    if tracking == OFF or (not tracking and is_remote(project.root)):
        return ""
    if not tracking:
        return _own(project)
    if "@" in tracking:  # it would stand in project.toml for everybody to read
        mend = "give them in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise InputError("the URL of a tracking server holds a name or a password", where="--tracking", mend=mend)
    if urlsplit(tracking).scheme not in {"http", "https"}:
        mend = f"such as http://host:5000, or {OFF}"
        raise InputError(f"{tracking!r} is no URL of a tracking server", where="--tracking", mend=mend)
    return tracking


def _own(project: Project) -> str:
    return f"sqlite:///{(project.root / DATABASE).resolve()}"


def _artefacts(project: Project) -> str:
    return (project.root / ARTEFACTS).resolve().as_uri()


def _where(project: Project, tracking: str) -> str:
    return tracking if tracking else str(project.root / DATABASE)


def _connect(project: Project, address: str) -> Any:
    if address == _own(project):
        _settle(project.root / DATABASE, _artefacts(project))
    from mlflow import MlflowClient

    return MlflowClient(address, address)


def _settle(database: Path, artefacts: str) -> None:
    """Let the records of a project that was moved or copied name its files where they are now.

    Raises sqlite3.Error when the file cannot be used: MLflow would try again for a minute and a half.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'").fetchall():
            return
        locations = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for former in (each for (each,) in locations if each.endswith(f"/{ARTEFACTS}") and each != artefacts):
            for table, column in _PATHS:
                change = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"  # noqa: S608
                connection.execute(change, (artefacts, len(former) + 1, len(former), former))


@contextmanager
def _quiet(patience: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """MLflow as a part of this program: it reports to nobody, gives up soon, and what it fails with is told once.

    ``patience`` prevails over what the user set. Environment, loggers and warnings are as before afterwards.
    """
    wanted = {name: os.environ.get(name, value) for name, value in _PATIENCE.items()} | _ENVIRONMENT | dict(patience)
    variables = {name: os.environ.get(name) for name in wanted}
    levels = {name: logging.getLogger(name).level for name in _LOUD}
    os.environ.update(wanted)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            # MLflow's own tables are declared with it, which SQLAlchemy 2.1 deprecates.
            warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", DeprecationWarning)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _warn(where: str, error: Exception) -> None:
    _log.warning("%s: %s; the run goes on untracked", where, _reason(error))


def _reason(error: Exception) -> str:
    """Why MLflow cannot do what it was asked, in one line: what the system said, where it did."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error | ConnectionError | TimeoutError | socket.gaierror):
        cause = cause.__cause__ or cause.__context__
    lines = str(cause or error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]

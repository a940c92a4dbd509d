"""How a project wants its jobs run: the section ``jobs`` of its ``project.toml``."""

from __future__ import annotations

from dataclasses import dataclass

from processing.cores import available_cores
from processing.errors import InputError
from processing.project import Project


@dataclass(frozen=True)
class JobSettings:
    """Attributes
    ----------
    cores : that all jobs at work on a machine may take together. nice : how far they give way to others, 0 to 19.
    environment : names of variables that jobs get besides the usual ones.
    """

    cores: int
    nice: int = 10
    environment: tuple[str, ...] = ()


def job_settings(project: Project) -> JobSettings:
    """The settings; raises InputError for a value that makes no sense."""
    told = project.settings.get("jobs", {})
    where = project.root / "project.toml"
    if not isinstance(told, dict):
        raise InputError("jobs is not a table", where=where, mend="write [jobs] and its values below")
    cores, nice, names = told.get("cores", available_cores()), told.get("nice", 10), told.get("environment", [])
    if type(cores) is not int or cores < 1:
        raise InputError(f"jobs cores = {cores!r}", where=where, mend="give a whole number from 1")
    if type(nice) is not int or not 0 <= nice <= 19:
        raise InputError(f"jobs nice = {nice!r}", where=where, mend="give a whole number from 0 to 19")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"jobs environment = {names!r}", where=where, mend='write it as in ["AWS_PROFILE"]')
    return JobSettings(cores, nice, tuple(names))

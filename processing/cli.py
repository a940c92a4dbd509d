"""The ``leadline`` command: options from the stages, errors in one line, exit status 2 on bad input."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

import click
import param

from processing.errors import LeadlineError
from processing.history import history, recorded
from processing.interrupt import kept_interrupts
from processing.io.locks import writing
from processing.places import in_one_line, is_remote, place
from processing.project import Project
from processing.stages import Engine, Stage

Command = Callable[..., Any]
StageT = TypeVar("StageT", bound=Stage)

_TOLD = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOTDIR}
"""Failures of the system that the user can mend."""

_THIS_TIME = {"run_name", "snapshot", "note"}
"""Parameters that concern one run only."""


class _Place(click.Path):
    """A file or folder, or a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return place(value) if "://" in str(value) else super().convert(value, param, ctx)


PLACE = _Place(path_type=Path)
"""Type of the arguments that may be paths or URLs."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
@click.version_option(package_name="leadline", prog_name="leadline")
def cli(verbose: bool) -> None:
    """Correct sea-ice labels along ICESat-2 tracks, retrain, and see freeboard at 2 m."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for name in ("processing", "training", "dashboard"):
        logging.getLogger(name).setLevel(level)


def stage_options(kind: type[Stage], names: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Decorate a command with one option for each parameter of the stage, or for those of ``names``.

    An option that is not given arrives as None, so that ``project.toml`` and the defaults can speak.
    """

    def decorate(command: Command) -> Command:
        for name in reversed(names or kind.own_parameters()):
            command = _option(name, kind.param[name])(command)
        return command

    return decorate


def engine_options(names: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Decorate a command with the options that say where it runs, or with those of ``names``."""
    return stage_options(Engine, names)


def chosen_engine(project: Project, options: dict[str, Any]) -> Engine:
    """Where to run: the options given, else what ``project.toml`` says of ``engine``, else here."""
    return project.stage(Engine, given(options, Engine))


def given(options: dict[str, Any], kind: type[Stage]) -> dict[str, Any]:
    """The stage's options that the user gave on the command line."""
    return {name: options[name] for name in kind.own_parameters() if options.get(name) is not None}


@contextmanager
def at_work(
    root: Path, kind: type[StageT], options: dict[str, Any], *, partly: bool = False
) -> Iterator[tuple[Project, StageT]]:
    """The project and the stage with the ``options`` given; what the block took is recorded, and if only ``partly``.

    Raises InputError when somebody else is writing the same kind of table who must not be disturbed.

    Its options are kept for the next time once anything was written with them, or the block ended well; but for those
    that name a run or a snapshot: of these ``project.toml`` keeps what it says.
    """
    project = Project(root)
    pinned = project.stage(kind)
    stage = project.stage(kind, given(options, kind))
    alone = "engine" in options and chosen_engine(project, options).on_spark
    if alone and not is_remote(project.root):
        project.root = project.root.absolute()  # executors have working directories of their own
    try:
        with (
            writing(project.root, stage.output, alone=alone),
            recorded(project.root, stage.key, stage.output, partly=partly),
        ):
            yield project, stage
    except BaseException:
        if any(run.wrote for run in history(project.root)[-1:]):
            _keep(project, stage, pinned)
        raise
    _keep(project, stage, pinned)


def _keep(project: Project, stage: Stage, pinned: Stage) -> None:
    for name in _THIS_TIME & set(stage.own_parameters()):
        setattr(stage, name, getattr(pinned, name))
    project.remember(stage)


def _option(name: str, parameter: Any) -> Callable[[Command], Command]:
    flag = "--" + name.replace("_", "-")
    shown = f"{parameter.doc}. Default: {parameter.default!r}." if parameter.default != "" else f"{parameter.doc}."
    if isinstance(parameter, param.Boolean):
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=shown)
    return click.option(flag, name, default=None, type=_click_type(parameter), help=shown)


def _click_type(parameter: Any) -> Any:
    if isinstance(parameter, param.Selector):
        return click.Choice([str(choice) for choice in parameter.objects])
    low, high = getattr(parameter, "bounds", None) or (None, None)
    if isinstance(parameter, param.Integer):
        return click.IntRange(low, high)
    if isinstance(parameter, param.Number):
        return click.FloatRange(low, high)
    return str


def call(context: click.Context, name: str, *words: str, **options: Any) -> None:
    """Run another command of the program from within one, as if its ``words`` had been typed.

    ``options`` are given as well where the command knows them.
    """
    root = context.find_root()
    program = root.command
    assert isinstance(program, click.Group)
    command = program.get_command(root, name)
    if command is None:
        raise click.ClickException(f"this installation has no command {name!r}")
    known = {parameter.name for parameter in command.params}
    typed = [f"--{key.replace('_', '-')}={value}" for key, value in options.items() if key in known and value != ""]
    with command.make_context(name, [*words, *typed], parent=root) as inner:
        command.invoke(inner)


def load_commands() -> None:
    """Let each package register its commands; importing them must stay cheap."""
    for entry in sorted(entry_points(group="leadline.commands"), key=lambda entry: entry.value, reverse=True):
        entry.load()(cli)


def main() -> None:
    """Entry point: run the command and turn expected failures into one line and a status."""
    sys.exit(run(sys.argv[1:], load_commands))


def run(arguments: list[str], prepare: Callable[[], None] = lambda: None) -> int:
    """Run the command line ``arguments`` and return the exit status: 0, 1, 2 (bad input) or 130 (interrupted).

    ``prepare`` is called first, where a request to stop is heeded already.
    """
    try:
        with kept_interrupts():
            prepare()
            result = cli.main(args=arguments, prog_name="leadline", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted; what was finished is kept, the same command goes on from there", 130)
    except click.ClickException as error:
        error.show()
        return 2
    except LeadlineError as error:
        return _say(error.line, 2)
    except Exception as error:
        line = _mendable(error, arguments)
        if not line:
            raise
        return _say(line, 2)


def _mendable(error: Exception, arguments: list[str]) -> str:
    """One line on a failure of a store or the system that the user can mend; empty for any other."""
    url = next((word for word in arguments if "://" in word), "")
    told = in_one_line(error, url or "object store")
    if told is not None:
        return told.line
    if isinstance(error, OSError) and error.errno in _TOLD:
        return f"{error.filename or 'disk'}: {os.strerror(error.errno)}; nothing half written was left behind"
    if url and isinstance(error, FileNotFoundError) and error.errno is None:
        return f"{error}: it is not there any more; run the command again"
    return ""


def _say(line: str, status: int) -> int:
    click.echo(f"leadline: {line}", err=True)
    return status

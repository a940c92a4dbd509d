"""``leadline demo``: the synthetic project of ``assets/demo.toml``, every stage run, the page served."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from processing.cli import call
from processing.errors import InputError
from processing.io.atomic import write_text
from processing.project import Project
from processing.stages import SECTIONS

_RECIPE = "demo.toml"


@click.command()
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-project"),
    show_default=True,
    help="Folder of the demo project; made when it is not there.",
)
@click.option("--no-serve", is_flag=True, help="Stop when every stage has run.")
@click.option("--port", type=click.IntRange(1, 65535), default=5006, show_default=True, help="Port of the page.")
@click.option("--no-show", is_flag=True, help="Do not open a browser.")
@click.option("--recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Another demo.toml.")
@click.pass_context
def demo(context: click.Context, project: Path, no_serve: bool, port: int, no_show: bool, recipe: Path | None) -> None:
    """Make the synthetic demo project, run every stage, serve it.

    What is there and current is kept, so that the second time is quick.
    """
    text = (recipe or files("assets").joinpath(_RECIPE)).read_text(encoding="utf-8")
    settings = tomllib.loads(text)
    _prepare(context, project, text, settings.get("stage", {}))
    twin = project / "twin"
    if not (twin / "twin.json").exists():
        call(context, "twin", str(twin), *_options(settings["twin"]))
    call(context, "add", str(project), str(twin))
    call(context, "run", str(project))
    if not no_serve:
        call(context, "serve", str(project), "--port", str(port), *(["--no-show"] if no_show else []))


def _prepare(context: click.Context, root: Path, recipe: str, stages: dict[str, dict[str, Any]]) -> None:
    """Make the project with the recipe's parameters, or see that the one there follows the same recipe."""
    kept = root / _RECIPE
    if not (root / "project.toml").exists():
        call(context, "new", str(root))
    project = Project(root)
    if kept.exists() and kept.read_text(encoding="utf-8") == recipe:
        _check_version(project)
        return
    if kept.exists() or project.inputs("granules"):
        raise InputError("not a project of the present demo", where=root, mend="name another with --project")
    for key, values in stages.items():
        project.remember(project.stage(SECTIONS[key], values))
    write_text(kept, recipe)


def _check_version(project: Project) -> None:
    """Refuse a demo whose truth is of another schema version: no stage makes that again."""
    from processing.io.tables import read_stamp
    from processing.schema import SCHEMA_VERSION

    for granule, beam in project.tracks("inputs/truth")[:1]:
        stamp = read_stamp(project.table_path("inputs/truth", granule, beam))
        if stamp is None or stamp.schema_version != SCHEMA_VERSION:
            mend = "remove it, or name another with --project"
            raise InputError("a demo made by another version of Leadline", where=project.root, mend=mend)


def _options(values: dict[str, Any]) -> list[str]:
    """Parameters as command-line words."""
    words: list[str] = []
    for name, value in values.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return words


COMMANDS: tuple[click.Command, ...] = (demo,)

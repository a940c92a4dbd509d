"""``leadline snapshot`` and ``leadline label``: freeze labels, record corrections, take them back, list them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from processing.cli import PLACE, at_work, stage_options
from processing.errors import InputError
from processing.progress import LOOKING, tell, waiting
from processing.project import Project
from processing.schema import SurfaceClass
from processing.stages import Snapshot

if TYPE_CHECKING:
    from processing.labels import Event, LabelStore

_CLASSES = {
    "thick": SurfaceClass.THICK_ICE,
    "thin": SurfaceClass.THIN_ICE,
    "water": SurfaceClass.OPEN_WATER,
    "unlabelled": SurfaceClass.UNLABELLED,
}
_NAMES = {int(code): name for name, code in _CLASSES.items()}
_REASONS = ("cloud", "shadow", "transition", "drift", "other", "accept")


@click.command("snapshot")
@click.argument("project", type=PLACE)
@stage_options(Snapshot)
def snapshot_command(project: Path, **options: Any) -> None:
    """Freeze the current labels of PROJECT under a new name, v0001 and on."""
    with at_work(project, Snapshot, options) as (opened, stage):
        with waiting(LOOKING):
            from processing.local.snapshot import freeze, manifest

        frozen = freeze(opened, stage)
    tell(result=frozen.name)
    described = manifest(opened, frozen.name)
    manual = sum(described["counts"]["manual"].values())
    said = "frozen" if frozen.is_new else "unchanged: these labels are frozen already"
    click.echo(f"{frozen.name} {said}, {described['rows']} segments, {manual} of them corrected")


@click.group("label")
def label_group() -> None:
    """Record corrections of labels by interval, undo and redo them, list them."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return ""


def _analyst(command: Any) -> Any:
    return click.option("--analyst", default=_user, show_default="you", help="Who corrects.")(command)


def _track(*, required: bool) -> Any:
    def decorate(command: Any) -> Any:
        command = click.option("--beam", required=required, help="Ground track, such as gt2l.")(command)
        return click.option("--granule", required=required, help="Granule identifier.")(command)

    return decorate


@label_group.command("add")
@click.argument("project", type=PLACE)
@_track(required=True)
@click.option("--from", "start", type=float, required=True, help="Start along the track, included [m].")
@click.option("--to", "end", type=float, required=True, help="End along the track, not included [m].")
@click.option("--label", type=click.Choice(list(_CLASSES)), required=True, help="Class of the interval.")
@click.option("--reason", type=click.Choice(_REASONS), default="other", show_default=True, help="Why.")
@_analyst
def add_command(
    project: Path, granule: str, beam: str, start: float, end: float, label: str, reason: str, analyst: str
) -> None:
    """Give an interval of a track a class."""
    opened = Project(project)
    if (granule, beam) not in opened.tracks("segments"):
        raise InputError(f"no segments of {granule} {beam}", where=project, mend=f"run: leadline resample {project}")
    if start < end:
        _check_interval(opened.table_path("segments", granule, beam), f"{granule} {beam}", start, end)
    with _store(opened) as store:
        event = store.add(granule, beam, start, end, int(_CLASSES[label]), reason, analyst)
    click.echo(_line(event))


def _check_interval(segments: Path, track: str, start: float, end: float) -> None:
    """Refuse an interval with no segment of the track, such as one given in kilometres."""
    from processing.io import tables
    from processing.schema import SEGMENT

    found = tables.read(segments, SEGMENT, ["x_atc"], between=("x_atc", start, end))["x_atc"].to_numpy()
    if (found < end).any():
        return
    x_atc = tables.read(segments, SEGMENT, ["x_atc"])["x_atc"].to_numpy()
    where = f"the track runs from {x_atc[0]:.0f} to {x_atc[-1]:.0f} m" if len(x_atc) else "its table is empty"
    raise InputError(f"no segment of {track} lies between {start:g} and {end:g} m", where=segments, mend=where)


@label_group.command("undo")
@click.argument("project", type=PLACE)
@_track(required=False)
@_analyst
def undo_command(project: Path, granule: str | None, beam: str | None, analyst: str) -> None:
    """Take back the analyst's newest correction, of all tracks or of one."""
    with _store(Project(project)) as store:
        events = store.undo(analyst, granule, beam)
    click.echo("\n".join(map(_line, events)) or f"nothing of {analyst} to undo")


@label_group.command("redo")
@click.argument("project", type=PLACE)
@_track(required=False)
@_analyst
def redo_command(project: Path, granule: str | None, beam: str | None, analyst: str) -> None:
    """Bring back what the analyst undid last."""
    with _store(Project(project)) as store:
        events = store.redo(analyst, granule, beam)
    click.echo("\n".join(map(_line, events)) or f"nothing of {analyst} to redo")


@label_group.command("list")
@click.argument("project", type=PLACE)
@_track(required=False)
@click.option("--all", "everything", is_flag=True, help="Also what was undone or superseded.")
def list_command(project: Path, granule: str | None, beam: str | None, everything: bool) -> None:
    """List the corrections that count, in the order they are painted."""
    with _store(Project(project)) as store:
        found = store.events(granule, beam) if everything else store.current(granule, beam)
    for event in found:
        click.echo(_line(event))
    if not found:
        click.echo("no corrections")


def _store(project: Project) -> LabelStore:
    from processing.labels import LabelStore

    return LabelStore(project.database_url)


def _line(event: Event) -> str:
    about = f" of {event.supersedes}" if event.supersedes is not None else ""
    opinion = "  second opinion" if event.layer == "second" else ""
    return (
        f"{event.id:>6}  {event.at:%Y-%m-%d %H:%M:%S}  {event.analyst}  {_what(event)}  {event.reason}{about}{opinion}"
    )


def _what(event: Event) -> str:
    if not event.scene_id:
        place = f"{event.granule_id} {event.beam}  {event.x_start:.1f} to {event.x_end:.1f} m"
        return f"{place}  {_NAMES[event.label]}"
    drift = "as estimated" if event.shift_x is None else f"{event.shift_x:.0f}, {event.shift_y:.0f} m"
    return f"{event.granule_id}  {event.scene_id}  drift {drift}"


COMMANDS: tuple[click.Command, ...] = (snapshot_command, label_group)

"""Write ``docs/formats.md`` and ``docs/parameters.md`` from the schema and the stages: ``python docs/generate.py``.

A test compares the pages with what this module makes, so that they cannot fall behind the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import param
import pyarrow as pa

from processing import schema
from processing.cli import cli, load_commands
from processing.stages import SECTIONS, Stage
from processing.twin.parameters import Twin

DOCS = Path(__file__).resolve().parent

_TYPE_NAMES = {"float": "float32", "double": "float64", "timestamp[ns, tz=UTC]": "time, ns"}

_FORMATS_HEAD = f"""# Formats

Made from `processing/schema.py` by `make docs`; do not edit by hand. Schema version {schema.SCHEMA_VERSION}.

Every table is Parquet (zstd), one file for each granule and beam, sorted along the track, in row groups of a screenful.
Heights, distances and uncertainties are metres, times UTC, angles degrees. A table carries in its metadata the schema
version, the parameters of the stage that wrote it and the fingerprints of what it was made from. One of another schema
version is refused, as is one whose segments were made again since, with the command that makes it again; whatever else
no longer follows from its inputs or parameters, `leadline status` calls stale. Tables appear whole or not at all.

## A project on disk

```
PROJECT/project.toml                      name, hemisphere, stage parameters that differ from the defaults
  inputs/granules  inputs/scenes          links or copies of what was added, a JSON record beside each
  inputs/references                       ATL07, ATL10 and other measurements to compare with
  inputs/truth/granule=G/beam=B/          only when the inputs came from the twin
  segments/granule=G/beam=B/              SEGMENT
  autolabels/granule=G/beam=B/            LABEL            autolabels/drift/  correlation surfaces of the drift
  autolabels/figures/                     what the labels of a scene rest on as a whole, to label any window of it alike
  snapshots/vNNNN/granule=G/beam=B/       SNAPSHOT         snapshots/vNNNN/manifest.json
  models/RUN/                             model, card, training record
  predictions/RUN/granule=G/beam=B/       PREDICTION
  freeboard/RUN/granule=G/beam=B/         FREEBOARD
  jobs/ID/                                what a job was asked, its log, progress, use of the machine and outcome
  leadline.db                             label events and jobs (or database.url in project.toml)
  history.jsonl                           what ran, when it began, what it took and how it ended
```
"""

_EVENTS = """## Label events

A correction is an interval of one track, never an edit of a row: granule, beam, `x_start` and `x_end` (m along the
track), the class, a reason, the analyst, the time and the event it takes back, if any. Events are only ever appended;
the labels in force are the auto-labels with the events painted over in order, and undo is one more event. So the whole
history stays, and a snapshot freezes one state by name.

Events of one action of an analyst share a `gesture`, which is recorded once however often it is sent and is undone
whole. `layer` is empty for the labels in force and `second` for second opinions, which are compared but never painted
over them. An event of reason `shift` gives a drift set by hand (`scene_id`, `shift_x`, `shift_y` in m; empty for the
estimate again), `adjudicated` settles a disagreement.
"""

_PARAMETERS_HEAD = """# Parameters

Made from the stages by `make docs`; do not edit by hand. Each parameter is named once in the code: this page, the
command line's options, the forms on the page, `project.toml` and the provenance beside every result come from there.

`leadline STAGE PROJECT --option value` sets a parameter and keeps it in `project.toml`, where it can be edited too.
What names a run or a snapshot, and a snapshot's note, is not kept; the twin's parameters are kept in its `twin.json`.

```toml
[stage.resample]
window = 2.0
```
"""


def formats() -> str:
    """The page of tables and codes."""
    codes: tuple[type[Enum], ...] = (
        schema.SurfaceClass,
        schema.AutoFlag,
        schema.FreeboardFlag,
        schema.Quality,
        schema.Cloud,
        schema.LabelSource,
        schema.SeaSurfaceSource,
    )
    parts = [_FORMATS_HEAD, "## Tables\n", *map(table_section, schema.TABLES.values()), _EVENTS, "## Codes and flags\n"]
    return "\n".join([*parts, *map(code_section, codes)])


def table_section(table: schema.Table) -> str:
    """One table of the contract: what it holds and each column."""
    rows = [(f"`{c.name}`", type_name(c.type), c.unit, c.meaning) for c in table.columns]
    key = ", ".join(f"`{name}`" for name in table.key)
    return f"### {table.name}\n\n{table.meaning} Key: {key}.\n\n{grid(('column', 'type', 'unit', 'meaning'), rows)}\n"


def type_name(kind: pa.DataType) -> str:
    """A type as a reader of other languages would say it."""
    if pa.types.is_dictionary(kind):
        return "text"
    return _TYPE_NAMES.get(str(kind), str(kind))


def code_section(kind: type[Enum]) -> str:
    """The members of one enumeration."""
    rows = [(str(int(member.value)), member.name.lower().replace("_", " ")) for member in kind]
    return f"### {kind.__name__}\n\n{first_line(kind)}\n\n{grid(('value', 'meaning'), rows)}\n"


def parameters() -> str:
    """The page of every stage's parameters."""
    return "\n".join([_PARAMETERS_HEAD, *map(stage_section, [*SECTIONS.values(), Twin])])


def stage_section(stage: type[Stage]) -> str:
    """One stage: what it reads and writes, and each parameter."""
    reads = ", ".join(stage.inputs)
    flow = f" Reads {reads}; writes {stage.output or 'nothing'}." if reads else ""
    typed = set(stage.own_parameters()) <= typed_options()
    if not typed:
        flow += f" No command takes these options; set them under `[stage.{stage.key}]` in `project.toml`."
    rows = [option(name, stage.param[name], typed=typed) for name in stage.own_parameters()]
    return f"## {stage.key}\n\n{first_line(stage)}{flow}\n\n{grid(('option', 'default', 'allowed', 'meaning'), rows)}\n"


@cache
def typed_options() -> frozenset[str]:
    """Names of the options that any command takes."""
    if not cli.commands:
        load_commands()
    return frozenset(str(each.name) for command in cli.commands.values() for each in command.params)


def option(name: str, parameter: Any, *, typed: bool) -> tuple[str, str, str, str]:
    """One row: the option as ``typed``, or its name in ``project.toml``, its default, bounds, meaning."""
    name = f"--{name.replace('_', '-')}" if typed else name
    default = "(empty)" if parameter.default == "" else f"`{parameter.default}`"
    return f"`{name}`", default, allowed(parameter), str(parameter.doc)


def allowed(parameter: Any) -> str:
    """Bounds or choices in words."""
    if isinstance(parameter, param.Boolean):
        return "on, off (`--no-…`)"
    if isinstance(parameter, param.Selector):
        return ", ".join(str(choice) for choice in parameter.objects)
    low, high = getattr(parameter, "bounds", None) or (None, None)
    if low is None and high is None:
        return "text" if isinstance(parameter, param.String) else "any"
    return f"{low} to {high}" if high is not None else f"from {low}"


def first_line(thing: type) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]


def grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


PAGES: dict[str, Callable[[], str]] = {"formats.md": formats, "parameters.md": parameters}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()

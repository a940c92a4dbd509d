"""Tables, figures and reports as downloads: made aside on a thread of their own, sent, and removed.

``/export?what=freeboard&format=csv&granule=G&beam=B&from=M&to=M&run=R``: every part but ``what`` may be left out.
``/figure?granule=G&beam=B&from=M&to=M&run=R&format=png`` and ``/report?granule=G&run=R`` take the same words.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, cast

from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.iostream import StreamClosedError
from tornado.web import authenticated

from dashboard.data import Workspace
from processing.errors import InputError, LeadlineError
from processing.interrupt import stopped_by
from processing.progress import watched

log = logging.getLogger(__name__)

FORMATS = {"csv": "csv", "parquet": "parquet", "geoparquet": "parquet", "netcdf": "nc"}
"""Formats of tables, and how their files' names end."""
FIGURE_FORMATS = ("png", "svg")
TOKEN = "leadline-download"  # noqa: S105 - the name of a cookie
"""Cookie that tells the page that a download has begun; its value is the word ``token`` that the page asked with."""

_TYPES = {
    "csv": "text/csv; charset=UTF-8",
    "parquet": "application/vnd.apache.parquet",
    "nc": "application/x-netcdf",
    "html": "text/html; charset=UTF-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "zip": "application/zip",
}
_CHUNK = 1 << 20
_WORD = re.compile(r"[\w.,@+-]{1,200}")


@dataclass(frozen=True)
class Asked:
    """What a download is asked for; empty words mean all, or the newest run, ``start`` and ``end`` are metres."""

    what: str
    form: str
    granule: str = ""
    beam: str = ""
    run: str = ""
    start: float | None = None
    end: float | None = None

    @classmethod
    def of(cls, words: Callable[[str], str], forms: tuple[str, ...], what: str) -> Asked:
        """From the words of an address, ``what`` where it names nothing; raises InputError for one that cannot be."""
        text = {name: words(name) for name in ("what", "granule", "beam", "run")}
        for name, value in text.items():
            if value and not _WORD.fullmatch(value):
                raise InputError(f"{name} {value[:80]!r} has signs that no name has")
        form = words("format") or forms[0]
        if form not in forms:
            raise InputError(f"there is no format {form[:80]!r}", mend=f"one of: {', '.join(forms)}")
        start, end = (_metres(name, words(name)) for name in ("from", "to"))
        if start is not None and end is not None and start >= end:
            raise InputError(f"from {start:g} m is not before to {end:g} m")
        return cls(text["what"] or what, form, text["granule"], text["beam"], text["run"], start, end)

    @property
    def beams(self) -> tuple[str, ...]:
        """Beams that are asked for, several joined by commas; none where all are meant."""
        return tuple(beam for beam in self.beam.split(",") if beam)

    def name(self, suffix: str) -> str:
        """The name of the file that is downloaded."""
        stretch = "" if self.start is None and self.end is None else f"{_km(self.start)}-{_km(self.end)}km"
        parts = (self.what, self.granule, self.beam, self.run, stretch)
        return f"{'_'.join(part for part in parts if part)}.{suffix}"


def _metres(name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} {text[:80]!r} is no distance", mend="give metres along the track")
    return value


def _km(metres: float | None) -> str:
    return "" if metres is None else f"{metres / 1000:.3f}".rstrip("0").rstrip(".")


Make = Callable[[Workspace, Asked, Path], Path]
"""Makes the file that is asked for within a folder; raises LeadlineError for what cannot be."""


class _GoneError(Exception):
    """Nobody waits for a download any more."""


class Download(AuthRequestHandler):
    """Serves what ``make`` makes to whoever may see the page; bad words are answered with 400 and one line."""

    def initialize(
        self, workspace: Workspace, pool: ThreadPoolExecutor, make: Make, forms: tuple[str, ...], what: str
    ) -> None:
        self.workspace = workspace
        self.pool = pool
        self.make = make
        self.forms = forms
        self.what = what
        self._gone = Event()

    def on_connection_close(self) -> None:
        """Nobody waits for the file any more."""
        self._gone.set()

    @authenticated
    async def get(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="leadline-download-"))
        try:
            try:
                asked = Asked.of(lambda name: self.get_query_argument(name, "").strip(), self.forms, self.what)
                path = await asyncio.get_running_loop().run_in_executor(self.pool, self._work, asked, folder)
            except LeadlineError as error:
                self._refuse(400, error.line.replace(f"{folder}/", ""))
            except _GoneError:
                return
            except Exception as error:
                log.exception("a download failed")
                self._refuse(500, f"the file could not be made ({type(error).__name__}: {error})")
            else:
                await self._send(path, asked.name(path.suffix[1:]))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _work(self, asked: Asked, folder: Path) -> Path:
        try:
            with watched(lambda _: None), stopped_by(self._gone):
                return self.make(self.workspace, asked, folder)
        except KeyboardInterrupt:
            raise _GoneError from None

    def _refuse(self, status: int, line: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.write(line + "\n")

    async def _send(self, path: Path, name: str) -> None:
        self.set_header("Content-Type", _TYPES[path.suffix[1:]])
        self.set_header("Content-Length", str(path.stat().st_size))
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        token = self.get_query_argument("token", "")
        if _WORD.fullmatch(token):
            self.set_cookie(TOKEN, token, samesite="strict")
        with path.open("rb") as stream:
            while chunk := await asyncio.to_thread(stream.read, _CHUNK):
                self.write(chunk)
                try:
                    await self.flush()
                except StreamClosedError:
                    return


def make_table(workspace: Workspace, asked: Asked, folder: Path) -> Path:
    """A table as one file."""
    from processing.local.export import Choice, export

    out = folder / f"table.{FORMATS[asked.form]}"
    choice = Choice(
        granules=(asked.granule,) if asked.granule else (),
        beams=asked.beams,
        start=-math.inf if asked.start is None else asked.start,
        stop=math.inf if asked.end is None else asked.end,
    )
    export(workspace.refresh(), asked.what, asked.run, asked.form, out, choice)
    return out


def make_figure(workspace: Workspace, asked: Asked, folder: Path) -> Path:
    """A figure of a granule at journal size: ``what`` is profile (of one beam), distribution, map or beams."""
    from processing.charts import style
    from processing.local.granule_view import granule_figures, granule_view

    ends = (-math.inf if asked.start is None else asked.start, math.inf if asked.end is None else asked.end)
    view = granule_view(workspace.refresh(), asked.granule, asked.run, asked.beams, *ends)
    figures = granule_figures(view.tracks, view.synthetic, view.surfaces)
    drawn = next((figure for name, figure in figures.items() if name.split("_")[0] == asked.what), None)
    if drawn is None:
        known = dict.fromkeys(name.split("_")[0] for name in figures)
        raise InputError(f"there is no figure {asked.what!r}", mend=f"what is one of {', '.join(known)}")
    with style.drawing():
        return style.written(folder / f"figure.{asked.form}", drawn, style.PRINT_DOTS)


def make_report(workspace: Workspace, asked: Asked, folder: Path) -> Path:
    """The report of a granule, one HTML file."""
    from processing.local.report import write_report

    out = folder / "report.html"
    write_report(workspace.refresh(), asked.granule, asked.run, out)
    return out


def patterns(workspace: Workspace) -> list[tuple[str, Any, dict[str, Any]]]:
    """Routes of the downloads for the page's own server."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-export")
    shared = {"workspace": workspace, "pool": pool}
    handler = cast("Any", Download)
    return [
        (r"/export", handler, shared | {"make": make_table, "forms": tuple(FORMATS), "what": "freeboard"}),
        (r"/figure", handler, shared | {"make": make_figure, "forms": FIGURE_FORMATS, "what": "profile"}),
        (r"/report", handler, shared | {"make": make_report, "forms": ("html",), "what": "report"}),
    ]

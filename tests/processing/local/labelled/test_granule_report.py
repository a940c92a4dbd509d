"""The report of a granule holds its numbers and where they come from, and asks nothing from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from processing.errors import InputError, MissingError
from processing.io import tables
from processing.local.freeboard import freeboard
from processing.local.granule_view import granule_view
from processing.local.report import write_report
from processing.local.report_facts import by_beam, by_class, levels
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import TRUTH
from processing.stages import Freeboard


class Page(HTMLParser):
    """Every address that a page names, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(scope="module")
def project(made: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Project:
    found = made.make_project(tmp_path_factory.mktemp("report") / "project", kilometres=12)
    freeboard(found, Freeboard(window=2000.0, stride=1000.0))
    kinds = {column.name: column.type.to_pandas_dtype() for column in TRUTH.columns[2:]}
    truth = {"granule_id": made.granule, "beam": "gt1l", **{name: np.zeros(1, kind) for name, kind in kinds.items()}}
    path = found.table_path("inputs/truth", made.granule, "gt1l")
    tables.write(path, TRUTH, TRUTH.build(truth), Stamp("twin"))
    return found


@pytest.fixture(scope="module")
def page(project: Project) -> tuple[str, Page]:
    out = project.root.parent / "report.html"
    project.settings["name"] = "<b>R&D</b>"
    write_report(project, "", "", out)
    text = out.read_text(encoding="utf-8")
    found = Page()
    found.feed(text)
    return text, found


def test_nothing_is_asked_from_elsewhere(page: tuple[str, Page]) -> None:
    text, found = page
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert len(found.addresses) >= 6
    assert not found.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_it_holds_tables_and_provenance(page: tuple[str, Page], made: SimpleNamespace, project: Project) -> None:
    words = page[1].words
    for each in (made.granule, made.run, "gt1l", "gt2l", "thick ice", "open water", "thickness of ice", "floes, chord"):
        assert each in words, each
    for each in (
        "window = 2000.0",
        "Photons gathered in segments",
        "Classes from the model",
        "Sea surface and freeboard",
    ):
        assert each in words, each
    stamp = tables.read_stamp(project.table_path("freeboard", *made.tracks[0], made.run))
    assert stamp is not None
    assert stamp.inputs["segments"]
    assert "<b>R&D</b>" in words, "names are text, not markup"


def test_numbers_are_those_of_the_tables(project: Project) -> None:
    view = granule_view(project)
    every = np.concatenate([track.freeboard for track in view.tracks]).astype(np.float64)
    label = np.concatenate([track.label for track in view.tracks])
    ice, thick, water = by_class(view, 10_000.0)
    assert (ice.name, thick.name, water.name) == ("all ice", "thick ice", "open water")
    assert thick.mean == pytest.approx(every[label == 0].mean())
    assert thick.count + water.count == len(every)
    assert thick.share + water.share == pytest.approx(1.0)
    assert ice.mode == pytest.approx(0.3, abs=0.02)
    assert 0.0 < ice.sigma < min(row.sigma for row in by_beam(view, 10_000.0)), "beams are independent"
    first = levels(view)[0]
    assert (first.leads, first.from_leads + first.interpolated + first.none) == (12, pytest.approx(1.0))


def test_synthetic_inputs_are_said_to_be(page: tuple[str, Page]) -> None:
    assert "<title>SYNTHETIC: " in page[0]
    assert "No value on this page is a measurement" in page[1].words


def test_what_cannot_be_reported_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder of that name"):
        write_report(project, "", "", tmp_path)
    with pytest.raises(MissingError, match="nowhere"):
        write_report(project, "nowhere", "", tmp_path / "out.html")
    with pytest.raises(InputError, match=r"no segment of .* lies between 0 and 1 m"):
        granule_view(project, start=0.0, stop=1.0)
    assert list(tmp_path.iterdir()) == []

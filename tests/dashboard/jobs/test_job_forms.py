"""Forms are the stages' own parameters: each once, with its bounds, unit and help."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import param
import pytest
import small_project
from made_jobs import job

from dashboard import catalog
from dashboard.data import Workspace
from dashboard.jobs.command import ON_SPARK
from dashboard.jobs.forms import form
from dashboard.jobs.rules import LAUNCHED
from dashboard.state import LAUNCHES
from processing.project import Project
from processing.stages import Engine, Stage

KINDS = {param.Boolean: "switch", param.Selector: "choice", param.Integer: "whole", param.Number: "number"}


def test_what_the_address_may_open_is_what_can_be_launched() -> None:
    assert list(LAUNCHES) == list(LAUNCHED)


def check_fields(kind: type[Stage], fields: list[dict]) -> None:
    told = {field["name"]: field for field in fields}
    assert Counter(field["name"] for field in fields) == Counter(set(kind.own_parameters()) - {"executor_python"})
    for name, field in told.items():
        parameter = kind.param[name]
        bounds = getattr(parameter, "bounds", None) or (None, None)
        assert (field["low"], field["high"], field["default"]) == (*bounds, parameter.default)
        unit = f" [{field['unit']}]" if field["unit"] else ""
        assert parameter.doc in (field["help"] + unit, f"{field['help']} [1]")
        assert field["help"]
        assert field["type"] in ("named", "several") or field["type"] == _type(parameter)
        if isinstance(parameter, param.Selector):
            assert field["choices"] == list(parameter.objects)


def _type(parameter: param.Parameter) -> str:
    return next((word for kind, word in KINDS.items() if isinstance(parameter, kind)), "text")


@pytest.mark.parametrize("stage", LAUNCHED)
def test_a_form_has_every_parameter_once(workspace: Workspace, stage: str) -> None:
    told = form(workspace.project, catalog.Catalog("EPSG:3031"), stage)
    check_fields(LAUNCHED[stage], told["fields"])
    check_fields(Engine, told["engine"]) if stage in ON_SPARK else None
    assert bool(told["engine"]) == (stage in ON_SPARK)
    assert all(field["value"] == field["default"] for field in told["fields"])


def test_runs_and_granules_that_are_there_are_offered(workspace: Workspace) -> None:
    found = catalog.build(workspace)
    fields = {field["name"]: field for field in form(workspace.project, found, "train")["fields"]}
    assert (fields["snapshot"]["type"], fields["snapshot"]["choices"]) == ("named", ["v0001"])
    assert (fields["held_out"]["type"], fields["held_out"]["choices"]) == ("several", [small_project.GRANULE])
    chosen = form(workspace.project, found, "freeboard")["granules"]
    assert [granule["id"] for granule in chosen] == [small_project.GRANULE]


def test_a_clone_repeats_what_was_asked_and_a_new_form_no_name_of_a_run(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    (project.root / "project.toml").write_text('name = "p"\n[stage.train]\nepochs = 7\nrun_name = "mine"\n')
    project, empty = Project(project.root), catalog.Catalog("EPSG:3031")
    value = {field["name"]: field["value"] for field in form(project, empty, "train")["fields"]}
    assert (value["epochs"], value["run_name"]) == (7, "")
    former = replace(job(4, "train", "done"), parameters={"epochs": 9, "run_name": "hers", "of another version": 1})
    told = form(project, empty, "train", former)
    value = {field["name"]: field["value"] for field in told["fields"]}
    assert (told["cloned"], value["epochs"], value["run_name"]) == (4, 9, "hers")

"""What may be ordered: bounds of every field, names that are there, paths that stay inside, one word for each value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import param
import pytest
import small_project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.jobs.command import ON_SPARK, words
from dashboard.jobs.model import Order
from dashboard.jobs.rules import LAUNCHED, available, checked
from processing.errors import InputError
from processing.project import Project
from processing.stages import SECTIONS, Engine

SECRET = Path("/etc/passwd")
HOSTILE = (
    *("; rm -rf /", "$(id)", "`id`", "--option", "-oProxyCommand=id", "a\nb", "a\0b", "a\rb", "../../etc/passwd"),
    *("/etc/passwd", "file:///etc/passwd", "a b", "|id", "é:4", "\u202e", "\ud800", "x" * 501, "'", '"', "%s", "*"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small project, with a model, a grid and links that lead out."""
    made = small_project.make(tmp_path_factory.mktemp("rules") / "small")
    (made.root / "models" / "mlp-v0001").mkdir(parents=True)
    (made.root / "grid.tif").write_bytes(b"II")
    (made.root / "out.tif").symlink_to(SECRET)
    (made.root / "out").symlink_to("/etc")
    (made.root / "circle").symlink_to("circle")
    (made.root / "inner.tif").symlink_to("grid.tif")
    return made


def order(project: Project, stage: str, engine: Mapping[str, Any] | None = None, **parameters: Any) -> Any:
    return checked(project, {"stage": stage, "parameters": parameters, "engine": engine or {}})


def refused(call: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in caught.value.line
    assert caught.value.mend
    return caught.value


def fields() -> list[tuple[str, str]]:
    own = [(stage, name) for stage, kind in LAUNCHED.items() for name in kind.own_parameters()]
    return own + [("freeboard/engine", name) for name in Engine.own_parameters()]


def parameter_of(field: tuple[str, str]) -> Any:
    return (Engine if "/" in field[0] else LAUNCHED[field[0]]).param[field[1]]


def with_value(project: Project, field: tuple[str, str], value: Any) -> Any:
    stage, _, engine = field[0].partition("/")
    return order(project, stage, {field[1]: value}) if engine else order(project, stage, **{field[1]: value})


def value_in(made: Any, field: tuple[str, str]) -> Any:
    return (made.engine if "/" in field[0] else made.parameters)[field[1]]


NUMBERS = [field for field in fields() if isinstance(parameter_of(field), param.Number)]
CHOICES = [field for field in fields() if isinstance(parameter_of(field), param.Selector)]
SWITCHES = [field for field in fields() if isinstance(parameter_of(field), param.Boolean)]
TEXTS = [field for field in fields() if type(parameter_of(field)) is param.String]


def test_every_parameter_is_of_a_kind_that_is_checked() -> None:
    assert sorted(NUMBERS + CHOICES + SWITCHES + TEXTS) == sorted(fields())


@pytest.mark.parametrize("field", NUMBERS, ids="-".join)
def test_a_number_within_its_bounds_is_taken_also_as_text_and_no_other(project: Project, field) -> None:
    low, high = parameter_of(field).bounds
    whole = isinstance(parameter_of(field), param.Integer)
    for good in (low, high):
        if good is not None:
            assert value_in(with_value(project, field, good), field) == good
            assert value_in(with_value(project, field, f" {good} "), field) == good
    beyond = [low - 1, *([high + 1] if high is not None else ()), *([low + 0.5] if whole else ())]
    for bad in (*beyond, "", "nan", "inf", "-inf", float("nan"), "x", "0x10", "1;2", True, None, [1], {}, 10**400):
        if bad in ("", None) and parameter_of(field).allow_None:
            continue
        error = refused(lambda bad=bad: with_value(project, field, bad))
        assert error.where == f"--{field[1].replace('_', '-')}"
        assert "whole number" in error.mend if whole else "number" in error.mend
        assert f"{low:g}" in error.mend
        assert high is None or f"{high:g}" in error.mend


@pytest.mark.parametrize("field", CHOICES, ids="-".join)
def test_a_choice_is_one_of_those_named(project: Project, field) -> None:
    for good in parameter_of(field).objects:
        assert value_in(with_value(project, field, good), field) == good
    for bad in (*HOSTILE, "", None, 1, True, [parameter_of(field).objects[0]]):
        error = refused(lambda bad=bad: with_value(project, field, bad))
        assert error.where == f"--{field[1].replace('_', '-')}"
        assert str(parameter_of(field).objects[0]) in error.mend


@pytest.mark.parametrize("field", SWITCHES, ids="-".join)
def test_a_switch_is_on_or_off(project: Project, field) -> None:
    for good in (True, False):
        assert value_in(with_value(project, field, good), field) is good
    for bad in ("true", "", 1, 0, None, [True]):
        error = refused(lambda bad=bad: with_value(project, field, bad))
        assert (error.where, error.mend) == (f"--{field[1].replace('_', '-')}", "give yes or no")


@pytest.mark.parametrize("field", TEXTS, ids="-".join)
def test_hostile_text_is_refused_where_it_means_anything(project: Project, field) -> None:
    """A note may say what it likes in one printable line, and lists of words may begin with dashes."""
    harmless = [text for text in HOSTILE if text.isprintable() and len(text) <= 500]
    if field[1] != "note":
        harmless = ["--option", "a b"] if field[1] in ("features", "models", "protocols") else []
    for text in (*HOSTILE, 5, None, True, ["a"]):
        if text in harmless:
            assert value_in(with_value(project, field, text), field) == text
        else:
            error = refused(lambda text=text: with_value(project, field, text))
            assert error.where == f"--{field[1].replace('_', '-')}"


@pytest.mark.parametrize(
    ("stage", "name", "good", "bad"),
    [
        ("train", "run_name", ["my-run.2", ""], [".hidden", "-x", "a/b", "a\\b", "..", "x" * 101]),
        ("train", "snapshot", ["v0001", ""], ["v0002", "../snapshots/v0001"]),
        ("evaluate", "snapshot", ["v0001"], ["v0009"]),
        ("classify", "run_name", ["mlp-v0001"], ["lstm-v0001", "v0001"]),
        ("freeboard", "run_name", ["lstm-v0001", "v0001"], ["mlp-v0001"]),
        ("train", "held_out", [small_project.GRANULE, f"{small_project.GRANULE} , "], ["ATL03_unknown", "*", "../x"]),
        (
            "train",
            "hosts",
            ["a:4", "a:4, b-2.example.org:12", "10.0.0.1:1"],
            ["a", "a:0", ":4", "a:4,", "-a:4", "a@b:4"],
        ),
        (
            "train",
            "tracking",
            ["off", "http://localhost:5000", "https://user@host/x"],
            ["http:", "http://[", "ftp://a"],
        ),
        ("train", "tracking", [""], ["sqlite:///x.db", "databricks", "//host", "javascript:alert(1)"]),
        ("train", "features", ["height, photon_rate"], ["a;b", "a/b"]),
        ("evaluate", "models", ["mlp,lstm"], ["mlp$"]),
    ],
)
def test_names_and_addresses(project: Project, stage: str, name: str, good: list[str], bad: list[str]) -> None:
    for text in good:
        assert order(project, stage, **{name: text}).parameters[name] == text.strip()
    for text in bad:
        assert refused(lambda text=text: order(project, stage, **{name: text})).where == f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(
    "good", ["local", "local[2]", "local[*]", "spark://h:7077", "spark://a:1,b:2", "spark://[::1]:7077"]
)
def test_masters_of_spark_are_taken(project: Project, good: str) -> None:
    assert order(project, "freeboard", {"engine": "spark", "master": good}).engine["master"] == good


@pytest.mark.parametrize(
    "bad", ["yarn", "local[0]", "local[2", "spark://h", "k8s://h:1", "spark://-h:1", "spark://h:1,-x:2"]
)
def test_other_masters_are_refused(project: Project, bad: str) -> None:
    assert refused(lambda: order(project, "freeboard", {"engine": "spark", "master": bad})).where == "--master"


def test_a_grid_lies_in_the_project_and_arrives_whole_and_without_links(project: Project) -> None:
    for name in ("grid.tif", "inner.tif"):
        made = order(project, "resample", mean_sea_surface=name)
        assert made.parameters["mean_sea_surface"] == str((project.root / "grid.tif").resolve())
    again = order(project, "resample", mean_sea_surface=made.parameters["mean_sea_surface"])
    assert again.parameters == made.parameters
    outside = (
        str(SECRET),
        "../../etc/passwd",
        "out.tif",
        "out/passwd",
        "circle",
        "file:///etc/passwd",
        "no.tif",
        "inputs",
    )
    for bad in (*outside, "x" * 300, "http://host/grid.tif", "~/grid.tif", "NETCDF:/etc/passwd:a"):
        error = refused(lambda bad=bad: order(project, "resample", mean_sea_surface=bad))
        assert error.where == "--mean-sea-surface"


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """A project whose owner set what no page may set."""
    root = Project.create(tmp_path / "own").root
    sections = (
        '[stage.resample]\nmean_sea_surface = "/data/grid.tif"\n[stage.engine]\nexecutor_python = "/opt/python"\n'
    )
    (root / "project.toml").write_text(f'name = "own"\n{sections}[stage.train]\ndropout = 0.25\n')
    return Project(root)


def test_what_the_owner_set_stands_but_no_page_changes_it(own: Project) -> None:
    assert order(own, "resample", mean_sea_surface="/data/grid.tif").parameters["mean_sea_surface"] == "/data/grid.tif"
    assert order(own, "resample", {"executor_python": "/opt/python"}).engine["executor_python"] == "/opt/python"
    for other in ("/bin/sh", "", "python3"):
        error = refused(lambda other=other: order(own, "resample", {"executor_python": other}))
        assert error.where == "--executor-python"


def test_a_value_that_no_command_can_take_back_is_not_taken_back_silently(own: Project, project: Project) -> None:
    assert refused(lambda: order(own, "train", dropout=None)).where == "--dropout"
    assert order(own, "train", dropout="0.5").parameters["dropout"] == 0.5
    assert order(project, "train", dropout="").parameters["dropout"] is None


def test_granules_are_those_of_the_project(project: Project) -> None:
    ask = {"stage": "freeboard", "granules": [small_project.GRANULE, small_project.GRANULE]}
    assert checked(project, ask).granules == (small_project.GRANULE,)
    for bad in (["other"], ["--granule"], [f"{small_project.GRANULE}\n"], [None], ["../x"]):
        assert refused(lambda bad=bad: checked(project, {**ask, "granules": bad})).where == "--granule"
    with pytest.raises(InputError, match="every granule"):
        checked(project, {"stage": "train", "granules": [small_project.GRANULE]})


def test_cores_are_those_that_the_work_takes(project: Project) -> None:
    def cores(stage: str, engine: Mapping[str, Any] | None = None, asked: Any = None, **parameters: Any) -> int:
        return checked(
            project, {"stage": stage, "parameters": parameters, "engine": engine or {}, "cores": asked}
        ).cores

    assert cores("snapshot", asked=2) == 1
    assert [cores("train"), cores("train", workers=3), cores("train", hosts="a:4,b:2")] == [1, 3, 6]
    assert [cores("freeboard"), cores("freeboard", asked=0), cores("freeboard", asked="1")] == [available()] * 2 + [1]
    for master, count in (("local", 1), ("local[3]", 3), ("local[*]", available()), ("spark://h:7077", 1)):
        assert cores("resample", {"engine": "spark", "master": master}) == count
    for bad in (-1, available() + 1, "many", [1], float("inf"), float("nan"), 10**400):
        assert refused(lambda bad=bad: cores("freeboard", asked=bad)).where == "job-cores"


@pytest.mark.parametrize("stage", ["", "engine", "review", "demo", "twin", "resample; id", "__class__", None, 3])
def test_nothing_but_stages_is_launched(project: Project, stage: object) -> None:
    with pytest.raises(InputError):
        checked(project, {"stage": stage})


@pytest.mark.parametrize("name", ["name", "param", "__class__", "key", "nonsense", "values_dict"])
def test_nothing_but_parameters_is_set(project: Project, name: str) -> None:
    with pytest.raises(InputError, match="no parameter"):
        order(project, "resample", **{name: "x"})


def test_only_a_model_that_is_there_is_promoted(project: Project) -> None:
    assert order(project, "promote", run_name="mlp-v0001").parameters == {"run_name": "mlp-v0001"}
    for bad in ("", "../mlp-v0001", "v0001", None, "--help"):
        with pytest.raises(InputError, match="no model"):
            order(project, "promote", run_name=bad)


@pytest.mark.parametrize("stage", LAUNCHED)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_any_text_is_refused_or_arrives_as_one_word_of_its_own_option(project, commands, stage, chosen) -> None:
    kinds = [SECTIONS[stage], *([Engine] if stage in ON_SPARK else [])]
    field = chosen.draw(st.sampled_from([(kind, name) for kind in kinds for name in kind.own_parameters()]))
    text = chosen.draw(st.text() | st.sampled_from(HOSTILE) | st.from_regex(r"[-\w.,:/\[\]*= ]{0,12}", fullmatch=True))
    given_to = {"engine": {field[1]: text}} if field[0] is Engine else {"parameters": {field[1]: text}}
    try:
        made = checked(project, {"stage": stage, **given_to})
    except InputError as error:
        at_fault = error.where
    else:
        at_fault = ""
        check_words(project, commands, made)
    assert at_fault in ("", f"--{field[1].replace('_', '-')}")


def check_words(project: Project, commands: Mapping[str, click.Command], made: Order) -> None:
    """The program's own parser gives back every value, each from one word with its own option."""
    kinds = [SECTIONS[made.stage], *([Engine] if made.engine else [])]
    program, said = words(project.root, made)[:3], words(project.root, made)[3:]
    assert program[1:] == ["-m", "processing"]
    assert said[:2] == [made.stage, str(project.root)]
    options = {word.partition("=")[0].removeprefix("--no-").removeprefix("--") for word in said[2:]}
    declared = {name.replace("_", "-") for kind in kinds for name in kind.own_parameters()}
    assert len(said) - 2 == len(options)
    assert options <= declared
    with commands[made.stage].make_context(made.stage, said[1:]) as context:
        for name, value in {**made.parameters, **made.engine}.items():
            assert context.params[name] == value

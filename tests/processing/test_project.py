"""A project on disk: inputs, parameters, refusals."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from processing.errors import InputError, MissingError
from processing.project import Project
from processing.provenance import fingerprint_file
from processing.stages import STAGES, Resample


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "P")


def test_new_refuses_a_folder_in_use(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="already there"):
        Project.create(project.root)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        Project.create(tmp_path / "other")


def test_opening_what_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="leadline new"):
        Project(tmp_path)


def test_only_parameters_that_differ_are_kept(project: Project) -> None:
    project.remember(project.stage(Resample, {"window": 5.0}))
    assert tomllib.loads((project.root / "project.toml").read_text())["stage"] == {"resample": {"window": 5.0}}
    assert Project(project.root).stage(Resample).window == 5.0
    project.remember(project.stage(Resample, {"window": 2.0}))
    assert "stage" not in tomllib.loads((project.root / "project.toml").read_text()) or not Project(
        project.root
    ).settings["stage"].get("resample")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[stage.resample]\nwindow = -1.0\n", "window = -1.0"),
        ("[stage.resample]\nwidth = 2.0\n", "no parameter 'width'"),
    ],
)
def test_a_bad_value_in_the_settings_is_named(project: Project, text: str, message: str) -> None:
    (project.root / "project.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        Project(project.root).stage(Resample)


def test_unknown_stage_and_broken_toml_are_refused(project: Project) -> None:
    (project.root / "project.toml").write_text("[stage.resampel]\n")
    with pytest.raises(InputError, match="unknown stage 'resampel'"):
        Project(project.root)
    (project.root / "project.toml").write_text("name = ")
    with pytest.raises(InputError, match="not valid TOML"):
        Project(project.root)


@pytest.mark.parametrize("copy", [False, True])
def test_inputs_are_linked_or_copied_once(project: Project, tmp_path: Path, copy: bool) -> None:
    source = tmp_path / "photons.csv.gz"
    source.write_bytes(b"one")
    entry = project.add_input("granules", "G1", "photon_table", source, {"beam": "gt1r"}, copy=copy)
    assert entry.path.name == "G1.csv.gz"
    assert entry.path.is_symlink() != copy
    assert project.add_input("granules", "G1", "photon_table", source, {"beam": "gt1r"}) == entry
    assert project.inputs("granules") == [entry]
    other = tmp_path / "other.csv.gz"
    other.write_bytes(b"two")
    with pytest.raises(InputError, match="already with other content"):
        project.add_input("granules", "G1", "photon_table", other, {})
    # What the message advises leads to the other file.
    (entry.path.parent / "G1.json").unlink()
    assert project.add_input("granules", "G1", "photon_table", other, {}).path.read_bytes() == b"two"


def test_a_linked_file_that_changed_has_another_fingerprint(project: Project, tmp_path: Path) -> None:
    source = tmp_path / "granule.h5"
    source.write_bytes(b"one")
    entry = project.add_input("granules", "G1", "atl03", source, {})
    source.touch()
    assert project.input("granules", "G1") == entry
    source.write_bytes(b"two")
    changed = project.input("granules", "G1")
    assert changed.fingerprint == fingerprint_file(source) != entry.fingerprint
    assert Project(project.root).inputs("granules") == [changed]


def test_a_file_that_moved_is_found_again_by_adding_it(project: Project, tmp_path: Path) -> None:
    source = tmp_path / "granule.h5"
    source.write_bytes(b"one")
    project.add_input("granules", "G1", "atl03", source, {})
    moved = source.rename(tmp_path / "moved.h5")
    assert not project.input("granules", "G1").path.exists()
    assert project.add_input("granules", "G1", "atl03", moved, {}).path.read_bytes() == b"one"


def test_identifiers_from_outside_stay_in_their_folder(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(MissingError, match="no such input"):
        project.input("granules", "../../../secret")


@pytest.mark.parametrize("text", ["stage = 3", 'database = "labels.db"', "[stage]\nresample = 5"])
def test_settings_of_another_shape_are_told(project: Project, text: str) -> None:
    (project.root / "project.toml").write_text(text)
    with pytest.raises(InputError, match="is not a table"):
        Project(project.root)


def test_a_file_is_no_project(tmp_path: Path) -> None:
    file = tmp_path / "granule.h5"
    file.write_bytes(b"photons")
    with pytest.raises(InputError, match="not a project but a file"):
        Project(file)
    with pytest.raises(InputError, match="a file of that name"):
        Project.create(file)


def test_a_number_is_what_it_is_declared_to_be(project: Project) -> None:
    project.remember(project.stage(Resample, {"window": 4}))
    written = (project.root / "project.toml").read_text()
    assert "window = 4.0" in written
    (project.root / "project.toml").write_text(written.replace("4.0", "4"))
    value = Project(project.root).stage(Resample).values_dict()["window"]
    assert isinstance(value, float)


def test_every_stage_keeps_defaults_within_bounds_and_documents_them() -> None:
    for kind in STAGES.values():
        stage = kind()
        assert stage.values_dict().keys() == set(kind.own_parameters())
        assert all(kind.param[name].doc for name in kind.own_parameters())

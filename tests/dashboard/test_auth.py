from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.auth import add_user, read_users
from processing.errors import InputError, MissingError


def test_a_user_is_known_by_the_password_alone_and_the_file_does_not_hold_it(tmp_path: Path) -> None:
    file = tmp_path / "users"
    add_user(file, "ada", "leads and floes")
    add_user(file, "ben", "thin ice 2026")
    users = read_users(file)
    assert users["ada"].fits("leads and floes")
    assert not users["ada"].fits("thin ice 2026")
    assert "floes" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_mistyped_file_is_an_error_and_never_a_password(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="leadline user"):
        read_users(tmp_path / "usres")


@pytest.mark.parametrize("text", ["ada:secret\n", "ada:plain:00:00\n", "\n# nobody\n", "ada:scrypt:zz:00\n"])
def test_a_file_that_is_not_one_of_users_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "users"
    file.write_text(text)
    with pytest.raises(InputError):
        read_users(file)


def test_weak_passwords_and_odd_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="8 characters"):
        add_user(tmp_path / "users", "ada", "short")
    with pytest.raises(InputError, match="user name"):
        add_user(tmp_path / "users", "a:b", "long enough")
    assert not (tmp_path / "users").exists()

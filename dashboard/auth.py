"""Who may open the page: a file of users with salted password hashes, and the login page that asks for them.

One line a user, ``name:scrypt:SALT:HASH`` (hexadecimal). Passwords themselves are nowhere kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panel.auth import BasicAuthProvider, BasicLoginHandler

from dashboard.controls import STATIC
from processing.errors import InputError, MissingError
from processing.io.atomic import write_text

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
_MEND = "add users by: leadline user FILE NAME"


@dataclass(frozen=True)
class Secret:
    """Salt and hash of one password."""

    salt: bytes
    hashed: bytes

    @classmethod
    def of(cls, password: str) -> Secret:
        """Hash a password with a new salt."""
        salt = secrets.token_bytes(16)
        return cls(salt, hashlib.scrypt(password.encode(), salt=salt, **_COST))

    def fits(self, password: str) -> bool:
        """Whether this is the password; takes the same time whatever the answer."""
        return hmac.compare_digest(self.hashed, hashlib.scrypt(password.encode(), salt=self.salt, **_COST))


_NOBODY = Secret(bytes(16), bytes(32))


def read_users(path: Path) -> dict[str, Secret]:
    """Users of a file. Raises MissingError when it is not there, InputError naming the line that cannot be read."""
    if not path.is_file():
        raise MissingError("no such file of users", where=path, mend=_MEND)
    users = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.strip().split(":")
        try:
            name, method, salt, hashed = parts
            users[name] = Secret(bytes.fromhex(salt), bytes.fromhex(hashed))
        except ValueError:
            raise InputError(f"line {number} is not name:scrypt:SALT:HASH", where=path, mend=_MEND) from None
        if method != "scrypt" or not _NAME.fullmatch(name):
            raise InputError(
                f"line {number}: user {name!r} or method {method!r} is not allowed", where=path, mend=_MEND
            )
    if not users:
        raise InputError("the file names no user", where=path, mend=_MEND)
    return users


def add_user(path: Path, name: str, password: str) -> None:
    """Add a user to the file, or give one another password."""
    if not _NAME.fullmatch(name):
        raise InputError(f"user name {name!r} has other signs than letters, digits and . _ @ -", where=path)
    if len(password) < 8:
        raise InputError("the password has fewer than 8 characters", where=path)
    users = read_users(path) if path.exists() else {}
    users[name] = Secret.of(password)
    lines = [f"{user}:scrypt:{found.salt.hex()}:{found.hashed.hex()}\n" for user, found in sorted(users.items())]
    write_text(path, "".join(lines))
    path.chmod(0o600)


def provider(users: Mapping[str, Secret]) -> BasicAuthProvider:
    """Asks for name and password on a login page of our own, which needs nothing from elsewhere."""

    class Login(BasicLoginHandler):
        def _validate(self, username: str, password: str) -> bool:
            fits = users.get(username, _NOBODY).fits(password)
            return fits and username in users

    class Provider(BasicAuthProvider):
        @property
        def login_handler(self) -> Any:
            Login._login_endpoint = self._login_endpoint
            Login._login_template = self._login_template
            return Login

    return Provider(login_endpoint="/login", logout_endpoint="/logout", login_template=str(STATIC / "login.html"))

"""Where files lie: in folders of this machine, or in a store that a URL names, such as ``s3://bucket/folder``.

A path is a ``pathlib.Path`` where the file lies on this machine and a ``upath.UPath`` where a URL names it: the two are
used alike, so that both pass as ``Path``, and what they do not have in common is told apart here. Which store, and
with what credentials, follows from the URL and the environment of the store's own package (for ``s3://`` that is s3fs:
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_PROFILE``, ``AWS_ENDPOINT_URL``, ``FSSPEC_S3_ANON``...).
"""

from __future__ import annotations

import gc
import io
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from processing.errors import InputError, LeadlineError

if TYPE_CHECKING:
    from upath import UPath

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://")
_BLOCK = 2 << 20
_BLOCKS = 32
"""Bytes that one request fetches of a file, and blocks of that size that an open file keeps."""

_GDAL = {"s3": "/vsis3/", "s3a": "/vsis3/", "gs": "/vsigs/", "gcs": "/vsigs/", "az": "/vsiaz/", "abfs": "/vsiaz/"}
_CLIENTS = {"aiobotocore", "aiohttp", "botocore", "fsspec", "s3fs"}
_NO_BUCKET = "NoSuchBucket"
_ABSENT = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {
    *("403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "Forbidden", "InvalidAccessKeyId", "InvalidToken"),
    *("RequestTimeTooSkewed", "SignatureDoesNotMatch"),
}
_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public bucket FSSPEC_S3_ANON=true"


@dataclass(frozen=True)
class Entry:
    """A file in a store.

    Attributes
    ----------
    size : bytes. mark : what changes with the content, as the store tells it. modified : s since 1970, 0 when unknown.
    """

    size: int
    mark: str
    modified: float


def place(text: str | Path) -> Path:
    """The path that ``text``, a file name or a URL, stands for. Raises InputError for a URL of no known store."""
    found = _URL.match(text) if isinstance(text, str) else None
    if found is None:
        return text if not isinstance(text, str) else Path(text)
    if found[1] == "file":
        return Path(unquote(urlsplit(str(text)).path))
    from upath import UPath

    try:
        # Others write too: what a store listed before is not what it holds now.
        made = UPath(str(text), use_listings_cache=False)
        made.fs  # noqa: B018 - finds out whether its package is there
    except ValueError as error:
        raise InputError(
            f"no place that can be used ({error})", where=str(text), mend="such as s3://bucket/folder"
        ) from None
    except ImportError as error:
        raise InputError(str(error), where=str(text), mend="install that package beside leadline") from None
    return cast("Path", made)


def is_remote(path: Path) -> bool:
    """Whether ``path`` was made of a URL."""
    return not isinstance(path, PurePath)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes in any order; of a file in a store only what is read is fetched."""
    if not is_remote(path):
        with path.open("rb") as local:
            yield local
        return
    with open_steadily(path) as file:
        yield file


def open_steadily(path: Path) -> BinaryIO:
    """A file in a store as h5py can read it; the caller closes it."""
    store, key = _store(path)
    with told(path):
        kept = store.open(key, "rb", block_size=_BLOCK, cache_type="blockcache", cache_options={"maxblocks": _BLOCKS})
    return cast("BinaryIO", _Steady(kept, path))


@contextmanager
def readable(path: Path) -> Iterator[Any]:
    """What a library that reads names or open files can read: a name on this machine, else an open file."""
    if not is_remote(path):
        yield path
        return
    with opened(path) as file:
        yield file


def listing(path: Path) -> dict[str, Entry]:
    """Every file of a folder in a store by its name in it, as ``a/b.jp2``; of a file itself, as ``.``.

    Names are sorted as paths are. Raises FileNotFoundError when there is neither.
    """
    store, key = _store(path)
    info = store.info(key)
    if info["type"] == "file":
        return {".": _entry(info)}
    found = {name.removeprefix(f"{key.rstrip('/')}/"): info for name, info in store.find(key, detail=True).items()}
    names = (name for name, info in found.items() if info["type"] == "file" and name[-1:] not in {"", "/"})
    return {name: _entry(found[name]) for name in sorted(names, key=PurePath)}


def children(folder: Path) -> list[Path]:
    """What lies directly in a folder, sorted; the marks that some tools leave in a store for a folder do not count."""
    if not is_remote(folder):
        return sorted(folder.iterdir())
    store, key = _store(folder)
    names = (name.rstrip("/") for name in store.ls(key, detail=False))
    return [folder / name.rpartition("/")[2] for name in sorted(names) if name != key.rstrip("/")]


def names_below(folder: Path) -> list[str]:
    """Names in ``folder`` of all files in it and in the folders in it, sorted as paths are; none where it is not."""
    if is_remote(folder):
        try:
            return list(listing(folder))
        except FileNotFoundError:
            return []
    return [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file()]


def put(file: Path, path: Path) -> None:
    """Send a file of this machine to a store in one request (large ones in parts that appear together at the end)."""
    store, key = _store(path)
    with told(path):
        store.put_file(str(file), key)


def fetch(path: Path, target: Path) -> None:
    """Copy a file, or a folder with all in it, from wherever it is to this machine."""
    if not is_remote(path):
        _copy(path, target)
    elif path.is_dir():
        for name in names_below(path):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            fetch(path / name, target / name)
    else:
        store, key = _store(path)
        with told(path):
            store.get_file(key, str(target))


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, target)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; what is not there, or cannot be removed, stays so."""
    if is_remote(path):
        store, key = _store(path)
        if store.exists(key):
            store.rm(key, recursive=True)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def raster_name(path: Path) -> str:
    """What GDAL calls the file. Raises InputError for a store that it does not know."""
    if not is_remote(path):
        return os.fspath(path)
    protocol, _, rest = str(path).partition("://")
    if protocol not in _GDAL:
        raise InputError(f"scenes are not read from {protocol}://", where=path, mend="add it with --copy")
    return _GDAL[protocol] + rest


def raster_options(path: Path) -> dict[str, str]:
    """GDAL's settings to reach the file with, in force while it is opened and read; none on this machine."""
    if not is_remote(path):
        return {}
    # Looking for files beside a raster would take some eighty requests.
    options = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_NON_CACHED": "/vsis3/:/vsigs/:/vsiaz/"}
    if getattr(_store(path)[0], "anon", False):
        options["AWS_NO_SIGN_REQUEST"] = "YES"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        parts = urlsplit(endpoint)
        options |= {"AWS_S3_ENDPOINT": parts.netloc + parts.path.rstrip("/"), "AWS_VIRTUAL_HOSTING": "FALSE"}
        options["AWS_HTTPS"] = "YES" if parts.scheme == "https" else "NO"
    return options


@contextmanager
def told(where: str | Path, *, gone: bool = False) -> Iterator[None]:
    """Tell in one line, as InputError about ``where``, why a store does not do what the block asks of it.

    A file that is not there stays FileNotFoundError, unless it was there before and is ``gone``.
    """
    try:
        yield
    except Exception as error:
        found = in_one_line(error, where)
        is_absent = isinstance(error, FileNotFoundError) and _NO_BUCKET not in map(_code, _causes(error))
        if found is None or (is_absent and not gone):
            raise
        raise found from error


def in_one_line(error: BaseException, where: str | Path) -> InputError | None:
    """What the error of a store means; None for an error of anything else."""
    for link in _causes(error):
        if type(link).__module__.partition(".")[0] in _CLIENTS:
            return _of_client(link, where)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None and not isinstance(error, LeadlineError):
        yield error
        error = error.__cause__ or error.__context__


def _of_client(error: BaseException, where: str | Path) -> InputError:
    words = " ".join(str(error).split())[:160]
    code = _code(error)
    what, mend = _answered(code, words) if code else _failed(type(error).__name__, words)
    return InputError(what, where=where, mend=mend)


def _code(error: BaseException) -> str:
    """What the store's answer calls the error; empty when there was no answer."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _answered(code: str, words: str) -> tuple[str, str]:
    """What the store's own answer means, and how to mend it."""
    if code == _NO_BUCKET:
        return "there is no such bucket", "make it first, or look for a slip in its name"
    if code in _ABSENT:
        return "it is not there", "look for a slip in its name"
    if code in _REFUSED:
        return f"access is refused ({code})", f"ask its owner for it, or {_KEYS}"
    return f"the store says: {words}", ""


def _failed(kind: str, words: str) -> tuple[str, str]:
    """What it means that no answer came, and how to mend it."""
    if kind == "FileExpired":
        return "it was changed while it was read", "run the command again"
    if any(word in kind for word in ("Credential", "Token", "Profile", "SSO")):
        return f"there are no credentials for it ({words})", _KEYS
    return f"the store does not answer ({words})", "look at AWS_ENDPOINT_URL and the network"


def _store(path: Path) -> tuple[Any, str]:
    """The file system of a path in a store, and what the path is called there."""
    remote = cast("UPath", path)
    return remote.fs, remote.path


def _entry(info: dict[str, Any]) -> Entry:
    stamp = next(
        (info[name] for name in ("LastModified", "last_modified", "updated", "mtime", "created") if name in info), 0.0
    )
    mark = next((info[name] for name in ("ETag", "etag", "content_md5", "md5Hash") if info.get(name)), stamp)
    modified = stamp.timestamp() if hasattr(stamp, "timestamp") else stamp
    return Entry(int(info["size"]), str(mark), float(modified) if isinstance(modified, int | float) else 0.0)


class _Collector:
    """Keeps Python from collecting cyclic garbage while anybody is in the block.

    h5py asks for bytes with its lock held, and needs that lock to let go of an object. So collecting in the thread that
    fetches the bytes would wait for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._was_on:
                gc.enable()


_COLLECTOR_OFF = _Collector()


class _Steady(io.RawIOBase):
    """A file in a store that h5py can read without coming to a standstill."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file = file
        self._path = path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _COLLECTOR_OFF, told(self._path, gone=True):
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()

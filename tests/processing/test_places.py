"""Paths that are URLs: what they have in common with those of this machine, and what a store's errors mean."""

from __future__ import annotations

import gc
import pickle
import random
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from processing import places
from processing.core.tiles import Window
from processing.errors import InputError, MissingError
from processing.io.raster_bands import Band, BandReader
from processing.provenance import fingerprint_file, glance

NAMES = ("a-b/c.txt", "a/b.txt", "a/b/c.txt", "z.txt", "Z.txt")


@pytest.fixture
def both(tmp_path: Path, bucket: Path) -> tuple[Path, Path]:
    """A folder with the same files on this machine and in a store."""
    here, there = tmp_path / "folder", bucket / "folder"
    for number, name in enumerate(NAMES):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(random.Random(number).randbytes(1000 * number + 1))
        places.put(here / name, there / name)
    return here, there


@pytest.mark.parametrize("text", ["a/b", "/a/b", "s3:/a", "C:/a"])
def test_plain_names_are_plain_paths(text: str) -> None:
    made = places.place(text)
    assert type(made) is type(Path())
    assert not places.is_remote(made)
    assert places.place(made) is made
    assert places.place(f"file:///a%20b/{text}") == Path(f"/a b/{text}")


def test_urls_are_places_that_travel() -> None:
    made = places.place("s3://bucket/a b/#1.h5")
    assert places.is_remote(made)
    assert str(made) == "s3://bucket/a b/#1.h5"
    assert pickle.loads(pickle.dumps(made)) == made
    assert str(pickle.loads(pickle.dumps(made / "c"))) == "s3://bucket/a b/#1.h5/c"


@pytest.mark.parametrize(("url", "words"), [("nowhere://a/b", "nowhere"), ("gs://a/b", "gcsfs")])
def test_a_url_of_no_store_is_refused(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        places.place(url)


def test_folders_are_alike(both: tuple[Path, Path]) -> None:
    here, there = both
    assert places.names_below(there) == places.names_below(here) == sorted(NAMES, key=Path)
    assert [path.name for path in places.children(there)] == [path.name for path in places.children(here)]
    assert fingerprint_file(there) == fingerprint_file(here)
    assert places.names_below(there / "none") == []


def test_marks_of_folders_are_no_files(both: tuple[Path, Path]) -> None:
    _, there = both
    for name in ("folder/", "folder/a/"):
        there.fs.pipe_file(f"{there.parent.path}{name}", b"")  # type: ignore[attr-defined]
    assert places.names_below(there) == sorted(NAMES, key=Path)
    assert [path.name for path in places.children(there)] == ["Z.txt", "a", "a-b", "z.txt"]


def test_a_glance_sees_a_change_and_an_absence(both: tuple[Path, Path]) -> None:
    for folder in both:
        before = glance(folder)
        assert before == glance(folder) != ""
        changed = folder / "z.txt"
        assert glance(changed) != ""
        places.remove(changed)
        assert glance(changed) == ""
        assert glance(folder) != before
        places.remove(folder)
        assert glance(folder) == ""
        assert not folder.exists()


def test_bytes_are_read_in_any_order(bucket: Path, tmp_path: Path) -> None:
    content = random.Random(1).randbytes(5_000_001)
    (tmp_path / "file").write_bytes(content)
    places.put(tmp_path / "file", bucket / "file")
    order = random.Random(2)
    with places.opened(bucket / "file") as there:
        for start in [order.randrange(len(content)) for _ in range(20)]:
            there.seek(start)
            assert there.read(100_000) == content[start : start + 100_000]
    places.fetch(bucket / "file", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == content


def test_a_tile_of_a_raster_is_not_the_whole_file(bucket: Path, tmp_path: Path, object_store: str) -> None:
    numbers = np.random.default_rng(0).integers(1, 65_535, (2048, 2048), np.uint16)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": "EPSG:32633", "tiled": True}
    with rasterio.open(
        tmp_path / "s.tif", "w", width=2048, height=2048, transform=Affine(10, 0, 0, 0, -10, 0), **profile
    ) as file:
        file.write(numbers, 1)
    places.put(tmp_path / "s.tif", bucket / "s.tif")
    sent(object_store)
    reader = BandReader()
    found = reader.native(Band("B03", bucket / "s.tif", 1, (2048, 2048)), Window(700, 300, 200, 200), (2048, 2048))
    reader.close()
    assert np.array_equal(found.data, numbers[700:900, 300:500])
    assert sent(object_store) < numbers.nbytes / 8


def sent(url: str) -> int:
    with urllib.request.urlopen(f"{url}/sent") as answer:
        return int(answer.read())


def answered(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answered("NoSuchBucket"), "no such bucket"),
        (answered("404"), "not there"),
        (answered("AccessDenied"), r"refused \(AccessDenied\).*AWS_ACCESS_KEY_ID"),
        (answered("SlowDown"), "the store says: .*SlowDown"),
        (NoCredentialsError(), "no credentials.*AWS_PROFILE"),
        (EndpointConnectionError(endpoint_url="http://x"), "does not answer.*http://x.*AWS_ENDPOINT_URL"),
    ],
)
def test_errors_of_a_store_are_told_in_one_line(error: Exception, words: str) -> None:
    with pytest.raises(InputError, match=rf"^s3://b/c: .*{words}") as caught, places.told("s3://b/c"):
        raise OSError("wrapped") from error
    assert "\n" not in caught.value.line


@pytest.mark.parametrize("error", [ValueError("mine"), FileNotFoundError("a"), MissingError("told already")])
def test_other_errors_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, places.told("s3://b/c"):
        raise error
    assert caught.value is error


def test_garbage_is_not_collected_while_anybody_reads() -> None:
    assert gc.isenabled()
    with places._COLLECTOR_OFF:
        with places._COLLECTOR_OFF:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()

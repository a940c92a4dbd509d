"""``leadline resample``: every figure against plain numpy, and what happens when things go wrong."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_granules import GPS_EPOCH, Recipe, brute_force, make_granule

from processing.history import history
from processing.io import tables
from processing.io.atomic import ASIDE
from processing.progress import Bar
from processing.project import Project
from processing.schema import SEGMENT, Quality

Leadline = Callable[..., int]
_UTC = np.datetime64("1980-01-06T00:00:00", "ns") + np.timedelta64(int((GPS_EPOCH - 18) * 1e9), "ns")


def segments(root: Path) -> dict[tuple[str, str], pd.DataFrame]:
    project = Project(root)
    return {
        track: tables.read(project.table_path("segments", *track), SEGMENT).to_pandas()
        for track in project.tracks("segments")
    }


def leftovers(root: Path) -> list[Path]:
    return [*root.rglob(f"{ASIDE}*")]


def assert_equal_to_brute_force(table: pd.DataFrame, path: Path, beam: str, flags: int = 0) -> None:
    expected = brute_force(path, beam)
    expected["quality"] |= int(flags)
    assert len(table) == len(expected) > 0
    for name in expected.columns.drop("delta_time"):
        exact = name in {"segment", "photon_count", "photon_count_high", "pulse_count", "quality"}
        tolerance = {} if exact else {"rtol": 3e-7, "atol": 1e-9 if name in {"lat", "lon", "x_atc"} else 2e-6}
        compare = np.testing.assert_array_equal if exact else np.testing.assert_allclose
        compare(table[name].to_numpy(), expected[name].to_numpy(), err_msg=name, **tolerance)
    time = table["time"].dt.tz_localize(None).to_numpy() - _UTC
    np.testing.assert_allclose(time / np.timedelta64(1, "s"), expected["delta_time"], rtol=0, atol=1e-7)


def test_real_granule_equals_brute_force(shared_data: Path, tmp_path: Path, leadline: Leadline) -> None:
    granule = next((shared_data / "atl03").glob("*.h5"))
    assert leadline("new", tmp_path / "P") == 0
    assert leadline("add", tmp_path / "P", granule) == 0
    assert leadline("resample", tmp_path / "P") == 0
    ((track, table),) = segments(tmp_path / "P").items()
    assert track == (granule.stem, "gt1l")
    assert len(table) == 401
    assert_equal_to_brute_force(table, granule, "gt1l", flags=Quality.WEAK_BEAM)
    # Positions come from one reference photon in 20 m; the photons' own agree to 2 cm.
    with h5py.File(granule) as file:
        group = file["gt1l"]
        x = np.repeat(group["geolocation/segment_dist_x"][:], group["geolocation/segment_ph_cnt"][:])
        x += group["heights/dist_ph_along"][:]
        kept = (group["heights/signal_conf_ph"][:, 2] == 4) & (x > 1.0e7)
        order = np.argsort(x[kept])
        inner = table[(table["x_atc"] > x[kept].min()) & (table["x_atc"] < x[kept].max())]
        lat = np.interp(inner["x_atc"], x[kept][order], group["heights/lat_ph"][:][kept][order])
        lon = np.interp(inner["x_atc"], x[kept][order], group["heights/lon_ph"][:][kept][order])
    north = (inner["lat"] - lat) * 111_700
    east = (inner["lon"] - lon) * 111_700 * np.cos(np.radians(inner["lat"]))
    assert np.hypot(north, east).max() < 0.02


def test_made_granule_equals_brute_force(tmp_path: Path, leadline: Leadline) -> None:
    """First-photon table, saturation, missing tide, degraded pointing, an isolated segment, the date line."""
    granule = make_granule(tmp_path / "ATL03_20191104195311_05940510_006_01.h5")
    leadline("new", tmp_path / "P")
    leadline("add", tmp_path / "P", granule)
    assert leadline("resample", tmp_path / "P") == 0
    ((_, table),) = segments(tmp_path / "P").items()
    assert table["lon"].min() < -179.9
    assert table["lon"].max() > 179.9
    assert_equal_to_brute_force(table, granule, "gt1r")


def refuse_transition(path: Path) -> Path:
    return make_granule(path, Recipe(orientation=2))


def over_land(path: Path) -> Path:
    return make_granule(path, Recipe(sea_ice=False))


def cut_short(path: Path) -> Path:
    make_granule(path)
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def damaged_chunk(path: Path) -> Path:
    """Header whole, one block of photons overwritten: found only while reading."""
    make_granule(path)
    with h5py.File(path) as file:
        info = file["gt1r/heights/h_ph"].id.get_chunk_info(2)
    with path.open("r+b") as stream:
        stream.seek(info.byte_offset)
        stream.write(b"\x00" * info.size)
    return path


def not_atl03(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["science/heights"] = np.arange(5)
    return path


def no_photons(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["short_name"] = np.bytes_("ATL03")
        file.create_group("gt1l/heights")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cut_short, "cut short"),
        (not_atl03, "science"),
        (no_photons, "no beam holds photons"),
        (over_land, "land only"),
        (lambda path: make_granule(path, Recipe(drop=("geolocation/segment_dist_x",))), "segment_dist_x"),
        (lambda path: make_granule(path, Recipe(drop=("heights/signal_conf_ph", "heights/weight_ph"))), "weight_ph"),
    ],
)
def test_granules_that_add_refuses(
    make: Callable[[Path], Path], words: str, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    granule = make(tmp_path / "granule_1.h5")
    leadline("new", tmp_path / "P")
    before = sorted((tmp_path / "P").rglob("*"))
    capsys.readouterr()
    assert leadline("add", tmp_path / "P", granule) == 2
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert words in message
    assert "granule_1.h5" in message
    assert sorted((tmp_path / "P").rglob("*")) == before


@pytest.mark.parametrize(("make", "words"), [(refuse_transition, "in transition"), (damaged_chunk, "damaged")])
def test_granules_that_resample_refuses(
    make: Callable[[Path], Path], words: str, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    leadline("new", tmp_path / "P")
    assert leadline("add", tmp_path / "P", make(tmp_path / "granule_1.h5")) == 0
    capsys.readouterr()
    assert leadline("resample", tmp_path / "P") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline:")]
    assert len(lines) == 1
    assert words in lines[0]
    assert not segments(tmp_path / "P")
    assert not leftovers(tmp_path / "P")


def test_transition_can_be_accepted(tmp_path: Path, leadline: Leadline) -> None:
    leadline("new", tmp_path / "P")
    leadline("add", tmp_path / "P", refuse_transition(tmp_path / "granule_1.h5"))
    assert leadline("resample", tmp_path / "P", "--allow-transition") == 0
    ((_, table),) = segments(tmp_path / "P").items()
    assert not (table["quality"] & 256).any()


@pytest.fixture
def project(tmp_path: Path, leadline: Leadline) -> Path:
    """A project with one granule of three beams, nothing made yet."""
    granule = make_granule(tmp_path / "granule_1.h5", Recipe(beams=("gt1r", "gt2l", "gt3r")))
    leadline("new", tmp_path / "P")
    leadline("add", tmp_path / "P", granule)
    return tmp_path / "P"


def test_full_disk(
    project: Path, leadline: Leadline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "part-0.parquet")

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        assert leadline("resample", project) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not segments(project)
    assert not leftovers(project)
    assert leadline("resample", project) == 0
    assert len(segments(project)) == 3


def test_interrupted_at_any_moment_and_resumed(
    project: Path, leadline: Leadline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = 0
    original = Bar.advance

    def advance(self: Bar, amount: float = 1.0, detail: str | None = None, *, part: str = "") -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            signal.raise_signal(signal.SIGINT)
        original(self, amount, detail, part=part)

    # An event loop that other tests left running in this process keeps the signal to itself.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr("processing.io.photon_stream.PHOTONS_PER_CHUNK", 1000)
            patch.setattr(Bar, "advance", advance)
            assert leadline("resample", project) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "the same command goes on" in capsys.readouterr().err
    done = {path: path.stat().st_mtime_ns for path in (project / "segments").rglob("*.parquet")}
    assert not leftovers(project)
    assert len(done) < 3
    (project / "segments" / f"{ASIDE}killed.parquet").parent.mkdir(exist_ok=True)
    (project / "segments" / f"{ASIDE}killed.parquet").touch()
    assert leadline("resample", project) == 0
    assert not leftovers(project)
    assert all(path.stat().st_mtime_ns == moment for path, moment in done.items())
    resumed = segments(project)
    for path in (project / "segments").rglob("*.parquet"):
        path.unlink()
    assert leadline("resample", project) == 0
    for track, table in segments(project).items():
        pd.testing.assert_frame_equal(table, resumed[track])


def test_only_what_changed_is_made_again(project: Path, leadline: Leadline) -> None:
    assert leadline("resample", project) == 0
    before = {path: path.stat().st_mtime_ns for path in (project / "segments").rglob("*.parquet")}
    assert leadline("resample", project) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert leadline("resample", project, "--window", "4") == 0
    assert all(path.stat().st_mtime_ns != moment for path, moment in before.items())
    assert all((np.diff(table["x_atc"]) >= 4).all() for table in segments(project).values())


def test_one_bad_granule_does_not_stop_the_others(
    project: Path, tmp_path: Path, leadline: Leadline, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, make in (("granule_0", refuse_transition), ("granule_2", damaged_chunk)):
        assert leadline("add", project, make(tmp_path / f"{name}.h5")) == 0
    capsys.readouterr()
    assert leadline("resample", project) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("leadline:")]
    assert "granule_0" in line
    assert "1 more" in line
    before = {path: path.stat().st_mtime_ns for path in (project / "segments").rglob("*.parquet")}
    assert len(before) == 3
    assert leadline("resample", project) == 2
    assert {path: path.stat().st_mtime_ns for path in (project / "segments").rglob("*.parquet")} == before


def test_segments_of_a_granule_taken_out_are_told(
    project: Path, tmp_path: Path, leadline: Leadline, caplog: pytest.LogCaptureFixture
) -> None:
    assert leadline("add", project, make_granule(tmp_path / "granule_2.h5")) == 0
    assert leadline("resample", project) == 0
    caplog.clear()
    (project / "inputs" / "granules" / "granule_2.json").unlink()
    assert leadline("resample", project) == 0
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "granule=granule_2" in warning
    assert ("granule_2", "gt1r") in segments(project), "nothing is deleted"


def test_the_reference_grid_is_kept_by_its_whole_path(
    project: Path, tmp_path: Path, leadline: Leadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processing.local.resample.resample", lambda *_: None)
    for folder, name in ((tmp_path, "mss.tif"), (project, "../mss.tif")):
        monkeypatch.chdir(folder)
        assert leadline("resample", project, "--mean-sea-surface", name) == 0
        assert Project(project).settings["stage"]["resample"] == {"mean_sea_surface": str(tmp_path / "mss.tif")}
    assert leadline("resample", project, "--mean-sea-surface", "") == 0
    assert "stage" not in Project(project).settings or not Project(project).settings["stage"]


def test_a_run_of_some_granules_is_recorded_as_such(project: Path, leadline: Leadline) -> None:
    assert leadline("resample", project, "--granule", "granule_1") == 0
    assert leadline("resample", project) == 0
    assert [run.partly for run in history(project)] == [True, False]

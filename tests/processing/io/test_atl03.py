"""ATL03 granules as they come: whole, subset, odd; and the same table whatever the chunks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_granules import Recipe, make_granule

from processing.core.resample import segment_columns
from processing.errors import InputError
from processing.io.atl03 import Atl03Source, identify
from processing.io.calibration import first_photon_table
from processing.io.hdf5 import damage, open_hdf5
from processing.local.resample import segment_tables
from processing.schema import Quality
from processing.stages import Resample


def table(path: Path, beam: str = "gt1r", stage: Resample | None = None) -> pa.Table:
    source = Atl03Source(path, "G")
    try:
        return pa.concat_tables(segment_tables(source, beam, stage or Resample()))
    finally:
        source.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    target=st.integers(1, 900),
    window=st.sampled_from([0.7, 2.0, 7.3, 60.0]),
    rate=st.sampled_from([0.5, 3.0]),
    gap=st.sampled_from([45.0, 130.0, 230.0]),
)
def test_any_chunks_give_the_same_table(
    seed: int, target: int, window: float, rate: float, gap: float, tmp_path: Path
) -> None:
    pieces = ((1000.0, 12), (1240.0 + gap, 1), (1260.0 + 2.2 * gap, 15), (2500.0, 4))
    path = make_granule(tmp_path / f"{seed}-{target}.h5", Recipe(pieces=pieces, seed=seed, rate=rate))
    stage = Resample(window=window)
    source = Atl03Source(path, "G")
    facts = source.facts("gt1r", stage)
    whole, parts = (
        [segment_columns(chunk, window, 10.0, facts) for chunk in source.chunks("gt1r", stage, target=size)]
        for size in (10**9, target)
    )
    for name in whole[0]:
        expected, found = (np.concatenate([columns[name] for columns in run]) for run in (whole, parts))
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert sum(chunk.photons for chunk in source.chunks("gt1r", stage, target=target)) == source.photon_count("gt1r")
    source.close()


def test_subset_without_orbit_takes_strength_from_the_beam(tmp_path: Path) -> None:
    source = Atl03Source(make_granule(tmp_path / "g.h5", Recipe(beams=("gt1l", "gt1r"), orientation=None)), "G")
    assert source.beams == ("gt1l", "gt1r")
    assert [source.is_strong(beam) for beam in source.beams] == [False, True]
    source.close()
    path = make_granule(tmp_path / "b.h5", Recipe(beams=("gt1l", "gt1r"), orientation=0))
    backward = Atl03Source(path, "G")
    assert [backward.is_strong(beam) for beam in backward.beams] == [True, False]
    assert (table(path, "gt1r")["quality"].to_numpy() & Quality.WEAK_BEAM).all()
    backward.close()


def test_empty_beam_groups_are_passed_over(tmp_path: Path) -> None:
    path = make_granule(tmp_path / "g.h5")
    with h5py.File(path, "r+") as file:
        file.create_group("gt2l")
        file.create_group("gt2r/geolocation")
        file.create_dataset("gt3l/heights/h_ph", (0,), "f4")
    source = Atl03Source(path, "G")
    assert source.beams == ("gt1r",)
    source.close()


@pytest.mark.parametrize(
    "lost",
    [
        ("geolocation/reference_photon_index",),
        ("geolocation/reference_photon_lat", "geolocation/reference_photon_lon", "geolocation/delta_time"),
    ],
)
def test_positions_without_reference_photons_come_from_the_photons(tmp_path: Path, lost: tuple[str, ...]) -> None:
    whole = table(make_granule(tmp_path / "a.h5"))
    bare = table(make_granule(tmp_path / "b.h5", Recipe(drop=lost)))
    metres = np.abs(whole["lat"].to_numpy() - bare["lat"].to_numpy()) * 111_000
    assert metres.max() < 0.05
    time = (whole["time"].to_numpy() - bare["time"].to_numpy()) / np.timedelta64(1, "s")
    assert np.abs(time).max() * 7000 < 0.5
    assert whole["height_mean"].equals(bare["height_mean"])


def test_segments_with_fill_positions_are_mended(tmp_path: Path) -> None:
    path = make_granule(tmp_path / "g.h5")
    expected = table(path)
    with h5py.File(path, "r+") as file:
        for name in ("reference_photon_lat", "reference_photon_lon", "delta_time"):
            file[f"gt1r/geolocation/{name}"][5:9] = 3.4028235e38
    found = table(path)
    np.testing.assert_allclose(found["lat"].to_numpy(), expected["lat"].to_numpy(), atol=5e-7)
    assert np.isfinite(found["lon"].to_numpy()).all()


def test_shots_without_frame_counts_come_from_time(tmp_path: Path) -> None:
    whole = table(make_granule(tmp_path / "a.h5"))
    bare = table(make_granule(tmp_path / "b.h5", Recipe(drop=("heights/pce_mframe_cnt",))))
    assert whole["pulse_count"].equals(bare["pulse_count"])


def test_weight_stands_in_for_confidence(tmp_path: Path) -> None:
    whole = table(make_granule(tmp_path / "a.h5"))
    bare = table(make_granule(tmp_path / "b.h5", Recipe(drop=("heights/signal_conf_ph",))))
    assert whole["photon_count"].equals(bare["photon_count"])
    assert (bare["quality"].to_numpy() & Quality.SIGNAL_FROM_WEIGHT).all()


def test_surface_photons_of_saturated_shots_are_kept(tmp_path: Path) -> None:
    """Release 007 adds 10 or 20 to the quality of every photon of a saturated shot."""
    path = make_granule(tmp_path / "g.h5")
    expected = table(path)
    with h5py.File(path, "r+") as file:
        quality = file["gt1r/heights/quality_ph"]
        quality[:] = quality[:] + np.random.default_rng(0).choice(np.array([0, 10, 20], np.int8), len(quality))
    pd.testing.assert_frame_equal(table(path).to_pandas(), expected.to_pandas())


def test_photons_between_segments_need_ph_index_beg(tmp_path: Path) -> None:
    """A subset whose counts no longer add up to its photons is read through ``ph_index_beg``, or refused."""
    path = make_granule(tmp_path / "g.h5")
    expected = table(path)
    with h5py.File(path, "r+") as file:
        file["gt1r/geolocation/segment_ph_cnt"][10] = 0
        file["gt1r/geolocation/ph_index_beg"][10] = 0
    found = table(path)
    assert 8 <= expected.num_rows - found.num_rows <= 11
    kept = np.isin(expected["segment"].to_numpy(), found["segment"].to_numpy())
    assert kept.sum() == found.num_rows
    with h5py.File(path, "r+") as file:
        file["gt1r/geolocation/ph_index_beg"][12] = 10**6
    with pytest.raises(InputError, match="do not fit"):
        table(path)


def test_bare_subset_flags_what_it_lacks(tmp_path: Path) -> None:
    lost = ("bckgrd_atlas", "geophys_corr", "geolocation/full_sat_fract", "geolocation/solar_elevation")
    found = table(make_granule(tmp_path / "g.h5", Recipe(drop=lost, calibration=False)))
    bits = Quality.NO_BACKGROUND | Quality.NO_OCEAN_TIDE | Quality.NO_DAC | Quality.NO_REFERENCE_HEIGHT
    assert np.bitwise_and(found["quality"].to_numpy(), int(bits)).min() == bits
    heights = found["height_mean"].to_numpy()
    np.testing.assert_allclose(heights, found["height_ellipsoid"].to_numpy(), atol=1e-5)
    assert 11.0 < np.median(heights) < 13.0


def test_window_and_track_for_display(tmp_path: Path) -> None:
    path = make_granule(tmp_path / "g.h5")
    source = Atl03Source(path, "G")
    stage = Resample()
    with h5py.File(path, locking=False) as file:
        group = file["gt1r"]
        owner = np.repeat(np.arange(43), group["geolocation/segment_ph_cnt"][:])
        x = group["geolocation/segment_dist_x"][:][owner] + group["heights/dist_ph_along"][:]
        inside = (x >= 9_000_100) & (x < 9_000_230)
        confidence = group["heights/signal_conf_ph"][:, 2][inside]
    seen = source.window("gt1r", 9_000_100, 9_000_230, stage)
    np.testing.assert_array_equal(seen.x_atc, x[inside])
    np.testing.assert_array_equal(seen.confidence, confidence)
    assert np.abs(np.median(seen.height[seen.confidence >= 3])) < 0.5
    assert len(source.window("gt1r", 9_000_100, 9_000_230, stage, limit=50).x_atc) <= 50
    assert len(source.window("gt1r", 9_001_000, 9_002_000, stage).x_atc) == 0
    line = source.track("gt1r", 20)
    assert np.isnan(line.x_atc).sum() == np.isnat(line.time).sum() == 2
    assert 8 <= len(line.lat) <= 40
    source.close()


def test_a_granule_s_own_words_are_kept(tmp_path: Path) -> None:
    """A subsetter's number before the name is dropped, a beam after it stays; only a synthetic granule says so."""
    name = "ATL03_20191104195311_05940510_006_01"
    cut = identify(make_granule(tmp_path / f"12345_{name}_gt1r.h5"))
    made = identify(make_granule(tmp_path / f"{name}.h5", Recipe(attributes={"title": "SYNTHETIC ATL03 made"})))
    assert cut is not None
    assert made is not None
    assert (cut.ident, made.ident) == (f"{name}_gt1r", name)
    assert cut.details == {"beams": ["gt1r"]}
    assert made.details == {"beams": ["gt1r"], "synthetic": True}


def one_confidence(group: h5py.Group) -> None:
    data = group["heights/signal_conf_ph"][:, 2]
    del group["heights/signal_conf_ph"]
    group["heights/signal_conf_ph"] = data


def fill_positions(group: h5py.Group) -> None:
    group["geolocation/reference_photon_lat"][5] = 3.4028235e38
    group["heights/lat_ph"][:] = 1.7976931348623157e308


@pytest.mark.parametrize(
    ("spoil", "words"), [(one_confidence, "no column a surface type"), (fill_positions, "without a position")]
)
def test_granules_that_cannot_be_used_are_one_line(
    spoil: Callable[[h5py.Group], None], words: str, tmp_path: Path
) -> None:
    path = make_granule(tmp_path / "g.h5")
    with h5py.File(path, "r+") as file:
        spoil(file["gt1r"])
    with pytest.raises(InputError, match=words) as error:
        identify(path)
    assert "g.h5" in error.value.line


def test_a_missing_name_is_not_called_damage(tmp_path: Path) -> None:
    path = make_granule(tmp_path / "g.h5")
    with open_hdf5(path) as file:
        with pytest.raises(KeyError), damage(path):
            file["gt9x"]
        with pytest.raises(InputError, match="damaged"), damage(path):
            raise KeyError("Unable to synchronously open object (bad object header version number)")


def test_files_are_opened_without_locks_and_permission_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cluster file systems refuse locks; a file that must not be read is not a damaged one."""
    path = make_granule(tmp_path / "g.h5")
    original = h5py.File

    def without_locks(*names: object, locking: object = None, **rest: object) -> h5py.File:
        if locking is not False:
            raise OSError(37, "No locks available")
        return original(*names, locking=locking, **rest)

    monkeypatch.setattr(h5py, "File", without_locks)
    assert identify(path) is not None

    def forbidden(*_: object, **__: object) -> h5py.File:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(h5py, "File", forbidden)
    with pytest.raises(InputError, match="no permission to read it"):
        identify(path)


def test_identify_says_what_it_found(tmp_path: Path) -> None:
    path = make_granule(tmp_path / "processed_ATL03_20191104195311_05940510_006_01_subsetted.h5")
    found = identify(path)
    assert found is not None
    assert (found.category, found.kind, found.ident) == ("granules", "atl03", "ATL03_20191104195311_05940510_006_01")
    assert "r006, gt1r (strong)" in found.summary
    assert identify(make_granule(tmp_path / "x.h5", Recipe(attributes={"short_name": "ATL07"}))) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_calibration_axes_in_any_order(tmp_path: Path, order: tuple[int, int, int]) -> None:
    with h5py.File(make_granule(tmp_path / "g.h5"), "r+") as file:
        expected = first_photon_table(file, "gt1r", True)
        group = file["ancillary_data/calibrations/first_photon_bias/gt1r"]
        values = group["ffb_corr"][:].transpose(order)
        del group["ffb_corr"]
        group["ffb_corr"] = values / 1000.0
        group["ffb_corr"].attrs["units"] = np.bytes_("nanoseconds")
        for name in ("dead_time", "strength", "width"):
            group.move(name, f"ffb_{name}")
        found = first_photon_table(file, "gt1r", True)
        weak = first_photon_table(file, "gt1r", False)
    assert expected is not None
    assert found is not None
    assert weak is not None
    np.testing.assert_allclose(found.correction, expected.correction)
    assert (found.beam_dead_time, weak.beam_dead_time) == pytest.approx((3.2, 3.6))

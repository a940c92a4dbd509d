"""Readers of NASA's sea-ice products: golden figures from real granules, both layouts, clear errors."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from processing.errors import InputError, MissingError
from processing.io import atl07, atl10

ATL07 = "processed_ATL07-01_20190225115500_09020201_003_02.h5"
ATL10 = "processed_ATL10-01_20220107195849_02531401_006_01.h5"
FILL = np.float32(3.4028235e38)


def test_atl07_of_disko_bay(shared_data: Path) -> None:
    path = shared_data / "atl07" / ATL07
    found = atl07.identify(path)
    assert found is not None
    assert (found.category, found.kind) == ("references", "atl07")
    assert found.ident == "ATL07-01_20190225115500_09020201_003_02"
    assert found.details == {"beams": ["gt1l", "gt1r"]}, "beams without segments are left out"
    assert atl07.beams(path) == ("gt1l", "gt1r")
    beam = atl07.read(path, "gt1r")
    assert len(beam) == 874
    assert int(beam.is_sea_level.sum()) == 42
    assert dict(zip(*np.unique(beam.surface_type, return_counts=True), strict=True)) == {
        1: 625,
        3: 62,
        5: 17,
        7: 23,
        9: 147,
    }
    assert np.unique(beam.surface_type[beam.is_sea_level]).tolist() == [3, 5], "specular leads alone carry sea level"
    assert beam.time[0] == np.datetime64("2019-02-25T12:13:08.120207616")
    assert np.isfinite(beam.height).all()


def test_atl10_of_fram_strait(shared_data: Path) -> None:
    path = shared_data / "atl10" / ATL10
    found = atl10.identify(path)
    assert found is not None
    assert found.ident == "ATL10-01_20220107195849_02531401_006_01"
    assert "gt2l 351" in found.summary
    for beam, count, mean in (("gt2l", 351, 0.198), ("gt2r", 273, 0.213), ("gt3l", 240, 0.406)):
        read = atl10.read(path, beam)
        valid = np.isfinite(read.freeboard)
        assert int(valid.sum()) == count
        assert float(read.freeboard[valid].mean()) == pytest.approx(mean, abs=5e-4)
        # The product's freeboard is height less reference surface, with negative values set to zero.
        above = np.maximum(read.height - read.sea_surface, 0.0)[valid]
        np.testing.assert_allclose(above, read.freeboard[valid], atol=1e-5)
        assert len(read.leads) > 0
        assert np.isfinite(read.leads.height).all()
    assert not np.isfinite(atl10.read(path, "gt1l").freeboard).any(), "fill values throughout"


def test_each_reader_leaves_the_other_product_alone(shared_data: Path) -> None:
    assert atl10.identify(shared_data / "atl07" / ATL07) is None
    assert atl07.identify(shared_data / "atl10" / ATL10) is None
    assert atl07.identify(shared_data / "README.md") is None
    assert atl07.identify(shared_data) is None
    with pytest.raises(InputError, match="not an ATL10 granule but ATL07"):
        atl10.read(shared_data / "atl07" / ATL07, "gt1r")


def write(file: h5py.File, values: dict[str, object]) -> None:
    for name, value in values.items():
        dataset = file.create_dataset(name, data=value)
        if dataset.dtype == np.float32:
            dataset.attrs["_FillValue"] = FILL


@pytest.fixture
def old_atl10(tmp_path: Path) -> Path:
    """Three segments and two sections in the layout of release 005, generated."""
    path = tmp_path / "ATL10-02_20191104195311_05940501_005_02.h5"
    segments, heights = "gt2r/freeboard_beam_segment/beam_freeboard", "gt2r/freeboard_beam_segment/height_segments"
    sections, leads = "gt2r/freeboard_beam_segment", "gt2r/leads"
    with h5py.File(path, "w") as file:
        file.attrs["short_name"] = np.bytes_("ATL10")
        write(
            file,
            {
                "ancillary_data/release": np.array([b"005   "]),
                f"{segments}/delta_time": np.array([0.0, 1.5, 3.0]),
                f"{segments}/latitude": np.array([-70.0, -70.1, -70.2]),
                f"{segments}/longitude": np.array([170.0, 170.0, 170.0]),
                f"{segments}/seg_dist_x": np.array([10.0, 20.0, 30.0]),
                f"{segments}/beam_fb_height": np.array([0.25, FILL, 0.5], np.float32),
                f"{segments}/beam_fb_sigma": np.array([0.02, FILL, 0.03], np.float32),
                f"{segments}/beam_fb_quality_flag": np.array([1, -1, 2], np.int8),
                f"{segments}/beam_refsurf_ndx": np.array([1, 0, 2], np.int32),
                f"{heights}/height_segment_length_seg": np.array([20.0, 20.0, 20.0], np.float32),
                f"{heights}/height_segment_height": np.array([0.35, 0.0, 0.75], np.float32),
                f"{heights}/height_segment_type": np.array([1, 0, 1], np.int8),
                f"{heights}/height_segment_ssh_flag": np.array([0, 0, 1], np.int8),
                f"{sections}/delta_time": np.array([0.0, 2.0]),
                f"{sections}/latitude": np.array([-70.0, -70.1]),
                f"{sections}/longitude": np.array([170.0, 170.0]),
                f"{sections}/beam_refsurf_height": np.array([0.1, 0.25], np.float32),
                f"{sections}/beam_refsurf_interp_flag": np.array([0, 1], np.int16),
                f"{leads}/delta_time": np.array([0.5]),
                f"{leads}/latitude": np.array([-70.0]),
                f"{leads}/longitude": np.array([170.0]),
                f"{leads}/lead_height": np.array([0.1], np.float32),
                f"{leads}/lead_sigma": np.array([0.01], np.float32),
                f"{leads}/lead_length": np.array([40.0], np.float32),
            },
        )
    return path


def test_the_layout_before_release_006(old_atl10: Path) -> None:
    found = atl10.identify(old_atl10)
    assert found is not None
    assert found.summary == "ATL10 release 005: segments with freeboard gt2r 2"
    assert found.details == {"beams": ["gt2r"]}
    read = atl10.read(old_atl10, "gt2r")
    np.testing.assert_array_equal(read.freeboard, [0.25, np.nan, 0.5])
    np.testing.assert_allclose(read.freeboard_sigma, [0.02, np.nan, 0.03], rtol=1e-6)
    np.testing.assert_allclose(read.sea_surface, [0.1, np.nan, 0.25], rtol=1e-6)
    assert read.time[1] == np.datetime64("2018-01-01T00:00:01.5")
    assert read.is_sea_level.tolist() == [False, False, True]
    assert read.sections.is_interpolated.tolist() == [False, True]
    assert np.isnan(read.leads.x_atc).all(), "not in this release"
    assert read.leads.length.tolist() == [40.0]


def test_a_synthetic_granule_says_so(old_atl10: Path) -> None:
    with h5py.File(old_atl10, "a") as file:
        file.attrs["title"] = np.bytes_("SYNTHETIC ATL10 made from seed 1")
    found = atl10.identify(old_atl10)
    assert found is not None
    assert found.details["synthetic"] is True


def test_what_is_missing_is_named(old_atl10: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no beam /gt1l"):
        atl10.read(old_atl10, "gt1l")
    with h5py.File(old_atl10, "a") as file:
        del file["gt2r/leads/lead_sigma"]
    with pytest.raises(MissingError, match=r"release 005.*no dataset /gt2r/leads/lead_sigma"):
        atl10.read(old_atl10, "gt2r")
    with h5py.File(old_atl10, "a") as file:
        del file["gt2r/freeboard_beam_segment"]
    with pytest.raises(MissingError, match=r"neither /gt2r/freeboard_segment .* nor /gt2r/freeboard_beam_segment"):
        atl10.read(old_atl10, "gt2r")
    assert atl10.beams(old_atl10) == ()


def test_a_file_cut_short_is_refused(old_atl10: Path) -> None:
    content = old_atl10.read_bytes()
    old_atl10.write_bytes(content[: len(content) // 2])
    assert atl10.identify(old_atl10) is None
    with pytest.raises(InputError, match="HDF5 file is cut short"):
        atl10.read(old_atl10, "gt2r")
    with pytest.raises(MissingError):
        atl10.read(old_atl10.with_name("none.h5"), "gt2r")

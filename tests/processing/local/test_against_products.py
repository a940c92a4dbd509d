"""A project's freeboard beside ATL07 and ATL10 of its pass, and what is refused. Synthetic but for the golden ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_products import ATL07, ATL10, GRANULE, SEA, make_project, segments, write_atl07, write_atl10

from processing.errors import InputError, MissingError
from processing.io import atl10
from processing.local.against_products import agreement, compare_granule, compare_track, products_of, read_product
from processing.local.passes import pass_of, same_pass
from processing.project import Project
from processing.stages import Compare

STAGE = Compare()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("products")
    made = make_project(folder / "project")
    for name, write in ((ATL07, write_atl07), (ATL10, write_atl10)):
        path = write(folder / name, {"gt1l": segments()})
        kind = name[:5].lower()
        made.add_input("references", path.stem, kind, path, {"beams": ["gt1l"], "synthetic": True})
    other = write_atl10(folder / ATL10.replace("0594", "0595"), {"gt1l": segments()})
    made.add_input("references", other.stem, "atl10", other, {"beams": ["gt1l"]})
    return made


def test_products_are_those_of_the_pass(project: Project) -> None:
    assert [item.kind for item in products_of(project, GRANULE)] == ["atl07", "atl10"]
    assert pass_of("ATL10-02_20191104195311_05940501_006_01") == "059405"
    assert same_pass(GRANULE, "ATL07-01_20191104200000_05940501_003_02")
    assert not same_pass("track", "track")


def test_ours_lies_beside_theirs_row_for_row(project: Project) -> None:
    _, item = products_of(project, GRANULE)
    found = compare_track(project, GRANULE, "gt1l", "", item, STAGE)
    assert (found.product_kind, found.release, found.notes) == ("atl10", "006", ())
    assert found.offset_m == pytest.approx(0.0, abs=0.1)
    assert 450 < len(found) < 600, "segments beyond the track's ends are left out"
    assert len(found.ours.freeboard) == len(found.product_freeboard) == len(found)
    freeboard = agreement(found, "freeboard", STAGE)
    assert freeboard.count > 440
    assert abs(freeboard.bias.value) < 0.005
    assert freeboard.bias.low < freeboard.bias.value < freeboard.bias.high
    assert freeboard.centred_rms.value < 0.02
    assert freeboard.correlation.value > 0.97
    assert 400 < found.density.ours < 500
    assert 14 < found.density.theirs < 20


def test_sea_surfaces_are_compared_on_one_reference(project: Project) -> None:
    for item in products_of(project, GRANULE):
        found = compare_track(project, GRANULE, "gt1l", "", item, STAGE)
        assert np.nanmean(found.ours.sea_surface) == pytest.approx(SEA, abs=0.01), "on our own reference"
        assert abs(agreement(found, "sea_surface", STAGE).bias.value) < 0.03
        assert abs(agreement(found, "height", STAGE).bias.value) < 0.005
    assert len(found.sections.x) == 5
    np.testing.assert_allclose(np.diff(found.sections.theirs), 0.01, atol=1e-6)
    assert np.nanmax(np.abs(found.sections.ours - (SEA - 0.3))) < 0.02


def test_a_clock_of_a_second_ahead_is_found_and_does_no_harm(project: Project, tmp_path: Path) -> None:
    right = compare_track(project, GRANULE, "gt1l", "", products_of(project, GRANULE)[1], STAGE)
    path = write_atl10(tmp_path / ATL10, {"gt1l": segments(clock=1.0, shift=250.0)})
    found = compare_track(project, GRANULE, "gt1l", "", path, STAGE)
    assert found.clock_offset == pytest.approx(1.0, abs=1e-3)
    assert found.offset_m == pytest.approx(250.0, abs=0.5)
    assert found.corrected
    assert "250.0 m" in found.notes[0]
    assert "1.000 s ahead of ours, 7.00 km" in found.notes[1]
    np.testing.assert_allclose(found.ours.freeboard, right.ours.freeboard, atol=0.02)


def test_the_old_layout_gives_the_same(project: Project, tmp_path: Path) -> None:
    path = write_atl10(tmp_path / ATL10.replace("_006_", "_005_"), {"gt1l": segments()}, old=True)
    old = compare_track(project, GRANULE, "gt1l", "", path, STAGE)
    new = compare_track(project, GRANULE, "gt1l", "", products_of(project, GRANULE)[1], STAGE)
    assert old.release == "005"
    for quantity in ("freeboard", "sea_surface", "height"):
        assert agreement(old, quantity, STAGE) == agreement(new, quantity, STAGE)


def test_other_passes_and_beams_are_refused(project: Project, tmp_path: Path) -> None:
    other = project.input("references", ATL10.replace("0594", "0595").removesuffix(".h5"))
    with pytest.raises(InputError, match=r"of another pass .*059505.*name one whose name has 059405"):
        compare_track(project, GRANULE, "gt1l", "", other, STAGE)
    beside = write_atl10(tmp_path / "beside.h5", {"gt1l": segments("gt1r")})
    with pytest.raises(InputError, match=r"gt1l lies 8\d m beside our gt1l: of another beam or pass"):
        compare_track(project, GRANULE, "gt1l", "", beside, STAGE)
    later = write_atl10(tmp_path / "later.h5", {"gt1l": segments(clock=91 * 86400.0)})
    with pytest.raises(InputError, match="of another pass"):
        compare_track(project, GRANULE, "gt1l", "", later, STAGE)
    far = segments()
    elsewhere = write_atl10(tmp_path / "elsewhere.h5", {"gt1l": far | {"lon": far["lon"] - 90.0}})
    with pytest.raises(InputError, match="in another place: of another pass"):
        compare_track(project, GRANULE, "gt1l", "", elsewhere, STAGE)


def test_empty_days_are_normal(project: Project, tmp_path: Path) -> None:
    item = products_of(project, GRANULE)[1]
    absent = compare_track(project, GRANULE, "gt1r", "", item, STAGE)
    assert len(absent) == 0
    assert "no pair" in agreement(absent, "freeboard", STAGE).reason
    whole = segments()
    fill = write_atl10(tmp_path / "fill.h5", {"gt1l": whole | {"freeboard": np.full(len(whole["x"]), np.nan)}})
    assert agreement(compare_track(project, GRANULE, "gt1l", "", fill, STAGE), "freeboard", STAGE).count == 0
    away = write_atl10(tmp_path / "away.h5", {"gt1l": {name: values[:40] for name, values in whole.items()}})
    assert len(compare_track(project, GRANULE, "gt1l", "", away, STAGE)) == 0
    together = compare_granule(project, GRANULE, item, STAGE)
    assert [track.beam for track in together.tracks] == ["gt1l"]
    assert together.left_out == ("gt1r: the product has no segments of it",)
    assert together.synthetic
    with pytest.raises(MissingError, match="no freeboard of gone"):
        compare_granule(project, "gone", item, STAGE)


def test_order_fill_and_missing_places_do_no_harm(project: Project, tmp_path: Path) -> None:
    whole = segments()
    nothing = np.full(len(whole["x"]), np.nan)
    right = compare_track(project, GRANULE, "gt1l", "", products_of(project, GRANULE)[1], STAGE)
    backwards = write_atl10(tmp_path / "backwards.h5", {"gt1l": {name: each[::-1] for name, each in whole.items()}})
    found = compare_track(project, GRANULE, "gt1l", "", backwards, STAGE)
    np.testing.assert_array_equal(found.x_atc, right.x_atc)
    np.testing.assert_array_equal(found.ours.freeboard, right.ours.freeboard)
    unplaced = whole | {"lat": nothing, "lon": nothing, "delta_time": nothing}
    found = compare_track(project, GRANULE, "gt1l", "", write_atl07(tmp_path / "u.h5", {"gt1l": unplaced}), STAGE)
    assert len(found) == len(right)
    assert "neither place nor time" in found.notes[0]
    one = write_atl10(tmp_path / "one.h5", {"gt1l": {name: each[300:301] for name, each in whole.items()}})
    assert len(compare_track(project, GRANULE, "gt1l", "", one, STAGE)) == 1


def test_the_real_granules_by_beam(shared_data: Path) -> None:
    found = read_product(next((shared_data / "atl10").glob("*.h5")))
    counts = {each.beam: each.with_freeboard for each in found.summaries if each.with_freeboard}
    assert counts == {"gt2l": 351, "gt2r": 273, "gt3l": 240}
    means = [round(each.mean, 3) for each in found.summaries if each.with_freeboard]
    assert means == [0.198, 0.213, 0.406]
    heights = read_product(next((shared_data / "atl07").glob("*.h5")))
    assert heights.info.release == "003"
    assert {each.beam: each.sea_level_segments for each in heights.summaries}["gt1r"] == 42
    assert heights.summaries[1].types == {"cloud": 0, "ice": 625, "specular lead": 79, "dark lead": 170}
    used = atl10.read(found.info.path, "gt2l").is_sea_level
    assert used.sum() == 49, "those used for a reference surface are flagged 2 in ATL10"


def test_what_is_no_product_is_said_so(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="not there"):
        read_product(tmp_path / "none.h5")
    text = tmp_path / "table.csv"
    text.write_text("x,y\n")
    with pytest.raises(InputError):
        read_product(text)

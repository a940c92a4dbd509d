from __future__ import annotations

import numpy as np
import pyproj
import pytest

from dashboard.catalog import ANTARCTIC, ARCTIC
from dashboard.palette import ASSETS
from dashboard.views import coast


@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [(ANTARCTIC, 166.67, -77.85), (ANTARCTIC, -57.0, -63.2), (ARCTIC, 15.6, 78.2), (ARCTIC, -156.8, 71.4)],
    ids=["McMurdo", "Peninsula", "Longyearbyen", "Barrow"],
)
def test_known_coasts_are_where_they_should_be(crs: str, lon: float, lat: float) -> None:
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    nearest = min(float(np.hypot(ring[:, 0] - x, ring[:, 1] - y).min()) for ring in coast.coastline(crs))
    assert nearest < 12_000


def test_the_coastline_stays_small() -> None:
    assert (ASSETS / "coastline.npz").stat().st_size <= 400_000
    assert sum(map(len, coast.outline(ANTARCTIC, 40_000.0))) < 2_500


def test_the_graticule_has_a_few_lines_with_labels_inside_the_view() -> None:
    view = (-330_000.0, -1_760_000.0, -250_000.0, -1_690_000.0)
    lines = coast.graticule(ANTARCTIC, view)
    assert 4 <= len(lines.xs) <= 16
    assert {name[-1] for name in lines.label} == {"S", "W"}
    assert all(view[0] < x < view[2] for x in lines.label_x)
    assert all(view[1] < y < view[3] for y in lines.label_y)


def test_around_the_pole_meridians_go_all_the_way_round() -> None:
    reach = 3_000_000.0
    lines = coast.graticule(ARCTIC, (-reach, -reach, reach, reach))
    assert {"0°", "90°E", "90°W", "180°"} <= set(lines.label)


@pytest.mark.parametrize("middle", [(-290_000.0, -1_725_000.0), (1_200_000.0, 900_000.0), (30_000.0, -2_000_000.0)])
@pytest.mark.parametrize("reach", [20_000.0, 200_000.0, 2_000_000.0])
def test_no_two_labels_of_the_graticule_overlap(middle: tuple[float, float], reach: float) -> None:
    view = (middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach)
    lines = coast.graticule(ANTARCTIC, view)
    places = list(zip(lines.label_x, lines.label_y, strict=True))
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[:number]:
            # A label is at most some 60 by 12 of 640 by 560 pixels.
            assert abs(x - other_x) > 2 * reach * 60 / 640 or abs(y - other_y) > 2 * reach * 12 / 560


def test_labels_of_the_graticule_keep_clear_of_other_names() -> None:
    view = (-330_000.0, -1_760_000.0, -250_000.0, -1_690_000.0)
    free = coast.graticule(ANTARCTIC, view)
    taken = list(zip(free.label_x, free.label_y, strict=True))
    kept = coast.graticule(ANTARCTIC, view, taken)
    assert len(kept.label) > 0
    for x, y in zip(kept.label_x, kept.label_y, strict=True):
        assert all(abs(x - other_x) > 4_000 or abs(y - other_y) > 3_000 for other_x, other_y in taken)

"""Downloads: what may be asked for, that the file holds just that, and that nobody gets it without leave."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_project import GRANULE, START

from dashboard.auth import Secret
from dashboard.exporting import FORMATS, Asked
from dashboard.screenshots import running
from processing.errors import InputError
from processing.local.measured import measured_track
from processing.project import Project

FORMS = tuple(FORMATS)


def asked(**words: str) -> Asked:
    return Asked.of(lambda name: words.get(name, ""), FORMS, "freeboard")


def test_words_of_an_address_are_taken_or_refused_by_name() -> None:
    found = asked(format="netcdf", granule="G", beam="gt1l,gt2l", run="R", **{"from": "1500", "to": "2e3"})
    assert (found.start, found.end, found.beams) == (1500.0, 2000.0, ("gt1l", "gt2l"))
    assert found.name("nc") == "freeboard_G_gt1l,gt2l_R_1.5-2km.nc"
    assert asked() == Asked("freeboard", "csv")
    for words, told in (
        ({"format": "xls"}, "no format 'xls'"),
        ({"from": "nan"}, "from 'nan' is no distance"),
        ({"from": "3", "to": "3"}, "not before"),
        ({"what": "../../etc"}, "what '../../etc' has signs"),
    ):
        with pytest.raises(InputError, match=told):
            asked(**words)


def test_a_stretch_is_downloaded_and_bad_words_are_answered_in_one_line(
    project_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(project_root, tmp_path / "own"))
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    place = {"what": "freeboard", "granule": GRANULE, "beam": "gt1l", "from": START + 500, "to": START + 700}
    with running(own) as address:

        def get(**words: object) -> bytes:
            with urlopen(f"{address}export?{urlencode(place | words)}") as answer:
                assert "attachment" in answer.headers["Content-Disposition"]
                return bytes(answer.read())

        frame = pd.read_csv(io.BytesIO(get(format="csv")))
        table = pq.read_table(io.BytesIO(get(format="parquet")))
        with pytest.raises(HTTPError) as refused:
            get(beam="gt9l")
        line = refused.value.read().decode()
    track = measured_track(Project(own), GRANULE, "gt1l")
    inside = (track.x_atc >= START + 500) & (track.x_atc <= START + 700)
    np.testing.assert_allclose(frame["x_atc"], track.x_atc[inside])
    np.testing.assert_allclose(frame["freeboard"], track.freeboard[inside], atol=1e-6)
    np.testing.assert_array_equal(table["freeboard"].to_numpy(), track.freeboard[inside])
    assert refused.value.code == 400
    assert "gt9l" in line
    assert line.count("\n") == 1
    assert list(aside.iterdir()) == []


def test_nobody_downloads_who_has_not_logged_in(project_root: Path) -> None:
    with running(project_root, {"ada": Secret.of("leads and floes")}) as address:
        for route in ("export", "figure", "report"):
            with urlopen(f"{address}{route}?granule={GRANULE}") as answer:
                assert answer.url.startswith(f"{address}login")

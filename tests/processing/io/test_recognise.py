"""Folders as people have them: what is of no use beside good data is told and stops nothing."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from made_granules import make_granule

from processing.errors import InputError
from processing.io.recognise import take_stock


def stray(folder: Path, made: ModuleType) -> dict[str, str]:
    """Write files of no use; their names and what is told of each."""
    (folder / "notes.csv").write_text("")
    (folder / "S2A_MSIL1C_thumb.tif").write_bytes(b"II*\x00 and no more")
    whole = make_granule(folder / "cut.h5").read_bytes()
    (folder / "cut.h5").write_bytes(whole[: len(whole) // 2])
    exported = {
        "granule_id": ["A"],
        "beam": ["gt1r"],
        "segment": [1],
        "x_atc": [2.0],
        "lat": [80.0],
        "freeboard": [0.1],
    }
    pd.DataFrame(exported).to_csv(folder / "freeboard.csv", index=False)
    made.write_tif(folder / "B02.tif", np.full((1, 9, 9), 3000, np.uint16))
    return {
        "notes.csv": "cannot be read",
        "S2A_MSIL1C_thumb.tif": "not a readable raster",
        "cut.h5": "cut short",
        "freeboard.csv": "not recognised",
        "B02.tif": "stack the bands",
    }


def test_stray_files_stop_no_folder(made: ModuleType, tmp_path: Path) -> None:
    make_granule(tmp_path / "ATL03_20191104195311_05940510_006_01.h5")
    told = stray(tmp_path, made)
    inventory = take_stock((tmp_path,))
    assert [item.kind for item in inventory.found] == ["atl03"]
    lines = {Path(line.split(":")[0]).name: line for line in inventory.refused}
    assert lines.keys() == told.keys()
    for name, words in told.items():
        assert words in lines[name]
        with pytest.raises(InputError, match=words):
            take_stock((tmp_path / name,))


def test_two_subsets_of_one_granule_do_not_pass_for_one(tmp_path: Path) -> None:
    name = "ATL03_20191104195311_05940510_006_01"
    make_granule(tmp_path / f"{name}_gt1l.h5")
    make_granule(tmp_path / f"{name}_gt1r.h5")
    idents = [item.ident for item in take_stock((tmp_path,)).found]
    assert idents == [f"{name}_gt1l", f"{name}_gt1r"]
    make_granule(tmp_path / f"12345_{name}_gt1r.h5")
    with pytest.raises(InputError, match="same identifier"):
        take_stock((tmp_path,))

"""A whole twin on disk: granules, scenes, references, truth."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from processing.errors import InputError
from processing.io.atomic import aside_folder, write_text
from processing.progress import Bar, progress_bar
from processing.provenance import Stamp
from processing.twin.granule import write_granule
from processing.twin.parameters import Twin
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.references import write_references
from processing.twin.scene import scene_rows, write_scene
from processing.twin.truth import write_truth
from processing.twin.world import Advance, World, make_world

_CONTENT = {"granules", "scenes", "references", "truth", "twin.json"}


def make_twin(folder: Path, parameters: Twin) -> None:
    """Write a twin to ``folder``, whole or not at all.

    Makes ``granules/ATL03_*.h5``, ``scenes/S2*_MSIL1C_*.SAFE``, ``references/ATL07-*.h5`` and ``ATL10-*.h5``,
    ``truth/granule=G/beam=B/part-0.parquet`` and ``twin.json``. A twin that is there is replaced; InputError when
    the folder holds anything besides or is the working directory.
    """
    folder = Path(folder).resolve()
    _check_folder(folder)
    worlds = [make_world(parameters, index) for index in range(parameters.granules)]
    total = sum(_steps(world) for world in worlds)
    with aside_folder(folder) as temporary, progress_bar("twin", total, "steps") as bar:
        for world in worlds:
            _make_pair(temporary, world, bar)
        write_text(temporary / "twin.json", json.dumps(_summary(parameters, worlds), indent=1) + "\n")
        _check_folder(folder)


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError("there is a file of that name", where=folder, mend="choose another folder")
    if Path.cwd().is_relative_to(folder):
        raise InputError("the folder is the working directory", where=folder, mend="name another, it is made anew")
    found = {entry.name for entry in folder.iterdir()}
    if found and "twin.json" not in found:
        raise InputError("the folder is not empty and holds no twin", where=folder, mend="choose another folder")
    if found - _CONTENT:
        what = f"beside a twin the folder holds {min(found - _CONTENT)}"
        raise InputError(what, where=folder, mend="move that away or choose another folder")


def _steps(world: World) -> int:
    return len(BEAMS) * world.place.segments + scene_rows(world)


class _Steps:
    """Progress that both threads of a pair report; ``stop`` makes the other one end at its next step."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._lock, self._stopped = bar, Lock(), False

    def advance(self, amount: float = 1.0, detail: str | None = None) -> None:
        if self._stopped:
            raise InterruptedError("the other half of the pair was stopped")
        with self._lock:
            self._bar.advance(amount, detail)

    def stop(self) -> None:
        self._stopped = True


def _make_pair(folder: Path, world: World, bar: Bar) -> None:
    """Make the scene on one thread and the granule, its companions and the truth on this one."""
    steps = _Steps(bar)
    with ThreadPoolExecutor(1) as pool:
        scene = pool.submit(write_scene, folder / "scenes", world, steps)
        try:
            _make_track(folder, world, steps)
            scene.result()
        except BaseException:
            steps.stop()
            raise


def _make_track(folder: Path, world: World, bar: Advance) -> None:
    companion = Companion(world)
    granule = world.place.granule_id
    write_granule(folder / "granules" / f"{granule}.h5", world, companion, bar)
    write_references(folder / "references", world, companion)
    stamp = Stamp("twin", world.parameters.values_dict(), {})
    for beam in BEAMS:
        write_truth(folder / "truth" / f"granule={granule}" / f"beam={beam}" / "part-0.parquet", world, beam, stamp)


def _summary(parameters: Twin, worlds: list[World]) -> dict[str, object]:
    """What ``twin.json`` says: that this is synthetic, every parameter, and each pair's place, times and drift."""
    pairs = [
        {
            "granule": world.place.granule_id,
            "place": asdict(world.place) | {"start": world.place.start.isoformat()},
            "scene_time": world.scene_time.isoformat(),
            "minutes": (world.scene_time - world.place.start).total_seconds() / 60.0,
            "drift_x": world.drift_x,
            "drift_y": world.drift_y,
        }
        for world in worlds
    ]
    return {"synthetic": True, "parameters": parameters.values_dict(), "pairs": pairs}

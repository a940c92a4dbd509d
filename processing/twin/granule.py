"""ATL03 granules in the product's own layout: groups, names, types, chunks, attributes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from processing.io.atomic import aside
from processing.twin.deadtime import Calibration, calibration
from processing.twin.layout import append, write_ancillary, write_beam_attributes, write_orbit, write_root
from processing.twin.photons import STRONG_CHANNELS, WEAK_CHANNELS
from processing.twin.pieces import Piece, beam_pieces
from processing.twin.place import BEAMS
from processing.twin.products import Companion
from processing.twin.world import Advance, World

_FILLED = frozenset({"geolocation", "geophys_corr"})


def write_granule(path: Path, world: World, companion: Companion, bar: Advance) -> None:
    """Write the ATL03 granule of ``world``, whole or not at all, and hand its photons to ``companion``."""
    with aside(path) as temporary, h5py.File(temporary, "w") as file:
        write_root(file, world, "ATL03")
        write_orbit(file, world.place)
        write_ancillary(file, world.place)
        _write_calibrations(file, world)
        for beam in BEAMS:
            group = file.create_group(beam)
            write_beam_attributes(group, world.place, beam)
            for piece in beam_pieces(world, beam):
                _append_piece(group, piece)
                companion.take(beam, piece)
                bar.advance(piece.nodes.x_atc.size - 1, f"{world.place.granule_id} {beam}")


def _append_piece(group: h5py.Group, piece: Piece) -> None:
    for name, arrays in (
        ("heights", piece.heights),
        ("geolocation", piece.geolocation),
        ("geophys_corr", piece.geophys_corr),
        ("bckgrd_atlas", piece.bckgrd_atlas),
    ):
        for key, values in arrays.items():
            append(group.require_group(name), key, values, fill=name in _FILLED)


def _write_calibrations(file: h5py.File, world: World) -> None:
    """Dead time of each channel (s) and CAL-19, under the product's names and those of its data dictionary."""
    rng = world.rng(11)
    root = file.create_group("ancillary_data/calibrations")
    for beam in BEAMS:
        strong = world.place.is_strong(beam)
        times = world.parameters.dead_time * (1.0 + 0.004 * rng.normal(size=20))
        active = slice(0, 16) if strong else slice(16, 20)
        times[active] += world.parameters.dead_time - times[active].mean()
        dead = root.create_group(f"dead_time/{beam}")
        dead.create_dataset("dead_time", data=times * 1e-9).attrs["units"] = np.bytes_("seconds")
        dead.create_dataset("sigma", data=np.full(20, 5e-12)).attrs["units"] = np.bytes_("seconds")
        channels = STRONG_CHANNELS if strong else WEAK_CHANNELS
        _write_bias(root.create_group(f"first_photon_bias/{beam}"), calibration(channels))


def _write_bias(group: h5py.Group, table: Calibration) -> None:
    for name, values, unit in (
        ("dead_time", table.dead_time, "nanoseconds"),
        ("strength", table.strength, "photons/shot"),
        ("width", table.width, "nanoseconds"),
    ):
        data = group.create_dataset(name, data=values, compression="gzip")
        data.attrs["units"] = np.bytes_(unit)
        group[f"ffb_{name}"] = data
    data = group.create_dataset("ffb_corr", data=table.correction, compression="gzip")
    data.attrs["units"] = np.bytes_("picoseconds")

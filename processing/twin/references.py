"""Writing the ATL07 and ATL10 companions in the layout of release 006."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from processing.io.atomic import aside
from processing.twin.layout import FILL_F4, append, write_ancillary, write_beam_attributes, write_orbit, write_root
from processing.twin.place import BEAMS, beam_nodes
from processing.twin.products import Arrays, Companion, Freeboards, freeboards, geosegment, segment_time
from processing.twin.world import World


def reference_name(world: World, product: str) -> str:
    """File name of a companion: 01 stands for the northern hemisphere, 02 for the southern."""
    place = world.place
    hemisphere = "02" if place.latitude < 0 else "01"
    return f"{product}-{hemisphere}_{place.start:%Y%m%d%H%M%S}_{place.rgt:04d}{place.cycle:02d}01_006_01.h5"


def write_references(folder: Path, world: World, companion: Companion) -> tuple[Path, Path]:
    """Write both companions, each whole or not at all; returns their paths."""
    first, second = (folder / reference_name(world, product) for product in ("ATL07", "ATL10"))
    with aside(first) as temporary, h5py.File(temporary, "w") as file:
        _start(file, world, "ATL07")
        for beam in BEAMS:
            _write_heights(file, world, beam, companion.beam(beam))
    with aside(second) as temporary, h5py.File(temporary, "w") as file:
        _start(file, world, "ATL10")
        for beam in BEAMS:
            _write_freeboards(file, world, beam, companion.beam(beam))
    return first, second


def _start(file: h5py.File, world: World, product: str) -> None:
    write_root(file, world, product)
    write_orbit(file, world.place)
    write_ancillary(file, world.place)
    for beam in BEAMS:
        write_beam_attributes(file.create_group(beam), world.place, beam)


def _put(group: h5py.Group, values: Arrays) -> None:
    for name, array in values.items():
        filled = np.where(np.isfinite(array), array, FILL_F4).astype(np.float32) if array.dtype == np.float32 else array
        append(group, name, filled, fill=array.dtype == np.float32)


def _write_heights(file: h5py.File, world: World, beam: str, found: Arrays) -> None:
    if not found:
        return
    size = found["x"].size
    base = file[beam].create_group("sea_ice_segments")
    _put(
        base,
        {
            "delta_time": segment_time(world, found["shot"]),
            "latitude": found["lat"],
            "longitude": found["lon"],
            "seg_dist_x": found["x"],
            "geoseg_beg": geosegment(world, found["x"] - found["length"] / 2),
            "geoseg_end": geosegment(world, found["x"] + found["length"] / 2),
            "height_segment_id": np.arange(1, size + 1, dtype=np.int32),
        },
    )
    _put(
        base.create_group("heights"),
        _segment_heights(found)
        | {
            "height_segment_n_pulse_seg": found["pulses"].astype(np.int32),
            "height_segment_quality": (found["type"] > 0).astype(np.int8),
            "height_segment_fit_quality_flag": np.where(found["type"] > 0, 1, -1).astype(np.int8),
            "height_segment_surface_error_est": found["sigma"].astype(np.float32),
            "height_segment_w_gaussian": found["spread"].astype(np.float32),
        },
    )
    _put(base.create_group("geophysical"), _geophysical(world, beam, found))
    _put(
        base.create_group("stats"),
        {
            "photon_rate": found["rate"].astype(np.float32),
            "backgr_r_200": found["background"].astype(np.float32),
            "fpb_corr": found["bias"].astype(np.float32),
            "n_photons_actual": np.full(size, 150, np.int16),
            "n_photons_used": found["used"].astype(np.int16),
        },
    )


def _segment_heights(found: Arrays) -> Arrays:
    return {
        "height_segment_height": found["height"].astype(np.float32),
        "height_segment_length_seg": found["length"].astype(np.float32),
        "height_segment_confidence": (found["sigma"] / 2).astype(np.float32),
        "height_segment_rms": found["sigma"].astype(np.float32),
        "height_segment_ssh_flag": found["ssh"],
        "height_segment_type": found["type"],
    }


def _geophysical(world: World, beam: str, found: Arrays) -> Arrays:
    nodes = beam_nodes(world.place, beam)
    x, y = nodes.at(found["x"])
    ocean, same = world.ocean, np.ones(x.size)
    values = {
        "mss": ocean.reference(x, y, found["lat"]),
        "geoid": ocean.geoid(x, y),
        "geoid_free2mean": ocean.free2mean(found["lat"]),
        "ocean": ocean.tide_ocean(x, y),
        "lpe": ocean.tide_equilibrium * same,
        "dac": ocean.dac(x, y),
        "earth": ocean.tide_earth * same,
        "load": ocean.tide_load * same,
    }
    return {f"height_segment_{name}": array.astype(np.float32) for name, array in values.items()}


def _write_freeboards(file: h5py.File, world: World, beam: str, found: Arrays) -> None:
    if not found:
        return
    made = freeboards(found, world.place.x_start)
    base = file[beam].create_group("freeboard_segment")
    track: Arrays = {
        "delta_time": segment_time(world, found["shot"]),
        "latitude": found["lat"],
        "longitude": found["lon"],
    }
    valid = np.isfinite(made.freeboard)
    _put(
        base,
        track
        | {
            "seg_dist_x": found["x"],
            "geoseg_beg": geosegment(world, found["x"] - found["length"] / 2),
            "geoseg_end": geosegment(world, found["x"] + found["length"] / 2),
            "height_segment_id": np.arange(1, found["x"].size + 1, dtype=np.int32),
            "beam_fb_height": made.freeboard.astype(np.float32),
            "beam_fb_unc": np.where(valid, made.sigma, np.nan).astype(np.float32),
            "beam_fb_confidence": (found["sigma"] / 2).astype(np.float32),
            "beam_fb_quality_flag": np.where(valid, 1, -1).astype(np.int8),
            "beam_refsurf_ndx": (made.section + 1).astype(np.int32),
        },
    )
    heights = base.create_group("heights")
    _put(heights, track | _segment_heights(found) | {"height_segment_sigma": found["sigma"].astype(np.float32)})
    _put(heights, {"photon_rate": found["rate"].astype(np.float32)})
    _put(base.create_group("geophysical"), track | _geophysical(world, beam, found))
    _write_leads(file[beam], world, made)
    _write_sections(file[beam], world, beam, made)


def _write_leads(group: h5py.Group, world: World, made: Freeboards) -> None:
    leads = made.leads
    _put(
        group.create_group("leads"),
        {
            "delta_time": segment_time(world, leads["shot"]),
            "latitude": leads["lat"].astype(np.float64),
            "longitude": leads["lon"].astype(np.float64),
            "lead_dist_x": leads["x"].astype(np.float64),
            "lead_height": leads["height"].astype(np.float32),
            "lead_sigma": leads["sigma"].astype(np.float32),
            "lead_length": leads["length"].astype(np.float32),
            "ssh_n": leads["count"].astype(np.int32),
            "ssh_ndx": (leads["first"] + 1).astype(np.int32),
        },
    )


def _write_sections(group: h5py.Group, world: World, beam: str, made: Freeboards) -> None:
    sections = made.sections
    nodes = beam_nodes(world.place, beam)
    lat, lon = nodes.geographic(sections["x"])
    shot = (sections["x"] - world.place.x_start) / 0.7
    _put(
        group.create_group("reference_surface_section"),
        {
            "delta_time": segment_time(world, shot),
            "latitude": lat,
            "longitude": lon,
            "beam_refsurf_dist_x": sections["x"],
            "beam_refsurf_height": sections["height"].astype(np.float32),
            "beam_refsurf_sigma": sections["sigma"].astype(np.float32),
            "beam_refsurf_interp_flag": sections["flag"].astype(np.int16),
            "beam_lead_n": sections["count"].astype(np.int32),
            "beam_lead_ndx": np.where(sections["count"] > 0, sections["first"] + 1, -1).astype(np.int32),
        },
    )

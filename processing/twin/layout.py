"""What the layouts of ATL03, ATL07 and ATL10 have in common: datasets, attributes, orbit and ancillary groups."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import h5py
import numpy as np

from processing.twin.place import EPOCH, GPS_EPOCH_SECONDS, GROUND_SPEED, Place
from processing.twin.world import World

CHUNK = 10_000
GZIP = 6
FILL_F4 = np.float32(3.4028235e38)
_NAMES = {
    "meters": (
        "h_ph dist_ph_along dist_ph_across segment_dist_x segment_length sigma_h sigma_along sigma_across",
        "dac dem_h geoid geoid_free2mean tide_earth tide_earth_free2mean tide_equilibrium tide_load tide_oc_pole",
        "tide_ocean tide_pole bckgrd_hist_top bckgrd_int_height bckgrd_int_height_reduced tlm_height_band1",
        "tlm_height_band2 tlm_top_band1 tlm_top_band2",
        "seg_dist_x height_segment_height height_segment_length_seg height_segment_rms height_segment_sigma",
        "height_segment_surface_error_est height_segment_w_gaussian fpb_corr height_segment_dac height_segment_earth",
        "height_segment_geoid height_segment_geoid_free2mean height_segment_load height_segment_lpe height_segment_mss",
        "height_segment_ocean beam_fb_height beam_fb_unc beam_refsurf_height beam_refsurf_sigma lead_height",
        "lead_length lead_sigma",
    ),
    "m": ("beam_refsurf_dist_x lead_dist_x",),
    "1": (
        "segment_id surf_type podppd_flag dem_flag full_sat_fract near_sat_fract signal_conf_ph quality_ph weight_ph",
        "ph_id_channel geoseg_beg geoseg_end height_segment_id height_segment_confidence height_segment_quality",
        "height_segment_fit_quality_flag height_segment_n_pulse_seg height_segment_ssh_flag height_segment_type",
        "n_photons_actual n_photons_used beam_fb_confidence beam_fb_quality_flag beam_lead_n beam_lead_ndx",
        "beam_refsurf_interp_flag beam_refsurf_ndx ssh_n ssh_ndx",
    ),
    "counts": (
        "bckgrd_counts bckgrd_counts_reduced pce_mframe_cnt ph_index_beg reference_photon_index segment_ph_cnt",
        "ph_id_count ph_id_pulse",
    ),
    "seconds since 2018-01-01": ("delta_time",),
    "degrees_north": ("lat_ph reference_photon_lat latitude",),
    "degrees_east": ("lon_ph reference_photon_lon longitude solar_azimuth",),
    "degrees": ("solar_elevation",),
    "counts / second": ("bckgrd_rate",),
    "hz": ("backgr_r_200",),
    "photons/shot": ("photon_rate",),
}
"""Dataset names by unit, spelled as the products of release 006 spell them."""
_UNITS = {name: unit for unit, lines in _NAMES.items() for line in lines for name in line.split()}
_FLAGS = {
    "signal_conf_ph": ([-2, -1, 0, 1, 2, 3, 4], "possible_tep not_considered noise buffer low medium high"),
    "quality_ph": ([0, 1, 2, 3], "nominal possible_afterpulse possible_impulse_response_effect possible_tep"),
    "podppd_flag": ([0, 1, 2, 3], "nominal pod_degrade ppd_degrade podppd_degrade"),
    "dem_flag": ([0, 1, 2, 3, 4], "none arctic global mss antarctic"),
    "sc_orient": ([0, 1, 2], "backward forward transition"),
}


def append(group: h5py.Group, name: str, values: np.ndarray, *, fill: bool = False) -> None:
    """Append ``values`` to a dataset, made at the first call as the product makes it (chunks of 10 000, gzip)."""
    if name not in group:
        shape = values.shape[1:]
        data = group.create_dataset(
            name,
            (0, *shape),
            values.dtype,
            maxshape=(None, *shape),
            chunks=(CHUNK, *shape),
            compression="gzip",
            compression_opts=GZIP,
            shuffle=values.dtype.kind in "iu",
        )
        _describe(data, name, fill=fill)
    data = group[name]
    data.resize(data.shape[0] + values.shape[0], axis=0)
    data[data.shape[0] - values.shape[0] :] = values


def _describe(data: h5py.Dataset, name: str, *, fill: bool) -> None:
    if name in _UNITS:
        data.attrs["units"] = np.bytes_(_UNITS[name])
    data.attrs["long_name"] = np.bytes_(name.replace("_", " "))
    if fill and data.dtype == np.float32:
        data.attrs["_FillValue"] = FILL_F4
    if name in _FLAGS:
        values, meanings = _FLAGS[name]
        data.attrs["flag_values"] = np.array(values, np.int8)
        data.attrs["flag_meanings"] = np.bytes_(meanings)


def write_beam_attributes(group: h5py.Group, place: Place, beam: str) -> None:
    """Attributes of a beam group: strength, spot, orientation."""
    spot = place.spot(beam)
    values = {
        "atlas_beam_type": "strong" if place.is_strong(beam) else "weak",
        "atlas_pce": f"pce{(spot - 1) // 2 + 1}",
        "atlas_spot_number": str(spot),
        "atmosphere_profile": f"profile_{beam[2]}",
        "groundtrack_id": beam,
        "sc_orientation": "Forward" if place.right_strong else "Backward",
    }
    for name, value in values.items():
        group.attrs[name] = np.bytes_(value)


def write_root(file: h5py.File, world: World, product: str) -> None:
    """Attributes of the file, which say that it is synthetic."""
    place = world.place
    end = place.start + timedelta(seconds=place.length / GROUND_SPEED)
    values = {
        "short_name": product,
        "title": f"SYNTHETIC {product} made by leadline from seed {world.parameters.seed}",
        "description": "Synthetic data in the layout of the product; no measurement.",
        "identifier_product_type": product,
        "identifier_product_format_version": "006",
        "level": "L2A" if product == "ATL03" else "L3A",
        "platform": "ICESat-2 (synthetic)",
        "instrument": "ATLAS (synthetic)",
        "time_coverage_start": _stamp(place.start),
        "time_coverage_end": _stamp(end),
        "granule_type": product,
    }
    for name, value in values.items():
        file.attrs[name] = np.bytes_(value)
    dataset = file.create_group("METADATA/DatasetIdentification")
    dataset.attrs["VersionID"] = np.bytes_("006")
    dataset.attrs["shortName"] = np.bytes_(product)
    dataset.attrs["fileName"] = np.bytes_(place.granule_id.replace("ATL03", product) + ".h5")


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def write_orbit(file: h5py.File, place: Place) -> None:
    """``orbit_info``: orbit, reference ground track, cycle and orientation."""
    group = file.create_group("orbit_info")
    values: dict[str, tuple[Any, str]] = {
        "crossing_time": (np.array([place.delta_time - 4000.0]), "seconds since 2018-01-01"),
        "cycle_number": (np.array([place.cycle], np.int8), "1"),
        "lan": (np.array([(place.longitude + 60.0) % 360.0 - 180.0]), "degrees_east"),
        "orbit_number": (np.array([place.orbit], np.uint16), "1"),
        "rgt": (np.array([place.rgt], np.int16), "1"),
        "sc_orient": (np.array([1 if place.right_strong else 0], np.int8), "1"),
        "sc_orient_time": (np.array([place.delta_time - 86400.0]), "seconds since 2018-01-01"),
    }
    for name, (value, unit) in values.items():
        data = group.create_dataset(name, data=value)
        data.attrs["units"] = np.bytes_(unit)
        if name in _FLAGS:
            data.attrs["flag_values"] = np.array(_FLAGS[name][0], np.int8)
            data.attrs["flag_meanings"] = np.bytes_(_FLAGS[name][1])


def write_ancillary(file: h5py.File, place: Place) -> None:
    """``ancillary_data``: epoch, times, orbit numbers, release."""
    group = file.create_group("ancillary_data")
    seconds = place.length / GROUND_SPEED
    end = place.start + timedelta(seconds=seconds)
    gps = GPS_EPOCH_SECONDS + (place.start - EPOCH).total_seconds()
    texts = {
        "data_start_utc": _stamp(place.start),
        "data_end_utc": _stamp(end),
        "granule_start_utc": _stamp(place.start),
        "granule_end_utc": _stamp(end),
        "release": "006".ljust(80),
        "version": "01".ljust(80),
    }
    for name, text in texts.items():
        group.create_dataset(name, data=np.array([text.encode()]))
    numbers: dict[str, Any] = {
        "atlas_sdp_gps_epoch": GPS_EPOCH_SECONDS,
        "start_delta_time": place.delta_time,
        "end_delta_time": place.delta_time + seconds,
        "start_gpssow": gps % 604800.0,
        "end_gpssow": (gps + seconds) % 604800.0,
        "start_gpsweek": np.int32(gps // 604800),
        "end_gpsweek": np.int32((gps + seconds) // 604800),
        "start_cycle": np.int32(place.cycle),
        "end_cycle": np.int32(place.cycle),
        "start_rgt": np.int32(place.rgt),
        "end_rgt": np.int32(place.rgt),
        "start_orbit": np.int32(place.orbit),
        "end_orbit": np.int32(place.orbit),
        "start_region": np.int32(place.region),
        "end_region": np.int32(place.region),
        "start_geoseg": np.int32(place.segment_first),
        "end_geoseg": np.int32(place.segment_first + place.segments - 1),
    }
    for name, number in numbers.items():
        group.create_dataset(name, data=np.array([number]))

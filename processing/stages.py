"""Every stage's parameters, named once: defaults, bounds, units and docs.

The command line's options, the control panel's forms, a job's JSON and the provenance beside a result all come from
these classes. Nothing heavy is imported here, so that a page or ``--help`` can show them at once.
"""

from __future__ import annotations

from typing import Any, ClassVar

import param


class Stage(param.Parameterized):
    """Parameters of one stage. ``key`` is the command's name and the section in ``project.toml``."""

    key: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    output: ClassVar[str] = ""

    def values_dict(self) -> dict[str, Any]:
        """The parameters as plain JSON values, in order of declaration."""
        return {name: _plain(self.param[name], getattr(self, name)) for name in self.own_parameters()}

    @classmethod
    def own_parameters(cls) -> list[str]:
        """Names of the stage's parameters, without param's own ``name``."""
        return [name for name in cls.param if name != "name"]

    @classmethod
    def differing(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The entries of ``values`` that differ from the stage's defaults."""
        return {name: value for name, value in values.items() if value != cls.param[name].default}


def _plain(parameter: Any, value: Any) -> Any:
    """A number as what it is declared to be, so that 4 and 4.0 are one value of it."""
    whole = isinstance(parameter, param.Integer) or not isinstance(parameter, param.Number)
    return value if whole or value is None else float(value)


def _number(default: float, doc: str, unit: str, bounds: tuple[float | None, float | None]) -> Any:
    return param.Number(default, bounds=bounds, doc=f"{doc} [{unit}]" if unit else doc)


def _integer(default: int, doc: str, unit: str, bounds: tuple[int | None, int | None]) -> Any:
    return param.Integer(default, bounds=bounds, doc=f"{doc} [{unit}]" if unit else doc)


class Resample(Stage):
    """Photons to 2 m segments."""

    key = "resample"
    inputs = ("granules",)
    output = "segments"

    window = _number(2.0, "Length of a segment along the track", "m", (0.5, 200.0))
    confidence = _integer(3, "Least sea-ice signal confidence of a photon (2 low, 3 medium, 4 high)", "", (0, 4))
    weight = _integer(
        80, "Least photon weight where a granule carries no signal confidence (0 noise, 255 certain)", "", (0, 255)
    )
    height_limit = _number(10.0, "Largest corrected height either side of the reference kept", "m", (0.5, 100.0))
    mean_sea_surface = param.String(
        "", doc="Mean-sea-surface grid (GeoTIFF or NetCDF, metres above WGS84); the granule's geoid when empty"
    )
    first_photon = param.Boolean(True, doc="Correct first-photon bias from the granule's own calibration table")
    allow_transition = param.Boolean(
        False, doc="Accept a granule whose spacecraft orientation is in transition (strong beams then undefined)"
    )


class Autolabel(Stage):
    """Scene to labels: colour, cloud and shadow, drift alignment, transfer to segments."""

    key = "autolabel"
    inputs = ("segments", "scenes")
    output = "autolabels"

    max_time_offset = _number(2.0, "Largest time between scene and track", "h", (0.0, 48.0))
    reflectance_white = _number(0.85, "Reflectance shown as 255 in the 8-bit image", "1", (0.1, 2.0))
    value_water = _integer(30, "Highest HSV value of open water (arXiv 2303.12719)", "1", (0, 254))
    value_thick = _integer(205, "Lowest HSV value of thick ice (arXiv 2303.12719)", "1", (1, 255))
    cloud_filter = param.Boolean(True, doc="Filter thin cloud and shadow from the image before it is classified")
    filter_size = _integer(155, "Median window of the thin-cloud and shadow filter, odd", "pixel", (3, 255))
    ndsi_cloud = _number(0.4, "Snow index (B03, B11) below which a bright pixel is cloud", "1", (-1.0, 1.0))
    cirrus_cloud = _number(0.01, "Cirrus (B10) reflectance above which a pixel counts as cloud", "1", (0.0, 1.0))
    transition = _number(20.0, "Distance to a class boundary below which a label is in transition", "m", (0.0, 500.0))
    drift = param.Boolean(True, doc="Estimate the ice drift between track and scene and undo it")
    drift_reach = _number(1000.0, "Largest drift searched for along each axis", "m", (0.0, 5000.0))
    drift_confidence = _number(0.5, "Confidence below which a drift counts as unsure", "1", (0.0, 1.0))
    corridor = _number(400.0, "Scene kept either side of a track, beyond the drift search", "m", (50.0, 5000.0))
    tile = _integer(2048, "Edge of the tiles in which the scene is worked on", "pixel", (256, 10980))


class Snapshot(Stage):
    """Freeze the current labels."""

    key = "snapshot"
    inputs = ("autolabels", "events")
    output = "snapshots"

    note = param.String("", doc="What this snapshot is for, in words")


class Train(Stage):
    """Snapshot to model."""

    key = "train"
    inputs = ("segments", "snapshots")
    output = "models"

    model = param.Selector(default="lstm", objects=["mlp", "lstm"], doc="Model: the paper's MLP or LSTM")
    snapshot = param.String("", doc="Snapshot to learn from, such as v0001; the newest when empty")
    run_name = param.String("", doc="Name of the run; made from model and snapshot when empty")
    held_out = param.String("", doc="Granules held out for the test, comma separated; one is chosen by seed when empty")
    epochs = _integer(20, "Passes over the training windows", "1", (1, 1000))
    batch = _integer(1024, "Windows a step, over all ranks", "1", (1, 1_000_000))
    learning_rate = _number(0.003, "Learning rate of Adam", "1", (1e-7, 1.0))
    focal_gamma = _number(2.0, "Focusing exponent of the focal loss", "1", (0.0, 10.0))
    dropout = _number(0.2, "Dropout after the recurrent layer", "1", (0.0, 0.95))
    clear_only = param.Boolean(
        True, doc="Learn only from labels without cloud, shadow, transition or drift flags, and from corrected ones"
    )
    seed = _integer(0, "Seed of every random choice", "1", (0, None))
    workers = _integer(1, "Ranks that train together", "1", (1, 1024))


class Classify(Stage):
    """Model to class probabilities for every segment."""

    key = "classify"
    inputs = ("segments", "models")
    output = "predictions"

    run_name = param.String("", doc="Model run to use; the newest when empty")
    batch = _integer(4096, "Windows classified at a time by one core", "1", (1, 10_000_000))


class Freeboard(Stage):
    """Classes and heights to sea surface and freeboard."""

    key = "freeboard"
    inputs = ("segments", "predictions")
    output = "freeboard"

    source = param.Selector(
        default="predictions",
        objects=["predictions", "labels"],
        doc="Where classes come from: a model or a snapshot",
    )
    run_name = param.String("", doc="Prediction run or snapshot to use; the newest when empty")
    estimator = param.Selector(
        default="robust",
        objects=["minimum", "average", "nearest", "weighted", "robust"],
        doc="Sea-surface estimator that freeboard is measured from",
    )
    height = param.Selector(
        default="median",
        objects=["median", "mean"],
        doc="Height of a segment's photons that stands for its surface; the median resists photons from within the "
        "snow and from the background",
    )
    window = _number(10_000.0, "Length of a sea-surface window along the track", "m", (100.0, 200_000.0))
    stride = _number(5_000.0, "Distance between window centres", "m", (50.0, 100_000.0))
    minimum_lead_segments = _integer(1, "Open-water segments that make a lead", "1", (1, 1000))
    water_probability = _number(
        0.0, "Least open-water probability of a segment that carries sea level", "1", (0.0, 1.0)
    )


STAGES: dict[str, type[Stage]] = {
    stage.key: stage for stage in (Resample, Autolabel, Snapshot, Train, Classify, Freeboard)
}

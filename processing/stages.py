"""Every stage's parameters, named once: defaults, bounds, units and docs.

The command line's options, the control panel's forms, a job's JSON and the provenance beside a result all come from
these classes. Nothing heavy is imported here, so that a page or ``--help`` can show them at once.
"""

from __future__ import annotations

from typing import Any, ClassVar

import param


class Stage(param.Parameterized):
    """Parameters of one stage. ``key`` is the command's name and the section in ``project.toml``.

    ``needs`` names modules that its work imports besides those of every stage, for executors to bring.
    """

    key: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    output: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    def values_dict(self) -> dict[str, Any]:
        """The parameters as plain JSON values, in order of declaration."""
        declared = type(self).param  # of the class: an instance would copy every parameter that it is asked for
        return {name: _plain(declared[name], getattr(self, name)) for name in self.own_parameters()}

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

    model = param.Selector(
        default="context",
        objects=["mlp", "lstm", "context"],
        doc="Model: convolutions over a stretch of track, or the paper's MLP or LSTM",
    )
    snapshot = param.String("", doc="Snapshot to learn from, such as v0001; the newest when empty")
    run_name = param.String("", doc="Name of the run; made from model and snapshot when empty")
    held_out = param.String("", doc="Granules held out for the test, comma separated; one is chosen by seed when empty")
    validation = _number(0.1, "Share of the rest kept from training, to calibrate the probabilities", "1", (0.0, 0.5))
    features = param.String("", doc="Features to learn from, comma separated; all that the model knows when empty")
    epochs = _integer(20, "Passes over the training windows", "1", (1, 1000))
    batch = _integer(
        0, "Windows a step, over all ranks; what was measured to be best for the model when 0", "1", (0, None)
    )
    learning_rate = _number(0.003, "Learning rate of Adam at the model's own batch", "1", (1e-7, 1.0))
    scale_rate = param.Boolean(True, doc="Let the learning rate grow with the root of the batch over the model's own")
    warmup = _number(1.0, "Passes over which a rate that was scaled, or falls, first rises", "1", (0.0, 100.0))
    schedule = param.Selector(
        default="model",
        objects=["model", "constant", "cosine"],
        doc="Course of the learning rate; as the model's own: the paper's two constant, context a falling cosine",
    )
    loss = param.Selector(
        default="model",
        objects=["model", "focal", "cross-entropy"],
        doc="Loss; as the model's own: the paper's two focal with its weights, context plain cross-entropy",
    )
    focal_gamma = _number(2.0, "Focusing exponent of the focal loss", "1", (0.0, 10.0))
    dropout = param.Number(
        None,
        bounds=(0.0, 0.95),
        allow_None=True,
        doc="Dropout after the recurrent layer, or before each convolution; the model's own when not given [1]",
    )
    clear_only = param.Boolean(
        True, doc="Learn only from labels without cloud, shadow, transition or drift flags, and from corrected ones"
    )
    seed = _integer(0, "Seed of every random choice", "1", (0, 2**31))
    precision = param.Selector(
        default="float32", objects=["float32", "bfloat16"], doc="Numbers that products are made with, on a GPU"
    )
    workers = _integer(0, "Ranks that train together; all that --hosts offer, or one, when 0", "1", (0, 1024))
    hosts = param.String("", doc="Hosts and their ranks, such as a:4,b:4; this machine when empty")
    backend = param.Selector(default="horovod", objects=["horovod", "ddp"], doc="What several ranks average by")
    device = param.Selector(
        default="auto", objects=["auto", "cpu", "cuda"], doc="Where to train; a GPU where one is there"
    )
    memory = _integer(2048, "Tensors up to this size are held whole, larger sets read shard by shard", "MiB", (1, None))
    tracking = param.String("", doc="MLflow tracking server; the project's own records when empty, none with off")

    apart: ClassVar[tuple[str, ...]] = ("run_name", "workers", "hosts", "backend", "device", "memory", "tracking")
    """Parameters that say how, not what is trained: they do not enter a run's provenance."""


class Evaluate(Stage):
    """How good models are, by several protocols and seeds; nothing that another stage reads is written."""

    key = "evaluate"
    inputs = ("segments", "snapshots")
    output = "evaluations"

    models = param.String("mlp,lstm,context", doc="Models to evaluate, comma separated")
    snapshot = param.String("", doc="Snapshot to learn from and test on; the newest when empty")
    protocols = param.String(
        "paper,granules,regions,seasons",
        doc="How labels are parted: windows at random as in the paper, or whole granules, regions, seasons held out",
    )
    seeds = _integer(3, "Seeds, each with models of its own", "1", (1, 100))
    folds = _integer(5, "Most parts held out in turn; single granules where there are no more", "1", (2, 1000))
    windows = _integer(98_000, "Windows drawn for the paper's protocol; all of them when 0", "1", (0, None))
    epochs = _integer(20, "Passes over the training windows", "1", (1, 1000))
    ablation = param.Boolean(False, doc="Also leave out features, context, corrections, drift and cloud filter in turn")
    ablated = param.Selector(default="context", objects=["mlp", "lstm", "context"], doc="Model of the ablation")


class Classify(Stage):
    """Model to class probabilities for every segment."""

    key = "classify"
    inputs = ("segments", "models")
    output = "predictions"
    needs = ("torch",)

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
    dark_leads = param.Boolean(
        False,
        doc="Trust dark leads under cloud as sea level; cloud may pass for them, as ATL07 release 3 learned",
    )
    dark_rate = _number(
        1.6,
        "Photons a shot (of a strong beam; a weak beam's count four times) below which a lead is dark",
        "1",
        (0, 100),
    )
    cloud_rate = _number(
        2.5, "Photons a shot (likewise) that bright ice within 1 km returns under a clear sky at least", "1", (0, 100)
    )
    wave_least = _number(
        0.02, "Standard deviation of waves, in the heights around or along a lead, that counts", "m", (0.001, 10.0)
    )
    wave_most = _number(
        0.5, "Standard deviation of waves from which a lead no longer carries sea level", "m", (0.001, 10.0)
    )


class Review(Stage):
    """Auto-labels and predictions to the queue of zones that deserve a look; the pages ask it, nothing is written.

    Defaults were fitted to the truth of synthetic pairs (docs/review-queue.md tells which).
    """

    key = "review"
    inputs = ("autolabels", "predictions")

    base = _number(0.0005, "Share of labels that are wrong without any evidence against them", "1", (0.000001, 0.5))
    cloud = _number(0.1, "Share of labels that a cloud flag makes wrong", "1", (0.0, 0.99))
    shadow = _number(0.18, "Share of labels that a shadow flag makes wrong", "1", (0.0, 0.99))
    saturated = _number(0.02, "Share of labels that saturation makes wrong", "1", (0.0, 0.99))
    unlabelled = _number(0.3, "Doubt of an unlabelled segment in a hole of the labels", "1", (0.0, 0.99))
    unlabelled_longest = _number(
        1000.0, "Longest hole; longer unlabelled stretches lie outside the scene and are left out", "m", (0.0, 1e6)
    )
    transition = _number(0.11, "Share of labels that a class boundary beside them makes wrong", "1", (0.0, 0.99))
    transition_fall = _number(2.0, "Power of the distance to the boundary with which that share falls", "1", (0.1, 10))
    alignment = _number(10.0, "Error of the alignment of scene and track where the drift is sure", "m", (0.1, 1000.0))
    drift_speed = _number(
        7.0, "Growth of that error with the minutes between scene and track where it is not", "m/min", (0.0, 1000.0)
    )
    drift = _number(
        0.75, "Share of labels that such an error, reaching to a boundary, moves to another place", "1", (0.0, 0.99)
    )
    thin = _number(
        9.0,
        "Factor on the odds that a label of thin ice is wrong, which mixed or shaded pixels take",
        "1",
        (0.01, 1000),
    )
    agreement = _number(
        2.8, "Logarithm of the odds taken off where the model, all sure, agrees with the label", "1", (0.0, 20.0)
    )
    entropy = _number(
        2.6, "Logarithm of the odds added back there as the model's entropy goes from 0 to its most", "1", (0.0, 20.0)
    )
    disagreement = _number(
        0.95, "Weight of the model's own logarithm of the odds where it contradicts the label", "1", (0.0, 5.0)
    )
    threshold = _number(0.05, "Doubt from which a segment belongs to a zone", "1", (0.0001, 0.999))
    gap = _number(30.0, "Longest stretch between doubtful segments that a zone bridges", "m", (0.0, 10_000.0))
    longest = _number(2000.0, "Longest zone, about a screenful; longer ones are split evenly", "m", (10.0, 1e6))
    overhead = _number(100.0, "Track that could be looked at in the time that turning to a zone takes", "m", (0.0, 1e5))


class Compare(Stage):
    """Our segments beside those of NASA's sea-ice products ATL07 and ATL10."""

    key = "compare"
    inputs = ("freeboard", "references")

    covered = _number(0.5, "Least share of a product's segment that our segments must cover", "1", (0.0, 1.0))
    block = _number(
        5000.0,
        "Length of the blocks of track that intervals are drawn from; one sea surface serves some km of both",
        "m",
        (100.0, 100_000.0),
    )
    draws = _integer(1000, "How often blocks are drawn for an interval", "1", (100, 100_000))
    seed = _integer(0, "Seed of the draws: equal pairs give equal intervals", "", (0, None))
    shift = _number(
        5.0, "Offset of a product's along-track distance from ours beyond which it is corrected", "m", (0.0, 1000.0)
    )
    across = _number(
        40.0,
        "Distance across the track beyond which a product is of another beam or pass; beams of a pair lie 90 m apart",
        "m",
        (1.0, 1000.0),
    )
    clock = _number(60.0, "Difference of the clocks beyond which a product is of another pass", "s", (0.1, 3600.0))


class Thickness(Stage):
    """Freeboard, snow and densities to thickness; made for whoever asks, nothing is kept.

    Snow depth and densities are numbers, or grids (GeoTIFF or NetCDF) given by their path.
    """

    key = "thickness"
    inputs = ("freeboard",)

    snow_depth = param.String("0.2", doc="Snow depth, or a grid of it; thickness stays unknown when empty [m]")
    snow_depth_sigma = _number(0.1, "Standard uncertainty of the snow depth, common to all segments", "m", (0.0, 5.0))
    limit_snow = param.Boolean(True, doc="Let snow be no deeper than the freeboard")
    water_density = param.String("1024", doc="Density of sea water, or a grid of it [kg/m3]")
    ice_density = param.String("915", doc="Density of sea ice, or a grid of it [kg/m3]")
    snow_density = param.String("320", doc="Density of snow, or a grid of it [kg/m3]")
    water_density_sigma = _number(0.5, "Standard uncertainty of the density of sea water", "kg/m3", (0.0, 50.0))
    ice_density_sigma = _number(10.0, "Standard uncertainty of the density of sea ice", "kg/m3", (0.0, 200.0))
    snow_density_sigma = _number(50.0, "Standard uncertainty of the density of snow", "kg/m3", (0.0, 300.0))


class Shape(Stage):
    """Heights and leads to leads, floes, ridges and roughness along the track; made for whoever asks."""

    key = "shape"
    inputs = ("freeboard",)

    gap = _number(
        50.0, "Distance without segments that ends a floe and across which no spacing is told", "m", (5.0, 1e5)
    )
    least_lead = _number(
        6.0, "Least width of a lead that is counted; ATLAS resolves some 7 m (Farrell et al. 2020)", "m", (0.0, 1e5)
    )
    floe_lead = _number(10.0, "Least width of a lead that parts two floes", "m", (0.0, 1e5))
    ridge_height = _number(0.6, "Least height of a ridge sail above level ice", "m", (0.05, 10.0))
    ridge_smoothing = _number(
        6.0, "Length over which heights are averaged before sails are sought; half a footprint", "m", (0.0, 100.0)
    )
    level_window = _number(2000.0, "Length of track whose most common height is level ice", "m", (100.0, 1e5))
    roughness_length = _number(100.0, "Length of track over which roughness is taken", "m", (10.0, 1e5))


class Aggregate(Stage):
    """Segments to means over lengths of track and cells of polar grids; made for whoever asks."""

    key = "aggregate"
    inputs = ("freeboard",)

    length = _number(1000.0, "Length of track of a cell along it", "m", (10.0, 1e6))
    cell = _number(25_000.0, "Edge of a cell of a polar grid", "m", (100.0, 1e6))
    least = _integer(25, "Segments of ice that a cell must hold to have a mean", "1", (1, 1_000_000))
    common_length = _number(
        10_000.0, "Track over which the error of the sea surface is one and the same", "m", (1.0, 1e6)
    )
    mode_width = _number(0.05, "Width of the interval whose fullest position is the mode", "m", (0.001, 1.0))


class Match(Stage):
    """Our segments averaged over the footprints of other measurements: airborne, buoys, radar."""

    key = "match"
    inputs = ("freeboard", "references")

    quantity = param.Selector(
        default="all",
        objects=["all", "freeboard", "elevation", "thickness"],
        doc="What to compare; all that a table has",
    )
    within = _number(100.0, "Largest distance from a measurement to the nearest segment", "m", (0.0, 100_000.0))
    hours = _number(2.0, "Largest time between a measurement and the track", "h", (0.0, 720.0))
    footprint = _number(40.0, "Diameter of a footprint where a table tells none", "m", (0.0, 100_000.0))
    footprint_length = _number(
        0.0, "Length along the heading of footprints that are no circles; with --footprint-width", "m", (0.0, 100_000.0)
    )
    footprint_width = _number(0.0, "Width across the heading of footprints that are no circles", "m", (0.0, 100_000.0))
    heading = param.Number(
        None,
        bounds=(-360.0, 360.0),
        allow_None=True,
        doc="Heading of footprints that are no circles, clockwise from north; from row to row when not given [degree]",
    )
    weights = param.Selector(
        default="uniform",
        objects=["uniform", "gaussian"],
        doc="Weight of a segment in a footprint: all alike, or falling to exp(-2) at its edge",
    )
    surface = param.Selector(
        default="all", objects=["all", "ice"], doc="Segments that count: all, or without open water"
    )
    least_segments = _integer(3, "Least segments in a footprint", "1", (1, 1_000_000))
    drift = param.Selector(
        default="none",
        objects=["none", "given", "estimated"],
        doc="Motion of the ice between the two times: none, as given, or as estimated between track and scene",
    )
    drift_east = _number(0.0, "Eastward motion of the ice, for --drift given", "m/s", (-5.0, 5.0))
    drift_north = _number(0.0, "Northward motion of the ice, for --drift given", "m/s", (-5.0, 5.0))
    snow_depth = param.Number(
        None,
        bounds=(0.0, 5.0),
        allow_None=True,
        doc="Snow depth where a table has none, to make freeboard of ice freeboard; and for thickness, where it wins "
        "over that of the stage thickness [m]",
    )
    block = _number(10_000.0, "Length of the blocks of track that intervals are drawn from", "m", (10.0, 1_000_000.0))
    draws = _integer(1000, "How often blocks are drawn for an interval", "1", (100, 100_000))
    seed = _integer(0, "Seed of the draws: equal pairs give equal intervals", "", (0, None))


class Engine(Stage):
    """Where a stage runs: in this process, or as Spark jobs. No part of what a table is made from."""

    key = "engine"

    engine = param.Selector(default="local", objects=["local", "spark"], doc="Where the work is done")
    master = param.String(
        "local[*]", doc="Spark master, such as spark://host:7077; local[N] uses N cores of this machine"
    )
    cores = _integer(0, "Most cores of the cluster to use; all of them when 0", "1", (0, 100_000))
    executor_cores = _integer(0, "Cores of one executor; all that its worker offers when 0", "1", (0, 1024))
    executor_memory = _integer(
        768,
        "Memory of one executor's Java process; each of its cores runs a Python process beside it",
        "MiB",
        (512, None),
    )
    executor_python = param.String("", doc="Python on the executors; the path of the present one when empty")

    @property
    def on_spark(self) -> bool:
        return self.engine == "spark"


STAGES: dict[str, type[Stage]] = {
    stage.key: stage for stage in (Resample, Autolabel, Snapshot, Train, Classify, Freeboard)
}
SECTIONS: dict[str, type[Stage]] = {
    **STAGES,
    **{kind.key: kind for kind in (Evaluate, Review, Compare, Match, Thickness, Shape, Aggregate, Engine)},
}
"""What may have a section in ``project.toml``: the stages that run, what pages and evaluations ask for, and where."""

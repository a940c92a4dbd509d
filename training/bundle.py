"""A trained model on disk: weights and normalisation in ``model.pt``, what people and checks read in ``model.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processing.core.features import FEATURES_VERSION, STEPS
from processing.errors import InputError, MissingError, StaleError
from processing.project import Project
from processing.schema import SCHEMA_VERSION
from training import files
from training.designs import DESIGNS, REACH
from training.inference import softmax, track_logits
from training.models import Classifier, make
from training.record import RECORD, read_record
from training.track import Track
from training.windows import Normalisation

WEIGHTS = "model.pt"


@dataclass(frozen=True)
class Trained:
    """A model ready to classify.

    Attributes
    ----------
    name : its design, such as ``lstm``. features : names of those it sees. window : length of the segments it was
    trained on [m]. temperature : divides the logits, so that probabilities mean what they say.
    """

    name: str
    model: Classifier
    normalisation: Normalisation
    features: tuple[str, ...]
    window: float
    temperature: float = 1.0

    def classify(self, track: Track, batch: int, threads: int) -> NDArray[np.float32]:
        """Class probabilities f4 (own, 3) of the segments of ``track`` to classify."""
        return softmax(track_logits(self.model, self.normalisation, track, batch, threads), self.temperature)


def save_weights(folder: Path, trained: Trained) -> None:
    """Write ``folder/model.pt``, readable without running code (``weights_only``)."""
    state = {
        "model": trained.model.state_dict(),
        "norm": vars(trained.normalisation),
        "temperature": trained.temperature,
    }
    files.save(folder / WEIGHTS, state)


def describe(trained: Trained) -> dict[str, Any]:
    """The part of ``model.json`` that ``load`` checks and rebuilds the model from."""
    seen = {"reach": REACH} if DESIGNS[trained.name].stretches else {"steps": STEPS}
    return {
        "model": trained.name,
        "schema_version": SCHEMA_VERSION,
        "features": {"version": FEATURES_VERSION, "names": list(trained.features)} | seen,
        "window": trained.window,
    }


def load(project: Project, run: str) -> Trained:
    """The model of ``run``; raises as :func:`load_folder`."""
    return load_folder(project.root / "models" / run, f"run: leadline train {project.root}")


def load_folder(folder: Path, mend: str) -> Trained:
    """The model in ``folder``.

    Raises StaleError when it was made for other features or another schema, InputError when a file is damaged or the
    weights do not fit the architecture; ``mend`` is what helps against an outdated model.
    """
    record = read_record(folder)
    _check_contract(record, folder, mend)
    names = tuple(record["features"].get("names", ()))
    try:
        state = files.load(folder / WEIGHTS)
        normalisation = Normalisation(**state["norm"])
        model = make(record["model"], inputs=normalisation.width)
        model.load_state_dict(state["model"])
        temperature = float(state["temperature"])
    except FileNotFoundError:
        raise MissingError("the model has no weights", where=folder / WEIGHTS, mend="train again") from None
    except files.DAMAGED as error:
        what = f"damaged or foreign weights ({str(error)[:100]})"
        raise InputError(what, where=folder / WEIGHTS, mend="train again") from error
    return Trained(record["model"], model, normalisation, names, float(record["window"]), temperature)


def _check_contract(record: dict[str, Any], folder: Path, mend: str) -> None:
    features = record.get("features", {})
    if not isinstance(features, dict) or not record.keys() >= {"model", "window", "fingerprint"} or not features:
        raise InputError("not a model record of leadline", where=folder / RECORD, mend=mend)
    if record.get("schema_version") != SCHEMA_VERSION:
        what = f"model was made with schema version {record.get('schema_version')}, this is {SCHEMA_VERSION}"
        raise StaleError(what, where=folder, mend=mend)
    if features.get("version") != FEATURES_VERSION:
        what = f"model was made for features version {features.get('version')}, this is {FEATURES_VERSION}"
        raise StaleError(what, where=folder, mend=mend)
    design = DESIGNS.get(record["model"])
    if design is None:
        what = f"model {record['model']!r} is none that this version knows"
        raise StaleError(what, where=folder, mend=f"classify with one of {', '.join(DESIGNS)}")
    unknown = [name for name in features.get("names", []) if name not in design.features]
    seen = ("reach", REACH) if design.stretches else ("steps", STEPS)
    if unknown or features.get(seen[0]) != seen[1]:
        what = f"model sees what this version does not give ({unknown[0] if unknown else seen[0]})"
        raise StaleError(what, where=folder, mend=mend)

"""A trained model on disk: weights and normalisation in ``model.pt``, what people and checks read in ``model.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from processing.core.features import FEATURES_VERSION, NAMES, STEPS
from processing.errors import InputError, MissingError, StaleError
from processing.io.atomic import write_text
from processing.project import Project
from processing.schema import SCHEMA_VERSION
from training import files
from training.data import Track
from training.models import Classifier, Normalisation, make, probabilities

WEIGHTS = "model.pt"
RECORD = "model.json"


@dataclass(frozen=True)
class Trained:
    """A model ready to classify.

    Attributes
    ----------
    name : architecture, ``lstm`` or ``mlp``. window : length of the segments it was trained on [m].
    """

    name: str
    model: Classifier
    normalisation: Normalisation
    window: float

    def classify(self, track: Track, batch: int, threads: int) -> NDArray[np.float32]:
        """Class probabilities f4 (N, 3) of each segment of ``track``."""
        features = self.normalisation.apply(torch.from_numpy(track.features))
        chance = probabilities(self.model, features, torch.from_numpy(track.index), batch, threads)
        return np.asarray(chance.numpy())


def save_weights(folder: Path, trained: Trained) -> None:
    """Write ``folder/model.pt``, readable without running code (``weights_only``)."""
    state = {
        "model": trained.model.state_dict(),
        "mean": trained.normalisation.mean,
        "std": trained.normalisation.std,
    }
    files.save(folder / WEIGHTS, state)


def describe(trained: Trained) -> dict[str, Any]:
    """The part of ``model.json`` that ``load`` checks and rebuilds the model from."""
    return {
        "model": trained.name,
        "schema_version": SCHEMA_VERSION,
        "features": {"version": FEATURES_VERSION, "names": list(NAMES), "steps": STEPS},
        "window": trained.window,
    }


def save_record(folder: Path, record: dict[str, Any]) -> None:
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """The content of ``model.json``; raises MissingError or InputError when it is not there or damaged."""
    file = folder / RECORD
    try:
        record = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingError("no such model", where=folder, mend="run: leadline train PROJECT") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"damaged model record ({error})", where=file, mend="train again") from None
    if not isinstance(record, dict):
        raise InputError("damaged model record (not a JSON object)", where=file, mend="train again")
    return record


def load(project: Project, run: str) -> Trained:
    """The model of ``run``.

    Raises StaleError when it was made for other features or another schema, InputError when a file is damaged or the
    weights do not fit the architecture.
    """
    folder = project.root / "models" / run
    record = read_record(folder)
    _check_contract(record, folder, f"run: leadline train {project.root}")
    model = make(record["model"])
    try:
        state = files.load(folder / WEIGHTS)
        model.load_state_dict(state["model"])
        normalisation = Normalisation(state["mean"], state["std"])
    except FileNotFoundError:
        raise MissingError("the model has no weights", where=folder / WEIGHTS, mend="train again") from None
    except files.DAMAGED as error:
        what = f"damaged or foreign weights ({str(error)[:100]})"
        raise InputError(what, where=folder / WEIGHTS, mend="train again") from error
    return Trained(record["model"], model, normalisation, float(record["window"]))


def _check_contract(record: dict[str, Any], folder: Path, mend: str) -> None:
    features = record.get("features", {})
    if not isinstance(features, dict) or not record.keys() >= {"model", "window", "fingerprint"}:
        raise InputError("not a model record of leadline", where=folder / RECORD, mend=mend)
    if record.get("schema_version") != SCHEMA_VERSION:
        what = f"model was made with schema version {record.get('schema_version')}, this is {SCHEMA_VERSION}"
        raise StaleError(what, where=folder, mend=mend)
    expected = {"version": FEATURES_VERSION, "names": list(NAMES), "steps": STEPS}
    if features != expected:
        what = f"model was made for features version {features.get('version')}, this is {FEATURES_VERSION}"
        raise StaleError(what, where=folder, mend=mend)

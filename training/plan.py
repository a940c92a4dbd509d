"""What decides the trained weights, besides the data, and the course of the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sqrt

from processing.stages import Train
from training.designs import STRETCH, chosen_features, design_of

_LEAST = 0.02
_FIRST = 0.1


@dataclass(frozen=True)
class Plan:
    """What decides the trained weights, besides the data.

    Attributes
    ----------
    features : names. batch : windows a step, or segments of stretches, over all ranks. learning_rate : of Adam at its
    highest. warmup : passes over which it rises from a tenth. falls : whether it then falls to 2 % along a cosine.
    focal : whether the loss is the focal one with the paper's weights, else cross-entropy. precision : ``float32`` or
    ``bfloat16``, on a GPU only.
    """

    model: str
    features: tuple[str, ...]
    epochs: int
    batch: int
    learning_rate: float
    warmup: float
    falls: bool
    focal: bool
    gamma: float
    dropout: float
    seed: int
    precision: str = "float32"

    @classmethod
    def of(cls, stage: Train) -> Plan:
        """The plan that ``stage`` asks for.

        The rate grows with the root of the batch over the model's own, as suits Adam (Malladi et al. 2022, arXiv
        2205.10287), and one that grew or falls is warmed up (Goyal et al. 2017, arXiv 1706.02677). Raises InputError
        on a feature that the model does not know.
        """
        design = design_of(stage.model)
        batch = stage.batch or design.batch
        larger = max(batch / design.batch, 1.0) if stage.scale_rate else 1.0
        falls = design.falls if stage.schedule == "model" else stage.schedule == "cosine"
        return cls(
            model=stage.model,
            features=chosen_features(design, stage.features),
            epochs=stage.epochs,
            batch=batch,
            learning_rate=stage.learning_rate * sqrt(larger),
            warmup=min(stage.warmup, stage.epochs / 2) if falls or larger > 1.0 else 0.0,
            falls=falls,
            focal=design.focal if stage.loss == "model" else stage.loss == "focal",
            gamma=stage.focal_gamma,
            dropout=design.dropout if stage.dropout is None else stage.dropout,
            seed=stage.seed,
            precision=stage.precision,
        )

    @property
    def stretches(self) -> bool:
        return design_of(self.model).stretches

    @property
    def rows(self) -> int:
        """Windows, or whole stretches, a step."""
        return max(1, round(self.batch / STRETCH)) if self.stretches else self.batch

    def rate(self, passes: float) -> float:
        """The learning rate after so many ``passes`` over the data, whole ones and a part."""
        if passes < self.warmup:
            return self.learning_rate * (_FIRST + (1.0 - _FIRST) * passes / self.warmup)
        if not self.falls:
            return self.learning_rate
        done = min((passes - self.warmup) / max(self.epochs - self.warmup, 1e-9), 1.0)
        return self.learning_rate * (_LEAST + (1.0 - _LEAST) * 0.5 * (1.0 + cos(pi * done)))

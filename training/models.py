"""The models: the paper's two classifiers of a window of five segments, and ``context`` of a stretch.

The paper's architectures: Iqrah et al. 2025 (arXiv 2502.02700). Initial weights as Keras draws them, because that is
what the paper trained: Glorot uniform, orthogonal recurrent kernel, zero biases but one for the forget gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from processing.core.features import PAPER_NAMES, STEPS
from training.context import ContextClassifier
from training.designs import design_of

CLASSES = 3
FEATURES = len(PAPER_NAMES)
LSTM_UNITS = 16
LSTM_DENSE = (32, 96, 32, 16, 112, 48, 64)
MLP_DENSE = (32,)


class EluLSTM(nn.Module):
    """LSTM whose candidate and output pass through ELU instead of tanh, as Keras' ``LSTM(units, activation='elu')``.

    The gates' rows stand in the order input, forget, output, candidate, so that one sigmoid serves the first three.
    Windows run along the last axis inside: each gate is then one piece of memory, which is several times faster than
    slices of rows of 64.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units = units
        self.kernel = nn.Parameter(torch.zeros(4 * units, inputs))
        self.recurrent = nn.Parameter(torch.zeros(4 * units, units))
        self.bias = nn.Parameter(torch.zeros(4 * units, 1))

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.xavier_uniform_(self.kernel, generator=generator)
        nn.init.orthogonal_(self.recurrent, generator=generator)
        with torch.no_grad():
            self.bias.zero_()
            self.bias[self.units : 2 * self.units] = 1.0

    def forward(self, steps: Tensor) -> Tensor:
        """``steps`` (T, inputs, B) to the last output (units, B)."""
        cell, output = self._step(torch.addmm(self.bias, self.kernel, steps[0]), None)
        for step in steps[1:]:
            gates = torch.addmm(torch.addmm(self.bias, self.kernel, step), self.recurrent, output)  # (4 units, B)
            cell, output = self._step(gates, cell)
        return output

    def _step(self, gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
        units = self.units
        take, keep, show = torch.sigmoid(gates[: 3 * units]).split(units)
        fresh = take * functional.elu(gates[3 * units :])
        cell = fresh if cell is None else torch.addcmul(fresh, keep, cell)
        return cell, show * functional.elu(cell)


class LSTMClassifier(nn.Module):
    """LSTM 16 (ELU), dropout, dense 32, 96, 32, 16, 112, 48, 64 (ELU), three logits: 19 475 parameters."""

    drops = LSTM_UNITS

    def __init__(self, inputs: int = FEATURES) -> None:
        super().__init__()
        self.recurrent = EluLSTM(inputs, LSTM_UNITS)
        self.dense = dense((LSTM_UNITS, *LSTM_DENSE, CLASSES), nn.ELU)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """``steps`` (5, B, 6), dropout ``mask`` (B, 16) or None, to logits (B, 3)."""
        output = self.recurrent(steps.transpose(1, 2)).T
        return self.dense(output if mask is None else output * mask)


class MLPClassifier(nn.Module):
    """The window laid flat (30 values), dense 32 (ReLU), three logits: 1091 parameters. The paper's has no dropout."""

    drops = 0

    def __init__(self, inputs: int = FEATURES) -> None:
        super().__init__()
        self.dense = dense((STEPS * inputs, *MLP_DENSE, CLASSES), nn.ReLU)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """``steps`` (5, B, 6) to logits (B, 3); ``mask`` is not used."""
        return self.dense(steps.transpose(0, 1).flatten(1))


Classifier = LSTMClassifier | MLPClassifier | ContextClassifier
MODELS: Mapping[str, type[Classifier]] = MappingProxyType(
    {"lstm": LSTMClassifier, "mlp": MLPClassifier, "context": ContextClassifier}
)


def make(name: str, seed: int = 0, inputs: int = FEATURES) -> Classifier:
    """The model called ``name`` of ``inputs`` values a segment, its initial weights drawn from ``seed``.

    Raises InputError on an unknown name.
    """
    model = MODELS[design_of(name).name](inputs)
    generator = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, EluLSTM):
            layer.initialise(generator)
        elif isinstance(layer, nn.Linear | nn.Conv1d):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def dense(widths: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these widths with ``activation`` between them; the last gives logits."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def gather(features: Tensor, index: Tensor) -> Tensor:
    """``features`` (S, F) of the windows ``index`` (B, T) as steps (T, B, F), each step in one piece of memory."""
    return features.index_select(0, index.T.reshape(-1)).view(index.shape[1], len(index), features.shape[1])

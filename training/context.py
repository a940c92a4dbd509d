"""``context``: every segment of a stretch labelled at once, from what lies up to 256 m to either side.

Photons of one 2 m segment say little: a dark lead and dark young ice differ by a photon or two, and the footprint of
11 m blurs every edge. Dilated convolutions see the whole lead and its banks, whatever its width, at a cost that a
laptop bears: 34 k weights, each used once a segment.
"""

from __future__ import annotations

from itertools import accumulate

from torch import Tensor, nn
from torch.nn import functional

from training.designs import REACH

CHANNELS = 32
KERNEL = 5
DILATIONS = (1, 2, 4, 8, 16, 32)

_SEEN = KERNEL // 2 * (1 + list(accumulate(DILATIONS))[-1])
assert _SEEN <= REACH, "the grid places that a segment's label depends on"


class ContextClassifier(nn.Module):
    """A convolution into ``CHANNELS``, one residual dilated convolution a dilation, two pointwise layers to logits."""

    drops = CHANNELS * len(DILATIONS)

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.entry = nn.Conv1d(inputs, CHANNELS, KERNEL, padding=KERNEL // 2)
        self.body = nn.ModuleList(
            nn.Conv1d(CHANNELS, CHANNELS, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation)
            for dilation in DILATIONS
        )
        self.hidden = nn.Conv1d(CHANNELS, CHANNELS, 1)
        self.exit = nn.Conv1d(CHANNELS, 3, 1)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """``steps`` (T, B, inputs), channel dropout ``mask`` (B, drops) or None, to logits (B, T, 3)."""
        found = functional.elu(self.entry(steps.permute(1, 2, 0)))
        masks = [None] * len(self.body) if mask is None else mask.unsqueeze(2).split(CHANNELS, dim=1)
        for layer, one in zip(self.body, masks, strict=True):
            found = found + functional.elu(layer(found if one is None else found * one))
        return self.exit(functional.elu(self.hidden(found))).transpose(1, 2)

"""Losses over three classes: focal (Lin et al. 2017, arXiv 1708.02002, eq. 5) with the paper's weights, and plain."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ALPHA = (0.05, 0.45, 0.60)
"""Weights of thick ice, thin ice, open water (arXiv 2502.02700)."""


def loss_of(logits: Tensor, labels: Tensor, *, focal: bool, gamma: float) -> Tensor:
    """Sum of the loss over the labelled windows: the focal one, or plain cross-entropy.

    Parameters
    ----------
    logits : (..., 3). labels : i8 (...), 0 to 2, or -1 where there is none.
    """
    logits, labels = logits.flatten(0, -2).float(), labels.flatten()
    if focal:
        return focal_loss(logits, labels, gamma)
    return functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")


def focal_loss(logits: Tensor, labels: Tensor, gamma: float, alpha: tuple[float, ...] = ALPHA) -> Tensor:
    """Sum over the windows of ``-alpha_c (1 - p_c)^gamma ln p_c``, c the true class.

    Parameters
    ----------
    logits : (B, 3). labels : i8 (B,), 0 to 2; one of -1 counts nothing. gamma : focusing exponent; 0 gives weighted
    cross-entropy.
    """
    known = labels >= 0
    labels = labels.clamp_min(0)
    log_p = functional.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    weight = torch.tensor(alpha, dtype=logits.dtype, device=logits.device)[labels] * known
    # Certain windows would give an infinite slope where gamma < 1.
    doubt = (-torch.expm1(log_p)).clamp_min(1e-7)
    return -(weight * doubt.pow(gamma) * log_p).sum()

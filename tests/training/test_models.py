"""The paper's models: sizes, the ELU LSTM against a plain loop, focal loss by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from processing.errors import InputError
from training.context import ContextClassifier
from training.designs import REACH, chosen_features, design_of
from training.loop import dropout_mask
from training.loss import ALPHA, focal_loss, loss_of
from training.models import EluLSTM, count_parameters, gather, make


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        (
            "lstm",
            [4 * (6 * 16 + 16 * 16 + 16), 17 * 32, 33 * 96, 97 * 32, 33 * 16, 17 * 112, 113 * 48, 49 * 64, 65 * 3],
        ),
        ("mlp", [31 * 32, 33 * 3]),
        ("context", [(5 * 6 + 1) * 32, 6 * (5 * 32 + 1) * 32, 33 * 32, 33 * 3]),
    ],
)
def test_models_have_the_sizes_that_are_told(name: str, layers: list[int]) -> None:
    assert count_parameters(make(name)) == sum(layers)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def plain_lstm(layer: EluLSTM, window: np.ndarray) -> np.ndarray:
    """One window (5, 6), gate by gate, as Keras documents LSTM with activation='elu'."""
    kernel, recurrent, bias = (np.asarray(p.detach(), float) for p in (layer.kernel, layer.recurrent, layer.bias))
    cell = output = np.zeros(layer.units)
    for x in window:
        take, keep, show, fresh = np.split(kernel @ x + recurrent @ output + bias[:, 0], 4)
        cell = sigmoid(keep) * cell + sigmoid(take) * elu(fresh)
        output = sigmoid(show) * elu(cell)
    return output


def test_lstm_equals_a_plain_loop() -> None:
    layer = make("lstm", seed=3).recurrent
    steps = torch.randn(5, 6, 7, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        layer.bias += 0.1 * torch.randn(layer.bias.shape, generator=torch.Generator().manual_seed(2))
        found = layer(steps)
    for window in range(7):
        expected = plain_lstm(layer, steps[:, :, window].double().numpy())
        np.testing.assert_allclose(found[:, window], expected, rtol=1e-4, atol=1e-6)


def test_lstm_starts_as_keras_does() -> None:
    layer = make("lstm", seed=0).recurrent
    assert torch.equal(layer.bias[16:32], torch.ones(16, 1))
    assert layer.bias.sum() == 16
    torch.testing.assert_close(layer.recurrent.T @ layer.recurrent, torch.eye(16), atol=1e-5, rtol=0)
    assert layer.kernel.abs().max() <= (6 / (6 + 64)) ** 0.5


def test_focal_loss_by_hand() -> None:
    p = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8]])
    labels = torch.tensor([0, 2, 2])
    by_hand = -(0.05 * 0.3**2 * np.log(0.7) + 0.60 * 0.75**2 * np.log(0.25) + 0.60 * 0.2**2 * np.log(0.8))
    assert float(focal_loss(p.log() + 5.0, labels, 2.0)) == pytest.approx(by_hand, rel=1e-5)


def test_focal_loss_without_focus_is_weighted_cross_entropy() -> None:
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 3
    expected = functional.cross_entropy(logits, labels, weight=torch.tensor(ALPHA), reduction="sum")
    torch.testing.assert_close(focal_loss(logits, labels, 0.0), expected)


def test_focal_loss_of_a_certain_window_has_a_finite_slope() -> None:
    logits = torch.tensor([[100.0, 0.0, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0]), 0.5).backward()
    assert torch.isfinite(logits.grad).all()


def test_gather_lays_steps_before_windows() -> None:
    features = torch.arange(12.0).reshape(6, 2)
    index = torch.tensor([[0, 1, 2], [3, 4, 5]], dtype=torch.int32)
    assert gather(features, index)[:, 1].tolist() == features[3:].tolist()


def test_dropout_keeps_the_mean() -> None:
    mask = dropout_mask(20_000, 16, 0.2, torch.Generator().manual_seed(0))
    assert set(mask.unique().tolist()) == {0.0, 1.25}
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.01)
    assert dropout_mask(5, 16, 0.0, torch.Generator()) is None


def test_a_label_that_is_absent_counts_nothing() -> None:
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, -1, 2, 1], [-1, -1, 1, 0]])
    known = labels >= 0
    for focal in (True, False):
        whole = loss_of(logits, labels, focal=focal, gamma=2.0)
        torch.testing.assert_close(whole, loss_of(logits[known], labels[known], focal=focal, gamma=2.0))


def test_context_sees_as_far_as_its_reach_and_no_farther() -> None:
    model = ContextClassifier(2).eval()
    steps = torch.zeros(4 * REACH + 1, 1, 2, requires_grad=True)
    model(steps)[0, 2 * REACH].sum().backward()
    felt = steps.grad.abs().sum(dim=(1, 2)).nonzero().squeeze(1)
    assert 2 * REACH - REACH <= int(felt.min()) < int(felt.max()) <= 3 * REACH


def test_features_are_chosen_by_name() -> None:
    design = design_of("context")
    assert chosen_features(design, "") == design.features
    assert chosen_features(design, "height_std, height_above_low") == ("height_above_low", "height_std")
    with pytest.raises(InputError, match="model mlp knows no feature 'photon_count'; those it knows: height_above_low"):
        chosen_features(design_of("mlp"), "photon_count")


def test_unknown_model_is_named() -> None:
    with pytest.raises(InputError, match="unknown model 'gru'"):
        make("gru")

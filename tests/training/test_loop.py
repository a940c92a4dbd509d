"""The loop learns, repeats itself, resumes exactly, and takes the same steps on two ranks as on one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from processing.errors import InputError
from training import loop
from training.data import Windows
from training.distributed import Alone
from training.loop import Plan, fit
from training.models import Classifier, gather

PLAN = Plan(model="lstm", epochs=3, batch=64, learning_rate=0.003, gamma=2.0, dropout=0.2, seed=7)


def toy(count: int = 600, seed: int = 0) -> Windows:
    """Three classes that lie apart in two of the six features."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    features = 0.5 * torch.randn(count, 6, generator=generator)
    features[:, 0] += 2.0 * (labels == 0) - 2.0 * (labels == 2)
    features[:, 3] += 1.5 * (labels == 1)
    index = torch.arange(count, dtype=torch.int32)[:, None].expand(count, 5).contiguous()
    return Windows(features, index, labels)


def weights(model: Classifier) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def quiet(_: Classifier) -> dict[str, float | None]:
    return {}


def run(folder: Path, plan: Plan = PLAN, data: Windows | None = None) -> Classifier:
    return fit(data or toy(), plan, Alone(), folder, quiet, lambda _: None)


@pytest.mark.parametrize(("name", "epochs"), [("lstm", 12), ("mlp", 30)])
def test_a_separable_toy_is_learned(tmp_path: Path, name: str, epochs: int) -> None:
    data = toy(1200)
    model = run(tmp_path, replace(PLAN, model=name, epochs=epochs, batch=32), data).eval()
    unseen = toy(600, seed=1)
    with torch.no_grad():
        right = model(gather(unseen.features, unseen.index)).argmax(dim=1) == unseen.labels
    assert float(right.float().mean()) > 0.9
    losses = [json.loads(line)["loss"] for line in (tmp_path / loop.METRICS).read_text().splitlines()]
    assert losses[-1] < 0.5 * losses[0]


def test_same_seed_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(run(tmp_path / "c", replace(PLAN, seed=8))))


def test_resumed_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818 (stands for Ctrl-C)
        pass

    def stop_in_second_epoch(count: int) -> None:
        seen.append(count)
        if sum(seen) > 1.5 * 600:
            raise Stopped

    seen: list[int] = []
    with pytest.raises(Stopped):
        fit(toy(), PLAN, Alone(), tmp_path / "resumed", quiet, stop_in_second_epoch)
    assert loop.epochs_done(tmp_path / "resumed") == 1
    assert torch.equal(weights(run(tmp_path / "resumed")), weights(run(tmp_path / "whole")))
    assert loop.epochs_done(tmp_path / "resumed") == PLAN.epochs
    assert torch.equal(weights(loop.restore(PLAN, tmp_path / "resumed")), weights(run(tmp_path / "whole")))


def test_a_loss_that_is_not_finite_is_told(tmp_path: Path) -> None:
    data = toy(100)
    data.features[3] = torch.nan
    with pytest.raises(InputError, match="the loss is nan after epoch 1; lower --learning-rate"):
        run(tmp_path, data=data)
    assert loop.epochs_done(tmp_path) == 0


class OneOf:
    """A rank whose peers' share is known beforehand: their gradients are replayed."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.sent: list[torch.Tensor] = []

    def average(self, tensor: torch.Tensor) -> torch.Tensor:
        self.sent.append(tensor.clone())
        return tensor

    def broadcast(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor


@pytest.mark.parametrize("count", [65, 1])
def test_shards_of_a_batch_make_the_batch_even_when_unequal_or_empty(tmp_path: Path, count: int) -> None:
    data, plan = toy(count), replace(PLAN, epochs=1, batch=65)
    gradients = []
    for ranks in (OneOf(0, 2), OneOf(1, 2)):
        fit(data, plan, ranks, tmp_path / str(ranks.rank), quiet, lambda _: None)
        gradients.append(ranks.sent[0])
    model, optimizer = loop.make("lstm", plan.seed), Recorder()
    loop.train_epoch(model, optimizer, data, plan, 0, Alone(), lambda _: None)
    whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    torch.testing.assert_close((gradients[0] + gradients[1]) / 2, whole, atol=1e-7, rtol=1e-5)


def test_ranks_without_a_window_of_the_last_batch_send_as_often_as_the_others(tmp_path: Path) -> None:
    ranks = [OneOf(rank, 2) for rank in range(2)]
    for one in ranks:
        fit(toy(65), replace(PLAN, epochs=1), one, tmp_path / str(one.rank), quiet, lambda _: None)
    assert [len(one.sent) for one in ranks] == [3, 3]
    assert not ranks[1].sent[1].any()


def test_a_damaged_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    run(tmp_path, replace(PLAN, epochs=1), toy(64))
    file = tmp_path / loop.CHECKPOINT
    content = file.read_bytes()
    torch.save({"model": {}}, tmp_path / "foreign.pt")
    for damage in (content[:500], b"", b"not a checkpoint", (tmp_path / "foreign.pt").read_bytes()):
        file.write_bytes(damage)
        for call in (lambda: run(tmp_path), lambda: loop.restore(replace(PLAN, epochs=1), tmp_path)):
            with pytest.raises(InputError, match=f"foreign checkpoint .*; remove {tmp_path} and train again"):
                call()


class Recorder:
    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        pass

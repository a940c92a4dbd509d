"""The loop learns, repeats itself, resumes exactly, and takes the same steps on two ranks as on one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from processing.core.features import PAPER_NAMES
from processing.errors import InputError
from processing.stages import Train
from training import loop
from training.designs import STRETCH
from training.distributed import Alone
from training.loop import fit
from training.models import Classifier, gather
from training.plan import Plan
from training.windows import Windows

PLAN = replace(Plan.of(Train(model="lstm", epochs=3, batch=64, seed=7)), learning_rate=0.003)
CONTEXT = replace(Plan.of(Train(model="context", epochs=3, batch=2 * STRETCH, seed=7)), features=PAPER_NAMES)


class Given:
    """Examples that are the same windows each time."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self.labelled = windows.labelled
        self.order = "as given"

    def to(self, device: torch.device) -> Given:
        return Given(self._windows.to(device))

    def parts(self, _: torch.Generator) -> Iterator[Windows]:
        yield self._windows


def toy(count: int = 600, seed: int = 0) -> Windows:
    """Three classes that lie apart in two of the six features."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    features = 0.5 * torch.randn(count, 6, generator=generator)
    features[:, 0] += 2.0 * (labels == 0) - 2.0 * (labels == 2)
    features[:, 3] += 1.5 * (labels == 1)
    index = torch.arange(count, dtype=torch.int32)[:, None].expand(count, 5).contiguous()
    return Windows(features, index, labels)


def stretched(count: int, seed: int = 0) -> Windows:
    """Stretches of runs of one class each, with unlabelled segments between."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count, STRETCH // 32), generator=generator).repeat_interleave(32, dim=1)
    features = torch.randn(count * STRETCH, 6, generator=generator)
    features[:, 0] += 0.5 * labels.flatten()
    index = torch.arange(count * STRETCH, dtype=torch.int32).view(count, STRETCH)
    labels[torch.rand(labels.shape, generator=generator) < 0.2] = -1
    return Windows(features, index, labels)


def weights(model: Classifier) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def quiet(_: Classifier) -> dict[str, float | None]:
    return {}


def run(folder: Path, plan: Plan = PLAN, data: Windows | None = None) -> Classifier:
    return fit(Given(data or toy()), 6, plan, Alone(), folder, quiet, lambda _: None)


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
        fit(Given(toy()), 6, PLAN, Alone(), tmp_path / "resumed", quiet, stop_in_second_epoch)
    assert loop.epochs_done(tmp_path / "resumed") == 1
    assert torch.equal(weights(run(tmp_path / "resumed")), weights(run(tmp_path / "whole")))
    assert loop.epochs_done(tmp_path / "resumed") == PLAN.epochs
    assert torch.equal(weights(loop.restore(PLAN, 6, tmp_path / "resumed")), weights(run(tmp_path / "whole")))


def test_a_loss_that_is_not_finite_is_told(tmp_path: Path) -> None:
    data = toy(100)
    data.features[3] = torch.nan
    with pytest.raises(InputError, match="the loss is nan after epoch 1; lower --learning-rate"):
        run(tmp_path, data=data)
    assert loop.epochs_done(tmp_path) == 0


@pytest.mark.parametrize(("plan", "data"), [(PLAN, toy()), (CONTEXT, stretched(9))], ids=["lstm", "context"])
def test_training_stopped_within_an_epoch_goes_on_from_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan, data: Windows
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    whole = run(tmp_path / "whole", plan, data)
    told: list[int] = []

    def stop(count: int) -> None:
        told.append(count)
        if sum(told) > 1.6 * data.labelled:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Given(data), 6, plan, Alone(), tmp_path / "resumed", quiet, stop)
    trained: list[int] = []
    resumed = fit(Given(data), 6, plan, Alone(), tmp_path / "resumed", quiet, trained.append)
    assert sum(trained) == 3 * data.labelled
    assert torch.equal(weights(resumed), weights(whole))
    last = [json.loads((tmp_path / name / loop.METRICS).read_text().splitlines()[-1]) for name in ("whole", "resumed")]
    assert last[0]["loss"] == pytest.approx(last[1]["loss"], rel=1e-12)


def test_stretches_are_learned_beyond_what_single_segments_tell(tmp_path: Path) -> None:
    model = run(tmp_path, replace(CONTEXT, epochs=15), stretched(40)).eval()
    unseen = stretched(10, seed=1)
    with torch.no_grad():
        guess = model(gather(unseen.features, unseen.index)).argmax(dim=2)
    known = unseen.labels >= 0
    assert float((guess == unseen.labels)[known].float().mean()) > 0.75


def test_the_rate_rises_and_falls_as_planned() -> None:
    paper = Plan.of(Train(model="lstm"))
    assert {paper.rate(0.1 * step) for step in range(200)} == {0.003}
    grown = Plan.of(Train(model="lstm", batch=4 * paper.batch))
    assert grown.rate(0.0) == pytest.approx(0.0006)
    assert grown.rate(1.0) == grown.rate(19.0) == pytest.approx(0.006)
    assert Plan.of(Train(model="lstm", batch=4 * paper.batch, scale_rate=False)).learning_rate == 0.003
    context = Plan.of(Train(model="context"))
    assert context.rate(1.0) == pytest.approx(0.003)
    assert context.rate(20.0) == pytest.approx(0.00006)
    assert all(context.rate(at / 10) > context.rate(at / 10 + 0.1) for at in range(10, 200))


class OneOf:
    """A rank whose peers' share is known beforehand: their gradients are replayed."""

    local_rank, local_size = 0, 1

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.sent: list[torch.Tensor] = []

    def average(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def begin_average(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        self.sent.append(tensor.clone())
        return lambda: tensor

    def broadcast(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor


def sent(data: Windows, plan: Plan, rank: int, size: int, folder: Path) -> list[torch.Tensor]:
    """What one rank of ``size`` sends to the others in an epoch."""
    ranks = OneOf(rank, size)
    fit(Given(data), 6, replace(plan, epochs=1), ranks, folder / f"{rank}-{size}", quiet, lambda _: None)
    return ranks.sent


@pytest.mark.parametrize(
    ("plan", "data"),
    [
        (replace(PLAN, batch=65), toy(65)),
        (replace(PLAN, batch=65), toy(1)),
        (replace(CONTEXT, batch=9999), stretched(3)),
    ],
    ids=["uneven", "empty", "stretches"],
)
def test_shares_of_a_batch_make_the_batch_even_when_uneven_or_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan, data: Windows
) -> None:
    halves = [sent(data, plan, rank, 2, tmp_path)[0] for rank in range(2)]
    model = loop.make(plan.model, plan.seed)
    work = loop.Fitting(plan, Alone(), model, Recorder(), torch.device("cpu"), tmp_path, lambda _: None)
    loop.train_epoch(work, Given(data), 0)
    whole = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    torch.testing.assert_close((halves[0] + halves[1]) / 2, whole, atol=1e-7, rtol=1e-5)


def test_ranks_without_a_window_of_the_last_batch_send_as_often_as_the_others(tmp_path: Path) -> None:
    first, second = (sent(toy(65), PLAN, rank, 2, tmp_path) for rank in range(2))
    assert [len(first), len(second)] == [2, 2]
    assert not second[1].any()


def test_a_damaged_or_foreign_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    run(tmp_path, replace(PLAN, epochs=1), toy(64))
    file = tmp_path / loop.CHECKPOINT
    content = file.read_bytes()
    torch.save({"model": {}}, tmp_path / "foreign.pt")
    for damage in (content[:500], b"", b"not a checkpoint", (tmp_path / "foreign.pt").read_bytes()):
        file.write_bytes(damage)
        for call in (lambda: run(tmp_path), lambda: loop.restore(replace(PLAN, epochs=1), 6, tmp_path)):
            with pytest.raises(InputError, match=f"foreign checkpoint .*; remove {tmp_path} and train again"):
                call()
    file.write_bytes(content)
    with pytest.raises(InputError, match="of another plan"):
        run(tmp_path, replace(PLAN, seed=8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize(("plan", "data"), [(PLAN, toy()), (CONTEXT, stretched(9))], ids=["lstm", "context"])
def test_a_gpu_takes_the_steps_of_the_processor(tmp_path: Path, plan: Plan, data: Windows) -> None:
    here = run(tmp_path / "cpu", plan, data)
    there = fit(Given(data), 6, plan, Alone(), tmp_path / "gpu", quiet, lambda _: None, torch.device("cuda"))
    torch.testing.assert_close(weights(there), weights(here), atol=2e-3, rtol=0)


class Recorder:
    param_groups: tuple[dict, ...] = ()

    def zero_grad(self) -> None:
        pass

    def step(self) -> None:
        pass

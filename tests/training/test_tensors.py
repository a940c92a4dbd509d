"""A snapshot as arrays, windows and stretches: made once, whole or by shards, and blind to labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from processing.core.features import segment_features, window_index
from processing.errors import InputError, MissingError
from processing.io import tables
from processing.local.snapshot import snapshot
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL, SEGMENT
from processing.stages import Snapshot, Train
from training import loop, windows
from training import tensors as stored
from training.designs import REACH, STRETCH, design_of
from training.distributed import Alone
from training.inference import logits_of, softmax, track_logits
from training.models import gather, make
from training.plan import Plan
from training.source import find_source
from training.splits import Role
from training.tensors import Tensors, tensors
from training.track import Track, grid_places, read_track
from training.windows import Normalisation, Windows, examples

LSTM, CONTEXT = design_of("lstm"), design_of("context")


def made(project: Project) -> Tensors:
    return tensors(project, find_source(project, ""))


def thinned(project: Project) -> None:
    """Take every seventh segment, and a long stretch, out of each track, labels and all."""
    for granule, beam in project.tracks("segments"):
        paths = [project.table_path(kind, granule, beam) for kind in ("segments", "autolabels")]
        count = tables.count_rows(paths[0])
        kept = np.flatnonzero((np.arange(count) % 7 != 3) & ~((np.arange(count) > 400) & (np.arange(count) < 700)))
        stamp = Stamp("resample", {"window": 2.0}, {"granule": f"{granule} thinned"})
        stamps = (stamp, Stamp("autolabel", {}, {"segments": stamp.fingerprint}))
        for path, schema, one in zip(paths, (SEGMENT, LABEL), stamps, strict=True):
            tables.write(path, schema, tables.read(path, schema).take(kept), one)
    snapshot(project, Snapshot())


def test_arrays_are_those_of_the_tables_made_once(make_project) -> None:
    project = make_project(count=600)
    data = made(project)
    assert [(track.granule, track.stop - track.start) for track in data.tracks] == [("A", 600), ("B", 600)]
    for track in data.tracks:
        table = tables.read(project.table_path("segments", track.granule, track.beam), SEGMENT)
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "time"}
        np.testing.assert_array_equal(data.features[track.here], segment_features(columns))
        np.testing.assert_array_equal(data.segment[track.here], columns["segment"])
        np.testing.assert_array_equal(data.x_atc[track.here], columns["x_atc"])
    before = {file: file.stat().st_mtime_ns for file in data.folder.iterdir()}
    assert made(project).folder == data.folder
    assert {file: file.stat().st_mtime_ns for file in data.folder.iterdir()} == before


def test_no_label_anywhere_changes_a_feature(make_project, relabel) -> None:
    project = make_project(count=600)
    first = made(project)
    features = first.features.copy()
    relabel(project, lambda _, label: np.random.default_rng(1).permutation(label))
    second = made(project)
    assert second.folder != first.folder
    assert not np.array_equal(second.label, first.label)
    np.testing.assert_array_equal(second.features, features)


def test_arrays_of_old_snapshots_go(make_project, relabel) -> None:
    project = make_project(count=300)
    folders = []
    for shift in range(stored.KEPT + 2):
        relabel(project, lambda _, label, shift=shift: (label + shift) % 3)
        folders.append(made(project).folder)
    assert [folder.exists() for folder in folders] == [False] * 2 + [True] * stored.KEPT


def test_arrays_of_which_a_part_is_gone_are_made_again(make_project) -> None:
    project = make_project(count=300)
    data = made(project)
    (data.folder / "features.npy").unlink()
    assert len(made(project)) == 600


def test_damaged_arrays_are_told(make_project) -> None:
    data = made(make_project(count=300))
    (data.folder / "label.npy").write_bytes((data.folder / "label.npy").read_bytes()[:-7])
    with pytest.raises(InputError, match="damaged arrays"):
        stored.opened(data.folder)
    (data.folder / "label.npy").unlink()
    with pytest.raises(MissingError, match="the arrays to learn from are gone"):
        stored.opened(data.folder)


def roles(data: Tensors) -> np.ndarray:
    role = np.full(len(data), Role.LEARN, np.uint8)
    role[::5] = Role.TEST
    return role


def parts(data: Tensors, design, memory: int, seed: int = 0) -> list[Windows]:
    role = roles(data)
    norm = Normalisation.learn(data.features[role == Role.LEARN], design.features, design)
    found = examples(data, role, Role.LEARN, norm, memory)
    assert found.labelled == (role == Role.LEARN).sum()
    return list(found.parts(torch.Generator().manual_seed(seed)))


def test_normalisation_is_x_minus_mean_over_std_and_marks_what_is_there() -> None:
    features = np.zeros((2, 9), np.float32)
    features[:, 0], features[:, 1] = (1.0, 3.0), 5.0
    learned = Normalisation.learn(features, ("height_above_low", "height_std"), CONTEXT)
    expected = [[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    torch.testing.assert_close(learned.apply(features), torch.tensor(expected))
    far = features + 100.0
    assert float(learned.apply(far)[0, 0]) == CONTEXT.limit
    bare = Normalisation.learn(features, ("height_above_low",), LSTM).apply(far)
    assert bare[:, 0].tolist() == [99.0, 101.0, 0.0]


def test_windows_of_five_are_those_of_the_track(make_project) -> None:
    project = make_project(count=900)
    thinned(project)
    data = made(project)
    (found,) = parts(data, LSTM, 1 << 30)
    index = np.concatenate([window_index(data.segment[track.here]) + track.start for track in data.tracks])
    learned = roles(data) == Role.LEARN
    np.testing.assert_array_equal(found.index.numpy(), index[learned])
    np.testing.assert_array_equal(found.labels.numpy(), data.label[learned])


@pytest.mark.parametrize("memory", [1 << 30, 1], ids=["whole", "shards"])
def test_stretches_hold_each_label_once_at_its_place(make_project, monkeypatch, memory: int) -> None:
    monkeypatch.setattr(windows, "SHARD", 350)
    project = make_project(count=1500)
    thinned(project)
    data = made(project)
    learned = roles(data) == Role.LEARN
    told: Counter[tuple[float, ...]] = Counter()
    for part in parts(data, CONTEXT, memory):
        assert part.index.shape[1] == STRETCH
        rows = part.features[part.index.long()]
        assert (part.labels[rows[..., -1] == 0] == -1).all()
        known = part.labels >= 0
        told.update(map(tuple, torch.cat([rows[known][:, :-1], part.labels[known][:, None]], dim=1).tolist()))
    norm = Normalisation.learn(data.features[learned], CONTEXT.features, CONTEXT)
    wanted = torch.cat(
        [norm.apply(data.features[learned])[:-1, :-1], torch.from_numpy(data.label[learned])[:, None]], 1
    )
    assert told == Counter(map(tuple, wanted.tolist()))


def test_stretches_lie_elsewhere_each_time(make_project) -> None:
    data = made(make_project(count=1500))
    first, again, other = (parts(data, CONTEXT, 1 << 30, seed)[0].index for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_shards_hold_the_windows_of_the_whole_in_another_order(make_project, monkeypatch) -> None:
    monkeypatch.setattr(windows, "SHARD", 100)
    project = make_project(count=900)
    thinned(project)
    data = made(project)

    def contents(found: list[Windows]) -> list[tuple[float, ...]]:
        seen = [
            torch.cat([gather(p.features, p.index).transpose(0, 1).flatten(1), p.labels[:, None]], 1) for p in found
        ]
        return [tuple(row) for row in torch.cat(seen).tolist()]

    whole, shards, others = (
        contents(parts(data, LSTM, memory, seed)) for memory, seed in ((1 << 30, 0), (1, 0), (1, 1))
    )
    assert sorted(shards) == sorted(whole)
    assert shards != whole
    assert others != shards


@pytest.mark.parametrize("name", ["lstm", "context"])
@pytest.mark.parametrize("memory", [1 << 30, 1], ids=["whole", "shards"])
def test_a_stop_within_an_epoch_changes_nothing(make_project, monkeypatch, tmp_path, name: str, memory: int) -> None:
    monkeypatch.setattr(windows, "SHARD", 400)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    data = made(make_project(count=1500))
    design, plan = design_of(name), replace(Plan.of(Train(model=name)), epochs=2, batch=1024)
    role = roles(data)
    norm = Normalisation.learn(data.features, design.features, design, role == Role.LEARN)

    def trained(folder: str, stop: float = 9.0) -> list[torch.Tensor]:
        told: list[int] = []

        def advance(count: int) -> None:
            told.append(count)
            if sum(told) > stop * found.labelled:
                raise KeyboardInterrupt

        found = examples(data, role, Role.LEARN, norm, memory)
        model = loop.fit(found, norm.width, plan, Alone(), tmp_path / folder, lambda _: {}, advance)
        return [parameter.detach() for parameter in model.parameters()]

    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("stopped", stop=1.5)
    for mine, other in zip(trained("stopped"), whole, strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("name", ["mlp", "lstm", "context"])
def test_classes_do_not_depend_on_batch_threads_or_what_part_is_asked_for(make_project, name: str) -> None:
    project = make_project(count=1500)
    thinned(project)
    data, design = made(project), design_of(name)
    norm = Normalisation.learn(data.features, design.features, design)
    model = make(name, 1, norm.width)
    track = read_track(project.table_path("segments", "A", "gt1l"), "")
    whole = track_logits(model, norm, track, 10_000, 1)
    assert whole.shape == (len(track.segment), 3)
    np.testing.assert_allclose(softmax(whole).sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(track_logits(model, norm, track, 64, 3), whole, atol=2e-5)
    some = track.part(slice(128, 500))
    by_batch = track_logits(model, norm, track, 64, 1)
    np.testing.assert_array_equal(track_logits(model, norm, some, 64, 1), by_batch[128:500])
    wanted = np.zeros(len(data), bool)
    wanted[::11] = True
    mine = slice(data.tracks[0].start, data.tracks[0].stop)
    found = logits_of(model, norm, data, wanted, 2)[: wanted[mine].sum()]
    np.testing.assert_allclose(found, whole[wanted[mine]], atol=2e-5)


def test_context_needs_no_more_of_a_track_than_its_reach() -> None:
    rng = np.random.default_rng(0)
    segment = np.cumsum(rng.choice([1, 2, REACH + 40, 5000], 3000, p=[0.9, 0.09, 0.005, 0.005]))
    features = rng.standard_normal((3000, 9)).astype(np.float32)

    def seen(rows: slice, own: slice) -> Track:
        here = segment[rows]
        return Track(here, here * 2.0, features[rows], window_index(here), grid_places(here), own)

    norm = Normalisation.learn(features, CONTEXT.features, CONTEXT)
    model = make("context", 2, norm.width)
    whole = track_logits(model, norm, seen(slice(0, 3000), slice(0, 3000)), 100, 1)
    near = slice(*np.searchsorted(segment, (segment[1000] - REACH - 1, segment[1499] + REACH + 2)))
    part = seen(near, slice(1000 - near.start, 1500 - near.start))
    np.testing.assert_array_equal(track_logits(model, norm, part, 100, 1), whole[1000:1500])


def test_places_close_long_gaps() -> None:
    assert grid_places(np.array([7, 8, 10, 5000, 5001])).tolist() == [0, 1, 3, 3 + REACH + 1, 3 + REACH + 2]
    assert grid_places(np.array([], np.int64)).tolist() == []

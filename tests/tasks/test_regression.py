"""Regression by pixel: loss and metrics against definitions written out, and what a void does."""

import math

import numpy as np
import pytest
import torch

from datasets.formats import Label
from datasets.formats.value_maps import ValueMap
from tasks import TASKS
from tasks.regression import Regression
from tasks.taskonomy import LogDepth
from utils.errors import DataError
from utils.geometry import Crop, Warp

SIZE = (6, 8)
NAMES = [name for name, task in TASKS.items() if issubclass(task, Regression)]
ALL = torch.ones(4, dtype=torch.bool)


def random_batch(task, seed=0, images=4):
    """Predictions, targets as files hold them, and the same batched; a fifth has no value."""
    rng = np.random.default_rng(seed)
    targets = []
    for _ in range(images):
        target = rng.uniform(-1, 1, (*SIZE, task.channels)).astype(np.float32)
        target[rng.random(SIZE) < 0.2] = np.nan
        targets.append(target[..., 0] if task.channels == 1 else target)
    batch = task.collate(targets)
    noise = torch.from_numpy(rng.normal(0, 0.2, batch.shape)).float()
    return batch.nan_to_num(0.5) + noise, targets, batch


def pixels(prediction, targets, channels):
    """(N, C) the errors of all pixels with a value, one after the other."""
    errors = []
    for image, target in zip(prediction.numpy(), targets, strict=True):
        for y, x in np.ndindex(SIZE):
            truth = np.reshape(target[y, x], channels)
            if not np.isnan(truth).any():
                errors.append(image[:, y, x] - truth)
    return np.array(errors, np.float64)


def test_the_ten_types_are_tasks_of_their_names():
    assert sorted(NAMES) == [
        "depth_euclidean", "depth_zbuffer", "edge_occlusion", "edge_texture", "keypoints2d",
        "keypoints3d", "principal_curvature", "reshading", "segment_unsup25d", "segment_unsup2d",
    ]  # fmt: skip
    channels = {name: TASKS[name]().head.channels for name in NAMES}
    assert {name: n for name, n in channels.items() if n != 1} == {
        "principal_curvature": 2,
        "reshading": 3,
    }


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_metrics_are_those_of_the_pixels_with_a_value(name):
    task = TASKS[name]()
    prediction, targets, batch = random_batch(task)
    errors = pixels(prediction, targets, task.channels)
    loss = np.square(errors) if name == "principal_curvature" else np.abs(errors)
    total, count = task.criterion(prediction, batch, ALL)
    assert count == len(errors)
    assert total.item() / count.item() == pytest.approx(loss.mean(), rel=1e-5)
    meter = task.meter()
    for k in range(4):
        meter.update(prediction[k : k + 1], batch[k : k + 1], ALL[:1])
    metrics = meter.compute().metrics
    right = np.abs(errors).max(axis=1) < task.tolerance
    expected = {
        "within": right.mean(),
        "l1": np.abs(errors).mean(),
        "rmse": math.sqrt(np.square(errors).mean()),
        "mse": np.square(errors).mean(),
    }
    assert 0.01 < expected["within"] < 0.99
    assert metrics == pytest.approx({m: expected[m] for m in metrics}, rel=1e-5)
    assert ("mse" in metrics) == (name == "principal_curvature")


@pytest.mark.parametrize("name", ["edge_texture", "principal_curvature"])
def test_no_gradient_is_lost_to_what_has_no_value(name):
    task = TASKS[name]()
    prediction, _, batch = random_batch(task)
    total, _ = task.criterion(prediction.requires_grad_(), batch, ALL)
    [gradient] = torch.autograd.grad(total, prediction)
    known = batch.isfinite()
    assert gradient.isfinite().all()
    assert (gradient != 0).equal(known)


def test_a_pixel_counts_where_all_of_its_channels_have_a_value():
    task = TASKS["principal_curvature"]()
    target = np.zeros((*SIZE, 2), np.float32)
    target[0, 0, 1] = np.nan
    target[1, 1] = np.inf
    batch = task.collate([target])
    assert task.criterion(torch.zeros(1, 2, *SIZE), batch, ALL[:1])[1] == 6 * 8 - 2
    target[:] = np.nan
    assert not task.usable(target)
    target[3, 3] = 0.5
    assert task.usable(target)


@pytest.mark.parametrize("name", ["keypoints2d", "principal_curvature"])
def test_the_constant_is_the_best_there_is(name):
    task = TASKS[name]()
    _, targets, batch = random_batch(task)
    targets = [target.repeat(2, axis=0).repeat(2, axis=1) for target in targets]
    best = task.constant(targets)

    def loss(value):
        return task.criterion(value.view(1, -1, 1, 1).expand_as(batch), batch, ALL)[0].item()

    others = [
        best + step * torch.eye(len(best))[k] for k in range(len(best)) for step in (0.1, -0.1)
    ]
    assert all(loss(best) <= loss(other) for other in others)


def test_values_are_warped_linearly_and_what_touches_a_void_is_void():
    task = TASKS["keypoints3d"]()
    target = np.arange(64, dtype=np.float32).reshape(8, 8)
    halved = task.warp(target, Warp.resize((8, 8), (4, 4)))
    np.testing.assert_allclose(halved, target.reshape(4, 2, 4, 2).mean(axis=(1, 3)))
    target[0, 0] = np.nan
    halved = task.warp(target, Warp.resize((8, 8), (4, 4)))
    assert np.isnan(halved).sum() == 1
    assert np.isnan(halved[0, 0])


class TestLogDepth:
    def test_a_zoom_brings_the_scene_closer(self):
        task = TASKS["depth_zbuffer"]()
        metres = np.linspace(0.5, 20, 64, dtype=np.float32).reshape(8, 8)

        def coded(depth):
            return np.log(1 + 512 * depth) / math.log(2**16)

        whole = (slice(0, 8), slice(0, 8))
        warp = Warp.of_crop(Crop(whole, whole), (8, 8), zoom=1.6)
        np.testing.assert_allclose(task.warp(coded(metres), warp), coded(metres / 1.6), rtol=1e-5)

    def test_what_is_within_is_within_a_factor_of_a_quarter(self):
        task = LogDepth()
        depth = 3.0
        for factor, right in ((1.24, 1), (1.26, 0), (1 / 1.24, 1), (1 / 1.26, 0)):
            truth, guess = (
                math.log1p(512 * metres) / math.log(2**16) for metres in (depth, factor * depth)
            )
            meter = task.meter()
            target = torch.full((1, 1, *SIZE), truth)
            meter.update(torch.full_like(target, guess), target, ALL[:1])
            assert meter.compute().metrics["within"] == right


class TestPictures:
    def test_low_is_dark_high_is_bright_and_a_void_is_black(self):
        task = TASKS["edge_texture"]()
        picture = task.draw(None, np.array([[-1, 1, np.nan, 5, -np.inf]], np.float32))
        low, high, void, beyond, infinite = picture[0].astype(int)
        assert high.sum() > low.sum() > 0
        np.testing.assert_array_equal(beyond, high)
        assert not void.any()
        assert not infinite.any()

    def test_channels_are_colours(self):
        grey = np.array([[[-1, -1, -1], [1, 1, 1], [1, -1, 0]]], np.float32)
        picture = TASKS["reshading"]().draw(None, grey)
        assert picture[0].tolist() == [[0, 0, 0], [255, 255, 255], [255, 0, 128]]
        two = TASKS["principal_curvature"]().draw(None, np.array([[[4, -4]]], np.float32))
        assert two[0].tolist() == [[255, 0, 0]]

    @pytest.mark.parametrize("name", NAMES)
    def test_the_legend_names_both_ends(self, name):
        task = TASKS[name]()
        scale = task.legend(np.zeros(SIZE))
        assert [scale.ticks[0], scale.ticks[-1]] == [
            (share, f"{end:g}") for share, end in zip((0, 1), task.range, strict=True)
        ]
        assert scale.colours.shape == (256, 3)


class TestStatistics:
    @pytest.fixture
    def add(self, tmp_path):
        np.save(tmp_path / "a.npy", np.zeros(SIZE, np.float32))
        label = Label(ValueMap(), (tmp_path / "a.npy",))

        def add(*targets, name="edge_texture"):
            statistics = TASKS[name]().label_statistics()
            for target in targets:
                statistics.add(label, np.asarray(target, np.float32), SIZE)
            return statistics

        return add

    def test_what_the_labels_hold(self, add):
        values = np.linspace(-1, 1, 48).reshape(SIZE)
        values[0, :4] = np.nan, 3, -2, 1
        counted = add(values).result()
        known = values[np.isfinite(values)]
        assert counted["lowest"] == known.min()
        assert counted["highest"] == known.max()
        assert counted["median"] == pytest.approx(np.median(known), abs=0.03)
        assert counted["without_value"] == 1 / 48
        assert counted["beyond_range"] == 2 / 47

    def test_parts_merge_to_the_whole(self, add):
        maps = [np.random.default_rng(k).normal(size=SIZE) for k in range(4)]
        parts = add(*maps[:1])
        parts.merge(add(*maps[1:]))
        assert parts.result() == add(*maps).result()

    def test_numbers_that_are_no_such_values_are_noted(self, add):
        [note] = add(np.full(SIZE, 200.0)).notes()
        assert note.startswith("most values lie beyond -1 to 1: ")
        assert add(np.full(SIZE, 0.5)).notes() == []
        assert add(np.full(SIZE, np.nan)).lines() == ["no pixel has a value"]


def test_a_label_of_other_channels_is_told():
    task = TASKS["edge_texture"]()
    with pytest.raises(DataError, match="edge_texture has 1 channel, and a label has 3"):
        task.warp(np.zeros((8, 8, 3), np.float32), Warp.resize((8, 8), (8, 8)))

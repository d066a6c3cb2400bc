"""What every task promises, whatever it is."""

import numpy as np
import pytest
import torch

from tasks import TASKS
from tasks.base import BoxHead
from utils.geometry import Crop, Warp

CLASSES = ("background", "cup", "plate")
SIZE = (48, 64)

pytestmark = pytest.mark.parametrize("name", sorted(TASKS))


def make(name):
    return TASKS[name](CLASSES if TASKS[name].has_classes else ())


def target(name, seed=0):
    """A target of an image with something to learn from."""
    rng = np.random.default_rng(seed)
    if name == "detection":
        return np.array([[8, 8, 40, 40, rng.integers(3), 0]], np.float32)
    if name == "segmentation":
        return rng.integers(0, 3, SIZE).astype(np.uint8)
    if name == "depth":
        return rng.uniform(1, 5, SIZE).astype(np.float32)
    vectors = rng.normal(size=(*SIZE, 3))
    return (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32)


def prediction(task, images, seed=0):
    """An output of the task's head, from a real network."""
    from tests.building import make_network

    torch.manual_seed(seed)
    net = make_network("VMM", "mobilenet_v2", {task.name: task.head}, SIZE).eval()
    with torch.no_grad():
        return net(torch.randn(images, 3, *SIZE))[task.name]


def test_it_says_what_it_is(name):
    task = make(name)
    assert task.name == task.task_type == name
    assert task.accuracy in task.metrics
    assert set(task.selection) <= set(task.metrics)
    assert TASKS[name](CLASSES, "NYU").name == f"{name}:NYU"


def test_a_target_of_no_label_teaches_nothing_and_has_the_shape_of_others(name):
    task = make(name)
    empty, full = task.unlabelled_target(SIZE), task.warp(target(name), Warp.resize(SIZE, SIZE))
    assert empty.dtype == full.dtype
    assert empty.shape[1:] == full.shape[1:]
    assert task.usable(full)
    if not isinstance(task.head, BoxHead):  # a picture without objects shows the background
        assert not task.usable(empty)
        total, count = task.criterion(
            prediction(task, 1), task.collate([empty]), torch.ones(1, dtype=torch.bool)
        )
        assert (total.item(), count.item()) == (0, 0)


def test_what_a_crop_leaves_outside_is_that_of_no_label(name):
    task = make(name)
    crop = Crop((slice(0, 48), slice(0, 64)), (slice(0, 24), slice(0, 32)))
    warped = task.warp(target(name), Warp.of_crop(crop, SIZE))
    if isinstance(task.head, BoxHead):
        assert (warped[:, [2, 3]] <= [32, 24]).all()
    else:
        np.testing.assert_array_equal(warped[24:], task.unlabelled_target(SIZE)[24:])
        assert task.usable(warped)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_packed_target_warps_as_the_target_itself(name, mirrored):
    task = make(name)
    whole = (slice(0, 48), slice(0, 64))
    warp = Warp.of_crop(Crop(whole, whole, mirrored), SIZE)
    packed = task.warp(task.pack(target(name)), warp)
    np.testing.assert_allclose(packed, task.warp(target(name), warp), atol=2e-3)
    np.testing.assert_array_equal(target(name), target(name))


def test_the_criterion_of_parts_adds_up_to_that_of_the_whole(name):
    task, images = make(name), 3
    targets = task.collate([target(name, seed) for seed in range(images)])
    predicted = prediction(task, images)
    flags = torch.eye(images, dtype=torch.bool)
    parts = [task.criterion(predicted, targets, labelled) for labelled in flags]
    whole = task.criterion(predicted, targets, flags.any(0))
    for k in (0, 1):
        torch.testing.assert_close(sum(part[k] for part in parts), whole[k], rtol=1e-4, atol=1e-4)
    nothing = task.criterion(predicted, targets, torch.zeros(images, dtype=torch.bool))
    assert nothing[1].item() == 0


def test_meters_of_parts_merge_to_the_meter_of_the_whole(name):
    task, images = make(name), 3
    targets = task.collate([target(name, seed) for seed in range(images)])
    predicted, everything = prediction(task, images), torch.ones(images, dtype=torch.bool)
    whole, merged = task.meter(), task.meter()
    whole.update(predicted, targets, everything)
    for labelled in torch.eye(images, dtype=torch.bool):
        part = task.meter()
        part.update(predicted, targets, labelled)
        merged.merge(part)
    assert merged.compute().metrics == pytest.approx(whole.compute().metrics, nan_ok=True)
    assert merged.compute().per_class == pytest.approx(whole.compute().per_class)
    empty = task.meter().compute().metrics
    assert set(empty) == set(task.metrics)
    assert all(np.isnan(value) for value in empty.values())


def test_a_trivial_prediction_is_none_or_measurable(name):
    task = make(name)
    assert task.constant([]) is None
    constant = task.constant([target(name, seed) for seed in range(3)])
    if constant is not None:
        assert constant.shape == (task.head.channels,)


def test_predictions_decode_to_pictures_targets_and_plain_tensors(name):
    task = make(name)
    predicted = prediction(task, 2)
    decoded = task.decode(predicted)
    assert len(decoded) == 2
    picture = task.draw(np.zeros((*SIZE, 3), np.uint8), decoded[0])
    assert (picture.shape, picture.dtype) == ((*SIZE, 3), np.uint8)
    pseudo = task.collate(task.pseudo_targets(predicted))
    total, _ = task.criterion(predicted, pseudo, torch.ones(2, dtype=torch.bool))
    assert total.isfinite()
    for output, tensor in task.export(predicted).items():
        assert output.startswith(name)
        assert tensor.shape[0] == 2

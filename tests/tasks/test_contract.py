"""What every task promises: those that come along, and one that the test defines."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from tasks import TASKS
from tasks.base import BoxHead, BoxPrediction, DenseHead, Measurement, Meter, Task, select_labelled
from tests.building import make_network
from tests.labels import keep_registered
from utils.geometry import Crop, Warp

CLASSES = ("background", "cup", "plate")
SIZE = (48, 64)

with keep_registered():

    class Height(Task):
        """Target: (H, W) float32 metres, NaN where there is no height. It has nothing but what it
        must have."""

        task_type = "height"
        accuracy = "close"
        metrics = {"close": 1}
        selection = ("close",)

        @property
        def head(self):
            return DenseHead(1)

        def unlabelled_target(self, size):
            return np.full(size, np.nan, np.float32)

        def usable(self, target):
            return bool(np.isfinite(target).any())

        def warp(self, target, warp):
            return warp.nearest(target, np.nan)

        def criterion(self, prediction, target, labelled):
            target = select_labelled(target, labelled)
            valid = target.isfinite()
            error = (select_labelled(prediction, labelled)[:, 0] - target).square()
            total = torch.where(valid, error, 0.0).sum()
            return total, valid.sum().to(total)

        def meter(self):
            return Close()

        def decode(self, prediction):
            return list(prediction[:, 0].float().cpu().numpy())

        def draw(self, image, target):
            return image


class Close(Meter):
    def __init__(self):
        self.sums = torch.zeros(2)

    def update(self, prediction, target, labelled):
        truth = select_labelled(target, labelled)
        close = (select_labelled(prediction, labelled)[:, 0] - truth).abs() < 1
        self.sums += torch.stack([close.sum(), truth.isfinite().sum()])

    def merge(self, other):
        self.sums += other.sums

    def compute(self):
        return Measurement({"close": (self.sums[0] / self.sums[1]).item()})


TASK_CLASSES = {**TASKS, "height": Height}
pytestmark = pytest.mark.parametrize("name", sorted(TASK_CLASSES))


def make(name):
    return TASK_CLASSES[name](CLASSES if TASK_CLASSES[name].has_classes else ())


def make_target(name, seed=0):
    """A target of an image with something to learn from."""
    rng = np.random.default_rng(seed)
    if name == "detection":
        return np.array([[8, 8, 40, 40, rng.integers(3), 0]], np.float32)
    if name in ("segmentation", "human_parts"):
        return rng.integers(0, 3, SIZE).astype(np.uint8)
    if name in ("edge", "saliency"):
        return rng.integers(0, 2, SIZE).astype(np.uint8)
    if name == "normal":
        vectors = rng.normal(size=(*SIZE, 3))
        return (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32)
    if name == "instance":
        return rng.normal(0, 20, (*SIZE, 2)).astype(np.float32)
    channels = getattr(TASK_CLASSES[name], "channels", 1)
    values = rng.uniform(1, 5, (*SIZE, channels)).astype(np.float32)
    return values[..., 0] if channels == 1 else values


def predict(task, images, seed=0, dtype=torch.float32):
    """An output of the task's head, from a real network."""
    torch.manual_seed(seed)
    net = make_network("VMM", "mobilenet_v2", {task.name: task.head}, SIZE).eval().to(dtype)
    with torch.no_grad():
        return net(torch.randn(images, 3, *SIZE))[task.name]


def tensors(prediction):
    """The tensors of a prediction that have a row an image."""
    if isinstance(prediction, BoxPrediction):
        return [prediction.logits, prediction.offsets]
    return [prediction]


def cut(prediction, images):
    """The prediction for some of the images."""
    parts = [tensor[images] for tensor in tensors(prediction)]
    if isinstance(prediction, BoxPrediction):
        return prediction._replace(logits=parts[0], offsets=parts[1])
    return parts[0]


def test_it_says_what_it_is(name):
    task = make(name)
    assert task.name == task.task_type == name
    assert task.accuracy in task.metrics
    assert {*task.selection, *task.paper_metrics, *task.protocol_metrics} <= set(task.metrics)
    assert set(task.metrics.values()) <= {1, -1}
    assert TASK_CLASSES[name](CLASSES, "NYU").name == f"{name}:NYU"


def test_a_target_of_no_label_teaches_nothing_and_has_the_shape_of_others(name):
    task = make(name)
    empty = task.unlabelled_target(SIZE)
    full = task.warp(make_target(name), Warp.resize(SIZE, SIZE))
    assert empty.dtype == full.dtype
    assert empty.shape[1:] == full.shape[1:]
    assert task.usable(full)
    if not isinstance(task.head, BoxHead):  # a picture without objects shows the background
        assert not task.usable(empty)
        total, count = task.criterion(
            predict(task, 1), task.collate([empty]), torch.ones(1, dtype=torch.bool)
        )
        assert not any((*total.flatten(), *count.flatten()))


def test_what_a_crop_leaves_outside_is_that_of_no_label(name):
    task = make(name)
    crop = Crop((slice(0, 48), slice(0, 64)), (slice(0, 24), slice(0, 32)))
    warped = task.warp(make_target(name), Warp.of_crop(crop, SIZE))
    if isinstance(task.head, BoxHead):
        assert (warped[:, [2, 3]] <= [32, 24]).all()
    else:
        np.testing.assert_array_equal(warped[24:], task.unlabelled_target(SIZE)[24:])
        assert task.usable(warped)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_packed_target_warps_as_the_target_itself(name, mirrored):
    task, target = make(name), make_target(name)
    whole = (slice(0, 48), slice(0, 64))
    warp = Warp.of_crop(Crop(whole, whole, mirrored), SIZE)
    packed = task.pack(target)
    assert packed.nbytes <= target.nbytes
    np.testing.assert_allclose(task.warp(packed, warp), task.warp(target, warp), atol=2e-3)
    np.testing.assert_array_equal(target, make_target(name), "a target is not written to")


def test_the_criterion_of_parts_adds_up_to_that_of_the_whole(name):
    task, images = make(name), 3
    targets = task.collate([make_target(name, seed) for seed in range(images)])
    prediction = predict(task, images)
    flags = torch.eye(images, dtype=torch.bool)
    parts = [task.criterion(prediction, targets, labelled) for labelled in flags]
    whole = task.criterion(prediction, targets, flags.any(0))
    for k in (0, 1):
        assert whole[k].shape == (() if task.sums == 1 else (task.sums,))
        torch.testing.assert_close(sum(part[k] for part in parts), whole[k], rtol=1e-4, atol=1e-4)
    total, count = task.criterion(prediction, targets, torch.zeros(images, dtype=torch.bool))
    assert not any((*total.flatten(), *count.flatten())), "no image is labelled"


@pytest.mark.parametrize("seed", range(2))
def test_the_criterion_of_shares_adds_up_to_that_of_the_whole_with_its_gradients(name, seed):
    """Shares as of several processes: uneven ones, some without an image or a label."""
    task, images, rng = make(name), 6, np.random.default_rng(seed)
    labelled = torch.tensor(rng.permutation([True, True, True, False, False, False]))
    targets = [make_target(name, seed) for seed in range(images)]
    prediction = predict(task, images, seed, torch.float64)
    leaves = [tensor.requires_grad_() for tensor in tensors(prediction)]

    def criterion(part):
        total, count = task.criterion(
            cut(prediction, part), task.collate(targets)[part], labelled[part]
        )
        assert total.dtype == torch.float64
        return total, count, torch.autograd.grad(total.sum(), leaves)

    total, count, gradients = criterion(slice(0, images))
    assert min(*total.flatten(), *count.flatten()) > 0
    assert all(gradient.any() for gradient in gradients)
    edges = [0, 0, *sorted(rng.integers(0, images + 1, 3)), images]
    parts = [criterion(slice(*pair)) for pair in pairwise(edges)]
    assert not any(value.any() for value in parts[0][:2]), "of no images"
    torch.testing.assert_close(sum(part[1] for part in parts), count, rtol=0, atol=0)
    torch.testing.assert_close(sum(part[0] for part in parts), total, rtol=1e-10, atol=0)
    for *shares, whole in zip(*(part[2] for part in parts), gradients, strict=True):
        torch.testing.assert_close(sum(shares), whole, rtol=1e-10, atol=1e-12)


def test_a_share_without_a_label_is_differentiated_as_any_other(name):
    """It reaches all of the prediction, with zeros."""
    task = make(name)
    prediction = predict(task, 2)
    leaves = [tensor.requires_grad_() for tensor in tensors(prediction)]
    targets = task.collate([make_target(name, seed) for seed in range(2)])
    total, count = task.criterion(prediction, targets, torch.zeros(2, dtype=torch.bool))
    assert not any((*total.flatten(), *count.flatten()))
    gradients = torch.autograd.grad(task.loss(total, count), leaves)
    for gradient, leaf in zip(gradients, leaves, strict=True):
        assert gradient.shape == leaf.shape
        assert not gradient.any()


def test_an_image_that_is_not_labelled_changes_neither_loss_nor_metrics(name):
    """Nor does it matter what its target is."""
    task = make(name)
    labelled = torch.tensor([True, False])
    first, second = make_target(name), make_target(name, seed=1)
    prediction = predict(task, 2)
    losses, measurements = [], []
    for other in (second, task.unlabelled_target(SIZE)):
        targets = task.collate([first, other])
        losses.append(task.loss(*task.criterion(prediction, targets, labelled)))
        meter = task.meter()
        meter.update(prediction, targets, labelled)
        measurements.append(meter.compute())
    assert losses[0] == losses[1]
    assert measurements[0].metrics == pytest.approx(measurements[1].metrics, nan_ok=True)


def test_meters_of_parts_merge_to_the_meter_of_the_whole(name):
    task, images = make(name), 3
    targets = task.collate([make_target(name, seed) for seed in range(images)])
    prediction, everything = predict(task, images), torch.ones(images, dtype=torch.bool)
    whole, merged = task.meter(), task.meter()
    whole.update(prediction, targets, everything)
    for labelled in torch.eye(images, dtype=torch.bool):
        part = task.meter()
        part.update(prediction, targets, labelled)
        merged.merge(part)
    assert merged.compute().metrics == pytest.approx(whole.compute().metrics, nan_ok=True)
    assert merged.compute().per_class == pytest.approx(whole.compute().per_class)
    assert set(whole.compute().per_class) == set() or task.has_classes
    empty = task.meter().compute().metrics
    assert set(empty) == set(task.metrics)
    assert all(np.isnan(value) for value in empty.values())


def test_a_trivial_prediction_is_none_or_is_that_of_the_head(name):
    task = make(name)
    assert task.constant([]) is None
    constant = task.constant([make_target(name, seed) for seed in range(3)])
    if name in ("detection", "height"):
        assert constant is None
    else:
        assert (constant.shape, constant.dtype) == ((task.head.channels,), torch.float32)


def test_predictions_decode_to_pictures_targets_and_plain_tensors(name):
    task = make(name)
    prediction = predict(task, 2)
    decoded = task.decode(prediction)
    assert len(decoded) == 2
    picture = task.draw(np.zeros((*SIZE, 3), np.uint8), decoded[0])
    assert (picture.shape, picture.dtype) == ((*SIZE, 3), np.uint8)
    pseudo = task.pseudo_targets(prediction)
    for target in pseudo:
        assert target.shape[1:] == make_target(name).shape[1:]
        assert task.warp(target, Warp.resize(SIZE, SIZE)).dtype == target.dtype
    total, _ = task.criterion(prediction, task.collate(pseudo), torch.ones(2, dtype=torch.bool))
    assert total.isfinite().all()
    sure, unsure = (task.pseudo_targets(prediction, threshold) for threshold in (0.0, 1.0))
    if task.has_confidence:
        assert all(target is not None and task.usable(target) for target in sure)
        assert not any(target is not None and task.usable(target) for target in unsure)
    else:
        for target, expected in zip(unsure, pseudo, strict=True):
            np.testing.assert_array_equal(target, expected)
    exported = task.export(prediction)
    assert all(output.startswith(name) for output in exported)
    assert all(tensor.shape[0] == 2 for tensor in exported.values())


def test_statistics_of_no_labels_say_so(name):
    statistics = make(name).label_statistics()
    assert statistics.result()["counted"] == 0
    assert statistics.notes() == statistics.warnings == []
    assert all(isinstance(line, str) for line in statistics.lines())


def test_predictions_are_decoded_at_the_size_of_each_image(name):
    task, image = make(name), np.zeros((30, 41, 3), np.uint8)
    shown = torch.tensor([[0, 0, 60, 48], [0, 0, 64, 40]])
    small, large = task.decode_at(predict(task, 2), shown, [(30, 41), (100, 130)])
    picture = task.draw(image, task.confident(small))
    assert (picture.shape, picture.dtype) == (image.shape, np.uint8)
    task.legend(task.confident(small))
    if isinstance(task.head, BoxHead):
        assert (large[:, 2:4] <= (130, 100)).all()
        assert large[:, 2:4].max() > 64
    else:
        assert small.shape[:2] == (30, 41)
        assert large.shape[:2] == (100, 130)

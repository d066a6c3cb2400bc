"""Single-task networks that label what their tasks have no label for."""

from dataclasses import replace

import pytest
import torch

from datasets.cache import open_cache
from datasets.merge import MultiTaskDataset
from engine.runs.data import build_data
from engine.training.missing import TeacherLabels
from engine.training.pseudo_labels import Labelling, make_pseudo_labels
from engine.training.task_losses import TaskLosses
from models import Network
from tests.engine.training.tiny import (
    assert_same,
    make_batch,
    make_losses,
    make_network,
    make_tasks,
    on_ranks,
    part_of,
)
from tests.running import CPU
from utils.errors import DataError
from utils.ranks import ALONE

THREE = ("segmentation", "depth", "normal")
MISSING = [False, True, True, False]


class Killed(Exception):
    """The process is no more."""


@pytest.fixture
def setting(make_config, make_teachers, partial, tmp_path):
    """A cfg on boxes and depth, and how its images are labelled: below `runs`, by untrained
    networks."""
    text = partial.replace("seg det", "seg").replace("timm/test_resnet", "timm/test_efficientnet")
    text = text.replace("VMM", "DeepLab\nchannels = 8")

    def make(*options, threshold=0.0, runs="runs", skip=False):
        config = make_config(text, *options)
        data = build_data(config)
        paths = make_teachers(config, data.tasks)
        rule = TeacherLabels(missing_threshold=threshold)
        cache = open_cache("disk", tmp_path / runs)
        return data, Labelling(rule, paths, cache, CPU, lambda batches: 0, skip)

    return make


@pytest.fixture
def passes(monkeypatch):
    """The numbers of images of all forward passes; after `passes.most` of them one is killed."""
    forward = Network.forward

    class Passes(list):
        most = 1000

    counted = Passes()

    def count(network, images):
        if len(counted) >= counted.most:
            raise Killed
        counted.append(len(images))
        return forward(network, images)

    monkeypatch.setattr(Network, "forward", count)
    return counted


def label(data, labelling, ranks=ALONE):
    return make_pseudo_labels(data.train, labelling, ranks, lambda line: None)


def labels_of(data):
    """Every pseudo-label, by task and image."""
    return {
        (task.name, data.train.entries[i].image): data.train.pseudo_labels.read(
            task, data.train.entries[i].image
        )
        for task in data.tasks
        for i in data.train.missing_for(task)
    }


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, target in ours.items():
        assert (target is None) == (theirs[key] is None)
        assert target is None or (target == theirs[key]).all()


def test_every_image_without_a_label_is_labelled_once_and_by_two_processes_as_by_one(
    setting, passes
):
    data, labelling = setting("--aspect", "keep", "--size", "64", "64")
    counts = label(data, labelling)
    missing = {task.name: len(data.train.missing_for(task)) for task in data.tasks}
    assert counts == {name: number for name, number in missing.items() if number}
    assert sum(passes) == sum(missing.values())
    alone = labels_of(data)
    assert {target.shape[:2] for target in alone.values()} == {(48, 64)}, "that of the image"

    made = len(passes)
    assert label(data, labelling) == counts
    assert len(passes) == made, "they are kept"
    assert data.val.pseudo_labels is data.test.pseudo_labels is None

    data, labelling = setting("--aspect", "keep", "--size", "64", "64", runs="two")
    assert on_ranks(lambda ranks: label(data, labelling, ranks)) == [counts, counts]
    assert_equal(labels_of(data), alone)


def test_killed_midway_it_goes_on_with_the_same_labels(setting, passes):
    data, labelling = setting()
    label(data, labelling)
    whole, number = labels_of(data), len(passes)
    data, labelling = setting(runs="killed")
    passes.clear()
    passes.most = number - 2
    with pytest.raises(Killed):
        label(data, labelling)
    passes.most = 1000
    label(data, labelling)
    assert len(passes) == number, "what was made is not made again"
    assert_equal(labels_of(data), whole)


def test_a_network_that_was_trained_anew_labels_anew(setting, passes):
    data, labelling = setting()
    label(data, labelling)
    made = len(passes)
    [at] = [k for k, task in enumerate(data.tasks) if task.name == "depth"]
    path = labelling.checkpoints["depth"]
    state = torch.load(path, weights_only=True)
    state["network"] = {name: value * 1.01 for name, value in state["network"].items()}
    torch.save(state, path)
    label(data, labelling)
    assert sum(passes[made:]) == len(data.train.missing_for(data.tasks[at]))


def test_the_threshold_is_heeded_where_there_is_a_confidence(setting, passes):
    data, labelling = setting()
    counts = label(data, labelling)
    assert counts["segmentation"] > 0
    made = len(passes)
    data, labelling = setting(threshold=1.0)
    assert label(data, labelling) == {**counts, "segmentation": 0}
    assert sum(passes[made:]) == counts["segmentation"], "depth is as it was"


def test_an_image_that_cannot_be_read_is_named_on_every_process(setting):
    data, labelling = setting()
    missing = data.train.missing_for(data.tasks[0])
    broken = data.train.entries[missing[-1]].image
    splits = [
        replace(split, samples=[replace(s, image=gone(s.image, broken)) for s in split.samples])
        for split in data.train.splits
    ]
    data.train = MultiTaskDataset(splits, data.tasks, data.train.size)
    with pytest.raises(DataError, match=r"gone\.jpg: the file is missing"):
        label(data, labelling)


def gone(image, broken):
    return image.with_name("gone.jpg") if image == broken else image


# --- what they count ---


def batch_of(tasks, weight_of_pseudo=True, masks=MISSING):
    """A batch, of which some images are labelled by teachers or not at all."""
    batch = make_batch(tasks, {task.name: [not missing for missing in masks] for task in tasks})
    if weight_of_pseudo:
        batch.pseudo_labelled = {task.name: torch.tensor(masks) for task in tasks}
    return batch


def losses_of(batch, tasks, network, weight, ranks=ALONE):
    plain = make_losses(network, tasks)
    losses = TaskLosses(network, tasks, plain.precision, ranks, 0, weight)
    return losses.on(batch, 1)


def test_a_pseudo_label_of_weight_1_counts_as_a_label():
    tasks = make_tasks(*THREE)
    network = make_network(tasks)
    expected = make_losses(network, tasks).on(make_batch(tasks), 1)[1]()
    assert_same(losses_of(batch_of(tasks), tasks, network, 1.0)[1](), expected)


def test_the_loss_is_the_weighted_mean():
    tasks = make_tasks(*THREE)
    network, batch = make_network(tasks), batch_of(tasks)
    result = losses_of(batch, tasks, network, 0.25)[1]()
    prediction = network(batch.images.permute(0, 3, 1, 2).float() / 255)
    for task in tasks:
        target, labelled = batch.targets[task.name], batch.labelled[task.name]
        total, count = task.criterion(prediction[task.name], target, labelled)
        pseudo, pseudo_count = task.criterion(prediction[task.name], target, ~labelled)
        expected = (total + 0.25 * pseudo) / (count + 0.25 * pseudo_count)
        torch.testing.assert_close(result[task.name], expected)


def test_of_weight_0_they_change_no_gradient():
    tasks = make_tasks(*THREE)
    gradients = []
    for pseudo in (True, False):
        network = make_network(tasks)
        sum(losses_of(batch_of(tasks, pseudo), tasks, network, 0.0)[1]().values()).backward()
        gradients.append({name: p.grad for name, p in network.named_parameters()})
    assert_same(*gradients, rtol=0, atol=0)


def test_a_task_without_a_label_in_the_batch_learns_from_them():
    tasks = make_tasks("segmentation", "depth")
    batch = batch_of(tasks, masks=[True] * 4)
    batch.pseudo_labelled["segmentation"][:] = False
    active, loss = losses_of(batch, tasks, make_network(tasks), 0.5)
    assert active == {"depth"}
    assert loss()["depth"] > 0


def test_classes_that_the_dataset_of_the_image_does_not_label_are_learnt_as_any():
    """The network that labels it knows them all."""
    tasks = make_tasks("segmentation")
    network, batch = make_network(tasks), batch_of(tasks, masks=[True] * 4)
    expected = losses_of(batch, tasks, network, 1.0)[1]()
    batch.class_maps = {"segmentation": torch.full((4, 3), -2)}
    assert_same(losses_of(batch, tasks, network, 1.0)[1](), expected)


def test_two_processes_have_the_losses_of_one():
    tasks = make_tasks(*THREE)
    batch, network = batch_of(tasks), make_network(tasks)
    expected = losses_of(batch, tasks, network, 0.5)[1]()

    def work(ranks):
        images = slice(0, 2) if ranks.rank else slice(2, 4)
        losses = losses_of(part_of(batch, images), tasks, make_network(tasks), 0.5, ranks)[1]()
        return {name: loss.detach() for name, loss in losses.items()}

    for losses in on_ranks(work):
        assert_same(losses, {name: loss.detach() for name, loss in expected.items()})


def test_a_batch_in_parts_has_their_counts():
    tasks = make_tasks(*THREE)
    batch, network = batch_of(tasks), make_network(tasks)
    losses = TaskLosses(network, tasks, make_losses(network, tasks).precision, ALONE, 0, 0.5)
    parts = [part_of(batch, slice(0, 1)), part_of(batch, slice(1, 4))]
    counts = sum(losses.counts(part, set(THREE)) for part in parts)
    whole, added = losses.on(batch, 1)[1](), {}
    place = next(losses.places(1, range(4), 4))
    for part in parts:
        for name, loss in losses.on_part(part, set(THREE), counts)(place).items():
            added[name] = added.get(name, 0) + loss
    assert_same(added, whole)

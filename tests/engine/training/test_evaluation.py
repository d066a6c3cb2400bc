"""Evaluations: of networks, over processes, and of predictions that do not look at the image."""

import math

import numpy as np
import pytest
import torch

from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from engine.training.evaluation import Evaluation, evaluate, evaluate_constants
from engine.training.precision import Precision
from tasks.depth import Depth
from tasks.edge import Edge
from tests.engine.training.tiny import make_batch, make_network, make_tasks, on_ranks, part_of
from tests.labels import read_split, tasks_of
from tests.running import CPU
from utils.ranks import Ranks

FLOAT32 = Precision(CPU, False)


class Batches:
    """A loader of batches."""

    def __init__(self, *batches):
        self.batches = batches

    def epoch(self):
        return iter(self.batches)


def test_every_task_is_measured_on_the_images_labelled_for_it():
    tasks = make_tasks()
    network = make_network(tasks).train()
    batch = make_batch(tasks, {"depth": [True, True, False, True], "normal": [False] * 4})
    evaluation = evaluate(network, tasks, Batches(batch), FLOAT32, Ranks())
    assert network.training, "as it was"
    with torch.no_grad():
        images = batch.images.float().permute(0, 3, 1, 2) / 255
        predicted = network(images)["depth"][:, 0]
    predicted = predicted.clamp(1e-3, tasks[1].max_depth)
    used = batch.labelled["depth"]
    error = (predicted - batch.targets["depth"])[used].square().mean().sqrt()
    assert evaluation.metrics["depth"]["rmse"] == pytest.approx(error.item(), rel=1e-4)
    assert set(evaluation.per_class["segmentation"]) == set(tasks[0].classes)
    assert all(math.isnan(value) for value in evaluation.metrics["normal"].values())


@pytest.mark.parametrize("names", [("segmentation", "depth", "normal"), ("edge", "saliency")])
@pytest.mark.parametrize("is_test", [False, True])
def test_two_processes_measure_what_one_does(names, is_test):
    """In the second round of a test as well, for which each has its own images alone."""
    tasks = make_tasks(*names)
    batches = [make_batch(tasks, {"depth": [False, True, False, False]}, seed=s) for s in (0, 1)]
    network = make_network(tasks)
    whole = evaluate(network, tasks, Batches(*batches), FLOAT32, Ranks(), is_test)

    def work(ranks):
        images = slice(0, 1) if ranks.rank else slice(1, 4)
        parts = Batches(*(part_of(batch, images) for batch in batches))
        return evaluate(make_network(tasks), tasks, parts, FLOAT32, ranks, is_test)

    for result in on_ranks(work):
        for task in tasks:
            for name in ("metrics", "per_class"):
                measured, expected = (getattr(r, name)[task.name] for r in (result, whole))
                assert measured == pytest.approx(expected, rel=1e-5)


def test_a_test_pairs_as_many_pixels_of_edges_as_it_can():
    tasks = [Edge(edge_tolerance=0.05)]
    batch, draw = make_batch(tasks), torch.Generator().manual_seed(0)
    batch.targets["edge"] = torch.zeros(4, 30, 40, dtype=torch.uint8)
    batch.targets["edge"][:, 5::6, ::2] = 1
    batch.images = torch.randint(0, 256, (4, 30, 40, 3), generator=draw, dtype=torch.uint8)
    validated, tested = (
        evaluate(make_network(tasks), tasks, Batches(batch), FLOAT32, is_test=is_test)
        for is_test in (False, True)
    )
    assert tested.metrics["edge"]["odsF"] > validated.metrics["edge"]["odsF"]
    assert tested.metrics["edge"]["loss"] == validated.metrics["edge"]["loss"]


def test_metrics_are_computed_once():
    computed = []

    class Counted(Depth):
        def meter(self):
            meter = super().meter()
            compute = meter.compute
            meter.compute = lambda: computed.append(1) or compute()
            return meter

    tasks = [Counted()]
    evaluate(make_network(tasks), tasks, Batches(make_batch(tasks)), FLOAT32, Ranks())
    assert computed == [1]


def test_a_task_that_cannot_be_measured_is_left_out_of_the_selection():
    tasks = make_tasks("segmentation", "depth")
    segmentation = {"mIoU": 0.25}
    nothing = dict.fromkeys(tasks[1].metrics, math.nan)
    partly = Evaluation({"segmentation": segmentation, "depth": nothing}, {})
    alone = Evaluation({"segmentation": segmentation}, {})
    assert partly.selection_score(tasks) == alone.selection_score(tasks[:1]) > 0
    assert math.isnan(partly.scores(tasks)["depth"])
    assert Evaluation({"depth": nothing}, {}).selection_score(tasks[1:]) == 0
    full = Evaluation({"segmentation": segmentation, "depth": {"d1": 0.5, "rmse": 2.0}}, {})
    assert full.selection_score(tasks) == pytest.approx(math.sqrt(0.25 * 0.5))


def data_of(name, task_types, scenes_root, split):
    splits = [read_split(name, scenes_root, split)]
    return MultiTaskDataset(splits, tasks_of(task_types, splits), (48, 64))


def test_constants_are_learnt_from_training_and_measured_on_test_images(scenes_root):
    train = data_of("NYUD_MT", ["depth"], scenes_root, "train")
    test = data_of("NYUD_MT", ["depth"], scenes_root, "test")
    loader = Loader(test, Loading(batch_size=4, num_workers=0), training=False)
    metrics = evaluate_constants(train.tasks, train, loader)
    [task] = train.tasks
    readings = [
        np.concatenate([depth[task.valid_pixels(depth)] for depth in depths])
        for depths in (
            [data[0, i]["targets"]["depth"] for i in range(len(data))] for data in (train, test)
        )
    ]
    expected = np.sqrt(np.mean((readings[1] - readings[0].mean()) ** 2))
    assert metrics["depth"]["rmse"] == pytest.approx(expected, rel=1e-3)


def test_tasks_without_a_constant_have_no_metrics_of_one(scenes_root):
    train = data_of("VOC", ["detection"], scenes_root, "train")
    loader = Loader(train, Loading(batch_size=4, num_workers=0), training=False)
    assert evaluate_constants(train.tasks, train, loader) == {}

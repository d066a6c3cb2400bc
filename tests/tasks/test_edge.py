"""Edges: the weighted cross entropy and odsF against definitions written out."""

import math
import pickle

import numpy as np
import pytest
import torch

from tasks.edge import Edge
from tests.tasks.boundaries.test_matching import brute_force

ALL = torch.ones(3, dtype=torch.bool)
skimage = pytest.importorskip("skimage.morphology")


@pytest.fixture
def task():
    return Edge(edge_tolerance=0.04)


def random_batch(seed=0, images=3, size=(14, 20)):
    """Logits (B, 1, H, W) that know something of the targets, and these, with void."""
    draw = torch.Generator().manual_seed(seed)
    target = (torch.rand(images, *size, generator=draw) < 0.15).to(torch.uint8)
    logits = 2 * target + torch.randn(images, *size, generator=draw) * 2 - 1
    target[torch.rand(images, *size, generator=draw) < 0.1] = 255
    return logits[:, None], target


def measured(task, *batches, rounds=2):
    """The metrics as an evaluation has them, in a validation (1) or a test (2)."""
    meters, whole = [], task.meter()
    for prediction, target in batches:
        meters.append(task.meter())
        meters[-1].update(prediction, target, torch.ones(len(target), dtype=torch.bool))
    for number in range(rounds):
        task.finish(meters, whole if number else None)
        whole = task.meter()
        for meter in meters:
            whole.merge(pickle.loads(pickle.dumps(meter)))  # as from another process
    return whole.compute().metrics


def ods(logits, target, tolerance):
    """The definition: (threshold, F) of the best one, with the largest numbers of pairs."""
    best = (0, -1.0)
    for number in range(1, 100):
        pairs = predicted = true = 0
        for logit, truth in zip(logits[:, 0].double(), target.numpy(), strict=True):
            edges = skimage.thin(logit.sigmoid().numpy() >= number / 100) & (truth != 255)
            pairs += brute_force(edges, truth == 1, tolerance * math.hypot(*truth.shape))
            predicted, true = predicted + edges.sum(), true + (truth == 1).sum()
        precision, recall = pairs / max(predicted, 1), pairs / true
        f = 2 * precision * recall / max(precision + recall, 1e-9)
        best = max(best, (number, f), key=lambda pair: pair[1])
    return best


class TestLoss:
    def test_is_the_weighted_cross_entropy_of_the_pixels_that_count(self, task):
        logits, target = random_batch()
        total, count = task.criterion(logits, target, ALL)
        expected = 0
        for logit, truth in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
            p = 1 / (1 + math.exp(-logit))
            expected += {1: -0.95 * math.log(p), 0: -0.05 * math.log(1 - p), 255: 0}[truth]
        assert total.item() == pytest.approx(expected, rel=1e-5)
        assert count == (target != 255).sum()
        assert task.loss(total, count) == total / count

    def test_is_finite_however_sure_the_network_is(self, task):
        logits = torch.tensor([1e4, -1e4]).view(1, 1, 1, 2)
        for pair in ([0, 1], [1, 0]):
            target = torch.tensor(pair, dtype=torch.uint8).view(1, 1, 2)
            assert task.criterion(logits, target, ALL[:1])[0].isfinite()

    def test_the_constant_has_the_least_loss(self, task):
        _, target = random_batch()
        best = task.constant(list(target.numpy()))

        def loss(logit):
            shape = (3, 1, *target.shape[1:])
            return task.criterion(torch.full(shape, logit), target, ALL)[0].item()

        assert loss(best.item()) <= min(loss(best.item() + step) for step in (-0.1, 0.1))
        assert task.constant([np.zeros((2, 2), np.uint8)]).isfinite()


class TestOdsF:
    @pytest.mark.parametrize("seed", range(2))
    def test_a_test_is_the_definition_at_one_threshold_for_all_images(self, task, seed):
        logits, target = random_batch(seed)
        _, best = ods(logits, target, 0.04)
        tested = measured(task, (logits[:2], target[:2]), (logits[2:], target[2:]))["odsF"]
        assert measured(task, (logits, target), rounds=1)["odsF"] <= tested <= best + 1e-12
        assert tested == pytest.approx(best, abs=0.01), "but for where greed is best"

    def test_is_1_of_the_truth_and_of_a_wide_band_on_it(self, task):
        target = torch.zeros(1, 40, 60, dtype=torch.uint8)
        target[0, 20, 3:57] = 1
        logits = torch.full((1, 1, 40, 60), -5.0)
        logits[0, 0, 20, 3:57] = 1
        assert measured(task, (logits, target))["odsF"] == 1
        logits[0, 0, 18:23, 3:57] = 1
        assert measured(task, (logits, target))["odsF"] > 0.95

    def test_the_tolerance_decides(self):
        target = torch.zeros(1, 30, 40, dtype=torch.uint8)
        target[0, 10] = 1
        logits = torch.full((1, 1, 30, 40), -5.0)
        logits[0, 0, 12] = 5  # 2 pixels of a diagonal of 50
        for tolerance, expected in ((0.039, 0), (0.04, 1)):
            assert measured(Edge(edge_tolerance=tolerance), (logits, target))["odsF"] == expected

    def test_what_is_no_number_is_no_edge(self, task):
        logits, target = random_batch()
        logits[0, 0, :3] = math.nan
        low = logits.nan_to_num(-1e3)
        for rounds in (1, 2):
            with_nan = measured(task, (logits, target), rounds=rounds)["odsF"]
            assert with_nan == measured(task, (low, target), rounds=rounds)["odsF"]

    def test_images_without_an_edge_count_what_is_predicted(self, task):
        logits, target = random_batch()
        empty = torch.zeros_like(target)
        assert measured(task, (logits, empty))["odsF"] == 0
        both = measured(task, (logits, target), (logits, empty))["odsF"]
        assert both < measured(task, (logits, target))["odsF"]

    def test_the_loss_beside_it_is_that_of_training(self, task):
        logits, target = random_batch()
        expected = task.loss(*task.criterion(logits, target, ALL)).item()
        result = measured(task, (logits[:1], target[:1]), (logits[1:], target[1:]))["loss"]
        assert result == pytest.approx(expected, rel=1e-6)


def test_images_stay_where_they_were_predicted(task):
    meter = task.meter()
    meter.update(*random_batch(), ALL)
    assert len(meter.images) == 3
    task.finish([meter])
    sent = pickle.loads(pickle.dumps(meter))
    assert sent.images == []
    assert sent.compute().metrics == meter.compute().metrics


def test_several_processes_count_what_one_does(task, monkeypatch):
    batches = [random_batch(seed, images=4) for seed in range(3)]
    alone = measured(task, *batches)
    monkeypatch.setattr("tasks.edge.free_cores", lambda: 2)
    assert measured(task, *batches) == alone

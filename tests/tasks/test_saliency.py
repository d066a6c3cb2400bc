"""Saliency: the balanced cross entropy and max F against definitions written out."""

import math

import numpy as np
import pytest
import torch

from tasks.saliency import Saliency

ALL = torch.ones(4, dtype=torch.bool)


@pytest.fixture
def task():
    return Saliency()


def random_batch(seed=0, images=4, size=(6, 8)):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, 2, *size, generator=draw) * 2
    target = (torch.rand(images, *size, generator=draw) < 0.3).to(torch.uint8)
    target[torch.rand(images, *size, generator=draw) < 0.2] = 255
    return logits, target


def pixels_of(logits, target):
    """[(probability, target)] of the pixels that count."""
    probability = logits.double().softmax(1)[:, 1]
    valid = target != 255
    return list(zip(probability[valid].tolist(), target[valid].tolist(), strict=True))


class TestLoss:
    def test_weighs_the_classes_by_each_others_share(self, task):
        logits, target = random_batch()
        pixels = pixels_of(logits, target)
        w = sum(t == 0 for _, t in pixels) / len(pixels)
        terms = (w * -math.log(p) if t else (1 - w) * -math.log(1 - p) for p, t in pixels)
        loss = task.loss(*task.criterion(logits, target, ALL))
        assert loss.item() == pytest.approx(sum(terms) / len(pixels), rel=1e-5)

    def test_the_losses_of_parts_add_up_to_that_of_the_whole(self, task):
        """The weights are those of the whole batch in every part of it."""
        logits, target = random_batch()
        target[0] = 0
        whole = task.criterion(logits, target, ALL)
        parts = [task.criterion(logits[i], target[i], ALL[i]) for i in (slice(0, 1), slice(1, 4))]
        loss = sum(task.loss(sums, whole[1]) for sums, _ in parts)
        torch.testing.assert_close(loss, task.loss(*whole))

    @pytest.mark.parametrize("only", [0, 1, 255])
    def test_one_class_alone_has_the_weight_0(self, task, only):
        logits, _ = random_batch()
        target = torch.full((4, 6, 8), only, dtype=torch.uint8)
        assert task.loss(*task.criterion(logits, target, ALL)) == 0

    def test_pseudo_labels_of_a_small_weight_count_as_little(self, task):
        """Their counts are fractions."""
        sums, counts = task.criterion(*random_batch(), ALL)
        torch.testing.assert_close(task.loss(0.1 * sums, 0.1 * counts), task.loss(sums, counts))


class TestMaxF:
    def test_is_the_definition(self, task):
        logits, target = random_batch()
        pixels, scores = pixels_of(logits, target), []
        for number in range(1, 20):
            found = [t for p, t in pixels if p >= number / 20]
            precision, recall = (
                sum(found) / max(len(found), 1),
                sum(found) / sum(t for _, t in pixels),
            )
            scores.append(1.3 * precision * recall / max(0.3 * precision + recall, 1e-9))
        meter = task.meter()
        for images in (slice(0, 1), slice(1, 4)):
            meter.update(logits[images], target[images], ALL[images])
        assert meter.compute().metrics["maxF"] == pytest.approx(max(scores), rel=1e-9)

    def test_the_threshold_itself_is_reached(self, task):
        logits = torch.zeros(1, 2, 1, 2)  # a probability of 1/2
        target = torch.tensor([[[1, 0]]], dtype=torch.uint8)
        meter = task.meter()
        meter.update(logits, target, ALL[:1])
        assert meter.compute().metrics["maxF"] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))

    def test_of_the_truth_is_1_and_of_its_contrary_what_chance_has(self, task):
        _, target = random_batch()
        sure = torch.stack([(target == 0).float(), (target == 1).float()], 1) * 20
        for logits, expected in ((sure, 1.0), (-sure, 0.0)):
            meter = task.meter()
            meter.update(logits, target, ALL)
            assert meter.compute().metrics["maxF"] == pytest.approx(expected)

    def test_nothing_salient_and_no_numbers(self, task):
        meter = task.meter()
        meter.update(torch.full((1, 2, 2, 2), math.nan), torch.zeros(1, 2, 2), ALL[:1])
        assert meter.compute().metrics["maxF"] == 0

    def test_the_constant_finds_everything(self, task):
        _, target = random_batch()
        constant = task.constant(list(target.numpy()))
        meter = task.meter()
        meter.update(constant.view(1, 2, 1, 1).expand(4, 2, 6, 8), target, ALL)
        share = (target == 1).sum() / (target != 255).sum()
        assert meter.compute().metrics["maxF"] == pytest.approx(1.3 * share / (0.3 * share + 1))


class TestAnswers:
    def test_are_probabilities(self, task):
        logits, _ = random_batch()
        for decoded, expected in zip(task.decode(logits), logits.softmax(1)[:, 1], strict=True):
            assert decoded.dtype == np.float32
            np.testing.assert_allclose(decoded, expected, rtol=1e-5)

    def test_as_labels_are_void_where_they_are_unsure(self, task):
        logits, _ = random_batch()
        yes = logits.softmax(1)[:, 1].numpy()
        for target, p in zip(task.pseudo_targets(logits, 0.8), yes, strict=True):
            np.testing.assert_array_equal(target == 1, p > 0.8)
            np.testing.assert_array_equal(target == 0, p < 0.2)

    def test_are_drawn_as_labels_are(self, task):
        target = np.array([[0, 1, 255]], np.uint8)
        drawn = task.draw(np.zeros((1, 3, 3), np.uint8), target)[0]
        assert drawn.tolist()[:2] == [[0, 0, 0], [255, 255, 255]]
        assert len({tuple(colour) for colour in drawn.tolist()}) == 3
        decoded = np.array([[0.0, 1.0, 0.5]], np.float32)
        assert task.draw(None, decoded)[0].tolist() == [[0] * 3, [255] * 3, [128] * 3]

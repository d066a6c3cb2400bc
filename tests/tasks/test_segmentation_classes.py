"""Segmentation where merged datasets label different classes."""

import numpy as np
import pytest
import torch

from tasks.class_maps import LEFT_OUT, UNLABELLED
from tasks.segmentation import VOID, Segmentation

CLASSES = ("background", "car", "bus", "person", "dog")
COARSE = {"vehicle": ("car", "bus")}
VEHICLE = 5
SHAPE = (3, 4)
MAPS = {
    "all": (0, 1, 2, 3, 4),
    "cars": (0, 1, 0, 0, 0),
    "vehicles": (0, VEHICLE, VEHICLE, 3, 0),
    "no background": (UNLABELLED, 1, 2, UNLABELLED, UNLABELLED),
    "vehicles without background": (UNLABELLED, VEHICLE, VEHICLE, 3, UNLABELLED),
}


def make_task(**options):
    return Segmentation(CLASSES, coarse_classes=COARSE, **options)


def random_case(seed, maps):
    """Logits and targets of images of these datasets, with void in them."""
    rng = np.random.default_rng(seed)
    logits = torch.tensor(rng.normal(0, 3, (len(maps), len(CLASSES), *SHAPE)), requires_grad=True)
    targets = [rng.choice([*{n for n in MAPS[m] if n != UNLABELLED}, VOID], SHAPE) for m in maps]
    return logits, torch.tensor(np.array(targets, np.uint8)), torch.tensor([MAPS[m] for m in maps])


def reference(logits, target, maps, smoothing):
    """The loss, pixel by pixel, of probabilities that are added up."""
    total, count = 0.0, 0
    probabilities = logits.detach().softmax(1).numpy()
    for image, row in enumerate(maps.tolist()):
        for y, x in np.ndindex(SHAPE):
            number = int(target[image, y, x])
            if number == VOID:
                continue
            merged = {}
            for category, known in enumerate(row):
                merged[known] = merged.get(known, 0) + probabilities[image, category, y, x]
            entropy = np.mean([-np.log(p) for p in merged.values()])
            total += -(1 - smoothing) * np.log(merged[number]) + smoothing * entropy
            count += 1
    return total, count


class TestCriterion:
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    @pytest.mark.parametrize("seed", range(4))
    def test_by_brute_force(self, smoothing, seed):
        maps = np.random.default_rng(seed).choice(list(MAPS), 6).tolist()
        logits, target, rows = random_case(seed, maps)
        every = torch.ones(6, dtype=torch.bool)
        total, count = make_task(label_smoothing=smoothing).criterion(logits, target, every, rows)
        expected = reference(logits, target, rows, smoothing)
        assert (total.item(), count.item()) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_where_every_class_is_labelled_the_loss_is_that_of_no_map_to_the_bit(self, smoothing):
        logits, target, rows = random_case(0, ["all", "all", "cars"])
        logits, labelled = logits.detach().float(), torch.tensor([True, True, False])
        logits.requires_grad_()
        task = make_task(label_smoothing=smoothing)
        losses = [task.criterion(logits, target, labelled, *r)[0] for r in ((), (rows,))]
        assert torch.equal(*losses)
        assert torch.equal(*(torch.autograd.grad(loss, logits)[0] for loss in losses))

    def test_the_background_pulls_all_that_is_not_labelled_alike(self):
        """The gradient of each is the same share of its probability."""
        logits, target, rows = random_case(1, ["cars"])
        target[:] = 0
        total, _ = make_task().criterion(logits, target, torch.ones(1, dtype=torch.bool), rows)
        [gradient] = torch.autograd.grad(total, logits)
        ratio = gradient / logits.softmax(1)
        others = ratio[:, [0, 2, 3, 4]]
        torch.testing.assert_close(others, others[:, :1].expand_as(others), rtol=1e-9, atol=1e-12)
        assert (others < 0).all()
        torch.testing.assert_close(gradient[:, 1], logits.softmax(1)[:, 1])

    def test_a_pixel_of_a_coarse_class_is_pulled_to_its_finer_ones_alike(self):
        logits, target, rows = random_case(2, ["vehicles"])
        target[:] = VEHICLE
        total, _ = make_task().criterion(logits, target, torch.ones(1, dtype=torch.bool), rows)
        [gradient] = torch.autograd.grad(total, logits)
        ratio = gradient / logits.softmax(1)
        torch.testing.assert_close(ratio[:, 1], ratio[:, 2])
        assert (ratio[:, [1, 2]] < 0).all()
        torch.testing.assert_close(gradient[:, [0, 3, 4]], logits.softmax(1)[:, [0, 3, 4]])

    def test_shares_add_up_whatever_the_datasets_in_them(self):
        maps = ["all", "cars", "vehicles", "no background", "cars", "all"]
        logits, target, rows = random_case(3, maps)
        labelled = torch.tensor([True, True, False, True, True, True])
        task = make_task(label_smoothing=0.1)
        whole = task.criterion(logits, target, labelled, rows)
        gradient = torch.autograd.grad(whole[0], logits)[0]
        shares = [slice(0, 0), slice(0, 1), slice(1, 4), slice(4, 6)]
        parts = [task.criterion(logits[s], target[s], labelled[s], rows[s]) for s in shares]
        assert parts[0][0].item() == parts[0][1].item() == 0
        for k in (0, 1):
            torch.testing.assert_close(sum(part[k] for part in parts), whole[k])
        gradients = [torch.autograd.grad(part[0], logits)[0] for part in parts]
        torch.testing.assert_close(sum(gradients), gradient)


class TestMetrics:
    @staticmethod
    def measured(rows, truth, guess):
        """The meter of one image a row."""
        logits = torch.nn.functional.one_hot(torch.tensor(guess), len(CLASSES))
        meter = make_task().meter()
        meter.update(
            logits.movedim(-1, 1).float()[:, :, None],
            torch.tensor(truth, dtype=torch.uint8)[:, None],
            torch.ones(len(rows), dtype=torch.bool),
            torch.tensor([MAPS[row] for row in rows]),
        )
        return meter.compute().per_class

    def test_what_the_dataset_does_not_label_is_its_background(self):
        truth, guess = [0, 0, 1, 1], [3, 0, 1, 4]
        assert self.measured(["cars"], [truth], [guess]) == {
            "background": pytest.approx(2 / 3),
            "car": pytest.approx(1 / 2),
        }
        # With all classes labelled, the person is a wrong background.
        assert self.measured(["all"], [truth], [guess])["background"] == pytest.approx(1 / 2)

    def test_without_a_background_it_is_a_miss_and_no_class_s_find(self):
        result = self.measured(["no background", "all"], [[1, 1], [3, 3]], [[1, 3], [3, 3]])
        assert result == {"car": pytest.approx(1 / 2), "person": 1}

    def test_a_coarse_class_is_measured_by_its_finer_ones(self):
        truth, guess = [VEHICLE, VEHICLE, VEHICLE, 3], [1, 2, 3, 3]
        result = self.measured(["vehicles"], [truth], [guess])
        assert result == {"vehicle": pytest.approx(2 / 3), "person": pytest.approx(1 / 2)}


def test_masks_of_other_datasets_in_the_numbers_of_the_task():
    mask = np.array([[0, 1, 2, 3, VOID]], np.uint8)
    remapped = make_task().remap_classes(mask, (0, LEFT_OUT, UNLABELLED, VEHICLE))
    assert remapped.tolist() == [[0, VOID, VOID, VEHICLE, VOID]]
    assert make_task().draw(np.zeros((1, 5, 3), np.uint8), remapped).shape == (1, 5, 3)

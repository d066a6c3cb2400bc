"""Detection where merged datasets label different classes."""

import math

import numpy as np
import pytest
import torch

from tasks.boxes.average_precision import IOU_THRESHOLDS, average_precision
from tasks.boxes.coding import anchors_in_pixels, decode, paired_iou
from tasks.boxes.losses import complete_iou_loss
from tasks.boxes.matching import match
from tasks.class_maps import LEFT_OUT, UNLABELLED
from tasks.detection import Detection
from tests.tasks.test_detection import SIZE, grid_anchors, prediction

CLASSES = ("car", "bus", "person", "dog")
VEHICLE = 4
"""The number of the coarse class."""
ALL = (0, 1, 2, 3)
CARS = (0, UNLABELLED, UNLABELLED, UNLABELLED)
VEHICLES = (VEHICLE, VEHICLE, 2, UNLABELLED)


@pytest.fixture
def task():
    return Detection(CLASSES, coarse_classes={"vehicle": ("car", "bus")})


def random_prediction(images, seed):
    draw = torch.Generator().manual_seed(seed)
    anchors = len(grid_anchors()[0])
    logits = torch.randn(images, anchors, len(CLASSES), generator=draw, dtype=torch.float64) - 2
    offsets = torch.randn(images, anchors, 4, generator=draw, dtype=torch.float64)
    return prediction(logits.requires_grad_(), offsets.requires_grad_())


def random_objects(rng, numbers):
    """Up to four objects of these class numbers."""
    count = rng.integers(0, 5)
    corners = rng.uniform(0, [SIZE[1] - 20, SIZE[0] - 20], (count, 2))
    sides = rng.uniform(10, 20, (count, 2))
    columns = [rng.choice(numbers, (count, 1)), np.zeros((count, 1))]
    rows = np.concatenate([corners, corners + sides, *columns], axis=1)
    return torch.tensor(rows, dtype=torch.float32)


def reference(task, whole, targets, class_maps):
    """The criterion, anchor by anchor and class by class."""
    anchors = anchors_in_pixels(whole.anchors, SIZE)
    total, count = 0.0, 0
    for logits, offsets, rows, known in zip(
        whole.logits.detach(), whole.offsets.detach(), targets, class_maps, strict=True
    ):
        image = torch.zeros(len(rows), dtype=torch.int64)
        place, box = match(rows[:, :4], image, anchors, whole.levels, SIZE)
        object_of = dict(zip(place.tolist(), box.tolist(), strict=True))
        for anchor in range(len(anchors)):
            number, overlap = None, 0.0
            if anchor in object_of:
                row = rows[object_of[anchor]]
                number = int(row[4])
                if number == LEFT_OUT:
                    continue
                result = decode(offsets[anchor], anchors[anchor])[None]
                overlap = paired_iou(result, row[None, :4]).item()
                total += task.loc_weight * complete_iou_loss(result, row[None, :4]).item()
                count += 1
            for category, meaning in enumerate(known):
                if meaning == UNLABELLED or (number == VEHICLE and meaning == VEHICLE):
                    continue
                wanted = overlap if category == number else 0.0
                p = 1 / (1 + math.exp(-logits[anchor, category]))
                entropy = -wanted * math.log(p) - (1 - wanted) * math.log(1 - p)
                total += (0.25 if wanted > 0 else 0.75) * (wanted - p) ** 2 * entropy
    return total, count


@pytest.mark.parametrize("seed", range(4))
def test_the_criterion_by_brute_force(task, seed):
    rng = np.random.default_rng(seed)
    maps = [ALL, CARS, VEHICLES]
    seen = [(0, 1, 2, 3, LEFT_OUT), (0,), (VEHICLE, 2, LEFT_OUT)]
    whole = random_prediction(3, seed)
    targets = [random_objects(rng, numbers) for numbers in seen]
    total, count = task.criterion(
        whole, targets, torch.ones(3, dtype=torch.bool), torch.tensor(maps)
    )
    expected = reference(task, whole, targets, maps)
    assert (total.item(), count.item()) == pytest.approx(expected, rel=1e-6)


def test_a_class_that_is_not_labelled_gets_no_gradient_and_others_theirs(task):
    whole = random_prediction(2, 0)
    objects = [[[4, 6, 30, 40, 0, 0]], [[4, 6, 30, 40, VEHICLE, 0], [34, 10, 60, 40, 2, 0]]]
    targets = [torch.tensor(rows).float() for rows in objects]
    maps = torch.tensor([CARS, VEHICLES])
    total, _ = task.criterion(whole, targets, torch.ones(2, dtype=torch.bool), maps)
    gradient, offsets = torch.autograd.grad(total, [whole.logits, whole.offsets])
    assert offsets.any()
    assert not gradient[0, :, 1:].any()
    assert not gradient[1, :, 3].any()
    assert gradient[0, :, 0].all()
    assert gradient[1, :, 2].all()
    # A vehicle may be a car or a bus: at its anchors nothing is known of them, elsewhere there are
    # none.
    at_vehicles = gradient[1, :, 0] == 0
    assert 0 < at_vehicles.sum() < len(at_vehicles) / 2
    assert torch.equal(at_vehicles, gradient[1, :, 1] == 0)


def test_an_object_that_is_left_out_takes_its_anchors_out_of_the_loss(task):
    whole = random_prediction(1, 1)
    car, van = torch.tensor([[4, 6, 30, 40, 0, 0]]), torch.tensor([[36, 8, 60, 40, LEFT_OUT, 0]])
    one = torch.ones(1, dtype=torch.bool)
    with_van, count = task.criterion(whole, [torch.cat([car, van]).float()], one)
    alone, count_alone = task.criterion(whole, [car.float()], one)
    assert count == count_alone
    gradients = [torch.autograd.grad(t, whole.logits)[0][0] for t in (with_van, alone)]
    silent = ~gradients[0].any(dim=1)
    assert silent.any()
    assert torch.equal(gradients[0][~silent], gradients[1][~silent])
    anchors = anchors_in_pixels(whole.anchors, SIZE)[silent]
    assert ((anchors[:, 0] > 36) & (anchors[:, 0] < 60)).all(), "within the box that is left out"


def test_where_every_class_is_labelled_the_loss_is_the_same_to_the_bit(task):
    """Whatever the map of an image is that is not labelled for the task."""
    rng = np.random.default_rng(2)
    whole = random_prediction(3, 2)
    targets = [random_objects(rng, ALL) for _ in range(3)]
    labelled = torch.tensor([True, True, False])
    plain, _ = task.criterion(whole, targets, labelled)
    mapped, _ = task.criterion(whole, targets, labelled, torch.tensor([ALL, ALL, CARS]))
    assert plain == mapped
    both = [torch.autograd.grad(total, whole.logits)[0] for total in (plain, mapped)]
    assert torch.equal(*both)


def test_boxes_of_other_datasets_in_the_numbers_of_the_task(task):
    rows = np.array([[0, 0, 9, 9, number, 0] for number in range(4)], np.float32)
    remapped = task.remap_classes(rows, (2, LEFT_OUT, UNLABELLED, VEHICLE))
    assert remapped[:, 4].tolist() == [2, LEFT_OUT, VEHICLE]
    picture = task.draw(np.zeros((48, 64, 3), np.uint8), remapped)
    assert picture.any()


class TestMetrics:
    """Two boxes that a perfect network finds as both a car and a person, whatever is labelled."""

    BOXES = torch.tensor([[8.0, 8, 24, 24], [36.0, 16, 52, 40]])

    def measured(self, task, maps, targets):
        anchors, _ = grid_anchors()
        corners = anchors_in_pixels(anchors, SIZE)
        logits = torch.full((len(maps), len(anchors), len(CLASSES)), -20.0)
        offsets = torch.zeros(len(maps), len(anchors), 4)
        for place, box in enumerate(self.BOXES):
            size, centre = box[2:] - box[:2], (box[:2] + box[2:]) / 2
            offsets[:, place, :2] = (centre - corners[place, :2]) / corners[place, 2:] / 0.1
            offsets[:, place, 2:] = (size / corners[place, 2:]).log() / 0.2
            logits[:, place, 0] = 3.0 - place
            logits[:, place, 2] = 2.5 - place
        meter = task.meter()
        labelled = torch.ones(len(maps), dtype=torch.bool)
        meter.update(prediction(logits, offsets), targets, labelled, torch.tensor(maps))
        return meter

    def objects(self, *numbers):
        rows = [[*box.tolist(), n, 0] for box, n in zip(self.BOXES, numbers, strict=False)]
        return torch.tensor(rows).reshape(-1, 6)

    def test_each_class_on_the_images_whose_dataset_labels_it(self, task):
        persons = (UNLABELLED, UNLABELLED, 2, UNLABELLED)
        maps, targets = [CARS, persons], [self.objects(0, 0), self.objects(2, 2)]
        assert self.measured(task, maps, targets).compute().per_class == pytest.approx(
            {"car": 1, "car AP50": 1, "person": 1, "person AP50": 1}
        )
        # With all classes labelled every second find is wrong: precision 1/2 at both recalls, of
        # the two finds of an image that have equal scores in both.
        wrong = self.measured(task, [ALL, ALL], targets).compute().per_class
        assert wrong["car"] < 1
        assert wrong["person"] < 1

    def test_finds_of_other_classes_take_no_place_among_the_best(self, task):
        draw = torch.Generator().manual_seed(0)
        anchors = len(grid_anchors()[0])
        logits = torch.full((1, anchors, len(CLASSES)), 5.0)
        logits[..., 0] = -1.0
        offsets = torch.randn(1, anchors, 4, generator=draw)
        meter = task.meter()
        one = torch.ones(1, dtype=torch.bool)
        meter.update(prediction(logits, offsets), [self.objects(0)], one, torch.tensor([CARS]))
        [found] = meter.detections
        assert len(found) > 20
        assert not found[:, 4].any(), "all of them are cars"

    def test_a_coarse_object_is_no_object_of_its_finer_classes(self, task):
        result = self.measured(task, [VEHICLES], [self.objects(VEHICLE, 2)]).compute()
        # Of the two finds of persons the first, at the vehicle, is wrong.
        assert result.per_class == pytest.approx({"person": 0.5, "person AP50": 0.5})


@pytest.mark.parametrize(("left_out", "expected"), [(True, 1.0), (False, 0.5)])
def test_a_find_of_an_object_that_is_left_out_counts_neither_way(left_out, expected):
    finds = np.array([[0, 0, 10, 10, 0, 0, 0.9], [20, 20, 30, 30, 0, 0, 0.8]], float)
    van = [[0, 0, 10, 10, LEFT_OUT, 0]] if left_out else []
    truths = np.array([*van, [20, 20, 30, 30, 0, 0]], float)
    ap = average_precision([finds], [truths], 1)
    assert ap.shape == (1, len(IOU_THRESHOLDS))
    assert ap == pytest.approx(expected)

"""Surface normals: warps, one minus the cosine, and angles against numpy."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist

from tasks.base import DenseHead
from tasks.normal import Normal
from utils.geometry import Warp

ALL = torch.ones(4, dtype=torch.bool)


@pytest.fixture
def task():
    return Normal()


def unit_vectors(shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(*shape, 3))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def random_batch(seed=0, images=4, error=0.4):
    """Predictions and targets (B, 3, H, W), some pixels without a normal."""
    truth = unit_vectors((images, 6, 8), seed)
    guess = truth + error * np.random.default_rng(seed + 1).normal(size=truth.shape)
    guess /= np.linalg.norm(guess, axis=-1, keepdims=True)
    truth[np.random.default_rng(seed + 2).random(truth.shape[:3]) < 0.2] = 0
    return (torch.from_numpy(a.astype(np.float32)).permute(0, 3, 1, 2) for a in (guess, truth))


def angles(prediction, target):
    """The angles in degrees of the pixels that have a normal, by the arc tangent."""
    guess, truth = (t.permute(0, 2, 3, 1).double().numpy() for t in (prediction, target))
    valid = (truth != 0).any(axis=3)
    guess, truth = guess[valid], truth[valid]
    sine = np.linalg.norm(np.cross(guess, truth), axis=1)
    return np.rad2deg(np.arctan2(sine, (guess * truth).sum(axis=1)))


def test_name_and_head(task):
    assert task.name == "normal"
    assert task.head == DenseHead(3, unit=True)


class TestTargets:
    def test_absent_has_none(self, task):
        absent = task.unlabelled_target((3, 4))
        assert absent.dtype == np.float32
        assert absent.shape == (3, 4, 3)
        assert (absent == 0).all()

    def test_flip_mirrors_the_vectors(self, task):
        normals = unit_vectors((5, 8))
        flip = Warp(np.array([[-1.0, 0, 8], [0, 1, 0]]), (5, 8))
        moved = task.warp(normals, flip)
        assert moved.dtype == np.float32
        np.testing.assert_allclose(moved, normals[:, ::-1] * [-1, 1, 1], atol=1e-7)

    def test_a_turned_image_turns_the_vectors(self, task):
        normals = unit_vectors((5, 5))
        quarter = Warp(np.array([[0.0, -1, 5], [1, 0, 0]]), (5, 5))  # x to y, y to -x
        moved = task.warp(normals, quarter)
        turned = np.stack([-normals[..., 1], normals[..., 0], normals[..., 2]], axis=2)
        np.testing.assert_allclose(moved, np.rot90(turned, -1), atol=1e-6)

    def test_crop_zoom_and_stretch_leave_directions_alone(self, task):
        normals = unit_vectors((6, 8))
        zoom = Warp(np.array([[2.0, 0, -4], [0, 3, -6]]), (12, 8), zoom=2.0)
        moved = task.warp(normals, zoom)
        np.testing.assert_array_equal(moved, normals[2:6, 2:6].repeat(3, 0).repeat(2, 1))

    def test_padding_has_none_and_the_rest_keeps_its_length(self, task):
        normals = unit_vectors((6, 8))
        pad = Warp(np.array([[-1.0, 0, 10], [0, 1, 2]]), (10, 12), zoom=0.8)
        length = np.linalg.norm(task.warp(normals, pad), axis=2)
        np.testing.assert_allclose(length[2:8, 2:10], 1, atol=1e-6)
        length[2:8, 2:10] = 0
        assert (length == 0).all()

    def test_warping_leaves_the_stored_target_alone(self, task):
        normals = unit_vectors((5, 8))
        kept = normals.copy()
        task.warp(normals, Warp(np.array([[-1.0, 0, 8], [0, 1, 0]]), (5, 8)))
        np.testing.assert_array_equal(normals, kept)

    def test_collate_puts_the_channels_second(self, task):
        targets = [unit_vectors((3, 4), seed) for seed in range(2)]
        batched = task.collate(targets)
        assert batched.shape == (2, 3, 3, 4)
        assert batched.dtype == torch.float32
        np.testing.assert_array_equal(batched[1, :, 2, 1], targets[1][2, 1])


class TestCriterion:
    def test_is_one_minus_the_cosine_over_pixels_with_a_normal(self, task):
        prediction, target = random_batch()
        total, count = task.criterion(prediction, target, ALL)
        valid = target.abs().sum(1) > 0
        reference = 1 - F.cosine_similarity(prediction.double(), target.double(), dim=1)[valid]
        assert count == valid.sum()
        assert total.item() == pytest.approx(reference.sum().item(), rel=1e-5)

    def test_l1_is_the_sum_over_the_three_components(self):
        prediction, target = random_batch()
        total, count = Normal(normal_loss="l1").criterion(prediction, target, ALL)
        guess, truth = (t.permute(0, 2, 3, 1).flatten(0, 2).double() for t in (prediction, target))
        valid = truth.norm(dim=1) > 0
        each = cdist(guess[valid], truth[valid], "cityblock").diagonal()
        assert count == valid.sum() == len(each)
        assert total.item() == pytest.approx(each.sum(), rel=1e-5)
        nothing, none = Normal(normal_loss="l1").criterion(prediction, target * 0, ALL)
        assert (nothing.item(), none.item()) == (0, 0)

    def test_parts_of_a_batch_add_up(self, task):
        prediction, target = random_batch()
        labelled = torch.tensor([True, False, True, True])
        whole = task.criterion(prediction, target, labelled)
        parts = [
            task.criterion(prediction[p], target[p], labelled[p])
            for p in (slice(0, 1), slice(1, 2), slice(2, 4))
        ]
        for value, pieces in zip(whole, zip(*parts, strict=True), strict=True):
            torch.testing.assert_close(sum(pieces), value)

    def test_nothing_to_learn_from_is_zero_without_nan(self, task):
        prediction, target = random_batch()
        prediction.requires_grad_()
        for labelled, truth in ((~ALL, target), (ALL, torch.zeros_like(target))):
            total, count = task.criterion(prediction, truth, labelled)
            assert total == 0
            assert count == 0
            (gradient,) = torch.autograd.grad(total, prediction)
            assert (gradient == 0).all()

    def test_half_precision_predictions_are_summed_in_float32(self, task):
        prediction, target = random_batch()
        total, count = task.criterion(prediction.bfloat16(), target, ALL)
        assert total.dtype == count.dtype == torch.float32
        expected, _ = task.criterion(prediction.bfloat16().float(), target, ALL)
        torch.testing.assert_close(total, expected)


class TestMeter:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("error", [0.02, 0.4, 3.0])
    def test_against_the_definitions(self, task, seed, error):
        prediction, target = random_batch(seed, error=error)
        meter = task.meter()
        meter.update(prediction, target, ALL)
        result = meter.compute().metrics
        expected = angles(prediction, target)
        assert result["mean"] == pytest.approx(expected.mean(), abs=1e-6)
        for limit in (11.25, 22.5, 30):
            assert result[f"{limit:g}"] == pytest.approx((expected < limit).mean())
        guess, truth = (t.permute(0, 2, 3, 1).double().numpy() for t in (prediction, target))
        valid = (truth != 0).any(axis=3)
        l1 = np.abs(guess[valid] - truth[valid]).sum(axis=1).mean()
        assert result["l1"] == pytest.approx(l1, abs=1e-6)
        # One of the two in the middle, which lie apart where there are few.
        low, high = np.quantile(expected, 0.5, method="lower"), np.median(expected)
        assert low - 0.006 <= result["median"] <= high + 0.006

    def test_the_median_to_a_hundredth_of_a_degree(self, task):
        prediction, target = random_batch(error=0.3, images=200)
        meter = task.meter()
        meter.update(prediction, target, torch.ones(200, dtype=torch.bool))
        expected = np.median(angles(prediction, target))
        assert meter.compute().metrics["median"] == pytest.approx(expected, abs=0.01)

    def test_length_of_a_prediction_does_not_matter(self, task):
        prediction, target = random_batch()
        unit, long = task.meter(), task.meter()
        unit.update(prediction, target, ALL)
        long.update(prediction * 7, target, ALL)
        assert long.compute().metrics == pytest.approx(unit.compute().metrics)

    @pytest.mark.parametrize("cuts", [[1, 1, 1, 1], [3, 1], [2, 2]])
    def test_batches_in_any_split_and_order(self, task, cuts):
        prediction, target = random_batch(seed=2)
        whole, parts = task.meter(), task.meter()
        whole.update(prediction, target, ALL)
        pieces = list(zip(prediction.split(cuts), target.split(cuts), strict=True))
        for piece in reversed(pieces):
            parts.update(*piece, torch.ones(len(piece[0]), dtype=torch.bool))
        assert parts.compute().metrics == pytest.approx(whole.compute().metrics, rel=1e-12)

    def test_unlabelled_images_do_not_count(self, task):
        prediction, target = random_batch(seed=3)
        labelled = torch.tensor([True, False, False, True])
        some, only = task.meter(), task.meter()
        some.update(prediction, target, labelled)
        only.update(prediction[labelled], target[labelled], ALL[:2])
        assert some.compute().metrics == only.compute().metrics

    def test_nothing_seen_is_nan(self, task):
        meter = task.meter()
        prediction, target = random_batch()
        meter.update(prediction, torch.zeros_like(target), ALL)
        meter.update(prediction, target, ~ALL)
        assert all(math.isnan(value) for value in meter.compute().metrics.values())
        assert set(meter.compute().metrics) == set(task.metrics)

    def test_right_and_opposite(self, task):
        _, target = random_batch()
        right, opposite = task.meter(), task.meter()
        right.update(target, target, ALL)
        opposite.update(-target, target, ALL)
        assert right.compute().metrics["mean"] == pytest.approx(0, abs=1e-4)
        assert right.compute().metrics["11.25"] == 1
        assert opposite.compute().metrics["mean"] == pytest.approx(180, abs=1e-4)
        assert opposite.compute().metrics["30"] == 0
        length = target.abs().sum(1)
        assert right.compute().metrics["l1"] == pytest.approx(0, abs=1e-6)
        assert opposite.compute().metrics["l1"] == pytest.approx(
            2 * length[length > 0].mean().item(), rel=1e-5
        )

    def test_what_is_no_number_is_as_wrong_as_can_be(self, task):
        prediction, target = random_batch()
        meter = task.meter()
        meter.update(torch.full_like(prediction, math.nan), target, ALL)
        assert meter.compute().metrics["mean"] == pytest.approx(180)
        assert meter.compute().metrics["30"] == 0
        opposite = task.meter()
        opposite.update(-target, target, ALL)
        assert meter.compute().metrics == pytest.approx(opposite.compute().metrics, rel=1e-5)


def test_constant_is_the_direction_of_the_mean_which_has_the_least_loss(task):
    _, target = random_batch(seed=5)
    target[:, 2] = -target[:, 2].abs()  # towards the camera, as normals are
    constant = task.constant(list(target.permute(0, 2, 3, 1).numpy()))
    assert constant.shape == (3,)
    assert constant.dtype == torch.float32
    assert constant.norm().item() == pytest.approx(1)

    def loss(direction):
        return task.criterion(direction.view(1, 3, 1, 1).expand(4, 3, 6, 8), target, ALL)[0].item()

    rng = torch.Generator().manual_seed(0)
    others = F.normalize(constant + 0.2 * torch.randn(30, 3, generator=rng), dim=1)
    assert loss(constant) <= min(loss(other) for other in others)


def test_total_is_the_geometric_mean_of_the_share_and_one_over_the_angles(task):
    metrics = {"11.25": 0.5, "22.5": 0.7, "30": 0.8, "mean": 20.0, "median": 10.0}
    assert task.selection_score(metrics) == pytest.approx((0.5 / 20 / 10) ** (1 / 3))
    assert task.selection_score(metrics | {"mean": 15.0}) > task.selection_score(metrics)
    assert task.selection_score(metrics | {"11.25": 0.0}) == 0


def test_answer_is_stored_as_targets_are(task):
    prediction, _ = random_batch()
    for dtype in (torch.float32, torch.bfloat16):
        answers = task.decode(prediction.to(dtype))
        assert len(answers) == 4
        for answer, each in zip(answers, prediction.to(dtype), strict=True):
            assert answer.dtype == np.float32
            np.testing.assert_array_equal(answer, each.permute(1, 2, 0).float())


def test_drawing_is_the_usual_colour_of_each_direction(task):
    normals = np.array([[[1, 0, 0], [0, -1, 0], [0, 0, -1], [0, 0, 0]]], np.float32)
    picture = task.draw(np.zeros((1, 4, 3), np.uint8), normals)
    assert picture.dtype == np.uint8
    expected = [[255, 127, 127], [127, 0, 127], [127, 127, 0], [0, 0, 0]]
    np.testing.assert_array_equal(picture[0], expected)

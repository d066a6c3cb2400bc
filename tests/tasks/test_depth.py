"""Depth: the absolute error and the metrics against definitions written out."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    root_mean_squared_error,
)

from tasks.base import DenseHead
from tasks.depth import FARTHEST, NEAREST, Depth
from utils.geometry import Warp

ALL = torch.ones(4, dtype=torch.bool)
SHARES = ("d1", "d2", "d3")
ERRORS = ("rmse", "abs_rel", "abs_err", "sq_rel", "log_rmse", "log10", "silog")
METRICS = SHARES + ERRORS


@pytest.fixture
def task():
    return Depth()


def random_batch(seed=0, images=4):
    """Predictions (B, 1, H, W) and targets (B, H, W), some pixels without a reading."""
    rng = torch.Generator().manual_seed(seed)
    target = torch.rand(images, 6, 8, generator=rng) * 9 + 0.5
    prediction = target * torch.exp(0.3 * torch.randn(target.shape, generator=rng))
    target[torch.rand(target.shape, generator=rng) < 0.2] = 0.0
    target[:, 0, 0] = 12.0  # beyond what counts
    return prediction[:, None], target


def test_name_and_head(task):
    assert task.name == "depth"
    assert isinstance(task.head, DenseHead)
    assert task.head.channels == 1
    assert NEAREST < task.head.start < FARTHEST  # an untrained network's depth is one


class TestMaxDepth:
    """Readings to 80 m, as a car's camera has them."""

    def test_the_head_starts_at_three_tenths_of_it(self, task):
        assert task.head.start == 3.0
        assert Depth(max_depth=80.0).head.start == pytest.approx(24)

    def test_it_says_which_readings_count_in_training_and_testing(self):
        far = Depth(max_depth=80.0)
        target = torch.tensor([[[5.0, 15.0, 79.0, 80.0, 200.0]]])
        prediction = torch.full((1, 1, 1, 5), 15.0)
        total, count = far.criterion(prediction, target, ALL[:1])
        assert (total.item(), count.item()) == (10 + 0 + 64, 3)
        assert Depth().criterion(prediction, target, ALL[:1])[1] == 1
        meter = far.meter()
        meter.update(prediction, target, ALL[:1])
        assert meter.compute().metrics["d1"] == pytest.approx(1 / 3)
        assert far.constant([target.numpy()]).item() == pytest.approx(33)

    def test_predictions_beyond_it_are_measured_as_it(self):
        for max_depth in (10.0, 80.0):
            meter = Depth(max_depth=max_depth).meter()
            meter.update(torch.full((1, 1, 1, 1), 500.0), torch.full((1, 1, 1), 5.0), ALL[:1])
            assert meter.compute().metrics["rmse"] == pytest.approx(max_depth - 5)

    def test_where_it_is_empty_every_reading_counts(self):
        task = Depth(max_depth=None)
        target = torch.tensor([[[0.0, 5.0, 80.0, 3000.0, math.inf]]])
        prediction = torch.full((1, 1, 1, 5), 15.0)
        total, count = task.criterion(prediction, target, ALL[:1])
        assert (total.item(), count.item()) == (10 + 65 + 2985, 3)
        meter = task.meter()
        meter.update(prediction * 100, target, ALL[:1])
        expected = reference_metrics(prediction * 100, target, np.inf)
        assert meter.compute().metrics == pytest.approx(expected)
        assert task.head == Depth().head
        assert task.decided() == {"range": "all from 0.001 m on counts (max_depth is empty)"}
        [decoded] = task.decode_at(prediction * 100, torch.tensor([[0, 0, 5, 1]]), [(1, 5)])
        assert decoded.max() == 1500

    def test_without_it_pictures_have_colours_for_every_depth(self):
        task = Depth(max_depth=None)
        depth = np.array([[0, 0.1, 1, 3, 9, 90, 900]], np.float32)
        picture = task.draw(np.zeros((1, 7, 3), np.uint8), depth)[0].astype(int)
        brightness = picture.sum(axis=1)
        assert brightness[0] == 0
        assert (np.diff(brightness[1:]) < 0).all()
        scale = task.legend(depth)
        assert scale.ticks == ((0, "0"), (0.25, "1"), (0.5, "3"), (0.75, "9"), (1, "farther (m)"))
        for share, metres in ((0.25, 1), (0.5, 3), (0.75, 9)):
            at = scale.colours[round(256 * share)].astype(int)
            assert np.abs(at - picture[depth[0].tolist().index(metres)]).max() < 6

    def test_the_drawing_spans_it(self):
        image, depth = np.zeros((1, 2, 3), np.uint8), np.array([[8.0, 64.0]], np.float32)
        far = Depth(max_depth=80.0).draw(image, depth)
        np.testing.assert_array_equal(far, Depth().draw(image, depth / 8))
        assert far[0, 1].any()


class TestTargets:
    def test_absent_has_no_reading(self, task):
        absent = task.unlabelled_target((3, 4))
        assert absent.dtype == np.float32
        assert absent.shape == (3, 4)
        assert (absent == 0).all()

    @pytest.mark.parametrize("zoom", [1.0, 1.5, 0.75])
    def test_a_zoom_brings_the_scene_nearer(self, task, zoom):
        depth = np.random.default_rng(0).uniform(1, 9, (12, 16)).astype(np.float32)
        warp = Warp(np.array([[1.0, 0, 2], [0, 1, 3]]), (20, 20), zoom=zoom)
        moved = task.warp(depth, warp)
        assert moved.dtype == np.float32
        np.testing.assert_allclose(moved[3:15, 2:18], depth / zoom, rtol=1e-6)
        moved[3:15, 2:18] = 0
        assert (moved == 0).all()

    def test_warping_leaves_the_stored_target_alone(self, task):
        depth = np.ones((4, 4), np.float32)
        task.warp(depth, Warp(np.eye(2, 3), (4, 4), zoom=2.0))
        assert (depth == 1).all()

    def test_stretching_is_no_zoom(self, task):
        depth = np.full((4, 4), 3.0, np.float32)
        assert (task.warp(depth, Warp.resize((4, 4), (8, 12))) == 3).all()

    def test_collate_stacks(self, task):
        batched = task.collate([task.unlabelled_target((3, 4))] * 2)
        assert batched.shape == (2, 3, 4)
        assert batched.dtype == torch.float32


class TestCriterion:
    def test_is_the_absolute_error_over_pixels_with_a_reading(self, task):
        prediction, target = random_batch()
        total, count = task.criterion(prediction, target, ALL)
        guess, truth = prediction[:, 0].numpy().astype(float), target.numpy().astype(float)
        valid = (truth > 1e-3) & (truth < 10)
        assert count == valid.sum()
        assert total.item() == pytest.approx(np.abs(guess - truth)[valid].sum(), rel=1e-5)

    def test_both_ends_of_the_range_are_left_out(self, task):
        target = torch.tensor([[[NEAREST, NEAREST * 1.01, FARTHEST, FARTHEST * 0.999]]])
        total, count = task.criterion(torch.zeros(1, 1, 1, 4), target, ALL[:1])
        assert count == 2
        assert total.item() == pytest.approx(NEAREST * 1.01 + FARTHEST * 0.999)

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

    def test_the_gradient_is_the_sign_of_the_error_where_there_is_a_reading(self, task):
        prediction, target = random_batch()
        prediction.requires_grad_()
        total, _ = task.criterion(prediction, target, ALL)
        (gradient,) = torch.autograd.grad(total, prediction)
        valid = (target > NEAREST) & (target < FARTHEST)
        expected = torch.where(valid, (prediction[:, 0] - target).sign(), 0)
        torch.testing.assert_close(gradient[:, 0], expected)

    def test_half_precision_predictions_are_summed_in_float32(self, task):
        prediction, target = random_batch()
        total, count = task.criterion(prediction.half(), target, ALL)
        assert total.dtype == count.dtype == torch.float32
        expected, _ = task.criterion(prediction.half().float(), target, ALL)
        torch.testing.assert_close(total, expected)


def reference_silog(guess, truth):
    """Of one image, as the development kit of KITTI's benchmark has it."""
    error = np.log(guess) - np.log(truth)
    return 100 * math.sqrt(np.mean(error**2) - np.mean(error) ** 2)


def reference_metrics(prediction, target, farthest=FARTHEST):
    guess, truth = prediction[:, 0].numpy().astype(float), target.numpy().astype(float)
    guess = guess.clip(NEAREST, farthest)
    valid = (truth > NEAREST) & (truth < farthest)
    silogs = [
        reference_silog(g[v], t[v]) for g, t, v in zip(guess, truth, valid, strict=True) if v.any()
    ]
    guess, truth = guess[valid], truth[valid]
    ratio = np.maximum(guess / truth, truth / guess)
    return {
        "d1": (ratio < 1.25).mean(),
        "d2": (ratio < 1.25**2).mean(),
        "d3": (ratio < 1.25**3).mean(),
        "rmse": root_mean_squared_error(truth, guess),
        "abs_rel": mean_absolute_percentage_error(truth, guess),
        "abs_err": mean_absolute_error(truth, guess),
        "sq_rel": np.average((guess - truth) ** 2 / truth),
        "log_rmse": root_mean_squared_error(np.log(truth), np.log(guess)),
        "log10": mean_absolute_error(np.log10(truth), np.log10(guess)),
        "silog": np.mean(silogs),
    }


class TestMeter:
    @pytest.mark.parametrize("seed", range(3))
    def test_against_the_definitions(self, task, seed):
        prediction, target = random_batch(seed)
        meter = task.meter()
        meter.update(prediction, target, ALL)
        assert meter.compute().metrics == pytest.approx(reference_metrics(prediction, target))

    def test_predictions_are_held_to_the_range_of_depths(self, task):
        target = torch.full((1, 1, 2), 9.0)
        prediction = torch.tensor([[[[-3.0, 1000.0]]]])
        meter = task.meter()
        meter.update(prediction, target, ALL[:1])
        metrics = meter.compute().metrics
        assert metrics["d1"] == 0.5  # 10 m for 9 m
        assert metrics["rmse"] == pytest.approx(np.sqrt((8.999**2 + 1) / 2))

    @pytest.mark.parametrize("cuts", [[1, 1, 1, 1], [3, 1], [2, 2]])
    def test_batches_in_any_split_and_order(self, task, cuts):
        prediction, target = random_batch(seed=2)
        parts = task.meter()
        pieces = list(zip(prediction.split(cuts), target.split(cuts), strict=True))
        for piece in reversed(pieces):
            parts.update(*piece, torch.ones(len(piece[0]), dtype=torch.bool))
        assert parts.compute().metrics == pytest.approx(reference_metrics(prediction, target))

    def test_unlabelled_images_do_not_count(self, task):
        prediction, target = random_batch(seed=3)
        labelled = torch.tensor([True, False, False, True])
        meter = task.meter()
        meter.update(prediction, target, labelled)
        expected = reference_metrics(prediction[labelled], target[labelled])
        assert meter.compute().metrics == pytest.approx(expected)

    def test_nothing_seen_is_nan(self, task):
        meter = task.meter()
        assert all(math.isnan(value) for value in meter.compute().metrics.values())
        prediction, target = random_batch()
        meter.update(prediction, torch.zeros_like(target), ALL)
        meter.update(prediction, target, ~ALL)
        assert all(math.isnan(value) for value in meter.compute().metrics.values())
        assert set(meter.compute().metrics) == set(METRICS) == set(task.metrics)

    def test_a_perfect_prediction(self, task):
        _, target = random_batch()
        meter = task.meter()
        meter.update(target[:, None], target, ALL)
        assert meter.compute().metrics == dict.fromkeys(SHARES, 1) | dict.fromkeys(ERRORS, 0)

    def test_a_prediction_of_another_scale(self, task):
        """silog is blind to it, also where each image has its own; the others tell it exactly."""
        _, target = random_batch(seed=6)
        target[:, 0, 0] = 0.0
        meter, other = task.meter(), task.meter()
        meter.update(0.9 * target[:, None], target, ALL)
        metrics = meter.compute().metrics
        assert metrics["silog"] == pytest.approx(0, abs=1e-3)
        assert metrics["log_rmse"] == pytest.approx(-math.log(0.9), rel=1e-5)
        assert metrics["log10"] == pytest.approx(-math.log10(0.9), rel=1e-5)
        assert metrics["abs_rel"] == pytest.approx(0.1, rel=1e-5)
        mean = target[target > 0].double().mean().item()
        assert metrics["abs_err"] == pytest.approx(0.1 * mean, rel=1e-5)
        assert metrics["sq_rel"] == pytest.approx(0.01 * mean, rel=1e-4)
        scales = torch.tensor([0.5, 0.7, 0.8, 1.0]).view(4, 1, 1)
        other.update((scales * target)[:, None], target, ALL)
        assert other.compute().metrics["silog"] == pytest.approx(0, abs=1e-3)
        assert other.compute().metrics["log_rmse"] > 0.3

    def test_an_image_without_a_reading_does_not_count_in_silog(self, task):
        prediction, target = random_batch(seed=7)
        target[1] = 0.0
        meter = task.meter()
        meter.update(prediction, target, ALL)
        assert meter.compute().metrics == pytest.approx(reference_metrics(prediction, target))


def test_constant_is_the_mean_depth_which_has_the_least_rmse(task):
    _, target = random_batch(seed=5)
    constant = task.constant(list(target.numpy()))
    assert constant.shape == (1,)
    assert constant.dtype == torch.float32
    valid = target[(target > NEAREST) & (target < FARTHEST)]
    assert constant.item() == pytest.approx(valid.double().mean().item())

    def rmse(value):
        meter = task.meter()
        meter.update(torch.full((4, 1, 6, 8), value), target, ALL)
        return meter.compute().metrics["rmse"]

    assert rmse(constant.item()) < min(rmse(constant.item() + 0.05), rmse(constant.item() - 0.05))


def test_total_is_the_geometric_mean_of_d1_and_one_over_rmse(task):
    metrics = dict.fromkeys(METRICS, 1.0) | {"d1": 0.8, "rmse": 0.5}
    assert task.selection_score(metrics) == pytest.approx((0.8 / 0.5) ** 0.5)
    assert task.selection_score(metrics | {"rmse": 0.4}) > task.selection_score(metrics)
    assert task.selection_score(metrics | {"d1": 0.0}) == 0
    assert math.isnan(task.selection_score(metrics | {"rmse": float("nan")}))


def test_answer_is_stored_as_targets_are(task):
    prediction, _ = random_batch()
    for dtype in (torch.float32, torch.bfloat16):
        answers = task.decode(prediction.to(dtype))
        assert len(answers) == 4
        for answer, each in zip(answers, prediction.to(dtype), strict=True):
            assert answer.dtype == np.float32
            np.testing.assert_array_equal(answer, each[0].float())


def test_drawing_is_brighter_where_it_is_nearer_and_black_without_a_reading(task):
    depth = np.array([[0, 0.5, 2, 5, 9.9, 30, -1]], np.float32)
    picture = task.draw(np.zeros((1, 7, 3), np.uint8), depth)
    assert picture.dtype == np.uint8
    assert picture.shape == (1, 7, 3)
    brightness = picture[0].sum(axis=1).astype(int)
    assert (np.diff(brightness[1:6]) <= 0).all()
    assert brightness[1] > brightness[2] > brightness[3]
    assert brightness[0] == brightness[6] == 0

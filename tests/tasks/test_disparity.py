"""Disparity and inverse depth: loss and metrics against definitions written out."""

import numpy as np
import pytest
import torch

from tasks.depth import Depth
from tasks.disparity import Disparity, InverseDepth
from utils.geometry import Warp

ALL = torch.ones(4, dtype=torch.bool)
pytestmark = pytest.mark.parametrize("task", [Disparity(), InverseDepth()], ids=lambda t: t.name)


def random_batch(seed=0):
    rng = torch.Generator().manual_seed(seed)
    target = torch.rand(4, 6, 8, generator=rng) * 9 + 0.5
    prediction = target * torch.exp(0.3 * torch.randn(target.shape, generator=rng))
    target[torch.rand(target.shape, generator=rng) < 0.2] = 0.0
    target[0, 0, :3] = torch.tensor([-1.0, float("nan"), float("inf")])  # none either
    return prediction[:, None], target


def measured(task, prediction, target):
    meter = task.meter()
    meter.update(prediction, target, torch.ones(len(target), dtype=torch.bool))
    return meter.compute().metrics


def test_loss_and_metrics_by_definition(task):
    prediction, target = random_batch()
    total, count = task.criterion(prediction, target, ALL)
    guess, truth = prediction[:, 0].double().numpy(), target.double().numpy()
    valid = (truth > 0) & np.isfinite(truth)
    guess, truth = guess[valid], truth[valid]
    error = guess - truth
    assert count == valid.sum()
    assert total.item() == pytest.approx(np.abs(error).sum(), rel=1e-6)
    assert measured(task, prediction, target) == pytest.approx(
        {
            "d1": np.mean(np.maximum(guess / truth, truth / guess) < 1.25),
            "mse": np.mean(error**2),
            "abs_err": np.mean(np.abs(error)),
            "abs_rel": np.mean(np.abs(error) / truth),
        }
    )


def test_pixels_without_a_reading_have_no_gradient_and_spoil_none(task):
    prediction, target = random_batch()
    prediction.requires_grad_()
    task.criterion(prediction, target, ALL)[0].backward()
    assert prediction.grad.isfinite().all()
    none = ~((target > 0) & target.isfinite())
    assert not prediction.grad[:, 0][none].any()


def test_d1_is_that_of_the_depth_whatever_the_unit(task):
    prediction, target = random_batch()
    target = target.nan_to_num(0, posinf=0).clamp(min=0)
    depth = torch.where(target > 0, 20 / target, 0.0)
    expected = measured(Depth(max_depth=1e6), 20 / prediction, depth)["d1"]
    assert measured(task, prediction, target)["d1"] == pytest.approx(expected)
    assert measured(task, 100 * prediction, 100 * target)["d1"] == pytest.approx(expected)


def test_a_prediction_of_none_is_wrong(task):
    metrics = measured(task, torch.tensor([[[[0.0, -3.0]]]]), torch.tensor([[[2.0, 2.0]]]))
    assert metrics == {"d1": 0, "mse": 14.5, "abs_err": 3.5, "abs_rel": 1.75}


@pytest.mark.parametrize("zoom", [1.0, 1.5, 0.75])
def test_a_zoom_brings_the_scene_nearer(task, zoom):
    disparity = np.random.default_rng(0).uniform(1, 9, (12, 16)).astype(np.float32)
    moved = task.warp(disparity, Warp(np.array([[1.0, 0, 2], [0, 1, 3]]), (20, 20), zoom))
    np.testing.assert_allclose(moved[3:15, 2:18], disparity * zoom, rtol=1e-6)
    moved[3:15, 2:18] = 0
    assert not moved.any()
    depth = Depth(max_depth=1e6).warp(1 / disparity, Warp(np.eye(2, 3), (12, 16), zoom))
    np.testing.assert_allclose(1 / depth, zoom * disparity, rtol=1e-6)


def test_the_constant_is_the_median(task):
    target = np.zeros((20, 20), np.float32)
    target[5:] = np.linspace(1, 3, 20)
    assert task.constant([target]).item() == pytest.approx(2, abs=0.2)


def test_what_is_shown_to_users_is_a_label(task):
    [shown] = task.decode_at(torch.full((1, 1, 4, 4), -2.0), torch.tensor([[0, 0, 4, 4]]), [(6, 6)])
    assert task.usable(shown)
    assert shown.max() < 1e-5


def test_near_is_bright_and_the_legend_has_the_numbers(task):
    target = np.linspace(0, 8, 64, dtype=np.float32).reshape(8, 8)
    picture = task.draw(np.zeros((8, 8, 3), np.uint8), target).astype(int).sum(axis=2)
    assert picture[0, 0] == 0
    assert picture[-1, -1] > picture[4, 0] > picture[0, 1]
    scale = task.legend(target)
    assert [place for place, _ in scale.ticks] == [0, 0.25, 0.5, 0.75, 1]
    assert float(scale.ticks[-1][1]) == pytest.approx(8, rel=0.02)
    np.testing.assert_array_equal(scale.colours[-1], task.draw(None, target)[-1, -1])
    nothing = np.zeros((4, 4), np.float32)
    assert not task.draw(None, nothing).any()
    task.legend(nothing)

import pytest
import torch

import losses

TASKS = ("a", "b", "c")


def tracked(rule, rows):
    rule.track([row.clone() for row in rows], rows.norm(dim=1), range(len(rows)), None)
    return rule.current.clone()


def test_it_agrees_with_torchjd_from_the_second_step_on():
    """In the first step TorchJD, like the official code, takes the excess undivided."""
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(0)
    rule = losses.build("excess-mtl", TASKS, options={"weight_lr": 0.3}).aggregation.rule
    theirs = aggregation.ExcessMTLWeighting(robust_step_size=0.3)
    factor = None
    for _ in range(8):
        rows = torch.randn(3, 12).double() * torch.tensor([[1.0], [3.0], [0.3]])
        ratio = tracked(rule, rows) / theirs(rows)
        factor = ratio / ratio[0] if factor is None else factor
        torch.testing.assert_close(ratio / ratio[0], factor, rtol=1e-5, atol=0)
    assert rule.current.sum().item() == pytest.approx(3)


def test_the_first_step_leaves_the_weights_equal():
    rule = losses.build("excess-mtl", TASKS).aggregation.rule
    rows = torch.randn(3, 5).double() * torch.tensor([[1.0], [1e3], [1e-3]])
    assert tracked(rule, rows).tolist() == pytest.approx([1.0] * 3)


def test_a_task_whose_gradients_vanish_loses_weight_and_one_of_zeros_is_no_error():
    rule = losses.build("excess-mtl", TASKS, options={"weight_lr": 1.0}).aggregation.rule
    for size in (1.0, 0.5, 0.25, 0.1):
        weights = tracked(rule, torch.tensor([[1.0, 1.0], [size, size], [0.0, 0.0]]).double())
    assert weights[0] > weights[1] > weights[2] > 0


def test_the_heads_and_the_shared_layers_get_the_weights(problem):
    case = problem(TASKS, scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build("excess-mtl", TASKS, options={"weight_lr": 0.5})
    for _ in range(3):
        gradients = case.step(objective)
        weights = objective.weights
        with torch.no_grad():
            expected = dict(gradients)
    expected = case.expected(lambda loss: sum(weights[t] * loss[t] for t in TASKS))
    for name in gradients:
        torch.testing.assert_close(gradients[name], expected[name], rtol=1e-4, atol=1e-6)


def test_absent_tasks_keep_their_weight(problem):
    case, objective = problem(TASKS), losses.build("excess-mtl", TASKS)
    for active in (TASKS, ("a", "c"), ("a", "c")):
        case.step(objective, active)
    assert objective.weights["b"] == pytest.approx(1.0)
    assert sum(objective.weights.values()) == pytest.approx(3)
